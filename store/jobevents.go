package store

import (
	"database/sql"
	"time"

	"wapid/bulk"
	"wapid/engine"
)

// How often bulk.progress is told of a job: not more than once in progressEvery,
// and not before another progressShare-th of its items is processed. The last one
// is told in any case.
const (
	progressEvery = 10 * time.Second
	progressShare = 100
)

// tellCompleted tells that a job has ended.
func (s *Store) tellCompleted(tx *sql.Tx, number int64) (queued int64, err error) {
	_, j, err := s.scanJob(tx.QueryRow(selectJob+` WHERE j.number = $1`, number))
	if err != nil {
		return 0, err
	}
	return s.appendData(tx, j.Session, engine.EventBulkCompleted, engine.BulkCompletedData{
		JobID: string(j.ID), Status: string(j.Status), Total: j.Total, Succeeded: j.Succeeded, Failed: j.Failed,
		Skipped: j.Unsent(), Invalid: j.Invalid, ErrorCode: j.ErrorCode,
		StartedAt: unixMillis(j.StartedAt), FinishedAt: unixMillis(j.FinishedAt),
	})
}

// tally is how a job stands once one of its items has been counted.
type tally struct {
	status                 bulk.Status
	total, processed, told int
	toldAt                 time.Time // or when the job has begun, if nothing was told yet
}

// progressDue tells whether it is time to tell how far the job has got.
func (t tally) progressDue(at time.Time) bool {
	gone, more := at.Sub(t.toldAt), t.processed-t.told
	return gone >= progressEvery && more > 0 && more*progressShare >= t.total
}

// tellProgress tells how far a job has got.
func (s *Store) tellProgress(tx *sql.Tx, number int64, at time.Time) (queued int64, err error) {
	_, err = tx.Exec(`UPDATE jobs SET told_at = $1, told = succeeded + failed + skipped WHERE number = $2`, millis(at), number)
	if err != nil {
		return 0, err
	}
	_, j, err := s.scanJob(tx.QueryRow(selectJob+` WHERE j.number = $1`, number))
	if err != nil {
		return 0, err
	}
	return s.appendData(tx, j.Session, engine.EventBulkProgress, engine.BulkProgressData{
		JobID: string(j.ID), Status: string(j.Status), Total: j.Total, Succeeded: j.Succeeded, Failed: j.Failed,
		Processed: j.Processed(), Skipped: j.Skipped,
	})
}

func (s *Store) appendData(tx *sql.Tx, key engine.SessionKey, t engine.EventType, data any) (queued int64, err error) {
	raw, err := engine.Canonical(data)
	if err != nil {
		return 0, err
	}
	return s.appendEvent(tx, engine.Event{Session: key, Type: t, Data: raw})
}

// unixMillis is a time as events show it, 0 for none.
func unixMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
