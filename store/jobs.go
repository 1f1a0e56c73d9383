package store

import (
	"context"
	"database/sql"
	"time"

	"go.uber.org/zap"

	"wapid/bulk"
	"wapid/engine"
)

// jobColumns are what scanJob reads: a job but for its message and its sessions.
const jobColumns = `j.number, j.id, j.tenant_id, j.session_id, j.status, j.start_at, j.windows, j.time_zone, j.max_per_hour, j.check_numbers,
	j.delay_min, j.delay_max, j.total, j.succeeded, j.failed, j.skipped, j.invalid, j.paused_at, j.error_code,
	j.created_at, j.started_at, j.finished_at`

const selectJob = `SELECT ` + jobColumns + ` FROM jobs j`

// scanJob reads jobColumns and, behind them, what more is asked for.
func (s *Store) scanJob(r row, more ...any) (number int64, j bulk.Job, err error) {
	var low, high int64
	var zone string
	var damage error
	err = r.Scan(append([]any{&number, &j.ID, &j.Session.Tenant, &j.Session.ID, &j.Status, instant{&j.Schedule.StartAt},
		lenient{&j.Schedule.Windows, &damage}, &zone, &j.MaxPerHour, &j.CheckNumbers, &low, &high, &j.Total, &j.Succeeded, &j.Failed, &j.Skipped,
		&j.Invalid, instant{&j.PausedAt}, &j.ErrorCode, instant{&j.CreatedAt}, instant{&j.StartedAt}, instant{&j.FinishedAt}}, more...)...)
	if damage != nil {
		j.Unreadable = true
		s.unreadable("the schedule of a bulk job", damage, zap.String("tenant", string(j.Session.Tenant)), zap.String("job", string(j.ID)))
	}
	if zone != "" {
		j.Schedule.Zone = s.zones.find(zone)
	}
	j.DelayMin, j.DelayMax = time.Duration(low)*time.Millisecond, time.Duration(high)*time.Millisecond
	return number, j, err
}

// FindJob returns one of a tenant's jobs, without its message, or CodeNotFound.
func (s *Store) FindJob(ctx context.Context, tenant engine.TenantID, id bulk.JobID) (j bulk.Job, err error) {
	return s.findJob(s.read, tenant, id)
}

func (s *Store) findJob(q querier, tenant engine.TenantID, id bulk.JobID) (bulk.Job, error) {
	number, j, err := s.scanJob(q.QueryRow(selectJob+` WHERE j.tenant_id = $1 AND j.id = $2 AND j.status <> 'preparing'`, tenant, id))
	if err != nil {
		return j, orNotFound(err, "bulk job")
	}
	rows, err := q.Query(`SELECT `+memberColumns+` FROM job_sessions m WHERE m.job = $1 ORDER BY m.place`, number)
	j.Members, err = collect(rows, err, func(r row) (bulk.Member, error) {
		_, m, err := scanMember(r)
		return m, err
	})
	return j, err
}

// memberColumns are what scanMember reads.
const memberColumns = `m.job, m.session_id, m.session_made_at, m.state, m.waiting, m.waiting_until, m.next_at, m.sent, m.failed, m.error_code`

func memberFields(m *bulk.Member) []any {
	return []any{&m.Session, instant{&m.MadeAt}, &m.State, &m.Reason, instant{&m.Until}, instant{&m.NextAt}, &m.Sent, &m.Failed, &m.ErrorCode}
}

func scanMember(r row) (job int64, m bulk.Member, err error) {
	err = r.Scan(append([]any{&job}, memberFields(&m)...)...)
	return job, m, err
}

// JobUnfinished implements bulk.Store.
func (s *Store) JobUnfinished(ctx context.Context, id bulk.JobID) (unfinished bool, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT count(*) > 0 FROM jobs WHERE id = $1 AND status NOT IN ('completed', 'failed')`, id).Scan(&unfinished)
	return unfinished, storageError(err)
}

// JobPage says which of a tenant's jobs are wanted.
type JobPage struct {
	Session engine.SessionID   // one that sends for the job; "" for any
	Within  []engine.SessionID // only jobs all of whose sessions are among these; nil for all
	Before  bulk.JobID         // only jobs made before this one; "" begins at the newest
	Limit   int
}

// ListJobs returns a tenant's jobs without their messages, newest first.
func (s *Store) ListJobs(ctx context.Context, tenant engine.TenantID, p JobPage) ([]bulk.Job, error) {
	var q conditions
	q.add(`j.tenant_id = ?`, tenant)
	q.add(`j.status <> 'preparing'`)
	if p.Session != "" {
		q.add(`EXISTS (SELECT 1 FROM job_sessions m WHERE m.job = j.number AND m.session_id = ?)`, p.Session)
	}
	if p.Within != nil {
		var own conditions
		own.args = q.args
		among(&own, `m.session_id`, p.Within)
		q.args = own.args
		q.add(`NOT EXISTS (SELECT 1 FROM job_sessions m WHERE m.job = j.number AND NOT ` + own.terms[0] + `)`)
	}
	if p.Before != "" {
		q.add(`j.number < (SELECT b.number FROM jobs b WHERE b.tenant_id = ? AND b.id = ?)`, tenant, p.Before)
	}
	var numbers []int64
	rows, err := s.read.QueryContext(ctx, selectJob+q.where()+` ORDER BY j.number DESC LIMIT `+q.bind(p.Limit), q.args...)
	jobs, err := collect(rows, err, func(r row) (bulk.Job, error) {
		number, j, err := s.scanJob(r)
		numbers = append(numbers, number)
		return j, err
	})
	if err != nil || len(jobs) == 0 {
		return jobs, err
	}
	return jobs, s.addMembers(ctx, jobs, numbers)
}

// addMembers fills in the sessions of jobs, which come in falling order of their numbers.
func (s *Store) addMembers(ctx context.Context, jobs []bulk.Job, numbers []int64) error {
	place := make(map[int64]int, len(numbers))
	var q conditions
	terms := ""
	for i, n := range numbers {
		place[n] = i
		terms += ", " + q.bind(n)
	}
	rows, err := s.read.QueryContext(ctx, `SELECT `+memberColumns+` FROM job_sessions m WHERE m.job IN (`+terms[2:]+`) ORDER BY m.job, m.place`, q.args...)
	_, err = collect(rows, err, func(r row) (struct{}, error) {
		number, m, err := scanMember(r)
		j := &jobs[place[number]]
		j.Members = append(j.Members, m)
		return struct{}{}, err
	})
	return err
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
		n, err := s.pruneBatches(ctx, func(tx *sql.Tx, most int) (int64, bool, error) {
			n, err := changed(tx.Exec(query, tenant, millis(cutoff), most))
			return n, n == int64(most), err
		})
		removed += n
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}
