package bulk

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"wapid/engine"
)

// unchecked are the items whose numbers are to be looked up next.
func (j *memoryJob) unchecked() (items []Item) {
	ahead := 0
	for i, it := range j.items {
		if it.State != ItemPending || ahead == LookAhead {
			continue
		}
		if ahead++; !j.checked[i] {
			items = append(items, it)
		}
	}
	return items
}

func (m *memory) ListUnchecked(_ context.Context, id JobID) ([]Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j := m.find(id)
	checked := 0
	for i, it := range j.items {
		if it.State == ItemPending && j.checked[i] {
			checked++
		}
	}
	if checked >= LookAhead/2 {
		return nil, m.fail
	}
	return j.unchecked(), m.fail
}

func (m *memory) MarkChecked(_ context.Context, id JobID, results []Checked, at time.Time) (Status, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return "", m.fail
	}
	j := m.find(id)
	for _, c := range results {
		j.checked[c.Index] = true
		if it := &j.items[c.Index]; c.Absent && it.State == ItemPending {
			it.State, it.ErrorCode = ItemFailed, engine.CodeNotOnWhatsApp
			j.Failed++
		}
	}
	if j.Processed() == j.Total {
		j.Status, j.FinishedAt = StatusCompleted, at
	}
	return j.Status, nil
}

func (m *memory) HoldMember(_ context.Context, id JobID, session engine.SessionID, w Waiting) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if member := m.find(id).member(session); member != nil {
		member.Waiting = w
	}
	return m.fail
}

// registered says that everybody has an account but the absent.
func registered(phones []string, absent ...string) []engine.Registration {
	found := make([]engine.Registration, len(phones))
	for i, phone := range phones {
		found[i] = engine.Registration{Phone: phone, OnWhatsApp: !slices.Contains(absent, phone)}
	}
	return found
}

// checking makes a job that checks numbers.
func (w *world) checking(n int, delay time.Duration) JobID {
	return w.orderAs(n, Order{DelayMin: delay, DelayMax: delay, Sessions: []Over{{Session: "main"}}, CheckNumbers: true})
}

// Whoever is not there costs no send, and looking up costs the sends no time.
func TestNumbersAreLookedUpInThePauses(t *testing.T) {
	bubble(t, func(w *world) {
		w.engine.check = func(phones []string) ([]engine.Registration, error) {
			<-time.After(4 * time.Second) // a slow network
			return registered(phones, "4915112345000", "4915112345002", "4915112345119"), nil
		}
		start := time.Now()
		id := w.checking(120, 10*time.Second)
		pass(time.Hour)
		w.wants(id, StatusCompleted, 117, 3)
		sent := w.engine.sent()
		for i, s := range sent {
			if want := start.Add(4*time.Second + time.Duration(i)*10*time.Second); !s.at.Equal(want) {
				t.Fatalf("the send %d was at %v, want %v", i, s.at.Sub(start), want.Sub(start))
			}
		}
		if len(sent) != 117 || w.engine.checks != 120 {
			t.Errorf("%d sends, %d numbers looked up", len(sent), w.engine.checks)
		}
		for i, it := range w.store.items(id) {
			absent := i == 0 || i == 2 || i == 119
			if absent != (it.State == ItemFailed) || absent != (it.ErrorCode == engine.CodeNotOnWhatsApp) {
				t.Errorf("item %d is %s %s", i, it.State, it.ErrorCode)
			}
		}
	})
}

// A job without anybody sends nothing and is over.
func TestAJobOfAbsentNumbers(t *testing.T) {
	bubble(t, func(w *world) {
		w.engine.check = func(phones []string) ([]engine.Registration, error) { return registered(phones, phones...), nil }
		id := w.checking(2*LookAhead+1, time.Minute)
		pass(time.Second)
		w.wants(id, StatusCompleted, 0, 2*LookAhead+1)
	})
}

// As many numbers are looked up as may be; then the job waits, says until when,
// and lets the session's next job pass.
func TestAJobWaitsUntilItMayLookUp(t *testing.T) {
	bubble(t, func(w *world) {
		budget, refill := 13, time.Now()
		w.engine.check = func(phones []string) ([]engine.Registration, error) {
			budget += int(time.Since(refill) / time.Minute)
			refill = refill.Add(time.Since(refill).Truncate(time.Minute))
			if missing := len(phones) - budget; missing > 0 {
				return nil, &engine.Error{Code: engine.CodeRateLimited, RetryAfter: time.Duration(missing)*time.Minute - time.Since(refill)}
			}
			budget -= len(phones)
			return registered(phones), nil
		}
		id := w.checking(20, 0)
		pass(time.Second)
		w.wants(id, StatusRunning, 13, 0)
		if h := w.store.job(id).Holdup(time.Now()); h.Reason != WaitRate || time.Until(h.Until) > time.Minute {
			t.Errorf("it waits for %+v", h)
		}
		next := w.order("main", 3, 0)
		pass(10 * time.Second)
		w.wants(next, StatusCompleted, 3, 0)
		w.wants(id, StatusRunning, 13, 0)
		pass(10 * time.Minute)
		w.wants(id, StatusCompleted, 20, 0)
		if w.engine.checks != 20 {
			t.Errorf("%d numbers were looked up", w.engine.checks)
		}
	})
}

func TestLookingUpMayFail(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		after time.Duration
		waits Wait
	}{
		"a network that can't":     {engine.Errorf(engine.CodeNotSupported, "no"), 0, ""},
		"one that does not answer": {engine.Errorf(engine.CodeNetworkRefused, "no answer"), lookAtRate, WaitRate},
		"one that is gone":         {engine.Errorf(engine.CodeSessionNotReady, "gone"), lookAtSession, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				failed := false
				w.engine.check = func(phones []string) ([]engine.Registration, error) {
					if failed && c.after > 0 {
						return registered(phones), nil
					}
					failed = true
					return nil, c.err
				}
				id := w.checking(3, 0)
				pass(time.Millisecond)
				if waits := w.waits(id); waits != c.waits {
					t.Errorf("it waits for %q", waits)
				}
				pass(c.after)
				w.wants(id, StatusCompleted, 3, 0)
			})
		})
	}
}

// Two sessions of a job don't ask for the same numbers.
func TestNumbersAreLookedUpOnce(t *testing.T) {
	bubble(t, func(w *world) {
		w.engine.set("second", engine.StatusReady, "")
		w.engine.check = func(phones []string) ([]engine.Registration, error) {
			<-time.After(3 * time.Second)
			return registered(phones), nil
		}
		id := w.orderAs(200, Order{DelayMin: time.Second, DelayMax: time.Second, Sessions: []Over{{Session: "main"}, {Session: "second"}}, CheckNumbers: true})
		pass(time.Hour)
		w.wants(id, StatusCompleted, 200, 0)
		if w.engine.checks != 200 {
			t.Errorf("%d numbers were looked up", w.engine.checks)
		}
	})
}

// A restart in the middle of looking up begins that anew, and loses nobody.
func TestLookingUpSurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "")
		w.engine.check = func(phones []string) ([]engine.Registration, error) {
			<-time.After(time.Minute)
			return nil, fmt.Errorf("the daemon stops: %w", context.Canceled)
		}
		w.run()
		id := w.checking(5, 0)
		pass(time.Second)
		w.stop()
		w.engine.check = nil
		w.runner = NewRunner(w.store, w.engine, nil, Options{})
		w.run()
		pass(time.Second)
		w.wants(id, StatusCompleted, 5, 0)
		w.stop()
	})
}
