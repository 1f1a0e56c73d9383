package store

import (
	"context"
	"database/sql"
	"time"

	"wapid/engine"
	"wapid/webhooks"
)

// claimDue takes one delivery of each endpoint that has one due. due walks from
// endpoint to endpoint through the index of what waits (a skip scan), so that
// the cost grows with the endpoints that wait and not with their rows. SQLite
// numbers parameters as they first appear: $1 must come before $2.
const claimDue = `
WITH RECURSIVE due (endpoint_id) AS (
	SELECT min(endpoint_id) FROM deliveries WHERE state = 'pending' AND turn > 0
	UNION ALL
	SELECT (SELECT min(d.endpoint_id) FROM deliveries d
		WHERE d.state = 'pending' AND d.turn > 0 AND d.endpoint_id > due.endpoint_id)
	FROM due WHERE due.endpoint_id IS NOT NULL
), busy (endpoint_id, sending, failing) AS MATERIALIZED (
	SELECT due.endpoint_id, (SELECT count(*) FROM deliveries d WHERE d.endpoint_id = due.endpoint_id AND d.state = 'sending'),
		e.failing
	FROM due JOIN endpoints e ON e.id = due.endpoint_id WHERE e.enabled = 1
), first (id, sending) AS MATERIALIZED (
	SELECT (SELECT d.id FROM deliveries d
		WHERE d.endpoint_id = busy.endpoint_id AND d.state = 'pending' AND d.turn > 0 AND d.next_at <= $1
		ORDER BY d.next_at, d.id LIMIT 1), busy.sending
	FROM busy WHERE busy.sending < CASE WHEN busy.failing = 1 THEN 1 ELSE $2 END
)
UPDATE deliveries SET state = 'sending' WHERE state = 'pending' AND id IN (
	SELECT first.id FROM first JOIN deliveries d ON d.id = first.id
	ORDER BY first.sending, d.next_at, d.id LIMIT $3
) RETURNING id`

const selectClaim = `SELECT d.id, d.endpoint_id, d.event_id, d.tenant_id, d.session_id, d.state, d.attempts, d.next_at,
	e.id, e.tenant_id, e.url, e.secret, e.enabled, e.created_at, e.updated_at,
	v.id, v.tenant_id, v.session_id, v.type, v.at, v.data
	FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id JOIN events v ON v.id = d.event_id WHERE d.id = $1`

// promoteNext gives the turn to whoever is first in line now; it may have it already.
const promoteNext = `UPDATE deliveries SET turn = 1 WHERE turn = 0 AND id = (
	SELECT min(d.id) FROM deliveries d WHERE d.endpoint_id = $1 AND d.session_id = $2 AND d.turn < 2)`

const releaseAll = `UPDATE deliveries SET state = 'pending' WHERE state = 'sending'`

// capRetries takes back times that were set while the clock was far ahead.
const capRetries = `UPDATE deliveries SET next_at = $1 WHERE state = 'pending' AND turn > 0 AND next_at > $1`

const nextDue = `SELECT d.next_at FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id
	WHERE d.state = 'pending' AND d.turn > 0 AND d.next_at > $1 AND e.enabled = 1
	ORDER BY d.next_at LIMIT 1`

// ClaimDeliveries implements webhooks.Store.
func (s *Store) ClaimDeliveries(ctx context.Context, now time.Time, limit, perEndpoint int) (claims []webhooks.Claim, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		claims = nil
		for len(claims) < limit {
			rows, err := tx.Query(claimDue, now.UnixMilli(), perEndpoint, limit-len(claims))
			ids, err := collect(rows, err, scanDeliveryID)
			if err != nil {
				return err
			}
			if len(ids) == 0 {
				return nil
			}
			for _, id := range ids {
				c, err := scanClaim(tx.QueryRow(selectClaim, id))
				if err != nil {
					return err
				}
				claims = append(claims, c)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claims, nil
}

// FinishDelivery implements webhooks.Store.
func (s *Store) FinishDelivery(ctx context.Context, id webhooks.DeliveryID, a webhooks.Attempt, o webhooks.Outcome) (turned bool, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		var (
			number    int
			endpoint  webhooks.EndpointID
			session   engine.SessionID
			nextAt    = o.RetryAt
			finished  time.Time
			finishing = o.State != webhooks.DeliveryPending
		)
		if finishing {
			nextAt, finished = a.At, a.At.Add(a.Duration)
		}
		err := tx.QueryRow(`UPDATE deliveries SET state = $1, turn = 2, attempts = attempts + 1, next_at = $2, finished_at = $3
			WHERE id = $4 AND state = 'sending' RETURNING attempts, endpoint_id, session_id`,
			o.State, millis(nextAt), millis(finished), id).Scan(&number, &endpoint, &session)
		if isNoRows(err) {
			return notSending(tx, id)
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO attempts (delivery_id, number, at, status, duration_ms, error, body)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			id, number, millis(a.At), a.Status, a.Duration.Milliseconds(), a.Error, a.Body)
		if err != nil {
			return err
		}
		failing := o.State != webhooks.DeliveryDelivered
		n, err := changed(tx.Exec(`UPDATE endpoints SET failing = $1 WHERE id = $2 AND failing <> $1`, failing, endpoint))
		if err != nil {
			return err
		}
		turned = n == 1
		_, err = tx.Exec(promoteNext, endpoint, session)
		return err
	})
	return turned && err == nil, err
}

// notSending says why a delivery could not be finished.
func notSending(tx *sql.Tx, id webhooks.DeliveryID) error {
	var state webhooks.DeliveryState
	if err := tx.QueryRow(`SELECT state FROM deliveries WHERE id = $1`, id).Scan(&state); err != nil {
		return orNotFound(err, "delivery")
	}
	return engine.Errorf(engine.CodeInternal, "the delivery is %s, not sending as expected", state)
}

// ReleaseDeliveries implements webhooks.Store.
func (s *Store) ReleaseDeliveries(ctx context.Context, ids []webhooks.DeliveryID) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := tx.Exec(`UPDATE deliveries SET state = 'pending' WHERE id = $1 AND state = 'sending'`, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// ReleaseAllDeliveries implements webhooks.Store.
func (s *Store) ReleaseAllDeliveries(ctx context.Context) (int, error) {
	var n int64
	err := s.update(ctx, func(tx *sql.Tx) (err error) {
		if n, err = changed(tx.Exec(releaseAll)); err != nil {
			return err
		}
		_, err = tx.Exec(capRetries, millis(s.clock().Add(webhooks.MaxRetryWait)))
		return err
	})
	return int(n), err
}

// NextDelivery implements webhooks.Store.
func (s *Store) NextDelivery(ctx context.Context, after time.Time) (at time.Time, err error) {
	err = s.read.QueryRowContext(ctx, nextDue, after.UnixMilli()).Scan(instant{&at})
	if isNoRows(err) {
		return time.Time{}, nil
	}
	return at, storageError(err)
}

// Queued implements webhooks.Store.
func (s *Store) Queued() <-chan struct{} { return s.queued }

// hint tells the dispatcher that there may be work. A hint that was not taken
// yet stands for this one too.
func (s *Store) hint() {
	select {
	case s.queued <- struct{}{}:
	default:
	}
}

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

func deliveryFields(d *webhooks.Delivery) []any {
	return []any{&d.ID, &d.Endpoint, &d.Event, &d.Session.Tenant, &d.Session.ID, &d.State, &d.Attempts, instant{&d.NextAt}}
}

func scanDelivery(r row) (d webhooks.Delivery, err error) {
	err = r.Scan(deliveryFields(&d)...)
	return d, err
}

func scanDeliveryID(r row) (id webhooks.DeliveryID, err error) {
	err = r.Scan(&id)
	return id, err
}

func scanClaim(r row) (c webhooks.Claim, err error) {
	e, v := &c.Endpoint, &c.Event
	err = r.Scan(append(deliveryFields(&c.Delivery),
		&e.ID, &e.Tenant, &e.URL, &e.Secret, &e.Enabled, instant{&e.CreatedAt}, instant{&e.UpdatedAt},
		&v.ID, &v.Session.Tenant, &v.Session.ID, &v.Type, instant{&v.At}, &v.Data)...)
	return c, err
}
