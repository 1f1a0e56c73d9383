package store

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"wapid/engine"
)

// What waits is counted in indexes, whatever has been finished long ago.
func TestBacklogReadsIndexesOnly(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), FileName), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for query, index := range map[string]string{
		countOutbox: "COVERING INDEX outbox_", countInLine: "INDEX deliveries_line", countTurns: "INDEX deliveries_due",
		countSending: "COVERING INDEX deliveries_sending", countItems: "INDEX job_sessions_line",
	} {
		rows, err := s.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, 100)
		lines, err := collect(rows, err, func(r row) (line string, err error) {
			var id, parent, unused int
			err = r.Scan(&id, &parent, &unused, &line)
			return line, err
		})
		if plan := strings.Join(lines, "\n"); err != nil || !strings.Contains(plan, index) {
			t.Errorf("%s: %v\nis planned as\n%s", query, err, plan)
		}
	}
	b, err := s.Backlog(t.Context())
	if err != nil || b.Outbox+b.InLine+b.Due+b.Retrying+b.Sending+b.Failing+b.Items != 0 || len(b.Jobs) != 0 {
		t.Errorf("an empty database has %+v (%v)", b, err)
	}
}

// Events count once they are committed: not those of a caller that failed, nor twice
// those of its company, which ran again.
func TestOnlyCommittedEventsAreTold(t *testing.T) {
	var mu sync.Mutex
	told, writes := map[engine.EventType]int{}, 0
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), FileName), Options{Watch: Watch{
		Appended: func(e engine.EventType, tenant engine.TenantID) {
			mu.Lock()
			defer mu.Unlock()
			if tenant == "a" {
				told[e]++
			}
		},
		Committed: func(n int, took time.Duration, failed bool) {
			mu.Lock()
			defer mu.Unlock()
			if took > 0 && !failed {
				writes += n
			}
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.InsertTenant(t.Context(), engine.Tenant{ID: "a", Name: "A", CreatedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	const callers = 60
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			err := s.record(context.Background(), func(tx *sql.Tx) error {
				_, err := s.appendEvent(tx, engine.Event{Session: engine.SessionKey{Tenant: "a", ID: "main"}, Type: engine.EventReady, Data: []byte("{}")})
				if err == nil && i%3 == 0 {
					err = errRefused
				}
				return err
			})
			if (err != nil) != (i%3 == 0) {
				t.Errorf("caller %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if told[engine.EventReady] != callers*2/3 || writes < callers*2/3 {
		t.Errorf("told of %v in %d writes, committed were %d", told, writes, callers*2/3)
	}
}

var errRefused = errors.New("refused")
