package bulk

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	"wapid/engine"
)

// work sends at most one item of a line and sets when the line is due again. A
// panic holds up the line, not the others.
func (r *Runner) work(ctx, sending context.Context, l *line) {
	l.ended = false
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("a bulk job panicked", zap.String("tenant", string(l.key.Tenant)), zap.String("session", string(l.key.ID)),
				zap.String("panic", engine.Redact(fmt.Sprint(p))), zap.ByteString("stack", debug.Stack()))
			l.due = r.o.Clock().Add(maxRetryPause)
		}
	}()
	snap, err := r.sender.Snapshot(l.key)
	if err != nil && engine.CodeOf(err) != engine.CodeSessionNotFound {
		l.due = r.o.Clock().Add(lookAtSession)
		return
	}
	if code := lost(snap, err); code != "" {
		r.drop(ctx, l, code)
		return
	}
	if snap.State.Status != engine.StatusReady {
		r.hold(ctx, l, WaitSession, lookAtSession)
		return
	}
	if l.holding == WaitSession {
		r.hold(ctx, l, WaitNone, 0)
	}
	if now := r.o.Clock(); now.Before(l.next) && l.next.Sub(now) <= MaxStartIn {
		l.due = l.next
		return
	}
	r.next(ctx, sending, l, snap)
}

// lost tells why a session is gone for good, or "": it was removed, unlinked, or
// WhatsApp has banned its number, be it for a while.
func lost(snap engine.Snapshot, err error) engine.Code {
	switch {
	case err != nil:
		return engine.CodeSessionNotFound
	case snap.State.Status != engine.StatusDisconnected:
		return ""
	case snap.State.Reason == engine.ReasonLoggedOut:
		return engine.CodeSessionNotReady
	case snap.State.Reason == engine.ReasonBanned:
		return CodeBanned
	}
	return ""
}

// next claims an item and sends it, and then those that follow without a pause.
func (r *Runner) next(ctx, sending context.Context, l *line, snap engine.Snapshot) {
	now := r.o.Clock()
	claim, err := r.store.ClaimItem(ctx, l.look(snap.CreatedAt, now))
	if err != nil {
		r.trouble.note(ctx, "items of bulk jobs can't be claimed", err)
		l.rest(now.Add(lookAtStorage), false)
		return
	}
	r.trouble.over()
	for r.take(ctx, l, &claim, now) {
		r.lookAheadFirst(ctx, l, claim, snap.UpdatedAt)
		next, goesOn := r.send(ctx, sending, l, claim, snap)
		if !goesOn {
			return
		}
		claim, now = next, r.o.Clock()
	}
}

// take makes a claim ready to be sent. If nothing was claimed it is false, and sets when
// the line goes on.
func (r *Runner) take(ctx context.Context, l *line, claim *Claim, now time.Time) bool {
	for _, id := range claim.Ended {
		r.discard(id)
	}
	switch {
	case claim.Job.ID != "":
	case len(claim.LookUp.Items) > 0:
		r.lookUpFirst(ctx, l, claim.LookUp)
		return false
	case claim.Idle:
		r.end(l)
		return false
	case claim.Waiting != WaitNone:
		r.hold(ctx, l, claim.Waiting, lookAtAccount)
		return false
	default:
		l.known = Job{} // its message need not be kept for as long as that takes
		if claim.NotBefore.IsZero() {
			claim.NotBefore = now.Add(lookAtLine)
		}
		l.rest(claim.NotBefore, false)
		return false
	}
	l.holding = WaitNone
	if claim.Job.ID == l.known.ID {
		claim.Job.Message = l.known.Message
	} else {
		claim.Job.Message.Attachment = r.located(claim.Job)
	}
	l.known = claim.Job
	if claim.Due.IsZero() || now.Sub(claim.Due) > claim.Job.DelayMax {
		claim.Due = now
	}
	return true
}

// send submits an item and writes down what became of it. If the line goes on without a
// pause, it returns what was claimed next.
func (r *Runner) send(ctx, sending context.Context, l *line, c Claim, snap engine.Snapshot) (next Claim, goesOn bool) {
	j, it, ref := c.Job, c.Item, Ref{c.Job.ID, c.Item.Index}
	following := sending
	if r.o.Follow != nil {
		following = r.o.Follow(sending, l.key.Tenant, j.ID)
	}
	sent, err := r.submit(following, l.key, j.message(it))
	v := judge(err, it.Attempts)
	if err != nil && v.step != stepSent && fileGone(j) {
		v = verdict{step: stepAbort, code: engine.CodeMediaGone}
	}
	cut := v.step != stepSent && sending.Err() != nil // we cut it off ourselves
	if cut {
		v = verdict{step: stepHandBack, after: lookAtSession}
	}
	now := r.o.Clock()
	switch v.step {
	case stepSent, stepFail:
		due := nextDue(c.Due, now, delayAfter(j.ID, it.Index, j.DelayMin, j.DelayMax))
		o := Outcome{Sent: v.step == stepSent, Code: v.code, At: now, NextAt: due}
		if o.Sent {
			o.SentAt = sent.Timestamp
		}
		l.rest(due, true)
		if r.mayGoOn(ctx, l, c, snap, due, now) {
			return r.finishAndClaim(ctx, l, ref, o, snap)
		}
		r.finish(ctx, ref, o)
		if j.CheckNumbers {
			r.lookUpAhead(ctx, l.key, j.ID)
		}
		r.lookAheadNext(ctx, l, c)
	case stepRetry, stepHandBack:
		back := Release{Session: l.key.ID, Waiting: Waiting{Reason: v.waiting}, NextAt: now.Add(v.after), At: now,
			Tried: v.step == stepRetry, Unsure: cut || v.step == stepRetry}
		if v.lasts > 0 {
			back.Until = now.Add(v.lasts)
		}
		l.rest(back.NextAt, false)
		l.holding = WaitNone // what is written down now is of the one job
		r.insist(ctx, "an item of a bulk job can't be handed back", func(ctx context.Context) error {
			return r.store.ReleaseItem(ctx, ref, back)
		})
	case stepAbort:
		l.rest(now, false)
		r.finish(ctx, ref, Outcome{Code: v.code, At: now, NextAt: now})
		r.insist(ctx, "a bulk job can't be ended", func(ctx context.Context) error {
			return r.store.AbortJob(ctx, ref.Job, v.code, now)
		})
		r.discard(ref.Job)
	}
	return Claim{}, false
}

// mayGoOn tells whether the next item can be claimed with the end of one: it is due, and
// nothing has to be looked at or looked up before.
func (r *Runner) mayGoOn(ctx context.Context, l *line, c Claim, snap engine.Snapshot, due, now time.Time) bool {
	if due.After(now) || ctx.Err() != nil || c.Job.CheckNumbers || r.aheadDue(l, c, now) {
		return false
	}
	// The session is what it was: work looks at it anew otherwise.
	is, err := r.sender.Snapshot(l.key)
	return err == nil && is.State == snap.State && is.CreatedAt.Equal(snap.CreatedAt)
}

// finishAndClaim ends an item and claims the next one. While the database does not take
// it nothing is claimed, nor once the daemon stops.
func (r *Runner) finishAndClaim(ctx context.Context, l *line, ref Ref, o Outcome, snap engine.Snapshot) (next Claim, goesOn bool) {
	var status Status
	look := l.look(snap.CreatedAt, o.At)
	r.insist(ctx, outcomeNotWritten, func(saving context.Context) (err error) {
		if goesOn = ctx.Err() == nil; !goesOn {
			status, err = r.store.FinishItem(saving, ref, o)
			return err
		}
		status, next, err = r.store.FinishAndClaim(saving, ref, o, look)
		goesOn = err == nil
		return err
	})
	if status.Ended() {
		r.discard(ref.Job)
	}
	return next, goesOn
}

// submit makes a panic an error of its item.
func (r *Runner) submit(ctx context.Context, key engine.SessionKey, m engine.Outgoing) (sent engine.Submitted, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("sending an item of a bulk job panicked", zap.String("tenant", string(key.Tenant)), zap.String("session", string(key.ID)),
				zap.String("panic", engine.Redact(fmt.Sprint(p))), zap.ByteString("stack", debug.Stack()))
			err = engine.Errorf(engine.CodeInternal, "sending panicked")
		}
	}()
	return r.sender.Submit(ctx, key, m, engine.SendOptions{Resume: true})
}

const outcomeNotWritten = "the outcome of a bulk job's item can't be written down"

func (r *Runner) finish(ctx context.Context, ref Ref, o Outcome) {
	var status Status
	r.insist(ctx, outcomeNotWritten, func(ctx context.Context) (err error) {
		status, err = r.store.FinishItem(ctx, ref, o)
		return err
	})
	if status.Ended() {
		r.discard(ref.Job)
	}
}

// insist repeats a write while the database does not take it. It gives up when
// the daemon stops: what is not written down then is found in sending at the next
// start, sent again under the same id, and answered from the message log.
func (r *Runner) insist(ctx context.Context, what string, write func(context.Context) error) {
	for {
		err := write(context.WithoutCancel(ctx))
		if err == nil {
			r.trouble.over()
			return
		}
		if engine.CodeOf(err) != engine.CodeStorage {
			r.log.Error(what, zap.Error(err))
			return
		}
		r.trouble.note(ctx, what, err)
		if ctx.Err() != nil {
			return
		}
		sleep(ctx, lookAtStorage)
	}
}

// hold writes down why a line does not go on, once, and looks again later.
func (r *Runner) hold(ctx context.Context, l *line, w Wait, after time.Duration) {
	l.due = r.o.Clock().Add(after)
	if l.holding == w {
		return
	}
	if err := r.store.HoldSession(ctx, l.key, Waiting{Reason: w}); err != nil {
		r.trouble.note(ctx, "a bulk job's wait can't be written down", err)
		return
	}
	l.holding = w
}

// drop takes a line's session out of its jobs: it is gone. Those that have no other
// session end.
func (r *Runner) drop(ctx context.Context, l *line, code engine.Code) {
	ended, err := r.store.DropSession(ctx, l.key, code, r.o.Clock())
	if err != nil {
		r.trouble.note(ctx, "bulk jobs can't be ended", err)
		l.due = r.o.Clock().Add(lookAtStorage)
		return
	}
	if len(ended) > 0 {
		r.log.Info("bulk jobs ended because their session is gone", zap.String("tenant", string(l.key.Tenant)), zap.String("session", string(l.key.ID)),
			zap.Int("count", len(ended)), zap.String("code", string(code)))
	}
	for _, id := range ended {
		r.discard(id)
	}
	r.end(l)
}

// end takes a line off the timetable.
func (r *Runner) end(l *line) {
	l.ended = true
	l.known, l.holding = Job{}, WaitNone
}

// fileGone tells whether a job's file is missing.
func fileGone(j Job) bool {
	a := j.Message.Attachment
	if a == nil || a.Path == "" {
		return false
	}
	_, err := os.Stat(a.Path)
	return os.IsNotExist(err)
}
