package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"sync"
	"time"

	"wapid/engine"
)

const (
	probeEvery = 2 * time.Second // so long a probe's result stands
	probeLimit = 2 * time.Second // so long a caller waits for one
)

// prober finds out whether the database can serve, with one probe at a time
// however many ask. A probe may hang with the disk, its callers may not: it has
// a goroutine of its own, which close waits for.
type prober struct {
	probe func() error
	clock func() time.Time

	mu     sync.Mutex
	at     time.Time     // when the last probe ended
	err    error         // what it found
	under  chan struct{} // closed when the probe under way ends; nil if there is none
	closed bool
	wg     sync.WaitGroup
}

// ask returns the result of a probe that is not older than probeEvery. It
// returns CodeStorage, also if there is none before ctx or probeLimit ends.
func (p *prober) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return engine.Errorf(engine.CodeStorage, "the database is closed")
	}
	// A clock that was set back makes the result old, not new for long.
	age := p.clock().Sub(p.at)
	if p.under == nil && !p.at.IsZero() && age >= 0 && age < probeEvery {
		defer p.mu.Unlock()
		return p.err
	}
	if p.under == nil {
		p.under = make(chan struct{})
		p.wg.Go(p.run)
	}
	under := p.under
	p.mu.Unlock()
	select {
	case <-under:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.err
	case <-ctx.Done():
		return storageError(ctx.Err())
	}
}

func (p *prober) run() {
	err := storageError(p.probe())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.err = p.clock(), err
	close(p.under)
	p.under = nil
}

// close refuses further probes and waits for the one under way.
func (p *prober) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.wg.Wait()
}

// Ping tells whether the database can serve: its file is still the one that was
// opened, and it takes a read and a write. A result stands for two seconds,
// unless a write has failed since. It answers within two seconds, and returns
// CodeStorage.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.prober.ask(ctx); err != nil {
		return err
	}
	if failed := s.sick.Load(); failed != nil {
		return failed
	}
	return nil
}

func (s *Store) probe() error {
	now, err := os.Stat(s.path)
	if err != nil {
		return engine.WrapError(engine.CodeStorage, err, "the database file is gone")
	}
	if !os.SameFile(s.file, now) {
		return engine.WrapError(engine.CodeStorage, errors.New(s.path), "the database file was replaced by another one")
	}
	ctx := context.Background()
	var n int
	if err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM schema_version`).Scan(&n); err != nil {
		return err
	}
	return s.update(ctx, func(tx *sql.Tx) error {
		return putSetting(tx, "last_probe", "ok", s.clock())
	})
}
