package bulk

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"wapid/engine"
)

func over(ids ...engine.SessionID) (list []Over) {
	for _, id := range ids {
		list = append(list, Over{Session: id})
	}
	return list
}

// bySession counts what each session was asked to send.
func (w *world) bySession() map[engine.SessionID]int {
	n := map[engine.SessionID]int{}
	for _, s := range w.engine.sent() {
		n[s.session]++
	}
	return n
}

func TestAJobIsSpreadOverItsSessions(t *testing.T) {
	bubble(t, func(w *world) {
		w.engine.set("b", engine.StatusReady, "")
		w.engine.set("c", engine.StatusDisconnected, engine.ReasonNetwork)
		start := time.Now()
		id := w.orderAs(7, Order{Sessions: over("main", "b", "c"), DelayMin: 4 * time.Second, DelayMax: 4 * time.Second})
		pass(9 * time.Second) // 0, 4 and 8 seconds, each over two
		w.wants(id, StatusRunning, 6, 0)
		w.engine.set("c", engine.StatusReady, "")
		pass(2 * time.Second) // and the last one over the third
		w.wants(id, StatusCompleted, 7, 0)
		if n := w.bySession(); n["main"] != 3 || n["b"] != 3 || n["c"] != 1 {
			t.Errorf("sent %v", n)
		}
		ids := map[engine.MessageID]int{}
		for i, s := range w.engine.sent() {
			ids[s.m.ID]++
			if i < 6 && s.at.Sub(start) != time.Duration(i/2)*4*time.Second {
				t.Errorf("send %d over %s after %v", i, s.session, s.at.Sub(start))
			}
		}
		if len(ids) != 7 {
			t.Errorf("sent %v", ids)
		}
	})
}

// A session that is gone drops out, with what it may have sent; the others go on.
func TestTheOthersGoOn(t *testing.T) {
	for name, c := range map[string]struct {
		status engine.Status
		reason engine.Reason
		code   engine.Code
	}{
		"logged out": {engine.StatusDisconnected, engine.ReasonLoggedOut, engine.CodeSessionNotReady},
		"banned":     {engine.StatusDisconnected, engine.ReasonBanned, CodeBanned},
		"removed":    {"", "", engine.CodeSessionNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				w.engine.set("b", engine.StatusReady, "")
				lost := engine.MessageID("")
				w.engine.answer = func(n int, m engine.Outgoing) error {
					if n == 3 || m.ID == lost {
						lost = m.ID
						return engine.Errorf(engine.CodeSendOutcomeUnknown, "lost")
					}
					return nil
				}
				id := w.orderAs(10, Order{Sessions: over("main", "b"), DelayMin: time.Minute, DelayMax: time.Minute})
				pass(61 * time.Second)
				gone := w.engine.sent()[2].session
				if c.status == "" {
					w.engine.remove(gone)
				} else {
					w.engine.set(gone, c.status, c.reason)
				}
				pass(10 * time.Minute)
				w.wants(id, StatusCompleted, 9, 1)
				for _, it := range w.store.items(id) {
					if (it.MessageID == lost) != (it.State == ItemFailed) || it.State == ItemFailed && it.ErrorCode != engine.CodeSendOutcomeUnknown {
						t.Errorf("the item is %+v", it)
					}
				}
				for _, s := range w.engine.sent() {
					if s.m.ID == lost && s.session != gone {
						t.Error("what one number may have sent was sent over another")
					}
				}
				for _, m := range w.store.job(id).Members {
					if (m.Session == gone) != (m.State == MemberDropped) || m.Session == gone && m.ErrorCode != c.code {
						t.Errorf("the member is %+v", m)
					}
				}
			})
		})
	}
}

// A session that goes while its line is pausing for an hour is noticed all the same.
func TestALostSessionIsNoticedInAPause(t *testing.T) {
	bubble(t, func(w *world) {
		id := w.order("main", 3, time.Hour)
		pass(time.Minute)
		w.wants(id, StatusRunning, 1, 0)
		w.engine.set("main", engine.StatusDisconnected, engine.ReasonBanned)
		pass(lookAtLine + time.Second)
		w.wants(id, StatusFailed, 1, 0)
		if j := w.store.job(id); j.ErrorCode != CodeBanned {
			t.Errorf("the job is %+v", j)
		}
	})
}

func TestAJobBeginsWhenItIsTold(t *testing.T) {
	bubble(t, func(w *world) {
		start := time.Now()
		later := w.orderAs(2, Order{Sessions: over("main"), Schedule: Schedule{StartAt: start.Add(10 * time.Hour)}})
		pass(time.Second)
		now := w.order("main", 2, time.Second) // lets itself not be held up
		pass(5 * time.Second)
		w.wants(now, StatusCompleted, 2, 0)
		w.wants(later, StatusPending, 0, 0)
		if waits := w.waits(later); waits != WaitStart {
			t.Errorf("it waits for %q", waits)
		}
		pass(10 * time.Hour)
		w.wants(later, StatusCompleted, 2, 0)
		if at := w.engine.sent()[2].at.Sub(start); at != 10*time.Hour {
			t.Errorf("it began after %v", at)
		}
	})
}

// The bubble's time begins on the 1st of January 2000, at midnight in UTC.
func TestAJobRestsOutsideItsWindows(t *testing.T) {
	bubble(t, func(w *world) {
		start := time.Now()
		id := w.orderAs(4, Order{Sessions: over("main"), DelayMin: 20 * time.Minute, DelayMax: 20 * time.Minute,
			Schedule: Schedule{Windows: []Window{window(t, "09:00", "09:30")}}})
		pass(time.Hour)
		if waits := w.waits(id); waits != WaitWindow {
			t.Errorf("it waits for %q", waits)
		}
		pass(72 * time.Hour)
		w.wants(id, StatusCompleted, 4, 0)
		for i, want := range []time.Duration{9 * time.Hour, 9*time.Hour + 20*time.Minute, 33 * time.Hour, 33*time.Hour + 20*time.Minute} {
			if got := w.engine.sent()[i].at.Sub(start); got != want {
				t.Errorf("send %d after %v, want %v", i, got, want)
			}
		}
	})
}

func TestAPausedJobLetsTheNextOnePass(t *testing.T) {
	for name, took := range map[string]time.Duration{"paused": 0, "sending": 2 * time.Second} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				w.engine.took = took
				first, second := w.order("main", 3, time.Hour), w.order("main", 2, time.Second)
				pass(time.Second)
				for range 2 { // twice is once
					if j, err := w.service.Pause(t.Context(), "t", first); err != nil || !j.Paused() {
						t.Fatal(j, err)
					}
				}
				pass(10 * time.Second)
				w.wants(first, StatusRunning, 1, 0)
				w.wants(second, StatusCompleted, 2, 0)
				if waits := w.waits(first); waits != WaitPaused {
					t.Errorf("it waits for %q", waits)
				}
				pass(24 * time.Hour)
				w.wants(first, StatusRunning, 1, 0)
				for range 2 {
					if j, err := w.service.Resume(t.Context(), "t", first); err != nil || j.Paused() {
						t.Fatal(j, err)
					}
				}
				pass(3 * time.Second)
				w.wants(first, StatusRunning, 2, 0)
				pass(2 * time.Hour)
				w.wants(first, StatusCompleted, 3, 0)
			})
		})
	}
}

// The time that sends take does not add up to the pauses between them.
func TestPausesDoNotDrift(t *testing.T) {
	bubble(t, func(w *world) {
		w.engine.took = time.Second
		start := time.Now()
		w.order("main", 5, 3*time.Second)
		pass(time.Minute)
		for i, s := range w.engine.sent() {
			if want := time.Duration(i) * 3 * time.Second; s.at.Sub(start) != want {
				t.Errorf("send %d after %v, want %v", i, s.at.Sub(start), want)
			}
		}
	})
}

// After a wait nothing is made up for: there is no burst.
func TestNoBurstAfterAWait(t *testing.T) {
	bubble(t, func(w *world) {
		id := w.order("main", 20, 10*time.Second)
		pass(15 * time.Second)
		w.engine.set("main", engine.StatusDisconnected, engine.ReasonNetwork)
		pass(2 * time.Minute)
		w.engine.set("main", engine.StatusReady, "")
		pass(4 * time.Minute)
		w.wants(id, StatusCompleted, 20, 0)
		all := w.engine.sent()
		for i := 1; i < len(all); i++ {
			if gap := all[i].at.Sub(all[i-1].at); gap < 10*time.Second {
				t.Errorf("%v between the sends %d and %d", gap, i-1, i)
			}
		}
	})
}

// A thousand jobs on a thousand sessions cost no goroutine while they pause, and
// end when each alone would have.
func TestAThousandJobsAtOnce(t *testing.T) {
	const jobs, each = 1000, 3
	bubble(t, func(w *world) {
		before := runtime.NumGoroutine()
		start := time.Now()
		ids := make([]JobID, jobs)
		for i := range ids {
			session := engine.SessionID(fmt.Sprintf("s%03d", i))
			w.engine.set(session, engine.StatusReady, "")
			ids[i] = w.order(session, each, time.Minute)
		}
		pass(time.Second)
		if n := runtime.NumGoroutine() - before; n > 1 { // pass has a timer of its own
			t.Errorf("%d goroutines while all pause", n)
		}
		pass(2 * time.Minute)
		for _, id := range ids {
			w.wants(id, StatusCompleted, each, 0)
		}
		synctest.Wait()
		for _, s := range w.engine.sent() {
			if at := s.at.Sub(start); at%time.Minute != 0 {
				t.Fatalf("a send after %v", at)
			}
		}
	})
}
