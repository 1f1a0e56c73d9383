package store

import (
	"context"
	"database/sql"
	"math"
	"time"

	"wapid/engine"
	"wapid/webhooks"
)

// ListDeliveries returns up to limit deliveries of a tenant that follow after,
// oldest first; 0 begins at the first.
func (s *Store) ListDeliveries(ctx context.Context, tenant engine.TenantID, after webhooks.DeliveryID, limit int) ([]webhooks.Delivery, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT d.id, d.endpoint_id, d.event_id, d.tenant_id, d.session_id, d.state, d.attempts, d.next_at
		FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id
		WHERE e.tenant_id = $1 AND d.id > $2 ORDER BY d.id LIMIT $3`, tenant, after, limit)
	return collect(rows, err, scanDelivery)
}

// ListAttempts returns the tries of one of a tenant's deliveries, oldest first.
func (s *Store) ListAttempts(ctx context.Context, tenant engine.TenantID, id webhooks.DeliveryID) ([]webhooks.Attempt, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT a.at, a.status, a.duration_ms, a.error, a.body
		FROM attempts a JOIN deliveries d ON d.id = a.delivery_id
		WHERE d.tenant_id = $1 AND a.delivery_id = $2 ORDER BY a.number`, tenant, id)
	return collect(rows, err, func(r row) (a webhooks.Attempt, err error) {
		var ms int64
		err = r.Scan(instant{&a.At}, &a.Status, &ms, &a.Error, &a.Body)
		a.Duration = time.Duration(ms) * time.Millisecond
		return a, err
	})
}

// LoggedDelivery is a delivery as its tenant sees it.
type LoggedDelivery struct {
	webhooks.Delivery
	Type                  engine.EventType
	CreatedAt, FinishedAt time.Time // the second is zero until it is delivered or dead
	Tries                 int       // also those before it was delivered again
	Last                  webhooks.Attempt
}

// DeliveryFilter says which deliveries of an endpoint are wanted. Zero values
// demand nothing.
type DeliveryFilter struct {
	State    webhooks.DeliveryState
	Type     engine.EventType
	Sessions []engine.SessionID  // nil for all, none for nothing
	Before   webhooks.DeliveryID // only older ones
}

const selectLogged = `SELECT d.id, d.endpoint_id, d.event_id, d.tenant_id, d.session_id, d.state, d.attempts, d.next_at,
	v.type, d.created_at, d.finished_at, coalesce(a.number, 0), a.at, coalesce(a.status, 0), coalesce(a.duration_ms, 0), coalesce(a.error, '')
	FROM deliveries d JOIN events v ON v.id = d.event_id
	LEFT JOIN attempts a ON a.delivery_id = d.id AND a.number = (SELECT max(b.number) FROM attempts b WHERE b.delivery_id = d.id)`

func scanLogged(r row) (d LoggedDelivery, err error) {
	var ms int64
	err = r.Scan(append(deliveryFields(&d.Delivery), &d.Type, instant{&d.CreatedAt}, instant{&d.FinishedAt},
		&d.Tries, instant{&d.Last.At}, &d.Last.Status, &ms, &d.Last.Error)...)
	d.Last.Duration = time.Duration(ms) * time.Millisecond
	return d, err
}

// mostDeliveries is how many deliveries of an endpoint one page with a filter looks at.
const mostDeliveries = 10_000

// PageDeliveries returns up to limit deliveries of one of a tenant's endpoints,
// newest first, and before which one the list goes on; 0 is its end. With a filter a
// page looks at so many deliveries: it may hold less than limit, or nothing, and go
// on all the same.
func (s *Store) PageDeliveries(ctx context.Context, tenant engine.TenantID, endpoint webhooks.EndpointID, f DeliveryFilter, limit int) (page []LoggedDelivery, before webhooks.DeliveryID, err error) {
	horizon, err := s.deliveryHorizon(ctx, endpoint, f)
	if err != nil {
		return nil, 0, err
	}
	var q conditions
	q.add("d.endpoint_id = ?", endpoint)
	q.add("d.tenant_id = ?", tenant)
	switch f.State {
	case "":
	case webhooks.DeliveryDead:
		q.add("d.state = 'dead'") // as its index has it
	default:
		q.add("d.state = ?", f.State)
	}
	if f.Type != "" {
		q.add("v.type = ?", f.Type)
	}
	among(&q, "d.session_id", f.Sessions)
	if f.Before > 0 {
		q.add("d.id < ?", f.Before)
	}
	if horizon > 0 {
		q.add("d.id >= ?", horizon)
	}
	rows, err := s.read.QueryContext(ctx, selectLogged+q.where()+" ORDER BY d.id DESC LIMIT "+q.bind(limit+1), q.args...)
	page, err = collect(rows, err, scanLogged)
	switch {
	case err != nil:
		return nil, 0, err
	case len(page) > limit:
		page = page[:limit]
		return page, page[limit-1].ID, nil
	}
	return page, horizon, nil
}

const selectDeliveryHorizon = `SELECT id FROM deliveries WHERE endpoint_id = $1 AND id < $2 ORDER BY id DESC LIMIT 1 OFFSET $3`

// deliveryHorizon is the last delivery that a page looks at, 0 if there are no more
// than it may look at, or if it finds what it wants at once.
func (s *Store) deliveryHorizon(ctx context.Context, endpoint webhooks.EndpointID, f DeliveryFilter) (id webhooks.DeliveryID, err error) {
	if f.Type == "" && f.Sessions == nil && (f.State == "" || f.State == webhooks.DeliveryDead) {
		return 0, nil
	}
	before := f.Before
	if before <= 0 {
		before = math.MaxInt64
	}
	err = s.read.QueryRowContext(ctx, selectDeliveryHorizon, endpoint, before, s.looksBack-1).Scan(&id)
	if isNoRows(err) {
		return 0, nil
	}
	return id, storageError(err)
}

// FindDelivery returns one delivery of one of a tenant's endpoints, or CodeNotFound.
func (s *Store) FindDelivery(ctx context.Context, tenant engine.TenantID, endpoint webhooks.EndpointID, id webhooks.DeliveryID) (LoggedDelivery, error) {
	d, err := scanLogged(s.read.QueryRowContext(ctx, selectLogged+` WHERE d.id = $1 AND d.endpoint_id = $2 AND d.tenant_id = $3`, id, endpoint, tenant))
	return d, orNotFound(err, "delivery")
}

// FindFirstTry returns how the delivery of one of a tenant's events stands, and
// its first try, which is zero if there was none yet. It returns CodeNotFound if
// the event has no delivery, or none any more.
func (s *Store) FindFirstTry(ctx context.Context, tenant engine.TenantID, event engine.EventID) (state webhooks.DeliveryState, first webhooks.Attempt, err error) {
	var ms, status sql.NullInt64
	var failure, body sql.NullString
	err = s.read.QueryRowContext(ctx, `SELECT d.state, a.at, a.status, a.duration_ms, a.error, a.body
		FROM deliveries d LEFT JOIN attempts a ON a.delivery_id = d.id
		WHERE d.event_id = $1 AND d.tenant_id = $2 ORDER BY d.id, a.number LIMIT 1`, event, tenant).
		Scan(&state, instant{&first.At}, &status, &ms, &failure, &body)
	first.Status, first.Error, first.Body = int(status.Int64), failure.String, body.String
	first.Duration = time.Duration(ms.Int64) * time.Millisecond
	return state, first, orNotFound(err, "delivery")
}
