package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	sqlite3 "github.com/mattn/go-sqlite3"

	"wapid/engine"
)

// numbers is a database with one table, and a writer on it.
func numbers(t testing.TB) (*writer, *sql.DB, *atomic.Pointer[engine.Error]) {
	t.Helper()
	path := filepath.Join(t.TempDir(), FileName)
	db, err := openPool(path, 1, url.Values{"_txlock": {"immediate"}, "_journal_mode": {"WAL"}, "_synchronous": {"FULL"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(`CREATE TABLE numbers (n INTEGER PRIMARY KEY, filler BLOB);
		CREATE TABLE pages (body BLOB)`)
	if err != nil {
		t.Fatal(err)
	}
	read, err := openPool(path, 2, url.Values{"_query_only": {"true"}})
	if err != nil {
		t.Fatal(err)
	}
	sick := &atomic.Pointer[engine.Error]{}
	w := startWriter(db, sick, hooks{begins: func() {}, changed: func() {}, committed: func(bool) {}, undone: func(bool) {}})
	t.Cleanup(func() {
		if err := errors.Join(w.close(), read.Close()); err != nil {
			t.Error(err)
		}
	})
	return w, read, sick
}

func add(n int) func(*sql.Tx) error {
	return func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO numbers (n) VALUES ($1)`, n)
		return err
	}
}

// hold occupies the writer, so that what is queued meanwhile becomes one batch.
func hold(t *testing.T, w *writer) (release func()) {
	t.Helper()
	began, end, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- w.do(context.Background(), false, func(*sql.Tx) error {
			close(began)
			<-end
			return nil
		})
	}()
	<-began
	return func() {
		close(end)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// Every caller of a batch gets its own answer; failures leave no trace. Callers that
// may run twice are tried without savepoints first.
func TestFailuresInABatchAreTheCallersOwn(t *testing.T) {
	t.Run("once", func(t *testing.T) { failuresInABatch(t, func(int) bool { return false }) })
	t.Run("again", func(t *testing.T) { failuresInABatch(t, func(int) bool { return true }) })
	t.Run("mixed", func(t *testing.T) { failuresInABatch(t, func(i int) bool { return i%2 == 0 }) })
}

func failuresInABatch(t *testing.T, again func(i int) bool) {
	w, read, sick := numbers(t)
	var runs [100]int
	release := hold(t, w)
	refusal := engine.Errorf(engine.CodeNotFound, "no such thing")
	results := make([]error, 100)
	var wg, queued sync.WaitGroup
	for i := range results {
		queued.Add(1)
		wg.Go(func() {
			fn := func(tx *sql.Tx) error {
				runs[i]++
				if err := add(i)(tx); err != nil {
					return err
				}
				switch i % 5 {
				case 1:
					return refusal
				case 2:
					return add(i)(tx) // the same key again
				case 3:
					panic("defect")
				}
				return nil
			}
			one := &write{fn: fn, again: again(i), result: make(chan error, 1)}
			if err := w.enqueue(context.Background(), one); err != nil {
				t.Error(err)
			}
			queued.Done()
			results[i] = <-one.result
		})
	}
	queued.Wait()
	release()
	wg.Wait()
	for i, err := range results {
		want := map[int]engine.Code{1: engine.CodeNotFound, 2: engine.CodeStorage, 3: engine.CodeInternal}[i%5]
		if engine.CodeOf(err) != want {
			t.Errorf("%d: %v, want %q", i, err, want)
		}
	}
	var n, foreign int
	err := read.QueryRow(`SELECT count(*), count(CASE WHEN n % 5 IN (1, 2, 3) THEN 1 END) FROM numbers`).Scan(&n, &foreign)
	if err != nil || n != 40 || foreign != 0 {
		t.Errorf("%d rows, %d of failed transactions, %v", n, foreign, err)
	}
	for i, n := range runs {
		if n != 1 && !again(i) {
			t.Errorf("%d ran %d times", i, n)
		}
	}
	if sick.Load() != nil {
		t.Errorf("a caller's failure counts as the database's: %v", sick.Load())
	}
}

// What a caller is answered for can be read by others at once.
func TestAnswerFollowsTheCommit(t *testing.T) {
	w, read, _ := numbers(t)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			for j := range 10 {
				n := i*10 + j
				if err := w.do(context.Background(), false, add(n)); err != nil {
					t.Error(err)
				}
				var found int
				if err := read.QueryRow(`SELECT count(*) FROM numbers WHERE n = $1`, n).Scan(&found); err != nil || found != 1 {
					t.Errorf("%d acknowledged, %d found, %v", n, found, err)
				}
			}
		})
	}
	wg.Wait()
}

// A caller that gives up before its turn leaves nothing behind, and one whose
// turn has come learns what became of it.
func TestGivingUpIsAllOrNothing(t *testing.T) {
	w, read, _ := numbers(t)
	release := hold(t, w)
	ctx, cancel := context.WithCancel(context.Background())
	gaveUp := make(chan error, 1)
	go func() { gaveUp <- w.do(ctx, false, add(1)) }()
	for len(w.queue) == 0 {
		runtime.Gosched()
	}
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	release()

	ctx, cancel = context.WithCancel(context.Background())
	err := w.do(ctx, false, func(tx *sql.Tx) error {
		cancel()
		return add(2)(tx)
	})
	if err != nil {
		t.Errorf("a write that had begun: %v", err)
	}
	var all int
	if err := read.QueryRow(`SELECT sum(n) FROM numbers`).Scan(&all); err != nil || all != 2 {
		t.Errorf("the rows sum to %d, %v", all, err)
	}
}

// When the disk is full nobody of the batch is told that all is well, and the
// writer works again once there is room.
func TestFullDisk(t *testing.T) {
	w, read, sick := numbers(t)
	var pages int
	if err := read.QueryRow(`PRAGMA page_count`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit := func(n int) {
		t.Helper()
		err := w.do(context.Background(), false, func(tx *sql.Tx) error {
			_, err := tx.Exec(fmt.Sprintf(`PRAGMA max_page_count = %d`, n))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	limit(pages + 2)
	release := hold(t, w)
	var wg, queued sync.WaitGroup
	results := make([]error, 20)
	for i := range results {
		queued.Add(1)
		wg.Go(func() {
			one := &write{result: make(chan error, 1), fn: func(tx *sql.Tx) error {
				if err := add(i)(tx); err != nil || i != 10 {
					return err
				}
				_, err := tx.Exec(`INSERT INTO pages (body) VALUES (zeroblob(1000000))`)
				return err
			}}
			if err := w.enqueue(context.Background(), one); err != nil {
				t.Error(err)
			}
			queued.Done()
			results[i] = <-one.result
		})
	}
	queued.Wait()
	release()
	wg.Wait()
	for i, err := range results {
		if engine.CodeOf(err) != engine.CodeStorage {
			t.Errorf("%d: %v", i, err)
		}
	}
	if full, ok := errors.AsType[sqlite3.Error](results[0]); !ok || full.Code != sqlite3.ErrFull {
		t.Errorf("the cause is %v", results[0])
	}
	if sick.Load() == nil {
		t.Error("the failure is not remembered")
	}
	var n int
	if err := read.QueryRow(`SELECT count(*) FROM numbers`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows of a failed batch, %v", n, err)
	}
	limit(1 << 30)
	if err := w.do(context.Background(), false, add(1)); err != nil || sick.Load() != nil {
		t.Errorf("after there is room: %v, %v", err, sick.Load())
	}
}

func TestCloseFinishesWhatWasAccepted(t *testing.T) {
	w, read, _ := numbers(t)
	release := hold(t, w)
	var queued, wg sync.WaitGroup
	for i := range 20 {
		queued.Add(1)
		wg.Go(func() {
			one := &write{fn: add(i), result: make(chan error, 1)}
			err := w.enqueue(context.Background(), one)
			queued.Done()
			if err == nil {
				err = <-one.result
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	queued.Wait()
	closed := make(chan error, 1)
	go func() { closed <- w.close() }()
	release()
	wg.Wait()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	var n int
	if err := read.QueryRow(`SELECT count(*) FROM numbers`).Scan(&n); err != nil || n != 20 {
		t.Errorf("%d rows, %v", n, err)
	}
	if err := w.do(context.Background(), false, add(99)); engine.CodeOf(err) != engine.CodeStopping {
		t.Errorf("after close: %v", err)
	}
}

func BenchmarkWrite(b *testing.B) {
	grouped := func(callers int) func(*testing.B) {
		return func(b *testing.B) {
			w, _, _ := numbers(b)
			inParallel(b, callers, func(n int) error { return w.do(context.Background(), false, add(n)) })
		}
	}
	naive := func(callers int) func(*testing.B) {
		return func(b *testing.B) {
			w, _, _ := numbers(b)
			inParallel(b, callers, func(n int) error {
				tx, err := w.db.Begin()
				if err != nil {
					return err
				}
				if err := add(n)(tx); err != nil {
					return errors.Join(err, tx.Rollback())
				}
				return tx.Commit()
			})
		}
	}
	b.Run("grouped/1", grouped(1))
	b.Run("grouped/64", grouped(64))
	b.Run("naive/1", naive(1))
	b.Run("naive/64", naive(64))
}

func inParallel(b *testing.B, callers int, fn func(n int) error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := fn(int(n)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
}

// After an error of the disk nothing of a batch may be trusted: everybody is
// told that it failed, and nothing is kept.
func TestDiskErrorFailsTheWholeBatch(t *testing.T) {
	w, read, sick := numbers(t)
	batch := make([]*write, 3)
	for i := range batch {
		batch[i] = &write{again: true, result: make(chan error, 1), fn: func(tx *sql.Tx) error {
			if err := add(i)(tx); err != nil || i != 1 {
				return err
			}
			return fmt.Errorf("reading: %w", sqlite3.Error{Code: sqlite3.ErrIoErr})
		}}
	}
	release := hold(t, w)
	for _, one := range batch {
		if err := w.enqueue(context.Background(), one); err != nil {
			t.Fatal(err)
		}
	}
	release()
	for i, one := range batch {
		if err := <-one.result; engine.CodeOf(err) != engine.CodeStorage {
			t.Errorf("%d: %v", i, err)
		}
	}
	if sick.Load() == nil {
		t.Error("the failure is not remembered")
	}
	var n int
	if err := read.QueryRow(`SELECT count(*) FROM numbers`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows of a failed batch, %v", n, err)
	}
	if err := w.do(context.Background(), false, add(1)); err != nil || sick.Load() != nil {
		t.Errorf("the next write: %v, %v", err, sick.Load())
	}
}
