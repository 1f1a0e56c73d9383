package engine

import "time"

// Backoff spaces the attempts to connect. The zero value uses one second and
// five minutes.
type Backoff struct {
	Base time.Duration // upper bound of the first delay
	Max  time.Duration // upper bound of every delay
}

// delay is how long to wait after the given number of failures in a row. random
// is in [0,1). The first delay lies between nothing and Base, so that sessions
// that lost their sockets together come back apart; every later one lies in the
// upper half of Base × 2ⁿ, at most Max.
func (b Backoff) delay(failures int, random float64) time.Duration {
	base, limit := b.Base, b.Max
	if base <= 0 {
		base = time.Second
	}
	if limit <= 0 {
		limit = 5 * time.Minute
	}
	if failures <= 0 {
		return time.Duration(random * float64(base))
	}
	d := base
	for range failures {
		if d *= 2; d >= limit {
			d = limit
			break
		}
	}
	return d/2 + time.Duration(random*float64(d/2))
}
