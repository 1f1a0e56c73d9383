package webhooks

import (
	"context"
	"time"

	"wapid/engine"
)

// Letter is a delivery with what it carries.
type Letter struct {
	Delivery Delivery
	Event    engine.Event
}

// MaxRun is how many deliveries are posted in one place, one after the other, at most,
// before what became of them is recorded.
const MaxRun = 128

// Share is how much may be posted in one place: of so many lines at most, at most so
// many deliveries. One line and one delivery always may.
type Share struct{ Lines, Letters int }

// Claim is a delivery that the dispatcher holds, with all that a try needs.
type Claim struct {
	Letter
	Endpoint Endpoint
	// Behind are those that may follow it in its place if its endpoint is well, fewer
	// than MaxRun, each once the one before it was delivered: those that stand in line
	// behind it, in their order, and then other lines from their first on. The first of
	// a line is in sending. Those behind are not claimed, but nobody else claims them
	// before the first of theirs is finished or released.
	Behind []Letter
}

// held are the deliveries that a claim has in sending.
func (c Claim) held() []DeliveryID {
	ids := []DeliveryID{c.Delivery.ID}
	for _, l := range c.Behind {
		if l.Delivery.State == DeliverySending {
			ids = append(ids, l.Delivery.ID)
		}
	}
	return ids
}

// Tried is a try of a delivery, and how it ended.
type Tried struct {
	ID      DeliveryID
	Attempt Attempt
	Outcome Outcome
}

// Outcome is how a try ended: exactly one of delivered, to be tried again at
// RetryAt, or dead. The zero value is that of a delivery whose turn did not come, though
// it was claimed: it is handed back untried.
type Outcome struct {
	State   DeliveryState // DeliveryDelivered, DeliveryPending or DeliveryDead
	RetryAt time.Time     // for DeliveryPending
	// Unsent says that nothing was sent, as there was nothing to say or no way to say it:
	// the endpoint is neither better nor worse for it.
	Unsent bool
	// Of a try that failed:
	Gone   bool          // the receiver says that it will never come back
	Asked  time.Duration // how long it wants to be left alone, because of its load
	Random float64       // from [0, 1), for the circuit
}

// Turn is what a try has changed for its endpoint.
type Turn string

const (
	TurnNone      Turn = ""
	TurnFailing   Turn = "failing"   // it has begun to fail
	TurnOpen      Turn = "open"      // its circuit has opened
	TurnRecovered Turn = "recovered" // it is well again
	TurnDisabled  Turn = "disabled"  // it gets nothing any more
)

// Room is how many deliveries may be claimed: of endpoints whose last try
// succeeded or that had none yet, of endpoints that fail, and how many may then be
// under way to one endpoint and to all of one tenant.
type Room struct{ Healthy, Failing, PerEndpoint, PerTenant int }

// Store is what the dispatcher needs remembered. Methods commit before they
// return nil; errors are *engine.Error with CodeStorage unless a method says
// otherwise.
//
// Order: the deliveries of one endpoint and session that have never failed
// stand in line by id. Only the first of the line can be claimed, and the next
// one only when it was delivered or has failed once; a delivery that failed has
// left the line and is tried again on its own schedule, so that one event that
// a receiver can't take does not hold up the rest.
type Store interface {
	// ClaimDeliveries moves deliveries that are due at now, of endpoints that are
	// enabled and not held back, from pending to sending, as many as there is room
	// for. What was never tried is due whatever the clock says, and before the
	// endpoint's retries. An endpoint whose last try failed never has more than one
	// in sending, and while its circuit is open that is a test, or else the oldest
	// which is due, though never one's last try where there is another to probe with.
	// Those come first whose tenant, and who themselves, have fewest there.
	// Endpoints whose rows are damaged are disabled instead.
	ClaimDeliveries(ctx context.Context, now time.Time, room Room) ([]Claim, error)
	// FinishDeliveries records the tries of one claim in one transaction: of the
	// delivery that was claimed, and then of those behind it that were posted as well,
	// in their order, and hands back what was claimed and not posted. It tells of each what it means for the endpoint, whose circuit it
	// moves. A success after a long outage brings all retries forward to now, in their
	// sessions' order. What is gone together with its endpoint is passed over. It
	// returns CodeInternal if the delivery is not in sending, and CodeNotFound if
	// nothing is left.
	FinishDeliveries(ctx context.Context, tries ...Tried) ([]Turn, error)
	// PassOn is FinishDeliveries, and claims in the same transaction what is due first
	// at now of the same endpoint, if that is well; nil if nothing is. Lines
	// may share the place, those first whose first is oldest.
	PassOn(ctx context.Context, now time.Time, share Share, tries ...Tried) ([]Turn, *Claim, error)
	// ReleaseDeliveries hands claims back untried. Ids that are not in sending
	// are left alone.
	ReleaseDeliveries(ctx context.Context, ids []DeliveryID) error
	// ReleaseAllDeliveries hands back everything in sending and says how many
	// there were. It is called once at start: the data directory has one owner,
	// so what is in sending then was left by a crash. It also brings retries that
	// are further off than MaxRetryWait to that: the clock was set back.
	ReleaseAllDeliveries(ctx context.Context) (int, error)
	// NextDelivery is the earliest time after the given one at which a delivery
	// becomes due; zero if there is none.
	NextDelivery(ctx context.Context, after time.Time) (time.Time, error)
	// Queued receives a hint after commits that made deliveries claimable. It
	// has one reader and may miss nothing but repetitions.
	Queued() <-chan struct{}
}
