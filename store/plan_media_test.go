package store

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What a tenant keeps is summed up from an index alone, and what has expired is found by
// one: both are asked for however many files there are.
func TestMediaPlansUseTheirIndexes(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), FileName), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for query, c := range map[string]struct {
		args []any
		want string
	}{
		selectMediaUse:     {[]any{"t"}, "USING COVERING INDEX media_files_tenant (tenant_id=?)"},
		deleteExpiredMedia: {[]any{time.Now().UnixMilli(), 10}, "USING INDEX media_files_expiry (expires_at<?)"},
	} {
		if plan := explained(t, s, query, c.args...); !strings.Contains(plan, c.want) {
			t.Errorf("%s does not %s:\n%s", query, c.want, plan)
		}
	}
}

// explained is how SQLite means to answer a query on the writer's connection.
func explained(t *testing.T, s *Store, query string, args ...any) string {
	t.Helper()
	var lines []string
	err := s.update(t.Context(), func(tx *sql.Tx) error {
		rows, err := tx.Query("EXPLAIN QUERY PLAN "+query, args...)
		lines, err = collect(rows, err, func(r row) (line string, err error) {
			var id, parent, unused int
			err = r.Scan(&id, &parent, &unused, &line)
			return line, err
		})
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return strings.Join(lines, "\n")
}
