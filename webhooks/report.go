package webhooks

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"wapid/engine"
)

// givenUpEvery is the least time between two log lines about deliveries that
// were given up.
const givenUpEvery = time.Minute

// report tells the operator, who can't see tenants' deliveries, that an endpoint
// begins to fail, that it has recovered or was disabled, and that deliveries are
// lost to it. It names no URL: those may hold secrets.
func (d *Dispatcher) report(e Endpoint, attempt int, t Tried, turn Turn) {
	who := []zap.Field{zap.String("endpoint", string(e.ID)), zap.String("tenant", string(e.Tenant))}
	what := append(who, zap.Int("status", t.Attempt.Status), zap.String("error", t.Attempt.Error),
		zap.Int("attempt", attempt))
	switch turn {
	case TurnRecovered:
		d.log.Info("a webhook endpoint has recovered", who...)
	case TurnFailing:
		d.log.Warn("a webhook endpoint fails; its deliveries are tried again on their schedule", what...)
	case TurnDisabled:
		d.log.Warn("a webhook endpoint was disabled", append(what, zap.Bool("gone", t.Outcome.Gone))...)
	case TurnOpen:
		d.log.Debug("a webhook endpoint goes on failing and is probed", what...)
	}
	if t.Outcome.State == DeliveryDead {
		if n := d.givenUp.add(d.o.Clock()); n > 0 {
			d.log.Warn("webhook deliveries were given up; this is the latest", append(what, zap.Int("count", n))...)
		}
	}
}

// reportUnencoded tells the operator of an event that can't be told in an endpoint's
// format: a defect of ours, or of the store. It shows nothing of what the event holds.
func (d *Dispatcher) reportUnencoded(e Endpoint, v engine.Event, err error) {
	if n := d.mute.add(d.o.Clock()); n > 0 {
		d.log.Error("events can't be told in a webhook's format and are tried again later; this is the latest",
			zap.String("endpoint", string(e.ID)), zap.String("tenant", string(e.Tenant)), zap.String("format", string(e.Format)),
			zap.String("event", string(v.ID)), zap.String("type", string(v.Type)), zap.String("code", string(engine.CodeOf(err))),
			zap.String("cause", engine.Redact(err.Error())), zap.Int("count", n))
	}
}

// tally spaces log lines out that would otherwise come by the thousand.
type tally struct {
	mu    sync.Mutex
	last  time.Time // of the last line
	count int       // since then
}

// add counts one and returns how many are to be told of now; 0 for later.
func (t *tally) add(now time.Time) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count++
	if since := now.Sub(t.last); !t.last.IsZero() && since >= 0 && since < givenUpEvery {
		return 0
	}
	n := t.count
	t.last, t.count = now, 0
	return n
}
