package webhooks_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"wapid/engine"
	"wapid/webhooks"
)

// Whoever hangs, one tenant's endpoints or those of many, a tenant whose receiver
// answers gets its events within a second or two, at any time: while all hang for
// the first time, when they have timed out, and while they are probed.
func TestWhoHangsDelaysNobodyElse(t *testing.T) {
	const workers = 16 // 64 places in all
	for name, c := range map[string]struct{ tenants, each int }{
		"all endpoints of one tenant":         {1, 20},
		"as many tenants as workers":          {workers, 1},
		"more tenants than there are places":  {80, 1},
		"some tenants with all they may have": {4, 20},
	} {
		t.Run(name, func(t *testing.T) {
			inOutage(t, webhooks.Options{Workers: workers}, func(o *outage) {
				o.tenant("good")
				for i := range c.tenants {
					id := engine.TenantID(fmt.Sprint("hanging", i))
					o.tenant(id)
					for range c.each {
						o.endpoint(id, "hang.example", hang)
					}
					for s := range 6 {
						o.event(id, fmt.Sprint("s", s), s)
					}
				}
				// One that is new, one that has been well: neither waits.
				o.endpoint("good", "good.example", well)
				n := 0
				for _, pause := range []time.Duration{0, 500 * time.Millisecond, 700 * time.Millisecond, 2 * time.Second, 5 * time.Second,
					6 * time.Second, 500 * time.Millisecond, 10 * time.Second, 30 * time.Second, 5 * time.Minute} {
					<-time.After(pause)
					began := time.Now()
					o.event("good", "main", n)
					n++
					<-time.After(2 * time.Second)
					got := o.arrived("good.example")
					if len(got) != n {
						t.Fatalf("event %d did not come within two seconds", n)
					}
					if took := got[n-1].at.Sub(began); took > 1750*time.Millisecond {
						t.Errorf("event %d took %v", n, took)
					}
				}
				if o.tried("hang.example") < min(workers, c.tenants*c.each) {
					t.Errorf("only %d tries hang: the test shows nothing", o.tried("hang.example"))
				}
			})
		})
	}
}

// A tenant has at most its share under way, also with many endpoints that answer,
// slowly.
func TestTenantHasItsShare(t *testing.T) {
	inOutage(t, webhooks.Options{PerTenant: 7}, func(o *outage) {
		o.tenant("a")
		under, most := make(chan int, 1), 0
		under <- 0
		slow := func(r *http.Request) (int, error) {
			n := <-under
			most = max(most, n+1)
			under <- n + 1
			<-time.After(3 * time.Second)
			under <- <-under - 1
			return 200, nil
		}
		const endpoints, sessions = 10, 5
		for range endpoints {
			o.endpoint("a", "slow.example", slow)
		}
		for s := range sessions {
			o.event("a", fmt.Sprint("s", s), s)
		}
		<-time.After(time.Minute)
		<-under
		if got := len(o.arrived("slow.example")); got != endpoints*sessions || most != 7 {
			t.Errorf("%d arrived, %d at once, want 7", got, most)
		}
	})
}

// A receiver that says yes and never ends its answer is done with after a second.
func TestEndlessAnswerIsCutShort(t *testing.T) {
	b := newBench(t)
	url, _ := receiver(t, func(w http.ResponseWriter, r *http.Request, _ post) {
		w.WriteHeader(200)
		fmt.Fprint(w, "and so")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	b.endpoint("a", url, "")
	began := time.Now()
	b.run(b.store, nil, webhooks.Options{})
	b.event("a", "main", 0)
	b.await("it is delivered", func() bool { return b.deliveries("a")[0].State == webhooks.DeliveryDelivered })
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	attempts, err := b.store.ListAttempts(t.Context(), "a", b.deliveries("a")[0].ID)
	b.must(err)
	if len(attempts) != 1 || attempts[0].Body != "and so" {
		t.Errorf("attempts %+v", attempts)
	}
}
