package store

import (
	"context"
	"database/sql"
	"time"

	"wapid/bulk"
	"wapid/engine"
)

// The statements that run for every item of every bulk job. Rows are read beside their
// change, not by RETURNING, for which SQLite makes a table of its own each time.
const (
	findSending = `SELECT i.job, i.session_id FROM jobs j JOIN job_items i ON i.job = j.number
		WHERE j.id = $1 AND i.position = $2 AND i.state = 'sending'`

	finishItem = `UPDATE job_items SET state = $1, error_code = $2, sent_at = $3,
		tried_at = CASE WHEN $4 = 1 AND tried_at IS NOT NULL THEN $5 ELSE NULL END, unsure = 0
		WHERE job = $6 AND position = $7 AND state = 'sending'`

	// outcomeUnknown tells whether the log does not know what became of an item: what a
	// refusal says, it says of its own try alone.
	outcomeUnknown = `SELECT EXISTS (SELECT 1 FROM jobs j JOIN job_items i ON i.job = j.number JOIN messages m
		ON m.tenant_id = j.tenant_id AND m.session_id = i.session_id AND m.direction = 'out' AND m.id = i.message_id AND m.origin = ''
		WHERE j.id = $1 AND i.position = $2 AND m.status = 'unknown')`

	countItem = `UPDATE jobs SET succeeded = succeeded + $1, failed = failed + $2 WHERE number = $3`

	selectProgress = `SELECT status, total, succeeded + failed + skipped, told, COALESCE(told_at, started_at) FROM jobs WHERE number = $1`

	countMember = `UPDATE job_sessions SET sent = sent + $1, failed = failed + $2, next_at = $3 WHERE job = $4 AND session_id = $5`
)

// FinishItem implements bulk.Store.
func (s *Store) FinishItem(ctx context.Context, ref bulk.Ref, o bulk.Outcome) (status bulk.Status, err error) {
	err = s.recordQueueing(ctx, func(tx *sql.Tx) (queued int64, err error) {
		status, queued, err = s.finishItem(tx, ref, o)
		return queued, err
	})
	return status, err
}

// FinishAndClaim implements bulk.Store.
func (s *Store) FinishAndClaim(ctx context.Context, ref bulk.Ref, o bulk.Outcome, look bulk.Look) (status bulk.Status, next bulk.Claim, err error) {
	err = s.recordQueueing(ctx, func(tx *sql.Tx) (queued int64, err error) {
		var more int64
		if status, queued, err = s.finishItem(tx, ref, o); err != nil {
			return 0, err
		}
		next, more, err = s.claimNext(tx, look)
		return queued + more, err
	})
	if err != nil {
		return "", bulk.Claim{}, err
	}
	return status, next, nil
}

func (s *Store) finishItem(tx *sql.Tx, ref bulk.Ref, o bulk.Outcome) (status bulk.Status, queued int64, err error) {
	state, succeeded, failed := bulk.ItemSent, 1, 0
	if !o.Sent {
		state, succeeded, failed = bulk.ItemFailed, 0, 1
		var unknown bool
		if err := tx.QueryRow(outcomeUnknown, ref.Job, ref.Index).Scan(&unknown); err != nil {
			return "", 0, err
		}
		if unknown {
			o.Code = engine.CodeSendOutcomeUnknown
		}
	}
	left := o.Sent || bulk.MayHaveLeft(o.Code)
	var number int64
	var session engine.SessionID
	err = tx.QueryRow(findSending, ref.Job, ref.Index).Scan(&number, &session)
	if isNoRows(err) {
		return "", 0, engine.Errorf(engine.CodeInternal, "the item of a bulk job is not being sent, as expected")
	}
	if err != nil {
		return "", 0, err
	}
	if _, err := tx.Exec(finishItem, state, o.Code, millis(o.SentAt), left, millis(o.At), number, ref.Index); err != nil {
		return "", 0, err
	}
	if _, err := tx.Exec(countMember, succeeded, failed, millis(o.NextAt), number, session); err != nil {
		return "", 0, err
	}
	return s.countItem(tx, number, succeeded, failed, o.At)
}

// countItem counts an item in its job, ends the job with its last one, and tells of both.
func (s *Store) countItem(tx *sql.Tx, number int64, succeeded, failed int, at time.Time) (status bulk.Status, queued int64, err error) {
	var t tally
	if _, err := tx.Exec(countItem, succeeded, failed, number); err != nil {
		return "", 0, err
	}
	err = tx.QueryRow(selectProgress, number).Scan(&t.status, &t.total, &t.processed, &t.told, instant{&t.toldAt})
	if err != nil || t.status.Ended() {
		return t.status, 0, err
	}
	if t.processed >= t.total {
		_, queued, err = s.endJob(tx, number, bulk.StatusCompleted, "", at)
		return bulk.StatusCompleted, queued, err
	}
	if t.progressDue(at) {
		queued, err = s.tellProgress(tx, number, at)
	}
	return t.status, queued, err
}

// skipItem passes over an item in sending.
func skipItem(tx *sql.Tx, number int64, index int, code engine.Code) error {
	_, err := tx.Exec(`UPDATE job_items SET state = 'skipped', session_id = '', tried_at = NULL, error_code = $1
		WHERE job = $2 AND position = $3 AND state = 'sending'`, code, number, index)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE jobs SET skipped = skipped + 1 WHERE number = $1`, number)
	return err
}

// ReleaseItem implements bulk.Store. An item of a job that has ended meanwhile is
// not sent any more; what may have left of it is settled at once.
func (s *Store) ReleaseItem(ctx context.Context, ref bulk.Ref, r bulk.Release) error {
	return s.record(ctx, func(tx *sql.Tx) error {
		var number int64
		err := tx.QueryRow(`UPDATE job_items SET state = 'pending', attempts = attempts + $1,
			unsure = CASE WHEN $2 = 1 THEN 1 ELSE unsure END,
			session_id = CASE WHEN $2 = 1 OR unsure = 1 THEN session_id ELSE '' END,
			tried_at = CASE WHEN $2 = 1 THEN $3 WHEN unsure = 1 THEN tried_at ELSE NULL END
			WHERE job = (SELECT number FROM jobs WHERE id = $4) AND position = $5 AND state = 'sending'
			RETURNING job`, r.Tried, r.Unsure, millis(r.At), ref.Job, ref.Index).Scan(&number)
		if isNoRows(err) {
			return nil
		}
		if err != nil {
			return err
		}
		var status bulk.Status
		if err := tx.QueryRow(`SELECT status FROM jobs WHERE number = $1`, number).Scan(&status); err != nil {
			return err
		}
		if status.Ended() {
			return settleItems(tx, number, "", r.At)
		}
		_, err = tx.Exec(`UPDATE job_sessions SET waiting = $1, waiting_until = $2, next_at = COALESCE($3, next_at)
			WHERE job = $4 AND session_id = $5 AND state = 'active'`, r.Reason, millis(r.Until), millis(r.NextAt), number, r.Session)
		return err
	})
}

// ItemPage says which of a job's items are wanted.
type ItemPage struct {
	States []bulk.ItemState // nil for all
	Offset int
	Limit  int
}

// ListItems returns items of one of a tenant's jobs in their order, without their
// fields, and how many there are of the wanted states.
func (s *Store) ListItems(ctx context.Context, tenant engine.TenantID, id bulk.JobID, p ItemPage) (items []bulk.Item, total int, err error) {
	var q conditions
	q.add(`job = (SELECT number FROM jobs WHERE tenant_id = ? AND id = ?)`, tenant, id)
	among(&q, `state`, p.States)
	if err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM job_items`+q.where(), q.args...).Scan(&total); err != nil {
		return nil, 0, storageError(err)
	}
	rows, err := s.read.QueryContext(ctx, selectItem+
		q.where()+` ORDER BY position LIMIT `+q.bind(p.Limit)+` OFFSET `+q.bind(p.Offset), q.args...)
	items, err = collect(rows, err, scanItem)
	return items, total, err
}

// ListItemsFrom returns up to limit of the items whose index is at least from: a
// long list is read by asking for what follows the last one.
func (s *Store) ListItemsFrom(ctx context.Context, tenant engine.TenantID, id bulk.JobID, states []bulk.ItemState, from, limit int) ([]bulk.Item, error) {
	var q conditions
	q.add(`job = (SELECT number FROM jobs WHERE tenant_id = ? AND id = ?)`, tenant, id)
	q.add(`position >= ?`, from)
	among(&q, `state`, states)
	rows, err := s.read.QueryContext(ctx, selectItem+q.where()+` ORDER BY position LIMIT `+q.bind(limit), q.args...)
	return collect(rows, err, scanItem)
}

const selectItem = `SELECT position, recipient, message_id, session_id, state, error_code, attempts, sent_at FROM job_items`

func scanItem(r row) (it bulk.Item, err error) {
	err = r.Scan(&it.Index, &it.To, &it.MessageID, &it.Session, &it.State, &it.ErrorCode, &it.Attempts, instant{&it.SentAt})
	return it, err
}
