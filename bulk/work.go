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
			r.log.Error("a bulk job panicked", zap.String("panic", engine.Redact(fmt.Sprint(p))), zap.ByteString("stack", debug.Stack()))
			l.due = r.o.Clock().Add(maxRetryPause)
		}
	}()
	snap, err := r.sender.Snapshot(l.key)
	switch {
	case engine.CodeOf(err) == engine.CodeSessionNotFound:
		r.abort(ctx, l, engine.CodeSessionNotFound)
	case err != nil:
		r.hold(ctx, l, WaitNone, lookAtSession)
	case snap.State.Status == engine.StatusDisconnected && snap.State.Reason == engine.ReasonLoggedOut:
		r.abort(ctx, l, engine.CodeSessionNotReady)
	case snap.State.Status != engine.StatusReady:
		r.hold(ctx, l, WaitSession, lookAtSession)
	default:
		r.next(ctx, sending, l, snap)
	}
}

// next claims an item and sends it.
func (r *Runner) next(ctx, sending context.Context, l *line, snap engine.Snapshot) {
	claim, err := r.store.ClaimItem(ctx, l.key, snap.CreatedAt, l.known.ID, r.o.Clock())
	switch {
	case err != nil:
		r.trouble.note(ctx, "items of bulk jobs can't be claimed", err)
		l.due = r.o.Clock().Add(lookAtStorage)
		return
	case claim.Job.ID == "":
		r.end(l)
		return
	case claim.Waiting != WaitNone:
		r.hold(ctx, l, claim.Waiting, lookAtAccount)
		return
	}
	r.trouble.over()
	l.holding = WaitNone
	if claim.Job.ID == l.known.ID {
		claim.Job.Message = l.known.Message
	} else {
		claim.Job.Message.Attachment = r.located(claim.Job)
	}
	l.known = claim.Job
	r.send(ctx, sending, l, claim.Job, claim.Item)
}

// send submits an item and writes down what became of it.
func (r *Runner) send(ctx, sending context.Context, l *line, j Job, it Item) {
	ref := Ref{j.ID, it.Index}
	sent, err := r.submit(sending, l.key, j.message(it))
	v := judge(err, it.Attempts)
	if err != nil && v.step != stepSent && fileGone(j) {
		v = verdict{step: stepAbort, code: engine.CodeMediaGone}
	}
	if v.step != stepSent && sending.Err() != nil { // we cut it off ourselves
		v = verdict{step: stepHandBack, after: lookAtSession}
	}
	now := r.o.Clock()
	switch v.step {
	case stepSent, stepFail:
		o := Outcome{Sent: v.step == stepSent, Code: v.code, At: now, NextAt: now.Add(pause(j.DelayMin, j.DelayMax, r.o.Rand()))}
		if o.Sent {
			o.SentAt = sent.Timestamp
		}
		l.due = o.NextAt
		r.finish(ctx, ref, o)
	case stepRetry, stepHandBack:
		l.due = now.Add(v.after)
		l.holding = v.waiting
		r.insist(ctx, "an item of a bulk job can't be handed back", func(ctx context.Context) error {
			return r.store.ReleaseItem(ctx, ref, Release{Waiting: v.waiting, NextAt: l.due, Tried: v.step == stepRetry})
		})
	case stepAbort:
		l.due = now
		r.finish(ctx, ref, Outcome{Code: v.code, At: now, NextAt: now})
		r.insist(ctx, "a bulk job can't be ended", func(ctx context.Context) error {
			return r.store.AbortJob(ctx, ref.Job, v.code, now)
		})
		r.discard(ref.Job)
	}
}

// submit makes a panic an error of its item.
func (r *Runner) submit(ctx context.Context, key engine.SessionKey, m engine.Outgoing) (sent engine.Submitted, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("sending an item of a bulk job panicked",
				zap.String("panic", engine.Redact(fmt.Sprint(p))), zap.ByteString("stack", debug.Stack()))
			err = engine.Errorf(engine.CodeInternal, "sending panicked")
		}
	}()
	return r.sender.Submit(ctx, key, m, engine.SendOptions{Resume: true})
}

func (r *Runner) finish(ctx context.Context, ref Ref, o Outcome) {
	var status Status
	r.insist(ctx, "the outcome of a bulk job's item can't be written down", func(ctx context.Context) (err error) {
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
	if w == WaitNone || l.holding == w {
		return
	}
	if err := r.store.HoldJob(ctx, l.key, w); err != nil {
		r.trouble.note(ctx, "a bulk job's wait can't be written down", err)
		return
	}
	l.holding = w
}

// abort ends every job of a line: its session is gone.
func (r *Runner) abort(ctx context.Context, l *line, code engine.Code) {
	ended, err := r.store.AbortJobs(ctx, l.key, code, r.o.Clock())
	if err != nil {
		r.trouble.note(ctx, "bulk jobs can't be ended", err)
		l.due = r.o.Clock().Add(lookAtStorage)
		return
	}
	if len(ended) > 0 {
		r.log.Info("bulk jobs ended because their session is gone", zap.Int("count", len(ended)), zap.String("code", string(code)))
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
