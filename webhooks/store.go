package webhooks

import (
	"context"
	"time"

	"wapid/engine"
)

// Claim is a delivery that the dispatcher holds, with all that a try needs.
type Claim struct {
	Delivery Delivery
	Endpoint Endpoint
	Event    engine.Event
}

// Outcome is how a try ended: exactly one of delivered, to be tried again at
// RetryAt, or dead.
type Outcome struct {
	State   DeliveryState // DeliveryDelivered, DeliveryPending or DeliveryDead
	RetryAt time.Time     // for DeliveryPending
}

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
	// ClaimDeliveries moves up to limit deliveries that are due at now, of
	// endpoints that are enabled, from pending to sending. What was never tried
	// is due whatever the clock says, and before the endpoint's retries. An endpoint never has
	// more than perEndpoint in sending, one whose last try failed never more than
	// one, so that those who hang hold few workers; and those with fewest there come first.
	ClaimDeliveries(ctx context.Context, now time.Time, limit, perEndpoint int) ([]Claim, error)
	// FinishDelivery records a try and its outcome in one transaction. It
	// returns CodeInternal if the delivery is not in sending, and CodeNotFound
	// if it is gone together with its endpoint. turned tells that the endpoint
	// has begun to fail with this try, or has recovered with it.
	FinishDelivery(ctx context.Context, id DeliveryID, a Attempt, o Outcome) (turned bool, err error)
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
