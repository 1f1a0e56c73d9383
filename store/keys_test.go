package store_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"wapid/engine"
	"wapid/store"
)

// byTest is who changes things here.
var byTest = store.Origin{By: store.ActorOperator, Request: "test"}

func TestFirstStartIssuesOneKey(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), store.FileName)
	s, err := store.Open(ctx, path, store.Options{})
	must(t, err)
	tenant, plain, err := s.EnsureDefaultTenant(ctx, "")
	must(t, err)
	if !regexp.MustCompile(`^wapid_[0-9A-Za-z]{8}_[0-9A-Za-z]{40}$`).MatchString(plain) || tenant.ID != store.DefaultTenant {
		t.Fatalf("tenant %+v, key %q", tenant, plain)
	}
	_, again, err := s.EnsureDefaultTenant(ctx, "")
	if must(t, err); again != "" {
		t.Errorf("a second key: %q", again)
	}
	p, err := s.FindPrincipal(ctx, plain)
	id, keyID := p.Tenant, p.Key
	if must(t, err); id != store.DefaultTenant || keyID == "" {
		t.Errorf("found %q %q", id, keyID)
	}
	for _, wrong := range []string{"", "x", plain[:len(plain)-1], plain + "a", plain[:len(plain)-1] + flip(plain), strings.ToUpper(plain)} {
		_, err := s.FindPrincipal(ctx, wrong)
		wantCode(t, err, engine.CodeUnauthorized)
	}
	must(t, s.Close())
	if raw, err := os.ReadFile(path); err != nil || strings.Contains(string(raw), plain[15:]) {
		t.Errorf("the key is in the file, or: %v", err)
	}
}

// flip is another last character than the key's.
func flip(key string) string {
	if key[len(key)-1] == 'a' {
		return "b"
	}
	return "a"
}

func TestOperatorsKeyReplacesItsPredecessor(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{})
	_, _, err := s.EnsureDefaultTenant(ctx, "too short")
	wantCode(t, err, engine.CodeInvalid)
	_, _, err = s.EnsureDefaultTenant(ctx, "with spaces and more")
	wantCode(t, err, engine.CodeInvalid)
	generated := "wapid_ABCDEFGH_0123456789012345678901234567890123456789"
	for _, fixed := range []string{"0123456789abcdef", "0123456789abcdef", "another-key-for-tests", generated} {
		_, plain, err := s.EnsureDefaultTenant(ctx, fixed)
		if must(t, err); plain != "" {
			t.Errorf("a key was issued beside %q", fixed)
		}
		_, err = s.FindPrincipal(ctx, fixed)
		must(t, err)
	}
	_, err = s.FindPrincipal(ctx, "0123456789abcdef")
	wantCode(t, err, engine.CodeUnauthorized)
	keys, err := s.ListKeys(ctx, store.DefaultTenant)
	if must(t, err); len(keys) != 2 {
		t.Fatalf("%d keys, want the generated one and the operator's", len(keys))
	}
	must(t, s.DeleteKey(ctx, byTest, store.DefaultTenant, keys[1].ID))
	wantCode(t, s.DeleteKey(ctx, byTest, "other", keys[0].ID), engine.CodeNotFound)
	_, err = s.FindPrincipal(ctx, generated)
	wantCode(t, err, engine.CodeUnauthorized)
}

func TestKeysBelongToTenants(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{})
	_, _, err := s.IssueKey(ctx, "b", "x")
	wantCode(t, err, engine.CodeNotFound)
	must(t, s.InsertTenant(ctx, engine.Tenant{ID: "b", Name: "B", CreatedAt: start}))
	wantCode(t, s.InsertTenant(ctx, engine.Tenant{ID: "b", Name: "B", CreatedAt: start}), engine.CodeInvalid)
	k, plain, err := s.IssueKey(ctx, "b", "x")
	must(t, err)
	if !strings.HasPrefix(plain, k.Public+"_") {
		t.Errorf("public part %q of %q", k.Public, plain)
	}
	p, err := s.FindPrincipal(ctx, plain)
	if err != nil || p.Tenant != "b" || p.Key != k.ID {
		t.Errorf("got %+v, %v", p, err)
	}
	tenants, err := s.ListTenants(ctx)
	if must(t, err); len(tenants) != 2 {
		t.Errorf("tenants %+v", tenants)
	}
	if got, err := s.FindTenant(ctx, "b"); err != nil || got.Name != "B" || !got.CreatedAt.Equal(start) {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = s.FindTenant(ctx, "c")
	wantCode(t, err, engine.CodeNotFound)
}

func TestAdminKey(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{})
	wantCode(t, s.CheckAdminKey(ctx, ""), engine.CodeUnauthorized)
	plain, err := s.EnsureAdminKey(ctx, "")
	must(t, err)
	must(t, s.CheckAdminKey(ctx, plain))
	if again, err := s.EnsureAdminKey(ctx, ""); err != nil || again != "" {
		t.Errorf("again: %q, %v", again, err)
	}
	_, err = s.EnsureAdminKey(ctx, "chosen-by-the-operator")
	must(t, err)
	must(t, s.CheckAdminKey(ctx, "chosen-by-the-operator"))
	wantCode(t, s.CheckAdminKey(ctx, plain), engine.CodeUnauthorized)
	wantCode(t, s.CheckAdminKey(ctx, ""), engine.CodeUnauthorized)
	_, err = s.FindPrincipal(ctx, "chosen-by-the-operator")
	wantCode(t, err, engine.CodeUnauthorized)
}

// A key that was found before counts for nothing once a change of it was answered.
func TestAChangeHoldsForAKeyThatWasJustFound(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{})
	must(t, s.InsertTenant(ctx, engine.Tenant{ID: "a", Name: "A", CreatedAt: start}))
	k, plain, err := s.IssueKey(ctx, "a", "test")
	must(t, err)
	find := func() store.Principal {
		t.Helper()
		for range 2 {
			_, err = s.FindPrincipal(ctx, plain)
		}
		p, again := s.FindPrincipal(ctx, plain)
		must(t, err)
		must(t, again)
		return p
	}
	for _, suspended := range []bool{false, true, false} {
		_, err := s.SuspendTenant(ctx, store.Origin{}, "a", suspended)
		must(t, err)
		if p := find(); p.Suspended != suspended {
			t.Errorf("suspended is %v, want %v", p.Suspended, suspended)
		}
	}
	must(t, s.DeleteKey(ctx, store.Origin{}, "a", k.ID))
	_, err = s.FindPrincipal(ctx, plain)
	wantCode(t, err, engine.CodeUnauthorized)
}
