package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

// failAt lets a claim fail at a time, to be tried again an hour later.
func failAt(t testing.TB, s *store.Store, c webhooks.Claim, at time.Time) webhooks.Turn {
	t.Helper()
	turn, err := settle(s, webhooks.Tried{ID: c.Delivery.ID, Attempt: webhooks.Attempt{At: at, Status: 500}, Outcome: webhooks.Outcome{State: webhooks.DeliveryPending, RetryAt: at.Add(time.Hour), Random: 0.5}})
	must(t, err)
	return turn
}

// opened is a store whose only endpoint has just failed five times: each of the
// sessions s0 to s4 has one event that failed and one that waits.
func opened(t testing.TB) *store.Store {
	s := open(t, store.Options{Clock: func() time.Time { return start }})
	tenantWithEndpoint(t, s, "a")
	for n := range 2 {
		for i := range 5 {
			appendTo(t, s, "a", fmt.Sprint("s", i), n)
		}
	}
	for i := range 5 {
		_, claims := claim(t, s, start, 1, 4)
		want := []webhooks.Turn{webhooks.TurnFailing, "", "", "", webhooks.TurnOpen}[i]
		if turn := failAt(t, s, claims[0], start); turn != want {
			t.Errorf("failure %d: turn %q, want %q", i+1, turn, want)
		}
	}
	return s
}

func TestOpenCircuitIsProbed(t *testing.T) {
	ctx := context.Background()
	s := opened(t)
	e, err := s.FindEndpoint(ctx, "a")
	must(t, err)
	if c := e.Circuit; c.Failures != 5 || !c.OpenedAt.Equal(start) || !c.HeldUntil.Equal(start.Add(30*time.Second)) || e.Proven {
		t.Errorf("circuit %+v", c)
	}
	// Nothing is claimed before the probe, and that is when the dispatcher wakes.
	probe := start.Add(30 * time.Second)
	names, _ := claim(t, s, probe.Add(-time.Millisecond), 10, 4)
	wantNames(t, names)
	if at, err := s.NextDelivery(ctx, start); err != nil || !at.Equal(probe) {
		t.Errorf("next at %v, %v", at, err)
	}
	// One at a time: the oldest that is due. The others keep their tries.
	names, claims := claim(t, s, probe, 10, 4)
	wantNames(t, names, `a/s0/{"n":1}`)
	names, _ = claim(t, s, probe, 10, 4)
	wantNames(t, names)
	if turn := failAt(t, s, claims[0], probe); turn != webhooks.TurnNone {
		t.Errorf("turn %q", turn)
	}
	if at, err := s.NextDelivery(ctx, probe); err != nil || !at.Equal(probe.Add(time.Minute)) {
		t.Errorf("next at %v, %v", at, err)
	}
	// Later, what failed first is due again and older.
	names, claims = claim(t, s, start.Add(2*time.Hour), 10, 4)
	wantNames(t, names, `a/s0/{"n":0}`)
	// It is back: everything is due at once, each session in its order.
	turn, err := settle(s, webhooks.Tried{ID: claims[0].Delivery.ID, Attempt: webhooks.Attempt{At: start.Add(2 * time.Hour), Status: 200}, Outcome: delivered})
	if must(t, err); turn != webhooks.TurnRecovered {
		t.Errorf("turn %q", turn)
	}
	names, claims = claim(t, s, start.Add(2*time.Hour), 10, 10)
	wantNames(t, names, `a/s1/{"n":0}`, `a/s2/{"n":0}`, `a/s3/{"n":0}`, `a/s4/{"n":0}`, `a/s0/{"n":1}`)
	for _, c := range claims {
		finish(t, s, c, delivered)
	}
	names, _ = claim(t, s, start.Add(2*time.Hour), 10, 10)
	wantNames(t, names, `a/s1/{"n":1}`, `a/s2/{"n":1}`, `a/s3/{"n":1}`, `a/s4/{"n":1}`)
	if e, err = s.FindEndpoint(ctx, "a"); err != nil || e.Circuit != (webhooks.Circuit{}) || !e.Proven {
		t.Errorf("in the end %+v, %v", e, err)
	}
}

// Whoever asks how a receiver is gets to know: a test does not wait behind all that
// an open circuit holds back, and uses up no try of that.
func TestATestIsTheNextProbe(t *testing.T) {
	ctx := context.Background()
	s := opened(t)
	e, err := s.FindEndpoint(ctx, "a")
	must(t, err)
	if _, err := s.AppendTest(ctx, "a", e.ID, []byte(`{"n":"test"}`)); err != nil {
		t.Fatal(err)
	}
	names, claims := claim(t, s, start, 10, 4)
	wantNames(t, names, `a//{"n":"test"}`)
	// A try that was cut off is made again before all else, one that has failed waits
	// as others do.
	must(t, s.ReleaseDeliveries(ctx, []webhooks.DeliveryID{claims[0].Delivery.ID}))
	names, claims = claim(t, s, start, 10, 4)
	wantNames(t, names, `a//{"n":"test"}`)
	failAt(t, s, claims[0], start)
	names, _ = claim(t, s, start.Add(3*time.Hour), 10, 4)
	wantNames(t, names, `a/s0/{"n":0}`)
}

// An endpoint is not held back for the hours by which the clock went back.
func TestHoldFromBeforeTheClockWentBack(t *testing.T) {
	if webhooks.MaxHold != 360000*time.Millisecond {
		t.Errorf("the statements know another longest hold than %v", webhooks.MaxHold)
	}
	s := opened(t)
	back := start.Add(-5 * time.Hour)
	names, claims := claim(t, s, back, 10, 4)
	wantNames(t, names, `a/s0/{"n":1}`)
	if turn := failAt(t, s, claims[0], back); turn != webhooks.TurnNone {
		t.Errorf("turn %q", turn)
	}
	probe := back.Add(time.Minute)
	if at, err := s.NextDelivery(context.Background(), back); err != nil || at.Before(probe) {
		t.Errorf("next at %v, %v", at, err)
	}
	names, _ = claim(t, s, probe, 10, 4)
	wantNames(t, names, `a/s1/{"n":1}`)
}

// While one of a session is under way, what is brought forward waits for it.
func TestRecoveryKeepsTheLineBehindWhatIsUnderWay(t *testing.T) {
	s := open(t, store.Options{Clock: func() time.Time { return start }})
	tenantWithEndpoint(t, s, "a")
	for n := range 3 {
		for i := range 5 {
			appendTo(t, s, "a", fmt.Sprint("s", i), n)
		}
	}
	_, claims := claim(t, s, start, 5, 10)
	for _, c := range claims {
		failAt(t, s, c, start)
	}
	// The probe is the second event of s0; what comes before it follows.
	_, probe := claim(t, s, start.Add(2*time.Minute), 1, 1)
	finishAt(t, s, probe[0], start.Add(2*time.Minute))
	names, under := claim(t, s, start.Add(2*time.Minute), 2, 10)
	wantNames(t, names, `a/s0/{"n":0}`, `a/s1/{"n":0}`)
	for _, c := range under {
		finishAt(t, s, c, start.Add(2*time.Minute))
	}
	// Each session has one at a time to the end, in order.
	var got []string
	for {
		names, claims := claim(t, s, start.Add(2*time.Minute), 20, 20)
		if len(names) == 0 {
			break
		}
		seen := map[engine.SessionID]bool{}
		for i, c := range claims {
			if seen[c.Event.Session.ID] {
				t.Fatalf("two of %s at once: %v", c.Event.Session.ID, names)
			}
			seen[c.Event.Session.ID] = true
			got = append(got, names[i])
			finishAt(t, s, c, start.Add(2*time.Minute))
		}
	}
	if len(got) != 12 {
		t.Errorf("%d more came: %v", len(got), got)
	}
}

func finishAt(t testing.TB, s *store.Store, c webhooks.Claim, at time.Time) {
	t.Helper()
	_, err := settle(s, webhooks.Tried{ID: c.Delivery.ID, Attempt: webhooks.Attempt{At: at, Status: 200}, Outcome: delivered})
	must(t, err)
}

// A short outage, and events that a receiver can't take, leave the retries to
// their own schedule.
func TestShortOutageBringsNothingForward(t *testing.T) {
	s := opened(t)
	_, claims := claim(t, s, start.Add(30*time.Second), 1, 4)
	finishAt(t, s, claims[0], start.Add(31*time.Second))
	names, _ := claim(t, s, start.Add(31*time.Second), 20, 20)
	wantNames(t, names, `a/s1/{"n":1}`, `a/s2/{"n":1}`, `a/s3/{"n":1}`, `a/s4/{"n":1}`)
}

// The room is for healthy and for failing endpoints apart, and a tenant has its share.
func TestClaimKeepsToTheRoom(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{Clock: func() time.Time { return start }})
	for _, id := range []engine.TenantID{"a", "b"} {
		newTenant(t, s, id)
		for range 4 {
			insertEndpoint(t, s, webhooks.Endpoint{Tenant: id})
		}
	}
	appendTo(t, s, "a", "s", 0)
	_, claims := claim(t, s, start, 10, 10)
	for _, c := range claims {
		failAt(t, s, c, start)
	}
	appendTo(t, s, "a", "s", 1)
	appendTo(t, s, "b", "s", 1)
	in := func(room webhooks.Room) (tenants string) {
		t.Helper()
		claims, err := s.ClaimDeliveries(ctx, start, room)
		must(t, err)
		var ids []webhooks.DeliveryID
		for _, c := range claims {
			tenants += string(c.Endpoint.Tenant)
			ids = append(ids, c.Delivery.ID)
		}
		must(t, s.ReleaseDeliveries(ctx, ids))
		return tenants
	}
	for _, c := range []struct {
		room webhooks.Room
		want string
	}{
		{webhooks.Room{PerEndpoint: 1, PerTenant: 9}, ""},
		{webhooks.Room{Failing: 3, PerEndpoint: 1, PerTenant: 9}, "aaa"},
		{webhooks.Room{Healthy: 3, PerEndpoint: 1, PerTenant: 9}, "bbb"},
		{webhooks.Room{Healthy: 1, Failing: 1, PerEndpoint: 1, PerTenant: 9}, "ab"},
		{webhooks.Room{Healthy: 9, Failing: 9, PerEndpoint: 1, PerTenant: 2}, "aabb"},
	} {
		if got := in(c.room); got != c.want {
			t.Errorf("%+v: claimed of %q, want %q", c.room, got, c.want)
		}
	}
}

// TestAnotherURLIsTriedAtOnce: what failed at the old address is tried at the new one,
// oldest first; a change of something else leaves the circuit as it is.
func TestAnotherURLIsTriedAtOnce(t *testing.T) {
	ctx := context.Background()
	again, name, other := true, "shop", "https://example.com/other"
	for what, c := range map[string]struct {
		change webhooks.EndpointChange
		want   []string
	}{
		"a name":      {webhooks.EndpointChange{Name: &name}, nil},
		"another URL": {webhooks.EndpointChange{URL: &other}, []string{`a/s0/{"n":0}`, `a/s1/{"n":0}`, `a/s2/{"n":0}`, `a/s3/{"n":0}`}},
		"enabled":     {webhooks.EndpointChange{Enabled: &again}, []string{`a/s0/{"n":0}`, `a/s1/{"n":0}`, `a/s2/{"n":0}`, `a/s3/{"n":0}`}},
	} {
		t.Run(what, func(t *testing.T) {
			s := opened(t)
			e, err := s.FindEndpoint(ctx, "a")
			must(t, err)
			_, err = s.UpdateEndpoint(ctx, "a", e.ID, c.change)
			must(t, err)
			names, _ := claim(t, s, start, 4, 4)
			wantNames(t, names, c.want...)
		})
	}
}
