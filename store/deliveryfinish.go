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
		var line deliveryLine
		var known []int // the tries whose rows are still there
		for i, t := range tries {
			of, err := finishOne(tx, t, i > 0)
			switch {
			case err == nil:
				line, known = of, append(known, i)
			case i == 0 && len(tries) == 1, engine.CodeOf(err) != engine.CodeNotFound:
				return 0, err
			}
		}
		if len(known) == 0 {
			return 0, orNotFound(sql.ErrNoRows, "delivery")
		}
		if _, err = tx.Exec(promoteNext, line.endpoint, line.session); err != nil {
			return 0, err
		}
		turns = make([]webhooks.Turn, len(tries))
		well := false
		for _, i := range known {
			if well && tries[i].Outcome.State == webhooks.DeliveryDelivered {
				continue // it follows a success: the endpoint is well already
			}
			var n int64
			if turns[i], n, err = s.judge(tx, line.endpoint, tries[i].Attempt, tries[i].Outcome); err != nil {
				return 0, err
			}
			queued += n
			well = tries[i].Outcome.State == webhooks.DeliveryDelivered
		}
		return queued, nil
	})
	if err != nil {
		return nil, err
	}
	return turns, nil
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
