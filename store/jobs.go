package store

import (
	"context"
	"database/sql"
	"time"

	"wapid/bulk"
	"wapid/engine"
)

// itemsPerCommit bounds how long the other writers wait while the items of a
// large job go in.
const itemsPerCommit = 2000

const selectJob = `SELECT id, tenant_id, session_id, session_made_at, status, waiting, next_at, delay_min, delay_max,
	total, succeeded, failed, error_code, created_at, started_at, finished_at FROM jobs`

// statusPreparing is that of a job whose items are still being inserted.
const statusPreparing bulk.Status = "preparing"

// InsertJob implements bulk.Store.
func (s *Store) InsertJob(ctx context.Context, j bulk.Job, items []bulk.Item, claim *engine.Claim) (kept bulk.Job, replayed bool, err error) {
	number, err := s.prepareJob(ctx, j)
	if err != nil {
		return bulk.Job{}, false, err
	}
	for first := 0; err == nil && first < len(items); first += itemsPerCommit {
		err = s.update(ctx, func(tx *sql.Tx) error {
			return insertItems(tx, number, items[first:min(first+itemsPerCommit, len(items))])
		})
	}
	var standing string
	if err == nil {
		standing, err = s.activateJob(ctx, number, j, claim)
	}
	if err != nil || standing != "" {
		// If this fails, the next start removes the rest; nobody sees it.
		_ = s.update(context.WithoutCancel(ctx), func(tx *sql.Tx) error {
			_, err := tx.Exec(`DELETE FROM jobs WHERE number = $1 AND status = 'preparing'`, number)
			return err
		})
	}
	switch {
	case err != nil:
		return bulk.Job{}, false, err
	case standing != "":
		kept, err = s.FindJob(ctx, j.Session.Tenant, bulk.JobID(standing))
		return kept, true, err
	}
	return j, false, nil
}

func (s *Store) prepareJob(ctx context.Context, j bulk.Job) (number int64, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		return tx.QueryRow(`INSERT INTO jobs (id, tenant_id, session_id, session_made_at, status, delay_min, delay_max, total, created_at, message)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING number`,
			j.ID, j.Session.Tenant, j.Session.ID, millis(j.SessionMadeAt), statusPreparing,
			j.DelayMin.Milliseconds(), j.DelayMax.Milliseconds(), j.Total, millis(j.CreatedAt), document{&j.Message}).Scan(&number)
	})
	return number, err
}

func insertItems(tx *sql.Tx, job int64, items []bulk.Item) error {
	insert, err := tx.Prepare(`INSERT INTO job_items (job, position, recipient, fields, message_id, state) VALUES ($1, $2, $3, $4, $5, $6)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for _, it := range items {
		if _, err := insert.Exec(job, it.Index, it.To, document{&it.Fields}, it.MessageID, bulk.ItemPending); err != nil {
			return err
		}
	}
	return nil
}

// activateJob shows a job to everybody, unless its claim stands for another one,
// which is returned.
func (s *Store) activateJob(ctx context.Context, number int64, j bulk.Job, claim *engine.Claim) (standing string, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		if claim != nil {
			c := claimed{session: j.Session, kind: claimBulk, claim: *claim, result: string(j.ID)}
			if standing, err = findClaim(tx, c, s.clock()); err != nil || standing != "" {
				return err
			}
			if err := putClaim(tx, c, s.clock()); err != nil {
				return err
			}
		}
		n, err := changed(tx.Exec(`UPDATE jobs SET status = 'pending' WHERE number = $1 AND status = 'preparing'`, number))
		if err == nil && n != 1 {
			return engine.Errorf(engine.CodeInternal, "the job is gone before it was complete")
		}
		return err
	})
	return standing, err
}

// FindClaimedJob implements bulk.Store.
func (s *Store) FindClaimedJob(ctx context.Context, key engine.SessionKey, claim engine.Claim) (bulk.Job, error) {
	id, err := findClaim(s.read, claimed{session: key, kind: claimBulk, claim: claim}, s.clock())
	if err != nil {
		return bulk.Job{}, err
	}
	return s.FindJob(ctx, key.Tenant, bulk.JobID(id))
}

// FindJob returns one of a tenant's jobs, without its message, or CodeNotFound.
func (s *Store) FindJob(ctx context.Context, tenant engine.TenantID, id bulk.JobID) (bulk.Job, error) {
	j, err := scanJob(s.read.QueryRowContext(ctx, selectJob+` WHERE tenant_id = $1 AND id = $2 AND status <> 'preparing'`, tenant, id))
	return j, orNotFound(err, "bulk job")
}

// CancelJob implements bulk.Store.
func (s *Store) CancelJob(ctx context.Context, tenant engine.TenantID, id bulk.JobID, at time.Time) (j bulk.Job, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE jobs SET status = 'failed', error_code = $1, finished_at = $2, waiting = ''
			WHERE tenant_id = $3 AND id = $4 AND status IN ('pending', 'running')`, bulk.CodeCancelled, millis(at), tenant, id)
		if err != nil {
			return err
		}
		j, err = scanJob(tx.QueryRow(selectJob+` WHERE tenant_id = $1 AND id = $2 AND status <> 'preparing'`, tenant, id))
		return orNotFound(err, "bulk job")
	})
	return j, err
}

// AbortJob implements bulk.Store.
func (s *Store) AbortJob(ctx context.Context, id bulk.JobID, code engine.Code, at time.Time) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE jobs SET status = 'failed', error_code = $1, finished_at = $2, waiting = ''
			WHERE id = $3 AND status IN ('pending', 'running')`, code, millis(at), id)
		return err
	})
}

// AbortJobs implements bulk.Store.
func (s *Store) AbortJobs(ctx context.Context, key engine.SessionKey, code engine.Code, at time.Time) (ended []bulk.JobID, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		rows, err := tx.Query(`UPDATE jobs SET status = 'failed', error_code = $1, finished_at = $2, waiting = ''
			WHERE tenant_id = $3 AND session_id = $4 AND status IN ('pending', 'running') RETURNING id`,
			code, millis(at), key.Tenant, key.ID)
		ended, err = collect(rows, err, func(r row) (id bulk.JobID, err error) {
			err = r.Scan(&id)
			return id, err
		})
		return err
	})
	return ended, err
}

// JobUnfinished implements bulk.Store.
func (s *Store) JobUnfinished(ctx context.Context, id bulk.JobID) (unfinished bool, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT count(*) > 0 FROM jobs WHERE id = $1 AND status NOT IN ('completed', 'failed')`, id).Scan(&unfinished)
	return unfinished, storageError(err)
}

// JobPage says which of a tenant's jobs are wanted.
type JobPage struct {
	Sessions []engine.SessionID // nil for all
	Before   bulk.JobID         // only jobs made before this one; "" begins at the newest
	Limit    int
}

// ListJobs returns a tenant's jobs without their messages, newest first.
func (s *Store) ListJobs(ctx context.Context, tenant engine.TenantID, p JobPage) ([]bulk.Job, error) {
	var q conditions
	q.add(`tenant_id = ?`, tenant)
	q.add(`status <> 'preparing'`)
	among(&q, `session_id`, p.Sessions)
	if p.Before != "" {
		q.add(`number < (SELECT b.number FROM jobs b WHERE b.tenant_id = ? AND b.id = ?)`, tenant, p.Before)
	}
	rows, err := s.read.QueryContext(ctx, selectJob+q.where()+` ORDER BY number DESC LIMIT `+q.bind(p.Limit), q.args...)
	return collect(rows, err, scanJob)
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
	rows, err := s.read.QueryContext(ctx, `SELECT position, recipient, message_id, state, error_code, attempts, sent_at FROM job_items`+
		q.where()+` ORDER BY position LIMIT `+q.bind(p.Limit)+` OFFSET `+q.bind(p.Offset), q.args...)
	items, err = collect(rows, err, func(r row) (it bulk.Item, err error) {
		err = r.Scan(&it.Index, &it.To, &it.MessageID, &it.State, &it.ErrorCode, &it.Attempts, instant{&it.SentAt})
		return it, err
	})
	return items, total, err
}

// The items of a job go before the job, so that no transaction is long.
const (
	deleteOldItems = `DELETE FROM job_items WHERE (job, position) IN (
		SELECT i.job, i.position FROM jobs j JOIN job_items i ON i.job = j.number
		WHERE j.tenant_id = $1 AND j.finished_at < $2 LIMIT $3)`
	deleteOldJobs = `DELETE FROM jobs WHERE number IN (
		SELECT number FROM jobs WHERE tenant_id = $1 AND finished_at < $2 LIMIT $3)`
)

// pruneJobs removes a tenant's bulk jobs that ended before cutoff.
func (s *Store) pruneJobs(ctx context.Context, tenant engine.TenantID, cutoff time.Time) (removed int64, err error) {
	for _, query := range []string{deleteOldItems, deleteOldJobs} {
		n, err := s.pruneBatches(ctx, func(tx *sql.Tx) (int64, bool, error) {
			n, err := changed(tx.Exec(query, tenant, millis(cutoff), pruneBatch))
			return n, n == pruneBatch, err
		})
		removed += n
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

func jobFields(j *bulk.Job, low, high *int64) []any {
	return []any{&j.ID, &j.Session.Tenant, &j.Session.ID, instant{&j.SessionMadeAt}, &j.Status, &j.Waiting, instant{&j.NextAt}, low, high,
		&j.Total, &j.Succeeded, &j.Failed, &j.ErrorCode, instant{&j.CreatedAt}, instant{&j.StartedAt}, instant{&j.FinishedAt}}
}

func scanJob(r row) (j bulk.Job, err error) {
	var low, high int64
	err = r.Scan(jobFields(&j, &low, &high)...)
	j.DelayMin, j.DelayMax = time.Duration(low)*time.Millisecond, time.Duration(high)*time.Millisecond
	return j, err
}
