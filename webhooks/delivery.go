package webhooks

import (
	"time"

	"wapid/engine"
)

// DeliveryID names a delivery. Ids grow in the order in which events were committed.
type DeliveryID int64

// DeliveryState is where a delivery stands.
type DeliveryState string

const (
	DeliveryPending   DeliveryState = "pending"   // waits for NextAt, or for its turn
	DeliverySending   DeliveryState = "sending"   // claimed by the dispatcher
	DeliveryDelivered DeliveryState = "delivered" // answered with 2xx
	DeliveryDead      DeliveryState = "dead"      // every try failed
)

// Delivery is one event on its way to one endpoint.
type Delivery struct {
	ID       DeliveryID
	Endpoint EndpointID
	Event    engine.EventID
	Session  engine.SessionKey
	State    DeliveryState
	Attempts int       // tries that ended, well or badly
	NextAt   time.Time // a retry is not made before; meaningless until a try has failed, and once finished
}

// MaxAttemptBody is how much of a receiver's answer is kept, in bytes.
const MaxAttemptBody = 1024

// Attempt is one try of a delivery.
type Attempt struct {
	At       time.Time
	Status   int // HTTP status; 0 if there was no answer
	Duration time.Duration
	Error    string // a short word such as "timeout"; empty if there was an answer
	Body     string // the first MaxAttemptBody bytes of the answer
}
