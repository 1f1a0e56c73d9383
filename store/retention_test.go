package store

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/webhooks"
)

func TestPruneKeepsWhatTenantsKeep(t *testing.T) {
	ctx := context.Background()
	now := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	clock := now.AddDate(0, 0, -20)
	s := openInside(t, Options{Clock: func() time.Time { return clock }})
	const old, fresh = pruneBatch + 40, 7
	for _, id := range []engine.TenantID{"ten", "ever"} {
		fill(t, s, id, old, clock)
	}
	// One of the old events has not been delivered yet, and one old message waits to be sent.
	err := s.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE deliveries SET state = 'delivered', turn = 2, finished_at = $1 WHERE id > 1`, clock.UnixMilli())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	waiting := engine.LoggedMessage{Session: engine.SessionKey{Tenant: "ten", ID: "main"}, Direction: engine.Outbound, ID: "Q",
		Kind: engine.KindText, Status: engine.MessageQueued, CreatedAt: clock}
	err = s.update(ctx, func(tx *sql.Tx) error {
		_, err := s.insertMessage(tx, waiting, "")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	clock = now
	for _, id := range []engine.TenantID{"ten", "ever"} {
		addMessages(t, s, engine.SessionKey{Tenant: id, ID: "main"}, old, old+fresh, now)
	}
	ten := 10
	if _, err := s.ChangeTenant(ctx, Origin{By: ActorOperator}, "ten", TenantChange{Retention: &ten}); err != nil {
		t.Fatal(err)
	}
	count := func(table string, id engine.TenantID) (n int) {
		t.Helper()
		if err := s.read.QueryRow(`SELECT count(*) FROM `+table+` WHERE tenant_id = $1`, id).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	removed, err := s.Prune(ctx, 0)
	if want := int64(old - 1 + old - 1 + old); err != nil || removed != want {
		t.Errorf("%d rows were removed, want %d, %v", removed, want, err)
	}
	for table, want := range map[string]int{"events": fresh + 1, "deliveries": fresh + 1, "messages": fresh + 1} {
		if n := count(table, "ten"); n != want {
			t.Errorf("%d %s are left, want %d", n, table, want)
		}
		if n := count(table, "ever"); n != old+fresh {
			t.Errorf("%d %s of the other tenant are left, want %d", n, table, old+fresh)
		}
	}
	// Once it has been delivered, the last one goes too.
	if _, err := s.ClaimDeliveries(ctx, now, webhooks.Room{Healthy: 1, Failing: 1, PerEndpoint: 1, PerTenant: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.FinishDeliveries(ctx, webhooks.Tried{ID: 1, Attempt: webhooks.Attempt{At: now}, Outcome: webhooks.Outcome{State: webhooks.DeliveryDead}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Prune(ctx, 0); err != nil {
		t.Fatal(err)
	}
	if n := count("events", "ten"); n != fresh {
		t.Errorf("%d events are left, want %d", n, fresh)
	}
	var attempts int
	if err := s.read.QueryRow(`SELECT count(*) FROM attempts`).Scan(&attempts); err != nil || attempts != 0 {
		t.Errorf("%d attempts are left, %v", attempts, err)
	}
	if removed, err := s.Prune(ctx, 0); err != nil || removed != 0 {
		t.Errorf("the next time %d rows went, %v", removed, err)
	}
	cut, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Prune(cut, 0); engine.CodeOf(err) != engine.CodeStorage {
		t.Errorf("with a context that has ended: %v", err)
	}
}

// The audit log goes when its days are over, but for its newest line, which the next
// id must lie behind also when the clock went back.
func TestPruneAudit(t *testing.T) {
	ctx := context.Background()
	clock := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	s := openInside(t, Options{Clock: func() time.Time { return clock }})
	write := func(lines int) {
		t.Helper()
		err := s.update(ctx, func(tx *sql.Tx) error {
			for range lines {
				if err := s.audit(tx, Origin{By: ActorOperator}, "ten", ActionTenantUpdate, "ten", nil); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	left := func() int {
		t.Helper()
		all, err := s.ListAudit(ctx, AuditFilter{Limit: 10_000})
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	begin := left()
	write(pruneBatch + 10 - begin)
	clock = clock.AddDate(0, 0, 30)
	write(5)
	for _, c := range []struct{ days, left int }{{0, pruneBatch + 15}, {31, pruneBatch + 15}, {29, 5}} {
		if _, err := s.Prune(ctx, c.days); err != nil {
			t.Fatal(err)
		}
		if n := left(); n != c.left {
			t.Errorf("%d lines are left after %d days, want %d", n, c.days, c.left)
		}
	}
	clock = clock.AddDate(2, 0, 0)
	if n, err := s.Prune(ctx, 1); err != nil || n != 4 || left() != 1 {
		t.Errorf("%d lines went at last and %d are left, %v", n, left(), err)
	}
}

// What the janitor asks every hour must not read the whole log.
func TestPrunePlansUseIndexes(t *testing.T) {
	s := openInside(t, Options{})
	for name, query := range map[string]string{"events": selectOldEvents, "messages": deleteOldMessages, "audit": deleteOldAudit} {
		var plan []string
		err := s.update(context.Background(), func(tx *sql.Tx) error {
			rows, err := tx.Query("EXPLAIN QUERY PLAN "+query, "t", "1", "2", 500)
			plan, err = collect(rows, err, func(r row) (line string, err error) {
				var id, parent, unused int
				err = r.Scan(&id, &parent, &unused, &line)
				return line, err
			})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range plan {
			if strings.HasPrefix(line, "SCAN") && !strings.Contains(line, "CONSTANT") {
				t.Errorf("%s: %s", name, strings.Join(plan, "; "))
			}
		}
		t.Logf("%s: %s", name, strings.Join(plan, "; "))
	}
}
