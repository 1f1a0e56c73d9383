package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"wapid/engine"
)

// typist is a connection that shows presence.
type typist struct {
	*conn
	mu    sync.Mutex
	shown []string
	err   error
}

func (p *typist) SetAvailable(_ context.Context, available bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shown = append(p.shown, fmt.Sprint("available ", available))
	return p.err
}

func (p *typist) SetTyping(_ context.Context, chat engine.JID, t engine.Typing) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shown = append(p.shown, fmt.Sprintf("%s in %s", t, chat))
	return p.err
}

// paced is a linked session with options.
func (w *world) paced(o engine.SessionOptions) {
	w.t.Helper()
	w.link("a")
	w.net.connect.set(login)
	if _, err := w.engine.Configure(context.Background(), key("a"), engine.SessionChange{Typing: &o.Typing, DelayMin: &o.DelayMin, DelayMax: &o.DelayMax}); err != nil {
		w.t.Fatal(err)
	}
	synctest.Wait()
}

func TestSendsKeepTheirDistance(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.paced(engine.SessionOptions{DelayMin: 2 * time.Second, DelayMax: 5 * time.Second})
		var at []time.Time
		w.net.send.set(func(_ context.Context, _ *conn, m engine.Outgoing) (engine.Sent, error) {
			at = append(at, time.Now())
			return engine.Sent{ID: m.ID, Timestamp: time.Now()}, nil
		})
		began := time.Now()
		for range 10 {
			if _, err := w.submit(text("x"), engine.SendOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if at[0] != began {
			t.Errorf("the first waited %v", at[0].Sub(began))
		}
		var gaps []time.Duration
		for i := range at[1:] {
			gaps = append(gaps, at[i+1].Sub(at[i]))
		}
		if slices.Min(gaps) < 2*time.Second || slices.Max(gaps) > 5*time.Second || slices.Min(gaps) == slices.Max(gaps) {
			t.Errorf("the gaps are %v", gaps)
		}
	})
}

func TestAPauseThatIsTooLongSendsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.end()
		w.config.SendTimeout = 20 * time.Second
		w.start()
		w.paced(engine.SessionOptions{DelayMin: time.Minute, DelayMax: time.Minute})
		if _, err := w.submit(text("first"), engine.SendOptions{}); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		began := time.Now()
		_, err := w.submit(text("second"), claimed("k", 1))
		wantCode(t, err, engine.CodeSessionBusy)
		if e, _ := errors.AsType[*engine.Error](err); e.RetryAfter != 59*time.Second || time.Since(began) > 0 {
			t.Errorf("%+v after %v", e, time.Since(began))
		}
		if n := w.net.last(key("a")).sends.Load(); n != 1 || w.used() != 1 {
			t.Errorf("sent %d times, %d count", n, w.used())
		}
		id := w.queue("third", queued) // has time
		pass(58 * time.Second)
		w.wantRow(id, engine.MessagePending, "")
		pass(2 * time.Second)
		w.wantRow(id, engine.MessageSent, "")
	})
}

func TestPausesEndWithTheConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.paced(engine.SessionOptions{DelayMin: time.Minute, DelayMax: time.Minute})
		if _, err := w.submit(text("first"), engine.SendOptions{}); err != nil {
			t.Fatal(err)
		}
		answer := make(chan error, 1)
		go func() {
			_, err := w.submit(text("second"), engine.SendOptions{})
			answer <- err
		}()
		synctest.Wait()
		if _, err := w.engine.Stop(context.Background(), key("a")); err != nil {
			t.Fatal(err)
		}
		wantCode(t, <-answer, engine.CodeSessionNotReady)
	})
}

func TestTypingIsShownBeforeTexts(t *testing.T) {
	for name, c := range map[string]struct {
		m     engine.Outgoing
		err   error
		shown []string
		takes time.Duration
	}{
		"a text":            {text("0123456789 0123456789 0123456789"), nil, []string{"available true", "typing in " + string(text("").To)}, 32 * 60 * time.Millisecond},
		"a location":        {engine.Outgoing{To: text("").To, Kind: engine.KindLocation, Location: &engine.Location{}}, nil, nil, 0},
		"a channel":         {engine.Outgoing{To: "123@newsletter", Kind: engine.KindText, Text: "x"}, nil, nil, 0},
		"it can't be shown": {text("x"), errors.New("no"), []string{"available true"}, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				var p *typist
				w.net.dress = func(one *conn) engine.Conn { p = &typist{conn: one, err: c.err}; return p }
				w.paced(engine.SessionOptions{Typing: true})
				began := time.Now()
				if _, err := w.submit(c.m, engine.SendOptions{}); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took != c.takes || !slices.Equal(p.shown, c.shown) {
					t.Errorf("showed %v, took %v", p.shown, took)
				}
			})
		})
	}
}
