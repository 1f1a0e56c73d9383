package webhooks_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// bench is a real store with tenants, and a dispatcher on demand.
type bench struct {
	t     *testing.T
	path  string
	store *store.Store
	clock *clock
}

// clock is moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	c.mu.Unlock()
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, path: filepath.Join(t.TempDir(), store.FileName), clock: &clock{now: time.Now().Truncate(time.Second)}}
	b.open()
	t.Cleanup(func() { b.must(b.store.Close()) })
	return b
}

func (b *bench) open() {
	s, err := store.Open(context.Background(), b.path, store.Options{Clock: b.clock.Now})
	b.must(err)
	b.store = s
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// endpoint makes a tenant whose webhook is url.
func (b *bench) endpoint(tenant engine.TenantID, url, secret string) {
	b.t.Helper()
	b.must(b.store.InsertTenant(context.Background(), engine.Tenant{ID: tenant, Name: string(tenant), CreatedAt: b.clock.Now()}))
	_, err := b.store.PutEndpoint(context.Background(), tenant, url, secret)
	b.must(err)
}

func (b *bench) event(tenant engine.TenantID, session engine.SessionID, n int) {
	b.t.Helper()
	b.must(b.store.AppendEvent(context.Background(), engine.Event{
		Session: engine.SessionKey{Tenant: tenant, ID: session}, Type: engine.EventMessage,
		At: b.clock.Now(), Data: fmt.Appendf(nil, `{"n":%d}`, n),
	}))
}

func (b *bench) deliveries(tenant engine.TenantID) []webhooks.Delivery {
	b.t.Helper()
	all, err := b.store.ListDeliveries(context.Background(), tenant, 0, 10000)
	b.must(err)
	return all
}

// run starts a dispatcher; stop ends it and waits.
func (b *bench) run(s webhooks.Store, log *zap.Logger, o webhooks.Options) (d *webhooks.Dispatcher, stop func()) {
	b.t.Helper()
	loopback := netip.MustParsePrefix("127.0.0.0/8")
	o.Clock = b.clock.Now
	o.Rand = func() float64 { return 0.5 }
	d = webhooks.New(s, webhooks.NewGuard([]netip.Prefix{loopback}), log, o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				b.t.Errorf("run: %v", err)
			}
		case <-time.After(patience):
			b.t.Error("the dispatcher does not stop")
		}
	})
	b.t.Cleanup(stop)
	return d, stop
}

// await polls for what the dispatcher does after the receiver was answered.
func (b *bench) await(what string, ok func() bool) {
	b.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			b.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// post is one request that a receiver got.
type post struct {
	header  http.Header
	body    []byte
	session string
	n       int
}

// receiver answers each request with what answer says and passes it on.
func receiver(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, p post)) (url string, got <-chan post) {
	posts := make(chan post, 10000)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := post{header: r.Header.Clone()}
		p.body, _ = io.ReadAll(r.Body)
		var in struct {
			SessionID string
			Data      struct{ N int }
		}
		if err := json.Unmarshal(p.body, &in); err != nil || r.Method != http.MethodPost {
			t.Errorf("%s with %s: %v", r.Method, p.body, err)
		}
		p.session, p.n = in.SessionID, in.Data.N
		if answer != nil {
			answer(w, r, p)
		}
		posts <- p
	}))
	t.Cleanup(srv.Close)
	return srv.URL, posts
}

func next(t *testing.T, got <-chan post) post {
	t.Helper()
	select {
	case p := <-got:
		return p
	case <-time.After(patience):
		t.Fatal("no delivery")
		return post{}
	}
}

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
		early, err := b.store.ClaimDeliveries(context.Background(), b.clock.Now().Add(wait-time.Millisecond), 10, 10)
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
		"refused by the guard": {"http://10.0.0.1/", "address not allowed", 0, 5 * time.Second},
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

// What a crash left in sending is sent again, in its old place in line.
func TestStartReleasesWhatACrashLeft(t *testing.T) {
	b := newBench(t)
	url, got := receiver(t, nil)
	b.endpoint("a", url, "")
	for i := range 3 {
		b.event("a", "main", i)
	}
	claims, err := b.store.ClaimDeliveries(context.Background(), b.clock.Now(), 10, 10)
	b.must(err)
	if len(claims) != 1 {
		t.Fatalf("%d claims of one line", len(claims))
	}
	b.must(b.store.Close())
	b.open()
	b.run(b.store, nil, webhooks.Options{})
	for i := range 3 {
		if p := next(t, got); p.n != i {
			t.Fatalf("got %d, want %d", p.n, i)
		}
	}
}

// Stopping cuts off what does not end by itself and hands it back untried.
func TestStopHandsBack(t *testing.T) {
	b := newBench(t)
	began := make(chan struct{})
	url, _ := receiver(t, func(_ http.ResponseWriter, r *http.Request, _ post) {
		close(began)
		<-r.Context().Done()
	})
	b.endpoint("a", url, "")
	b.event("a", "main", 0)
	_, stop := b.run(b.store, nil, webhooks.Options{Grace: 10 * time.Millisecond})
	<-began
	stop()
	if d := b.deliveries("a")[0]; d.State != webhooks.DeliveryPending || d.Attempts != 0 {
		t.Errorf("got %+v", d)
	}
}

// A delivery under way at the stop that ends within the grace counts.
func TestStopLetsDeliveriesEnd(t *testing.T) {
	b := newBench(t)
	began, release := make(chan struct{}), make(chan struct{})
	url, _ := receiver(t, func(http.ResponseWriter, *http.Request, post) {
		close(began)
		<-release
	})
	b.endpoint("a", url, "")
	b.event("a", "main", 0)
	b.event("a", "main", 1)
	_, stop := b.run(b.store, nil, webhooks.Options{Grace: patience})
	<-began
	stopped := make(chan struct{})
	go func() { defer close(stopped); stop() }()
	select {
	case <-stopped:
		t.Fatal("stopped with a delivery under way")
	default:
	}
	close(release)
	<-stopped
	all := b.deliveries("a")
	if all[0].State != webhooks.DeliveryDelivered || all[1].State != webhooks.DeliveryPending || all[1].Attempts != 0 {
		t.Errorf("got %+v", all)
	}
}

// broken is a store whose claims fail.
type broken struct {
	*store.Store
	mu    sync.Mutex
	calls int
}

func (s *broken) ClaimDeliveries(context.Context, time.Time, int, int) ([]webhooks.Claim, error) {
	s.mu.Lock()
	s.calls++
	s.mu.Unlock()
	return nil, engine.WrapError(engine.CodeStorage, errors.New("disk"), "the database did not answer")
}

func (s *broken) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func TestBrokenStoreIsNotHammered(t *testing.T) {
	b := newBench(t)
	b.endpoint("a", "http://127.0.0.1:1/", "")
	s := &broken{Store: b.store}
	core, logged := observer.New(zapcore.ErrorLevel)
	began := time.Now()
	d, stop := b.run(s, zap.New(core), webhooks.Options{Poll: 30 * time.Millisecond})
	b.await("a few polls", func() bool {
		d.Nudge() // hints must not shorten the wait
		b.event("a", "main", 0)
		return s.count() >= 4
	})
	stop()
	if most := int(time.Since(began)/(30*time.Millisecond)) + 2; s.count() > most {
		t.Errorf("%d claims, at most %d fit into the time", s.count(), most)
	}
	if logged.Len() == 0 {
		t.Error("nothing was logged")
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
