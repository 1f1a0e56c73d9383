package engine

import (
	"context"
	"errors"
	"runtime/debug"

	"go.uber.org/zap"
)

// operation is work on the network, off the worker's goroutine. A worker has at
// most one under way.
type operation struct{ cancel context.CancelFunc }

// start runs work on the network; its outcome comes through the mailbox.
func (w *worker) start(ctx context.Context, work func(context.Context) input) {
	ctx, cancel := context.WithCancel(ctx)
	w.busy = &operation{cancel: cancel}
	go func() {
		defer cancel()
		in := input(connectFailed{errors.New("the operation panicked")})
		defer func() {
			if p := recover(); p != nil {
				w.engine.panics.Add(1)
				w.log.Error("an operation on the network panicked", zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
			}
			w.box.post(outcome{in})
		}()
		in = work(ctx)
	}()
}

// dropConn lets go of the connection: no report of it counts from here on.
func (w *worker) dropConn() {
	w.conn = nil
	w.epoch++
}

// connected is the outcome of an actConnect that went well so far.
type connected struct{}

func (w *worker) connect(ctx context.Context) error {
	if err := w.apply(ctx, connecting{}); err != nil {
		return err
	}
	device := w.machine.Identity.Device
	old, conn := w.conn, w.conn
	if device == "" || conn == nil { // a pairing starts with new keys each time
		var err error
		w.dropConn()
		h := w.handler(w.epoch)
		if device == "" {
			conn, err = w.engine.network.Pair(ctx, w.key, h)
		} else {
			conn, err = w.engine.network.Open(ctx, w.key, device, h)
		}
		if err != nil {
			w.start(ctx, func(context.Context) input { closeConn(old); return connectFailed{err} })
			return nil
		}
		w.conn = conn
	}
	w.start(ctx, func(ctx context.Context) input {
		if old != conn {
			closeConn(old)
		}
		if err := w.engine.enter(ctx); err != nil {
			return connectFailed{err}
		}
		defer w.engine.leave()
		if err := conn.Connect(ctx); err != nil {
			return connectFailed{err}
		}
		return connected{}
	})
	return nil
}

// remove deletes what is left of the session. It may be called again after an error.
func (w *worker) remove(ctx context.Context) error {
	final := w.machine
	final.Status, final.Reason = StatusDisconnected, ReasonStopped
	events, err := w.events(final, transitionEvents(w.machine, final))
	if err != nil {
		return err
	}
	if final.State != w.saved || len(events) > 0 {
		if err := w.save(ctx, final.State, events); err != nil {
			return err
		}
	}
	w.machine = final
	if device := w.saved.Identity.Device; device != "" && !w.machine.unlinked {
		if err := w.engine.network.Forget(ctx, device); err != nil {
			return err
		}
	}
	if err := w.engine.store.DeleteSession(ctx, w.key); err != nil {
		return err
	}
	w.removed = true
	w.publish()
	w.engine.forget(w)
	w.log.Info("session removed")
	return nil
}
