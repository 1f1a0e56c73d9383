package store

import (
	"path/filepath"
	"strings"
	"testing"
)

// A template is found at every send that names one, and lists are read in their order
// without sorting.
func TestTemplatePlansUseTheirIndexes(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), FileName), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	page, args := TemplatePage{After: "x", Limit: 10}.query("t")
	for query, c := range map[string]struct {
		args []any
		want string
	}{
		templateNamed:  {[]any{"t", "n", "en"}, "(tenant_id=? AND name=?)"},
		countTemplates: {[]any{"t"}, "(tenant_id=?)"},
		page:           {args, "templates_tenant (tenant_id=? AND id<?)"},
	} {
		plan := explained(t, s, query, c.args...)
		if !strings.Contains(plan, c.want) || query == page && strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s does not %s:\n%s", query, c.want, plan)
		}
	}
}
