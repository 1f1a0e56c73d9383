package httpapi

import (
	"time"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

const (
	maxRedeliverIDs = 1000
	// redeliverTime is how long one request goes on queueing; then its answer says
	// that there is more.
	redeliverTime = 20 * time.Second
	// Each writes all the time that it is under way, and others' writes wait for that
	// of all of them: a tenant has one, and the next one waits, as long as one works.
	mostRedeliveries       = 16
	mostTenantRedeliveries = 1
)

// redeliverRequest has exactly one of deliveryIds, eventIds, state, and from with
// to. Types and sessionId go with the last two.
type redeliverRequest struct {
	DeliveryIDs []webhooks.DeliveryID `json:"deliveryIds"`
	EventIDs    []engine.EventID      `json:"eventIds"`
	State       *string               `json:"state"` // dead
	From        *string               `json:"from"`  // a time, or an event's id
	To          *string               `json:"to"`
	Types       []string              `json:"types"`
	SessionID   *string               `json:"sessionId"`
}

// redelivery checks what is to be delivered again. It returns CodeInvalid.
func (r redeliverRequest) redelivery() (out store.Redelivery, err error) {
	named := r.DeliveryIDs != nil || r.EventIDs != nil
	ranged := r.From != nil || r.To != nil
	switch {
	case r.DeliveryIDs != nil && r.EventIDs != nil, named && (r.State != nil || ranged), !named && r.State == nil && !ranged:
		return out, engine.Errorf(engine.CodeInvalid, "name exactly one: deliveryIds, eventIds, from and to, or state")
	case named && (r.Types != nil || r.SessionID != nil):
		return out, engine.Errorf(engine.CodeInvalid, "types and sessionId don't go with ids")
	case named && (len(r.DeliveryIDs)+len(r.EventIDs) == 0 || len(r.DeliveryIDs)+len(r.EventIDs) > maxRedeliverIDs):
		return out, engine.Errorf(engine.CodeInvalid, "deliveryIds or eventIds must hold 1 to %d ids", maxRedeliverIDs)
	case named:
		return store.Redelivery{Deliveries: r.DeliveryIDs, Events: r.EventIDs}, nil
	case r.State != nil && *r.State != string(webhooks.DeliveryDead):
		return out, engine.Errorf(engine.CodeInvalid, "state must be %q", webhooks.DeliveryDead)
	case r.State == nil && (r.From == nil || r.To == nil):
		return out, engine.Errorf(engine.CodeInvalid, "a range needs from and to")
	}
	out.Dead, out.Range = r.State != nil, r.State == nil
	if r.From != nil {
		if out.From, err = parseEdge(*r.From, "from", store.FirstEventAt); err != nil {
			return out, err
		}
	}
	if r.To != nil {
		if out.To, err = parseEdge(*r.To, "to", store.LastEventAt); err != nil {
			return out, err
		}
	}
	if out.To != "" && out.From > out.To {
		return out, engine.Errorf(engine.CodeInvalid, "from must not be after to")
	}
	if r.Types != nil {
		types, err := webhooks.ParseTypes(r.Types)
		if err != nil {
			return out, engine.Errorf(engine.CodeInvalid, "types must be a list of events, each once")
		}
		if types[0] != webhooks.AllTypes {
			out.Types = types
		}
	}
	if r.SessionID != nil {
		if out.Session, err = engine.ParseSessionID(*r.SessionID); err != nil {
			return out, err
		}
	}
	return out, nil
}

// parseEdge reads one end of a range: an event's id, or a time, which at turns into
// the id of the first or last event that it could hold.
func parseEdge(s, name string, at func(time.Time) (engine.EventID, error)) (engine.EventID, error) {
	if id, err := store.ParseEventID(s); err == nil {
		return id, nil
	}
	t, err := parseTime(s)
	if err != nil {
		return "", engine.Errorf(engine.CodeInvalid, "%s must be an event's id, or a time as 2026-03-08T10:30:00Z", name)
	}
	return at(t)
}
