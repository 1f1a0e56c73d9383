package engine

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestTenantIDsAreMadeFromNames(t *testing.T) {
	for name, want := range map[string]string{
		"My Business":             "my-business",
		"  ACME, Inc. (2026)  ":   "acme-inc-2026",
		"Größe & Maß":             "gr-e-ma",
		"日本":                      "tenant",
		"":                        "tenant",
		"---":                     "tenant",
		strings.Repeat("ab ", 99): strings.TrimSuffix(strings.Repeat("ab-", 14), "-")[:maxSlug],
	} {
		id := NewTenantID(name)
		base, random, _ := strings.Cut(string(id[len(id)-7:]), "-")
		if base != "" || !regexp.MustCompile(`^[a-z0-9]{6}$`).MatchString(random) {
			t.Errorf("%q has the id %q", name, id)
		}
		if got := string(id[:len(id)-7]); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
		if _, err := ParseTenantID(string(id)); err != nil {
			t.Errorf("the id %q of %q is refused: %v", id, name, err)
		}
	}
	if one, other := NewTenantID("a"), NewTenantID("a"); one == other {
		t.Error("two tenants of one name have one id")
	}
}

func TestTenantFieldsAreChecked(t *testing.T) {
	for _, bad := range []string{"", "-a", "a-", "a--b", "A", "a b", "ä", "a/b", strings.Repeat("a", 65)} {
		if _, err := ParseTenantID(bad); CodeOf(err) != CodeInvalid {
			t.Errorf("the id %q: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "  ", "a\nb", strings.Repeat("é", MaxTenantName+1)} {
		if _, err := ParseTenantName(bad); CodeOf(err) != CodeInvalid {
			t.Errorf("the name %q: %v", bad, err)
		}
	}
	if got, err := ParseTenantName(" Größe "); err != nil || got != "Größe" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, bad := range []string{"", "Local", "Asia/Nowhere", "../etc/passwd", "UTC\x00", "/etc/localtime"} {
		if _, err := ParseTimeZone(bad); CodeOf(err) != CodeInvalid {
			t.Errorf("the time zone %q: %v", bad, err)
		}
	}
	zone, err := ParseTimeZone("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	if got := time.Unix(0, 0).In(zone).Format("15:04"); got != "05:30" {
		t.Errorf("in Kolkata it was %s", got)
	}
	if got := (Tenant{TimeZone: "gone"}).Location(); got != time.UTC {
		t.Errorf("an unknown zone is %v", got)
	}
}
