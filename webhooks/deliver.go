package webhooks

import (
	"context"
	"net/http"
	"time"

	"go.uber.org/zap"

	"wapid/engine"
)

// runTime is how long a claim's deliveries may be posted, one after the other,
// before what became of them is recorded and others have their turn.
const runTime = 100 * time.Millisecond

// deliver posts one claim, with what stands behind it as long as all goes well, and
// records the outcomes. It keeps its place until the store has taken them, so that a
// failing store also slows the sending. The tries themselves end with their own
// context, the rest with sending; no further one begins once running has ended.
func (d *Dispatcher) deliver(running, sending, try context.Context, c Claim) {
	line := append([]Letter{c.Letter}, c.Behind...)
	tries := d.post(running, sending, try, c.Endpoint, line)
	if len(tries) == 0 {
		d.release(c)
		return
	}
	for again := 0; ; again++ {
		turns, err := d.store.FinishDeliveries(context.WithoutCancel(sending), tries...)
		switch engine.CodeOf(err) {
		case "":
			for i, t := range tries {
				d.report(c.Endpoint, line[i].Delivery.Attempts+1, t, turns[i])
			}
			return
		case engine.CodeNotFound: // gone together with its endpoint
			return
		case engine.CodeStorage:
			if again == 0 {
				d.log.Error("a webhook delivery can't be recorded yet", zap.Int64("delivery", int64(c.Delivery.ID)), zap.Error(err))
			}
		default:
			d.log.Error("a webhook delivery can't be recorded", zap.Int64("delivery", int64(c.Delivery.ID)), zap.Error(err))
			return
		}
		d.sleep(sending, d.o.Poll, nil)
		if sending.Err() != nil {
			return // the next start sends it again
		}
	}
}

// post tries deliveries that stand in one line until one fails or others are to have
// their turn. What was cut off as the dispatcher stops does not count.
func (d *Dispatcher) post(running, sending, try context.Context, e Endpoint, line []Letter) (tries []Tried) {
	last := d.o.Clock().Add(runTime)
	for _, l := range line {
		r := d.sender.post(try, e, l.Event, d.o.Clock)
		if sending.Err() != nil && !r.delivered {
			return tries
		}
		tries = append(tries, Tried{l.Delivery.ID, r.attempt, d.outcome(l.Delivery, r)})
		if !r.delivered || running.Err() != nil || !d.o.Clock().Before(last) {
			return tries
		}
	}
	return tries
}

// outcome decides what follows a try.
func (d *Dispatcher) outcome(of Delivery, r result) Outcome {
	if r.delivered {
		return Outcome{State: DeliveryDelivered}
	}
	o := Outcome{State: DeliveryDead, Gone: r.attempt.Status == http.StatusGone, Random: d.o.Rand()}
	if s := r.attempt.Status; s == http.StatusTooManyRequests || s == http.StatusServiceUnavailable {
		o.Asked = r.retryAfter
	}
	if wait, again := retryDelay(of.Attempts+1, r.retryAfter, d.o.Rand()); again {
		o.State, o.RetryAt = DeliveryPending, r.attempt.At.Add(r.attempt.Duration+wait)
	}
	return o
}

// release hands claims back untried. If that fails the next start does it.
func (d *Dispatcher) release(claims ...Claim) {
	if len(claims) == 0 {
		return
	}
	ids := make([]DeliveryID, len(claims))
	for i, c := range claims {
		ids[i] = c.Delivery.ID
	}
	if err := d.store.ReleaseDeliveries(context.Background(), ids); err != nil {
		d.log.Error("webhook deliveries can't be handed back before the next start", zap.Int("count", len(ids)), zap.Error(err))
	}
}
