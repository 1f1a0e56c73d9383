package store

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wapid/engine"
)

// The statements that run for every delivery must find their rows through the
// small partial indexes, whatever waits or has been finished long ago.
func TestDeliveryPlansUseTheirIndexes(t *testing.T) {
	s, err := Open(context.Background(), filepath.Join(t.TempDir(), FileName), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, c := range map[string]struct {
		query string
		args  []any
		want  []string
	}{
		"claim": {claimDue, []any{time.Now().UnixMilli(), 10, 4, 32, 16, 16}, []string{
			"deliveries_due", "deliveries_sending", "deliveries USING INTEGER PRIMARY KEY"}},
		"pass on": {nextOf, []any{"e", 1, 9}, []string{"deliveries_due (endpoint_id=? AND next_at<?)"}},
		"behind":  {selectLine, []any{"e", "s", 1, 31}, []string{"deliveries_line (endpoint_id=? AND session_id=? AND id>?)"}},
		"promote": {promoteNext, []any{"e", "s"}, []string{"deliveries_line"}},
		"append":  {queueEvent, []any{"e", "v", "t", "s", 1}, []string{"deliveries_line (endpoint_id=? AND session_id=?"}},
		"takers":  {selectTakers, []any{"t", 1, "%,message,%"}, []string{"endpoints_tenant"}},
		"next":    {nextDue, []any{1}, []string{"deliveries_due"}},
		"cap":     {capRetries, []any{1}, []string{"deliveries_due (endpoint_id=? AND next_at>?)"}},
		"retries": {waitingRetries, []any{"e"}, []string{"deliveries_due (endpoint_id=?)"}},
		"rejoin":  {rejoin, []any{"e"}, []string{"deliveries_due (endpoint_id=?)"}},
		"dead":    {deadRange, []any{"e", 1, "", "", 10}, []string{"deliveries_dead (endpoint_id=? AND id>?)"}},
		"range":   {eventRange, []any{"t", "", "z", 10}, []string{"(tenant_id=? AND id>? AND id<?)"}},
		"listed": {selectLogged + ` WHERE d.endpoint_id = $1 AND d.tenant_id = $2 AND d.id < $3 ORDER BY d.id DESC LIMIT $4`,
			[]any{"e", "t", 9, 10}, []string{"deliveries_endpoint (endpoint_id=? AND id<?)"}},
		"listed dead": {selectLogged + ` WHERE d.endpoint_id = $1 AND d.tenant_id = $2 AND d.state = 'dead' ORDER BY d.id DESC LIMIT $3`,
			[]any{"e", "t", 10}, []string{"deliveries_dead (endpoint_id=?)"}},
		"release":   {selectSending, nil, []string{"deliveries_sending"}},
		"under way": {isUnderWay, []any{"e", "s"}, []string{"deliveries_sending (endpoint_id=?)"}},
	} {
		t.Run(name, func(t *testing.T) {
			var plan string
			err := s.update(context.Background(), func(tx *sql.Tx) error {
				rows, err := tx.Query("EXPLAIN QUERY PLAN "+c.query, c.args...)
				lines, err := collect(rows, err, func(r row) (line string, err error) {
					var id, parent, unused int
					err = r.Scan(&id, &parent, &unused, &line)
					return line, err
				})
				plan = strings.Join(lines, "\n")
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !strings.Contains(plan, want) {
					t.Errorf("%s is not used:\n%s", want, plan)
				}
			}
			for line := range strings.Lines(plan) {
				if line = strings.TrimSpace(line); line == "SCAN d" || line == "SCAN deliveries" {
					t.Errorf("a full scan of deliveries:\n%s", plan)
				}
			}
		})
	}
}

// After a commit that failed, Ping tries one itself, and the store is well again.
func TestPingProbesAfterAFailedCommit(t *testing.T) {
	ctx := context.Background()
	now := time.Now()
	s, err := Open(ctx, filepath.Join(t.TempDir(), FileName), Options{Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	readOnly := func(on string) {
		t.Helper()
		// The writer's one connection, between two writes.
		_, err := s.write.db.Exec(`PRAGMA query_only = ` + on)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Ping(ctx); err != nil {
		t.Errorf("ping while all is well: %v", err)
	}
	insert := func() error {
		return s.InsertTenant(ctx, engine.Tenant{ID: "a", Name: "A", CreatedAt: time.Now()})
	}
	readOnly("on")
	if err := insert(); engine.CodeOf(err) != engine.CodeStorage {
		t.Fatalf("a write to a read-only database: %v", err)
	}
	if err := s.Ping(ctx); engine.CodeOf(err) != engine.CodeStorage {
		t.Errorf("ping while writes fail: %v", err)
	}
	now = now.Add(probeEvery)
	if err := s.Ping(ctx); engine.CodeOf(err) != engine.CodeStorage {
		t.Errorf("a probe while writes fail: %v", err)
	}
	readOnly("off")
	if err := s.Ping(ctx); engine.CodeOf(err) != engine.CodeStorage {
		t.Errorf("the result did not stand for %v: %v", probeEvery, err)
	}
	now = now.Add(probeEvery)
	if err := s.Ping(ctx); err != nil {
		t.Errorf("ping when writes work again: %v", err)
	}
	if err := insert(); err != nil {
		t.Error(err)
	}
}

// What durability and the foreign keys rest on must hold on every connection,
// also on one that the pool opens later.
func TestEveryConnectionHasItsSettings(t *testing.T) {
	ctx := context.Background()
	s, err := Open(ctx, filepath.Join(t.TempDir(), FileName), Options{Readers: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	check := func(db *sql.DB, conns int, want map[string]string) {
		t.Helper()
		for range conns {
			conn, err := db.Conn(ctx) // held, so that the next one is another
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			for pragma, value := range want {
				var got string
				if err := conn.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil || got != value {
					t.Errorf("%s is %q, want %q, %v", pragma, got, value, err)
				}
			}
		}
	}
	check(s.write.db, 1, map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "query_only": "0"})
	unsynced, err := Open(ctx, filepath.Join(t.TempDir(), FileName), Options{Unsynced: true})
	if err != nil {
		t.Fatal(err)
	}
	defer unsynced.Close()
	check(unsynced.write.db, 1, map[string]string{"journal_mode": "wal", "synchronous": "1", "foreign_keys": "1"})
	check(s.read, 3, map[string]string{"journal_mode": "wal", "foreign_keys": "1", "query_only": "1"})
}
