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

// firstLogin is how long a message waits for the first login of a session that
// has just been linked.
const firstLogin = 10 * time.Second

// lane lets one session's messages out one at a time, first come first served.
type lane struct {
	turn *semaphore.Weighted
	last time.Time // when the last send ended; belongs to whoever has the turn
}

func newLane() *lane { return &lane{turn: semaphore.NewWeighted(1)} }

// deliver waits for the lane and sends. A message whose fate is unknown, as
// when the socket breaks before the answer, is sent again under the same id
// when the session is back: devices that have it drop the second.
func (w *worker) deliver(ctx context.Context, m Outgoing) (Sent, error) {
	m, err := w.upload(ctx, m)
	if err != nil {
		return Sent{}, err
	}
	if err := w.takeTurn(ctx, m); err != nil {
		return Sent{}, err
	}
	defer w.leaveLane()
	v := w.view.Load()
	if v.conn == nil {
		return Sent{}, w.notReady()
	}
	sent, err := w.try(ctx, v, m)
	if CodeOf(err) != CodeSendOutcomeUnknown {
		return sent, err
	}
	return w.tryAgain(ctx, v, m, err)
}

// takeTurn waits until it is a message's turn, and makes the pauses that the
// session's options ask for. After nil the caller must call leaveLane.
func (w *worker) takeTurn(ctx context.Context, m Outgoing) error {
	if w.lane.turn.Acquire(ctx, 1) != nil {
		return errNoTurn(ctx)
	}
	err := w.pace(ctx, m)
	if err != nil {
		w.lane.turn.Release(1)
	}
	return err
}

func (w *worker) leaveLane() {
	w.lane.last = w.engine.now()
	w.lane.turn.Release(1)
}

// errNoTurn says why a message whose context has ended was not sent.
func errNoTurn(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return WrapError(CodeStopping, ctx.Err(), "the daemon is stopping; nothing was sent")
	}
	return WrapError(CodeSessionBusy, ctx.Err(), "the session is too busy; nothing was sent")
}

// tryAgain sends a message again whose last try ended with an unknown outcome.
func (w *worker) tryAgain(ctx context.Context, v *view, m Outgoing, err error) (Sent, error) {
	unknown := unknownOutcome(err, m.ID)
	again, cancel := context.WithTimeout(ctx, sendPatience)
	defer cancel()
	for !isFinal(err) {
		if v = w.awaitConn(again, v.conn); v == nil {
			break
		}
		var sent Sent
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

// ErrSentOnce marks a CodeSendOutcomeUnknown of a network that takes no message twice
// under an id: whether it has it may come as a receipt, but no other try will tell.
var ErrSentOnce = errors.New("the network is asked once")

// isFinal tells an unknown outcome that another try would leave as it is. What waits
// behind the message must not wait for that.
func isFinal(err error) bool { return errors.Is(err, errSendPanicked) || errors.Is(err, ErrSentOnce) }

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
	began := time.Now()
	ctx, end := w.engine.step(ctx, StepNetwork, w.key, m)
	sent, err = v.conn.Send(ctx, m)
	end(err)
	w.engine.watch.answered(began, err)
	return sent, err
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

// attempt is a message that was reserved and is being sent.
type attempt struct {
	id     MessageID
	claim  *Claim // nil for none
	unsure bool   // an earlier request may have sent it
}

// settlePatience is how long a request waits for a database that does not take what
// became of its message.
const settlePatience = 20 * time.Second

// settle writes down what became of a message. It tries at least once, and ends with ctx.
func (w *worker) settle(ctx context.Context, a attempt, sent Sent, sendErr error) {
	waiting, cancel := context.WithTimeout(ctx, settlePatience)
	defer cancel()
	o, kept := a.outcome(sent, CodeOf(sendErr))
	err := w.insist(waiting, "outcome of a message not saved", func(ctx context.Context) error {
		if kept {
			return w.engine.store.FinishMessage(ctx, w.key, a.id, o)
		}
		return w.engine.store.DiscardMessage(ctx, w.key, a.id, a.claim)
	})
	if err != nil {
		// The caller's answer is still the truth; the row stays pending and
		// becomes unknown at the next start.
		w.log.Error("outcome of a message not saved", zap.Error(err))
	}
	w.noteRecipient(context.WithoutCancel(ctx), sent.Recipient)
}

// outcome is what the log says of a message after a try. It is false for a
// message that was refused before anything was sent: no trace of it stays.
func (a attempt) outcome(sent Sent, code Code) (o MessageOutcome, kept bool) {
	switch {
	case code == "":
		return MessageOutcome{Status: MessageSent, SentAt: sent.Timestamp, Recipient: sent.Recipient, Payload: sent.Payload}, true
	case code == CodeSendOutcomeUnknown, a.unsure: // a refusal says nothing of the earlier try
		return MessageOutcome{Status: MessageUnknown, Code: CodeSendOutcomeUnknown}, true
	case code == CodeSendRejected, code == CodeInternal:
		return MessageOutcome{Status: MessageFailed, Code: code}, true
	case code == CodeUndeliverable:
		return MessageOutcome{Status: MessageFailed, Code: code, Release: a.claim}, true
	}
	return MessageOutcome{}, false
}

// ready tells whether the session can send. One that has just been linked is about to
// log in: that is waited for.
func (w *worker) ready(ctx context.Context) bool {
	v := w.view.Load()
	if v.conn != nil || v.State.Status != StatusAuthenticated {
		return v.conn != nil
	}
	ctx, cancel := context.WithTimeout(ctx, firstLogin)
	defer cancel()
	for v.conn == nil && v.State.Status == StatusAuthenticated {
		select {
		case <-v.changed:
			v = w.view.Load()
		case <-w.done:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return v.conn != nil
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
