package webhooks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// plenty is room for all that tests have.
var plenty = webhooks.Room{Healthy: 100, Failing: 100, PerEndpoint: 10, PerTenant: 1000}

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
