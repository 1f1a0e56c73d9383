package engine

import "time"

// Watch is told what happens to sessions and their messages, for whoever counts it. Its
// functions are called by the goroutines at work, by many at once: they return soon and
// keep nothing. One that is nil is not called, and costs a look.
type Watch struct {
	// Tried is told how a try at a message has ended.
	Tried func(Try)
	// Answered is told how long the network took to answer a message that was given to
	// it, and with which code; "" for one that it has taken.
	Answered func(took time.Duration, code Code)
	// Dropped is told why a connection has ended that nobody of ours has closed.
	Dropped func(DropCause)
}

// Try is one try at a message. A request that is answered from the log is none.
type Try struct {
	Tenant TenantID
	Kind   Kind
	Code   Code // why the message was not sent; "" if it was
	// Took is from the request, or from the claim of a queued message, to the outcome.
	Took time.Duration
}

// tried reports a try that began at a time of the machine's clock.
func (w Watch) tried(key SessionKey, kind Kind, began time.Time, err error) {
	if w.Tried != nil {
		w.Tried(Try{Tenant: key.Tenant, Kind: kind, Code: CodeOf(err), Took: time.Since(began)})
	}
}

func (w Watch) answered(began time.Time, err error) {
	if w.Answered != nil {
		w.Answered(time.Since(began), CodeOf(err))
	}
}

func (w Watch) dropped(in input) {
	if drop, ok := in.(SignalDropped); ok && w.Dropped != nil {
		w.Dropped(drop.Cause)
	}
}

// Census counts sessions, as they are at one moment.
type Census struct {
	Sessions map[Standing]int
	// Restricted counts those that are ready, and limited by WhatsApp.
	Restricted map[RestrictionKind]int
}

// Standing is where a session stands, and why if it is disconnected.
type Standing struct {
	Status Status
	Reason Reason
}

// Census counts all sessions. It costs a look at each.
func (e *Engine) Census() Census {
	c := Census{Sessions: make(map[Standing]int), Restricted: make(map[RestrictionKind]int)}
	now := e.now()
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, w := range e.sessions {
		state := w.view.Load().State
		c.Sessions[Standing{state.Status, state.Reason}]++
		if state.Reachout.inForce(now) {
			c.Restricted[RestrictionReachout]++
		}
	}
	return c
}
