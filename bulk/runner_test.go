package bulk

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"wapid/engine"
)

func TestJobSendsPacedAndCompletes(t *testing.T) {
	bubble(t, func(w *world) {
		start := time.Now()
		id := w.order("main", 3, 4*time.Second)
		pass(5 * time.Second)
		w.wants(id, StatusRunning, 2, 0)
		pass(5 * time.Second)
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
		pass(2500 * time.Millisecond)
		w.wants(first, StatusCompleted, 2, 0)
		w.wants(second, StatusRunning, 0, 0)
		w.wants(other, StatusCompleted, 2, 0)
		pass(10 * time.Second)
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
		pass(time.Second)
		if waits := w.waits(id); waits != WaitRetry {
			t.Errorf("it waits for %q", waits)
		}
		pass(time.Hour)
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

func TestStoreTroubleIsSatOut(t *testing.T) {
	bubble(t, func(w *world) {
		w.engine.took = time.Second
		id := w.order("main", 3, 0)
		pass(500 * time.Millisecond)
		w.store.change(func() { w.store.fail = engine.Errorf(engine.CodeStorage, "full") })
		pass(time.Minute)
		if n := len(w.engine.sent()); n != 1 {
			t.Errorf("%d sends while nothing can be written down", n)
		}
		w.store.change(func() { w.store.fail = nil })
		pass(time.Minute)
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
		pass(time.Second)
		w.stop()
		w.wants(id, StatusRunning, 1, 0)
		w.engine.took = time.Hour // longer than the grace
		w.runner = NewRunner(w.store, w.engine, nil, Options{})
		w.run()
		pass(time.Second)
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
			w.store.jobs[0].items[0].State, w.store.jobs[0].items[0].Session = ItemSending, "main"
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
			j, err := w.service.Start(t.Context(), Order{Tenant: "t", Sessions: []Over{{Session: "main"}}, DelayMin: time.Second, DelayMax: time.Second,
				Message: engine.Outgoing{Kind: engine.KindImage, Attachment: &engine.Attachment{Path: spool()}},
				Items:   MakePlan([]Recipient{{Phone: "4915112345000"}, {Phone: "4915112345001"}}, "", unfit).Items})
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
		pass(1500 * time.Millisecond)
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
		pass(5 * time.Second)
		if j := w.store.job(second.ID); j.Status != StatusFailed || j.ErrorCode != engine.CodeMediaGone {
			t.Errorf("the job is %+v", j)
		}
		w.stop()
	})
}
