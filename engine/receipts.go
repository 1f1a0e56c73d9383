package engine

import (
	"context"
	"time"
)

// receipt commits that messages have got further. Only after nil may it be
// acknowledged to the network.
func (w *worker) receipt(ctx context.Context, r Receipt) error {
	err := w.engine.store.AdvanceMessages(ctx, w.key, r)
	if err == nil && w.engine.tracer != nil {
		w.engine.tracer.Receipt(ctx, w.key, r)
	}
	return err
}

// notice commits a change of a group, a call or a chat's timer. Only after nil
// may it be acknowledged to the network.
func (w *worker) notice(ctx context.Context, n Notice) error {
	e := Event{Session: w.key, At: w.engine.now()}
	var data any
	switch {
	case n.Group != nil:
		e.Type, data = EventGroup, n.Group
	case n.Call != nil:
		e.Type, data = EventCall, n.Call
	}
	if data != nil {
		var err error
		if e.Data, err = Canonical(data); err != nil {
			return err
		}
		fresh, err := w.engine.store.InsertNotice(ctx, n.ID, e)
		if err != nil {
			return err
		}
		if fresh {
			w.engine.nudge()
		}
	}
	if n.Timer != nil {
		return w.saveTimer(ctx, *n.Timer, n.At)
	}
	return nil
}

// saveTimer keeps a chat's disappearing timer, which later messages of the
// session will have.
func (w *worker) saveTimer(ctx context.Context, t ChatTimer, at time.Time) error {
	if err := w.engine.store.SaveChatTimer(ctx, w.key, t.Chat, t.Peer, t.After, at); err != nil {
		return err
	}
	w.timers.reload()
	return nil
}
