package engine

import (
	"context"
	"fmt"

	"go.uber.org/zap"
)

// Items of a worker's mailbox.
type (
	request struct { // an input whose poster waits until it is applied and saved
		in    input
		reply chan result
	}
	report struct { // an input from a connection
		epoch uint64
		in    input
		reply chan result // may be nil
	}
	// result is what came of an input: the session as it was right after it.
	result struct {
		view *view
		err  error
	}
	outcome  struct{ in input } // of the operation under way
	reminder struct{}           // the outbox may hold something
	// askConfigure asks for another label or other options. The machine only cares
	// for the way that its connection goes.
	askConfigure struct{ change SessionChange }
)

// handler is how the connection of an epoch reports.
func (w *worker) handler(epoch uint64) Handler {
	return Handler{
		Signal: func(s Signal) { w.box.post(report{epoch: epoch, in: s}) },
		Linking: func(ctx context.Context, id Identity) error {
			reply := make(chan result, 1)
			w.box.post(report{epoch: epoch, in: linking{id}, reply: reply})
			_, err := w.await(ctx, reply)
			return err
		},
		Receive: w.receive,
		Receipt: w.receipt,
		Notice:  w.notice,
	}
}

// ask posts what a tenant wants, waits until it is applied and saved, and
// returns the session as it is then. It returns CodeSessionNotFound if the session is removed before, CodeSessionBusy
// if ctx ends before (it may still be applied), and CodeStopping.
func (w *worker) ask(ctx context.Context, in input) (*view, error) {
	reply := make(chan result, 1)
	w.box.post(request{in, reply})
	return w.await(ctx, reply)
}

func (w *worker) await(ctx context.Context, reply <-chan result) (*view, error) {
	select {
	case r := <-reply:
		return r.view, r.err
	case <-w.done:
		select {
		case r := <-reply:
			return r.view, r.err
		default:
		}
		return nil, w.errOver()
	case <-ctx.Done():
		return nil, WrapError(CodeSessionBusy, ctx.Err(), "the session did not answer in time")
	}
}

func errNotLinkable() error {
	return Errorf(CodeSessionNotReady, "the session does not wait to be linked any more")
}
func errNoSession() error    { return Errorf(CodeSessionNotFound, "no session with this id") }
func errBeingRemoved() error { return Errorf(CodeSessionBusy, "the session is being removed") }
func errStopping() error     { return Errorf(CodeStopping, "the session is stopping") }

// errOver is why a worker that ends takes no more. Others may call it once done is
// closed.
func (w *worker) errOver() error {
	if w.removed {
		return errNoSession()
	}
	return errStopping()
}

// handle takes one item of the mailbox. Whoever waits for it is answered even
// if it panics.
func (w *worker) handle(ctx context.Context, item any) {
	var reply chan<- result
	err := error(Errorf(CodeInternal, "the session failed and starts again"))
	defer func() {
		if reply != nil {
			reply <- result{w.view.Load(), err}
		}
	}()
	switch item := item.(type) {
	case request:
		reply = item.reply
		err = w.answer(ctx, item.in)
	case report:
		reply = item.reply
		if item.epoch != w.epoch {
			err = Errorf(CodeStopping, "the connection is no longer the session's")
			return
		}
		err = w.apply(ctx, item.in)
	case outcome:
		w.busy = nil
		err = w.apply(ctx, item.in)
	case roundOver:
		w.noteRound(item)
		err = nil
	case reminder: // advance looks at the outbox
		err = nil
	default:
		err = fmt.Errorf("a %T in the mailbox", item)
	}
	if err != nil && reply == nil && ctx.Err() == nil {
		w.log.Error("session state not saved", zap.Error(err))
	}
}

func (w *worker) answer(ctx context.Context, in input) error {
	if ask, ok := in.(askConfigure); ok {
		return w.configure(ctx, ask.change)
	}
	return w.apply(ctx, in)
}

// configure writes other options down, and has the connection made again if it
// is to go another way.
func (w *worker) configure(ctx context.Context, change SessionChange) error {
	if w.machine.Intent == IntentDelete {
		return errBeingRemoved()
	}
	name, options := change.apply(w.name, w.options)
	if err := options.check(); err != nil {
		return err
	}
	if name == w.name && options == w.options {
		return nil
	}
	if err := w.engine.store.ConfigureSession(ctx, w.key, name, options); err != nil {
		return err
	}
	rerouted := options.Proxy != w.options.Proxy
	w.name, w.options, w.updated = name, options, w.engine.now()
	w.publish()
	if rerouted {
		return w.apply(ctx, reroute{})
	}
	return nil
}

// refuseAll empties the mailbox while the session shuts down: whoever waits is
// told so, and of the rest only the end of the operation under way matters.
func (w *worker) refuseAll() {
	for item, ok := w.box.next(); ok; item, ok = w.box.next() {
		switch item := item.(type) {
		case outcome:
			w.busy = nil
		case roundOver:
			w.noteRound(item)
		case request:
			item.reply <- result{err: w.errOver()}
		case report:
			if item.reply != nil {
				item.reply <- result{err: w.errOver()}
			}
		}
	}
}
