package webhooks

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxAttempts is how often a delivery is tried before it is dead: over about
// 24 hours.
const MaxAttempts = 11

// MaxRetryWait caps what a receiver may ask for, so that it can't park a
// delivery for ever, and at start what a clock that was ahead has left.
const MaxRetryWait = 8 * time.Hour

// waitAfter is the wait after the n-th failure, before jitter.
var waitAfter = [MaxAttempts]time.Duration{
	1:  5 * time.Second,
	2:  30 * time.Second,
	3:  2 * time.Minute,
	4:  10 * time.Minute,
	5:  30 * time.Minute,
	6:  1 * time.Hour,
	7:  2 * time.Hour,
	8:  4 * time.Hour,
	9:  8 * time.Hour,
	10: 8 * time.Hour,
}

// retryDelay is how long to wait after a delivery failed for the failures-th
// time (1 for the first); again is false when it is to be given up. random is
// drawn from [0, 1) and spreads the wait by a fifth either way, so that what
// failed together does not come back together. A receiver's own wish, asked, is
// a lower bound, up to 8 hours.
func retryDelay(failures int, asked time.Duration, random float64) (wait time.Duration, again bool) {
	if failures < 1 || failures >= MaxAttempts {
		return 0, false
	}
	wait = time.Duration(float64(waitAfter[failures]) * (0.8 + 0.4*random))
	return max(wait, min(asked, MaxRetryWait)), true
}

// retryAfter reads a Retry-After header, in seconds or as a date; 0 if it is
// missing, in the past or not understood.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
