package store

import (
	"context"
	"database/sql"
	"time"

	"wapid/bulk"
	"wapid/engine"
)

// The statements that run for every item of every bulk job.
const (
	firstJob = `SELECT j.number, j.id, j.session_made_at, j.status, j.waiting, j.delay_min, j.delay_max, j.total, j.succeeded, j.failed,
		t.suspended_at IS NOT NULL
		FROM jobs j JOIN tenants t ON t.id = j.tenant_id
		WHERE j.tenant_id = $1 AND j.session_id = $2 AND j.status IN ('pending', 'running') ORDER BY j.number LIMIT 1`

	claimItem = `UPDATE job_items SET state = 'sending' WHERE job = $1 AND position = (
		SELECT min(p.position) FROM job_items p WHERE p.job = $1 AND p.state = 'pending')
		RETURNING position, recipient, fields, message_id, attempts`

	finishItem = `UPDATE job_items SET state = $1, error_code = $2, sent_at = $3
		WHERE job = (SELECT number FROM jobs WHERE id = $4) AND position = $5 AND state = 'sending' RETURNING job`

	countItem = `UPDATE jobs SET succeeded = succeeded + $1, failed = failed + $2, next_at = $3, waiting = '',
		status = CASE WHEN status = 'running' AND succeeded + failed + 1 >= total THEN 'completed' ELSE status END,
		finished_at = CASE WHEN status = 'running' AND succeeded + failed + 1 >= total THEN $4 ELSE finished_at END
		WHERE number = $5 RETURNING status`

	listLines = `SELECT tenant_id, session_id, next_at FROM jobs WHERE status IN ('pending', 'running')
		ORDER BY tenant_id, session_id, number`

	releaseItems = `UPDATE job_items SET state = 'pending' WHERE state = 'sending'`

	dropPreparing = `DELETE FROM jobs WHERE status = 'preparing'`
)

// RecoverJobs implements bulk.Store.
func (s *Store) RecoverJobs(ctx context.Context) (handedBack int, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(dropPreparing); err != nil {
			return err
		}
		n, err := changed(tx.Exec(releaseItems))
		handedBack = int(n)
		return err
	})
	return handedBack, err
}

// ListLines implements bulk.Store.
func (s *Store) ListLines(ctx context.Context) ([]bulk.Line, error) {
	rows, err := s.read.QueryContext(ctx, listLines)
	all, err := collect(rows, err, func(r row) (l bulk.Line, err error) {
		err = r.Scan(&l.Session.Tenant, &l.Session.ID, instant{&l.NextAt})
		return l, err
	})
	lines := all[:0]
	for _, l := range all {
		if n := len(lines); n == 0 || lines[n-1].Session != l.Session {
			lines = append(lines, l)
		}
	}
	return lines, err
}

// ClaimItem implements bulk.Store.
func (s *Store) ClaimItem(ctx context.Context, key engine.SessionKey, madeAt time.Time, known bulk.JobID, now time.Time) (c bulk.Claim, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		for {
			var done bool
			if c, done, err = claimFirst(tx, key, madeAt, known, now); err != nil || done {
				return err
			}
		}
	})
	if err != nil {
		return bulk.Claim{}, err
	}
	return c, nil
}

// claimFirst looks at the first job in line. It is not done if that job had to be
// taken out of the line.
func claimFirst(tx *sql.Tx, key engine.SessionKey, madeAt time.Time, known bulk.JobID, now time.Time) (c bulk.Claim, done bool, err error) {
	var number, low, high int64
	var suspended bool
	j := bulk.Job{Session: key}
	err = tx.QueryRow(firstJob, key.Tenant, key.ID).Scan(&number, &j.ID, instant{&j.SessionMadeAt}, &j.Status, &j.Waiting,
		&low, &high, &j.Total, &j.Succeeded, &j.Failed, &suspended)
	switch {
	case isNoRows(err):
		return bulk.Claim{}, true, nil
	case err != nil:
		return bulk.Claim{}, false, err
	case j.SessionMadeAt.UnixMilli() != madeAt.UnixMilli():
		_, err := tx.Exec(`UPDATE jobs SET status = 'failed', error_code = $1, finished_at = $2, waiting = '' WHERE number = $3`,
			engine.CodeSessionNotFound, millis(now), number)
		return bulk.Claim{}, false, err
	case suspended:
		return bulk.Claim{Job: j, Waiting: bulk.WaitSuspended}, true, nil
	}
	j.DelayMin, j.DelayMax = time.Duration(low)*time.Millisecond, time.Duration(high)*time.Millisecond
	c.Item.State = bulk.ItemSending
	err = tx.QueryRow(claimItem, number).Scan(&c.Item.Index, &c.Item.To, document{&c.Item.Fields}, &c.Item.MessageID, &c.Item.Attempts)
	if isNoRows(err) {
		// It can't happen: the last item completes its job. Nobody should wait for ever if it does.
		_, err := tx.Exec(`UPDATE jobs SET status = 'completed', finished_at = $1, waiting = '' WHERE number = $2`, millis(now), number)
		return bulk.Claim{}, false, err
	}
	if err != nil {
		return bulk.Claim{}, false, err
	}
	if j.Status == bulk.StatusPending || j.Waiting != bulk.WaitNone {
		_, err := tx.Exec(`UPDATE jobs SET status = 'running', waiting = '', started_at = COALESCE(started_at, $1) WHERE number = $2`,
			millis(now), number)
		if err != nil {
			return bulk.Claim{}, false, err
		}
	}
	if j.ID != known {
		err = tx.QueryRow(`SELECT message FROM jobs WHERE number = $1`, number).Scan(document{&j.Message})
	}
	j.Status, j.Waiting = bulk.StatusRunning, bulk.WaitNone
	c.Job = j
	return c, true, err
}

// FinishItem implements bulk.Store.
func (s *Store) FinishItem(ctx context.Context, ref bulk.Ref, o bulk.Outcome) (status bulk.Status, err error) {
	state, succeeded, failed := bulk.ItemSent, 1, 0
	if !o.Sent {
		state, succeeded, failed = bulk.ItemFailed, 0, 1
	}
	err = s.update(ctx, func(tx *sql.Tx) error {
		var number int64
		err := tx.QueryRow(finishItem, state, o.Code, millis(o.SentAt), ref.Job, ref.Index).Scan(&number)
		if isNoRows(err) {
			return engine.Errorf(engine.CodeInternal, "the item of a bulk job is not being sent, as expected")
		}
		if err != nil {
			return err
		}
		return tx.QueryRow(countItem, succeeded, failed, millis(o.NextAt), millis(o.At), number).Scan(&status)
	})
	return status, err
}

// ReleaseItem implements bulk.Store.
func (s *Store) ReleaseItem(ctx context.Context, ref bulk.Ref, r bulk.Release) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		tried := 0
		if r.Tried {
			tried = 1
		}
		_, err := tx.Exec(`UPDATE job_items SET state = 'pending', attempts = attempts + $1
			WHERE job = (SELECT number FROM jobs WHERE id = $2) AND position = $3 AND state = 'sending'`, tried, ref.Job, ref.Index)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE jobs SET waiting = $1, next_at = $2 WHERE id = $3 AND status IN ('pending', 'running')`,
			r.Waiting, millis(r.NextAt), ref.Job)
		return err
	})
}

// HoldJob implements bulk.Store.
func (s *Store) HoldJob(ctx context.Context, key engine.SessionKey, waiting bulk.Wait) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE jobs SET waiting = $1 WHERE waiting <> $1 AND number = (
			SELECT min(f.number) FROM jobs f WHERE f.tenant_id = $2 AND f.session_id = $3 AND f.status IN ('pending', 'running'))`,
			waiting, key.Tenant, key.ID)
		return err
	})
}
