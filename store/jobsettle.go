package store

import (
	"context"
	"database/sql"
	"time"

	"wapid/bulk"
	"wapid/engine"
)

// provenFor is how long the log can be asked whether a message was sent: after that
// its row may have aged out.
const provenFor = 12 * time.Hour

const (
	listUnsure = `SELECT i.position, i.message_id, i.session_id, i.tried_at, j.tenant_id
		FROM job_items i JOIN jobs j ON j.number = i.job
		WHERE i.job = $1 AND i.state = 'pending' AND i.session_id > '' AND ($2 = '' OR i.session_id = $2)`

	recoverItems = `UPDATE job_items SET state = 'pending', unsure = 1, tried_at = COALESCE(tried_at, $1) WHERE state = 'sending'`
)

// unsureItem is an item of which nobody knows whether it was sent.
type unsureItem struct {
	position int
	message  engine.MessageID
	session  engine.SessionID
	triedAt  time.Time
	tenant   engine.TenantID
}

// settleItems ends what can't be tried again: the items of a job that belong to one
// of its sessions, or to any if session is empty. The log knows of most whether they
// were sent; one that it does not know of was certainly not, and is anybody's again.
func settleItems(tx *sql.Tx, number int64, session engine.SessionID, now time.Time) error {
	rows, err := tx.Query(listUnsure, number, session)
	items, err := collect(rows, err, func(r row) (i unsureItem, err error) {
		err = r.Scan(&i.position, &i.message, &i.session, instant{&i.triedAt}, &i.tenant)
		return i, err
	})
	if err != nil {
		return err
	}
	for _, i := range items {
		if err := i.settle(tx, number, now); err != nil {
			return err
		}
	}
	return nil
}

func (i unsureItem) settle(tx *sql.Tx, number int64, now time.Time) error {
	var status engine.MessageStatus
	var code engine.Code
	var sentAt time.Time
	err := tx.QueryRow(`SELECT status, error_code, sent_at FROM messages
		WHERE tenant_id = $1 AND session_id = $2 AND direction = 'out' AND id = $3 AND origin = ''`, i.tenant, i.session, i.message).
		Scan(&status, &code, instant{&sentAt})
	state, succeeded, failed := bulk.ItemFailed, 0, 1
	switch {
	case isNoRows(err) && now.Sub(i.triedAt) < provenFor:
		_, err := tx.Exec(`UPDATE job_items SET session_id = '', unsure = 0, tried_at = NULL, attempts = 0
			WHERE job = $1 AND position = $2 AND state = 'pending'`, number, i.position)
		return err
	case err != nil && !isNoRows(err):
		return err
	case isNoRows(err), status == engine.MessagePending, status == engine.MessageQueued, status == engine.MessageUnknown:
		code = engine.CodeSendOutcomeUnknown
	case status != engine.MessageFailed:
		state, code, succeeded, failed = bulk.ItemSent, "", 1, 0
	}
	_, err = tx.Exec(`UPDATE job_items SET state = $1, error_code = $2, sent_at = $3, unsure = 0 WHERE job = $4 AND position = $5 AND state = 'pending'`,
		state, code, millis(sentAt), number, i.position)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE jobs SET succeeded = succeeded + $1, failed = failed + $2 WHERE number = $3`, succeeded, failed, number)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE job_sessions SET sent = sent + $1, failed = failed + $2 WHERE job = $3 AND session_id = $4`,
		succeeded, failed, number, i.session)
	return err
}

// passOver ends an item in sending whose recipient has opted out. One that may have
// been sent is settled: it may be what the recipient has answered.
func (i unsureItem) passOver(tx *sql.Tx, number int64, unsure bool, now time.Time) error {
	if !unsure {
		return skipItem(tx, number, i.position, bulk.CodeOptedOut)
	}
	_, err := tx.Exec(`UPDATE job_items SET state = 'pending' WHERE job = $1 AND position = $2 AND state = 'sending'`, number, i.position)
	if err != nil {
		return err
	}
	return i.settle(tx, number, now)
}

// RecoverJobs implements bulk.Store. What was being sent of a job that has ended is
// settled: nobody tries it again.
func (s *Store) RecoverJobs(ctx context.Context, at time.Time) (handedBack int, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(dropPreparing); err != nil {
			return err
		}
		rows, err := tx.Query(`SELECT DISTINCT i.job FROM job_items i JOIN jobs j ON j.number = i.job
			WHERE i.state = 'sending' AND j.status IN ('completed', 'failed')`)
		over, err := collect(rows, err, func(r row) (job int64, err error) {
			err = r.Scan(&job)
			return job, err
		})
		if err != nil {
			return err
		}
		n, err := changed(tx.Exec(recoverItems, millis(at)))
		if err != nil {
			return err
		}
		for _, job := range over {
			if err := settleItems(tx, job, "", at); err != nil {
				return err
			}
		}
		handedBack = int(n)
		return nil
	})
	return handedBack, err
}
