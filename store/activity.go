package store

import (
	"sync"
	"time"

	"wapid/engine"
)

const (
	// hourMillis is an hour, by which activity is counted.
	hourMillis = 60 * 60 * 1000
	// ActivityDays is how long activity is kept, in days, whatever a tenant's retention:
	// it names nobody.
	ActivityDays = 31
)

// Activity is what happened in some time.
type Activity struct {
	Sent     int // messages that the network has taken
	Received int
	Failed   int // messages that were certainly not sent, as told by the message log
	Unknown  int // messages of which it is not known
	// Refused are sends that were certainly not made, and of which no trace stays in the
	// log, such as one to a number without an account. Each try of a bulk job counts.
	Refused     int
	FailedTries int // of deliveries to webhooks

	SendTimes     Durations // from a message's acceptance until the network has taken it
	ReceiptTimes  Durations // from there until its first receipt
	DeliveryTimes Durations // of webhooks, from an event's commit until the receiver has taken it
}

// Merge adds what happened at another time, or elsewhere.
func (a *Activity) Merge(b *Activity) {
	a.Sent += b.Sent
	a.Received += b.Received
	a.Failed += b.Failed
	a.Unknown += b.Unknown
	a.Refused += b.Refused
	a.FailedTries += b.FailedTries
	a.SendTimes.Merge(&b.SendTimes)
	a.ReceiptTimes.Merge(&b.ReceiptTimes)
	a.DeliveryTimes.Merge(&b.DeliveryTimes)
}

// happening is one thing that counts as activity.
type happening int

const (
	messageSent happening = iota
	messageReceived
	messageFailed
	messageUnknown
	messageRefused
	messageArrived // took is what its first receipt took
	eventDelivered
	tryFailed
)

// notTimed says that it is not known how long a thing took.
const notTimed = -1

// happened is a happening of a session. took is how long it took, or notTimed.
type happened struct {
	what    happening
	session engine.SessionKey
	took    time.Duration
}

func (a *Activity) count(h happened) {
	var times *Durations
	switch h.what {
	case messageSent:
		a.Sent++
		times = &a.SendTimes
	case messageReceived:
		a.Received++
	case messageFailed:
		a.Failed++
	case messageUnknown:
		a.Unknown++
	case messageRefused:
		a.Refused++
	case messageArrived:
		times = &a.ReceiptTimes
	case eventDelivered:
		times = &a.DeliveryTimes
	case tryFailed:
		a.FailedTries++
	}
	if times != nil && h.took >= 0 {
		times.Add(h.took)
	}
}

// activityHour names an hour of a session; of a tenant without one, of the daemon
// without either.
type activityHour struct {
	session engine.SessionKey
	hour    int64
}

// activity counts in memory what happened, so that it costs messages no statement.
// SaveActivity writes it down; a crash loses the counts since it did so last. It is safe
// for concurrent use but for noted, which is the writer's own.
type activity struct {
	// noted is what the transaction under way does. It counts once that is committed.
	noted []happened

	mu    sync.Mutex
	hours map[activityHour]*Activity
}

// note remembers what the transaction under way does.
func (a *activity) note(what happening, key engine.SessionKey, took time.Duration) {
	a.noted = append(a.noted, happened{what, key, took})
}

// add counts what has been committed: in its session, its tenant and all of the daemon.
func (a *activity) add(now time.Time, all ...happened) {
	hour := now.UnixMilli() / hourMillis
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, h := range all {
		if h.session.ID != "" { // a test of a webhook belongs to no session
			a.of(activityHour{h.session, hour}).count(h)
		}
		a.of(activityHour{engine.SessionKey{Tenant: h.session.Tenant}, hour}).count(h)
		a.of(activityHour{hour: hour}).count(h)
	}
}

// of is the caller's under mu.
func (a *activity) of(key activityHour) *Activity {
	one := a.hours[key]
	if one == nil {
		one = new(Activity)
		if a.hours == nil {
			a.hours = make(map[activityHour]*Activity)
		}
		a.hours[key] = one
	}
	return one
}

// take hands out what was counted since it was called last.
func (a *activity) take() map[activityHour]*Activity {
	a.mu.Lock()
	defer a.mu.Unlock()
	counted := a.hours
	a.hours = nil
	return counted
}

// putBack counts again what could not be written down.
func (a *activity) putBack(left map[activityHour]*Activity) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, one := range left {
		a.of(key).Merge(one)
	}
}
