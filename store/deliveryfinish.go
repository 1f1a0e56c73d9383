package store

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"wapid/engine"
	"wapid/webhooks"
)

// promoteNext gives the turn to whoever is first in line now; it may have it already, or
// be under way in another's place.
const promoteNext = `UPDATE deliveries SET turn = 1 WHERE turn = 0 AND state = 'pending' AND id = (
	SELECT min(d.id) FROM deliveries d WHERE d.endpoint_id = $1 AND d.session_id = $2 AND d.turn < 2)`

// finishing reads what is to be finished: reading first costs less than RETURNING.
const finishing = `SELECT endpoint_id, session_id, state, turn, tenant_id, created_at FROM deliveries WHERE id = $1`

const finishDelivery = `UPDATE deliveries SET state = $1, turn = 2, attempts = attempts + 1, next_at = $2, finished_at = $3 WHERE id = $4`

// handBack returns a claim untried, without a turn if it stands in line.
const handBack = `UPDATE deliveries SET state = 'pending', turn = CASE turn WHEN 2 THEN 2 ELSE 0 END WHERE id = $1 AND state = 'sending'`

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

// PassOn implements webhooks.Store.
func (s *Store) PassOn(ctx context.Context, now time.Time, share webhooks.Share, tries ...webhooks.Tried) (turns []webhooks.Turn, next *webhooks.Claim, err error) {
	err = s.recordQueueing(ctx, func(tx *sql.Tx) (queued int64, err error) {
		next = nil
		var e webhooks.Endpoint
		if turns, e, queued, err = s.finishAll(tx, tries); err != nil {
			return 0, err
		}
		held := e.Circuit.HeldUntil.Sub(now)
		if !e.Enabled || e.Circuit.Failures > 0 || held > 0 && held <= webhooks.MaxHold {
			return queued, nil
		}
		var n int64
		next, n, err = s.claimOf(tx, e, now, share)
		return queued + n, err
	})
	if err != nil {
		return nil, nil, err
	}
	return turns, next, nil
}

// finishAll records the tries of one claim, and returns their endpoint as it is then.
func (s *Store) finishAll(tx *sql.Tx, tries []webhooks.Tried) (turns []webhooks.Turn, e webhooks.Endpoint, queued int64, err error) {
	var known []int // the tries whose rows are still there
	var lines []deliveryLine
	for i, t := range tries {
		if t.Outcome.State == "" {
			if err := giveUp(tx, t.ID); err != nil {
				return nil, e, 0, err
			}
			continue
		}
		line, err := s.finishOne(tx, t, i > 0)
		switch {
		case err == nil:
			known = append(known, i)
			if !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		case engine.CodeOf(err) != engine.CodeNotFound:
			return nil, e, 0, err
		}
	}
	if len(known) == 0 {
		return nil, e, 0, orNotFound(sql.ErrNoRows, "delivery")
	}
	for _, line := range lines {
		if _, err = tx.Exec(promoteNext, line.endpoint, line.session); err != nil {
			return nil, e, 0, err
		}
	}
	turns = make([]webhooks.Turn, len(tries))
	well := false
	for _, i := range known {
		if well && tries[i].Outcome.State == webhooks.DeliveryDelivered {
			continue // it follows a success: the endpoint is well already
		}
		var n int64
		if turns[i], e, n, err = s.judge(tx, lines[0].endpoint, tries[i].Attempt, tries[i].Outcome); err != nil {
			return nil, e, 0, err
		}
		queued += n
		well = tries[i].Outcome.State == webhooks.DeliveryDelivered && !tries[i].Outcome.Unsent
	}
	return turns, e, queued, nil
}

// finishOne records one try. What stood behind a claim and has gone its own way
// since is not found.
func (s *Store) finishOne(tx *sql.Tx, t webhooks.Tried, behind bool) (line deliveryLine, err error) {
	a, o := t.Attempt, t.Outcome
	var state webhooks.DeliveryState
	var turn int
	var tenant engine.TenantID
	var made time.Time
	if err := tx.QueryRow(finishing, t.ID).Scan(&line.endpoint, &line.session, &state, &turn, &tenant, instant{&made}); err != nil {
		return line, orNotFound(err, "delivery")
	}
	switch {
	case state == webhooks.DeliverySending:
	case !behind:
		return line, engine.Errorf(engine.CodeInternal, "the delivery is %s, not sending as expected", state)
	case state != webhooks.DeliveryPending || turn == outOfLine:
		return line, orNotFound(sql.ErrNoRows, "delivery")
	}
	nextAt, finished := o.RetryAt, time.Time{}
	if o.State != webhooks.DeliveryPending {
		nextAt, finished = a.At, a.At.Add(a.Duration)
	}
	if _, err = tx.Exec(finishDelivery, o.State, millis(nextAt), millis(finished), t.ID); err != nil {
		return line, err
	}
	key := engine.SessionKey{Tenant: tenant, ID: line.session}
	if o.State == webhooks.DeliveryDelivered {
		s.activity.note(eventDelivered, key, a.At.Add(a.Duration).Sub(made))
	} else {
		s.activity.note(tryFailed, key, notTimed)
	}
	_, err = tx.Exec(insertAttempt, t.ID, millis(a.At), a.Status, a.Duration.Milliseconds(), a.Error, a.Body)
	return line, err
}

// giveUp hands a claim back untried. The turn of its line goes to whoever is first
// there, which is another if an older one has come back meanwhile.
func giveUp(tx *sql.Tx, id webhooks.DeliveryID) error {
	if n, err := changed(tx.Exec(handBack, id)); err != nil || n == 0 {
		return err
	}
	var line deliveryLine
	err := tx.QueryRow(`SELECT endpoint_id, session_id FROM deliveries WHERE id = $1`, id).Scan(&line.endpoint, &line.session)
	if err == nil {
		_, err = tx.Exec(promoteNext, line.endpoint, line.session)
	}
	return err
}
