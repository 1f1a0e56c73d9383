package store

import (
	"context"
	"database/sql"
	"time"

	"wapid/bulk"
	"wapid/engine"
)

// The statements that run whenever a session looks for an item of a bulk job.
const (
	// nextJob is the first of a session's jobs behind $3.
	nextJob = `SELECT ` + jobColumns + `, ` + memberColumns + `, t.suspended_at IS NOT NULL
		FROM job_sessions m JOIN jobs j ON j.number = m.job JOIN tenants t ON t.id = m.tenant_id
		WHERE m.tenant_id = $1 AND m.session_id = $2 AND m.state = 'active' AND m.job > $3 ORDER BY m.job LIMIT 1`

	nextItem = `SELECT position, recipient, fields, message_id, attempts, unsure, tried_at FROM job_items
		WHERE job = $1 AND position = COALESCE(
		(SELECT min(o.position) FROM job_items o WHERE o.job = $1 AND o.session_id = $2 AND o.state = 'pending'),
		(SELECT min(p.position) FROM job_items p WHERE p.job = $1 AND p.session_id = '' AND p.state = 'pending' AND p.position >= $3),
		(SELECT min(f.position) FROM job_items f WHERE f.job = $1 AND f.session_id = '' AND f.state = 'pending'))`

	claimItem = `UPDATE job_items SET state = 'sending', session_id = $1, tried_at = $2 WHERE job = $3 AND position = $4 AND state = 'pending'`

	// nthSend is when the session has sent the last but $4-th item of a job, up to $3.
	nthSend = `SELECT tried_at FROM job_items WHERE job = $1 AND session_id = $2 AND tried_at <= $3
		ORDER BY tried_at DESC LIMIT 1 OFFSET $4`

	listLines = `SELECT DISTINCT tenant_id, session_id FROM job_sessions WHERE state = 'active'`

	dropPreparing = `DELETE FROM jobs WHERE status = 'preparing'`
)

// farthest bounds the limits of the network that are believed: one beyond was set
// before the clock went back.
const farthest = 25 * time.Hour

// passedPerCommit bounds how many items are passed over in one transaction.
const passedPerCommit = 500

// lookAtItems is when a session looks again at a job whose items others have.
const lookAtItems = 2 * time.Second

// ListLines implements bulk.Store.
func (s *Store) ListLines(ctx context.Context) ([]bulk.Line, error) {
	rows, err := s.read.QueryContext(ctx, listLines)
	return collect(rows, err, func(r row) (l bulk.Line, err error) {
		err = r.Scan(&l.Session.Tenant, &l.Session.ID)
		return l, err
	})
}

// search is one look of a session for something to send.
type search struct {
	bulk.Look
	claim  bulk.Claim
	queued int64
}

// ClaimItem implements bulk.Store.
func (s *Store) ClaimItem(ctx context.Context, look bulk.Look) (bulk.Claim, error) {
	var found bulk.Claim
	err := s.recordQueueing(ctx, func(tx *sql.Tx) (queued int64, err error) {
		found, queued, err = s.claimNext(tx, look)
		return queued, err
	})
	if err != nil {
		return bulk.Claim{}, err
	}
	return found, nil
}

// claimNext looks at the session's jobs one after the other.
func (s *Store) claimNext(tx *sql.Tx, look bulk.Look) (bulk.Claim, int64, error) {
	sight := &search{Look: look, claim: bulk.Claim{Idle: true}}
	var behind int64
	for {
		var done bool
		var err error
		if behind, done, err = s.searchNext(tx, sight, behind); err != nil || done {
			return sight.claim, sight.queued, err
		}
	}
}

// searchNext looks at the first of the session's jobs behind another one. It is done
// when it has found an item, when the session has to wait, or when there is no
// such job.
func (s *Store) searchNext(tx *sql.Tx, look *search, behind int64) (number int64, done bool, err error) {
	var m bulk.Member
	var suspended bool
	var job int64
	more := append(append([]any{&job}, memberFields(&m)...), &suspended)
	number, j, err := s.scanJob(tx.QueryRow(nextJob, look.Session.Tenant, look.Session.ID, behind), more...)
	switch {
	case isNoRows(err):
		return 0, true, nil
	case err != nil:
		return 0, false, err
	case m.MadeAt.UnixMilli() != look.MadeAt.UnixMilli():
		over, queued, err := s.dropMember(tx, number, look.Session.ID, engine.CodeSessionNotFound, look.Now)
		look.over(j.ID, over, queued)
		return number, false, err
	}
	look.claim.Idle = false
	if suspended {
		look.claim.Waiting = bulk.WaitSuspended
		return number, true, nil
	}
	if gate := j.Gate(look.Now); gate.Reason != bulk.WaitNone {
		look.notBefore(gate.Until)
		return number, false, nil
	}
	if m.NextAt.After(look.Now) && !m.NextAt.After(look.Now.Add(j.Believable(m))) {
		look.notBefore(m.NextAt)
		return number, true, nil
	}
	if j.MaxPerHour > 0 {
		if full, err := hourIsFull(tx, look, number, j, m); err != nil || full {
			return number, false, err
		}
	}
	done, err = s.takeItem(tx, look, number, j, m)
	return number, done, err
}

// hourIsFull tells whether a session has sent as many items of a job within an hour
// as it may, and writes down until when.
func hourIsFull(tx *sql.Tx, look *search, number int64, j bulk.Job, m bulk.Member) (bool, error) {
	var at time.Time
	// What lies ahead of the clock was sent before the clock went back: it is not known when.
	latest := millis(look.Now.Add(time.Minute))
	err := tx.QueryRow(nthSend, number, look.Session.ID, latest, j.MaxPerHour-1).Scan(instant{&at})
	if isNoRows(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	until := at.Add(time.Hour)
	if !until.After(look.Now) {
		return false, nil
	}
	look.notBefore(until)
	if m.Reason == bulk.WaitPerHour && m.Until.Equal(until) {
		return true, nil
	}
	_, err = tx.Exec(`UPDATE job_sessions SET waiting = $1, waiting_until = $2 WHERE job = $3 AND session_id = $4`,
		bulk.WaitPerHour, millis(until), number, look.Session.ID)
	return true, err
}

// takeItem claims an item of a job. Those who must not be written to are skipped on
// the way. It is not done if the job has nothing for the session just now.
func (s *Store) takeItem(tx *sql.Tx, look *search, number int64, j bulk.Job, m bulk.Member) (done bool, err error) {
	if readable, err := s.readMessage(tx, look, number, &j); err != nil || !readable {
		return false, err
	}
	from := 0
	if j.ID == look.Known {
		from = look.From
	}
	it := bulk.Item{State: bulk.ItemSending, Session: look.Session.ID}
	for passed := 0; ; passed++ {
		if passed == passedPerCommit {
			look.notBefore(look.Now)
			return true, nil
		}
		if j.CheckNumbers {
			if must, done, err := s.lookUpFirst(tx, look, number, j, m); must || err != nil {
				return done, err
			}
		}
		var damage error
		var unsure bool
		var triedAt time.Time
		it.Fields = nil
		err := tx.QueryRow(nextItem, number, look.Session.ID, from).
			Scan(&it.Index, &it.To, lenient{&it.Fields, &damage}, &it.MessageID, &it.Attempts, &unsure, instant{&triedAt})
		if isNoRows(err) {
			return false, s.nothingLeft(tx, look, number, j)
		}
		if err != nil {
			return false, err
		}
		if !unsure {
			triedAt = time.Time{}
			if j.MaxPerHour > 0 {
				triedAt = look.Now
			}
		}
		if _, err := tx.Exec(claimItem, look.Session.ID, millis(triedAt), number, it.Index); err != nil {
			return false, err
		}
		if damage != nil {
			if err := s.failItem(tx, look, number, j.ID, it.Index, damage); err != nil {
				return false, err
			}
			continue
		}
		out, err := s.mustPassOver(tx, look.Session.Tenant, it.To)
		if err != nil {
			return false, err
		}
		if !out {
			break
		}
		u := unsureItem{position: it.Index, message: it.MessageID, session: it.Session, triedAt: triedAt, tenant: look.Session.Tenant}
		if err := u.passOver(tx, number, unsure, look.Now); err != nil {
			return false, err
		}
	}
	if err := s.goesOn(tx, look, number, j, m); err != nil {
		return false, err
	}
	j.Status = bulk.StatusRunning
	look.claim.Job, look.claim.Item, look.claim.Due, look.claim.NotBefore = j, it, m.NextAt, time.Time{}
	return true, nil
}

// mustPassOver is hasOptedOut for every item: of most tenants nobody has.
func (s *Store) mustPassOver(tx *sql.Tx, tenant engine.TenantID, to engine.JID) (bool, error) {
	if anybody, err := s.isListed(tx, tenant); err != nil || !anybody {
		return false, err
	}
	return hasOptedOut(tx, tenant, to)
}

// goesOn writes down that a job runs, and that its session waits no more.
func (s *Store) goesOn(tx *sql.Tx, look *search, number int64, j bulk.Job, m bulk.Member) error {
	if j.Status == bulk.StatusPending {
		_, err := tx.Exec(`UPDATE jobs SET status = 'running', started_at = COALESCE(started_at, $1) WHERE number = $2 AND status = 'pending'`,
			millis(look.Now), number)
		if err != nil {
			return err
		}
	}
	if m.Reason == bulk.WaitNone {
		return nil
	}
	_, err := tx.Exec(`UPDATE job_sessions SET waiting = '', waiting_until = NULL
		WHERE tenant_id = $1 AND session_id = $2 AND state = 'active' AND waiting <> ''`, look.Session.Tenant, look.Session.ID)
	return err
}

// nothingLeft is a job that has no item for the session: others have the last ones,
// or all who were left have been skipped.
func (s *Store) nothingLeft(tx *sql.Tx, look *search, number int64, j bulk.Job) error {
	var left bool
	err := tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM job_items WHERE job = $1 AND state = 'pending')
		OR EXISTS (SELECT 1 FROM job_items WHERE job = $1 AND state = 'sending')`, number).Scan(&left)
	if err != nil {
		return err
	}
	if left {
		look.notBefore(look.Now.Add(lookAtItems))
		return nil
	}
	over, queued, err := s.endJob(tx, number, bulk.StatusCompleted, "", look.Now)
	look.over(j.ID, over, queued)
	return err
}

// over counts a job that has come to its end.
func (look *search) over(id bulk.JobID, ended bool, queued int64) {
	look.queued += queued
	if ended {
		look.claim.Ended = append(look.claim.Ended, id)
	}
}

// notBefore remembers the earliest time at which it is worth to look again.
func (look *search) notBefore(at time.Time) {
	if !at.IsZero() && (look.claim.NotBefore.IsZero() || at.Before(look.claim.NotBefore)) {
		look.claim.NotBefore = at
	}
}

// HoldSession implements bulk.Store.
func (s *Store) HoldSession(ctx context.Context, key engine.SessionKey, w bulk.Waiting) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE job_sessions SET waiting = $1, waiting_until = $2
			WHERE tenant_id = $3 AND session_id = $4 AND state = 'active' AND (waiting_until IS NULL OR waiting_until <= $5
				OR waiting NOT IN ('reachout_timelock', 'rate_limited', 'daily_limit', 'hourly_limit'))`,
			w.Reason, millis(w.Until), key.Tenant, key.ID, millis(s.clock()))
		return err
	})
}
