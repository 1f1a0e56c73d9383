package store

import (
	"context"
	"database/sql"
	"time"

	"wapid/engine"
	"wapid/webhooks"
)

// promoteNext gives the turn to whoever is first in line now; it may have it already.
const promoteNext = `UPDATE deliveries SET turn = 1 WHERE turn = 0 AND id = (
	SELECT min(d.id) FROM deliveries d WHERE d.endpoint_id = $1 AND d.session_id = $2 AND d.turn < 2)`

// finishDelivery records the outcome of what is under way; $5 is 1 for what stood
// behind a claim, and so was never claimed itself.
const finishDelivery = `UPDATE deliveries SET state = $1, turn = 2, attempts = attempts + 1, next_at = $2, finished_at = $3
	WHERE id = $4 AND (state = 'sending' OR $5 = 1 AND state = 'pending' AND turn < 2) RETURNING endpoint_id, session_id`

// One that was delivered again counts its attempts anew, but its tries on.
const insertAttempt = `INSERT INTO attempts (delivery_id, number, at, status, duration_ms, error, body)
	VALUES ($1, (SELECT coalesce(max(number), 0) + 1 FROM attempts WHERE delivery_id = $1), $2, $3, $4, $5, $6)`

// deliveryLine is the line that deliveries of one endpoint and session stand in.
type deliveryLine struct {
	endpoint webhooks.EndpointID
	session  engine.SessionID
}

// FinishDeliveries implements webhooks.Store.
func (s *Store) FinishDeliveries(ctx context.Context, tries ...webhooks.Tried) (turns []webhooks.Turn, err error) {
	err = s.recordQueueing(ctx, func(tx *sql.Tx) (queued int64, err error) {
		turns, _, queued, err = s.finishAll(tx, tries)
		return queued, err
	})
	if err != nil {
		return nil, err
	}
	return turns, nil
}

// nextOf claims what is due first of an endpoint that is well.
const nextOf = `UPDATE deliveries SET state = 'sending' WHERE state = 'pending' AND id = (
	SELECT d.id FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id
	WHERE d.endpoint_id = $1 AND d.state = 'pending' AND d.turn > 0 AND d.next_at <= $2
		AND e.enabled = 1 AND e.failures = 0 AND (e.held_until <= $2 OR e.held_until > $2 + 360000)
	ORDER BY d.next_at, d.id LIMIT 1) RETURNING id`

// PassOn implements webhooks.Store.
func (s *Store) PassOn(ctx context.Context, now time.Time, tries ...webhooks.Tried) (turns []webhooks.Turn, next *webhooks.Claim, err error) {
	err = s.recordQueueing(ctx, func(tx *sql.Tx) (queued int64, err error) {
		next = nil
		var line deliveryLine
		if turns, line, queued, err = s.finishAll(tx, tries); err != nil {
			return 0, err
		}
		id, err := scanDeliveryID(tx.QueryRow(nextOf, line.endpoint, now.UnixMilli()))
		if isNoRows(err) {
			return queued, nil
		}
		if err != nil {
			return 0, err
		}
		c, err := s.claimed(tx, id)
		if err != nil {
			return 0, err
		}
		if c.Endpoint.Unreadable {
			n, err := s.setAside(tx, c)
			return queued + n, err
		}
		next = &c
		return queued, nil
	})
	if err != nil {
		return nil, nil, err
	}
	return turns, next, nil
}

// finishAll records the tries of one claim.
func (s *Store) finishAll(tx *sql.Tx, tries []webhooks.Tried) (turns []webhooks.Turn, line deliveryLine, queued int64, err error) {
	var known []int // the tries whose rows are still there
	for i, t := range tries {
		of, err := finishOne(tx, t, i > 0)
		switch {
		case err == nil:
			line, known = of, append(known, i)
		case engine.CodeOf(err) != engine.CodeNotFound:
			return nil, line, 0, err
		}
	}
	if len(known) == 0 {
		return nil, line, 0, orNotFound(sql.ErrNoRows, "delivery")
	}
	if _, err = tx.Exec(promoteNext, line.endpoint, line.session); err != nil {
		return nil, line, 0, err
	}
	turns = make([]webhooks.Turn, len(tries))
	well := false
	for _, i := range known {
		if well && tries[i].Outcome.State == webhooks.DeliveryDelivered {
			continue // it follows a success: the endpoint is well already
		}
		var n int64
		if turns[i], n, err = s.judge(tx, line.endpoint, tries[i].Attempt, tries[i].Outcome); err != nil {
			return nil, line, 0, err
		}
		queued += n
		well = tries[i].Outcome.State == webhooks.DeliveryDelivered
	}
	return turns, line, queued, nil
}

// finishOne records one try. What stood behind a claim and has gone its own way
// since is not found.
func finishOne(tx *sql.Tx, t webhooks.Tried, behind bool) (line deliveryLine, err error) {
	a, o := t.Attempt, t.Outcome
	nextAt, finished := o.RetryAt, time.Time{}
	if o.State != webhooks.DeliveryPending {
		nextAt, finished = a.At, a.At.Add(a.Duration)
	}
	unclaimed := 0
	if behind {
		unclaimed = 1
	}
	err = tx.QueryRow(finishDelivery, o.State, millis(nextAt), millis(finished), t.ID, unclaimed).Scan(&line.endpoint, &line.session)
	switch {
	case isNoRows(err) && behind:
		return line, orNotFound(err, "delivery")
	case isNoRows(err):
		return line, notSending(tx, t.ID)
	case err != nil:
		return line, err
	}
	_, err = tx.Exec(insertAttempt, t.ID, millis(a.At), a.Status, a.Duration.Milliseconds(), a.Error, a.Body)
	return line, err
}

// notSending says why a delivery could not be finished.
func notSending(tx *sql.Tx, id webhooks.DeliveryID) error {
	var state webhooks.DeliveryState
	if err := tx.QueryRow(`SELECT state FROM deliveries WHERE id = $1`, id).Scan(&state); err != nil {
		return orNotFound(err, "delivery")
	}
	return engine.Errorf(engine.CodeInternal, "the delivery is %s, not sending as expected", state)
}
