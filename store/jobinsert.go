package store

import (
	"context"
	"database/sql"

	"wapid/bulk"
	"wapid/engine"
)

// itemsPerCommit bounds how long the other writers wait while the items of a
// large job go in.
const itemsPerCommit = 2000

// statusPreparing is that of a job whose items are still being inserted.
const statusPreparing bulk.Status = "preparing"

// memberPreparing is the state of its sessions.
const memberPreparing bulk.MemberState = "preparing"

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
	if len(j.Members) == 0 { // it would never end
		return 0, engine.Errorf(engine.CodeInternal, "a bulk job must have a session")
	}
	zone := ""
	if j.Schedule.Zone != nil {
		zone = j.Schedule.Zone.String()
	}
	err = s.update(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRow(`INSERT INTO jobs (id, tenant_id, session_id, status, start_at, windows, time_zone, max_per_hour, check_numbers,
				delay_min, delay_max, total, skipped, invalid, created_at, message)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) RETURNING number`,
			j.ID, j.Session.Tenant, j.Session.ID, statusPreparing, millis(j.Schedule.StartAt), document{&j.Schedule.Windows}, zone,
			j.MaxPerHour, j.CheckNumbers, j.DelayMin.Milliseconds(), j.DelayMax.Milliseconds(),
			j.Total, j.Skipped, j.Invalid, millis(j.CreatedAt), document{&j.Message}).Scan(&number)
		if err != nil {
			return err
		}
		for place, m := range j.Members {
			_, err := tx.Exec(`INSERT INTO job_sessions (job, place, tenant_id, session_id, session_made_at, state) VALUES ($1, $2, $3, $4, $5, $6)`,
				number, place, j.Session.Tenant, m.Session, millis(m.MadeAt), memberPreparing)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return number, err
}

func insertItems(tx *sql.Tx, job int64, items []bulk.Item) error {
	insert, err := tx.Prepare(`INSERT INTO job_items (job, position, recipient, fields, message_id, state, error_code)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for _, it := range items {
		if _, err := insert.Exec(job, it.Index, it.To, document{&it.Fields}, it.MessageID, it.State, it.ErrorCode); err != nil {
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
		if err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE job_sessions SET state = 'active' WHERE job = $1 AND state = 'preparing'`, number)
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
