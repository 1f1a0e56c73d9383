package bulk

import (
	"testing"
	"time"
)

func TestDelaysAreTheirItems(t *testing.T) {
	const low, high = 1000 * time.Millisecond, 3000 * time.Millisecond
	const id JobID = "65f1a2b3c4d5e6f7a8b9c0d1"
	var sum time.Duration
	least, most := high, low
	const n = 10_000
	for i := range n {
		d := delayAfter(id, i, low, high)
		if d < low || d > high {
			t.Fatalf("the delay behind item %d is %v", i, d)
		}
		if again := delayAfter(id, i, low, high); again != d {
			t.Fatalf("item %d has the delays %v and %v", i, d, again)
		}
		sum, least, most = sum+d, min(least, d), max(most, d)
	}
	if mean := sum / n; mean < 1980*time.Millisecond || mean > 2020*time.Millisecond || least > low+10*time.Millisecond || most < high-10*time.Millisecond {
		t.Errorf("delays are from %v to %v, %v in the mean", least, most, mean)
	}
	if a, b := delayAfter(id, 7, low, high), delayAfter("75f1a2b3c4d5e6f7a8b9c0d1", 7, low, high); a == b {
		t.Errorf("two jobs have the same delay %v", a)
	}
	if d := delayAfter(id, 1, 5, 5); d != 5 {
		t.Errorf("equal bounds give %v", d)
	}
	// What an item waits must not change with a new version of this program either.
	if d := delayAfter(id, 0, low, high); d != 2572130552 {
		t.Errorf("the delay behind the first item is %d", d)
	}
}

func TestNextDueDoesNotDrift(t *testing.T) {
	at := func(s float64) time.Time {
		return time.Unix(1708243200, 0).Add(time.Duration(s * float64(time.Second)))
	}
	for name, c := range map[string]struct{ due, now, delay, want float64 }{
		"at once":             {0, 0, 4, 4},
		"slow send":           {0, 1.5, 4, 4},
		"almost a pause":      {0, 4, 4, 8 - 4},
		"fell behind":         {0, 4.5, 4, 8.5},
		"fell far behind":     {0, 3600, 4, 3604},
		"no pause":            {0, 1, 0, 1},
		"the clock went back": {100, 0, 4, 4},
	} {
		got := nextDue(at(c.due), at(c.now), time.Duration(c.delay*float64(time.Second)))
		if !got.Equal(at(c.want)) {
			t.Errorf("%s: %v after the start, want %vs", name, got.Sub(at(0)), c.want)
		}
	}
}

func TestRetryPauses(t *testing.T) {
	for attempts, want := range map[int]time.Duration{1: 2 * time.Second, 2: 4 * time.Second, 5: 32 * time.Second, 6: time.Minute, 100: time.Minute} {
		if got := retryPause(attempts); got != want {
			t.Errorf("after %d attempts: %v, want %v", attempts, got, want)
		}
	}
}
