package engine_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wapid/engine"
	"wapid/store"
)

func TestConcurrentCreatesMakeOneSession(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		const callers = 50
		var mu sync.Mutex
		made := 0
		var calls sync.WaitGroup
		for range callers {
			calls.Go(func() {
				_, isNew, err := w.engine.Create(context.Background(), key("a"), engine.SessionChange{})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if isNew {
					made++
				}
			})
		}
		calls.Wait()
		synctest.Wait()
		if made != 1 || len(w.net.conns[key("a")]) != 1 {
			t.Errorf("%d are new, %d connections", made, len(w.net.conns[key("a")]))
		}
	})
}

// Creating, stopping and deleting one session at random, from many sides, ends
// in a session that works, and every call is answered.
func TestConcurrentRequestsOfAllKinds(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.net.connect.set(login)
		allowed := []engine.Code{"", engine.CodeSessionNotFound, engine.CodeSessionBusy}
		for round := range 10 {
			var calls sync.WaitGroup
			for i := range 12 {
				calls.Go(func() {
					var err error
					switch (i + round) % 4 {
					case 0, 1:
						_, _, err = w.engine.Create(context.Background(), key("a"), engine.SessionChange{Name: new(fmt.Sprint("name ", i))})
					case 2:
						_, err = w.engine.Stop(context.Background(), key("a"))
					case 3:
						_, err = w.engine.Delete(context.Background(), key("a"))
					}
					if !slices.Contains(allowed, engine.CodeOf(err)) {
						t.Error(err)
					}
				})
			}
			calls.Wait()
		}
		pass(15 * time.Second)
		if _, err := w.engine.Delete(context.Background(), key("a")); err != nil {
			wantCode(t, err, engine.CodeSessionNotFound)
		}
		w.link("a")
		live := 0
		for _, c := range w.net.conns[key("a")] {
			if c.closes.Load() == 0 {
				live++
			}
		}
		if live != 1 {
			t.Errorf("%d connections are open", live)
		}
	})
}

func TestRestartConnectsOldestFirstAndFewAtATime(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		const sessions, limit = 300, 7
		var want []engine.SessionKey
		base := time.Now()
		for i := range sessions {
			k := key(fmt.Sprintf("s%03d", (i*7919)%1000)) // not in the order of their names
			want = append(want, k)
			err := w.store.InsertSession(context.Background(), engine.Session{Key: k, CreatedAt: base.Add(time.Duration(i) * time.Second), UpdatedAt: base,
				State: engine.State{Status: engine.StatusReady, Intent: engine.IntentRun, Identity: who(k)}})
			if err != nil {
				t.Fatal(err)
			}
		}
		w.end()

		var mu sync.Mutex
		inside, most := 0, 0
		w.net.connect.set(func(ctx context.Context, c *conn) error {
			mu.Lock()
			inside++
			most = max(most, inside)
			mu.Unlock()
			<-time.After(time.Second)
			mu.Lock()
			inside--
			mu.Unlock()
			return login(ctx, c)
		})
		w.config.ConnectLimit = limit
		w.start()
		if counts := w.engine.Counts(); counts[engine.StatusInitializing] != sessions {
			t.Errorf("at first: %v", counts)
		}
		pass(sessions / limit * time.Second / 2)
		if counts := w.engine.Counts(); counts[engine.StatusReady] < sessions/2-2*limit || counts[engine.StatusReady] > sessions/2+2*limit {
			t.Errorf("half way: %v", counts)
		}
		pass(sessions / limit * time.Second)
		if counts := w.engine.Counts(); counts[engine.StatusReady] != sessions {
			t.Errorf("at the end: %v", counts)
		}
		if most != limit {
			t.Errorf("%d connected at a time, allowed are %d", most, limit)
		}
		// Those let in together may call Connect in any order among themselves.
		for i, k := range w.net.order {
			if at := slices.Index(want, k); at/limit != i/limit {
				t.Fatalf("number %d to connect is the session of age %d", i, at)
			}
		}
		list := w.engine.List(store.DefaultTenant)
		for i, s := range list {
			if s.Key != want[i] {
				t.Fatalf("number %d listed is %v, want %v", i, s.Key, want[i])
			}
		}
		if len(list) != sessions || len(w.engine.List("another")) != 0 {
			t.Errorf("%d are listed", len(list))
		}
	})
}

// The operator's pace holds also where there is room for more.
func TestRestartKeepsThePaceOfTheOperator(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		const sessions, rate = 20, 4
		for i := range sessions {
			k := key(fmt.Sprintf("s%02d", i))
			err := w.store.InsertSession(context.Background(), engine.Session{Key: k, CreatedAt: time.Now(), UpdatedAt: time.Now(),
				State: engine.State{Status: engine.StatusReady, Intent: engine.IntentRun, Identity: who(k)}})
			if err != nil {
				t.Fatal(err)
			}
		}
		w.end()
		w.net.connect.set(login)
		w.config.ConnectRate = rate
		w.start()
		for second := 1; second <= sessions/rate; second++ {
			pass(time.Second)
			if ready := w.engine.Counts()[engine.StatusReady]; ready < second*rate-1 || ready > min(second*rate+1, sessions) {
				t.Errorf("after %d s, %d are ready at %d a second", second, ready, rate)
			}
		}
	})
}

// A session that has a place in the queue and does not use it holds up nobody.
func TestAStoppedSessionGivesItsTurnBack(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		for _, id := range []string{"a", "b", "c"} {
			w.link(id)
			pass(time.Second)
		}
		w.end()
		w.config.ConnectLimit = 1
		w.net.connect.set(hang)
		w.start()
		for _, id := range []string{"b", "a"} {
			if _, err := w.engine.Stop(context.Background(), key(id)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if n := w.net.last(key("c")).connects.Load(); n != 1 {
			t.Errorf("the third session connects %d times", n)
		}
		if n := w.net.last(key("b")).connects.Load(); n != 0 {
			t.Errorf("the second session connected %d times", n)
		}
	})
}

func TestStoppingAnswers(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		w.end()
		_, _, err := w.engine.Create(context.Background(), key("b"), engine.SessionChange{})
		wantCode(t, err, engine.CodeStopping)
		_, err = w.engine.Stop(context.Background(), key("a"))
		wantCode(t, err, engine.CodeStopping)
		_, err = w.engine.Delete(context.Background(), key("a"))
		wantCode(t, err, engine.CodeStopping)
		_, err = w.engine.Send(context.Background(), key("a"), text("x"))
		wantCode(t, err, engine.CodeSessionNotReady)
		if w.engine.Loaded() {
			t.Error("it says that it runs")
		}
		w.start()
		if !w.engine.Loaded() {
			t.Error("it says that it does not run")
		}
	})
}

func TestAwait(t *testing.T) {
	type answer struct {
		engine.Snapshot
		error
	}
	is := func(s engine.Status) func(engine.Snapshot) bool {
		return func(snap engine.Snapshot) bool { return snap.State.Status == s }
	}
	await := func(ctx context.Context, w *world, until func(engine.Snapshot) bool) chan answer {
		answers := make(chan answer, 1)
		go func() {
			s, err := w.engine.Await(ctx, key("a"), until)
			answers <- answer{s, err}
		}()
		synctest.Wait()
		return answers
	}
	ctx := context.Background()

	t.Run("now and later", func(t *testing.T) {
		inBubble(t, func(t *testing.T, w *world) {
			w.create("a")
			if got := <-await(ctx, w, is(engine.StatusInitializing)); got.error != nil {
				t.Error(got.error)
			}
			later := await(ctx, w, is(engine.StatusQRReady))
			select {
			case got := <-later:
				t.Fatalf("too early: %+v", got)
			default:
			}
			w.net.last(key("a")).h.Signal(engine.SignalQR{Code: "2@x"})
			if got := <-later; got.error != nil || got.QR == nil || got.QR.Code != "2@x" {
				t.Errorf("%+v", got)
			}
		})
	})
	t.Run("the end of the context", func(t *testing.T) {
		inBubble(t, func(t *testing.T, w *world) {
			w.create("a")
			ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
			defer cancel()
			if got := <-await(ctx, w, is(engine.StatusReady)); got.error != nil || got.State.Status != engine.StatusInitializing {
				t.Errorf("%+v", got)
			}
		})
	})
	t.Run("removed meanwhile", func(t *testing.T) {
		inBubble(t, func(t *testing.T, w *world) {
			_, err := w.engine.Await(ctx, key("a"), is(engine.StatusReady))
			wantCode(t, err, engine.CodeSessionNotFound)
			w.create("a")
			later := await(ctx, w, is(engine.StatusReady))
			if _, err := w.engine.Delete(ctx, key("a")); err != nil {
				t.Fatal(err)
			}
			wantCode(t, (<-later).error, engine.CodeSessionNotFound)
		})
	})
	t.Run("the engine stops", func(t *testing.T) {
		inBubble(t, func(t *testing.T, w *world) {
			w.create("a")
			later := await(ctx, w, is(engine.StatusReady))
			w.end()
			wantCode(t, (<-later).error, engine.CodeStopping)
			w.start()
		})
	})
}

func TestRestrictionsAreShownUntilTheirEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		c := w.link("a")
		until := time.Now().Add(time.Hour)
		c.h.Signal(engine.SignalRestricted{Restriction: engine.Restriction{Kind: engine.RestrictionReachout, Until: until}})
		s := w.want("a", engine.StatusReady, "")
		if len(s.Restrictions) != 1 || !s.Restrictions[0].Until.Equal(until) {
			t.Errorf("restrictions %+v", s.Restrictions)
		}
		pass(time.Hour)
		if s := w.want("a", engine.StatusReady, ""); len(s.Restrictions) != 0 {
			t.Errorf("restrictions %+v", s.Restrictions)
		}
		c.h.Signal(engine.SignalRestricted{Restriction: engine.Restriction{Kind: engine.RestrictionReachout}})
		if s := w.want("a", engine.StatusReady, ""); len(s.Restrictions) != 1 {
			t.Errorf("restrictions %+v", s.Restrictions)
		}
		c.h.Signal(engine.SignalRestricted{Restriction: engine.Restriction{Kind: engine.RestrictionReachout}, Lifted: true})
		if s := w.want("a", engine.StatusReady, ""); len(s.Restrictions) != 0 {
			t.Errorf("restrictions %+v", s.Restrictions)
		}
		w.told(qrEvent, readyEvent)
	})
}

func TestIncomingMessagesAreCommittedOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		c := w.link("a")
		m := engine.Incoming{ID: "IN1", Chat: "491709876543@s.whatsapp.net", Sender: engine.Person{Phone: "491709876543@s.whatsapp.net"},
			Timestamp: time.Now(), Kind: engine.KindText, Text: "hello"}
		for range 2 {
			if err := c.h.Receive(context.Background(), m)(); err != nil {
				t.Fatal(err)
			}
		}
		w.told(qrEvent, readyEvent, engine.EventMessage, engine.EventContact)
		row, err := w.store.FindMessage(context.Background(), key("a"), engine.Inbound, "IN1")
		if err != nil || row.Text != "hello" {
			t.Errorf("%+v, %v", row, err)
		}
	})
}

func TestUpdatedAtIsThatOfTheStateNotOfTheRestart(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		if _, err := w.engine.Stop(context.Background(), key("a")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		at := time.Now()
		pass(time.Hour)
		w.end()
		w.start()
		if s := w.want("a", engine.StatusDisconnected, engine.ReasonStopped); !s.UpdatedAt.Equal(at.Truncate(time.Millisecond)) {
			t.Errorf("updated at %v, want %v", s.UpdatedAt, at)
		}
	})
}
