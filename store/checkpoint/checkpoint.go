// Package checkpoint moves what SQLite's write-ahead logs hold into their database
// files while others commit. SQLite itself does so within the commit that makes a log
// long enough, and everybody whose write comes behind that commit waits: for the
// writing of some thousand pages, and until the disk has them.
package checkpoint

import (
	"context"
	"database/sql"
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
	// Failed is told of what went wrong, once until a round succeeds; nil for nobody.
	// What is not moved stays safe in the log.
	Failed func(error)
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

// Mover looks after the log of one database. It never waits for readers or writers,
// and moves what those leave it.
type Mover struct {
	beside, writers *sql.DB
	o               Options
	ill             bool
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
// moved between two commits.
func (m *Mover) round(ctx context.Context) error {
	pages, err := move(ctx, m.beside)
	if err == nil && pages >= m.o.Pages {
		_, err = move(ctx, m.writers)
	}
	return err
}

// move says how many pages the log had.
func move(ctx context.Context, db *sql.DB) (pages int, err error) {
	var busy, moved int
	err = db.QueryRowContext(ctx, `PRAGMA wal_checkpoint(PASSIVE)`).Scan(&busy, &pages, &moved)
	return pages, err
}
