package engine_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"wapid/engine"
)

// PairingCode gives a code that lives for a minute.
func (c *conn) PairingCode(context.Context, string) (engine.PairingCode, error) {
	return engine.PairingCode{Code: "ABCD1234", ExpiresAt: time.Now().Add(time.Minute)}, nil
}

// AnswerPasskey has a code compared.
func (c *conn) AnswerPasskey(context.Context, json.RawMessage) error {
	c.h.Signal(engine.SignalPasskeyCode{Code: "WXYZ-9876"})
	return nil
}

func (c *conn) ConfirmPasskey(ctx context.Context) error {
	if err := c.h.Linking(ctx, who(c.key)); err != nil {
		return err
	}
	c.h.Signal(engine.SignalPaired{Identity: who(c.key)})
	return nil
}

func (w *world) code(id string) (engine.PairingCode, error) {
	return w.engine.RequestPairingCode(context.Background(), key(id), "491511234567")
}

func TestPairingCodeIsShownWhileItLives(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		_, err := w.code("a")
		wantCode(t, err, engine.CodeSessionNotFound)
		w.create("a")
		asked := make(chan error, 1)
		go func() { // before there is a QR code
			_, err := w.code("a")
			asked <- err
		}()
		pass(5 * time.Second)
		c := w.net.last(key("a"))
		c.h.Signal(engine.SignalQR{Code: "2@abc", ExpiresAt: time.Now().Add(time.Minute)})
		if err := <-asked; err != nil {
			t.Fatal(err)
		}
		if s := w.want("a", engine.StatusQRReady, ""); s.PairingCode == nil || s.PairingCode.Code != "ABCD1234" {
			t.Errorf("the code is %+v", s.PairingCode)
		}
		c.h.Signal(engine.SignalQR{Code: "2@def", ExpiresAt: time.Now().Add(time.Minute)})
		if s := w.want("a", engine.StatusQRReady, ""); s.PairingCode == nil {
			t.Error("the next QR code took the pairing code away")
		}
		pass(time.Minute)
		if s := w.want("a", engine.StatusQRReady, ""); s.PairingCode != nil {
			t.Errorf("the code is shown after its end: %+v", s.PairingCode)
		}
		if _, err := w.code("a"); err != nil {
			t.Fatal(err)
		}
		c.h.Signal(engine.SignalQRTimeout{})
		if s := w.want("a", engine.StatusDisconnected, engine.ReasonQRTimeout); s.PairingCode != nil {
			t.Error("the code is shown after the pairing")
		}
		_, err = w.code("a")
		wantCode(t, err, engine.CodeSessionNotReady)
	})
}

func TestPairingCodeIsWaitedForNoLongerThanItsPatience(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.create("a")
		begun := time.Now()
		_, err := w.code("a")
		wantCode(t, err, engine.CodeSessionNotReady)
		if waited := time.Since(begun); waited != 20*time.Second {
			t.Errorf("waited %v", waited)
		}
		w.link("b")
		_, err = w.code("b")
		wantCode(t, err, engine.CodeAlreadyLinked)
	})
}

func TestPasskeySteps(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.create("a")
		wantCode(t, w.engine.AnswerPasskey(ctx, key("a"), nil), engine.CodeSessionNotReady)
		c := w.net.last(key("a"))
		c.h.Signal(engine.SignalQR{Code: "2@abc", ExpiresAt: time.Now().Add(time.Minute)})
		c.h.Signal(engine.SignalPasskeyCode{Code: "stray"})
		if s := w.want("a", engine.StatusQRReady, ""); s.PasskeyCode != "" {
			t.Error("a passkey's code without a passkey")
		}
		c.h.Signal(engine.SignalPasskey{Challenge: []byte(`{}`)})
		w.want("a", engine.StatusPasskeyRequired, "")
		wantCode(t, w.engine.ConfirmPasskey(ctx, key("a")), engine.CodeSessionNotReady)
		if err := w.engine.AnswerPasskey(ctx, key("a"), nil); err != nil {
			t.Fatal(err)
		}
		if s := w.want("a", engine.StatusPasskeyRequired, ""); s.PasskeyCode != "WXYZ-9876" || string(s.Passkey) != `{}` {
			t.Errorf("the snapshot has %q and %s", s.PasskeyCode, s.Passkey)
		}
		if err := w.engine.ConfirmPasskey(ctx, key("a")); err != nil {
			t.Fatal(err)
		}
		if s := w.want("a", engine.StatusAuthenticated, ""); s.Passkey != nil || s.PasskeyCode != "" {
			t.Error("the passkey is shown after the pairing")
		}
	})
}

func TestRestartMakesTheConnectionAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.net.connect.set(login)
		first := w.link("a")
		s, err := w.engine.Restart(context.Background(), key("a"))
		if err != nil || s.State.Status != engine.StatusInitializing {
			t.Fatalf("restarted as %s, %v", s.State.Status, err)
		}
		w.want("a", engine.StatusReady, "")
		if w.net.last(key("a")) == first || first.closes.Load() != 1 || first.logouts.Load() != 0 {
			t.Errorf("the first connection was closed %d and logged out %d times", first.closes.Load(), first.logouts.Load())
		}
		w.told(engine.EventQR, engine.EventReady, engine.EventReady)
		if _, err := w.engine.Stop(context.Background(), key("a")); err != nil {
			t.Fatal(err)
		}
		if _, err := w.engine.Restart(context.Background(), key("a")); err != nil {
			t.Fatal(err)
		}
		w.want("a", engine.StatusReady, "")
		_, err = w.engine.Restart(context.Background(), key("b"))
		wantCode(t, err, engine.CodeSessionNotFound)
	})
}

func TestRestartOfAPairingUnderWay(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.net.connect.set(hang)
		w.create("a")
		first := w.net.last(key("a"))
		if _, err := w.engine.Restart(context.Background(), key("a")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		second := w.net.last(key("a"))
		if second == first || first.closes.Load() != 1 {
			t.Fatal("the pairing goes on with the old connection")
		}
		first.h.Signal(engine.SignalQR{Code: "late", ExpiresAt: time.Now().Add(time.Minute)})
		w.want("a", engine.StatusInitializing, "")
	})
}

func TestAnotherProxyIsAnotherConnection(t *testing.T) {
	const proxy = "http://proxy:8080"
	inBubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.net.connect.set(login)
		first := w.link("a")
		if _, err := w.engine.Configure(ctx, key("a"), engine.SessionChange{Typing: new(true), DelayMax: new(time.Second)}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if w.net.last(key("a")) != first {
			t.Fatal("pacing made the connection again")
		}
		if _, err := w.engine.Configure(ctx, key("a"), engine.SessionChange{Proxy: new(proxy)}); err != nil {
			t.Fatal(err)
		}
		s := w.want("a", engine.StatusReady, "")
		second := w.net.last(key("a"))
		if want := (engine.SessionOptions{Proxy: proxy, Typing: true, DelayMax: time.Second}); second == first || second.proxy != proxy || s.Options != want {
			t.Errorf("the connection goes by %q, the options are %+v", second.proxy, s.Options)
		}
		_, err := w.engine.Configure(ctx, key("a"), engine.SessionChange{DelayMin: new(2 * time.Second)})
		wantCode(t, err, engine.CodeInvalid)

		w.end()
		w.start()
		w.want("a", engine.StatusReady, "")
		if got := w.net.last(key("a")).proxy; got != proxy {
			t.Errorf("after a restart of the daemon the connection goes by %q", got)
		}
	})
}

func TestAnotherProxyIsTriedAtOnceButNotDuringABan(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.net.connect.set(func(context.Context, *conn) error { return errRefused })
		w.create("a")
		pass(time.Hour) // the waits are long by now
		w.want("a", engine.StatusDisconnected, engine.ReasonNetwork)
		before := w.net.last(key("a"))
		w.net.connect.set(login)
		if _, err := w.engine.Configure(ctx, key("a"), engine.SessionChange{Proxy: new("http://proxy")}); err != nil {
			t.Fatal(err)
		}
		w.want("a", engine.StatusInitializing, "")
		if w.net.last(key("a")) == before {
			t.Error("the new way is not tried at once")
		}

		c := w.link("b")
		c.h.Signal(engine.SignalDropped{Cause: engine.DropBanned, Until: time.Now().Add(time.Hour)})
		w.want("b", engine.StatusDisconnected, engine.ReasonBanned)
		if _, err := w.engine.Configure(ctx, key("b"), engine.SessionChange{Proxy: new("http://proxy")}); err != nil {
			t.Fatal(err)
		}
		w.want("b", engine.StatusDisconnected, engine.ReasonBanned)
		pass(time.Hour)
		w.want("b", engine.StatusReady, "")
		if got := w.net.last(key("b")).proxy; got != "http://proxy" {
			t.Errorf("after the ban the connection goes by %q", got)
		}
	})
}
