package store

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"wapid/engine"
	"wapid/webhooks"
)

// redeliverBatch is how many events one transaction queues again: others' writes
// come in between.
const redeliverBatch = 200

// Redelivery says what an endpoint is to get again. Exactly one of Deliveries,
// Events, Dead and Range is set.
type Redelivery struct {
	Deliveries []webhooks.DeliveryID
	Events     []engine.EventID // whatever types and sessions the endpoint wants
	Dead       bool             // what was given up
	Range      bool             // every event of the log that the endpoint wants, also those that it never got
	// For Dead and Range: the events from and to these, both with them; "" for no
	// such bound. Of Range, tests are left out.
	From, To engine.EventID
	Types    []engine.EventType // only these; none for all
	Session  engine.SessionID   // only of this; "" for all
}

// FirstEventAt is the least id that an event of a time can have. It returns
// CodeInvalid for times that no id can hold.
func FirstEventAt(t time.Time) (engine.EventID, error) { return edge(t, 0) }

// LastEventAt is the greatest id that an event of a time can have. It returns
// CodeInvalid for times that no id can hold.
func LastEventAt(t time.Time) (engine.EventID, error) { return edge(t, 0xff) }

func edge(t time.Time, fill byte) (engine.EventID, error) {
	var id ulid.ULID
	ms := t.UnixMilli()
	if ms < 0 || id.SetTime(uint64(ms)) != nil {
		return "", engine.Errorf(engine.CodeInvalid, "the time is out of range")
	}
	for i := 6; i < len(id); i++ {
		id[i] = fill
	}
	return engine.EventID(id.String()), nil
}

// Requeued is what a redelivery did. Next is where the log goes on if its time was
// over before it was at the end; More says so for the dead.
type Requeued struct {
	Queued int
	More   bool
	Next   engine.EventID
}

// queuedEvent is what is queued again.
type queuedEvent struct {
	event   engine.EventID
	session engine.SessionID
	kind    engine.EventType
}

// Redeliver queues deliveries of one of a tenant's endpoints again, as if they
// were new: with all their tries, at their old places in line, and new ones for
// events that the endpoint has no delivery of. What waits in line or is under way
// is left as it is. It works in batches until deadline; what is done is done when
// an error comes. It returns CodeNotFound for an endpoint, a delivery or an event
// that is not the tenant's, and then has queued nothing.
func (s *Store) Redeliver(ctx context.Context, tenant engine.TenantID, id webhooks.EndpointID, r Redelivery, deadline time.Time) (Requeued, error) {
	e, err := s.FindEndpointByID(ctx, tenant, id)
	if err != nil {
		return Requeued{}, err
	}
	switch {
	case r.Range:
		return s.redeliverRange(ctx, e, r, deadline)
	case r.Dead:
		return s.redeliverDead(ctx, e, r, deadline)
	}
	var n int64
	err = s.updateQueueing(ctx, func(tx *sql.Tx) (int64, error) {
		list, err := namedEvents(tx, e, r)
		if err != nil {
			return 0, err
		}
		n, err = s.requeue(tx, e, list)
		return n, err
	})
	if err != nil {
		return Requeued{}, err
	}
	return Requeued{Queued: int(n)}, nil
}

// namedEvents finds the deliveries or events that a tenant has named by their ids.
func namedEvents(tx *sql.Tx, e webhooks.Endpoint, r Redelivery) (list []queuedEvent, err error) {
	for _, id := range r.Deliveries {
		var q queuedEvent
		err := tx.QueryRow(`SELECT event_id, session_id FROM deliveries WHERE id = $1 AND endpoint_id = $2`, id, e.ID).Scan(&q.event, &q.session)
		if err != nil {
			return nil, orNotFound(err, "delivery")
		}
		list = append(list, q)
	}
	for _, id := range r.Events {
		q := queuedEvent{event: id}
		err := tx.QueryRow(`SELECT session_id FROM events WHERE id = $1 AND tenant_id = $2`, id, e.Tenant).Scan(&q.session)
		if err != nil {
			return nil, orNotFound(err, "event")
		}
		list = append(list, q)
	}
	return list, nil
}

// requeueEvent queues an event for an endpoint again, or for the first time. An
// event that is gone meanwhile is none.
const requeueEvent = `INSERT INTO deliveries (endpoint_id, event_id, tenant_id, session_id, state, turn, attempts, next_at, created_at)
	SELECT $1, v.id, v.tenant_id, v.session_id, 'pending', 0, 0, 0, $2 FROM events v WHERE v.id = $3 AND v.tenant_id = $4
	ON CONFLICT (event_id, endpoint_id) DO UPDATE SET state = 'pending', turn = 0, attempts = 0, next_at = 0, finished_at = NULL
	WHERE deliveries.state IN ('delivered', 'dead') OR (deliveries.state = 'pending' AND deliveries.turn = 2)`

// requeue queues events of one endpoint again and says how many that were.
func (s *Store) requeue(tx *sql.Tx, e webhooks.Endpoint, list []queuedEvent) (queued int64, err error) {
	// The endpoint may have been deleted since it was read.
	if _, err := s.findEndpoint(tx, e.Tenant, e.ID); err != nil {
		return 0, err
	}
	sessions := make([]engine.SessionID, len(list))
	for i, q := range list {
		sessions[i] = q.session
	}
	now := s.clock()
	err = enterLine(tx, e.ID, sessions, func() error {
		for _, q := range list {
			n, err := changed(tx.Exec(requeueEvent, e.ID, millis(now), q.event, e.Tenant))
			if err != nil {
				return err
			}
			queued += n
		}
		return nil
	})
	return queued, err
}

// eventRange pages through a tenant's log.
const eventRange = `SELECT id, session_id, type FROM events WHERE tenant_id = $1 AND id >= $2 AND id <= $3 ORDER BY id LIMIT $4`

func (s *Store) redeliverRange(ctx context.Context, e webhooks.Endpoint, r Redelivery, deadline time.Time) (done Requeued, err error) {
	if none, err := s.sessionsOfOrigin(ctx, &e); err != nil || none {
		return done, err
	}
	from, to := r.From, r.To
	if to == "" { // not what comes while this goes on
		if to, err = s.lastEvent(ctx, e.Tenant); err != nil || to == "" {
			return done, err
		}
	}
	for {
		// Reading holds up nobody's writes, so what is not wanted is sorted out here.
		rows, err := s.read.QueryContext(ctx, eventRange, e.Tenant, from, to, redeliverBatch+1)
		page, err := collect(rows, err, func(r row) (q queuedEvent, err error) {
			err = r.Scan(&q.event, &q.session, &q.kind)
			return q, err
		})
		if err != nil {
			return done, err
		}
		more := len(page) > redeliverBatch
		if more {
			from = page[redeliverBatch].event
			page = page[:redeliverBatch]
		}
		if err := s.requeueBatch(ctx, e, r.wanted(e, page), &done); err != nil || !more {
			return done, err
		}
		if s.clock().After(deadline) {
			done.More, done.Next = true, from
			return done, nil
		}
	}
}

// lastEvent is the last event of a tenant's log, "" for none.
func (s *Store) lastEvent(ctx context.Context, tenant engine.TenantID) (engine.EventID, error) {
	var last sql.NullString
	err := s.read.QueryRowContext(ctx, `SELECT max(id) FROM events WHERE tenant_id = $1`, tenant).Scan(&last)
	return engine.EventID(last.String), storageError(err)
}

// deadRange pages through what an endpoint has given up.
const deadRange = `SELECT d.id, d.event_id, d.session_id, v.type FROM deliveries d JOIN events v ON v.id = d.event_id
	WHERE d.endpoint_id = $1 AND d.state = 'dead' AND d.id > $2 AND d.event_id >= $3 AND ($4 = '' OR d.event_id <= $4)
	ORDER BY d.id LIMIT $5`

func (s *Store) redeliverDead(ctx context.Context, e webhooks.Endpoint, r Redelivery, deadline time.Time) (done Requeued, err error) {
	var after webhooks.DeliveryID
	for {
		rows, err := s.read.QueryContext(ctx, deadRange, e.ID, after, r.From, r.To, redeliverBatch)
		page, err := collect(rows, err, func(r row) (q queuedEvent, err error) {
			err = r.Scan(&after, &q.event, &q.session, &q.kind)
			return q, err
		})
		if err != nil {
			return done, err
		}
		// It had them all once, so what it wants today does not matter.
		if err := s.requeueBatch(ctx, e, r.filtered(page), &done); err != nil || len(page) < redeliverBatch {
			return done, err
		}
		if s.clock().After(deadline) {
			done.More = true
			return done, nil
		}
	}
}

// requeueBatch is one transaction of a redelivery.
func (s *Store) requeueBatch(ctx context.Context, e webhooks.Endpoint, list []queuedEvent, done *Requeued) error {
	if len(list) == 0 {
		return nil
	}
	var n int64
	err := s.updateQueueing(ctx, func(tx *sql.Tx) (_ int64, err error) {
		n, err = s.requeue(tx, e, list)
		return n, err
	})
	if err == nil {
		done.Queued += int(n)
	}
	return err
}

// filtered leaves what the request asks for.
func (r Redelivery) filtered(page []queuedEvent) []queuedEvent {
	return slices.DeleteFunc(page, func(q queuedEvent) bool {
		return len(r.Types) > 0 && !slices.Contains(r.Types, q.kind) || r.Session != "" && q.session != r.Session
	})
}

// wanted leaves what the request asks for and the endpoint would get as well if it
// came now, except for tests.
func (r Redelivery) wanted(e webhooks.Endpoint, page []queuedEvent) []queuedEvent {
	types := e.Wants()
	return slices.DeleteFunc(r.filtered(page), func(q queuedEvent) bool {
		return q.kind == engine.EventTest || !e.Covers(q.session) ||
			!slices.Contains(types, webhooks.AllTypes) && !slices.Contains(types, q.kind)
	})
}
