// Package checkpoint moves what SQLite's write-ahead logs hold into their database
// files while others commit. SQLite itself does so within the commit that makes a log
// long enough, and everybody whose write comes behind that commit waits: for the
// writing of some thousand pages, and until the disk has them.
package checkpoint

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Options of a Mover. The zero value is what both of the daemon's databases use.
type Options struct {
	// Every is the time between two rounds; 0 means 2 s.
	Every time.Duration
	// Pages is how long a log may be before it is begun anew; 0 means 4,000, which are
	// 16 MB.
	Pages int
	// TooLong is the length at which readers are waited for; 0 means 16,000 pages.
	TooLong int
	// Failed is told of what went wrong, once until a round succeeds; nil for nobody.
	// What is not moved stays safe in the log.
	Failed func(error)
	// Moved is told of each round that moved something: how many pages the log held, and
	// how long it took. It must return at once; nil for nobody.
	Moved func(pages int, took time.Duration)
}

const (
	// backstop is the length in pages at which a connection that writes moves the log by
	// itself, in case a Mover can't.
	backstop = 16_000
	// longest is how many bytes a log's file keeps when it is begun anew: as many as the
	// backstop's pages have.
	longest = backstop * 4096
)

// Prepare sets up the pool through which all of a database is written, of one
// connection: within its commits the log is moved as a last resort only, and a log that
// a reader has held until it was long gives its room back.
func Prepare(ctx context.Context, writers *sql.DB) error {
	_, err := writers.ExecContext(ctx, fmt.Sprintf(`PRAGMA wal_autocheckpoint = %d; PRAGMA journal_size_limit = %d`, backstop, longest))
	return err
}

const (
	// patience is how long commits may wait for readers, so that a log that has grown too
	// long is begun anew.
	patience = 200 * time.Millisecond
	// insistEvery is how often that may be, as a backup reads for minutes.
	insistEvery = 20 * time.Second
)

// Mover looks after the log of one database. It waits for nobody, and moves what
// readers and writers leave it, until the log is too long.
type Mover struct {
	beside, writers *sql.DB
	o               Options
	ill             bool
	insisted        time.Time
	stop            context.CancelFunc
	done            sync.WaitGroup
}

// Start begins with the rounds. beside is a pool with a connection of the Mover's
// own, which Close closes. writers is the pool through which all of the database is
// written: of one connection, so that what is done there falls between two
// transactions.
func Start(beside, writers *sql.DB, o Options) *Mover {
	if o.Every <= 0 {
		o.Every = 2 * time.Second
	}
	if o.Pages <= 0 {
		o.Pages = 4000
	}
	if o.TooLong <= 0 {
		o.TooLong = backstop
	}
	if o.Failed == nil {
		o.Failed = func(error) {}
	}
	ctx, stop := context.WithCancel(context.Background())
	m := &Mover{beside: beside, writers: writers, o: o, stop: stop}
	m.done.Go(func() { m.run(ctx) })
	return m
}

// Close ends the rounds. The database's last connection moves what is left.
func (m *Mover) Close() error {
	m.stop()
	m.done.Wait()
	return m.beside.Close()
}

func (m *Mover) run(ctx context.Context) {
	tick := time.NewTicker(m.o.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := m.round(ctx)
		if err != nil && !m.ill && ctx.Err() == nil {
			m.o.Failed(err)
		}
		m.ill = err != nil
	}
}

// round moves what the log holds. One that has grown long is begun anew by the next
// commit once all of it is moved: for that the little that was written meanwhile is
// moved between two commits. Where one reader follows another that is never so; then,
// rarely, the commits wait a moment for those who read.
func (m *Mover) round(ctx context.Context) error {
	began := time.Now()
	pages, err := move(ctx, m.beside)
	if err == nil && pages > 0 && m.o.Moved != nil {
		m.o.Moved(pages, time.Since(began))
	}
	if err == nil && pages >= m.o.Pages {
		_, err = move(ctx, m.writers)
	}
	if err == nil && pages >= m.o.TooLong && time.Since(m.insisted) > insistEvery {
		m.insisted = time.Now()
		err = insist(ctx, m.writers)
	}
	return err
}

// insist waits for readers, no longer than patience, so that the log is begun anew.
// Those who come meanwhile read the file alone.
func insist(ctx context.Context, writers *sql.DB) (err error) {
	conn, err := writers.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var before int
	if err := conn.QueryRowContext(ctx, `PRAGMA busy_timeout`).Scan(&before); err != nil {
		return err
	}
	defer func() {
		_, restored := conn.ExecContext(context.WithoutCancel(ctx), fmt.Sprintf(`PRAGMA busy_timeout = %d`, before))
		err = errors.Join(err, restored)
	}()
	if _, err := conn.ExecContext(ctx, fmt.Sprintf(`PRAGMA busy_timeout = %d`, patience.Milliseconds())); err != nil {
		return err
	}
	var busy, pages, moved int
	return conn.QueryRowContext(ctx, `PRAGMA wal_checkpoint(RESTART)`).Scan(&busy, &pages, &moved)
}

// move says how many pages the log had.
func move(ctx context.Context, db *sql.DB) (pages int, err error) {
	var busy, moved int
	err = db.QueryRowContext(ctx, `PRAGMA wal_checkpoint(PASSIVE)`).Scan(&busy, &pages, &moved)
	return pages, err
}
