package engine_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"wapid/engine"
	"wapid/store"
)

const (
	qrEvent           = engine.EventQR
	readyEvent        = engine.EventReady
	disconnectedEvent = engine.EventDisconnected
)

func TestPairing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.create("a")
		s := w.want("a", engine.StatusInitializing, "")
		if s.Name != "shop" {
			t.Errorf("name is %q", s.Name)
		}
		c := w.net.last(key("a"))
		for i, code := range []string{"2@one", "2@two"} {
			c.h.Signal(engine.SignalQR{Code: code, ExpiresAt: time.Now().Add(20 * time.Second), Left: 5 - i})
			s = w.want("a", engine.StatusQRReady, "")
			if s.QR == nil || s.QR.Code != code || s.QR.Attempt != i+1 || s.QR.Of != 6 {
				t.Fatalf("QR is %+v", s.QR)
			}
		}
		c.h.Signal(engine.SignalPasskey{Challenge: []byte("sign me")})
		if s = w.want("a", engine.StatusPasskeyRequired, ""); string(s.Passkey) != "sign me" || s.QR != nil {
			t.Errorf("passkey %q, QR %v", s.Passkey, s.QR)
		}
		if err := c.h.Linking(context.Background(), who(key("a"))); err != nil {
			t.Fatal(err)
		}
		if s = w.want("a", engine.StatusAuthenticated, ""); w.stored("a").Identity != who(key("a")) {
			t.Error("the identity is not in the store before the pairing is confirmed")
		}
		c.h.Signal(engine.SignalPaired{Identity: who(key("a"))})
		c.h.Signal(engine.SignalDropped{Cause: engine.DropRestart})
		w.want("a", engine.StatusAuthenticated, "")
		if w.net.last(key("a")) != c || c.connects.Load() != 2 {
			t.Fatalf("after the restart there were %d connects", c.connects.Load())
		}
		c.h.Signal(engine.SignalReady{Identity: who(key("a"))})
		w.want("a", engine.StatusReady, "")
		w.told(qrEvent, qrEvent, readyEvent)

		events, err := w.store.ListEvents(context.Background(), store.DefaultTenant, "", 10)
		if err != nil {
			t.Fatal(err)
		}
		var ready engine.ReadyData
		if err := json.Unmarshal(events[2].Data, &ready); err != nil || ready.PhoneNumber != "491511234567" || ready.LID != "555@lid" {
			t.Errorf("ready says %s, %v", events[2].Data, err)
		}
	})
}

func TestNobodyScansAndAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.create("a")
		first := w.net.last(key("a"))
		first.h.Signal(engine.SignalQRTimeout{})
		w.want("a", engine.StatusDisconnected, engine.ReasonQRTimeout)
		if first.closes.Load() != 1 {
			t.Error("the connection is not closed")
		}
		if _, isNew, err := w.engine.Create(context.Background(), key("a"), engine.SessionChange{}); isNew || err != nil {
			t.Fatalf("again: new %v, %v", isNew, err)
		}
		w.want("a", engine.StatusInitializing, "")
		second := w.net.last(key("a"))
		if second == first {
			t.Fatal("the second pairing has no connection of its own")
		}
		first.h.Signal(engine.SignalQR{Code: "old"}) // the news of an old connection
		w.want("a", engine.StatusInitializing, "")
		second.h.Signal(engine.SignalQR{Code: "new"})
		w.want("a", engine.StatusQRReady, "")
		wantCode(t, first.h.Linking(context.Background(), who(key("a"))), engine.CodeStopping)
		w.want("a", engine.StatusQRReady, "")
		w.told(disconnectedEvent, qrEvent)
	})
}

func TestReconnectsWithBackoff(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		c := w.link("a")
		w.net.connect.set(func(context.Context, *conn) error { return errRefused })
		lost := time.Now()
		c.h.Signal(engine.SignalDropped{Cause: engine.DropNetwork})
		s := w.want("a", engine.StatusDisconnected, engine.ReasonNetwork)
		if wait := s.NextAttempt.Sub(lost); wait < 0 || wait > time.Second {
			t.Errorf("next attempt after %v", wait)
		}
		before := c.connects.Load()
		pass(10 * time.Minute)
		tries := c.connects.Load() - before
		// 1+2+4+…+256 s reach nine tries within ten minutes at most; jitter halves the delays at worst.
		if tries < 8 || tries > 12 {
			t.Errorf("%d tries in ten minutes", tries)
		}
		w.net.connect.set(login)
		pass(5 * time.Minute)
		w.want("a", engine.StatusReady, "")
		w.told(qrEvent, readyEvent, disconnectedEvent, readyEvent)
	})
}

func TestALoginThatNeverCompletesIsGivenUp(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		c := w.link("a")
		c.h.Signal(engine.SignalDropped{Cause: engine.DropRestart})
		w.want("a", engine.StatusDisconnected, engine.ReasonNetwork) // connected, and the server says nothing
		w.net.connect.set(login)
		pass(3 * time.Minute)
		w.want("a", engine.StatusReady, "")
		if c.closes.Load() != 1 || w.net.last(key("a")) == c {
			t.Error("the silent connection is still used")
		}
	})
}

func TestStopAndStart(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		c := w.link("a")
		w.net.connect.set(login)
		s, err := w.engine.Stop(context.Background(), key("a"))
		if err != nil || s.State.Reason != engine.ReasonStopped {
			t.Fatalf("%+v, %v", s.State, err)
		}
		w.want("a", engine.StatusDisconnected, engine.ReasonStopped)
		if c.closes.Load() != 1 || c.logouts.Load() != 0 {
			t.Errorf("closed %d times, logged out %d times", c.closes.Load(), c.logouts.Load())
		}
		w.end()
		w.start()
		w.want("a", engine.StatusDisconnected, engine.ReasonStopped)
		if _, _, err := w.engine.Create(context.Background(), key("a"), engine.SessionChange{Name: new("new name")}); err != nil {
			t.Fatal(err)
		}
		if s := w.want("a", engine.StatusReady, ""); s.Name != "new name" {
			t.Errorf("name is %q", s.Name)
		}
		w.told(qrEvent, readyEvent, disconnectedEvent, readyEvent)
	})
}

func TestStopAndStartInOneBreath(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		w.net.connect.set(login)
		for range 20 {
			stopped := make(chan error)
			go func() {
				_, err := w.engine.Stop(context.Background(), key("a"))
				stopped <- err
			}()
			_, _, err := w.engine.Create(context.Background(), key("a"), engine.SessionChange{})
			if err := <-stopped; err != nil {
				t.Fatal(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if _, _, err := w.engine.Create(context.Background(), key("a"), engine.SessionChange{}); err != nil {
				t.Fatal(err)
			}
			pass(10 * time.Second)
			w.want("a", engine.StatusReady, "")
		}
	})
}

func TestStopWhileConnecting(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.net.connect.set(hang)
		w.create("a")
		if _, err := w.engine.Stop(context.Background(), key("a")); err != nil {
			t.Fatal(err)
		}
		w.want("a", engine.StatusDisconnected, engine.ReasonStopped)
		if n := w.net.last(key("a")).closes.Load(); n != 1 {
			t.Errorf("closed %d times", n)
		}
	})
}

func TestEngineStopsWhileConnecting(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.net.connect.set(hang)
		for _, id := range []string{"a", "b", "c"} {
			w.create(id)
		}
	}) // inBubble stops it and measures
}

// A connection that waits for an answer before it can be closed gets one.
func TestEngineStopsWhileAPhoneIsLinking(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.create("a")
		c := w.net.last(key("a"))
		linked := make(chan error, 1)
		w.net.close.set(func(c *conn) { linked <- c.h.Linking(context.Background(), who(c.key)) })
		w.end()
		wantCode(t, <-linked, engine.CodeStopping)
		w.net.close.set(nil)
		w.start()
		if n := c.closes.Load(); n != 1 {
			t.Errorf("closed %d times", n)
		}
	})
}

func TestStoreFailuresDelayAndLoseNothing(t *testing.T) {
	for name, after := range map[string]bool{"nothing was written": false, "the answer was lost": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.create("a")
				c := w.net.last(key("a"))
				w.store.mu.Lock()
				w.store.failSave, w.store.after = 1, after
				if !after {
					w.store.failSave = 12
				}
				w.store.mu.Unlock()
				began := time.Now()
				if err := c.h.Linking(context.Background(), who(key("a"))); err != nil {
					t.Fatal(err)
				}
				if !after && time.Since(began) < 10*time.Second {
					t.Errorf("waited only %v", time.Since(began))
				}
				c.h.Signal(engine.SignalPaired{Identity: who(key("a"))})
				c.h.Signal(engine.SignalReady{Identity: who(key("a"))})
				w.want("a", engine.StatusReady, "")
				w.told(readyEvent)
			})
		})
	}
}
