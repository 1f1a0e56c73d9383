package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"wapid/engine"
)

// logged appends events in one transaction each: "session/type" in the log of a tenant.
func logged(t *testing.T, s *Store, tenant engine.TenantID, list ...string) {
	t.Helper()
	for _, one := range list {
		session, kind, _ := strings.Cut(one, "/")
		e := engine.Event{Session: engine.SessionKey{Tenant: tenant, ID: engine.SessionID(session)}, Type: engine.EventType(kind), Data: []byte(`{}`)}
		if err := s.AppendEvent(context.Background(), e); err != nil {
			t.Fatal(err)
		}
	}
}

// openLogs opens a store with the tenants "a" and "b".
func openLogs(t *testing.T, o Options) *Store {
	t.Helper()
	s := openInside(t, o)
	for _, id := range []engine.TenantID{"a", "b"} {
		if err := s.InsertTenant(context.Background(), engine.Tenant{ID: id, Name: "x", CreatedAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (p EventPage) names() string {
	var names []string
	for _, e := range p.Events {
		names = append(names, string(e.Session.ID)+"/"+string(e.Type))
	}
	return strings.Join(names, " ")
}

func TestPageEventsFilters(t *testing.T) {
	ctx := context.Background()
	s := openLogs(t, Options{})
	logged(t, s, "a", "main/qr", "main/ready", "shop/qr", "/test", "main/message", "shop/message", "main/call")
	logged(t, s, "b", "main/message")
	for name, c := range map[string]struct {
		f     EventFilter
		limit int
		want  string
		more  bool
	}{
		"all":               {EventFilter{}, 7, "main/qr main/ready shop/qr /test main/message shop/message main/call", false},
		"first":             {EventFilter{}, 2, "main/qr main/ready", true},
		"type":              {EventFilter{Type: "message"}, 10, "main/message shop/message", false},
		"type, first":       {EventFilter{Type: "message"}, 1, "main/message", true},
		"type, exactly":     {EventFilter{Type: "message"}, 2, "main/message shop/message", false},
		"session":           {EventFilter{Sessions: []engine.SessionID{"shop"}}, 10, "shop/qr shop/message", false},
		"sessions":          {EventFilter{Sessions: []engine.SessionID{"shop", "main"}}, 10, "main/qr main/ready shop/qr main/message shop/message main/call", false},
		"no session at all": {EventFilter{Sessions: []engine.SessionID{}}, 10, "", false},
		"both":              {EventFilter{Type: "qr", Sessions: []engine.SessionID{"shop"}}, 10, "shop/qr", false},
		"nothing":           {EventFilter{Type: "group"}, 10, "", false},
	} {
		page, err := s.PageEvents(ctx, "a", c.f, "", c.limit)
		if err != nil || page.names() != c.want || page.More != c.more || page.Truncated {
			t.Errorf("%s: %q, more %v, truncated %v, %v; want %q, more %v", name, page.names(), page.More, page.Truncated, err, c.want, c.more)
		}
		if page.More {
			continue
		}
		newest, err := s.NewestEvent(ctx, "a")
		if err != nil || page.Next != newest {
			t.Errorf("%s: the page goes on at %s, the log ends with %s, %v", name, page.Next, newest, err)
		}
		if next, err := s.PageEvents(ctx, "a", c.f, page.Next, c.limit); err != nil || len(next.Events) != 0 || next.Next != page.Next {
			t.Errorf("%s: behind the end there is %q at %s, %v", name, next.names(), next.Next, err)
		}
	}
	for _, f := range []EventFilter{{}, {Type: "qr"}} {
		if page, err := s.PageEvents(ctx, "nobody", f, "", 10); err != nil || page.Next != FirstEvent || len(page.Events) != 0 {
			t.Errorf("an empty log: %+v, %v", page, err)
		}
	}
}

// However rare what a reader wants is, each page costs a bounded look and brings
// the cursor on, and what comes later is not passed over.
func TestPageEventsMovesOnWithoutAMatch(t *testing.T) {
	ctx := context.Background()
	s := openLogs(t, Options{})
	s.looks = 4
	noise := slices.Repeat([]string{"main/message"}, 4)
	logged(t, s, "a", slices.Concat(noise, noise, []string{"main/group"}, noise[:3], noise[:2])...)
	f := EventFilter{Type: "group"}
	var got, steps int
	after := engine.EventID("")
	for more := true; more; steps++ {
		page, err := s.PageEvents(ctx, "a", f, after, 10)
		if err != nil || page.Next <= after {
			t.Fatalf("after %s comes %+v, %v", after, page, err)
		}
		got, after, more = got+len(page.Events), page.Next, page.More
	}
	if got != 1 || steps != 4 {
		t.Errorf("%d events in %d pages, want 1 in 4", got, steps)
	}
	logged(t, s, "a", "main/group")
	if page, err := s.PageEvents(ctx, "a", f, after, 10); err != nil || page.names() != "main/group" {
		t.Errorf("behind the cursor: %q, %v", page.names(), err)
	}
}

func TestPageEventsHoldsHalfAMegabyte(t *testing.T) {
	ctx := context.Background()
	s := openLogs(t, Options{})
	data := fmt.Appendf(nil, `{"body":"%s"}`, bytes.Repeat([]byte("x"), 150<<10))
	for range 7 {
		if err := s.AppendEvent(ctx, engine.Event{Session: engine.SessionKey{Tenant: "a", ID: "main"}, Type: "message", Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	page, err := s.PageEvents(ctx, "a", EventFilter{}, "", 1000)
	if err != nil || len(page.Events) != 4 || !page.More || page.Next != page.Events[3].ID {
		t.Fatalf("%d events, more %v, %v", len(page.Events), page.More, err)
	}
	if page, err = s.PageEvents(ctx, "a", EventFilter{}, page.Next, 1000); err != nil || len(page.Events) != 3 || page.More {
		t.Errorf("then %d events, more %v, %v", len(page.Events), page.More, err)
	}
}

// What retention has removed is told to those who have not read it.
func TestPageEventsTellsOfWhatIsGone(t *testing.T) {
	ctx := context.Background()
	now := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	s := openLogs(t, Options{Clock: func() time.Time { return now }})
	logged(t, s, "a", "main/qr", "main/ready", "main/message")
	old, err := s.PageEvents(ctx, "a", EventFilter{}, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	now = now.AddDate(0, 0, 20)
	days := 10
	if _, err := s.ChangeTenant(ctx, Origin{By: ActorOperator}, "a", TenantChange{Retention: &days}); err != nil {
		t.Fatal(err)
	}
	check := func(after engine.EventID, f EventFilter, want bool) {
		t.Helper()
		if page, err := s.PageEvents(ctx, "a", f, after, 10); err != nil || page.Truncated != want {
			t.Errorf("after %q: truncated %v, want %v, %v", after, page.Truncated, want, err)
		}
	}
	check(FirstEvent, EventFilter{}, false)
	if n, err := s.Prune(ctx, 0); err != nil || n != 3 {
		t.Fatalf("%d rows were pruned, %v", n, err)
	}
	if newest, err := s.NewestEvent(ctx, "a"); err != nil || newest != old.Next {
		t.Errorf("the log of which nothing is left ends with %s, want %s, %v", newest, old.Next, err)
	}
	logged(t, s, "a", "main/call")
	check("", EventFilter{}, false)
	check(FirstEvent, EventFilter{}, true)
	check(old.Events[1].ID, EventFilter{}, true)
	check(old.Events[1].ID, EventFilter{Type: "group"}, true)
	check(old.Next, EventFilter{}, false)
	check(old.Next, EventFilter{Type: "group"}, false)
}

// Ids go on behind those that retention has removed, also when the clock went back
// during a restart: else a reader's cursor would lie before what is new.
func TestIDsGoOnBehindWhatIsPruned(t *testing.T) {
	ctx := context.Background()
	now := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	path := t.TempDir() + "/" + FileName
	s, err := Open(ctx, path, Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	days := 1
	if err := s.InsertTenant(ctx, engine.Tenant{ID: "a", Name: "x", RetentionDays: days, CreatedAt: now}); err != nil {
		t.Fatal(err)
	}
	logged(t, s, "a", "main/qr")
	last, err := s.NewestEvent(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	now = now.AddDate(0, 0, 2)
	if n, err := s.Prune(ctx, 0); err != nil || n != 1 {
		t.Fatalf("%d rows were pruned, %v", n, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	now = now.AddDate(0, -1, 0)
	if s, err = Open(ctx, path, Options{Clock: clock}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	logged(t, s, "a", "main/ready")
	if page, err := s.PageEvents(ctx, "a", EventFilter{}, last, 10); err != nil || page.names() != "main/ready" || page.Truncated {
		t.Errorf("after the last one read: %+v, %v", page, err)
	}
}

// Readers that wait for hints alone get everything, in order, while several write
// and roll back; a hint that is lost would leave one waiting.
func TestListenersMissNothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s := openLogs(t, Options{})
	const writers, each = 4, 150
	var wg sync.WaitGroup
	for _, f := range []EventFilter{{}, {Type: "message"}, {}, {Sessions: []engine.SessionID{"s0", "s1", "s2", "s3"}}} {
		wg.Go(func() { s.followAll(t, ctx, f, writers*each) })
	}
	refused := fmt.Errorf("no")
	for w := range writers {
		wg.Go(func() {
			for range each {
				e := engine.Event{Session: engine.SessionKey{Tenant: "a", ID: engine.SessionID(fmt.Sprintf("s%d", w))}, Type: "message", Data: []byte(`{}`)}
				if err := s.AppendEvent(ctx, e); err != nil {
					t.Error(err)
				}
				e.Session.Tenant = "b"
				_ = s.update(ctx, func(tx *sql.Tx) error {
					if _, err := s.appendEvent(tx, e); err != nil {
						return err
					}
					return refused
				})
			}
		})
	}
	wg.Wait()
	if page, err := s.PageEvents(ctx, "b", EventFilter{}, "", 10); err != nil || len(page.Events) != 0 {
		t.Errorf("what was rolled back is in the log: %q, %v", page.names(), err)
	}
	if len(s.audience.listeners) != 0 {
		t.Errorf("still listening: %v", s.audience.listeners)
	}
}

// followAll reads the log of tenant "a" until it has so many events.
func (s *Store) followAll(t *testing.T, ctx context.Context, f EventFilter, want int) {
	l := s.Listen("a")
	defer l.Close()
	after := engine.EventID("")
	for got := 0; ; {
		page, err := s.PageEvents(ctx, "a", f, after, 7)
		if err != nil {
			t.Error(err)
			return
		}
		for _, e := range page.Events {
			if e.ID <= after {
				t.Errorf("%s comes behind %s", e.ID, after)
			}
			after = e.ID
		}
		got, after = got+len(page.Events), page.Next
		switch {
		case got == want:
			return
		case got > want:
			t.Errorf("%d events, want %d", got, want)
			return
		case page.More:
			continue
		}
		select {
		case <-l.Hints():
		case <-ctx.Done():
			t.Errorf("waited in vain with %d of %d events", got, want)
			return
		}
	}
}

func TestAListenerOfAnotherTenantSleeps(t *testing.T) {
	s := openLogs(t, Options{})
	a, b := s.Listen("a"), s.Listen("b")
	logged(t, s, "b", "main/qr", "main/ready")
	b.Close()
	b.Close()
	logged(t, s, "b", "main/message", "main/message")
	select {
	case <-a.Hints():
		t.Error("a hint for another tenant's event")
	default:
	}
	select {
	case <-b.Hints(): // of before it was closed
	default:
		t.Error("no hint")
	}
	a.Close()
	select {
	case <-b.Hints():
		t.Error("a hint after the end, or two for one look")
	default:
	}
}

func TestParseEventID(t *testing.T) {
	for text, valid := range map[string]bool{
		string(FirstEvent): true, "01JNV3K8ZQ6Y0X4T5R7W9B2D1C": true, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ": true,
		"": false, "x": false, "01jnv3k8zq6y0x4t5r7w9b2d1c": false, "8ZZZZZZZZZZZZZZZZZZZZZZZZZ": false,
		"01JNV3K8ZQ6Y0X4T5R7W9B2D1C ": false, "01JNV3K8ZQ6Y0X4T5R7W9B2D1I": false, "01JNV3K8ZQ6Y0X4T5R7W9B2D1%": false,
	} {
		id, err := ParseEventID(text)
		if valid && (err != nil || string(id) != text) || !valid && engine.CodeOf(err) != engine.CodeInvalid {
			t.Errorf("%q: %q, %v", text, id, err)
		}
	}
}

// Reading the log costs what is read of it, and filters look at the index alone.
func TestEventPlansUseTheirIndexes(t *testing.T) {
	s := openLogs(t, Options{})
	for _, f := range []EventFilter{{}, {Type: "message"}, {Sessions: []engine.SessionID{"a", "b"}}, {Type: "qr", Sessions: []engine.SessionID{"a"}}} {
		query, args := eventQuery("a", f, FirstEvent, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", 100)
		s.wantPlan(t, query, args, "USING INDEX events_log (tenant_id=? AND id>? AND id<?)")
	}
	s.wantPlan(t, selectHorizon, []any{"a", FirstEvent, mostLooked}, "USING COVERING INDEX events_log (tenant_id=? AND id>?)")
	s.wantPlan(t, selectOldEvents, []any{"a", "", "01", 500}, "USING COVERING INDEX events_log (tenant_id=? AND id>? AND id<?)")
	s.wantPlan(t, selectNewest, []any{"a"}, "USING COVERING INDEX events_log (tenant_id=?)")
}

func (s *Store) wantPlan(t *testing.T, query string, args []any, want string) {
	t.Helper()
	rows, err := s.read.Query("EXPLAIN QUERY PLAN "+query, args...)
	lines, err := collect(rows, err, func(r row) (line string, err error) {
		var id, parent, unused int
		err = r.Scan(&id, &parent, &unused, &line)
		return line, err
	})
	if plan := strings.Join(lines, "\n"); err != nil || !strings.Contains(plan, want) || strings.Contains(plan, "TEMP B-TREE") {
		t.Errorf("%s is not used for %s:\n%s\n%v", want, query, plan, err)
	}
}

// BenchmarkPageEvents reads a page of 100 with and without a filter that one event
// in 10,000 passes, far behind in a log of 100,000.
func BenchmarkPageEvents(b *testing.B) {
	s, err := Open(context.Background(), b.TempDir()+"/"+FileName, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	ctx := context.Background()
	if err := s.InsertTenant(ctx, engine.Tenant{ID: "a", Name: "x", CreatedAt: time.Now()}); err != nil {
		b.Fatal(err)
	}
	data := fmt.Appendf(nil, `{"body":"%s"}`, bytes.Repeat([]byte("x"), 300))
	err = s.update(ctx, func(tx *sql.Tx) error {
		for i := range 100_000 {
			e := engine.Event{Session: engine.SessionKey{Tenant: "a", ID: engine.SessionID(fmt.Sprintf("s%d", i%50))}, Type: "message", Data: data}
			if i%10_000 == 9_999 {
				e.Type = "group"
			}
			if _, err := s.appendEvent(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]EventFilter{"all": {}, "rare type": {Type: "group"}, "a session of fifty": {Sessions: []engine.SessionID{"s7"}}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.PageEvents(ctx, "a", f, FirstEvent, 100); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
