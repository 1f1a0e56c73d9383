package engine

import (
	"context"
	"time"
)

// SendOptions say how a message is to be sent. The zero value waits for the network.
type SendOptions struct {
	Claim *Claim        // makes the request idempotent; nil for none
	Queue bool          // answer as soon as the message is durable; the session sends it when it can
	TTL   time.Duration // of a queued message; 0 means DefaultQueueTTL, MaxQueueTTL is the most
	// Resume says that m.ID may have been reserved, or even sent, by a life of this
	// daemon that died, as the items of a bulk job may. If the log says that it was
	// sent, that is returned and nothing is sent again. Otherwise it is sent under
	// the same id, and counts against the quota once.
	Resume bool
}

// Times to live of queued messages.
const (
	DefaultQueueTTL = 24 * time.Hour
	MaxQueueTTL     = 7 * 24 * time.Hour
)

// Submitted is what Submit answers. Of a queued message only the ID is known,
// and Timestamp is zero.
type Submitted struct {
	Sent
	Queued   bool // it waits for its session
	Replayed bool // the answer is that of an earlier request with the same Claim
}

// Submit sends a message, or queues it, as o says. An empty m.ID gets an id.
// m.Target and m.Quoted need no more than the ID.
func (e *Engine) Submit(ctx context.Context, key SessionKey, m Outgoing, o SendOptions) (Submitted, error) {
	if o.Claim != nil || o.Queue || o.Resume {
		return Submitted{}, Errorf(CodeNotSupported, "messages can't be queued yet")
	}
	sent, err := e.Send(ctx, key, m)
	return Submitted{Sent: sent}, err
}
