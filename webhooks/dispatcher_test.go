package webhooks_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"wapid/engine"
	"wapid/webhooks"
)

func TestDeliversSigned(t *testing.T) {
	b := newBench(t)
	url, got := receiver(t, func(w http.ResponseWriter, _ *http.Request, _ post) {
		w.WriteHeader(201)
		fmt.Fprint(w, "thanks")
	})
	b.endpoint("a", url, "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ=")
	b.run(b.store, nil, webhooks.Options{Version: "1.2.3"})
	b.event("a", "main", 1)
	p := next(t, got)
	wh, err := standardwebhooks.NewWebhook("whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ=")
	b.must(err)
	b.must(wh.Verify(p.body, p.header))
	if p.header.Get("User-Agent") != "wapid/1.2.3" || p.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", p.header)
	}
	b.await("recorded", func() bool { return b.deliveries("a")[0].State == webhooks.DeliveryDelivered })
	d := b.deliveries("a")[0]
	if p.header.Get("Webhook-Id") != string(d.Event) || d.Attempts != 1 {
		t.Errorf("delivery %+v, id %s", d, p.header.Get("Webhook-Id"))
	}
	attempts, err := b.store.ListAttempts(context.Background(), "a", d.ID)
	b.must(err)
	if len(attempts) != 1 || attempts[0].Status != 201 || attempts[0].Body != "thanks" || attempts[0].Error != "" {
		t.Errorf("attempts %+v", attempts)
	}
}

func TestSlowReceiverDelaysNobodyElse(t *testing.T) {
	b := newBench(t)
	release := make(chan struct{})
	defer close(release)
	busy := make(chan struct{}, 100)
	slow, _ := receiver(t, func(http.ResponseWriter, *http.Request, post) {
		busy <- struct{}{}
		<-release
	})
	fast, got := receiver(t, nil)
	b.endpoint("slow", slow, "")
	b.endpoint("fast", fast, "")
	b.run(b.store, nil, webhooks.Options{Workers: 4, PerEndpoint: 2, Grace: time.Millisecond})
	for i := range 20 {
		b.event("slow", engine.SessionID(fmt.Sprint("s", i)), i)
	}
	<-busy
	<-busy
	for i := range 20 {
		b.event("fast", "main", i)
	}
	for i := range 20 {
		if p := next(t, got); p.n != i {
			t.Fatalf("delivery %d came as number %d", p.n, i)
		}
	}
	if len(busy) != 0 {
		t.Error("the slow endpoint got more than its share")
	}
}

// Many endpoints that hang, each with more waiting than it may have under way,
// leave workers for one that answers.
func TestManyHangingReceiversDelayNobodyElse(t *testing.T) {
	b := newBench(t)
	release, busy := make(chan struct{}), make(chan struct{}, 1000)
	defer close(release)
	hanging, _ := receiver(t, func(http.ResponseWriter, *http.Request, post) {
		busy <- struct{}{}
		<-release
	})
	good, got := receiver(t, nil)
	const endpoints, workers = 24, 32
	for i := range endpoints {
		id := engine.TenantID(fmt.Sprint("hanging", i))
		b.endpoint(id, hanging, "")
		for s := range 8 {
			b.event(id, engine.SessionID(fmt.Sprint("s", s)), s)
		}
	}
	b.endpoint("good", good, "")
	b.run(b.store, nil, webhooks.Options{Workers: workers, Grace: time.Millisecond})
	for range endpoints {
		<-busy
	}
	for i := range 10 {
		b.event("good", "main", i)
		next(t, got)
	}
	for i := range endpoints {
		for _, d := range b.deliveries(engine.TenantID(fmt.Sprint("hanging", i))) {
			if d.Attempts > 0 {
				t.Fatal("the good endpoint had to wait for a time-out")
			}
		}
	}
}

func TestOrderWithinASession(t *testing.T) {
	b := newBench(t)
	url, got := receiver(t, nil)
	b.endpoint("a", url, "")
	const sessions, each = 5, 20
	for n := range each {
		for s := range sessions {
			b.event("a", engine.SessionID(fmt.Sprint("s", s)), n)
		}
	}
	b.run(b.store, nil, webhooks.Options{})
	seen := map[string]int{}
	for range sessions * each {
		p := next(t, got)
		if p.n != seen[p.session] {
			t.Fatalf("%s: got %d, want %d", p.session, p.n, seen[p.session])
		}
		seen[p.session]++
	}
}

// While many sessions append at once and nothing fails, every event arrives
// exactly once and in its session's order.
func TestConcurrentSessionsArriveOnceAndInOrder(t *testing.T) {
	b := newBench(t)
	url, got := receiver(t, nil)
	tenants := []engine.TenantID{"a", "b", "c"}
	for _, id := range tenants {
		b.endpoint(id, url, "secret")
	}
	b.run(b.store, nil, webhooks.Options{Workers: 16})
	const sessions, each = 30, 15
	var wg sync.WaitGroup
	for i := range sessions {
		wg.Go(func() {
			for n := range each {
				err := b.store.AppendEvent(context.Background(), engine.Event{
					Session: engine.SessionKey{Tenant: tenants[i%3], ID: engine.SessionID(fmt.Sprint("s", i))},
					Type:    engine.EventMessage, At: b.clock.Now(), Data: fmt.Appendf(nil, `{"n":%d}`, n),
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	seen, ids := map[string]int{}, map[string]bool{}
	for range sessions * each {
		p := next(t, got)
		id := p.header.Get("Webhook-Id")
		if p.n != seen[p.session] || ids[id] {
			t.Fatalf("%s: got %d (%s), want %d", p.session, p.n, id, seen[p.session])
		}
		seen[p.session]++
		ids[id] = true
	}
	wg.Wait()
	for _, id := range tenants {
		b.await("all are recorded", func() bool {
			for _, d := range b.deliveries(id) {
				if d.State != webhooks.DeliveryDelivered || d.Attempts != 1 {
					return false
				}
			}
			return true
		})
	}
}

// A delivery that fails steps aside for those behind it, and is tried again at
// the times of the schedule, under the same id.
func TestFailureIsRescheduled(t *testing.T) {
	b := newBench(t)
	url, got := receiver(t, func(w http.ResponseWriter, _ *http.Request, p post) {
		if p.n == 0 {
			w.WriteHeader(500)
		}
	})
	b.endpoint("a", url, "")
	b.event("a", "main", 0)
	b.event("a", "main", 1)
	d, _ := b.run(b.store, nil, webhooks.Options{})
	first := next(t, got)
	if p := next(t, got); first.n != 0 || p.n != 1 {
		t.Fatalf("got %d and then %d", first.n, p.n)
	}
	b.await("the second is delivered", func() bool { return b.deliveries("a")[1].State == webhooks.DeliveryDelivered })
	for i, wait := range []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 8 * time.Hour} {
		row := b.deliveries("a")[0]
		if row.State != webhooks.DeliveryPending || row.Attempts != i+1 || !row.NextAt.Equal(b.clock.Now().Add(wait)) {
			t.Fatalf("after %d failures: %+v, want it due in %v", i+1, row, wait)
		}
		// One millisecond early nothing is claimable.
		early, err := b.store.ClaimDeliveries(context.Background(), b.clock.Now().Add(wait-time.Millisecond), plenty)
		if b.must(err); len(early) != 0 {
			t.Fatalf("claimed early: %+v", early)
		}
		b.clock.advance(wait)
		d.Nudge()
		p := next(t, got)
		if p.n != 0 || p.header.Get("Webhook-Id") != first.header.Get("Webhook-Id") {
			t.Fatalf("the retry is another delivery: %+v", p)
		}
		b.await("the failure is recorded", func() bool {
			r := b.deliveries("a")[0]
			return r.Attempts == i+2 && r.State != webhooks.DeliverySending
		})
	}
	if row := b.deliveries("a")[0]; row.State != webhooks.DeliveryDead || row.Attempts != webhooks.MaxAttempts {
		t.Fatalf("after the last try: %+v", row)
	}
}

func TestFailuresAreDescribed(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	plain, _ := receiver(t, nil)
	redirect, _ := receiver(t, func(w http.ResponseWriter, r *http.Request, _ post) {
		http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusPermanentRedirect)
	})
	limited, _ := receiver(t, func(w http.ResponseWriter, _ *http.Request, _ post) {
		w.Header().Set("Retry-After", "90")
		w.WriteHeader(429)
		fmt.Fprint(w, string(make([]byte, 5000)))
	})
	for name, c := range map[string]struct {
		url, word string
		status    int
		wait      time.Duration
	}{
		"refused by the guard": {"http://10.0.0.1/", "no address that may be connected to", 0, 5 * time.Second},
		"nobody listens":       {closed.URL, "connection refused", 0, 5 * time.Second},
		"no TLS there":         {"https" + plain[4:], "TLS failed", 0, 5 * time.Second},
		"redirect":             {redirect, "", 308, 5 * time.Second},
		"retry-after":          {limited, "", 429, 90 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.endpoint("a", c.url, "")
			b.run(b.store, nil, webhooks.Options{})
			b.event("a", "main", 0)
			b.await("one try", func() bool { return b.deliveries("a")[0].Attempts == 1 })
			row := b.deliveries("a")[0]
			attempts, err := b.store.ListAttempts(context.Background(), "a", row.ID)
			b.must(err)
			a := attempts[0]
			if a.Error != c.word || a.Status != c.status || !row.NextAt.Equal(b.clock.Now().Add(c.wait)) || len(a.Body) > webhooks.MaxAttemptBody {
				t.Errorf("attempt %+v, delivery %+v", a, row)
			}
		})
	}
}

func TestChangingTheURLKeepsWhatWaits(t *testing.T) {
	b := newBench(t)
	url, got := receiver(t, nil)
	b.endpoint("a", "http://127.0.0.1:1/", "")
	b.event("a", "main", 7)
	_, err := b.store.PutEndpoint(context.Background(), "a", url, "new secret")
	b.must(err)
	b.run(b.store, nil, webhooks.Options{})
	if p := next(t, got); p.n != 7 || p.header.Get("X-Webhook-Signature") == "" {
		t.Errorf("got %+v", p)
	}
}
