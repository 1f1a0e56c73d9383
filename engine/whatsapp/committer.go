package whatsapp

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/mattn/go-sqlite3"
)

// maxGroup bounds how many batches share one commit.
const maxGroup = 256

// lazyDelay is how long a statement that nobody waits for may wait for others that
// it can be committed with.
const lazyDelay = time.Second

// committer writes to the device store for all devices. Batches that come while a
// commit is under way share the next one. Nobody waits for company longer than others
// compute: a lone batch is committed at once, by the caller's goroutine.
type committer struct {
	db *sql.DB
	// sent is told of the last message that a commit has told the store of, before
	// anybody learns of the commit. Nil for nobody.
	sent func(device, id string) error

	sentLog sentLog

	mu      sync.Mutex
	waiting []*commit
	begun   []*commit // nobody waits for them yet
	lazy    []statement
	busy    bool // somebody is committing, and will call the first who waits
	timer   *time.Timer
	closed  bool
	timers  sync.WaitGroup
}

// commit is a batch on its way.
type commit struct {
	batch *batch
	lead  chan bool // the caller is to commit for all who wait (true), or is done
	err   error
}

// errClosed is the answer to whoever writes after the store was closed.
var errClosed = errors.New("the device store is closed")

// do commits a batch: all of it or nothing. After an error it is not known which, and
// a message that is sent with it must not leave.
func (c *committer) do(b *batch) error {
	own := &commit{batch: b, lead: make(chan bool, 1)}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return errClosed
	}
	return c.join(own)
}

// join waits for a commit, or makes it. c.mu is held, and released.
func (c *committer) join(own *commit) error {
	c.waiting = append(c.waiting, own)
	follow := c.busy
	c.busy = true
	c.mu.Unlock()
	if follow && !<-own.lead {
		return own.err
	}
	c.leadOn(own)
	return own.err
}

// begin has a batch committed with the next commit, whoever makes it, or after a second.
func (c *committer) begin(b *batch) *commit {
	own := &commit{batch: b, lead: make(chan bool, 1)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		own.err = errClosed
		own.lead <- false
		return own
	}
	c.begun = append(c.begun, own)
	c.remind()
	return own
}

// finish waits until a batch that was begun is committed, or commits it now. It is
// called once.
func (c *committer) finish(own *commit) error {
	c.mu.Lock()
	i := slices.Index(c.begun, own)
	if i < 0 { // somebody has it committed
		c.mu.Unlock()
		<-own.lead
		return own.err
	}
	c.begun = slices.Delete(c.begun, i, i+1)
	return c.join(own)
}

// leadOn commits what is waiting and calls the next leader.
func (c *committer) leadOn(own *commit) {
	// Those whom the last commit has woken, and who are about to write, are let first.
	// If nobody else has anything to do this takes no time.
	runtime.Gosched()
	c.mu.Lock()
	group := c.waiting
	if len(group) > maxGroup {
		group = group[:maxGroup:maxGroup]
	}
	c.waiting = c.waiting[len(group):]
	if len(c.begun) > 0 {
		group = append(c.begun, group...)
	}
	lazy := c.lazy
	c.begun, c.lazy = nil, nil
	c.mu.Unlock()

	c.commit(group, lazy)

	due := c.sentLog.committed(group)
	for _, one := range group {
		if one != own {
			one.lead <- false
		}
	}
	if due {
		// Nobody waits for it, and nothing is lost by its failure.
		_ = c.withConnection(c.sentLog.move)
	}
	c.mu.Lock()
	if len(c.waiting) > 0 {
		c.waiting[0].lead <- true
	} else {
		c.waiting, c.busy = nil, false
	}
	c.mu.Unlock()
}

// later runs a statement with the next commit, or after a second. Nobody learns
// whether it succeeds.
func (c *committer) later(s statement) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.lazy = append(c.lazy, s)
	c.remind()
}

// remind has what nobody waits for committed in a second. c.mu is held.
func (c *committer) remind() {
	if c.timer == nil {
		c.timers.Add(1)
		c.timer = time.AfterFunc(lazyDelay, c.flush)
	}
}

// flush commits what has waited long enough.
func (c *committer) flush() {
	defer c.timers.Done()
	c.mu.Lock()
	c.timer = nil
	idle := len(c.lazy)+len(c.begun) == 0
	c.mu.Unlock()
	if !idle {
		// What nobody waits for fails unheard.
		_ = c.do(&batch{})
	}
}

// close commits what is left. The caller has seen to it that nobody writes any more.
func (c *committer) close() {
	c.mu.Lock()
	if c.timer != nil && c.timer.Stop() {
		c.timers.Done()
	}
	c.mu.Unlock()
	c.timers.Wait()
	c.mu.Lock()
	idle := len(c.lazy)+len(c.begun) == 0
	c.mu.Unlock()
	if !idle {
		_ = c.do(&batch{}) // see flush
	}
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
}

// commit writes a group in one transaction. If a statement fails, each batch gets a
// transaction of its own, so that the trouble of one device stays its own.
func (c *committer) commit(group []*commit, lazy []statement) {
	err := c.withConnection(func(conn *sqlite3.SQLiteConn) error {
		failed := transaction(conn, func() error {
			for _, one := range group {
				if err := run(conn, one.batch.statements); err != nil {
					return err
				}
			}
			return run(conn, lazy)
		})
		if failed == nil {
			return nil
		}
		for _, one := range group {
			if len(group) == 1 && len(lazy) == 0 {
				one.err = failed
				continue
			}
			one.err = transaction(conn, func() error { return run(conn, one.batch.statements) })
		}
		if len(lazy) > 0 {
			_ = transaction(conn, func() error { return run(conn, lazy) }) // see later
		}
		if !conn.AutoCommit() { // the transaction could not be ended
			return driver.ErrBadConn
		}
		return nil
	})
	if err != nil {
		for _, one := range group {
			one.err = errors.Join(one.err, err)
		}
		return
	}
	c.witness(group)
}

// witness notes the last message of a group. One is enough: a store that has been
// put back knows none of them.
func (c *committer) witness(group []*commit) {
	if c.sent == nil {
		return
	}
	var last *batch
	for _, one := range group {
		if one.err == nil && one.batch.sent != "" {
			last = one.batch
		}
	}
	if last == nil {
		return
	}
	if err := c.sent(last.device, last.sent); err != nil {
		for _, one := range group {
			if one.err == nil && one.batch.sent != "" {
				one.err = err
			}
		}
	}
}

// withConnection lends the driver's connection. database/sql would make a goroutine
// and several allocations of every statement.
func (c *committer) withConnection(fn func(*sqlite3.SQLiteConn) error) error {
	conn, err := c.db.Conn(context.Background())
	if err != nil {
		return err
	}
	err = conn.Raw(func(raw any) error {
		driverConn, ok := raw.(*sqlite3.SQLiteConn)
		if !ok {
			return fmt.Errorf("the driver's connection is a %T", raw)
		}
		return fn(driverConn)
	})
	if closed := conn.Close(); closed != nil && !errors.Is(closed, sql.ErrConnDone) {
		err = errors.Join(err, closed)
	}
	return err
}

// transaction runs fn in a transaction, of which nothing stays after an error.
func transaction(conn *sqlite3.SQLiteConn, fn func() error) error {
	ctx := context.Background() // an interrupted statement would fail everybody's
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE", nil); err != nil {
		return err
	}
	err := fn()
	if err == nil {
		_, err = conn.ExecContext(ctx, "COMMIT", nil)
	}
	if err != nil && !conn.AutoCommit() { // SQLite may have rolled back by itself
		if _, failed := conn.ExecContext(ctx, "ROLLBACK", nil); failed != nil {
			err = errors.Join(err, failed)
		}
	}
	return err
}

func run(conn *sqlite3.SQLiteConn, statements []statement) error {
	for _, s := range statements {
		if _, err := conn.ExecContext(context.Background(), s.query, s.args); err != nil {
			return err
		}
	}
	return nil
}
