package engine_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"wapid/engine"
)

func (w *world) remove(id string, wantUnlinked bool, within time.Duration) {
	w.t.Helper()
	began := time.Now()
	unlinked, err := w.engine.Delete(context.Background(), key(id))
	if err != nil || unlinked != wantUnlinked {
		w.t.Fatalf("unlinked %v, %v", unlinked, err)
	}
	if took := time.Since(began); took > within {
		w.t.Errorf("the removal took %v, allowed are %v", took, within)
	}
	w.gone(id)
}

// gone asserts that nothing is left of a session, and that all its connections
// are closed.
func (w *world) gone(id string) {
	w.t.Helper()
	synctest.Wait()
	_, err := w.engine.Snapshot(key(id))
	wantCode(w.t, err, engine.CodeSessionNotFound)
	if s := w.stored(id); s != nil {
		w.t.Errorf("the store still holds %+v", s)
	}
	for i, c := range w.net.conns[key(id)] {
		if c.closes.Load() == 0 {
			w.t.Errorf("connection %d is never closed", i)
		}
	}
}

func TestDeleteUnlinksAndForgets(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		c := w.link("a")
		w.remove("a", true, 0)
		if c.logouts.Load() != 1 || !slices.Equal(w.net.forgotten, []engine.DeviceID{"dev-a"}) {
			t.Errorf("logged out %d times, forgotten %v", c.logouts.Load(), w.net.forgotten)
		}
		w.told(qrEvent, readyEvent, disconnectedEvent)
		w.link("a") // the id is free again
	})
}

func TestDeleteOfASessionWithoutADevice(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.create("new")
		w.remove("new", true, 0)
		c := w.link("logged out")
		c.h.Signal(engine.SignalDropped{Cause: engine.DropLoggedOut})
		w.want("logged out", engine.StatusDisconnected, engine.ReasonLoggedOut)
		w.remove("logged out", true, 0)
		if c.logouts.Load() != 0 {
			t.Error("a device that is gone was logged out")
		}
	})
}

func TestDeleteOfAStoppedSessionConnectsToUnlink(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		w.net.connect.set(login)
		if _, err := w.engine.Stop(context.Background(), key("a")); err != nil {
			t.Fatal(err)
		}
		w.remove("a", true, time.Second)
		if n := w.net.last(key("a")).logouts.Load(); n != 1 {
			t.Errorf("logged out %d times", n)
		}
		w.told(qrEvent, readyEvent, disconnectedEvent) // no "ready" for a session that is going
	})
}

func TestDeleteGivesUpOnANetworkThatDoesNotAnswer(t *testing.T) {
	for name, c := range map[string]func(w *world){
		"refuses":         func(w *world) { w.net.connect.set(func(context.Context, *conn) error { return errRefused }) },
		"hangs":           func(w *world) { w.net.connect.set(hang) },
		"never logs in":   func(w *world) { w.net.connect.set(nil) },
		"hangs in logout": func(w *world) { w.net.connect.set(login); w.net.logout.set(hang) },
		"fails to log out": func(w *world) {
			w.net.connect.set(login)
			w.net.logout.set(func(context.Context, *conn) error { return errRefused })
		},
		"panics in logout": func(w *world) {
			w.net.connect.set(login)
			w.net.logout.set(func(context.Context, *conn) error { panic("Logout") })
		},
		"is elsewhere": func(w *world) {
			w.net.connect.set(func(_ context.Context, c *conn) error {
				c.h.Signal(engine.SignalDropped{Cause: engine.DropReplaced})
				return nil
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				one := w.link("a")
				c(w)
				one.h.Signal(engine.SignalDropped{Cause: engine.DropNetwork})
				synctest.Wait()
				w.remove("a", false, 11*time.Second)
				if n := one.connects.Load(); n > 12 {
					t.Errorf("connected %d times", n)
				}
				if !slices.Equal(w.net.forgotten, []engine.DeviceID{"dev-a"}) {
					t.Errorf("forgotten %v", w.net.forgotten)
				}
			})
		})
	}
}

func TestDeleteTriesTheLogoutAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		w.net.connect.set(login)
		failed := false
		w.net.logout.set(func(context.Context, *conn) error {
			if !failed {
				failed = true
				return errRefused
			}
			return nil
		})
		w.remove("a", true, 2*time.Second)
	})
}

func TestARemovalGoesOnAfterARestart(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		w.net.logout.set(hang)
		answer := make(chan error, 1)
		go func() {
			_, err := w.engine.Delete(context.Background(), key("a"))
			answer <- err
		}()
		synctest.Wait()
		w.end()
		wantCode(t, <-answer, engine.CodeStopping)
		w.net.connect.set(login)
		w.net.logout.set(nil)
		w.start()
		w.gone("a")
		if n := w.net.last(key("a")).logouts.Load(); n != 1 {
			t.Errorf("logged out %d times after the restart", n)
		}
	})
}

func TestDeviceGoneDuringARemoval(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		if _, err := w.engine.Stop(context.Background(), key("a")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.net.missing["dev-a"] = true
		w.remove("a", false, time.Second)
	})
}

func TestWhileASessionIsBeingRemoved(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		w.net.logout.set(hang)
		ctx, hangUp := context.WithCancel(context.Background())
		answer := make(chan error, 1)
		go func() {
			_, err := w.engine.Delete(ctx, key("a"))
			answer <- err
		}()
		synctest.Wait()
		_, _, err := w.engine.Create(context.Background(), key("a"), engine.SessionChange{})
		wantCode(t, err, engine.CodeSessionBusy)
		_, err = w.engine.Stop(context.Background(), key("a"))
		wantCode(t, err, engine.CodeSessionNotFound)
		_, err = w.engine.Send(context.Background(), key("a"), text("x"))
		wantCode(t, err, engine.CodeSessionNotFound)
		if list := w.engine.List(key("a").Tenant); len(list) != 0 {
			t.Errorf("it is listed: %+v", list)
		}
		hangUp()
		wantCode(t, <-answer, engine.CodeSessionBusy)
		pass(11 * time.Second)
		w.gone("a") // although nobody waits any more
	})
}
