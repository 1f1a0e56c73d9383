package engine

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// allowance bounds how many numbers each session asks the network for: so many at
// once, and then so many a minute. It is safe for concurrent use.
type allowance struct {
	limiters *lru.Cache[SessionKey, *rate.Limiter]
	perMin   int
	atOnce   int
}

// newAllowance makes an allowance of which nothing has been used.
func newAllowance(perMinute, atOnce int) *allowance {
	// New fails only without a size.
	limiters, _ := lru.New[SessionKey, *rate.Limiter](maxKnownNumbers)
	return &allowance{limiters: limiters, perMin: perMinute, atOnce: atOnce}
}

// admit takes count numbers, which are at most a.atOnce, from what the session may
// ask for now. It returns CodeRateLimited with the time after which they would be
// admitted. undo gives them back if they were not asked for after all.
func (a *allowance) admit(key SessionKey, count int, now time.Time) (undo func(), err error) {
	fresh := rate.NewLimiter(rate.Limit(float64(a.perMin)/60), a.atOnce)
	limiter, ok, _ := a.limiters.PeekOrAdd(key, fresh)
	if !ok {
		limiter = fresh
	}
	a.limiters.Get(key) // sessions that ask are the last to be forgotten
	turn := limiter.ReserveN(now, count)
	if wait := turn.DelayFrom(now); wait > 0 {
		turn.CancelAt(now)
		return nil, &Error{
			Code: CodeRateLimited, RetryAfter: wait,
			Message: "the session asks for too many numbers; nothing was asked",
		}
	}
	return func() { turn.CancelAt(now) }, nil
}
