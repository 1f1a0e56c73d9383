package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// worker owns one session. Its goroutine alone touches machine, saved and conn;
// everybody else posts to the mailbox and reads the published view.
type worker struct {
	engine  *Engine
	key     SessionKey
	created time.Time
	log     *zap.Logger
	box     *mailbox
	lane    *lane
	done    chan struct{} // closed when the goroutine has ended

	view atomic.Pointer[view] // what others see

	name    string
	machine machine
	saved   State // what the store holds
	conn    Conn
	epoch   uint64     // of conn; reports of an earlier one are dropped
	busy    *operation // the one operation on the network that is under way
	removed bool
}

// Items of a mailbox beside plain inputs.
type (
	request struct { // an input whose poster waits until it is applied and saved
		in    input
		reply chan error
	}
	report struct { // an input from a connection
		epoch uint64
		in    input
		reply chan error // may be nil
	}
	outcome   struct{ in input }    // of the operation under way
	askRename struct{ name string } // the tenant wants another label; the machine does not care
)

func newWorker(e *Engine, s Session) *worker {
	w := &worker{
		engine: e, key: s.Key, created: s.CreatedAt, name: s.Name,
		log:  e.log.With(zap.String("tenant", string(s.Key.Tenant)), zap.String("session", string(s.Key.ID))),
		box:  newMailbox(),
		lane: newLane(),
		done: make(chan struct{}),

		machine: restored(s.State, e.network.Info().Version, e.now()),
		saved:   s.State,
	}
	w.publish()
	return w
}

// run is the worker's goroutine. A panic ends the connection, is counted, and
// the session begins again from what the store holds.
func (w *worker) run(ctx context.Context) {
	defer close(w.done)
	for !w.runUntilPanic(ctx) {
		w.engine.panics.Add(1)
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		w.machine = restored(w.saved, w.engine.network.Info().Version, w.engine.now())
		w.publish()
	}
}

func (w *worker) runUntilPanic(ctx context.Context) (finished bool) {
	defer func() {
		p := recover()
		w.shutDown()
		if p != nil {
			w.log.Error("session panicked and starts again", zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
			finished = false
		}
	}()
	w.loop(ctx)
	return true
}

func (w *worker) loop(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		wait := w.advance(ctx)
		if w.removed {
			return
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-w.box.wake:
			for item, ok := w.box.next(); ok && !w.removed; item, ok = w.box.next() {
				w.handle(ctx, item)
			}
		}
	}
}

// shutDown waits for the operation under way and closes the connection.
func (w *worker) shutDown() {
	for w.busy != nil {
		w.busy.cancel()
		<-w.box.wake
		for item, ok := w.box.next(); ok; item, ok = w.box.next() {
			w.refuse(item)
		}
	}
	if w.conn != nil {
		w.conn.Close()
		w.conn = nil
	}
	w.epoch++
	w.machine.held, w.machine.up = false, false
	if w.machine.Status == StatusReady {
		w.machine.Status = StatusInitializing // as it will be after the next start
	}
	w.publish()
}

// refuse answers an item that comes while the session is shutting down.
func (w *worker) refuse(item any) {
	err := Errorf(CodeStopping, "the session is stopping")
	switch item := item.(type) {
	case outcome:
		w.busy = nil
	case request:
		item.reply <- err
	case report:
		if item.reply != nil {
			item.reply <- err
		}
	}
}

// handle takes one item of the mailbox. Whoever waits for it is answered even
// if it panics.
func (w *worker) handle(ctx context.Context, item any) {
	var reply chan<- error
	err := error(Errorf(CodeInternal, "the session failed and starts again"))
	defer func() {
		if reply != nil {
			reply <- err
		}
	}()
	switch item := item.(type) {
	case request:
		reply = item.reply
		err = w.answer(ctx, item.in)
	case report:
		reply = item.reply
		if item.epoch != w.epoch {
			err = Errorf(CodeInternal, "the connection is no longer the session's")
			return
		}
		err = w.apply(ctx, item.in)
	case outcome:
		w.busy = nil
		err = w.apply(ctx, item.in)
	}
	if err != nil && reply == nil {
		w.log.Error("session state not saved", zap.Error(err))
	}
}

func (w *worker) answer(ctx context.Context, in input) error {
	rename, ok := in.(askRename)
	if !ok {
		return w.apply(ctx, in)
	}
	if err := w.engine.store.RenameSession(ctx, w.key, rename.name); err != nil {
		return err
	}
	w.name = rename.name
	w.publish()
	return nil
}

// apply takes one step of the machine: the store first, then the world.
func (w *worker) apply(ctx context.Context, in input) error {
	next := w.machine.apply(in, chance{
		now: w.engine.now(), random: rand.Float64(),
		backoff: w.engine.backoff, version: w.engine.network.Info().Version,
	})
	types := transitionEvents(w.machine, next)
	if next.State != w.saved || len(types) > 0 {
		events, err := w.events(next, types)
		if err != nil {
			return err
		}
		if err := w.save(ctx, next.State, events); err != nil {
			return err
		}
		w.logTransition(next)
	}
	w.machine = next
	w.publish()
	return nil
}

// save writes a state and its events, again and again while the database does
// not take them: nothing may happen to the session that is not written down.
func (w *worker) save(ctx context.Context, to State, events []Event) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := w.engine.store.SaveState(ctx, w.key, w.saved, to, w.engine.now(), events...)
		if err == nil {
			w.saved = to
			if len(events) > 0 {
				w.engine.nudge()
			}
			return nil
		}
		if CodeOf(err) != CodeStorage || ctx.Err() != nil {
			return err
		}
		w.log.Warn("session state not saved, trying again", zap.Error(err))
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

func (w *worker) logTransition(next machine) {
	if next.Status == w.machine.Status && next.Reason == w.machine.Reason {
		return
	}
	w.log.Info("session is now "+string(next.Status), zap.String("was", string(w.machine.Status)), zap.String("reason", string(next.Reason)))
}

// advance starts what the machine wants done and returns how long to wait for
// the next look at it.
func (w *worker) advance(ctx context.Context) time.Duration {
	const long = time.Hour
	now := w.engine.now()
	act, at := w.machine.next(now)
	if w.busy != nil {
		if act == actClose || act == actRemove {
			w.busy.cancel()
		}
		return long
	}
	switch act {
	case actNone:
		if at.IsZero() {
			return long
		}
		return min(long, max(0, at.Sub(now))+time.Millisecond)
	case actConnect:
		if err := w.connect(ctx); err != nil {
			w.log.Error("connection not begun, trying again", zap.Error(err))
			return time.Second
		}
	case actClose:
		conn := w.conn
		w.dropConn()
		w.start(ctx, func(context.Context) input { closeConn(conn); return connClosed{} })
	case actLogout:
		conn := w.conn
		w.dropConn()
		w.start(ctx, func(ctx context.Context) input {
			err := conn.Logout(ctx)
			conn.Close()
			return loggedOut{err}
		})
	case actRemove:
		if err := w.remove(ctx); err != nil {
			w.log.Error("session not removed, trying again", zap.Error(err))
			return time.Second
		}
	}
	return long
}

func closeConn(c Conn) {
	if c != nil {
		c.Close()
	}
}

// handler is how the connection of an epoch reports.
func (w *worker) handler(epoch uint64) Handler {
	return Handler{
		Signal: func(s Signal) { w.box.post(report{epoch: epoch, in: s}) },
		Linking: func(ctx context.Context, id Identity) error {
			reply := make(chan error, 1)
			w.box.post(report{epoch: epoch, in: linking{id}, reply: reply})
			return w.await(ctx, reply)
		},
		Receive: w.receive,
	}
}

// ask posts what a tenant wants and waits until it is applied and saved.
func (w *worker) ask(ctx context.Context, in input) error {
	reply := make(chan error, 1)
	w.box.post(request{in, reply})
	return w.await(ctx, reply)
}

func (w *worker) await(ctx context.Context, reply <-chan error) error {
	select {
	case err := <-reply:
		return err
	case <-w.done:
		select {
		case err := <-reply:
			return err
		default:
			return Errorf(CodeStopping, "the session is stopping")
		}
	case <-ctx.Done():
		return fmt.Errorf("waiting for the session: %w", ctx.Err())
	}
}
