package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"
)

// retriesOfDoubtful is how often a queued message is tried again whose recipient
// could not be reached, or whose file was not taken.
const retriesOfDoubtful = 4

// roundOver is the end of a round. heeded counts the reminders that came before
// the outbox was found empty; it is 0 if it was not.
type roundOver struct{ heeded int64 }

// makeRound sends what is in the outbox, one after the other, until it is empty
// or the session can't send any more. A message is claimed, sent and finished;
// one whose outcome is unknown stays first and is sent again under its id.
func (w *worker) makeRound(ctx context.Context) roundOver {
	failures := 0
	for ctx.Err() == nil && w.view.Load().conn != nil {
		heeded := w.reminders.Load()
		q, files, err := w.engine.store.ClaimQueued(ctx, w.key)
		w.engine.removeSpooled(files)
		switch {
		case err == nil && q == nil:
			return roundOver{heeded}
		case err == nil:
			err = w.sendQueued(ctx, *q, failures)
		}
		if err == nil {
			failures = 0
			continue
		}
		if !w.pauseRound(ctx, err, failures) {
			break
		}
		failures++
	}
	return roundOver{}
}

// pauseRound waits before the next try after a failure that may pass. It is
// false if the session can't send any more.
func (w *worker) pauseRound(ctx context.Context, failure error, before int) bool {
	wait := w.engine.backoff.delay(before, rand.Float64())
	if e, ok := errors.AsType[*Error](failure); ok && e.RetryAfter > 0 {
		wait = min(e.RetryAfter, time.Hour)
	}
	w.log.Info("a queued message waits for its next try", zap.String("code", string(CodeOf(failure))), zap.Duration("wait", wait))
	return w.rest(ctx, wait) == nil
}

// sendQueued sends a message that was claimed, and writes down what became of
// it, after so many failures. It returns an error if the message is still in the
// outbox.
func (w *worker) sendQueued(ctx context.Context, q Queued, failures int) error {
	m, began := q.Message, time.Now()
	if w.engine.tracer != nil {
		ctx = w.engine.tracer.Follow(ctx, w.key, m.ID)
	}
	ctx, end := w.engine.step(ctx, StepQueued, w.key, m)
	sent, err := w.deliverOnce(ctx, m)
	end(err)
	w.engine.watch.tried(w.key, m.Kind, began, err)
	a := attempt{id: m.ID, unsure: q.Unsure}
	code := CodeOf(err)
	if mayPass(code, failures) && !isFinal(err) {
		unsure := q.Unsure || code == CodeSendOutcomeUnknown
		return errors.Join(err, w.insist(ctx, "message not put back", func(ctx context.Context) error {
			return w.engine.store.ReturnQueued(ctx, w.key, m.ID, unsure)
		}))
	}
	o, kept := a.outcome(sent, code)
	if !kept {
		o = MessageOutcome{Status: MessageFailed, Code: code}
	}
	err = w.insist(ctx, "outcome of a queued message not saved", func(ctx context.Context) error {
		return w.engine.store.FinishQueued(ctx, w.key, m.ID, o)
	})
	if err == nil && m.Attachment != nil && m.Attachment.Path != "" {
		w.engine.removeSpooled([]string{m.Attachment.Path})
	}
	w.noteRecipient(ctx, sent.Recipient)
	return err
}

// mayPass tells failures after which a queued message is tried again, having
// failed so many times in a row before. Some may lie with the message itself: it
// must not hold up the others behind it for ever. The rest are answers to it.
func mayPass(code Code, before int) bool {
	switch code {
	case CodeSendOutcomeUnknown, CodeSessionNotReady, CodeSessionBusy, CodeRateLimited, CodeStorage, CodeStopping:
		return true
	case CodeUndeliverable, CodeNetworkRefused:
		return before < retriesOfDoubtful
	}
	return false
}

// deliverOnce is deliver without a second try: a queued message has time. A send
// that has begun is not cut off when the round ends, but by the end of its connection.
func (w *worker) deliverOnce(ctx context.Context, m Outgoing) (sent Sent, err error) {
	if m.Expiration, err = w.timers.of(ctx, w, m.To); err != nil {
		return Sent{}, err
	}
	if m, err = w.upload(ctx, m); err != nil {
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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.engine.sendTimeout)
	defer cancel()
	return w.try(ctx, v, m)
}

// insist writes something down that has happened, again and again while the
// database does not take it. After an error the next claim, or the next life of
// the daemon, finds the message as it was: it is sent again under the same id.
func (w *worker) insist(ctx context.Context, failure string, write func(context.Context) error) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := write(context.WithoutCancel(ctx))
		if err == nil || CodeOf(err) != CodeStorage {
			return err
		}
		w.log.Warn(failure+", trying again", zap.Error(err))
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}
