package bulk

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"wapid/engine"
)

// Sender is what the runner needs of the engine.
type Sender interface {
	// Snapshot returns a session's condition, or CodeSessionNotFound.
	Snapshot(key engine.SessionKey) (engine.Snapshot, error)
	// Submit sends a message; see engine.Engine.
	Submit(ctx context.Context, key engine.SessionKey, m engine.Outgoing, o engine.SendOptions) (engine.Submitted, error)
	// Check tells which phone numbers have an account; see engine.Engine.
	Check(ctx context.Context, key engine.SessionKey, phones []string) ([]engine.Registration, error)
	// Prepare looks up recipients ahead of messages to them, at most engine.MaxPrepare,
	// and returns those who have no account; see engine.Engine.
	Prepare(ctx context.Context, key engine.SessionKey, to []engine.JID) (absent []engine.JID, err error)
}

// Options of a runner. The zero value but for Dir is what the daemon uses.
type Options struct {
	Dir   string        // of the jobs' files; the runner alone uses it. Empty if jobs have none
	Poll  time.Duration // longest time between two looks at the store; 0 means 5 s
	Grace time.Duration // how long sends under way may go on once Run is to end; 0 means 15 s
	Clock func() time.Time
	// Follow gives what is sent for a job the context of its request; nil for none.
	Follow func(ctx context.Context, tenant engine.TenantID, id JobID) context.Context
}

func (o Options) withDefaults() Options {
	if o.Poll <= 0 {
		o.Poll = 5 * time.Second
	}
	if o.Grace <= 0 {
		o.Grace = 15 * time.Second
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return o
}

// Runner works off the jobs of all sessions: those of one session one after the
// other, those of different sessions together. A session whose time has not come
// costs an entry in a table; only a send under way has a goroutine.
type Runner struct {
	store   Store
	sender  Sender
	log     *zap.Logger
	o       Options
	trouble trouble
	lookups lookups
	parts   parts
	started chan struct{} // closed once RecoverJobs has gone through

	mu    sync.Mutex // guards fresh
	fresh []hint
	wake  chan struct{} // hints at fresh
}

// NewRunner makes a runner; nothing happens before Run. log may be nil.
func NewRunner(store Store, sender Sender, log *zap.Logger, o Options) *Runner {
	if log == nil {
		log = zap.NewNop()
	}
	return &Runner{
		store: store, sender: sender, log: log, o: o.withDefaults(),
		trouble: trouble{log: log},
		started: make(chan struct{}), wake: make(chan struct{}, 1),
	}
}

// Started is closed when what the last process left has been taken up: from then
// on jobs may be inserted.
func (r *Runner) Started() <-chan struct{} { return r.started }

// hint says that a line has something to do, or that one of its jobs has changed.
type hint struct {
	key     engine.SessionKey
	changed bool
}

// Nudge hints that a session has a job to do. It never blocks.
func (r *Runner) Nudge(key engine.SessionKey) { r.hint(hint{key: key}) }

// hintAll hints at all sessions of a job. It never blocks.
func (r *Runner) hintAll(j Job, changed bool) {
	hints := make([]hint, len(j.Members))
	for i, m := range j.Members {
		hints[i] = hint{engine.SessionKey{Tenant: j.Session.Tenant, ID: m.Session}, changed}
	}
	r.hint(hints...)
}

func (r *Runner) hint(h ...hint) {
	r.mu.Lock()
	r.fresh = append(r.fresh, h...)
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *Runner) nudged() []hint {
	r.mu.Lock()
	defer r.mu.Unlock()
	hints := r.fresh
	r.fresh = nil
	return hints
}

// Run sends until ctx ends, and returns nil when everything that it started has
// stopped. Once ctx ends nothing more is claimed; sends under way have
// Options.Grace to end, the rest are cut off and handed back. A failing store is
// logged and tried again. Run is called once, while the engine runs.
func (r *Runner) Run(ctx context.Context) error {
	// Sends outlive ctx by the grace period: stopping is not failing.
	sending, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	if !r.recover(ctx) {
		return nil
	}
	close(r.started)
	t := &timetable{runner: r, ctx: ctx, sending: sending, lines: make(map[engine.SessionKey]*line), back: make(chan *line)}
	t.run()
	t.drain(cut)
	return nil
}

// recover takes up what the last process left. It is false if ctx ended first.
func (r *Runner) recover(ctx context.Context) bool {
	for ctx.Err() == nil {
		n, err := r.store.RecoverJobs(ctx, r.o.Clock())
		if err == nil {
			r.sweep(ctx)
			if n > 0 {
				r.log.Info("sends of bulk jobs were interrupted and go out again under the same ids", zap.Int("count", n))
			}
			return true
		}
		r.trouble.note(ctx, "bulk jobs can't be taken up yet", err)
		sleep(ctx, lookAtStorage)
	}
	return false
}

// trouble tells the log of a failing store once until it works again.
type trouble struct {
	log *zap.Logger
	mu  sync.Mutex
	on  bool
}

func (t *trouble) note(ctx context.Context, what string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.on && ctx.Err() == nil {
		t.log.Error(what, zap.Error(err))
	}
	t.on = true
}

func (t *trouble) over() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.on = false
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
