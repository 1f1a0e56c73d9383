package store

import (
	"database/sql"

	"go.uber.org/zap"

	"wapid/bulk"
	"wapid/engine"
)

// readMessage reads what a job sends. Of a job that is damaged there, or in its
// schedule, nothing is sent any more: it ends as failed, and readable is false.
func (s *Store) readMessage(tx *sql.Tx, look *search, number int64, j *bulk.Job) (readable bool, err error) {
	var damage error
	if !j.Unreadable && j.ID != look.Known {
		if err := tx.QueryRow(`SELECT message FROM jobs WHERE number = $1`, number).Scan(lenient{&j.Message, &damage}); err != nil {
			return false, err
		}
	}
	if damage != nil {
		s.unreadable("the message of a bulk job", damage, zap.String("tenant", string(j.Session.Tenant)), zap.String("job", string(j.ID)))
	}
	if damage == nil && !j.Unreadable {
		return true, nil
	}
	ended, queued, err := s.endJob(tx, number, bulk.StatusFailed, engine.CodeInternal, look.Now)
	look.over(j.ID, ended, queued)
	return false, err
}

// failItem ends a claimed item whose fields can't be read; the job goes on with
// the next one.
func (s *Store) failItem(tx *sql.Tx, look *search, number int64, id bulk.JobID, index int, damage error) error {
	s.unreadable("the fields of a bulk job's recipient", damage, zap.String("tenant", string(look.Session.Tenant)),
		zap.String("job", string(id)), zap.Int("position", index))
	_, err := tx.Exec(`UPDATE job_items SET state = 'failed', error_code = CASE WHEN unsure = 1 THEN $1 ELSE $2 END, unsure = 0
		WHERE job = $3 AND position = $4 AND state = 'sending'`, engine.CodeSendOutcomeUnknown, engine.CodeInternal, number, index)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE jobs SET failed = failed + 1 WHERE number = $1`, number); err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE job_sessions SET failed = failed + 1 WHERE job = $1 AND session_id = $2`, number, look.Session.ID)
	return err
}
