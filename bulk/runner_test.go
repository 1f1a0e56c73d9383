package bulk

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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

// scripted is an engine whose sessions and answers a test sets.
type scripted struct {
	mu     sync.Mutex
	status map[engine.SessionKey]engine.State // missing: no such session
	answer func(n int, m engine.Outgoing) error
	took   time.Duration // of each send
	log    []sends
	active int
	most   int // sends under way at once
}

func (s *scripted) Snapshot(key engine.SessionKey) (engine.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state, ok := s.status[key]
	if !ok {
		return engine.Snapshot{}, engine.Errorf(engine.CodeSessionNotFound, "no session with this id")
	}
	return engine.Snapshot{Session: engine.Session{Key: key, State: state}}, nil
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
	w.runner = NewRunner(w.store, w.engine, nil, Options{Dir: dir, Rand: func() float64 { return 0.5 }})
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
	list := make([]Recipient, n)
	for i := range list {
		list[i].Phone = fmt.Sprintf("4915112345%03d", i)
	}
	j, err := w.service.Start(w.t.Context(), Order{
		Session: key(session), Message: engine.Outgoing{Kind: engine.KindText, Text: "Hi {{phone}}"},
		DelayMin: delay, DelayMax: delay, Items: MakePlan(list, "Hi {{phone}}", fits).Items,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return j.ID
}

func (w *world) wants(id JobID, status Status, succeeded, failed int) {
	w.t.Helper()
	if j := w.store.job(id); j.Status != status || j.Succeeded != succeeded || j.Failed != failed {
		w.t.Errorf("the job is %s (%s) with %d and %d, want %s with %d and %d", j.Status, j.Waiting, j.Succeeded, j.Failed, status, succeeded, failed)
	}
}

func bubble(t *testing.T, fn func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "")
		w.run()
		fn(w)
		w.stop()
	})
}

func TestJobSendsPacedAndCompletes(t *testing.T) {
	bubble(t, func(w *world) {
		start := time.Now()
		id := w.order("main", 3, 4*time.Second)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		w.wants(id, StatusRunning, 2, 0)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		w.wants(id, StatusCompleted, 3, 0)
		for i, s := range w.engine.sent() {
			if got, want := s.at.Sub(start), time.Duration(i)*4*time.Second; got != want {
				t.Errorf("send %d after %v, want %v", i, got, want)
			}
			if want := "Hi " + s.m.To.User(); s.m.Text != want || s.m.ID == "" {
				t.Errorf("send %d is %+v", i, s.m)
			}
		}
	})
}

func TestJobsOfOneSessionRunOneAfterTheOther(t *testing.T) {
	bubble(t, func(w *world) {
		w.engine.set("other", engine.StatusReady, "")
		w.engine.took = time.Second
		first, second, other := w.order("main", 2, 0), w.order("main", 2, 0), w.order("other", 2, 0)
		time.Sleep(2500 * time.Millisecond)
		synctest.Wait()
		w.wants(first, StatusCompleted, 2, 0)
		w.wants(second, StatusRunning, 0, 0)
		w.wants(other, StatusCompleted, 2, 0)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		w.wants(second, StatusCompleted, 2, 0)
		if w.engine.most != 2 {
			t.Errorf("%d sends at once, want one a session", w.engine.most)
		}
	})
}

func TestFailedRecipientsFailAlone(t *testing.T) {
	bubble(t, func(w *world) {
		w.engine.answer = func(n int, m engine.Outgoing) error {
			if n == 2 {
				return engine.Errorf(engine.CodeNotOnWhatsApp, "absent")
			}
			return nil
		}
		id := w.order("main", 3, 0)
		synctest.Wait()
		w.wants(id, StatusCompleted, 2, 1)
		if it := w.store.items(id)[1]; it.State != ItemFailed || it.ErrorCode != engine.CodeNotOnWhatsApp {
			t.Errorf("the item is %+v", it)
		}
	})
}

func TestUnknownOutcomesAreTriedAgainUnderTheSameID(t *testing.T) {
	bubble(t, func(w *world) {
		w.engine.answer = func(n int, m engine.Outgoing) error {
			if m.To == "4915112345000@s.whatsapp.net" && n <= 2 || m.To == "4915112345001@s.whatsapp.net" {
				return engine.Errorf(engine.CodeSendOutcomeUnknown, "lost")
			}
			return nil
		}
		id := w.order("main", 3, 0)
		time.Sleep(time.Second)
		synctest.Wait()
		if j := w.store.job(id); j.Waiting != WaitRetry {
			t.Errorf("it waits for %q", j.Waiting)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		w.wants(id, StatusCompleted, 2, 1)
		if it := w.store.items(id)[1]; it.ErrorCode != engine.CodeSendOutcomeUnknown || it.Attempts != maxAttempts-1 {
			t.Errorf("the item is %+v", it)
		}
		tries := map[engine.MessageID]int{}
		for _, s := range w.engine.sent() {
			tries[s.m.ID]++
		}
		if len(tries) != 3 || tries["ID1"] != 3 || tries["ID2"] != maxAttempts {
			t.Errorf("tries are %v", tries)
		}
	})
}

func TestJobWaitsForItsSession(t *testing.T) {
	bubble(t, func(w *world) {
		w.engine.set("main", engine.StatusDisconnected, engine.ReasonNetwork)
		id := w.order("main", 2, 0)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		w.wants(id, StatusPending, 0, 0)
		if j := w.store.job(id); j.Waiting != WaitSession {
			t.Errorf("it waits for %q", j.Waiting)
		}
		if w.store.holds != 1 || len(w.engine.sent()) != 0 {
			t.Errorf("%d writes and %d sends while waiting", w.store.holds, len(w.engine.sent()))
		}
		w.engine.set("main", engine.StatusReady, "")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		w.wants(id, StatusCompleted, 2, 0)
		if j := w.store.job(id); j.Waiting != WaitNone {
			t.Errorf("it still waits for %q", j.Waiting)
		}
	})
}

// What comes back unsent costs no attempt, and goes out when its time has come.
func TestHandedBackItemsGoOutLater(t *testing.T) {
	for name, c := range map[string]struct {
		err     error
		waiting Wait
		after   time.Duration
	}{
		"limit":    {&engine.Error{Code: engine.CodeSentLimit, RetryAfter: 10 * time.Hour}, WaitLimit, time.Minute},
		"timelock": {&engine.Error{Code: engine.CodeReachoutTimelock, RetryAfter: time.Hour}, WaitTimelock, time.Hour},
		"rate":     {&engine.Error{Code: engine.CodeRateLimited, RetryAfter: 7 * time.Second}, WaitRate, 7 * time.Second},
		"dropped":  {engine.Errorf(engine.CodeSessionNotReady, "gone"), WaitSession, time.Second},
		"storage":  {engine.Errorf(engine.CodeStorage, "full"), WaitStorage, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				w.engine.answer = func(n int, _ engine.Outgoing) error {
					if n <= 7 {
						return c.err
					}
					return nil
				}
				start := time.Now()
				id := w.order("main", 1, 0)
				time.Sleep(time.Millisecond)
				synctest.Wait()
				if j := w.store.job(id); j.Waiting != c.waiting || j.Status != StatusRunning {
					t.Errorf("it is %s and waits for %q", j.Status, j.Waiting)
				}
				time.Sleep(8 * c.after)
				synctest.Wait()
				w.wants(id, StatusCompleted, 1, 0)
				all := w.engine.sent()
				if last := all[len(all)-1]; len(all) != 8 || last.at.Sub(start) != 7*c.after || last.m.ID != all[0].m.ID {
					t.Errorf("%d tries, the last after %v", len(all), last.at.Sub(start))
				}
				if it := w.store.items(id)[0]; it.Attempts != 0 {
					t.Errorf("it cost %d attempts", it.Attempts)
				}
			})
		})
	}
}

func TestJobsEndWithTheirSession(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*scripted)
		code engine.Code
	}{
		"removed":    {func(s *scripted) { s.remove("main") }, engine.CodeSessionNotFound},
		"logged out": {func(s *scripted) { s.set("main", engine.StatusDisconnected, engine.ReasonLoggedOut) }, engine.CodeSessionNotReady},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				first, second := w.order("main", 5, time.Second), w.order("main", 5, time.Second)
				time.Sleep(1500 * time.Millisecond)
				synctest.Wait()
				c.end(w.engine)
				time.Sleep(2 * time.Second)
				synctest.Wait()
				w.wants(first, StatusFailed, 2, 0)
				w.wants(second, StatusFailed, 0, 0)
				if j := w.store.job(first); j.ErrorCode != c.code || j.FinishedAt.IsZero() {
					t.Errorf("the job is %+v", j)
				}
			})
		})
	}
}

func TestJobsOfSuspendedTenantsWait(t *testing.T) {
	bubble(t, func(w *world) {
		w.engine.took = time.Second
		id := w.order("main", 2, time.Second)
		synctest.Wait()
		w.store.change(func() { w.store.jobs[0].suspended = true })
		time.Sleep(time.Minute)
		synctest.Wait()
		w.wants(id, StatusRunning, 1, 0) // what was being sent is sent
		if j := w.store.job(id); j.Waiting != WaitSuspended {
			t.Errorf("it waits for %q", j.Waiting)
		}
		w.store.change(func() { w.store.jobs[0].suspended = false })
		time.Sleep(lookAtAccount + 2*time.Second)
		synctest.Wait()
		w.wants(id, StatusCompleted, 2, 0)
	})
}

func TestCancelledJobsStopAndTheNextBegins(t *testing.T) {
	bubble(t, func(w *world) {
		first, second := w.order("main", 50, time.Second), w.order("main", 1, 0)
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		if _, err := w.service.Cancel(t.Context(), "t", first); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		w.wants(first, StatusFailed, 2, 0)
		w.wants(second, StatusCompleted, 1, 0)
		if j := w.store.job(first); j.ErrorCode != CodeCancelled {
			t.Errorf("the job is %+v", j)
		}
	})
}

// A database that fails holds everything up; nothing is sent twice for it.
// A cancelled job's pause does not hold up the next one, whether the job was
// cancelled during the pause or during the send before it.
func TestACancelledJobTakesItsPauseAlong(t *testing.T) {
	for name, took := range map[string]time.Duration{"paused": 0, "sending": 2 * time.Second} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				w.engine.took = took
				first, second := w.order("main", 50, time.Hour), w.order("main", 1, 0)
				time.Sleep(time.Second)
				synctest.Wait()
				if _, err := w.service.Cancel(t.Context(), "t", first); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Second)
				synctest.Wait()
				w.wants(second, StatusCompleted, 1, 0)
			})
		})
	}
}

func TestStoreTroubleIsSatOut(t *testing.T) {
	bubble(t, func(w *world) {
		w.engine.took = time.Second
		id := w.order("main", 3, 0)
		time.Sleep(500 * time.Millisecond)
		w.store.change(func() { w.store.fail = engine.Errorf(engine.CodeStorage, "full") })
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(w.engine.sent()); n != 1 {
			t.Errorf("%d sends while nothing can be written down", n)
		}
		w.store.change(func() { w.store.fail = nil })
		time.Sleep(time.Minute)
		synctest.Wait()
		w.wants(id, StatusCompleted, 3, 0)
		if n := len(w.engine.sent()); n != 3 {
			t.Errorf("%d sends for 3 items", n)
		}
	})
}

func TestStoppingFinishesWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "")
		w.engine.took = 5 * time.Second
		w.run()
		id := w.order("main", 3, 0)
		time.Sleep(time.Second)
		w.stop()
		w.wants(id, StatusRunning, 1, 0)
		w.engine.took = time.Hour // longer than the grace
		w.runner = NewRunner(w.store, w.engine, nil, Options{})
		w.run()
		time.Sleep(time.Second)
		start := time.Now()
		w.stop()
		if waited := time.Since(start); waited != 15*time.Second {
			t.Errorf("stopping took %v", waited)
		}
		w.wants(id, StatusRunning, 1, 0)
		if it := w.store.items(id)[1]; it.State != ItemPending || it.Attempts != 0 {
			t.Errorf("the item that was cut off is %+v", it)
		}
	})
}

// An item that a crash left in sending goes out first, under its id.
func TestRestartTakesUpWhatWasBeingSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "")
		id := w.order("main", 2, 0)
		w.store.change(func() {
			w.store.jobs[0].Status = StatusRunning
			w.store.jobs[0].items[0].State = ItemSending
		})
		w.run()
		synctest.Wait()
		w.wants(id, StatusCompleted, 2, 0)
		if s := w.engine.sent(); s[0].m.ID != "ID1" {
			t.Errorf("the first is %v", s[0].m.ID)
		}
		w.stop()
	})
}

func TestAPanicFailsItsItem(t *testing.T) {
	bubble(t, func(w *world) {
		w.engine.answer = func(n int, m engine.Outgoing) error {
			if n == 1 {
				panic("a defect")
			}
			return nil
		}
		id := w.order("main", 2, 0)
		synctest.Wait()
		w.wants(id, StatusCompleted, 1, 1)
	})
}

func TestTheJobOwnsItsFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bulk")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dir)
		spool := func() string {
			f, err := os.CreateTemp(t.TempDir(), "spool")
			if err != nil {
				t.Fatal(err)
			}
			f.Close()
			return f.Name()
		}
		order := func() Job {
			j, err := w.service.Start(t.Context(), Order{Session: key("main"), DelayMin: time.Second, DelayMax: time.Second,
				Message: engine.Outgoing{Kind: engine.KindImage, Attachment: &engine.Attachment{Path: spool()}},
				Items:   MakePlan([]Recipient{{Phone: "4915112345000"}, {Phone: "4915112345001"}}, "", fits).Items})
			if err != nil {
				t.Fatal(err)
			}
			return j
		}
		left := func() int {
			files, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			return len(files)
		}
		first, second, third := order(), order(), order()
		if err := os.WriteFile(filepath.Join(dir, string(NewJobID(time.Now()))), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		w.run()
		synctest.Wait()
		if n := left(); n != 3 { // the fourth belongs to no job
			t.Errorf("%d files", n)
		}
		if _, err := w.service.Cancel(t.Context(), "t", third.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		w.wants(first.ID, StatusCompleted, 2, 0)
		if n := left(); n != 1 {
			t.Errorf("%d files while the second job lasts", n)
		}
		if path := w.engine.sent()[0].m.Attachment.Path; path != filepath.Join(dir, string(first.ID)) {
			t.Errorf("sent from %s", path)
		}
		// A file that is taken away is the end of its job.
		if err := os.Remove(filepath.Join(dir, string(second.ID))); err != nil {
			t.Fatal(err)
		}
		w.engine.mu.Lock()
		w.engine.answer = func(int, engine.Outgoing) error { return engine.Errorf(engine.CodeInternal, "no such file") }
		w.engine.mu.Unlock()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if j := w.store.job(second.ID); j.Status != StatusFailed || j.ErrorCode != engine.CodeMediaGone {
			t.Errorf("the job is %+v", j)
		}
		w.stop()
	})
}
