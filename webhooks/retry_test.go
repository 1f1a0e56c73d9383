package webhooks

import (
	"net/http"
	"testing"
	"time"
)

func TestRetryDelay(t *testing.T) {
	for name, c := range map[string]struct {
		failures int
		asked    time.Duration
		random   float64
		want     time.Duration
		again    bool
	}{
		"first, middle":         {1, 0, 0.5, 5 * time.Second, true},
		"first, least":          {1, 0, 0, 4 * time.Second, true},
		"second, three fourths": {2, 0, 0.75, 33 * time.Second, true},
		"asked for more":        {1, time.Minute, 0.5, time.Minute, true},
		"asked for less":        {3, time.Minute, 0.5, 2 * time.Minute, true},
		"asked for a year":      {1, 365 * 24 * time.Hour, 0.5, 8 * time.Hour, true},
		"last wait":             {10, 0, 0.5, 8 * time.Hour, true},
		"given up":              {11, time.Hour, 0.5, 0, false},
		"beyond":                {99, 0, 0.5, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			wait, again := retryDelay(c.failures, c.asked, c.random)
			if (wait-c.want).Abs() > time.Microsecond || again != c.again {
				t.Errorf("got %v %v, want %v %v", wait, again, c.want, c.again)
			}
		})
	}
	var all time.Duration
	for n := 1; n < MaxAttempts; n++ {
		wait, again := retryDelay(n, 0, 0.5)
		if !again {
			t.Fatalf("given up after %d", n)
		}
		all += wait
	}
	if all < 23*time.Hour || all > 25*time.Hour {
		t.Errorf("the schedule lasts %v, documented as about 24 h", all)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              0,
		"120":                           2 * time.Minute,
		" 7 ":                           7 * time.Second,
		"-3":                            0,
		"1.5":                           0,
		"99999999999999":                0,
		"Fri, 20 Nov 2026 12:00:30 GMT": 30 * time.Second,
		"Fri, 20 Nov 2026 11:00:00 GMT": 0,
		"soon":                          0,
	} {
		h := http.Header{}
		h.Set("Retry-After", value)
		if got := retryAfter(h, now); got != want {
			t.Errorf("%q: got %v, want %v", value, got, want)
		}
	}
}
