package bulk

import (
	"container/heap"
	"context"
	"time"

	"wapid/engine"
)

// line is one session's jobs. While it is out, the goroutine of its send has it;
// else the timetable.
type line struct {
	key   engine.SessionKey
	due   time.Time // when it is looked at
	place int       // in the heap; -1 while out
	ended bool      // it came back without a job to do

	next   time.Time // nothing is claimed before
	pacing bool      // next is the pause behind a send
	known  Job       // the job that was claimed from last, with its message
	// holding is what the store says of why the session waits.
	holding Wait
	ahead   ahead
	again   bool // somebody nudged while it was out
	changed bool // one of its jobs has changed while it was out
}

// look is how the line looks for something to send.
func (l *line) look(madeAt, now time.Time) Look {
	look := Look{Session: l.key, MadeAt: madeAt, Known: l.known.ID, Now: now}
	if l.ahead.shared && l.ahead.job == l.known.ID {
		look.From = l.ahead.from
	}
	return look
}

// rest has the line looked at again at a time. Until then only its session is.
func (l *line) rest(next time.Time, pacing bool) { l.due, l.next, l.pacing = next, next, pacing }

// timetable knows when each line is due. One goroutine, that of Run, owns it.
type timetable struct {
	runner       *Runner
	ctx, sending context.Context
	lines        map[engine.SessionKey]*line
	waiting      lineHeap
	out          int        // lines that are out
	back         chan *line // they come back
}

func (t *timetable) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var looked time.Time
	for t.ctx.Err() == nil {
		now := t.runner.o.Clock()
		if looked.IsZero() || now.Sub(looked) >= t.runner.o.Poll || now.Before(looked) {
			t.look(now)
			looked = now
		}
		t.dispatch(now)
		wait := t.runner.o.Poll - now.Sub(looked)
		if len(t.waiting) > 0 {
			wait = min(wait, t.waiting[0].due.Sub(now))
		}
		timer.Reset(max(wait, 0))
		select {
		case <-t.ctx.Done():
		case <-timer.C:
		case l := <-t.back:
			t.takeBack(l)
		case <-t.runner.wake:
			for _, h := range t.runner.nudged() {
				t.add(h)
			}
		}
	}
}

// look asks the store for lines that nobody has told of: the poll is the truth.
func (t *timetable) look(now time.Time) {
	found, err := t.runner.store.ListLines(t.ctx)
	if err != nil {
		t.runner.trouble.note(t.ctx, "bulk jobs can't be listed", err)
		return
	}
	t.runner.trouble.over()
	for _, f := range found {
		if t.lines[f.Session] == nil {
			t.add(hint{key: f.Session})
		}
	}
}

// add makes sure that a line is looked at. One that is only pausing between two
// sends is left alone, unless one of its jobs has changed: that may have been the
// one that the pause was for.
func (t *timetable) add(h hint) {
	now := t.runner.o.Clock()
	l := t.lines[h.key]
	switch {
	case l == nil:
		l = &line{key: h.key, due: now}
		t.lines[h.key] = l
		heap.Push(&t.waiting, l)
	case l.place < 0:
		l.again = true
		l.changed = l.changed || h.changed
	case h.changed || !l.pacing:
		l.rest(now, false)
		heap.Fix(&t.waiting, l.place)
	}
}

// dispatch sends out every line that is due.
func (t *timetable) dispatch(now time.Time) {
	for len(t.waiting) > 0 && !t.waiting[0].due.After(now) {
		l, _ := heap.Pop(&t.waiting).(*line)
		l.place = -1
		t.out++
		go func() {
			t.runner.work(t.ctx, t.sending, l)
			t.back <- l
		}()
	}
}

// takeBack puts a line that was out back into its place. However long it pauses, its
// session is looked at before: it may be gone meanwhile.
func (t *timetable) takeBack(l *line) {
	t.out--
	now := t.runner.o.Clock()
	again, changed := l.again, l.changed
	l.again, l.changed = false, false
	switch {
	case changed, again && (l.ended || !l.pacing):
		l.rest(now, false)
	case l.ended:
		delete(t.lines, l.key)
		return
	}
	if latest := now.Add(lookAtLine); l.due.After(latest) {
		l.due = latest
	}
	heap.Push(&t.waiting, l)
}

// drain waits for the sends under way: first patiently, then after cutting them off.
func (t *timetable) drain(cut context.CancelFunc) {
	patience := time.NewTimer(t.runner.o.Grace)
	defer patience.Stop()
	for t.out > 0 {
		select {
		case <-t.back:
			t.out--
		case <-patience.C:
			cut()
		}
	}
}

// lineHeap is ordered by when the lines are due.
type lineHeap []*line

func (h lineHeap) Len() int           { return len(h) }
func (h lineHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h lineHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

// Push implements heap.Interface.
func (h *lineHeap) Push(x any) {
	l, _ := x.(*line)
	l.place = len(*h)
	*h = append(*h, l)
}

// Pop implements heap.Interface.
func (h *lineHeap) Pop() any {
	last := (*h)[len(*h)-1]
	(*h)[len(*h)-1] = nil
	*h = (*h)[:len(*h)-1]
	return last
}
