package engine

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"
)

// sendPatience is how long a send whose outcome is unknown waits for its
// session to come back, to be sent again under the same id.
const sendPatience = 45 * time.Second

// lane lets one session's messages out one at a time, first come first served.
type lane struct{ turn *semaphore.Weighted }

func newLane() *lane { return &lane{semaphore.NewWeighted(1)} }

// send reserves a message, gives it to the network and marks it sent. See
// Engine.Send for its errors.
func (w *worker) send(ctx context.Context, m Outgoing) (Sent, error) {
	if w.view.Load().conn == nil {
		return Sent{}, w.notReady()
	}
	row := LoggedMessage{
		Session: w.key, ID: m.ID, Direction: Outbound, Chat: m.To, Kind: m.Kind, Text: m.Text,
		Status: MessagePending, CreatedAt: w.engine.now(),
	}
	if m.To.Server() == ServerLID {
		row.Peer.LID = m.To
	} else if m.To.Server() == ServerPhone {
		row.Peer.Phone = m.To
	}
	if err := w.engine.store.InsertMessage(ctx, row); err != nil {
		return Sent{}, err
	}
	sent, err := w.deliver(ctx, m)
	w.settle(context.WithoutCancel(ctx), m.ID, sent, err)
	return sent, err
}

// deliver waits for the lane and sends. A message whose fate is unknown, as
// when the socket breaks before the answer, is sent again under the same id
// when the session is back: devices that have it drop the second.
func (w *worker) deliver(ctx context.Context, m Outgoing) (Sent, error) {
	if err := w.lane.turn.Acquire(ctx, 1); err != nil {
		if errors.Is(err, context.Canceled) {
			return Sent{}, WrapError(CodeStopping, err, "the daemon is stopping; nothing was sent")
		}
		return Sent{}, WrapError(CodeSessionBusy, err, "the session is too busy; nothing was sent")
	}
	defer w.lane.turn.Release(1)
	v := w.view.Load()
	if v.conn == nil {
		return Sent{}, w.notReady()
	}
	sent, err := w.try(ctx, v, m)
	if CodeOf(err) != CodeSendOutcomeUnknown {
		return sent, err
	}
	unknown := unknownOutcome(err, m.ID)
	again, cancel := context.WithTimeout(ctx, sendPatience)
	defer cancel()
	for !errors.Is(err, errSendPanicked) {
		if v = w.awaitConn(again, v.conn); v == nil {
			break
		}
		sent, err = w.try(again, v, m)
		switch CodeOf(err) {
		case "":
			return sent, nil
		case CodeSessionNotReady, CodeSendOutcomeUnknown, CodeNotOnWhatsApp:
			// Still nothing known of the first try.
		default:
			return Sent{}, unknown
		}
	}
	return Sent{}, unknown
}

// errSendPanicked marks a message that may make every try panic.
var errSendPanicked = errors.New("sending panicked")

// try gives a message to the connection. A panic there ends the connection, not
// the caller.
func (w *worker) try(ctx context.Context, v *view, m Outgoing) (sent Sent, err error) {
	defer func() {
		if p := recover(); p != nil {
			w.notePanic("sending panicked", p)
			w.box.post(report{epoch: v.epoch, in: connPanicked{}})
			sent, err = Sent{}, WrapError(CodeSendOutcomeUnknown, errSendPanicked, "the message may or may not have been sent")
		}
	}()
	return v.conn.Send(ctx, m)
}

// unknownOutcome makes sure that the error names the message.
func unknownOutcome(err error, id MessageID) error {
	if e, ok := errors.AsType[*Error](err); ok && e.MessageID == id {
		return err
	}
	return &Error{Code: CodeSendOutcomeUnknown, Message: "the message may or may not have been sent", MessageID: id, Cause: err}
}

// awaitConn waits until the session is ready. It returns at once if it is,
// except after a failure on the very same connection, where it first lets a
// moment pass for the failure to become known. It returns nil if ctx ends or
// the session won't come back.
func (w *worker) awaitConn(ctx context.Context, failed Conn) *view {
	settle := time.NewTimer(500 * time.Millisecond)
	defer settle.Stop()
	settled := false
	for {
		v := w.view.Load()
		if v.conn != nil && (v.conn != failed || settled) {
			return v
		}
		if !v.State.wantsUp() || v.State.Reason == ReasonBanned {
			return nil
		}
		select {
		case <-v.changed:
			settled = true
		case <-settle.C:
			settled = true
		case <-w.done:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// settle writes down what became of a message.
func (w *worker) settle(ctx context.Context, id MessageID, sent Sent, sendErr error) {
	var err error
	switch code := CodeOf(sendErr); code {
	case "":
		err = w.engine.store.FinishMessage(ctx, w.key, id,
			MessageOutcome{Status: MessageSent, SentAt: sent.Timestamp, Recipient: sent.Recipient})
	case CodeSendOutcomeUnknown:
		err = w.engine.store.FinishMessage(ctx, w.key, id, MessageOutcome{Status: MessageUnknown, Code: code})
	case CodeSendRejected, CodeUndeliverable, CodeInternal:
		err = w.engine.store.FinishMessage(ctx, w.key, id, MessageOutcome{Status: MessageFailed, Code: code})
	default: // refused before anything was sent
		err = w.engine.store.DiscardMessage(ctx, w.key, id)
	}
	if err != nil {
		// The caller's answer is still the truth; the row stays pending and
		// becomes unknown at the next start.
		w.log.Error("outcome of a message not saved", zap.Error(err))
	}
}

// notReady says why the session can't send.
func (w *worker) notReady() error {
	s := w.view.Load().Snapshot
	msg := "session is " + string(s.State.Status)
	if s.State.Reason != "" {
		msg += " (" + string(s.State.Reason) + ")"
	}
	return Errorf(CodeSessionNotReady, "%s; nothing was sent", msg)
}
