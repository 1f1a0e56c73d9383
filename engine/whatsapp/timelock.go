package whatsapp

import (
	"time"

	"wapid/engine"
)

// timelock is what is known of the account's reach-out timelock: while it is in
// force, WhatsApp refuses messages to people who have not written first.
type timelock struct {
	active bool
	until  time.Time // zero if WhatsApp did not say
}

func (t timelock) inForce(now time.Time) bool {
	return t.active && (t.until.IsZero() || now.Before(t.until))
}

// timelocked reports that the timelock has begun, changed or ended. WhatsApp
// repeats itself with every message that it refuses; the session is told once.
func (l *link) timelocked(active bool, until time.Time) {
	c := l.conn
	c.mu.Lock()
	news := timelock{active, until}
	if !l.over && news != c.timelock {
		c.timelock = news
		c.post(engine.SignalRestricted{
			Restriction: engine.Restriction{Kind: engine.RestrictionReachout, Until: until}, Lifted: !active,
		})
	}
	c.mu.Unlock()
	c.flush()
}

// noteTimelock reports a timelock that a refused message (463) tells of, unless
// it is known already. It returns how long it still lasts, 0 if that is unknown.
func (l *link) noteTimelock() time.Duration {
	c := l.conn
	now := c.net.opts.Clock()
	c.mu.Lock()
	known := c.timelock
	c.mu.Unlock()
	if !known.inForce(now) {
		l.timelocked(true, time.Time{})
		return 0
	}
	if known.until.IsZero() {
		return 0
	}
	return known.until.Sub(now)
}
