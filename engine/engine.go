package engine

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Config is what an Engine is made of. Network and Store are required.
type Config struct {
	Network Network
	Store   Store
	Log     *zap.Logger
	// Nudge is called after events were committed: there may be deliveries to
	// make. It must not block.
	Nudge func()
	// Now is the clock; nil means time.Now.
	Now     func() time.Time
	Backoff Backoff
	// ConnectLimit is how many sessions may be connecting at a time, at start
	// above all; 0 means DefaultConnectAtOnce. ConnectRate is how many may begin to
	// in a second; 0 means as many as the limit lets through.
	ConnectLimit, ConnectRate int
	// SendTimeout bounds one send with all its waiting; 0 means 90 s.
	SendTimeout time.Duration
	// CheckRate is how many phone numbers a minute a session may ask the network
	// for; 0 means DefaultCheckRate.
	CheckRate int
	// PrepareRate is how many recipients a minute a session may ask for ahead of
	// messages to them, after MaxPrepare at once; 0 means that it asks nothing ahead.
	PrepareRate int
	// Watch is told what happens; the zero value is for nobody.
	Watch Watch
	// Tracer follows messages; nil for nobody.
	Tracer Tracer
}

// Engine is the registry of all sessions. Its methods are safe for concurrent use.
type Engine struct {
	network      Network
	store        Store
	log          *zap.Logger
	nudge        func()
	now          func() time.Time
	backoff      Backoff
	sendTimeout  time.Duration
	gate         *gate
	numbers      *numbers
	preparations *preparations
	postmaster   *postmaster
	flights      flights
	shares       shares
	panics       atomic.Int64
	watch        Watch
	tracer       Tracer // nil for nobody

	creating [64]sync.Mutex // keeps two creations of one session apart; indexed by a hash of its key
	seed     maphash.Seed
	moving   sync.Mutex // one import at a time

	started  chan struct{} // closed when Run has read the sessions
	mu       sync.RWMutex
	ctx      context.Context // of Run; nil before it and after it
	sessions map[SessionKey]*worker
	running  sync.WaitGroup
}

// New makes an Engine; nothing happens before Run.
func New(c Config) *Engine {
	e := &Engine{
		network: c.Network, store: c.Store, log: c.Log, nudge: c.Nudge, now: c.Now,
		backoff: c.Backoff, sendTimeout: c.SendTimeout,
		postmaster: newPostmaster(), watch: c.Watch, tracer: c.Tracer,
		seed: maphash.MakeSeed(), sessions: make(map[SessionKey]*worker),
		started: make(chan struct{}),
	}
	if e.log == nil {
		e.log = zap.NewNop()
	}
	if e.nudge == nil {
		e.nudge = func() {}
	}
	if e.now == nil {
		e.now = time.Now
	}
	if e.sendTimeout <= 0 {
		e.sendTimeout = 90 * time.Second
	}
	e.gate = newGate(c.ConnectLimit, c.ConnectRate)
	e.numbers = newNumbers(c.CheckRate)
	e.preparations = newPreparations(c.PrepareRate)
	return e
}

// Run reads all sessions, oldest first, connects those that should be connected
// and looks after them until ctx ends. It returns when every connection is closed.
func (e *Engine) Run(ctx context.Context) error {
	if err := e.store.InterruptMessages(ctx); err != nil {
		return err
	}
	sessions, err := e.store.ListAllSessions(ctx)
	if err != nil {
		return err
	}
	e.mu.Lock()
	e.ctx = ctx
	for _, s := range sessions {
		w := newWorker(e, s)
		if s.Unreadable {
			w.box.post(report{in: optionsLost{}}) // the first that it hears
		}
		if act, _ := w.machine.next(e.now()); act == actConnect {
			w.turn = e.gate.queue()
		}
		e.launch(w)
	}
	e.mu.Unlock()
	e.running.Go(func() { e.mindOutboxes(ctx) })
	close(e.started)
	e.log.Info("sessions restored", zap.Int("count", len(sessions)))
	<-ctx.Done()
	e.mu.Lock()
	e.ctx = nil
	e.mu.Unlock()
	e.running.Wait()
	return nil
}

// launch starts a worker's goroutine. The caller holds mu, and Run is running.
func (e *Engine) launch(w *worker) {
	e.sessions[w.key] = w
	ctx := e.ctx
	e.running.Go(func() { w.run(ctx) })
}

// forget takes a removed session out of the registry.
func (e *Engine) forget(w *worker) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sessions[w.key] == w {
		delete(e.sessions, w.key)
	}
}

// Create makes a session and starts pairing it. One that exists is started
// again if it is not running, and gets what change says. It returns
// CodeInvalid for options that don't go together,
// CodeStopping before Run has read the sessions and after it has ended, and
// CodeSessionBusy while a session of that key is being removed.
func (e *Engine) Create(ctx context.Context, key SessionKey, change SessionChange) (snap Snapshot, isNew bool, err error) {
	w, isNew, err := e.findOrInsert(ctx, key, change)
	if err != nil {
		return Snapshot{}, false, err
	}
	v := w.view.Load()
	if !isNew {
		v, err = startAgain(ctx, w, change)
	}
	if CodeOf(err) == CodeSessionNotFound { // it was removed at this very moment
		err = errBeingRemoved()
	}
	if err != nil {
		return Snapshot{}, false, err
	}
	return v.snapshot(e.now()), isNew, nil
}

func startAgain(ctx context.Context, w *worker, change SessionChange) (*view, error) {
	if change != (SessionChange{}) {
		if _, err := w.ask(ctx, askConfigure{change}); err != nil {
			return nil, err
		}
	}
	return w.ask(ctx, askStart{})
}

func (e *Engine) findOrInsert(ctx context.Context, key SessionKey, change SessionChange) (w *worker, isNew bool, err error) {
	stripe := e.stripe(key)
	stripe.Lock()
	defer stripe.Unlock()
	e.mu.RLock()
	w, running := e.sessions[key], e.ctx != nil
	e.mu.RUnlock()
	switch {
	case !running:
		return nil, false, Errorf(CodeStopping, "the daemon is starting or stopping")
	case w != nil:
		return w, false, nil
	}
	name, options := change.apply("", SessionOptions{})
	if err := options.check(); err != nil {
		return nil, false, err
	}
	now := e.now()
	s := Session{
		Key: key, Name: name, Options: options, CreatedAt: now, UpdatedAt: now,
		State: State{Status: StatusInitializing, Intent: IntentRun},
	}
	w, err = e.insert(ctx, s)
	return w, err == nil, err
}

// stripe is the lock that whoever creates a session of that key holds.
func (e *Engine) stripe(key SessionKey) *sync.Mutex {
	return &e.creating[maphash.Comparable(e.seed, key)%uint64(len(e.creating))]
}

// insert writes a new session down and starts its worker. It returns the errors of
// Store.InsertSession, and CodeStopping.
func (e *Engine) insert(ctx context.Context, s Session) (*worker, error) {
	if err := e.store.InsertSession(ctx, s); err != nil {
		return nil, err
	}
	w := newWorker(e, s)
	e.mu.Lock()
	stopping := e.ctx == nil
	if !stopping {
		e.launch(w)
	}
	e.mu.Unlock()
	if stopping {
		return nil, errors.Join(errStopping(), e.store.DeleteSession(context.WithoutCancel(ctx), s.Key))
	}
	return w, nil
}

// find returns a session's worker, or CodeSessionNotFound. A session that is
// being removed counts as gone.
func (e *Engine) find(key SessionKey) (*worker, error) {
	e.mu.RLock()
	w := e.sessions[key]
	e.mu.RUnlock()
	if w == nil || w.view.Load().gone() {
		return nil, errNoSession()
	}
	return w, nil
}

// Snapshot returns a session's condition, or CodeSessionNotFound.
func (e *Engine) Snapshot(key SessionKey) (Snapshot, error) {
	w, err := e.find(key)
	if err != nil {
		return Snapshot{}, err
	}
	return w.view.Load().snapshot(e.now()), nil
}

// List returns a tenant's sessions, oldest first.
func (e *Engine) List(tenant TenantID) []Snapshot {
	list := []Snapshot{}
	now := e.now()
	e.mu.RLock()
	for key, w := range e.sessions {
		if v := w.view.Load(); key.Tenant == tenant && !v.gone() {
			list = append(list, v.snapshot(now))
		}
	}
	e.mu.RUnlock()
	slices.SortFunc(list, func(a, b Snapshot) int {
		if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(string(a.Key.ID), string(b.Key.ID))
	})
	return list
}

// Await returns a session's condition as soon as until holds for it, now or
// later, or the newest one when ctx ends. until may be called many times and
// must not block. It returns CodeSessionNotFound, also when the session is
// removed meanwhile, and CodeStopping with the last condition when the engine
// has stopped.
func (e *Engine) Await(ctx context.Context, key SessionKey, until func(Snapshot) bool) (Snapshot, error) {
	w, err := e.find(key)
	if err != nil {
		return Snapshot{}, err
	}
	for {
		v := w.view.Load()
		if v.gone() {
			return Snapshot{}, errNoSession()
		}
		s := v.snapshot(e.now())
		if until(s) {
			return s, nil
		}
		select {
		case <-v.changed:
			continue
		default:
		}
		select {
		case <-v.changed:
		case <-ctx.Done():
			return s, nil
		case <-w.done:
			return s, errStopping()
		}
	}
}

// Configure changes a session's label and options. Another proxy has its
// connection made again. It returns CodeInvalid for options that don't go
// together, and CodeSessionNotFound.
func (e *Engine) Configure(ctx context.Context, key SessionKey, change SessionChange) (Snapshot, error) {
	return e.askOf(ctx, key, askConfigure{change})
}

// Start starts a session again that is not running. It returns
// CodeSessionNotFound.
func (e *Engine) Start(ctx context.Context, key SessionKey) (Snapshot, error) {
	return e.askOf(ctx, key, askStart{})
}

// Restart closes a session's connection and makes it again; one that has none
// starts over, as Create does. It returns CodeSessionNotFound.
func (e *Engine) Restart(ctx context.Context, key SessionKey) (Snapshot, error) {
	return e.askOf(ctx, key, askRestart{})
}

// askOf asks a session for something and returns it as it is then.
func (e *Engine) askOf(ctx context.Context, key SessionKey, in input) (Snapshot, error) {
	w, err := e.find(key)
	if err != nil {
		return Snapshot{}, err
	}
	v, err := w.ask(ctx, in)
	if err != nil {
		return Snapshot{}, err
	}
	return v.snapshot(e.now()), nil
}

// Stop ends a session's connection and keeps it linked. It returns
// CodeSessionNotFound.
func (e *Engine) Stop(ctx context.Context, key SessionKey) (Snapshot, error) {
	return e.askOf(ctx, key, askStop{})
}

// Delete unlinks a session's device and forgets the session. unlinked tells
// whether no device is left at the account: the network has confirmed that, or
// there was none. If the network can't be reached within 10 s it is false, and
// the account still shows the device. The removal goes on when ctx ends before
// (CodeSessionBusy) and after a restart of the daemon (CodeStopping). It returns
// CodeSessionNotFound.
func (e *Engine) Delete(ctx context.Context, key SessionKey) (unlinked bool, err error) {
	w, err := e.find(key)
	if err != nil {
		return false, err
	}
	if _, err := w.ask(ctx, askDelete{}); err != nil {
		return false, err
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		return false, WrapError(CodeSessionBusy, ctx.Err(), "the session is still being removed")
	}
	if !w.removed {
		return false, Errorf(CodeStopping, "the daemon is stopping; the removal goes on after its next start")
	}
	return w.view.Load().unlinked, nil
}

// Counts returns how many sessions stand in each status.
func (e *Engine) Counts() map[Status]int {
	counts := make(map[Status]int)
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, w := range e.sessions {
		counts[w.view.Load().State.Status]++
	}
	return counts
}

// Started is closed when Run has read the sessions.
func (e *Engine) Started() <-chan struct{} { return e.started }

// Loaded tells whether all sessions were read at start and the engine runs.
func (e *Engine) Loaded() bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.ctx != nil
}

// Panics returns how many panics sessions have survived.
func (e *Engine) Panics() int64 { return e.panics.Load() }
