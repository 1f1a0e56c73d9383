package engine

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Queued is a message in a session's outbox: durable, and sent when the session
// can, in the order in which the messages came.
type Queued struct {
	Message   Outgoing
	ExpiresAt time.Time
	// Unsure tells that an earlier try may have gone through.
	Unsure bool
}

const (
	// outboxPoll is how often the store is asked for queued messages while there
	// are any. Whoever queues one says so at once; this is for what was missed.
	// Once per purgeEvery it is asked in any case.
	outboxPoll = time.Minute
	// purgeEvery is how often what has expired is deleted.
	purgeEvery = time.Hour
)

// postmaster looks after all outboxes: it reminds sessions of what waits for
// them, and ends what nobody could send in time. It has no work, and no timer but
// that of the purge, while nothing is queued.
type postmaster struct {
	mu   sync.Mutex
	due  time.Time     // when it looks next; zero for not before it is told to
	wake chan struct{} // holds one hint that due has moved
}

func newPostmaster() *postmaster { return &postmaster{wake: make(chan struct{}, 1)} }

// lookBy makes sure that the outboxes are looked at by the given time.
func (p *postmaster) lookBy(t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.due.IsZero() && !t.Before(p.due) {
		return
	}
	p.due = t
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// next returns when to look; lookBy may bring that forward at any time.
func (p *postmaster) next() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.due
}

// reset forgets the last appointment, before a look.
func (p *postmaster) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.due = time.Time{}
}

// mindOutboxes is the postmaster's goroutine. It begins with a look.
func (e *Engine) mindOutboxes(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	purge := e.now()
	for ctx.Err() == nil {
		now := e.now()
		if !now.Before(purge) {
			purge = now.Add(purgeEvery)
			e.postmaster.lookBy(now)
			if err := e.store.PurgeExpired(ctx); err != nil && ctx.Err() == nil {
				e.log.Error("what has expired was not deleted", zap.Error(err))
			}
		}
		if due := e.postmaster.next(); !due.IsZero() && !now.Before(due) {
			e.postmaster.reset()
			e.lookAtOutboxes(ctx)
		}
		wait := purge
		if due := e.postmaster.next(); !due.IsZero() && due.Before(wait) {
			wait = due
		}
		timer.Reset(max(0, wait.Sub(e.now())))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-e.postmaster.wake:
		}
	}
}

// lookAtOutboxes ends what has expired and reminds the sessions of the rest.
func (e *Engine) lookAtOutboxes(ctx context.Context) {
	poll := e.now().Add(outboxPoll)
	files, err := e.store.ExpireQueued(ctx)
	e.removeSpooled(files)
	var sessions []SessionKey
	var next time.Time
	if err == nil {
		sessions, next, err = e.store.ListOutboxes(ctx)
	}
	if err != nil {
		if ctx.Err() == nil {
			e.log.Error("outboxes not read, trying again", zap.Error(err))
		}
		e.postmaster.lookBy(poll)
		return
	}
	if len(sessions) == 0 {
		return
	}
	if next.Before(e.now()) || next.After(poll) { // what is being sent expires when that is over
		next = poll
	}
	e.postmaster.lookBy(next)
	for _, key := range sessions {
		if w, err := e.find(key); err == nil {
			w.remind()
		}
	}
}

// removeSpooled deletes the files of messages that have left an outbox.
func (e *Engine) removeSpooled(files []string) {
	for _, path := range files {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			e.log.Warn("a spool file was not removed", zap.Error(err))
		}
	}
}

// enqueued tells that a message of this session was put into the outbox.
func (w *worker) enqueued(expires time.Time) {
	w.engine.postmaster.lookBy(expires)
	w.remind()
}

// remind tells the worker that its outbox may hold something.
func (w *worker) remind() {
	w.reminders.Add(1)
	w.box.post(reminder{})
}

// tend empties the outbox if the session can send and was reminded of it since it
// was last found empty. It is called by the worker's goroutine.
func (w *worker) tend(ctx context.Context) {
	if w.round != nil || w.reminders.Load() == w.heeded || w.view.Load().conn == nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	w.round = &operation{cancel: cancel}
	go func() {
		end := roundOver{}
		defer func() {
			if p := recover(); p != nil {
				w.notePanic("sending from the outbox panicked", p)
				_ = w.rest(ctx, time.Second) // before it is tried again; how that ends does not matter
			}
			cancel()
			w.box.post(end)
		}()
		end = w.makeRound(ctx)
	}()
}

// noteRound takes the end of a round.
func (w *worker) noteRound(end roundOver) {
	w.round = nil
	if end.heeded > 0 {
		w.heeded = end.heeded
	}
}
