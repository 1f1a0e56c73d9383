package httpapi

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

	"wapid/engine"
)

// Places for requests that are at a file of theirs: fetching, looking into it, or
// taking one. A tenant has a share of them, so that one whose URLs don't answer
// keeps only itself waiting.
const (
	mostFiles       = 64
	mostTenantFiles = 16
)

// shares hands out places, some of them at most to one tenant. It is safe for
// concurrent use, and remembers the tenants that wait or have a place.
type shares struct {
	all  *semaphore.Weighted
	each int64

	mu      sync.Mutex
	tenants map[engine.TenantID]*share
}

// share is what one tenant may have.
type share struct {
	places *semaphore.Weighted
	users  int // requests that wait for a place or have one
}

func newShares(all, each int64) *shares {
	return &shares{all: semaphore.NewWeighted(all), each: each, tenants: make(map[engine.TenantID]*share)}
}

// enter waits for a place, which leave gives back. It returns the cause of the
// context's end.
func (s *shares) enter(ctx context.Context, t engine.TenantID) (leave func(), err error) {
	own := s.join(t)
	if err := own.places.Acquire(ctx, 1); err != nil {
		s.part(t)
		return nil, context.Cause(ctx)
	}
	if err := s.all.Acquire(ctx, 1); err != nil {
		own.places.Release(1)
		s.part(t)
		return nil, context.Cause(ctx)
	}
	return func() {
		s.all.Release(1)
		own.places.Release(1)
		s.part(t)
	}, nil
}

func (s *shares) join(t engine.TenantID) *share {
	s.mu.Lock()
	defer s.mu.Unlock()
	own, known := s.tenants[t]
	if !known {
		own = &share{places: semaphore.NewWeighted(s.each)}
		s.tenants[t] = own
	}
	own.users++
	return own
}

func (s *shares) part(t engine.TenantID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tenants[t].users--; s.tenants[t].users == 0 {
		delete(s.tenants, t)
	}
}
