package webhooks

import "time"

// Numbers of the circuit breaker.
const (
	openAfter    = 5                // tries that failed in a row open the circuit
	firstProbe   = 30 * time.Second // the wait before the first probe, doubled after each that fails
	longestProbe = 5 * time.Minute  // also the longest that a receiver's Retry-After holds back all of an endpoint
	giveUpAfter  = 5 * 24 * time.Hour
	// MaxHold is the longest that nothing of an endpoint is tried: longestProbe and
	// its spread. A time further off was set before the clock went back.
	MaxHold = longestProbe * 6 / 5
	// silence between two failures after which the second begins a new count
	// towards giveUpAfter: an endpoint that hardly gets events must not be disabled
	// for two failures that are a week apart.
	silence = 24 * time.Hour
	// backlogAfter is how long an endpoint must have failed for what waits to be
	// brought forward when it is well again. After less, the retries are due soon
	// by themselves; and events that a receiver can't take, five of which open the
	// circuit as well, must not use up their tries within minutes.
	backlogAfter = time.Minute
)

// Circuit is what an endpoint's last tries have shown. While it is open, only one
// delivery at a time is tried, as a probe, and not before HeldUntil; what waits
// meanwhile keeps its tries and its place. The zero value is a closed circuit.
type Circuit struct {
	Failures     int       // tries that failed in a row, over all deliveries
	FailingSince time.Time // when the first of them ended; zero while there is none
	FailedAt     time.Time // when the last of them ended
	OpenedAt     time.Time // zero while it is closed
	HeldUntil    time.Time // nothing is tried before; zero for no such time
	Probes       int       // probes that failed since it opened
}

// Open tells whether the circuit is open.
func (c Circuit) Open() bool { return !c.OpenedAt.IsZero() }

// Fail is the circuit after a try that failed. asked is what the receiver wished
// for with Retry-After if it refused because of its load, else 0; random is drawn
// from [0, 1) and spreads the probes by a fifth either way.
func (c Circuit) Fail(a Attempt, asked time.Duration, random float64) Circuit {
	end := a.At.Add(a.Duration)
	c = c.rewound(a)
	if c.FailingSince.IsZero() || end.Sub(c.FailedAt) > silence {
		c.FailingSince = end
	}
	c.Failures++
	c.FailedAt = end
	var wait time.Duration
	switch {
	case c.Open() && a.At.Before(c.OpenedAt): // no probe: it was under way when the circuit opened
	case c.Open():
		c.Probes++
		wait = probeWait(c.Probes, random)
	case c.Failures >= openAfter:
		c.OpenedAt = end
		wait = probeWait(0, random)
	}
	if until := end.Add(max(wait, min(asked, longestProbe))); until.After(end) && until.After(c.HeldUntil) {
		c.HeldUntil = until
	}
	return c
}

// rewound is the circuit as it can be at the end of a try: what it remembers from
// further ahead was before the clock went back, and counts from this try on.
func (c Circuit) rewound(a Attempt) Circuit {
	end := a.At.Add(a.Duration)
	if c.HeldUntil.Sub(end) > MaxHold {
		c.HeldUntil = time.Time{}
	}
	if c.OpenedAt.Sub(end) > sendTimeout { // by less, it may have been under way when the circuit opened
		c.OpenedAt = a.At
	}
	if c.FailingSince.After(end) {
		c.FailingSince = end
	}
	return c
}

// probeWait is the time before the next probe after so many that failed.
func probeWait(probes int, random float64) time.Duration {
	wait := longestProbe
	if probes < 4 { // 30 s, 1, 2, 4 minutes
		wait = firstProbe << probes
	}
	return time.Duration(float64(wait) * (0.8 + 0.4*random))
}

// Exhausted tells whether an endpoint has failed for so long that it is to be
// disabled.
func (c Circuit) Exhausted() bool {
	return !c.FailingSince.IsZero() && c.FailedAt.Sub(c.FailingSince) >= giveUpAfter
}

// BringsForward tells whether a success at a time ends an outage that was long
// enough for all that waits to be tried again at once.
func (c Circuit) BringsForward(at time.Time) bool {
	return c.Open() && at.Sub(c.FailingSince) >= backlogAfter
}
