package store

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A write that has time waits for one that has none, for as long as others are likely
// to write, and is committed with it.
func TestAWriteWithTimeIsCommittedWithTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, read, _ := numbers(t)
		next := 0
		var last *sql.Tx
		insert := func(tx *sql.Tx) error {
			last, next = tx, next+1
			return add(next)(tx)
		}
		took := func(do func(context.Context, func(*sql.Tx) error) error) time.Duration {
			t.Helper()
			start := time.Now()
			if err := do(t.Context(), insert); err != nil {
				t.Error(err)
			}
			return time.Since(start)
		}
		urgent := func(ctx context.Context, fn func(*sql.Tx) error) error { return w.do(ctx, true, fn) }

		if d := took(w.doInTime); d != 0 {
			t.Errorf("it waited for %s while nobody wrote", d)
		}
		if d := took(urgent); d != 0 {
			t.Errorf("a write without time took %s", d)
		}
		if d := took(w.doInTime); d != company {
			t.Errorf("behind another's write it waited for %s, want %s", d, company)
		}
		first := make(chan time.Duration)
		var shared *sql.Tx
		go func() {
			d := took(func(ctx context.Context, fn func(*sql.Tx) error) error {
				return w.doInTime(ctx, func(tx *sql.Tx) error { shared = tx; return fn(tx) })
			})
			first <- d
		}()
		synctest.Wait() // it waits for company
		if d := took(urgent); d != 0 {
			t.Errorf("a write without time waited for %s", d)
		}
		if d := <-first; d != 0 || shared != last {
			t.Errorf("the write with time took %s, in the same transaction: %t", d, shared == last)
		}
		time.Sleep(lively + 1)
		if d := took(w.doInTime); d != 0 {
			t.Errorf("long after the others it waited for %s", d)
		}
		var rows int
		if err := read.QueryRow(`SELECT count(*) FROM numbers`).Scan(&rows); err != nil || rows != 6 {
			t.Errorf("%d rows, %v", rows, err)
		}
	})
}

// A writer that ends waits for nobody's company.
func TestCloseCommitsWhatHasTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, read, _ := numbers(t)
		if err := w.do(t.Context(), true, add(1)); err != nil {
			t.Fatal(err)
		}
		start, done := time.Now(), make(chan error, 1)
		go func() { done <- w.doInTime(t.Context(), add(2)) }()
		synctest.Wait()
		if err := errors.Join(w.close(), <-done); err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		var rows int
		if err := read.QueryRow(`SELECT count(*) FROM numbers`).Scan(&rows); err != nil || rows != 2 {
			t.Errorf("%d rows, %v", rows, err)
		}
	})
}
