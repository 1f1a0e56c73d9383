package httpapi

import (
	"testing"
	"time"

	"wapid/store"
)

func TestAnHourTakesSoManyRequests(t *testing.T) {
	h, now := newHourly(3), time.Unix(1_700_000_000, 0)
	for i, c := range []struct {
		key    string
		after  time.Duration
		passed bool
		left   int
		ends   time.Duration
	}{
		{"a", 0, true, 2, time.Hour},
		{"a", 20 * time.Minute, true, 1, time.Hour},
		{"a", 40 * time.Minute, true, 0, time.Hour},
		{"a", 59 * time.Minute, false, 0, time.Hour},
		{"b", 59 * time.Minute, true, 2, 119 * time.Minute},
		{"a", time.Hour, true, 2, 2 * time.Hour},
	} {
		passed, left, ends := h.count(store.KeyID(c.key), now.Add(c.after))
		if passed != c.passed || left != c.left || ends != now.Add(c.ends) {
			t.Errorf("%d: %v, %d left until %v", i, passed, left, ends.Sub(now))
		}
	}
}
