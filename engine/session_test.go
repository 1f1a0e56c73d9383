package engine

import (
	"regexp"
	"strings"
	"testing"
)

func TestParseSessionID(t *testing.T) {
	documented := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$`) // as openapi.yaml has it
	all := []string{"", "a", "Z", "0", "main", "a.b_c@d+e-f", ".a", "-a", "+a", "@a", "_a", "a b", "a/b", "a\n", "\na", "ä", "aä", "a\x00", "a,b",
		"a:b", "a[", "a`", "a{", strings.Repeat("x", 64), strings.Repeat("x", 65)}
	for c := range 256 {
		all = append(all, string([]byte{byte(c)}), string([]byte{'a', byte(c)}))
	}
	for _, s := range all {
		id, err := ParseSessionID(s)
		if want := documented.MatchString(s); (err == nil) != want || want && string(id) != s || !want && CodeOf(err) != CodeInvalid {
			t.Errorf("%q: %q, %v", s, id, err)
		}
	}
}
