package store

import (
	"context"
	"database/sql"
	"time"

	"wapid/bulk"
	"wapid/engine"
)

// The items of a job that checks numbers, as far as they are anybody's still. What
// has been looked up stands before what has not, so that none of these reads on.
const (
	nextIsChecked = `SELECT checked FROM job_items WHERE job = $1 AND session_id = '' AND state = 'pending' ORDER BY position LIMIT 1`

	checkedAhead = `SELECT COALESCE(sum(checked), 0) FROM (SELECT checked FROM job_items
		WHERE job = $1 AND session_id = '' AND state = 'pending' ORDER BY position LIMIT $2)`

	listUnchecked = `SELECT position, recipient FROM (SELECT position, recipient, checked FROM job_items
		WHERE job = $1 AND session_id = '' AND state = 'pending' ORDER BY position LIMIT $2) WHERE checked = 0 ORDER BY position`

	// listComing are items that will be sent before long. The first index of the job that
	// is wanted is $2.
	listComing = `SELECT position, recipient FROM job_items
		WHERE job = $1 AND session_id = '' AND state = 'pending' AND position >= $2 AND (checked = 1 OR $3 = 0) ORDER BY position LIMIT $4`

	markChecked = `UPDATE job_items SET checked = 1 WHERE job = $1 AND position = $2 AND state = 'pending'`

	failUnchecked = `UPDATE job_items SET state = 'failed', error_code = $1, checked = 1
		WHERE job = $2 AND position = $3 AND state = 'pending' AND session_id = '' AND checked = 0`
)

// lookUpFirst tells whether a session may not take a job's next item because its
// number has not been looked up. The claim says which numbers are to be, unless
// looking up has to wait as well: then the session's next job has its turn.
func (s *Store) lookUpFirst(tx *sql.Tx, look *search, number int64, j bulk.Job, m bulk.Member) (must, done bool, err error) {
	var own, checked bool
	err = tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM job_items WHERE job = $1 AND session_id = $2 AND state = 'pending')`, number, look.Session.ID).Scan(&own)
	if err != nil || own {
		return false, false, err
	}
	err = tx.QueryRow(nextIsChecked, number).Scan(&checked)
	if isNoRows(err) {
		return false, false, nil
	}
	if err != nil || checked {
		return false, false, err
	}
	if m.Reason == bulk.WaitRate && m.Until.After(look.Now) && m.Until.Before(look.Now.Add(farthest)) {
		look.notBefore(m.Until)
		return true, false, nil
	}
	items, err := uncheckedItems(tx, number, look.Session.Tenant)
	if err != nil {
		return true, false, err
	}
	if len(items) == 0 { // what came first needs no look
		return false, false, nil
	}
	if err := s.goesOn(tx, look, number, j, m); err != nil {
		return true, false, err
	}
	look.claim.LookUp, look.claim.NotBefore = bulk.LookUp{Job: j.ID, Items: items}, time.Time{}
	return true, true, nil
}

// uncheckedItems are the first items of a job whose numbers are to be looked up.
// Those that need not be, because they are no numbers or their owners have opted
// out, are marked as if they had been.
func uncheckedItems(tx *sql.Tx, number int64, tenant engine.TenantID) (items []bulk.Item, err error) {
	rows, err := tx.Query(listUnchecked, number, bulk.LookAhead)
	found, err := collect(rows, err, scanRecipient)
	if err != nil {
		return nil, err
	}
	for _, it := range found {
		needless := it.To.Server() != engine.ServerPhone
		if !needless {
			if needless, err = hasOptedOut(tx, tenant, it.To); err != nil {
				return nil, err
			}
		}
		if !needless {
			items = append(items, it)
			continue
		}
		if _, err := tx.Exec(markChecked, number, it.Index); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// ListComing implements bulk.Store.
func (s *Store) ListComing(ctx context.Context, id bulk.JobID, from, limit int) (items []bulk.Item, sessions int, err error) {
	var number int64
	var tenant engine.TenantID
	var checks, listed bool
	err = s.read.QueryRowContext(ctx, `SELECT number, tenant_id, check_numbers,
		(SELECT count(*) FROM job_sessions m WHERE m.job = j.number AND m.state = 'active'),
		EXISTS (SELECT 1 FROM opt_outs o WHERE o.tenant_id = j.tenant_id)
		FROM jobs j WHERE id = $1 AND status = 'running' AND paused_at IS NULL`, id).Scan(&number, &tenant, &checks, &sessions, &listed)
	if isNoRows(err) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, storageError(err)
	}
	rows, err := s.read.QueryContext(ctx, listComing, number, from, checks, limit)
	found, err := collect(rows, err, scanRecipient)
	if err != nil || !listed {
		return found, sessions, err
	}
	for _, it := range found {
		out, err := hasOptedOut(s.read, tenant, it.To)
		if err != nil {
			return nil, 0, storageError(err)
		}
		if !out {
			items = append(items, it)
		}
	}
	return items, sessions, nil
}

func scanRecipient(r row) (it bulk.Item, err error) {
	err = r.Scan(&it.Index, &it.To)
	return it, err
}

// ListUnchecked implements bulk.Store.
func (s *Store) ListUnchecked(ctx context.Context, id bulk.JobID) (items []bulk.Item, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		items = nil
		var number int64
		var tenant engine.TenantID
		err := tx.QueryRow(`SELECT number, tenant_id FROM jobs WHERE id = $1 AND status = 'running'`, id).Scan(&number, &tenant)
		if isNoRows(err) {
			return nil
		}
		var ahead int
		if err == nil {
			err = tx.QueryRow(checkedAhead, number, bulk.LookAhead/2).Scan(&ahead)
		}
		if err != nil || ahead >= bulk.LookAhead/2 {
			return err
		}
		items, err = uncheckedItems(tx, number, tenant)
		return err
	})
	return items, err
}

// MarkChecked implements bulk.Store.
func (s *Store) MarkChecked(ctx context.Context, id bulk.JobID, results []bulk.Checked, at time.Time) (status bulk.Status, err error) {
	err = s.updateQueueing(ctx, func(tx *sql.Tx) (queued int64, err error) {
		var number int64
		var tenant engine.TenantID
		err = tx.QueryRow(`SELECT number, tenant_id, status FROM jobs WHERE id = $1`, id).Scan(&number, &tenant, &status)
		if isNoRows(err) {
			return 0, nil
		}
		if err != nil || status.Ended() {
			return 0, err
		}
		for _, c := range results {
			n, err := s.markItem(tx, number, tenant, c, at, &status)
			if err != nil {
				return 0, err
			}
			queued += n
		}
		return queued, nil
	})
	return status, err
}

// markItem writes down what was found of one number.
func (s *Store) markItem(tx *sql.Tx, number int64, tenant engine.TenantID, c bulk.Checked, at time.Time, status *bulk.Status) (queued int64, err error) {
	if !c.Absent {
		if err := s.learnPerson(tx, tenant, c.Person); err != nil {
			return 0, err
		}
		_, err := tx.Exec(markChecked, number, c.Index)
		return 0, err
	}
	n, err := changed(tx.Exec(failUnchecked, engine.CodeNotOnWhatsApp, number, c.Index))
	if err != nil || n == 0 {
		return 0, err
	}
	*status, queued, err = s.countItem(tx, number, 0, 1, at)
	return queued, err
}

// HoldMember implements bulk.Store.
func (s *Store) HoldMember(ctx context.Context, id bulk.JobID, session engine.SessionID, w bulk.Waiting) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE job_sessions SET waiting = $1, waiting_until = $2
			WHERE job = (SELECT number FROM jobs WHERE id = $3) AND session_id = $4 AND state = 'active'`, w.Reason, millis(w.Until), id, session)
		return err
	})
}
