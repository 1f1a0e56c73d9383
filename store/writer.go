package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"

	"wapid/engine"
)

// maxBatch bounds how many transactions share one commit, and with it how long
// the first of them waits for the last.
const maxBatch = 256

// A write that has time is held back for company while others write: one that nobody
// waits for would have an fsync to itself otherwise.
const (
	company = 4 * time.Millisecond  // the longest that it waits
	lively  = 20 * time.Millisecond // since the last write without time; others are likely after no longer
)

// waryFor is for how many batches the writer expects that another caller will fail.
const waryFor = 32

// writer owns the one connection that writes. An fsync costs far more than a
// few inserts, so the transactions that queue up while one commit is under way
// become parts of the next SQLite transaction and are committed together.
// Nobody waits for company longer than others compute: a lone write is begun at once,
// unless it has time.
//
// What fails must leave no trace of itself, and all of the others. A savepoint a
// caller does that, at a fifth of the cost of a send. So the writer does without as
// long as nobody fails: after a failure all is rolled back and the callers run again,
// each under a savepoint now. That takes callers who may run twice; a batch with
// others in it has savepoints from the start.
type writer struct {
	db    *sql.DB
	queue chan *write
	done  chan struct{} // closed when the goroutine has stopped
	sick  *atomic.Pointer[engine.Error]
	hooks
	wary int       // batches for which savepoints are kept
	busy time.Time // when a write without time was last taken

	mu     sync.RWMutex // guards closed, and that nothing is queued after it
	closed bool
}

// hooks are called on the writer's goroutine, and must not block.
type hooks struct {
	watch     Watch
	begins    func()            // a caller's transaction begins
	changed   func()            // a batch was committed, or failed, in which somebody may not run again; nobody was answered yet
	committed func(failed bool) // a batch has ended
	undone    func(all bool)    // what has run was rolled back: all of the batch, or the last caller's part
}

// write is one caller's transaction.
type write struct {
	fn func(*sql.Tx) error
	// again says that fn may run twice, if what it did the first time was rolled back.
	again bool
	// patient says that it has time.
	patient bool
	// begun is claimed once: by the writer that runs it, or by the caller that gives up.
	begun  atomic.Bool
	result chan error // buffered: the writer never waits for a caller
	err    error      // what fn returned; the writer's own
}

// startWriter takes db over. close stops its goroutine and closes db.
func startWriter(db *sql.DB, sick *atomic.Pointer[engine.Error], h hooks) *writer {
	w := &writer{db: db, queue: make(chan *write, maxBatch), done: make(chan struct{}), sick: sick, hooks: h}
	go w.run()
	return w
}

// do has fn run and committed; again says that it may run twice. It returns
// CodeStopping after close.
func (w *writer) do(ctx context.Context, again bool, fn func(*sql.Tx) error) error {
	one, err := w.begin(ctx, again, fn)
	if err != nil {
		return err
	}
	return one.wait(ctx)
}

// doInTime is do for what may run twice and has time: it is committed with what others
// write, if they write, or a few milliseconds later alone. The order stays as it is.
func (w *writer) doInTime(ctx context.Context, fn func(*sql.Tx) error) error {
	one := &write{fn: fn, again: true, patient: true, result: make(chan error, 1)}
	if err := w.enqueue(ctx, one); err != nil {
		return err
	}
	return one.wait(ctx)
}

// begin is do up to where one waits for the commit. Who begins one after the other
// has it run in that order.
func (w *writer) begin(ctx context.Context, again bool, fn func(*sql.Tx) error) (*write, error) {
	one := &write{fn: fn, again: again, result: make(chan error, 1)}
	return one, w.enqueue(ctx, one)
}

// wait says how a write has ended, once. One that has not begun when ctx ends is given up.
func (one *write) wait(ctx context.Context) error {
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
		// Those whom the last commit has woken are about to write again: let them. If
		// nobody else has anything to do this takes no time.
		runtime.Gosched()
		batch = w.accompany(w.gather(append(batch[:0], first)))
		if len(batch) > 0 {
			began := time.Now()
			err := w.commit(batch)
			w.watch.committed(len(batch), began, err)
			w.committed(err != nil)
		}
		clear(batch)
	}
}

// gather takes the last of a batch and adds what is queued already. It leaves out what
// its caller gave up.
func (w *writer) gather(batch []*write) []*write {
	if last := len(batch) - 1; !batch[last].begun.CompareAndSwap(false, true) {
		batch = batch[:last]
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

// accompany waits for company for a batch whose writes all have time, if others have
// written just now.
func (w *writer) accompany(batch []*write) []*write {
	now := time.Now()
	if len(batch) == 0 || w.hurries(batch, now) || now.Sub(w.busy) > lively {
		return batch
	}
	patience := time.NewTimer(company)
	defer patience.Stop()
	for len(batch) < maxBatch {
		select {
		case one, open := <-w.queue:
			if !open {
				return batch
			}
			if batch = w.gather(append(batch, one)); w.hurries(batch, time.Now()) {
				return batch
			}
		case <-patience.C:
			return batch
		}
	}
	return batch
}

// hurries tells whether a batch holds a write that has no time, and notes when.
func (w *writer) hurries(batch []*write, now time.Time) bool {
	if !slices.ContainsFunc(batch, func(one *write) bool { return !one.patient }) {
		return false
	}
	w.busy = now
	return true
}

// commit runs a batch and answers its callers; the error is for whoever counts it. Callers' contexts play no part:
// interrupting one statement would roll back everybody's.
func (w *writer) commit(batch []*write) error {
	alone := len(batch) == 1
	once := slices.ContainsFunc(batch, func(one *write) bool { return !one.again })
	guarded := !alone && (w.wary > 0 || once)
	w.wary = max(0, w.wary-1)
	refused, err := w.try(batch, guarded)
	if err == nil && refused && !alone {
		w.wary = waryFor
		_, err = w.try(batch, true)
	}
	if once {
		w.changed()
	}
	if err != nil {
		failed := engine.WrapError(engine.CodeStorage, err, describe(err, "the database did not commit"))
		w.sick.Store(failed)
		for _, one := range batch {
			one.result <- failed
		}
		return err
	}
	if !refused || !alone { // a refusal alone has committed nothing
		w.sick.Store(nil)
	}
	for _, one := range batch {
		one.result <- one.err
	}
	return nil
}

// try is one SQLite transaction. After an error nothing of the batch happened, and
// neither if it was refused: then a caller of a batch without savepoints has failed.
func (w *writer) try(batch []*write, guarded bool) (refused bool, err error) {
	ctx := context.Background()
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	for _, one := range batch {
		if guarded {
			err = w.guard(ctx, tx, one)
		} else if one.err = w.call(tx, one); one.err != nil {
			if !fatal(one.err) {
				return true, w.undo(tx)
			}
			err = one.err
		}
		if err != nil {
			return false, errors.Join(err, w.undo(tx))
		}
	}
	if err := tx.Commit(); err != nil {
		return false, errors.Join(err, w.undo(tx))
	}
	return false, nil
}

// guard runs one caller's transaction under a savepoint. An error of the caller's
// own is kept for the caller; what it returns has ended the whole transaction: a full
// disk, for one, makes SQLite roll everything back.
func (w *writer) guard(ctx context.Context, tx *sql.Tx, one *write) error {
	if _, err := tx.ExecContext(ctx, `SAVEPOINT caller`); err != nil {
		return err
	}
	if one.err = w.call(tx, one); one.err != nil {
		if fatal(one.err) {
			return one.err
		}
		w.undone(false)
		if _, err := tx.ExecContext(ctx, `ROLLBACK TO caller`); err != nil {
			return errors.Join(one.err, err)
		}
	}
	_, err := tx.ExecContext(ctx, `RELEASE caller`)
	return err
}

// undo ends a transaction of which nothing is to be kept. SQLite may have done so by
// itself already, which it reports as an error without a meaning.
func (w *writer) undo(tx *sql.Tx) error {
	w.undone(true)
	err := tx.Rollback()
	var e sqlite3.Error
	if errors.Is(err, sql.ErrTxDone) || errors.As(err, &e) && e.Code == sqlite3.ErrError {
		return nil
	}
	return err
}

// call keeps a defect in one caller's code from ending everybody's writes.
func (w *writer) call(tx *sql.Tx, one *write) (err error) {
	w.begins()
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
