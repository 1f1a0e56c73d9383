package bulk

import (
	"testing"
	"testing/synctest"
	"time"

	"wapid/engine"
)

func TestJobWaitsForItsSession(t *testing.T) {
	bubble(t, func(w *world) {
		w.engine.set("main", engine.StatusDisconnected, engine.ReasonNetwork)
		id := w.order("main", 2, 0)
		pass(30 * time.Second)
		w.wants(id, StatusPending, 0, 0)
		if waits := w.waits(id); waits != WaitSession {
			t.Errorf("it waits for %q", waits)
		}
		if w.store.holds != 1 || len(w.engine.sent()) != 0 {
			t.Errorf("%d writes and %d sends while waiting", w.store.holds, len(w.engine.sent()))
		}
		w.engine.set("main", engine.StatusReady, "")
		pass(2 * time.Second)
		w.wants(id, StatusCompleted, 2, 0)
		if waits := w.waits(id); waits != WaitNone {
			t.Errorf("it still waits for %q", waits)
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
		"timelock": {&engine.Error{Code: engine.CodeReachoutTimelock, RetryAfter: time.Hour}, WaitTimelock, time.Hour + 2*time.Second},
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
				pass(time.Millisecond)
				if j := w.store.job(id); w.waits(id) != c.waiting || j.Status != StatusRunning {
					t.Errorf("it is %s and waits for %q", j.Status, w.waits(id))
				}
				pass(8 * c.after)
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
				pass(1500 * time.Millisecond)
				c.end(w.engine)
				pass(2 * time.Second)
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
		pass(time.Minute)
		w.wants(id, StatusRunning, 1, 0) // what was being sent is sent
		if waits := w.waits(id); waits != WaitSuspended {
			t.Errorf("it waits for %q", waits)
		}
		w.store.change(func() { w.store.jobs[0].suspended = false })
		pass(lookAtAccount + 2*time.Second)
		w.wants(id, StatusCompleted, 2, 0)
	})
}

func TestCancelledJobsStopAndTheNextBegins(t *testing.T) {
	bubble(t, func(w *world) {
		first, second := w.order("main", 50, time.Second), w.order("main", 1, 0)
		pass(1500 * time.Millisecond)
		if _, err := w.service.Cancel(t.Context(), "t", first); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
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
				pass(time.Second)
				if _, err := w.service.Cancel(t.Context(), "t", first); err != nil {
					t.Fatal(err)
				}
				pass(5 * time.Second)
				w.wants(second, StatusCompleted, 1, 0)
			})
		})
	}
}
