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
// numbers parameters as they first appear: $1 must come before $2, and so on. What is
// out of the line without a failure is a test, which is the next probe. 360000
// is webhooks.MaxHold: who is held back for longer was before the clock went back.
const claimDue = `
WITH RECURSIVE due (endpoint_id) AS (
	SELECT min(endpoint_id) FROM deliveries WHERE state = 'pending' AND turn > 0
	UNION ALL
	SELECT (SELECT min(d.endpoint_id) FROM deliveries d
		WHERE d.state = 'pending' AND d.turn > 0 AND d.endpoint_id > due.endpoint_id)
	FROM due WHERE due.endpoint_id IS NOT NULL
), busy (endpoint_id, tenant_id, failing, open, sending) AS MATERIALIZED (
	SELECT e.id, e.tenant_id, CASE WHEN e.failures > 0 THEN 1 ELSE 0 END, CASE WHEN e.opened_at IS NULL THEN 0 ELSE 1 END,
		(SELECT count(*) FROM deliveries d WHERE d.endpoint_id = e.id AND d.state = 'sending')
	FROM due JOIN endpoints e ON e.id = due.endpoint_id WHERE e.enabled = 1 AND (e.held_until <= $1 OR e.held_until > $1 + 360000)
), first (id, tenant_id, failing, sending) AS MATERIALIZED (
	SELECT CASE busy.open WHEN 1 THEN (SELECT d.id FROM deliveries d
			WHERE d.endpoint_id = busy.endpoint_id AND d.state = 'pending' AND d.turn > 0 AND d.next_at <= $1
			ORDER BY CASE WHEN d.turn = 2 AND d.attempts = 0 THEN 0 WHEN d.attempts < $2 THEN 1 ELSE 2 END, d.id LIMIT 1)
		ELSE (SELECT d.id FROM deliveries d
			WHERE d.endpoint_id = busy.endpoint_id AND d.state = 'pending' AND d.turn > 0 AND d.next_at <= $1
			ORDER BY d.next_at, d.id LIMIT 1) END,
		busy.tenant_id, busy.failing, busy.sending
	FROM busy WHERE busy.sending < CASE WHEN busy.failing = 1 THEN 1 ELSE $3 END
), tenants_busy (tenant_id, sending) AS MATERIALIZED (
	SELECT d.tenant_id, count(*) FROM deliveries d WHERE d.state = 'sending' GROUP BY d.tenant_id
), placed (id, failing, sending, next_at, place) AS (
	SELECT first.id, first.failing, first.sending, d.next_at, coalesce(b.sending, 0)
		+ row_number() OVER (PARTITION BY first.tenant_id ORDER BY first.sending, d.next_at, d.id)
	FROM first JOIN deliveries d ON d.id = first.id LEFT JOIN tenants_busy b ON b.tenant_id = first.tenant_id
), ranked (id, failing, rank) AS (
	SELECT id, failing, row_number() OVER (PARTITION BY failing ORDER BY place, sending, next_at, id)
	FROM placed WHERE place <= $4
)
UPDATE deliveries SET state = 'sending' WHERE state = 'pending' AND id IN (
	SELECT id FROM ranked WHERE rank <= CASE failing WHEN 1 THEN $5 ELSE $6 END
) RETURNING id`

const selectClaim = `SELECT d.id, d.endpoint_id, d.event_id, d.tenant_id, d.session_id, d.state, d.attempts, d.next_at,
	` + endpointColumns + `,
	v.id, v.tenant_id, v.session_id, v.type, v.at, v.data
	FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id JOIN events v ON v.id = d.event_id WHERE d.id = $1`

// promoteNext gives the turn to whoever is first in line now; it may have it already.
const promoteNext = `UPDATE deliveries SET turn = 1 WHERE turn = 0 AND id = (
	SELECT min(d.id) FROM deliveries d WHERE d.endpoint_id = $1 AND d.session_id = $2 AND d.turn < 2)`

const releaseAll = `UPDATE deliveries SET state = 'pending' WHERE state = 'sending'`

// capRetries takes back times that were set while the clock was far ahead.
const capRetries = `UPDATE deliveries SET next_at = $1 WHERE state = 'pending' AND turn > 0 AND next_at > $1`

// nextDue is the earliest time after $1 at which something can be claimed, of each
// endpoint that waits: when it is no longer held back, or its first retry.
const nextDue = `
WITH RECURSIVE due (endpoint_id) AS (
	SELECT min(endpoint_id) FROM deliveries WHERE state = 'pending' AND turn > 0
	UNION ALL
	SELECT (SELECT min(d.endpoint_id) FROM deliveries d
		WHERE d.state = 'pending' AND d.turn > 0 AND d.endpoint_id > due.endpoint_id)
	FROM due WHERE due.endpoint_id IS NOT NULL
)
SELECT min(CASE WHEN e.held_until > $1 AND e.held_until <= $1 + 360000 THEN max(e.held_until, (SELECT min(d.next_at) FROM deliveries d
			WHERE d.endpoint_id = e.id AND d.state = 'pending' AND d.turn > 0))
		ELSE (SELECT min(d.next_at) FROM deliveries d
			WHERE d.endpoint_id = e.id AND d.state = 'pending' AND d.turn > 0 AND d.next_at > $1) END)
FROM due JOIN endpoints e ON e.id = due.endpoint_id WHERE e.enabled = 1`

// ClaimDeliveries implements webhooks.Store.
func (s *Store) ClaimDeliveries(ctx context.Context, now time.Time, room webhooks.Room) (claims []webhooks.Claim, err error) {
	err = s.recordQueueing(ctx, func(tx *sql.Tx) (queued int64, err error) {
		claims = nil
		healthy, failing := room.Healthy, room.Failing
		for healthy > 0 || failing > 0 {
			rows, err := tx.Query(claimDue, now.UnixMilli(), webhooks.MaxAttempts-1, room.PerEndpoint, room.PerTenant, failing, healthy)
			ids, err := collect(rows, err, scanDeliveryID)
			if err != nil || len(ids) == 0 {
				return queued, err
			}
			for _, id := range ids {
				c, err := scanClaim(tx.QueryRow(selectClaim, id))
				if err != nil {
					return 0, err
				}
				s.readable(&c.Event)
				if c.Endpoint.Unreadable {
					n, err := s.setAside(tx, c)
					if err != nil {
						return 0, err
					}
					queued += n
					continue
				}
				if c.Endpoint.Circuit.Failures > 0 {
					failing--
				} else {
					healthy--
				}
				claims = append(claims, c)
			}
		}
		return queued, nil
	})
	if err != nil {
		return nil, err
	}
	return claims, nil
}

// FinishDelivery implements webhooks.Store.
func (s *Store) FinishDelivery(ctx context.Context, id webhooks.DeliveryID, a webhooks.Attempt, o webhooks.Outcome) (turn webhooks.Turn, err error) {
	err = s.recordQueueing(ctx, func(tx *sql.Tx) (queued int64, err error) {
		var (
			endpoint  webhooks.EndpointID
			session   engine.SessionID
			nextAt    = o.RetryAt
			finished  time.Time
			finishing = o.State != webhooks.DeliveryPending
		)
		if finishing {
			nextAt, finished = a.At, a.At.Add(a.Duration)
		}
		err = tx.QueryRow(`UPDATE deliveries SET state = $1, turn = 2, attempts = attempts + 1, next_at = $2, finished_at = $3
			WHERE id = $4 AND state = 'sending' RETURNING endpoint_id, session_id`,
			o.State, millis(nextAt), millis(finished), id).Scan(&endpoint, &session)
		if isNoRows(err) {
			return 0, notSending(tx, id)
		}
		if err != nil {
			return 0, err
		}
		// One that was delivered again counts its attempts anew, but its tries on.
		_, err = tx.Exec(`INSERT INTO attempts (delivery_id, number, at, status, duration_ms, error, body)
			VALUES ($1, (SELECT coalesce(max(number), 0) + 1 FROM attempts WHERE delivery_id = $1), $2, $3, $4, $5, $6)`,
			id, millis(a.At), a.Status, a.Duration.Milliseconds(), a.Error, a.Body)
		if err != nil {
			return 0, err
		}
		if _, err = tx.Exec(promoteNext, endpoint, session); err != nil {
			return 0, err
		}
		turn, queued, err = s.judge(tx, endpoint, a, o)
		return queued, err
	})
	if err != nil {
		return webhooks.TurnNone, err
	}
	return turn, nil
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
	return s.record(ctx, func(tx *sql.Tx) error {
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
		limit := millis(s.clock().Add(webhooks.MaxRetryWait))
		if _, err = tx.Exec(capRetries, limit); err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE endpoints SET held_until = 0 WHERE held_until > $1`, limit)
		return err
	})
	return int(n), err
}

// NextDelivery implements webhooks.Store.
func (s *Store) NextDelivery(ctx context.Context, after time.Time) (at time.Time, err error) {
	err = s.read.QueryRowContext(ctx, nextDue, after.UnixMilli()).Scan(instant{&at})
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
	v := &c.Event
	err = r.Scan(append(append(deliveryFields(&c.Delivery), endpointFields(&c.Endpoint)...),
		&v.ID, &v.Session.Tenant, &v.Session.ID, &v.Type, instant{&v.At}, &v.Data)...)
	return c, err
}
