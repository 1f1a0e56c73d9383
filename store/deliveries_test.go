package store_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

func tenantWithEndpoint(t testing.TB, s *store.Store, id engine.TenantID) {
	t.Helper()
	must(t, s.InsertTenant(context.Background(), engine.Tenant{ID: id, Name: string(id), CreatedAt: start}))
	_, err := s.PutEndpoint(context.Background(), id, "https://example.com/"+string(id), "secret")
	must(t, err)
}

func appendTo(t testing.TB, s *store.Store, tenant engine.TenantID, session string, n int) {
	t.Helper()
	must(t, s.AppendEvent(context.Background(), engine.Event{
		Session: engine.SessionKey{Tenant: tenant, ID: engine.SessionID(session)}, Type: engine.EventMessage, At: start,
		Data: fmt.Appendf(nil, `{"n":%d}`, n),
	}))
}

// claim says what was claimed as tenant/session/data.
func claim(t testing.TB, s *store.Store, now time.Time, limit, perEndpoint int) (names []string, claims []webhooks.Claim) {
	t.Helper()
	claims, err := s.ClaimDeliveries(context.Background(), now, webhooks.Room{Healthy: limit, Failing: limit, PerEndpoint: perEndpoint, PerTenant: 1000})
	must(t, err)
	for _, c := range claims {
		names = append(names, fmt.Sprintf("%s/%s/%s", c.Event.Session.Tenant, c.Event.Session.ID, c.Event.Data))
	}
	return names, claims
}

func wantNames(t testing.TB, got []string, want ...string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("claimed %v, want %v", got, want)
	}
}

func finish(t testing.TB, s *store.Store, c webhooks.Claim, o webhooks.Outcome) {
	t.Helper()
	_, err := s.FinishDeliveries(context.Background(), webhooks.Tried{ID: c.Delivery.ID, Attempt: webhooks.Attempt{At: start, Status: 200}, Outcome: o})
	must(t, err)
}

// settle records one try and says what it means for the endpoint.
func settle(s *store.Store, t webhooks.Tried) (webhooks.Turn, error) {
	turns, err := s.FinishDeliveries(context.Background(), t)
	if err != nil {
		return "", err
	}
	return turns[0], nil
}

var delivered = webhooks.Outcome{State: webhooks.DeliveryDelivered}

func TestClaimIsFairAndKeepsTheLine(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{Clock: func() time.Time { return start }})
	for _, id := range []engine.TenantID{"a", "b", "c"} {
		tenantWithEndpoint(t, s, id)
	}
	for n := range 3 {
		for _, session := range []string{"s1", "s2", "s3"} {
			appendTo(t, s, "a", session, n)
		}
	}
	appendTo(t, s, "b", "s1", 0)
	appendTo(t, s, store.DefaultTenant, "s1", 0) // has no endpoint

	// a came first, but b gets its share of three before a's second.
	names, first := claim(t, s, start, 3, 2)
	wantNames(t, names, `a/s1/{"n":0}`, `b/s1/{"n":0}`, `a/s2/{"n":0}`)
	if c := first[0]; c.Endpoint.URL != "https://example.com/a" || c.Endpoint.Secret != "secret" || c.Endpoint.Tenant != "a" ||
		!c.Endpoint.Enabled || c.Delivery.State != webhooks.DeliverySending || c.Event.Type != engine.EventMessage || !c.Event.At.Equal(start) {
		t.Errorf("claim %+v", c)
	}
	names, _ = claim(t, s, start, 10, 2)
	wantNames(t, names) // a has two in flight, b is done
	names, third := claim(t, s, start, 10, 10)
	wantNames(t, names, `a/s3/{"n":0}`) // the lines behind s1 and s2 wait for their first

	finish(t, s, first[0], delivered)
	names, fourth := claim(t, s, start, 10, 10)
	wantNames(t, names, `a/s1/{"n":1}`)

	// A failure leaves the line and comes back by its own time only.
	later := start.Add(5 * time.Second)
	finish(t, s, first[2], webhooks.Outcome{State: webhooks.DeliveryPending, RetryAt: later})
	finish(t, s, fourth[0], delivered) // and the endpoint is well again
	names, second := claim(t, s, start, 10, 10)
	wantNames(t, names, `a/s2/{"n":1}`, `a/s1/{"n":2}`)
	early, _ := claim(t, s, later.Add(-time.Millisecond), 10, 10)
	wantNames(t, early)
	if at, err := s.NextDelivery(ctx, start); err != nil || !at.Equal(later) {
		t.Errorf("next at %v, %v", at, err)
	}
	names, retried := claim(t, s, later, 10, 10)
	wantNames(t, names, `a/s2/{"n":0}`)
	// Finishing the retry must not hand out a second turn while n 1 is in flight.
	finish(t, s, retried[0], delivered)
	names, _ = claim(t, s, later, 10, 10)
	wantNames(t, names)

	// What was handed back keeps its place and counts no attempt.
	must(t, s.ReleaseDeliveries(ctx, []webhooks.DeliveryID{second[0].Delivery.ID, third[0].Delivery.ID, 999}))
	names, again := claim(t, s, later, 10, 10)
	wantNames(t, names, `a/s3/{"n":0}`, `a/s2/{"n":1}`)
	if again[0].Delivery.Attempts != 0 {
		t.Errorf("a released delivery counts %d attempts", again[0].Delivery.Attempts)
	}
	if at, err := s.NextDelivery(ctx, later); err != nil || !at.IsZero() {
		t.Errorf("next at %v, %v, want none", at, err)
	}
}

// Whoever has least under way comes first, though others have waited longer.
func TestClaimPrefersTheEndpointWithLeastUnderWay(t *testing.T) {
	now := start
	s := open(t, store.Options{Clock: func() time.Time { return now }})
	tenantWithEndpoint(t, s, "a")
	tenantWithEndpoint(t, s, "b")
	for i := range 3 {
		appendTo(t, s, "a", fmt.Sprint("s", i), 0)
	}
	names, _ := claim(t, s, now, 1, 4)
	wantNames(t, names, `a/s0/{"n":0}`)
	now = now.Add(time.Minute)
	appendTo(t, s, "b", "s0", 0)
	names, _ = claim(t, s, now, 1, 4)
	wantNames(t, names, `b/s0/{"n":0}`)
	names, _ = claim(t, s, now, 1, 4)
	wantNames(t, names, `a/s1/{"n":0}`)
}

// An endpoint whose last try failed gets one delivery at a time until one succeeds.
func TestFailingEndpointGetsOneAtATime(t *testing.T) {
	s := open(t, store.Options{Clock: func() time.Time { return start }})
	tenantWithEndpoint(t, s, "a")
	for i := range 8 {
		appendTo(t, s, "a", fmt.Sprint("s", i), 0)
	}
	_, claims := claim(t, s, start, 2, 4)
	again := webhooks.Outcome{State: webhooks.DeliveryPending, RetryAt: start.Add(time.Hour)}
	for i, want := range []webhooks.Turn{webhooks.TurnFailing, webhooks.TurnNone} {
		turn, err := settle(s, webhooks.Tried{ID: claims[i].Delivery.ID, Attempt: webhooks.Attempt{At: start}, Outcome: again})
		if err != nil || turn != want {
			t.Errorf("failure %d: turn is %q, %v", i+1, turn, err)
		}
	}
	names, claims := claim(t, s, start, 10, 4)
	wantNames(t, names, `a/s2/{"n":0}`)
	if turn, err := settle(s, webhooks.Tried{ID: claims[0].Delivery.ID, Attempt: webhooks.Attempt{At: start}, Outcome: delivered}); err != nil || turn != webhooks.TurnRecovered {
		t.Errorf("recovery: turn is %q, %v", turn, err)
	}
	if names, _ := claim(t, s, start, 10, 4); len(names) != 4 {
		t.Errorf("after the recovery: claimed %v", names)
	}
}

func TestFinishExpectsSending(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{Clock: func() time.Time { return start }})
	tenantWithEndpoint(t, s, "a")
	appendTo(t, s, "a", "s", 0)
	all, err := s.ListDeliveries(ctx, "a", 0, 10)
	must(t, err)
	id := all[0].ID
	_, err = settle(s, webhooks.Tried{ID: id, Attempt: webhooks.Attempt{At: start}, Outcome: delivered})
	wantCode(t, err, engine.CodeInternal)
	_, err = settle(s, webhooks.Tried{ID: 999, Attempt: webhooks.Attempt{At: start}, Outcome: delivered})
	wantCode(t, err, engine.CodeNotFound)
	_, claims := claim(t, s, start, 1, 1)
	finish(t, s, claims[0], delivered)
	_, err = settle(s, webhooks.Tried{ID: id, Attempt: webhooks.Attempt{At: start}, Outcome: delivered})
	wantCode(t, err, engine.CodeInternal)
	attempts, err := s.ListAttempts(ctx, "a", id)
	if must(t, err); len(attempts) != 1 {
		t.Errorf("%d attempts of one try", len(attempts))
	}
	if foreign, err := s.ListAttempts(ctx, "b", id); err != nil || len(foreign) != 0 {
		t.Errorf("another tenant sees %v, %v", foreign, err)
	}
	appendTo(t, s, "a", "s", 1)
	appendTo(t, s, "a", "s", 2)
	_, claims = claim(t, s, start, 1, 1)
	must(t, s.DeleteEndpoint(ctx, "a"))
	_, err = settle(s, webhooks.Tried{ID: claims[0].Delivery.ID, Attempt: webhooks.Attempt{At: start}, Outcome: delivered})
	wantCode(t, err, engine.CodeNotFound)
	wantCode(t, s.DeleteEndpoint(ctx, "a"), engine.CodeNotFound)
	_, err = s.FindEndpoint(ctx, "a")
	wantCode(t, err, engine.CodeNotFound)
}

func TestReleaseAll(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{Clock: func() time.Time { return start }})
	tenantWithEndpoint(t, s, "a")
	for i := range 5 {
		appendTo(t, s, "a", fmt.Sprint("s", i), 0)
	}
	claim(t, s, start, 3, 10)
	if n, err := s.ReleaseAllDeliveries(ctx); err != nil || n != 3 {
		t.Errorf("released %d, %v", n, err)
	}
	if n, err := s.ReleaseAllDeliveries(ctx); err != nil || n != 0 {
		t.Errorf("released %d more, %v", n, err)
	}
	if names, _ := claim(t, s, start, 10, 10); len(names) != 5 {
		t.Errorf("claimed %v", names)
	}
}

// A clock that is set back, by years even, holds up nothing that is new, and a
// retry for no longer than the longest wait.
func TestClockSetBack(t *testing.T) {
	ctx := context.Background()
	now := start
	s := open(t, store.Options{Clock: func() time.Time { return now }})
	tenantWithEndpoint(t, s, "a")
	appendTo(t, s, "a", "old", 0)
	_, claims := claim(t, s, now, 10, 4)
	finish(t, s, claims[0], webhooks.Outcome{State: webhooks.DeliveryPending, RetryAt: now.Add(5 * time.Second)})
	appendTo(t, s, "a", "new", 1)

	now = start.AddDate(-3, 0, 0)
	names, _ := claim(t, s, now, 10, 4)
	wantNames(t, names, `a/new/{"n":1}`)
	if n, err := s.ReleaseAllDeliveries(ctx); err != nil || n != 1 {
		t.Errorf("released %d, %v", n, err)
	}
	limit := now.Add(webhooks.MaxRetryWait)
	if at, err := s.NextDelivery(ctx, now); err != nil || !at.Equal(limit) {
		t.Errorf("the retry is due at %v, want %v, %v", at, limit, err)
	}
	names, claims = claim(t, s, limit, 10, 4)
	wantNames(t, names, `a/new/{"n":1}`)
	finish(t, s, claims[0], delivered)
	names, _ = claim(t, s, limit, 10, 4)
	wantNames(t, names, `a/old/{"n":0}`)
}

func TestPutEndpointReplaces(t *testing.T) {
	ctx := context.Background()
	now := start
	s := open(t, store.Options{Clock: func() time.Time { return now }})
	_, err := s.PutEndpoint(ctx, "nobody", "https://x", "")
	wantCode(t, err, engine.CodeNotFound)
	one, err := s.PutEndpoint(ctx, store.DefaultTenant, "https://x", "")
	must(t, err)
	now = now.Add(time.Minute)
	two, err := s.PutEndpoint(ctx, store.DefaultTenant, "https://y", "s")
	must(t, err)
	want := webhooks.Endpoint{ID: one.ID, Tenant: store.DefaultTenant, URL: "https://y", Format: webhooks.FormatWapiConnect, Secret: "s", Main: true, SignatureMode: webhooks.SignBoth, Enabled: true, CreatedAt: start, UpdatedAt: now}
	if found, err := s.FindEndpoint(ctx, store.DefaultTenant); err != nil || !reflect.DeepEqual(two, want) || !reflect.DeepEqual(found, want) {
		t.Errorf("got %+v and %+v, %v", two, found, err)
	}
}

// backlog is a store with rows waiting: all in one line, or as many lines.
func backlog(t testing.TB, rows, tenants, sessions int) *store.Store {
	s := open(t, store.Options{Clock: func() time.Time { return start }})
	for i := range tenants {
		tenantWithEndpoint(t, s, engine.TenantID(fmt.Sprint("t", i)))
	}
	var events []engine.Event
	for i := range rows {
		events = append(events, engine.Event{
			Session: engine.SessionKey{Tenant: engine.TenantID(fmt.Sprint("t", i%tenants)), ID: engine.SessionID(fmt.Sprint("s", i/tenants%sessions))},
			Type:    engine.EventMessage, At: start, Data: []byte(`{}`),
		})
	}
	// SaveState takes many events in one transaction.
	state := engine.State{Status: engine.StatusReady, Intent: engine.IntentRun}
	must(t, s.InsertSession(context.Background(), engine.Session{Key: key("filler"), State: state, CreatedAt: start, UpdatedAt: start}))
	must(t, s.SaveState(context.Background(), key("filler"), state, state, start, events...))
	return s
}
