package store

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"wapid/engine"
)

var byTest = Origin{By: ActorOperator, Request: "test"}

func TestPrincipalIsWhatItsKeyIsGranted(t *testing.T) {
	ctx := context.Background()
	now := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	s := openInside(t, Options{Clock: func() time.Time { return now }})
	created, main, err := s.CreateTenant(ctx, byTest, NewTenant{Tenant: engine.Tenant{ID: "a", Name: "A", RateLimit: 77}})
	if err != nil || created.TimeZone != "UTC" || !created.CreatedAt.Equal(now) || !created.UpdatedAt.Equal(now) {
		t.Fatalf("%+v, %v", created, err)
	}
	for name, c := range map[string]struct {
		grant KeyGrant
		want  Principal
	}{
		"reader":  {KeyGrant{Scope: ScopeRead}, Principal{Scope: ScopeRead}},
		"limited": {KeyGrant{Scope: ScopeSend, Sessions: []engine.SessionID{"x", "y"}}, Principal{Scope: ScopeSend, Sessions: []engine.SessionID{"x", "y"}}},
		"expires": {KeyGrant{Scope: ScopeManage, ExpiresAt: now.Add(time.Hour)}, Principal{Scope: ScopeManage}},
	} {
		t.Run(name, func(t *testing.T) {
			k, plain, err := s.CreateKey(ctx, byTest, "a", c.grant)
			if err != nil {
				t.Fatal(err)
			}
			p, err := s.FindPrincipal(ctx, plain)
			if err != nil || p.Tenant != "a" || p.Key != k.ID || p.Scope != c.want.Scope || !slices.Equal(p.Sessions, c.want.Sessions) || p.Suspended || p.RateLimit != 77 {
				t.Errorf("%+v, %v", p, err)
			}
			if again, err := s.RenewPrincipal(ctx, Principal{Tenant: "a", Key: k.ID}); err != nil || !reflect.DeepEqual(again, p) {
				t.Errorf("renewed: %+v, %v", again, err)
			}
			if _, err := s.RenewPrincipal(ctx, Principal{Tenant: DefaultTenant, Key: k.ID}); engine.CodeOf(err) != engine.CodeUnauthorized {
				t.Errorf("renewed as another tenant's: %v", err)
			}
			if p.Reaches("x") != (c.grant.Sessions == nil || slices.Contains(c.grant.Sessions, "x")) || p.Reaches("z") != (c.grant.Sessions == nil) {
				t.Errorf("%+v reaches the wrong sessions", p)
			}
			if c.grant.ExpiresAt.IsZero() {
				return
			}
			now = c.grant.ExpiresAt
			if _, err := s.FindPrincipal(ctx, plain); engine.CodeOf(err) != engine.CodeUnauthorized {
				t.Errorf("a key that has expired: %v", err)
			}
			if _, err := s.RenewPrincipal(ctx, Principal{Tenant: "a", Key: k.ID}); engine.CodeOf(err) != engine.CodeUnauthorized {
				t.Errorf("a key that has expired, renewed: %v", err)
			}
			now = now.Add(31 * 24 * time.Hour)
			if _, err := s.Prune(ctx, 0); err != nil {
				t.Error(err)
			}
			if _, err := s.FindKey(ctx, "a", k.ID); engine.CodeOf(err) != engine.CodeNotFound {
				t.Errorf("a key that has long expired is still listed: %v", err)
			}
		})
	}
	if _, err := s.SuspendTenant(ctx, byTest, "a", true); err != nil {
		t.Fatal(err)
	}
	if p, err := s.FindPrincipal(ctx, main); err != nil || !p.Suspended {
		t.Errorf("suspended: %+v, %v", p, err)
	}
}

func TestUsesOfKeysAreWrittenInBatches(t *testing.T) {
	ctx := context.Background()
	now := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	path := filepath.Join(t.TempDir(), FileName)
	s, err := Open(ctx, path, Options{Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := s.EnsureDefaultTenant(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	stored := func() (at sql.NullInt64) {
		t.Helper()
		if err := s.read.QueryRow(`SELECT used_at FROM api_keys`).Scan(&at); err != nil {
			t.Fatal(err)
		}
		return at
	}
	if keys, err := s.ListKeys(ctx, DefaultTenant); err != nil || !keys[0].UsedAt.IsZero() {
		t.Errorf("before the first use: %+v, %v", keys, err)
	}
	for range 3 {
		if _, err := s.FindPrincipal(ctx, key); err != nil {
			t.Fatal(err)
		}
	}
	if at := stored(); at.Valid {
		t.Error("a request has written")
	}
	if keys, err := s.ListKeys(ctx, DefaultTenant); err != nil || !keys[0].UsedAt.Equal(now) {
		t.Errorf("after the first use: %+v, %v", keys, err)
	}
	if err := s.SaveKeyUses(ctx); err != nil || stored().Int64 != now.UnixMilli() {
		t.Errorf("stored %v, %v", stored(), err)
	}
	now = now.Add(time.Hour)
	if _, err := s.FindPrincipal(ctx, key); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(ctx, path, Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if keys, err := s.ListKeys(ctx, DefaultTenant); err != nil || !keys[0].UsedAt.Equal(now) {
		t.Errorf("after the close: %+v, %v", keys, err)
	}
}

// The key that the operator fixes is the main key. A reset puts another in its
// place until the next start, which leaves that one valid.
func TestResetOfAFixedKeyHoldsUntilTheNextStart(t *testing.T) {
	ctx := context.Background()
	s := openInside(t, Options{})
	const fixed = "chosen-by-the-operator"
	if _, _, err := s.EnsureDefaultTenant(ctx, fixed); err != nil {
		t.Fatal(err)
	}
	_, fresh, err := s.ResetKey(ctx, byTest, DefaultTenant)
	if err != nil {
		t.Fatal(err)
	}
	valid := func(key string) bool { _, err := s.FindPrincipal(ctx, key); return err == nil }
	if valid(fixed) || !valid(fresh) {
		t.Error("the reset did not replace the fixed key")
	}
	if _, _, err := s.EnsureDefaultTenant(ctx, fixed); err != nil {
		t.Fatal(err)
	}
	if !valid(fixed) || !valid(fresh) {
		t.Error("the next start must bring the fixed key back and keep the other")
	}
	keys, err := s.ListKeys(ctx, DefaultTenant)
	if err != nil || len(keys) != 2 || keys[0].Main || !keys[1].Main {
		t.Errorf("%+v, %v", keys, err)
	}
}

// A database of the first schema has keys without a mark: the operator's key
// becomes the main one, else the oldest.
func TestMigrationChoosesMainKeys(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), FileName)
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := readMigrations(migrationFiles)
	if err != nil {
		t.Fatal(err)
	}
	script := steps[0].script + steps[1].script + `
		INSERT INTO tenants (id, name, created_at) VALUES ('a', 'A', 5), ('b', 'B', 6);
		INSERT INTO api_keys (id, tenant_id, name, lookup, hash, fixed, created_at) VALUES
			('1', 'a', '', 'l1', 'h1', 0, 1), ('2', 'a', '', 'l2', 'h2', 1, 2), ('3', 'b', '', 'l3', 'h3', 0, 3), ('4', 'b', '', 'l4', 'h4', 0, 4);`
	if _, err := db.Exec(script); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(steps[2].script); err != nil {
		t.Fatal(err)
	}
	rows, err := db.QueryContext(ctx, `SELECT id FROM api_keys WHERE main = 1 ORDER BY id`)
	main, err := collect(rows, err, func(r row) (id string, err error) { err = r.Scan(&id); return id, err })
	if err != nil || !slices.Equal(main, []string{"2", "3"}) {
		t.Errorf("the main keys are %v, %v", main, err)
	}
	var updated int
	if err := db.QueryRow(`SELECT updated_at FROM tenants WHERE id = 'b'`).Scan(&updated); err != nil || updated != 6 {
		t.Errorf("updated at %d, %v", updated, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAuditIsInTheTransactionOfWhatItTells(t *testing.T) {
	ctx := context.Background()
	now := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	s := openInside(t, Options{Clock: func() time.Time { return now }})
	n := NewTenant{Tenant: engine.Tenant{ID: "a", Name: "A"}, WebhookURL: "https://example.com", WebhookSecret: "s"}
	if _, _, err := s.CreateTenant(ctx, byTest, n); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.CreateTenant(ctx, byTest, n); engine.CodeOf(err) != engine.CodeInvalid {
		t.Errorf("twice: %v", err)
	}
	if e, err := s.FindEndpoint(ctx, "a"); err != nil || e.URL != n.WebhookURL || !e.Enabled {
		t.Errorf("%+v, %v", e, err)
	}
	now = now.Add(-time.Hour) // the clock goes back, the order stays
	for range 3 {
		if _, _, err := s.ResetKey(ctx, byTest, "a"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.DeleteKey(ctx, byTest, "a", "nobody"); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("nobody: %v", err)
	}
	log, err := s.ListAudit(ctx, AuditFilter{Limit: 10})
	if err != nil || len(log) != 4 || log[3].Action != ActionTenantCreate || log[3].By != ActorOperator || log[3].Request != "test" {
		t.Fatalf("%+v, %v", log, err)
	}
	for i := 1; i < len(log); i++ {
		if log[i-1].ID <= log[i].ID {
			t.Errorf("entry %d is not newer than %d", i-1, i)
		}
	}
	older, err := s.ListAudit(ctx, AuditFilter{Action: ActionKeyReset, Before: log[1].ID, Limit: 10})
	if err != nil || len(older) != 1 || older[0].ID != log[2].ID {
		t.Errorf("%+v, %v", older, err)
	}
}

// BenchmarkFindPrincipal is the part of the database in every request, among
// many tenants and keys.
func BenchmarkFindPrincipal(b *testing.B) {
	ctx := context.Background()
	s, err := Open(ctx, filepath.Join(b.TempDir(), FileName), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var keys []string
	for i := range 1000 {
		_, key, err := s.CreateTenant(ctx, byTest, NewTenant{Tenant: engine.Tenant{ID: engine.TenantID(fmt.Sprintf("t%d", i)), Name: "T"}})
		if err != nil {
			b.Fatal(err)
		}
		keys = append(keys, key)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := s.FindPrincipal(ctx, keys[i%len(keys)]); err != nil {
			b.Fatal(err)
		}
	}
}
