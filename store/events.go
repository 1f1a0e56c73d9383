package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"wapid/engine"
	"wapid/webhooks"
)

// AppendEvent adds an event on its own, with its deliveries.
func (s *Store) AppendEvent(ctx context.Context, e engine.Event) error {
	return s.recordQueueing(ctx, func(tx *sql.Tx) (int64, error) { return s.appendEvent(tx, e) })
}

// AppendTest adds an EventTest that goes to one of a tenant's endpoints alone, and
// lets a try of it begin at once: while the endpoint's circuit is open it is the next
// probe. It returns CodeNotFound if the tenant has no such endpoint and CodeInvalid if that
// is disabled, and then adds nothing.
func (s *Store) AppendTest(ctx context.Context, tenant engine.TenantID, endpoint webhooks.EndpointID, data []byte) (engine.EventID, error) {
	e := engine.Event{Session: engine.SessionKey{Tenant: tenant}, Type: engine.EventTest, Data: data}
	err := s.updateQueueing(ctx, func(tx *sql.Tx) (queued int64, err error) {
		to, err := s.findEndpoint(tx, tenant, endpoint)
		if err != nil {
			return 0, err
		}
		if !to.Enabled {
			return 0, engine.Errorf(engine.CodeInvalid, "the webhook is disabled")
		}
		e.ID = s.ids.next(s.clock())
		if _, err := s.insertEvent(tx, &e, ""); err != nil {
			return 0, err
		}
		if _, err := tx.Exec(`UPDATE endpoints SET held_until = 0 WHERE id = $1`, endpoint); err != nil {
			return 0, err
		}
		return changed(tx.Exec(queueTest, endpoint, e.ID, tenant, millis(s.clock())))
	})
	return e.ID, err
}

// InsertNotice implements engine.Store.
func (s *Store) InsertNotice(ctx context.Context, id string, e engine.Event) (fresh bool, err error) {
	err = s.recordQueueing(ctx, func(tx *sql.Tx) (queued int64, err error) {
		e := e
		if fresh, err = s.insertEvent(tx, &e, id); err != nil || !fresh {
			return 0, err
		}
		return s.queue(tx, e)
	})
	return fresh && err == nil, err
}

// ListEvents returns up to limit events of a tenant that follow after, in the
// order in which they were committed; "" begins at the first.
func (s *Store) ListEvents(ctx context.Context, tenant engine.TenantID, after engine.EventID, limit int) ([]engine.Event, error) {
	rows, err := s.read.QueryContext(ctx, selectEvent+` WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3`, tenant, after, limit)
	return collect(rows, err, scanEvent)
}

// CountEvents says how many events of a type a session has logged.
func (s *Store) CountEvents(ctx context.Context, key engine.SessionKey, t engine.EventType) (n int, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT count(*) FROM events WHERE tenant_id = $1 AND session_id = $2 AND type = $3`,
		key.Tenant, key.ID, t).Scan(&n)
	return n, storageError(err)
}

const selectEvent = `SELECT id, tenant_id, session_id, type, at, data FROM events`

func scanEvent(r row) (e engine.Event, err error) {
	err = r.Scan(eventFields(&e)...)
	return e, err
}

func eventFields(e *engine.Event) []any {
	return []any{&e.ID, &e.Session.Tenant, &e.Session.ID, &e.Type, instant{&e.At}, &e.Data}
}

// updateQueueing is update for a transaction that may queue deliveries: fn says
// how many, and the dispatcher gets its hint after the commit.
func (s *Store) updateQueueing(ctx context.Context, fn func(tx *sql.Tx) (queued int64, err error)) error {
	return s.queueing(ctx, s.update, fn)
}

// recordQueueing is to record what updateQueueing is to update.
func (s *Store) recordQueueing(ctx context.Context, fn func(tx *sql.Tx) (queued int64, err error)) error {
	return s.queueing(ctx, s.record, fn)
}

func (s *Store) queueing(ctx context.Context, write func(context.Context, func(*sql.Tx) error) error,
	fn func(tx *sql.Tx) (queued int64, err error)) error {
	var queued int64
	var done []happened
	err := write(ctx, func(tx *sql.Tx) (err error) {
		s.activity.noted = s.activity.noted[:0]
		queued, err = fn(tx)
		done = slices.Clone(s.activity.noted)
		return err
	})
	if err == nil {
		s.activity.add(s.clock(), done...)
		if queued > 0 {
			s.hint()
		}
	}
	return err
}

// queueEvent queues an event for an endpoint. The first delivery of an empty line has its
// turn at once.
const queueEvent = `INSERT INTO deliveries (endpoint_id, event_id, tenant_id, session_id, state, turn, attempts, next_at, created_at)
	VALUES ($1, $2, $3, $4, 'pending',
		CASE WHEN EXISTS (SELECT 1 FROM deliveries d WHERE d.endpoint_id = $1 AND d.session_id = $4 AND d.turn < 2) THEN 0 ELSE 1 END,
		0, 0, $5)`

// queueTest queues a test for one endpoint, whatever it wants, beside the line:
// somebody waits for it.
const queueTest = `INSERT INTO deliveries (endpoint_id, event_id, tenant_id, session_id, state, turn, attempts, next_at, created_at)
	VALUES ($1, $2, $3, '', 'pending', 2, 0, 0, $4)`

// wantsType tells whether endpoint e is tenant $1's, is enabled and wants a type: $2
// is 1 for those that every endpoint gets that asks for none, $3 is the type between
// commas and wildcards.
const wantsType = `e.tenant_id = $1 AND e.enabled = 1
	AND CASE e.types WHEN '' THEN $2 = 1 WHEN '*' THEN 1 = 1 ELSE ',' || e.types || ',' LIKE $3 OR $3 = '%,test,%' END`

// wanted are the last two arguments of wantsType.
func wanted(t engine.EventType) (byDefault int, pattern string) {
	if t.IsDocumented() {
		byDefault = 1
	}
	return byDefault, "%," + string(t) + ",%"
}

// appendEvent inserts an event and a delivery of it for each endpoint of its
// tenant that is enabled now and wants it, and returns how many those are. It runs
// on the writer's goroutine, one at a time, so ids are in the order of the commits.
func (s *Store) appendEvent(tx *sql.Tx, e engine.Event) (queued int64, err error) {
	if _, err := s.insertEvent(tx, &e, ""); err != nil {
		return 0, err
	}
	return s.queue(tx, e)
}

// insertEvent inserts an event and fills in its id and time. notice is the
// network's id of what the event tells; an event whose notice is known is not
// fresh, and nothing is inserted. Without one every event is fresh.
func (s *Store) insertEvent(tx *sql.Tx, e *engine.Event, notice string) (fresh bool, err error) {
	now := s.clock()
	if e.At.IsZero() {
		e.At = now
	}
	if e.ID == "" {
		e.ID = s.ids.next(now)
	}
	n, err := changed(tx.Exec(`INSERT INTO events (id, tenant_id, session_id, type, at, data, notice) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (tenant_id, session_id, type, notice) WHERE notice IS NOT NULL DO NOTHING`,
		e.ID, e.Session.Tenant, e.Session.ID, e.Type, millis(e.At), e.Data, sql.NullString{String: notice, Valid: notice != ""}))
	if n == 1 {
		s.audience.note(e.Session.Tenant, e.Type)
	}
	return n == 1, err
}

// queue queues an event for those of the tenant's endpoints that want its type and its
// session.
func (s *Store) queue(tx *sql.Tx, e engine.Event) (queued int64, err error) {
	takers, err := s.takersOf(tx, e.Session.Tenant, e.Type)
	if err == nil {
		takers, err = s.nearest(tx, e.Session, takers)
	}
	if err != nil {
		return 0, err
	}
	for _, t := range takers {
		if len(t.sessions) > 0 && e.Session.ID != "" && !slices.Contains(t.sessions, e.Session.ID) {
			continue
		}
		if _, err := tx.Exec(queueEvent, t.endpoint, e.ID, e.Session.Tenant, e.Session.ID, millis(s.clock())); err != nil {
			return 0, err
		}
		queued++
	}
	return queued, nil
}

// eventIDs makes ULIDs that grow strictly, also over restarts and when the
// clock goes back: readers page by them. Only the writer's goroutine uses it.
type eventIDs struct {
	last    ulid.ULID
	entropy *ulid.MonotonicEntropy
}

func newEventIDs(last ulid.ULID) *eventIDs {
	return &eventIDs{last: last, entropy: ulid.Monotonic(rand.Reader, 0)}
}

func (g *eventIDs) next(now time.Time) engine.EventID {
	ms := max(ulid.Timestamp(now), g.last.Time())
	id, err := ulid.New(ms, g.entropy)
	if err != nil || id.Compare(g.last) <= 0 {
		// This millisecond is used up, or began before a restart: borrow the next one.
		id = ulid.MustNew(g.last.Time()+1, g.entropy)
	}
	g.last = id
	return engine.EventID(id.String())
}

// lastEventID is where the ids went on to before the last stop, also of events that
// retention has removed since. Ids that are no ULIDs were given by a caller and do
// not count.
func lastEventID(ctx context.Context, db *sql.DB) (ulid.ULID, error) {
	var last ulid.ULID
	for _, query := range []string{`SELECT max(id) FROM events`, `SELECT max(events_pruned) FROM tenants`} {
		var text sql.NullString
		if err := db.QueryRowContext(ctx, query).Scan(&text); err != nil {
			return ulid.ULID{}, storageError(err)
		}
		if id, err := ulid.ParseStrict(text.String); err == nil && id.Compare(last) > 0 {
			last = id
		}
	}
	return last, nil
}
