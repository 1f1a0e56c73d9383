package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"go.uber.org/zap"
)

// operation is work on the network, off the worker's goroutine. A worker has at
// most one under way.
type operation struct{ cancel context.CancelFunc }

// start runs work on the network; its outcome comes through the mailbox. If it
// panics, that is counted and the outcome is the one given for that.
func (w *worker) start(ctx context.Context, work func(context.Context) input, panicked input) {
	ctx, cancel := context.WithCancel(ctx)
	w.busy = &operation{cancel: cancel}
	go func() {
		in := panicked
		defer func() {
			if p := recover(); p != nil {
				w.notePanic("an operation on the network panicked", p)
			}
			cancel()
			w.box.post(outcome{in})
		}()
		in = work(ctx)
	}()
}

// notePanic counts a panic and logs it with the stack of the goroutine that recovers it.
func (w *worker) notePanic(what string, p any) {
	w.engine.panics.Add(1)
	w.log.Error(what, zap.String("panic", Redact(fmt.Sprint(p))), zap.ByteString("stack", debug.Stack()))
}

// dropConn lets go of the connection and returns it to be closed: no report of
// it counts from here on.
func (w *worker) dropConn() Conn {
	conn := w.conn
	w.conn = nil
	w.epoch++
	return conn
}

// connect begins a connection, on the open Conn if there is one: the machine
// has those closed that can't be used again.
func (w *worker) connect(ctx context.Context) error {
	if err := w.apply(ctx, connecting{}); err != nil {
		return err
	}
	if w.conn == nil {
		conn, err := w.open(ctx)
		if err != nil {
			return w.apply(ctx, connectFailed{err})
		}
		w.conn = conn
	}
	conn, turn := w.conn, w.turn
	if turn == nil {
		turn = w.engine.gate.queue()
	}
	w.turn = nil
	w.start(ctx, func(ctx context.Context) input {
		defer w.engine.gate.leave(turn)
		if err := turn.wait(ctx); err != nil {
			return connectFailed{err}
		}
		if err := conn.Connect(ctx); err != nil {
			return connectFailed{err}
		}
		return connected{}
	}, connPanicked{})
	return nil
}

func (w *worker) open(ctx context.Context) (Conn, error) {
	w.epoch++
	h := w.handler(w.epoch)
	line := Line{Session: w.key, Proxy: w.options.Proxy}
	if device := w.machine.Identity.Device; device != "" {
		return w.engine.network.Open(ctx, line, device, h)
	}
	return w.engine.network.Pair(ctx, line, h)
}

// close closes the connection. It runs under a context of its own: closing is
// not cut short by the end of anything.
func (w *worker) close() {
	conn := w.dropConn()
	w.start(context.Background(), func(context.Context) input {
		if conn != nil {
			conn.Close()
		}
		return connClosed{}
	}, connClosed{})
}

// logout unlinks the device and closes the connection.
func (w *worker) logout(ctx context.Context) {
	conn := w.dropConn()
	if conn == nil {
		w.start(ctx, func(context.Context) input { return connClosed{} }, connClosed{})
		return
	}
	w.start(ctx, func(ctx context.Context) input {
		defer conn.Close()
		return loggedOut{conn.Logout(ctx)}
	}, loggedOut{errors.New("the logout panicked")})
}

// leaveTurn gives up the place among those who connect at start.
func (w *worker) leaveTurn() {
	if w.turn != nil {
		w.engine.gate.leave(w.turn)
		w.turn = nil
	}
}

// remove deletes what is left of the session. It may be called again after an
// error.
func (w *worker) remove(ctx context.Context) error {
	if device := w.machine.Identity.Device; device != "" {
		if err := w.engine.network.Forget(ctx, device); err != nil {
			return err
		}
	}
	files, err := w.engine.store.FailQueued(ctx, w.key, CodeSessionNotFound)
	w.engine.removeSpooled(files)
	if err != nil {
		return err
	}
	if err := w.engine.store.DeleteSession(ctx, w.key); err != nil {
		return err
	}
	w.removed = true
	w.publish()
	w.engine.forget(w)
	w.log.Info("session removed", zap.Bool("unlinked", w.machine.unlinked))
	return nil
}
