package engine

import (
	"context"
	"sync"
	"time"
)

// limitPatience is how long a send that finds its tenant's day used up waits for
// others that are under way and may give their share of it back.
const limitPatience = 10 * time.Second

// shares are the sends under way that hold, or are about to take, a share of
// their tenant's day. The zero value has none.
type shares struct {
	mu       sync.Mutex
	byTenant map[TenantID]*tenantShares // never shrinks: it is as large as the list of tenants
}

type tenantShares struct {
	held     map[*share]struct{}
	returned int // how many were ever given back
}

// share is one send's.
type share struct {
	of     *shares
	tenant TenantID
	before int           // shares of the tenant that had been given back when it began
	over   chan struct{} // closed at its end
}

func (s *shares) begin(tenant TenantID) *share {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byTenant == nil {
		s.byTenant = make(map[TenantID]*tenantShares)
	}
	all := s.byTenant[tenant]
	if all == nil {
		all = &tenantShares{held: make(map[*share]struct{})}
		s.byTenant[tenant] = all
	}
	one := &share{of: s, tenant: tenant, before: all.returned, over: make(chan struct{})}
	all.held[one] = struct{}{}
	return one
}

// end tells whether the share was given back, as nothing was sent.
func (one *share) end(returned bool) {
	one.of.mu.Lock()
	defer one.of.mu.Unlock()
	all := one.of.byTenant[one.tenant]
	delete(all.held, one)
	if returned {
		all.returned++
	}
	close(one.over)
}

// awaitReturn is true as soon as a share of the same tenant is given back that was
// held since this one began, and false once no such share can be any more, or if
// ctx has ended. It must have ended itself.
func (one *share) awaitReturn(ctx context.Context) bool {
	one.of.mu.Lock()
	all := one.of.byTenant[one.tenant]
	others := make([]*share, 0, len(all.held))
	for other := range all.held {
		others = append(others, other)
	}
	one.of.mu.Unlock()
	for _, other := range others {
		if one.anyReturned() {
			break
		}
		select {
		case <-other.over:
		case <-ctx.Done():
			return false
		}
	}
	return ctx.Err() == nil && one.anyReturned()
}

func (one *share) anyReturned() bool {
	one.of.mu.Lock()
	defer one.of.mu.Unlock()
	return one.of.byTenant[one.tenant].returned > one.before
}

// reserve writes a message down with its share of the tenant's day. At the limit
// it waits for the sends that may give theirs back: a number that is not on
// WhatsApp costs nothing, also those who were sent beside it. The share is the
// caller's to end; it is nil after an error.
func (w *worker) reserve(ctx context.Context, r Reservation) (Reserved, *share, error) {
	var patience context.Context
	for {
		mine := w.engine.shares.begin(w.key.Tenant)
		found, err := w.engine.store.ReserveMessage(ctx, r)
		if err == nil {
			return found, mine, nil
		}
		mine.end(false)
		if CodeOf(err) != CodeSentLimit {
			return Reserved{}, nil, err
		}
		if patience == nil {
			var cancel context.CancelFunc
			patience, cancel = context.WithTimeout(ctx, limitPatience)
			defer cancel()
		}
		if !mine.awaitReturn(patience) {
			return Reserved{}, nil, err
		}
	}
}
