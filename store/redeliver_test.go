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

var dead = webhooks.Outcome{State: webhooks.DeliveryDead, Random: 0.5}

// What is delivered again stands in line before what is younger, and never beside
// another of its session.
func TestRedeliveredKeepItsPlace(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{Clock: func() time.Time { return start }})
	tenantWithEndpoint(t, s, "a")
	for n := range 6 {
		appendTo(t, s, "a", "s", n)
	}
	for _, o := range []webhooks.Outcome{dead, dead, delivered} { // the first two die, and the endpoint is well again
		_, claims := claim(t, s, start, 1, 1)
		finish(t, s, claims[0], o)
	}
	e, err := s.FindEndpoint(ctx, "a")
	must(t, err)
	again := func(r store.Redelivery, want int) {
		t.Helper()
		done, err := s.Redeliver(ctx, "a", e.ID, r, start.Add(time.Hour))
		if must(t, err); done != (store.Requeued{Queued: want}) {
			t.Fatalf("%+v: %+v, want %d", r, done, want)
		}
	}
	names, fourth := claim(t, s, start, 1, 9)
	wantNames(t, names, `a/s/{"n":3}`)
	again(store.Redelivery{Dead: true}, 2)
	names, _ = claim(t, s, start, 9, 9)
	wantNames(t, names) // the fourth is under way
	finish(t, s, fourth[0], delivered)
	for _, n := range []int{0, 1, 4, 5} {
		names, claims := claim(t, s, start, 9, 9)
		wantNames(t, names, fmt.Sprintf(`a/s/{"n":%d}`, n))
		if claims[0].Delivery.Attempts != 0 {
			t.Errorf("%d has %d attempts already", n, claims[0].Delivery.Attempts)
		}
		finish(t, s, claims[0], delivered)
	}
	// The tries before count on.
	if tries, err := s.ListAttempts(ctx, "a", 1); err != nil || len(tries) != 2 {
		t.Errorf("tries %v, %v", tries, err)
	}
	// Into a line whose first waits: that gives up its turn.
	appendTo(t, s, "a", "s", 6)
	again(store.Redelivery{Deliveries: []webhooks.DeliveryID{2, 4}}, 2)
	for _, n := range []int{1, 3, 6} {
		names, claims := claim(t, s, start, 9, 9)
		wantNames(t, names, fmt.Sprintf(`a/s/{"n":%d}`, n))
		finish(t, s, claims[0], delivered)
	}
}

// A range makes deliveries of what the endpoint never got, in the order of the
// log, over as many transactions as it takes, and stops when its time is over.
func TestRedeliverARange(t *testing.T) {
	ctx := context.Background()
	now := start
	s := open(t, store.Options{Clock: func() time.Time { return now }})
	newTenant(t, s, "a")
	newTenant(t, s, "b")
	const events = 450 // more than two batches
	for n := range events {
		appendTo(t, s, "a", fmt.Sprint("s", n%2), n)
		if n%100 == 0 {
			appendTo(t, s, "b", "s0", n)
		}
	}
	e := insertEndpoint(t, s, webhooks.Endpoint{Tenant: "a", Sessions: []engine.SessionID{"s0"}})
	log, err := s.ListEvents(ctx, "a", "", 1000)
	must(t, err)
	done, err := s.Redeliver(ctx, "a", e.ID, store.Redelivery{Range: true, From: log[0].ID, To: log[events-1].ID}, now.Add(-time.Second))
	if must(t, err); !done.More || done.Queued != 100 || done.Next != log[200].ID {
		t.Fatalf("in no time: %+v, want to go on at %s", done, log[200].ID)
	}
	done, err = s.Redeliver(ctx, "a", e.ID, store.Redelivery{Range: true, From: done.Next}, now.Add(time.Hour))
	if must(t, err); done != (store.Requeued{Queued: events/2 - 100}) {
		t.Fatalf("the rest: %+v", done)
	}
	for n := 0; n < events; n += 2 {
		names, claims := claim(t, s, now, 9, 9)
		wantNames(t, names, fmt.Sprintf(`a/s0/{"n":%d}`, n))
		finish(t, s, claims[0], delivered)
	}
	// By time.
	from, err := store.FirstEventAt(log[0].At.Add(-time.Hour))
	must(t, err)
	to, err := store.LastEventAt(time.Now().Add(24 * 365 * 100 * time.Hour))
	must(t, err)
	done, err = s.Redeliver(ctx, "a", e.ID, store.Redelivery{Range: true, From: from, To: to, Session: "s0", Types: []engine.EventType{"message"}}, now.Add(time.Hour))
	if must(t, err); done.Queued != events/2 {
		t.Errorf("by time: %+v", done)
	}
	for _, bad := range []time.Time{time.UnixMilli(-1), time.UnixMilli(1 << 49)} {
		_, err := store.FirstEventAt(bad)
		wantCode(t, err, engine.CodeInvalid)
	}
}

func TestRedeliverRefusesWhatIsNotThere(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{Clock: func() time.Time { return start }})
	tenantWithEndpoint(t, s, "a")
	tenantWithEndpoint(t, s, "b")
	appendTo(t, s, "a", "s", 0)
	appendTo(t, s, "b", "s", 0)
	_, claims := claim(t, s, start, 9, 9)
	for _, c := range claims {
		finish(t, s, c, dead)
	}
	a, err := s.FindEndpoint(ctx, "a")
	must(t, err)
	theirs, err := s.ListEvents(ctx, "b", "", 9)
	must(t, err)
	for _, r := range []store.Redelivery{
		{Deliveries: []webhooks.DeliveryID{1, 2}}, {Deliveries: []webhooks.DeliveryID{1, 99}}, {Events: []engine.EventID{theirs[0].ID}},
	} {
		_, err := s.Redeliver(ctx, "a", a.ID, r, start)
		wantCode(t, err, engine.CodeNotFound)
	}
	for _, id := range []engine.TenantID{"a", "b"} {
		all, err := s.ListDeliveries(ctx, id, 0, 9)
		if must(t, err); len(all) != 1 || all[0].State != webhooks.DeliveryDead {
			t.Errorf("%s has %+v", id, all)
		}
	}
}
