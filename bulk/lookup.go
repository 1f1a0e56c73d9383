package bulk

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"wapid/engine"
)

// LookAhead is how many items of a job that checks numbers are looked up at once,
// and at most how far ahead of the sends.
const LookAhead = 50

// LookUp are items of a job whose numbers are to be looked up. Only Index and To
// are set.
type LookUp struct {
	Job   JobID
	Items []Item
}

// Checked is what is known of an item's number.
type Checked struct {
	Index  int
	Absent bool          // nobody has it: the item fails, and nothing is sent
	Person engine.Person // whose it is, where that is known
}

// lookups keeps two sessions of one job from asking for the same numbers.
type lookups struct {
	mu   sync.Mutex
	jobs map[JobID]bool
}

func (u *lookups) enter(id JobID) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.jobs[id] {
		return false
	}
	if u.jobs == nil {
		u.jobs = make(map[JobID]bool)
	}
	u.jobs[id] = true
	return true
}

func (u *lookups) leave(id JobID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.jobs, id)
}

// lookUpFirst looks up the numbers that nothing can be sent without, and sets when
// the line goes on.
func (r *Runner) lookUpFirst(ctx context.Context, l *line, up LookUp) {
	now := r.o.Clock()
	if !r.lookups.enter(up.Job) { // another session of the job does
		l.rest(now.Add(lookAtQueue), false)
		return
	}
	defer r.lookups.leave(up.Job)
	err := r.lookUp(ctx, l.key, up)
	now = r.o.Clock()
	switch code := engine.CodeOf(err); {
	case err == nil:
		l.rest(now, false)
	case ctx.Err() != nil, code == engine.CodeSessionNotReady, code == engine.CodeSessionNotFound, code == engine.CodeStopping:
		l.rest(now.Add(lookAtSession), false)
	case code == engine.CodeStorage:
		r.trouble.note(ctx, "what is known of numbers can't be written down", err)
		l.rest(now.Add(lookAtStorage), false)
	case code == engine.CodeRateLimited:
		r.holdMember(ctx, l, up.Job, Waiting{WaitRate, now.Add(patienceOf(err))})
	default: // the network did not answer, or would not
		r.holdMember(ctx, l, up.Job, Waiting{WaitRate, now.Add(lookAtRate)})
	}
}

// holdMember writes down until when a job waits to look up numbers. The line goes on
// at once: other jobs of the session need not wait.
func (r *Runner) holdMember(ctx context.Context, l *line, id JobID, w Waiting) {
	if err := r.store.HoldMember(ctx, id, l.key.ID, w); err != nil {
		r.trouble.note(ctx, "a bulk job's wait can't be written down", err)
		l.rest(w.Until, false)
		return
	}
	l.rest(r.o.Clock(), false)
}

// lookUpAhead uses the pause behind a send to look up the numbers that come next. What
// goes wrong here goes wrong again when they are needed.
func (r *Runner) lookUpAhead(ctx context.Context, key engine.SessionKey, id JobID) {
	if ctx.Err() != nil || !r.lookups.enter(id) {
		return
	}
	defer r.lookups.leave(id)
	items, err := r.store.ListUnchecked(ctx, id)
	if err == nil && len(items) > 0 {
		err = r.lookUp(ctx, key, LookUp{id, items})
	}
	if err != nil {
		r.log.Debug("numbers could not be looked up ahead", zap.String("code", string(engine.CodeOf(err))))
	}
}

// lookUp asks for as many of the numbers as the session may ask for now, and writes
// down the answers. It returns the errors of engine.Check; a network that can't look
// up numbers lets all pass.
func (r *Runner) lookUp(ctx context.Context, key engine.SessionKey, up LookUp) error {
	items := up.Items
	var found []engine.Registration
	for {
		phones := make([]string, len(items))
		for i, it := range items {
			phones[i] = it.To.User()
		}
		var err error
		found, err = r.sender.Check(ctx, key, phones)
		switch code := engine.CodeOf(err); {
		case err == nil:
		case code == engine.CodeNotSupported:
			found = make([]engine.Registration, len(items))
			for i := range found {
				found[i].OnWhatsApp = true
			}
		case code == engine.CodeRateLimited && len(items) > 1:
			items = items[:len(items)/2]
			continue
		default:
			return err
		}
		break
	}
	results := make([]Checked, 0, len(items))
	for i, it := range items {
		results = append(results, Checked{Index: it.Index, Absent: !found[i].OnWhatsApp, Person: found[i].Person})
	}
	status, err := r.store.MarkChecked(ctx, up.Job, results, r.o.Clock())
	if err == nil && status.Ended() {
		r.discard(up.Job)
	}
	return err
}

// patienceOf is how long a refusal asks to wait.
func patienceOf(err error) time.Duration {
	if e, ok := errors.AsType[*engine.Error](err); ok && e.RetryAfter > 0 {
		return e.RetryAfter
	}
	return lookAtRate
}
