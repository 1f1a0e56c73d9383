package store

import (
	"context"
	"time"

	"wapid/engine"
)

// Watch is told what the store does, for whoever counts it. Its functions are called on
// the store's own goroutines and must return at once; one that is nil is not called.
type Watch struct {
	// Committed is told of each commit: how many callers' writes it held, and how long
	// it took from its first statement until it was on the disk. failed says that
	// nothing of it is there.
	Committed func(writes int, took time.Duration, failed bool)
	// Checkpointed is told how long the write-ahead log was, in pages of 4 KiB, and how
	// long it took to move it.
	Checkpointed func(pages int, took time.Duration)
	// Appended is told of each event once it is committed.
	Appended func(engine.EventType, engine.TenantID)
}

// committed reports a batch.
func (w Watch) committed(writes int, began time.Time, err error) {
	if w.Committed != nil {
		w.Committed(writes, time.Since(began), err != nil)
	}
}

// Load says how busy the store is. It asks the database nothing.
type Load struct {
	// Queued are the writes that wait for the commit under way, 256 at most: beyond
	// that callers wait for a place in the queue.
	Queued int
	// Readers are the connections for reading that are in use, ReadWaits the reads that
	// have waited for one since the start, and ReadWaited for how long altogether.
	Readers    int
	ReadWaits  int64
	ReadWaited time.Duration
}

// Load says how busy the store is.
func (s *Store) Load() Load {
	reads := s.read.Stats()
	return Load{Queued: len(s.write.queue), Readers: reads.InUse, ReadWaits: reads.WaitCount, ReadWaited: reads.WaitDuration}
}

// Most rows that Backlog counts of each kind: what is more is told as that many.
const (
	MostQueuedCounted  = 100_000 // queued messages
	MostInLineCounted  = 20_000  // deliveries in line
	MostRetriesCounted = 20_000  // deliveries whose turn it is, or that are tried again
	MostJobsCounted    = 5_000   // the newest jobs, and those that have not ended
	MostFailingCounted = 10_000  // endpoints that are looked at
	backlogPatience    = 2 * time.Second
)

// Backlog is what waits in the database.
type Backlog struct {
	Outbox   int64 // messages that wait for their session
	InLine   int64 // deliveries that are not finished, of endpoints that are well or not, but for retries
	Due      int64 // of these, those whose turn it is, or would be but for a receiver that is down
	Retrying int64 // deliveries that have failed, and are tried again
	Sending  int64 // deliveries under way
	Failing  int64 // enabled endpoints whose last try failed
	// Items are recipients of bulk jobs that have not ended who wait for their turn.
	Items int64
	Jobs  map[string]int64 // the newest jobs, by status
}

const (
	countOutbox = `SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT $1)`
	countInLine = `SELECT count(*) FROM (SELECT 1 FROM deliveries d WHERE d.turn < 2 LIMIT $1)`
	countTurns  = `SELECT count(*) FILTER (WHERE turn = 1), count(*) FILTER (WHERE turn = 2)
		FROM (SELECT d.turn FROM deliveries d WHERE d.state = 'pending' AND d.turn > 0 LIMIT $1)`
	countSending = `SELECT count(*) FROM (SELECT 1 FROM deliveries d WHERE d.state = 'sending' LIMIT $1)`
	countFailing = `SELECT count(*) FILTER (WHERE enabled = 1 AND failures > 0) FROM (SELECT enabled, failures FROM endpoints LIMIT $1)`
	countItems   = `SELECT coalesce(sum(total - succeeded - failed - skipped), 0)
		FROM jobs WHERE number IN (SELECT job FROM job_sessions WHERE state = 'active' ORDER BY tenant_id, session_id LIMIT $1)`
	countJobs = `SELECT CASE WHEN paused_at IS NOT NULL AND status IN ('pending', 'running') THEN 'paused' ELSE status END AS state, count(*)
		FROM (SELECT status, paused_at FROM jobs ORDER BY number DESC LIMIT $1) GROUP BY state`
)

// Backlog counts what waits. It reads some ten thousand entries of indexes at most, on a
// connection for reading: tens of milliseconds, not to be spent every second. It
// returns CodeStorage, also after two seconds.
func (s *Store) Backlog(ctx context.Context) (b Backlog, err error) {
	ctx, cancel := context.WithTimeout(ctx, backlogPatience)
	defer cancel()
	b.Jobs = make(map[string]int64)
	for _, c := range []struct {
		query string
		most  int
		into  []any
	}{
		{countOutbox, MostQueuedCounted, []any{&b.Outbox}},
		{countInLine, MostInLineCounted, []any{&b.InLine}},
		{countTurns, MostRetriesCounted, []any{&b.Due, &b.Retrying}},
		{countSending, MostRetriesCounted, []any{&b.Sending}},
		{countFailing, MostFailingCounted, []any{&b.Failing}},
		{countItems, MostJobsCounted, []any{&b.Items}},
	} {
		if err := s.read.QueryRowContext(ctx, c.query, c.most).Scan(c.into...); err != nil {
			return Backlog{}, storageError(err)
		}
	}
	type counted struct {
		state string
		n     int64
	}
	rows, err := s.read.QueryContext(ctx, countJobs, MostJobsCounted)
	jobs, err := collect(rows, err, func(r row) (c counted, err error) {
		err = r.Scan(&c.state, &c.n)
		return c, err
	})
	for _, c := range jobs {
		b.Jobs[c.state] = c.n
	}
	return b, err
}
