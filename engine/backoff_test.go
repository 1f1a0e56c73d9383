package engine

import (
	"testing"
	"time"
)

func TestBackoffDelay(t *testing.T) {
	small := Backoff{Base: 100 * time.Millisecond, Max: time.Second}
	for _, c := range []struct {
		b        Backoff
		failures int
		low      time.Duration // with random 0
		high     time.Duration // just below it: random towards 1
	}{
		{Backoff{}, 0, 0, time.Second},
		{Backoff{}, -1, 0, time.Second},
		{Backoff{}, 1, time.Second, 2 * time.Second},
		{Backoff{}, 2, 2 * time.Second, 4 * time.Second},
		{Backoff{}, 8, 128 * time.Second, 256 * time.Second},
		{Backoff{}, 9, 150 * time.Second, 300 * time.Second},
		{Backoff{}, 1 << 30, 150 * time.Second, 300 * time.Second},
		{small, 0, 0, 100 * time.Millisecond},
		{small, 3, 400 * time.Millisecond, 800 * time.Millisecond},
		{small, 4, 500 * time.Millisecond, time.Second},
		{Backoff{Base: time.Minute, Max: time.Second}, 1, 500 * time.Millisecond, time.Second},
	} {
		if got := c.b.delay(c.failures, 0); got != c.low {
			t.Errorf("%+v after %d failures: at least %v, want %v", c.b, c.failures, got, c.low)
		}
		if got := c.b.delay(c.failures, 0.999999); got >= c.high || got < c.high*9/10 {
			t.Errorf("%+v after %d failures: at most %v, want just below %v", c.b, c.failures, got, c.high)
		}
	}
}
