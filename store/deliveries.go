package store

import (
	"context"
	"database/sql"
	"time"

	"wapid/webhooks"
)

// waitingEndpoints walks from endpoint to endpoint through the index of what waits (a skip scan),
// so that the cost grows with the endpoints that wait and not with their rows.
const waitingEndpoints = `
WITH RECURSIVE due (endpoint_id) AS (
	SELECT min(endpoint_id) FROM deliveries WHERE state = 'pending' AND turn > 0
	UNION ALL
	SELECT (SELECT min(d.endpoint_id) FROM deliveries d
		WHERE d.state = 'pending' AND d.turn > 0 AND d.endpoint_id > due.endpoint_id)
	FROM due WHERE due.endpoint_id IS NOT NULL
)`

// claimDue takes one delivery of each endpoint that has one due. SQLite
// numbers parameters as they first appear: $1 must come before $2, and so on. What is
// out of the line without a failure is a test, which is the next probe. 360000
// is webhooks.MaxHold: who is held back for longer was before the clock went back.
const claimDue = waitingEndpoints + `, busy (endpoint_id, tenant_id, failing, open, sending) AS MATERIALIZED (
	SELECT e.id, e.tenant_id, CASE WHEN e.failures > 0 THEN 1 ELSE 0 END, CASE WHEN e.opened_at IS NULL THEN 0 ELSE 1 END,
		(SELECT count(*) FROM deliveries d WHERE d.endpoint_id = e.id AND d.state = 'sending' AND d.turn > 0)
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
	SELECT d.tenant_id, count(*) FROM deliveries d WHERE d.state = 'sending' AND d.turn > 0 GROUP BY d.tenant_id
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

const selectSending = `SELECT id FROM deliveries WHERE state = 'sending'`

// capRetries takes back times that were set while the clock was far ahead.
const capRetries = waitingEndpoints + `
UPDATE deliveries SET next_at = $1 WHERE id IN (
	SELECT d.id FROM due CROSS JOIN deliveries d WHERE d.endpoint_id = due.endpoint_id AND d.state = 'pending' AND d.turn > 0 AND d.next_at > $1)`

// nextDue is the earliest time after $1 at which something can be claimed, of each
// endpoint that waits: when it is no longer held back, or its first retry.
const nextDue = waitingEndpoints + `
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
				c, err := s.claimed(tx, id)
				if err != nil {
					return 0, err
				}
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

// ReleaseDeliveries implements webhooks.Store.
func (s *Store) ReleaseDeliveries(ctx context.Context, ids []webhooks.DeliveryID) error {
	return s.record(ctx, func(tx *sql.Tx) error {
		for _, id := range ids {
			if err := giveUp(tx, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// ReleaseAllDeliveries implements webhooks.Store.
func (s *Store) ReleaseAllDeliveries(ctx context.Context) (int, error) {
	var n int
	err := s.update(ctx, func(tx *sql.Tx) error {
		rows, err := tx.Query(selectSending)
		left, err := collect(rows, err, scanDeliveryID)
		if err != nil {
			return err
		}
		for _, id := range left {
			if err := giveUp(tx, id); err != nil {
				return err
			}
		}
		n = len(left)
		limit := millis(s.clock().Add(webhooks.MaxRetryWait))
		if _, err = tx.Exec(capRetries, limit); err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE endpoints SET held_until = 0 WHERE held_until > $1`, limit)
		return err
	})
	return n, err
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
