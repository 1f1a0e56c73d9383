package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	sqlite3 "github.com/mattn/go-sqlite3"

	"wapid/engine"
)

// maxBatch bounds how many transactions share one commit, and with it how long
// the first of them waits for the last.
const maxBatch = 256

// writer owns the one connection that writes. An fsync costs far more than a
// few inserts, so the transactions that queue up while one commit is under way
// are run as savepoints of the next SQLite transaction and committed together.
// Nobody waits for company: a lone write is begun at once.
type writer struct {
	db    *sql.DB
	queue chan *write
	done  chan struct{} // closed when the goroutine has stopped
	sick  *atomic.Pointer[engine.Error]
	// committed is called on the writer's goroutine when a batch has ended.
	committed func()

	mu     sync.RWMutex // guards closed, and that nothing is queued after it
	closed bool
}

// write is one caller's transaction.
type write struct {
	fn func(*sql.Tx) error
	// begun is claimed once: by the writer that runs it, or by the caller that gives up.
	begun  atomic.Bool
	result chan error // buffered: the writer never waits for a caller
	err    error      // what fn returned; the writer's own
}

// startWriter takes db over. close stops its goroutine and closes db. committed is
// called after every batch, on the writer's goroutine, and must not block.
func startWriter(db *sql.DB, sick *atomic.Pointer[engine.Error], committed func()) *writer {
	w := &writer{db: db, queue: make(chan *write, maxBatch), done: make(chan struct{}), sick: sick, committed: committed}
	go w.run()
	return w
}

// do has fn run and committed. It returns CodeStopping after close.
func (w *writer) do(ctx context.Context, fn func(*sql.Tx) error) error {
	one := &write{fn: fn, result: make(chan error, 1)}
	if err := w.enqueue(ctx, one); err != nil {
		return err
	}
	select {
	case err := <-one.result:
		return err
	case <-ctx.Done():
		if one.begun.CompareAndSwap(false, true) {
			return storageError(ctx.Err())
		}
		return <-one.result
	}
}

func (w *writer) enqueue(ctx context.Context, one *write) error {
	if err := ctx.Err(); err != nil {
		return storageError(err)
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return engine.Errorf(engine.CodeStopping, "the database is closed")
	}
	select {
	case w.queue <- one:
		return nil
	case <-ctx.Done():
		return storageError(ctx.Err())
	}
}

// close lets the queued writes finish, stops the goroutine and closes db.
func (w *writer) close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	close(w.queue)
	w.mu.Unlock()
	<-w.done
	return w.db.Close()
}

func (w *writer) run() {
	defer close(w.done)
	batch := make([]*write, 0, maxBatch)
	for first := range w.queue {
		batch = w.gather(append(batch[:0], first))
		if len(batch) > 0 {
			w.commit(batch)
			w.committed()
		}
		clear(batch)
	}
}

// gather adds what is queued already and leaves out what its caller gave up.
func (w *writer) gather(batch []*write) []*write {
	if !batch[0].begun.CompareAndSwap(false, true) {
		batch = batch[:0]
	}
	for len(batch) < maxBatch {
		select {
		case one, open := <-w.queue:
			if !open {
				return batch
			}
			if one.begun.CompareAndSwap(false, true) {
				batch = append(batch, one)
			}
		default:
			return batch
		}
	}
	return batch
}

// commit runs a batch and answers its callers. Callers' contexts play no part:
// interrupting one statement would roll back everybody's.
func (w *writer) commit(batch []*write) {
	err := w.try(batch)
	if err != nil {
		failed := engine.WrapError(engine.CodeStorage, err, describe(err, "the database did not commit"))
		w.sick.Store(failed)
		for _, one := range batch {
			one.result <- failed
		}
		return
	}
	w.sick.Store(nil)
	for _, one := range batch {
		one.result <- one.err
	}
}

// try is one SQLite transaction. After an error nothing of the batch happened.
func (w *writer) try(batch []*write) error {
	ctx := context.Background()
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, one := range batch {
		if err := one.run(ctx, tx); err != nil {
			return errors.Join(err, rollback(tx))
		}
	}
	if err := tx.Commit(); err != nil {
		return errors.Join(err, rollback(tx))
	}
	return nil
}

// run executes one caller's transaction under a savepoint. An error of the
// caller's own is kept for the caller; what it returns has ended the whole
// transaction: a full disk, for one, makes SQLite roll everything back.
func (one *write) run(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, `SAVEPOINT caller`); err != nil {
		return err
	}
	if one.err = one.call(tx); one.err != nil {
		if fatal(one.err) {
			return one.err
		}
		if _, err := tx.ExecContext(ctx, `ROLLBACK TO caller`); err != nil {
			return errors.Join(one.err, err)
		}
	}
	_, err := tx.ExecContext(ctx, `RELEASE caller`)
	return err
}

// call keeps a defect in one caller's code from ending everybody's writes.
func (one *write) call(tx *sql.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = engine.WrapError(engine.CodeInternal, fmt.Errorf("panic: %v", p), "a defect in a database write")
		}
	}()
	return storageError(one.fn(tx))
}

// fatal tells errors of the disk or the file from errors of one statement.
func fatal(err error) bool {
	e, ok := errors.AsType[sqlite3.Error](err) // it comes by value
	if !ok {
		return false
	}
	switch e.Code {
	case sqlite3.ErrFull, sqlite3.ErrIoErr, sqlite3.ErrNomem, sqlite3.ErrCorrupt, sqlite3.ErrNotADB,
		sqlite3.ErrReadonly, sqlite3.ErrCantOpen, sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrInterrupt:
		return true
	}
	return false
}

// rollback ends a transaction whose commit or statement failed. SQLite may have
// done so by itself already, which it reports as an error without a meaning.
func rollback(tx *sql.Tx) error {
	err := tx.Rollback()
	var e sqlite3.Error
	if errors.Is(err, sql.ErrTxDone) || errors.As(err, &e) && e.Code == sqlite3.ErrError {
		return nil
	}
	return err
}
