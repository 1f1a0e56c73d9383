package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"wapid/engine"
)

// countOwnRows says how many rows of a tenant there are in all tables.
func (s *Store) countOwnRows(ctx context.Context, id engine.TenantID) (total int, err error) {
	for _, table := range ownTables() {
		var n int
		if err := s.read.QueryRowContext(ctx, fmt.Sprintf(`SELECT count(*) FROM %s WHERE tenant_id = $1`, cmp.Or(table.from, table.name)), id).Scan(&n); err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func openInside(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), filepath.Join(t.TempDir(), FileName), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Every table is erased with its tenant, is reached by a cascade from one that
// is, or belongs to no tenant.
func TestErasureKnowsEveryTable(t *testing.T) {
	s := openInside(t, Options{})
	notOwned := []string{"audit", "registrations", "schema_version", "sealing", "settings", "sqlite_sequence", "tenants"}
	rows, err := s.read.Query(`SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`)
	tables, err := collect(rows, err, func(r row) (name string, err error) {
		err = r.Scan(&name)
		return name, err
	})
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, table := range ownTables() {
		listed = append(listed, table.name)
	}
	for _, table := range tables {
		if slices.Contains(notOwned, table) || slices.Contains(listed, table) {
			continue
		}
		var parents int
		err := s.read.QueryRow(`SELECT count(*) FROM pragma_foreign_key_list($1) WHERE on_delete = 'CASCADE' AND "table" <> 'tenants'`, table).Scan(&parents)
		if err != nil || parents == 0 {
			t.Errorf("the rows of %s would outlive their tenant: add it to ownTables (%v)", table, err)
		}
	}
	for _, name := range listed {
		if !slices.Contains(tables, name) {
			t.Errorf("there is no table %s", name)
		}
	}
}

// fill writes n events, messages and sessions for a tenant with a webhook.
func fill(t *testing.T, s *Store, id engine.TenantID, n int, at time.Time) {
	t.Helper()
	ctx := context.Background()
	if err := s.InsertTenant(ctx, engine.Tenant{ID: id, Name: string(id), CreatedAt: at}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutEndpoint(ctx, id, "https://example.com", "x"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.IssueKey(ctx, id, "x"); err != nil {
		t.Fatal(err)
	}
	key := engine.SessionKey{Tenant: id, ID: "main"}
	if err := s.InsertSession(ctx, engine.Session{Key: key, CreatedAt: at, UpdatedAt: at}); err != nil {
		t.Fatal(err)
	}
	addMessages(t, s, key, 0, n, at)
}

// addMessages writes incoming messages with their events and deliveries.
func addMessages(t *testing.T, s *Store, key engine.SessionKey, from, to int, at time.Time) {
	t.Helper()
	err := s.update(context.Background(), func(tx *sql.Tx) error {
		for i := from; i < to; i++ {
			m := engine.LoggedMessage{Session: key, Direction: engine.Inbound, ID: engine.MessageID(fmt.Sprintf("%s%06d", key.ID, i)),
				Chat: "919876543210@s.whatsapp.net", Peer: engine.Person{Phone: "919876543210@s.whatsapp.net"},
				Kind: engine.KindText, Status: engine.MessageReceived, CreatedAt: at, StatusAt: at}
			if _, err := s.insertMessage(tx, m, ""); err != nil {
				return err
			}
			e := engine.Event{Session: key, Type: engine.EventMessage, At: at, Data: []byte("{}")}
			if _, err := s.appendEvent(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestErasureLeavesNothingAndTouchesNobodyElse(t *testing.T) {
	ctx := context.Background()
	s := openInside(t, Options{})
	fill(t, s, "gone", 2*eraseBatch+10, time.Now())
	fill(t, s, "stays", 20, time.Now())
	before, err := s.countOwnRows(ctx, "stays")
	if err != nil || before < 60 {
		t.Fatalf("%d rows, %v", before, err)
	}
	if err := s.EraseTenant(ctx, "gone"); engine.CodeOf(err) != engine.CodeInternal {
		t.Errorf("an erasure that has not begun: %v", err)
	}
	from := Origin{By: ActorOperator, Request: "r"}
	if _, err := s.BeginErasure(ctx, from, "nobody"); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("nobody: %v", err)
	}
	for range 2 {
		if one, err := s.BeginErasure(ctx, from, "gone"); err != nil || !one.Erasing() || !one.Suspended() {
			t.Fatalf("%+v, %v", one, err)
		}
	}
	late := engine.Session{Key: engine.SessionKey{Tenant: "gone", ID: "late"}}
	if err := s.InsertSession(ctx, late); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("a session of a tenant that is being erased: %v", err)
	}
	steps := 0 // the erasure may be cut off between any two of them
	for done := false; !done; steps++ {
		if done, err = s.eraseSome(ctx, "gone"); err != nil {
			t.Fatal(err)
		}
	}
	if steps < 5 {
		t.Errorf("%d rows were removed in %d transactions", 2*eraseBatch, steps)
	}
	if n, err := s.countOwnRows(ctx, "gone"); err != nil || n != 0 {
		t.Errorf("%d rows are left, %v", n, err)
	}
	if _, err := s.FindTenant(ctx, "gone"); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("the tenant is still there: %v", err)
	}
	if err := s.EraseTenant(ctx, "gone"); err != nil {
		t.Errorf("again: %v", err)
	}
	if after, err := s.countOwnRows(ctx, "stays"); err != nil || after != before {
		t.Errorf("the other tenant has %d rows of %d, %v", after, before, err)
	}
	if _, _, err := s.EnsureDefaultTenant(ctx, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := s.BeginErasure(ctx, from, DefaultTenant); engine.CodeOf(err) != engine.CodeInvalid {
		t.Errorf("the default tenant: %v", err)
	}
	log, err := s.ListAudit(ctx, AuditFilter{Tenant: "gone", Limit: 10})
	var actions []string
	for _, e := range log {
		actions = append(actions, string(e.Action))
	}
	if err != nil || strings.Join(actions, " ") != "tenant.erased tenant.delete key.create" {
		t.Errorf("the log says %v, %v", actions, err)
	}
}
