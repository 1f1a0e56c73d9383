package bulk

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"wapid/engine"
)

// A first message to somebody takes four round trips: two of them ask who that is, and
// can be asked for many at once, ahead of their turn. That is done right before the
// first send of a job, and then in the pauses behind the sends. It is a help and nothing
// else: whatever goes wrong with it, sending asks by itself.

// aheadTime bounds how long before their turn recipients are looked up: what is known
// of their devices grows old.
const aheadTime = 5 * time.Minute

// How long nothing is looked up ahead.
const (
	aheadPatience = 10 * time.Second // that the network has for its answers
	aheadRest     = 30 * time.Second // after a failure, or when nothing is left
	aheadNever    = time.Hour        // where the operator or the network does not have it
)

// ahead is how far the recipients of a line's job have been looked up. Its line owns it.
type ahead struct {
	job   JobID
	since time.Time // of the session's state: another one has another connection, which knows none of it
	next  int       // the items before it have been seen to
	quiet time.Time // the job has nobody to look up before
	rest  time.Time // nothing is asked before, for any job

	// Of a job that several sessions send, each looks up a part of its own, and claims
	// from that first.
	shared bool
	from   int // where the part begins
}

// parts says how far the parts of jobs reach that are looked up ahead. What is forgotten
// costs questions, not messages. The zero value knows none.
type parts struct {
	mu   sync.Mutex
	next map[JobID]int
}

// take gives out the next n items of a job that lie at or behind from.
func (p *parts) take(id JobID, from, n int) (start int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == nil {
		p.next = make(map[JobID]int)
	}
	start = max(from, p.next[id])
	p.next[id] = start + n
	return start
}

// forget lets the parts of a job begin at its first item again: one may have been left
// behind, or the job is over.
func (p *parts) forget(id JobID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.next, id)
}

// aheadOf is how many recipients are looked up ahead at a job's pace: those of
// aheadTime, and LookAhead at most.
func (j Job) aheadOf() int {
	spacing := (j.DelayMin + j.DelayMax) / 2
	if j.MaxPerHour > 0 {
		spacing = max(spacing, time.Hour/time.Duration(j.MaxPerHour))
	}
	if spacing <= aheadTime/LookAhead {
		return LookAhead
	}
	return int(aheadTime / spacing)
}

// lookAheadFirst looks up the recipient of an item that is about to be sent, and those
// behind it, if that was not done. It takes no longer than the questions that the send
// is spared.
func (r *Runner) lookAheadFirst(ctx context.Context, l *line, c Claim, since time.Time) {
	a := &l.ahead
	if a.job != c.Job.ID || !a.since.Equal(since) {
		r.parts.forget(a.job)
		*a = ahead{job: c.Job.ID, since: since, rest: a.rest}
	}
	if c.Item.Index >= a.next {
		a.next = c.Item.Index + 1
		r.lookAhead(ctx, l, c, []Item{c.Item})
	}
}

// aheadDue tells whether half of those who were looked up have had their turn, or all of
// a part, and the next may be looked up.
func (r *Runner) aheadDue(l *line, c Claim, now time.Time) bool {
	a, size := &l.ahead, c.Job.aheadOf()
	left := size / 2
	if a.shared {
		left = 0
	}
	return size > 1 && a.next-c.Item.Index-1 <= left && !isAhead(a.quiet, now) && !isAhead(a.rest, now)
}

// lookAheadNext uses the pause behind a send to look up who comes next.
func (r *Runner) lookAheadNext(ctx context.Context, l *line, c Claim) {
	if a := &l.ahead; ctx.Err() == nil && r.aheadDue(l, c, r.o.Clock()) {
		a.next = max(a.next, c.Item.Index+1)
		r.lookAhead(ctx, l, c, nil)
	}
}

// lookAhead looks up as many recipients of a line's job as are wanted, the given ones first.
func (r *Runner) lookAhead(ctx context.Context, l *line, c Claim, items []Item) {
	a, now, size := &l.ahead, r.o.Clock(), c.Job.aheadOf()
	want := size - (a.next - c.Item.Index - 1) - len(items)
	if size < 2 || want < 1 || isAhead(a.quiet, now) || isAhead(a.rest, now) { // for one alone it spares nothing
		return
	}
	start := r.parts.take(c.Job.ID, a.next, want)
	coming, sessions, err := r.store.ListComing(ctx, c.Job.ID, start, want)
	if err != nil {
		r.stopAhead(l, err)
		return
	}
	end := a.next
	for _, it := range coming {
		if it.Index < start+want {
			items, end = append(items, it), it.Index+1
		}
	}
	if end == a.next {
		a.quiet = now.Add(aheadRest)
	}
	if len(items) == 0 {
		return
	}
	absent, err := r.ask(ctx, l.key, items)
	if err != nil {
		r.stopAhead(l, err)
		return
	}
	if a.next, a.shared = end, sessions > 1; a.shared {
		a.from = start
	}
	r.failAbsent(ctx, c, items, absent)
}

// isAhead tells whether a time is still to come. One far off was set before the clock
// went back.
func isAhead(t, now time.Time) bool { return t.After(now) && !t.After(now.Add(longestAsked)) }

// stopAhead lets a line ask nothing ahead for a while.
func (r *Runner) stopAhead(l *line, err error) {
	code, wait := engine.CodeOf(err), aheadRest
	switch code {
	case engine.CodeRateLimited:
		wait = patienceOf(err)
	case engine.CodeNotSupported:
		wait = aheadNever
	}
	r.parts.forget(l.ahead.job)
	l.ahead.rest, l.ahead.from = r.o.Clock().Add(wait), 0
	r.log.Debug("recipients could not be looked up ahead", zap.String("code", string(code)))
}

// ask has the engine look up recipients. A panic is an error like others: the item that
// was claimed goes out all the same.
func (r *Runner) ask(ctx context.Context, key engine.SessionKey, items []Item) (absent []engine.JID, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("looking up recipients panicked", zap.String("panic", engine.Redact(fmt.Sprint(p))), zap.ByteString("stack", debug.Stack()))
			err = engine.Errorf(engine.CodeInternal, "looking up recipients panicked")
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, aheadPatience)
	defer cancel()
	to := make([]engine.JID, len(items))
	for i, it := range items {
		to[i] = it.To
	}
	return r.sender.Prepare(ctx, key, to)
}

// failAbsent ends the items of those who have no account. One that was claimed is left
// to its send, which knows whether an earlier try of it went through.
func (r *Runner) failAbsent(ctx context.Context, c Claim, items []Item, absent []engine.JID) {
	var results []Checked
	for _, it := range items {
		if it.Index != c.Item.Index && slices.Contains(absent, it.To) {
			results = append(results, Checked{Index: it.Index, Absent: true})
		}
	}
	if len(results) == 0 {
		return
	}
	status, err := r.store.MarkChecked(ctx, c.Job.ID, results, r.o.Clock())
	if err != nil { // their sends find out again
		r.log.Debug("absent recipients could not be written down", zap.String("code", string(engine.CodeOf(err))))
		return
	}
	if status.Ended() {
		r.discard(c.Job.ID)
	}
}
