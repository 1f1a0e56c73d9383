package store

import (
	"sync"

	"wapid/engine"
)

// audience tells listeners that something was added to their tenant's log. It is
// safe for concurrent use but for noted, which is the writer's own.
type audience struct {
	noted []engine.TenantID // whose events the batch under way appends
	// types are those of the events that the batch under way appends, as long as nothing
	// is rolled back; the first marked of them are of callers who have ended.
	types    []appendix
	marked   int
	appended func(engine.EventType, engine.TenantID) // nil for nobody

	mu        sync.Mutex
	listeners map[engine.TenantID]map[*Listener]struct{}
}

// appendix is what is counted of an event.
type appendix struct {
	event  engine.EventType
	tenant engine.TenantID
}

// Listener gets a hint after every commit that has added to a tenant's log. Hints
// don't pile up: one stands for all since the last was taken. Whoever reads the log
// after Listen, and again after each hint, misses nothing.
type Listener struct {
	audience *audience
	tenant   engine.TenantID
	hints    chan struct{}
}

// Listen begins to hint at what is added to a tenant's log. The caller owns the
// listener and closes it.
func (s *Store) Listen(tenant engine.TenantID) *Listener {
	l := &Listener{audience: &s.audience, tenant: tenant, hints: make(chan struct{}, 1)}
	a := l.audience
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.listeners == nil {
		a.listeners = make(map[engine.TenantID]map[*Listener]struct{})
	}
	if a.listeners[tenant] == nil {
		a.listeners[tenant] = make(map[*Listener]struct{})
	}
	a.listeners[tenant][l] = struct{}{}
	return l
}

// Hints is never closed.
func (l *Listener) Hints() <-chan struct{} { return l.hints }

// Close ends the hints. Twice is once.
func (l *Listener) Close() {
	a := l.audience
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.listeners[l.tenant], l)
	if len(a.listeners[l.tenant]) == 0 {
		delete(a.listeners, l.tenant)
	}
}

// note remembers that the transaction under way adds to a tenant's log. It is
// called on the writer's goroutine, whether somebody listens or not: who begins to
// listen before the commit has to hear of it.
func (a *audience) note(tenant engine.TenantID, t engine.EventType) {
	if a.appended != nil {
		a.types = append(a.types, appendix{t, tenant})
	}
	if n := len(a.noted); n == 0 || a.noted[n-1] != tenant {
		a.noted = append(a.noted, tenant)
	}
}

// committed hints at what was noted. It is called on the writer's goroutine after
// every batch, also one that failed: a hint too many does no harm.
func (a *audience) committed(failed bool) {
	if !failed {
		for _, t := range a.types {
			a.appended(t.event, t.tenant)
		}
	}
	a.types = a.types[:0]
	if len(a.noted) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, tenant := range a.noted {
		for l := range a.listeners[tenant] {
			select {
			case l.hints <- struct{}{}:
			default:
			}
		}
	}
	a.noted = a.noted[:0]
}

// mark notes that the next caller's transaction begins.
func (a *audience) mark() { a.marked = len(a.types) }

// undone forgets events that were rolled back.
func (a *audience) undone(all bool) {
	if all {
		a.marked = 0
	}
	a.types = a.types[:a.marked]
}
