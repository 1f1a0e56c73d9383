package engine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"wapid/engine"
)

func TestAPanicEndsAndRestartsOneSession(t *testing.T) {
	drop := func(_ *world, c *conn) { c.h.Signal(engine.SignalDropped{Cause: engine.DropNetwork}) }
	for name, c := range map[string]struct {
		arrange func(w *world)
		provoke func(w *world, c *conn)
		panics  int64
	}{
		"in Connect": {func(w *world) {
			w.net.connect.set(func(ctx context.Context, c *conn) error {
				w.net.connect.set(login)
				panic("Connect")
			})
		}, drop, 1},
		"in the store": {func(w *world) { w.store.panics = 1 }, func(w *world, c *conn) { drop(w, c); drop(w, c) }, 1},
		"in the store and then in Close": {func(w *world) {
			w.store.panics = 1
			w.net.close.set(func(*conn) { w.net.close.set(nil); panic("Close") })
		}, drop, 2},
		"in Send": {func(w *world) {
			w.net.send.set(func(context.Context, *conn, engine.Outgoing) (engine.Sent, error) { panic("Send") })
		}, func(w *world, c *conn) {
			_, err := w.engine.Send(context.Background(), c.key, text("hello"))
			wantCode(w.t, err, engine.CodeSendOutcomeUnknown)
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				other, one := w.link("other"), w.link("a")
				otherConnects := other.connects.Load()
				w.net.connect.set(login)
				c.arrange(w)
				c.provoke(w, one)
				pass(10 * time.Second)
				w.want("a", engine.StatusReady, "")
				if n := one.closes.Load(); n != 1 {
					t.Errorf("the connection was closed %d times", n)
				}
				if w.net.last(key("a")) == one {
					t.Error("the connection is used on")
				}
				if w.want("other", engine.StatusReady, ""); other.connects.Load() != otherConnects || other.closes.Load() != 0 {
					t.Error("the other session was touched")
				}
				if got := w.engine.Panics(); got != c.panics {
					t.Errorf("%d panics counted, want %d", got, c.panics)
				}
			})
		})
	}
}

func TestAPanicInPairIsTriedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.net.panicPair, w.net.panicFor = 3, "a"
		w.create("a")
		pass(5 * time.Second)
		w.net.last(key("a")).h.Signal(engine.SignalQR{Code: "2@x"})
		w.want("a", engine.StatusQRReady, "")
		if got := w.engine.Panics(); got != 3 {
			t.Errorf("%d panics counted", got)
		}
	})
}

// A session that panics before it connects does not keep its place.
func TestAPanicGivesItsTurnBack(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.create("a")
		pass(time.Second)
		w.create("b")
		w.end()
		w.net.panicPair, w.net.panicFor = 1, "a"
		w.config.ConnectLimit = 1
		w.net.connect.set(hang)
		w.start() // no time passes
		if n := w.net.last(key("b")).connects.Load(); n != 1 {
			t.Errorf("the other session connected %d times", n)
		}
	})
}

// What waits in the mailbox behind the item that panics is not forgotten.
func TestRequestsThatWaitBehindAPanicAreAnswered(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		c := w.link("a")
		w.net.connect.set(hang)
		c.h.Signal(engine.SignalDropped{Cause: engine.DropRestart}) // an operation is under way
		synctest.Wait()
		w.store.mu.Lock()
		w.store.panics = 1
		w.store.mu.Unlock()
		const callers = 20
		answers := make(chan error, callers)
		for i := range callers {
			go func() {
				var err error
				if i%2 == 0 {
					_, err = w.engine.Stop(context.Background(), key("a"))
				} else {
					_, _, err = w.engine.Create(context.Background(), key("a"), engine.SessionChange{})
				}
				answers <- err
			}()
		}
		deadline := time.After(10 * time.Second)
		for range callers {
			select {
			case <-answers:
			case <-deadline:
				t.Fatal("a request is never answered")
			}
		}
		if w.engine.Panics() != 1 {
			t.Errorf("%d panics counted", w.engine.Panics())
		}
	})
}
