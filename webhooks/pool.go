package webhooks

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"wapid/engine"
)

const (
	// settle is how long a receiver may take until its delivery no longer counts
	// as one that is about to end.
	settle = 250 * time.Millisecond
	// leastPatience is how long every receiver may take, whatever waits.
	leastPatience = time.Second
)

// errPressed ends a try that hangs while others can't begin.
var errPressed = errors.New("cut off, as too many receivers hang")

// pool counts the goroutines that deliver. Receivers that hang must not hold up
// those that answer, so there are two kinds of places: `most` for deliveries of
// endpoints that are well, each of which gives its place back after the time to
// settle at the latest, and others, where those go that last longer and where the
// deliveries of endpoints that fail begin.
type pool struct {
	most, all int             // places for what is fresh, and for everything
	ended     chan<- struct{} // hinted after a place has become free

	mu    sync.Mutex
	fresh int
	tries []*try // under way, in the order in which they began
	// tenants counts them by their tenant.
	tenants map[engine.TenantID]int
	wg      sync.WaitGroup
}

// try is one delivery under way. The pool's lock guards it.
type try struct {
	tenant engine.TenantID
	fresh  bool
	// doubtful is of an endpoint that fails or has never answered well.
	doubtful bool
	late     bool // it has lasted for leastPatience
	cut      context.CancelCauseFunc
}

// room says how many deliveries may begin now, of endpoints that are well and of
// endpoints that fail, and how many more until half of all places are taken.
func (p *pool) room() (healthy, failing, spare int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	total := len(p.tries)
	healthy = max(0, min(p.most-p.fresh, p.all-total))
	failing = max(0, p.all-p.most-(total-p.fresh))
	return healthy, failing, max(0, p.all/2-total)
}

// stirring tells whether something is under way that will end or settle within the
// time to settle.
func (p *pool) stirring() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fresh > 0
}

// of says how many tries of a tenant are under way.
func (p *pool) of(tenant engine.TenantID) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tenants[tenant]
}

// start runs fn in a place that the caller has seen free, or is about to give up. fn's
// context ends with ctx, or with errPressed. fn tells whether its place was offered to
// who could have it: then nobody needs a hint that it is free.
func (p *pool) start(ctx context.Context, e Endpoint, fn func(ctx context.Context) (offered bool)) {
	failing := e.Circuit.Failures > 0
	ctx, cut := context.WithCancelCause(ctx)
	t := &try{tenant: e.Tenant, fresh: !failing, doubtful: failing || !e.Proven, cut: cut}
	p.mu.Lock()
	if p.tenants == nil {
		p.tenants = make(map[engine.TenantID]int)
	}
	p.tenants[t.tenant]++
	p.tries = append(p.tries, t)
	if t.fresh {
		p.fresh++
	}
	p.mu.Unlock()
	aging := time.AfterFunc(settle, func() { p.age(t, false) })
	overdue := time.AfterFunc(leastPatience, func() { p.age(t, true) })
	p.wg.Go(func() {
		defer cut(nil)
		defer aging.Stop()
		defer overdue.Stop()
		if offered := fn(ctx); p.end(t) || !offered {
			hint(p.ended)
		}
	})
}

// age moves a try that lasts to the other places.
func (p *pool) age(t *try, late bool) {
	p.mu.Lock()
	t.late = late
	if t.fresh {
		t.fresh = false
		p.fresh--
	}
	p.mu.Unlock()
	hint(p.ended)
}

// end gives a try's place back. It tells whether others may have waited for it.
func (p *pool) end(t *try) (scarce bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	scarce = len(p.tries) > p.all/2 || p.fresh >= p.most
	if t.fresh {
		t.fresh = false
		p.fresh--
	}
	if i := slices.Index(p.tries, t); i >= 0 {
		p.tries = slices.Delete(p.tries, i, i+1)
	}
	if p.tenants[t.tenant]--; p.tenants[t.tenant] == 0 {
		delete(p.tenants, t.tenant)
	}
	return scarce
}

// press makes room when every place is taken: of the tries of doubtful endpoints
// that are late, it ends as many as there are places for what is fresh, those that
// began first.
func (p *pool) press() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.tries) < p.all {
		return
	}
	left := p.most
	for _, t := range p.tries {
		if left > 0 && t.doubtful && t.late {
			t.cut(errPressed)
			left--
		}
	}
}

func (p *pool) wait() { p.wg.Wait() }
