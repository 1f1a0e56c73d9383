package engine

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// worker owns one session. Its goroutine alone touches the fields below view;
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
	options SessionOptions
	updated time.Time // when the state, the name or the options last changed
	machine machine
	saved   State // what the store holds
	conn    Conn
	epoch   uint64     // of conn; reports of an earlier one are dropped
	busy    *operation // the one operation on the network that is under way
	turn    *turn      // a place among those who connect at start; nil if there is none
	removed bool       // others may read it once done is closed

	timers    chatTimers   // with a lock of its own
	reminders atomic.Int64 // how often the outbox was said to hold something
	heeded    int64        // the reminders up to which it is known to be empty
	round     *operation   // the emptying of the outbox that is under way
}

func newWorker(e *Engine, s Session) *worker {
	w := &worker{
		engine: e, key: s.Key, created: s.CreatedAt, name: s.Name, options: s.Options, updated: s.UpdatedAt,
		log:  e.log.WithLazy(zap.String("tenant", string(s.Key.Tenant)), zap.String("session", string(s.Key.ID))),
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
		if p != nil {
			w.notePanic("session panicked and starts again", p)
		}
		w.shutDown()
		finished = p == nil
	}()
	w.loop(ctx)
	return true
}

// loop looks at the mailbox before it waits, because the last panic may have
// left something in it.
func (w *worker) loop(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		for item, ok := w.box.next(); ok; item, ok = w.box.next() {
			w.handle(ctx, item)
		}
		wait := w.advance(ctx)
		if w.removed {
			return
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-w.box.wake:
		}
	}
}

// shutDown waits for the operation under way and closes the connection. It goes
// on answering, since a connection may be waiting for an answer before it ends.
func (w *worker) shutDown() {
	w.leaveTurn()
	if w.busy != nil {
		w.busy.cancel()
		w.awaitOperation()
	}
	if w.round != nil {
		w.round.cancel()
	}
	if w.conn != nil {
		w.close()
		w.awaitOperation()
	}
	for w.refuseAll(); w.round != nil; w.refuseAll() { // a send of it ended with the connection
		<-w.box.wake
	}
	w.epoch++
	w.machine.end()
	w.machine.held, w.machine.spent = false, false
	if w.machine.Status == StatusReady {
		w.machine.Status = StatusInitializing // as it will be after the next start
	}
	w.publish()
}

func (w *worker) awaitOperation() {
	for w.refuseAll(); w.busy != nil; w.refuseAll() {
		<-w.box.wake
	}
}

// apply takes one step of the machine: the store first, then the world.
func (w *worker) apply(ctx context.Context, in input) error {
	if err := w.machine.refuses(in); err != nil {
		return err
	}
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
		w.logTransition(next, in)
	}
	w.engine.watch.dropped(in)
	w.machine = next
	w.publish()
	return nil
}

// save writes a state and its events, again and again while the database does
// not take them: nothing may happen to the session that is not written down.
func (w *worker) save(ctx context.Context, to State, events []Event) error {
	at, failed := w.engine.now(), false
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := w.engine.store.SaveState(ctx, w.key, w.saved, to, at, events...)
		if failed && CodeOf(err) == CodeInternal {
			// Nobody else writes this row: it is another one than expected
			// because the try that seemed to fail went through, events and all.
			err = nil
		}
		if err == nil {
			w.saved, w.updated = to, at
			if len(events) > 0 {
				w.engine.nudge()
			}
			return nil
		}
		if CodeOf(err) != CodeStorage || ctx.Err() != nil {
			return err
		}
		failed = true
		w.log.Warn("session state not saved, trying again", zap.Error(err))
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

func (w *worker) logTransition(next machine, in input) {
	if next.Status == w.machine.Status && next.Reason == w.machine.Reason {
		return
	}
	fields := []zap.Field{zap.String("was", string(w.machine.Status))}
	if next.Reason != "" {
		fields = append(fields, zap.String("reason", string(next.Reason)))
	}
	if cause := causeOf(in); cause != nil {
		fields = append(fields, zap.String("cause", Redact(cause.Error())))
	}
	w.log.Info("session is now "+string(next.Status), fields...)
}

// causeOf is the error behind an input, if it has one.
func causeOf(in input) error {
	switch in := in.(type) {
	case SignalDropped:
		return in.Err
	case SignalPairingFailed:
		return in.Err
	case connectFailed:
		return in.err
	}
	return nil
}

// advance starts what the machine wants done and returns how long to wait for
// the next look at it.
func (w *worker) advance(ctx context.Context) time.Duration {
	const long = time.Hour
	w.tend(ctx)
	now := w.engine.now()
	act, at := w.machine.next(now)
	wait := long
	if !at.IsZero() {
		wait = min(long, max(0, at.Sub(now))+time.Millisecond)
	}
	if act != actConnect {
		w.leaveTurn()
	}
	if w.busy != nil {
		if act == actClose || act == actRemove {
			w.busy.cancel()
		}
		return wait
	}
	switch act {
	case actConnect:
		err := w.connect(ctx)
		switch {
		case ctx.Err() != nil:
			return 0
		case err != nil:
			w.log.Error("connection not begun, trying again", zap.Error(err))
			return time.Second
		case w.busy == nil:
			return 0 // it failed at once, and the machine knows what follows
		}
	case actClose:
		w.close()
	case actLogout:
		w.logout(ctx)
	case actRemove:
		if w.round != nil {
			w.round.cancel() // its end wakes the worker
			return wait
		}
		if err := w.remove(ctx); err != nil {
			w.log.Error("session not removed, trying again", zap.Error(err))
			return time.Second
		}
	}
	return wait
}
