package engine

import (
	"context"
	"math/rand/v2"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"
)

// How long an account is shown to type before a text goes out.
const (
	typingPerRune = 60 * time.Millisecond
	typingLeast   = time.Second
	typingMost    = 5 * time.Second
	// presencePatience bounds what showing it may take.
	presencePatience = 3 * time.Second
)

// gap is the pause between two sends; random is in [0,1).
func (o SessionOptions) gap(random float64) time.Duration {
	least := max(0, o.DelayMin)
	most := max(least, o.DelayMax)
	return least + time.Duration(random*float64(most-least))
}

// typingTime is how long a text takes to type, within bounds.
func typingTime(text string) time.Duration {
	return min(typingMost, max(typingLeast, time.Duration(utf8.RuneCountInString(text))*typingPerRune))
}

// pauses plans what goes before a send: first nothing happens for idle, then the
// account types. Typing falls into the gap since the last send where it fits.
func pauses(last, now time.Time, gap, typing time.Duration) (idle, types time.Duration) {
	if last.IsZero() {
		return 0, typing
	}
	return max(0, last.Add(gap).Sub(now)-typing), typing
}

// pace makes the pauses that the session's options ask for, before a send whose
// turn it is. It returns CodeSessionBusy if they would not leave time to send,
// and CodeSessionNotReady if the session is cut off meanwhile.
func (w *worker) pace(ctx context.Context, m Outgoing) error {
	v := w.view.Load()
	o := v.Options
	if !o.Typing && o.DelayMin <= 0 && o.DelayMax <= 0 {
		return nil
	}
	presence, canType := v.conn.(Presence)
	var typing time.Duration
	if canType && o.Typing && m.Kind == KindText && m.To.Server() != ServerNewsletter {
		typing = typingTime(m.Text)
	}
	idle, typing := pauses(w.lane.last, w.engine.now(), o.gap(rand.Float64()), typing)
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= idle+typing {
		e := Errorf(CodeSessionBusy, "the session pauses before its next message; nothing was sent")
		e.RetryAfter = idle + typing
		return e
	}
	if err := w.rest(ctx, idle); err != nil || typing == 0 {
		return err
	}
	w.showTyping(ctx, presence, m.To)
	return w.rest(ctx, typing)
}

// showTyping tells the chat that the account types. It is only for show, so that
// a failure holds up nothing.
func (w *worker) showTyping(ctx context.Context, p Presence, chat JID) {
	ctx, cancel := context.WithTimeout(ctx, presencePatience)
	defer cancel()
	err := p.SetAvailable(ctx, true)
	if err == nil {
		err = p.SetTyping(ctx, chat, TypingText)
	}
	if err != nil {
		w.log.Debug("typing not shown", zap.Error(err))
	}
}

// rest lets time pass. It returns early when the session is cut off, or ctx ends.
func (w *worker) rest(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		v := w.view.Load()
		if v.conn == nil {
			return w.notReady()
		}
		select {
		case <-timer.C:
			return nil
		case <-v.changed:
		case <-ctx.Done():
			return errNoTurn(ctx)
		}
	}
}
