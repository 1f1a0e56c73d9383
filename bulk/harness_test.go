package bulk

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"wapid/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sends is one message that the scripted engine was asked to send.
type sends struct {
	at      time.Time
	session engine.SessionID
	m       engine.Outgoing
}

// preparation is one question for recipients ahead of their turn.
type preparation struct {
	at      time.Time
	session engine.SessionID
	to      []engine.JID
}

// scripted is an engine whose sessions and answers a test sets.
type scripted struct {
	mu      sync.Mutex
	status  map[engine.SessionKey]engine.State // missing: no such session
	touched map[engine.SessionKey]time.Time    // when a session's state was last changed
	answer  func(n int, m engine.Outgoing) error
	took    time.Duration // of each send
	log     []sends
	active  int
	most    int // sends under way at once

	check  func(phones []string) ([]engine.Registration, error) // nil: everybody is there
	checks int                                                  // numbers that were looked up

	prepare  func(to []engine.JID) ([]engine.JID, error) // nil: everybody is there
	prepared []preparation
}

// Check implements Sender.
func (s *scripted) Check(_ context.Context, _ engine.SessionKey, phones []string) ([]engine.Registration, error) {
	if s.check != nil {
		found, err := s.check(phones)
		s.count(err, len(phones))
		return found, err
	}
	s.count(nil, len(phones))
	return registered(phones), nil
}

// Prepare implements Sender.
func (s *scripted) Prepare(_ context.Context, key engine.SessionKey, to []engine.JID) ([]engine.JID, error) {
	s.mu.Lock()
	s.prepared = append(s.prepared, preparation{time.Now(), key.ID, to})
	prepare := s.prepare
	s.mu.Unlock()
	if prepare == nil {
		return nil, nil
	}
	return prepare(to)
}

func (s *scripted) preparations() []preparation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.prepared)
}

func (s *scripted) count(err error, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.checks += n
	}
}

func (s *scripted) Snapshot(key engine.SessionKey) (engine.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state, ok := s.status[key]
	if !ok {
		return engine.Snapshot{}, engine.Errorf(engine.CodeSessionNotFound, "no session with this id")
	}
	return engine.Snapshot{Session: engine.Session{Key: key, State: state, UpdatedAt: s.touched[key]}}, nil
}

func (s *scripted) Submit(ctx context.Context, key engine.SessionKey, m engine.Outgoing, o engine.SendOptions) (engine.Submitted, error) {
	s.mu.Lock()
	s.log = append(s.log, sends{time.Now(), key.ID, m})
	n, answer := len(s.log), s.answer
	s.active++
	s.most = max(s.most, s.active)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.active--
		s.mu.Unlock()
	}()
	if !o.Resume || o.Claim != nil || o.Queue {
		return engine.Submitted{}, engine.Errorf(engine.CodeInternal, "an item must be resumable")
	}
	if s.took > 0 {
		timer := time.NewTimer(s.took)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return engine.Submitted{}, engine.WrapError(engine.CodeSendOutcomeUnknown, ctx.Err(), "cut off")
		}
	}
	if answer != nil {
		if err := answer(n, m); err != nil {
			return engine.Submitted{}, err
		}
	}
	return engine.Submitted{Sent: engine.Sent{ID: m.ID, Timestamp: time.Unix(1708243200, 0)}}, nil
}

func (s *scripted) sent() []sends {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

func (s *scripted) set(id engine.SessionID, status engine.Status, reason engine.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status[key(id)] = engine.State{Status: status, Reason: reason}
}

// touch has a session come back.
func (s *scripted) touch(id engine.SessionID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.touched = map[engine.SessionKey]time.Time{key(id): time.Now()}
}

func (s *scripted) remove(id engine.SessionID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.status, key(id))
}

func key(id engine.SessionID) engine.SessionKey { return engine.SessionKey{Tenant: "t", ID: id} }

// world is a runner in a bubble of its own time.
type world struct {
	t       *testing.T
	store   *memory
	engine  *scripted
	runner  *Runner
	service *Service
	stop    func()
}

func newWorld(t *testing.T, dir string) *world {
	w := &world{t: t, store: &memory{}, engine: &scripted{status: map[engine.SessionKey]engine.State{}}}
	w.engine.set("main", engine.StatusReady, "")
	w.runner = NewRunner(w.store, w.engine, nil, Options{Dir: dir})
	ids := 0
	w.service = NewService(w.store, w.runner, func() engine.MessageID {
		ids++
		return engine.MessageID(fmt.Sprintf("ID%d", ids))
	})
	return w
}

func (w *world) run() {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- w.runner.Run(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	}
}

// order makes a job of n recipients with equal delays.
func (w *world) order(session engine.SessionID, n int, delay time.Duration) JobID {
	w.t.Helper()
	return w.orderAs(n, Order{DelayMin: delay, DelayMax: delay, Sessions: []Over{{Session: session}}})
}

// orderAs makes a job of n recipients.
func (w *world) orderAs(n int, o Order) JobID {
	w.t.Helper()
	list := make([]Recipient, n)
	for i := range list {
		list[i].Phone = fmt.Sprintf("4915112345%03d", i)
	}
	o.Tenant, o.Message = "t", engine.Outgoing{Kind: engine.KindText, Text: "Hi {{phone}}"}
	o.Items = MakePlan(list, "Hi {{phone}}", unfit).Items
	j, err := w.service.Start(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return j.ID
}

func (w *world) wants(id JobID, status Status, succeeded, failed int) {
	w.t.Helper()
	if j := w.store.job(id); j.Status != status || j.Succeeded != succeeded || j.Failed != failed {
		w.t.Errorf("the job is %s (%s) with %d and %d, want %s with %d and %d", j.Status, j.Holdup(time.Now()).Reason, j.Succeeded, j.Failed, status, succeeded, failed)
	}
}

// waits says why a job does not go on.
func (w *world) waits(id JobID) Wait { return w.store.job(id).Holdup(time.Now()).Reason }

func bubble(t *testing.T, fn func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "")
		w.run()
		fn(w)
		w.stop()
	})
}

// pass lets time go by in a bubble, until everything that it brings is done.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
