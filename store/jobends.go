package store

import (
	"context"
	"database/sql"
	"time"

	"wapid/bulk"
	"wapid/engine"
)

// endJob ends a job that has not ended, tells of it, and is false for one that
// has. A job that is completed is told of as its last progress, too. What a session
// may have sent of a job that fails is settled first.
func (s *Store) endJob(tx *sql.Tx, number int64, status bulk.Status, code engine.Code, at time.Time) (ended bool, queued int64, err error) {
	if status == bulk.StatusFailed {
		if err := settleItems(tx, number, "", at); err != nil {
			return false, 0, err
		}
	}
	n, err := changed(tx.Exec(`UPDATE jobs SET status = $1, error_code = $2, finished_at = $3, paused_at = NULL
		WHERE number = $4 AND status IN ('pending', 'running')`, status, code, millis(at), number))
	if err != nil || n == 0 {
		return false, 0, err
	}
	_, err = tx.Exec(`UPDATE job_sessions SET state = 'done', waiting = '', waiting_until = NULL WHERE job = $1 AND state = 'active'`, number)
	if err != nil {
		return false, 0, err
	}
	if status == bulk.StatusCompleted {
		if queued, err = s.tellProgress(tx, number, at); err != nil {
			return false, 0, err
		}
	}
	n, err = s.tellCompleted(tx, number)
	return true, queued + n, err
}

// CancelJob implements bulk.Store.
func (s *Store) CancelJob(ctx context.Context, tenant engine.TenantID, id bulk.JobID, at time.Time) (j bulk.Job, err error) {
	err = s.updateQueueing(ctx, func(tx *sql.Tx) (queued int64, err error) {
		if queued, err = s.abortJob(tx, tenant, id, bulk.CodeCancelled, at); err != nil {
			return 0, err
		}
		j, err = s.findJob(tx, tenant, id)
		return queued, err
	})
	return j, err
}

// AbortJob implements bulk.Store.
func (s *Store) AbortJob(ctx context.Context, id bulk.JobID, code engine.Code, at time.Time) error {
	return s.updateQueueing(ctx, func(tx *sql.Tx) (queued int64, err error) {
		var tenant engine.TenantID
		err = tx.QueryRow(`SELECT tenant_id FROM jobs WHERE id = $1`, id).Scan(&tenant)
		if isNoRows(err) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		return s.abortJob(tx, tenant, id, code, at)
	})
}

func (s *Store) abortJob(tx *sql.Tx, tenant engine.TenantID, id bulk.JobID, code engine.Code, at time.Time) (queued int64, err error) {
	var number int64
	err = tx.QueryRow(`SELECT number FROM jobs WHERE tenant_id = $1 AND id = $2 AND status IN ('pending', 'running')`, tenant, id).Scan(&number)
	if isNoRows(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	_, queued, err = s.endJob(tx, number, bulk.StatusFailed, code, at)
	return queued, err
}

// PauseJob implements bulk.Store.
func (s *Store) PauseJob(ctx context.Context, tenant engine.TenantID, id bulk.JobID, paused bool, at time.Time) (j bulk.Job, err error) {
	var since sql.NullInt64
	if paused {
		since = millis(at)
	}
	err = s.update(ctx, func(tx *sql.Tx) error {
		// What is so already stays so, with its time.
		_, err := tx.Exec(`UPDATE jobs SET paused_at = $1 WHERE tenant_id = $2 AND id = $3 AND status IN ('pending', 'running')
			AND (paused_at IS NULL) <> ($1 IS NULL)`, since, tenant, id)
		if err != nil {
			return err
		}
		if j, err = s.findJob(tx, tenant, id); err == nil && j.Status.Ended() {
			return engine.Errorf(bulk.CodeEnded, "the job has ended")
		}
		return err
	})
	return j, err
}

// DropSession implements bulk.Store.
func (s *Store) DropSession(ctx context.Context, key engine.SessionKey, code engine.Code, at time.Time) (ended []bulk.JobID, err error) {
	err = s.updateQueueing(ctx, func(tx *sql.Tx) (queued int64, err error) {
		ended = nil
		rows, err := tx.Query(`SELECT m.job, j.id FROM job_sessions m JOIN jobs j ON j.number = m.job
			WHERE m.tenant_id = $1 AND m.session_id = $2 AND m.state = 'active' ORDER BY m.job`, key.Tenant, key.ID)
		type membership struct {
			job int64
			id  bulk.JobID
		}
		of, err := collect(rows, err, func(r row) (m membership, err error) {
			err = r.Scan(&m.job, &m.id)
			return m, err
		})
		if err != nil {
			return 0, err
		}
		for _, m := range of {
			over, n, err := s.dropMember(tx, m.job, key.ID, code, at)
			if err != nil {
				return 0, err
			}
			queued += n
			if over {
				ended = append(ended, m.id)
			}
		}
		return queued, nil
	})
	if err != nil {
		return nil, err
	}
	return ended, nil
}

// dropMember takes a session out of a job, which ends if nobody is left to send for
// it, or nothing is left to be sent.
func (s *Store) dropMember(tx *sql.Tx, job int64, session engine.SessionID, code engine.Code, at time.Time) (over bool, queued int64, err error) {
	if err := settleItems(tx, job, session, at); err != nil {
		return false, 0, err
	}
	_, err = tx.Exec(`UPDATE job_sessions SET state = 'dropped', error_code = $1, waiting = '', waiting_until = NULL
		WHERE job = $2 AND session_id = $3 AND state = 'active'`, code, job, session)
	if err != nil {
		return false, 0, err
	}
	var left, items int
	err = tx.QueryRow(`SELECT (SELECT count(*) FROM job_sessions WHERE job = $1 AND state = 'active'), total - succeeded - failed - skipped
		FROM jobs WHERE number = $1`, job).Scan(&left, &items)
	switch {
	case err != nil:
		return false, 0, err
	case items <= 0:
		return s.endJob(tx, job, bulk.StatusCompleted, "", at)
	case left == 0:
		return s.endJob(tx, job, bulk.StatusFailed, code, at)
	}
	return false, 0, nil
}
