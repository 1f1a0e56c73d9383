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

// start delivers a claim in a place of its own. What follows it to the same endpoint
// begins before that place is given up, as a try of its own.
func (d *Dispatcher) start(running, sending context.Context, workers *pool, c Claim) {
	workers.start(sending, c.Endpoint, func(try context.Context) (offered bool) {
		line := append([]Letter{c.Letter}, c.Behind...)
		tries := d.post(running, sending, try, c.Endpoint, line)
		if len(tries) == 0 {
			d.release(c)
			return false
		}
		offered = running.Err() == nil && d.mayPassOn(workers, c.Endpoint, tries)
		turns, next := d.record(sending, c.Endpoint, offered, shareAfter(tries), append(tries, untried(line[len(tries):])...))
		for i, turn := range turns[:min(len(turns), len(tries))] {
			d.report(c.Endpoint, line[i].Delivery.Attempts+1, tries[i], turn)
			if d.o.Tried != nil {
				d.o.Tried(line[i].Event, tries[i])
			}
		}
		switch {
		case next == nil:
		case running.Err() != nil:
			d.release(*next)
		default:
			d.start(running, sending, workers, *next)
		}
		return offered
	})
}

// linesTime is how long the heads of several lines may take that share a place. A receiver
// that needs longer for one has several places, and each line may have one.
const linesTime = 20 * time.Millisecond

// shareAfter is what may follow in a place whose receiver took the given tries: of one
// that is fast much, so that a commit is not made for each.
func shareAfter(tries []Tried) Share {
	var took time.Duration
	for _, t := range tries {
		took += t.Attempt.Duration
	}
	mean := max(1, took/time.Duration(len(tries)))
	return Share{Lines: int(min(MaxRun, linesTime/mean)), Letters: int(min(MaxRun, runTime/mean))}
}

// untried hands back what a claim has in sending and was not posted.
func untried(rest []Letter) (list []Tried) {
	for _, l := range rest {
		if l.Delivery.State == DeliverySending {
			list = append(list, Tried{ID: l.Delivery.ID})
		}
	}
	return list
}

// mayPassOn tells whether an endpoint may have its place again at once: it is well,
// and nobody waits for a place, neither with the pool nor with its tenant's share.
func (d *Dispatcher) mayPassOn(workers *pool, e Endpoint, tries []Tried) bool {
	well := e.Proven && e.Circuit.Failures == 0 && tries[len(tries)-1].Outcome.State == DeliveryDelivered
	_, _, spare := workers.room()
	return well && spare > 0 && 2*workers.of(e.Tenant) <= d.o.PerTenant
}

// record notes outcomes, and passes the place on if it may. It returns once the store
// has taken them, so that a failing store also slows the sending, or nothing if they
// can't be recorded.
func (d *Dispatcher) record(sending context.Context, e Endpoint, passOn bool, share Share, tries []Tried) (turns []Turn, next *Claim) {
	for again := 0; ; again++ {
		var err error
		if passOn {
			turns, next, err = d.store.PassOn(context.WithoutCancel(sending), d.o.Clock(), share, tries...)
		} else {
			turns, err = d.store.FinishDeliveries(context.WithoutCancel(sending), tries...)
		}
		switch engine.CodeOf(err) {
		case "":
			return turns, next
		case engine.CodeNotFound: // gone together with its endpoint
			return nil, nil
		case engine.CodeStorage:
			if again == 0 {
				d.log.Error("a webhook delivery can't be recorded yet", zap.String("tenant", string(e.Tenant)), zap.Int64("delivery", int64(tries[0].ID)), zap.Error(err))
			}
		default:
			d.log.Error("a webhook delivery can't be recorded", zap.String("tenant", string(e.Tenant)), zap.Int64("delivery", int64(tries[0].ID)), zap.Error(err))
			return nil, nil
		}
		d.sleep(sending, d.o.Poll, nil)
		if sending.Err() != nil {
			return nil, nil // the next start sends it again
		}
	}
}

// post tries deliveries one after the other until one fails or others are to have
// their turn. What was cut off as the dispatcher stops does not count.
func (d *Dispatcher) post(running, sending, try context.Context, e Endpoint, line []Letter) (tries []Tried) {
	last := d.o.Clock().Add(runTime)
	for _, l := range line {
		r := d.sender.post(try, e, l.Event, d.o.Clock)
		if sending.Err() != nil && !r.delivered {
			return tries
		}
		if r.unencoded != nil {
			d.reportUnencoded(e, l.Event, r.unencoded)
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
		return Outcome{State: DeliveryDelivered, Unsent: r.unsent}
	}
	o := Outcome{State: DeliveryDead, Unsent: r.unsent, Gone: r.attempt.Status == http.StatusGone, Random: d.o.Rand()}
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
	var ids []DeliveryID
	for _, c := range claims {
		ids = append(ids, c.held()...)
	}
	if err := d.store.ReleaseDeliveries(context.Background(), ids); err != nil {
		d.log.Error("webhook deliveries can't be handed back before the next start", zap.Int("count", len(ids)), zap.Error(err))
	}
}
