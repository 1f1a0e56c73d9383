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
)

func text(body string) engine.Outgoing {
	return engine.Outgoing{To: "491709876543@s.whatsapp.net", Kind: engine.KindText, Text: body}
}

func (w *world) row(id engine.MessageID) *engine.LoggedMessage {
	w.t.Helper()
	m, err := w.store.FindMessage(context.Background(), key("a"), engine.Outbound, id)
	if engine.CodeOf(err) == engine.CodeNotFound {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return &m
}

func TestSendReservesThenSendsThenMarks(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		at := time.Now().Truncate(time.Second)
		w.net.send.set(func(_ context.Context, _ *conn, m engine.Outgoing) (engine.Sent, error) {
			r := w.row(m.ID)
			if r == nil || r.Status != engine.MessagePending || r.Text != "hello" || r.Peer.Phone != m.To {
				t.Errorf("when it is sent, the row is %+v", r)
			}
			return engine.Sent{ID: m.ID, Timestamp: at}, nil
		})
		sent, err := w.engine.Send(context.Background(), key("a"), text("hello"))
		if err != nil || sent.ID == "" || sent.Timestamp != at {
			t.Fatalf("%+v, %v", sent, err)
		}
		if r := w.row(sent.ID); r == nil || r.Status != engine.MessageSent || !r.SentAt.Equal(at) {
			t.Errorf("afterwards the row is %+v", r)
		}
	})
}

func TestWhatBecomesOfARefusedMessage(t *testing.T) {
	for code, want := range map[engine.Code]engine.MessageStatus{
		engine.CodeNotOnWhatsApp:    "",
		engine.CodeReachoutTimelock: "",
		engine.CodeRateLimited:      "",
		engine.CodeNotSupported:     "",
		engine.CodeSessionNotReady:  "",
		engine.CodeInvalid:          "",
		engine.CodeSendRejected:     engine.MessageFailed,
		engine.CodeUndeliverable:    engine.MessageFailed,
		engine.CodeInternal:         engine.MessageFailed,
	} {
		t.Run(string(code), func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.link("a")
				w.net.send.set(func(context.Context, *conn, engine.Outgoing) (engine.Sent, error) {
					return engine.Sent{}, engine.Errorf(code, "no")
				})
				m := text("hello")
				m.ID = "ID1"
				_, err := w.engine.Send(context.Background(), key("a"), m)
				wantCode(t, err, code)
				switch r := w.row("ID1"); {
				case want == "" && r != nil:
					t.Errorf("the row stays: %+v", r)
				case want != "" && (r == nil || r.Status != want || r.ErrorCode != code):
					t.Errorf("the row is %+v", r)
				}
				if n := w.net.last(key("a")).sends.Load(); n != 1 {
					t.Errorf("tried %d times", n)
				}
			})
		})
	}
}

func TestNotReadySendsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.create("a")
		m := text("hello")
		m.ID = "ID1"
		_, err := w.engine.Send(context.Background(), key("a"), m)
		wantCode(t, err, engine.CodeSessionNotReady)
		if w.row("ID1") != nil || w.net.last(key("a")).sends.Load() != 0 {
			t.Error("something was sent or written")
		}
		_, err = w.engine.Send(context.Background(), key("nobody"), m)
		wantCode(t, err, engine.CodeSessionNotFound)
	})
}

// Who sends as soon as the phone shows the device need not know that the first login
// is still to come.
func TestAMessageWaitsForTheFirstLogin(t *testing.T) {
	for _, c := range []struct {
		name  string
		after func(c *conn) // two seconds
		want  engine.Code
		took  time.Duration
	}{
		{"it logs in", func(c *conn) { c.h.Signal(engine.SignalReady{Identity: who(c.key)}) }, "", 2 * time.Second},
		{"it does not", func(*conn) {}, engine.CodeSessionNotReady, 10 * time.Second},
		{"it is unlinked again", func(c *conn) { c.h.Signal(engine.SignalDropped{Cause: engine.DropLoggedOut}) }, engine.CodeSessionNotReady, 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.authenticate("a")
				defer time.AfterFunc(2*time.Second, func() { c.after(w.net.last(key("a"))) }).Stop()
				began := time.Now()
				_, err := w.engine.Send(context.Background(), key("a"), text("hello"))
				wantCode(t, err, c.want)
				if took := time.Since(began); took.Round(time.Second) != c.took {
					t.Errorf("answered after %v, want %v", took, c.took)
				}
			})
		})
	}
}

// unknown is the answer of a socket that broke before the answer.
func unknown(context.Context, *conn, engine.Outgoing) (engine.Sent, error) {
	return engine.Sent{}, engine.Errorf(engine.CodeSendOutcomeUnknown, "the socket broke")
}

// askedOnce is the answer of a network that leaves open for good whether it has a message.
func askedOnce(_ context.Context, _ *conn, m engine.Outgoing) (engine.Sent, error) {
	return engine.Sent{}, &engine.Error{Code: engine.CodeSendOutcomeUnknown, MessageID: m.ID, Cause: engine.ErrSentOnce}
}

func TestAnUnknownOutcomeIsSentAgainUnderTheSameID(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		w.net.connect.set(login)
		var ids []engine.MessageID
		w.net.send.set(func(ctx context.Context, c *conn, m engine.Outgoing) (engine.Sent, error) {
			ids = append(ids, m.ID)
			if len(ids) == 1 {
				c.h.Signal(engine.SignalDropped{Cause: engine.DropNetwork})
				return unknown(ctx, c, m)
			}
			return engine.Sent{ID: m.ID, Timestamp: time.Now()}, nil
		})
		sent, err := w.engine.Send(context.Background(), key("a"), text("hello"))
		if err != nil || !slices.Equal(ids, []engine.MessageID{sent.ID, sent.ID}) {
			t.Fatalf("tried %v, answered %+v, %v", ids, sent, err)
		}
		if r := w.row(sent.ID); r.Status != engine.MessageSent {
			t.Errorf("the row is %+v", r)
		}
	})
}

func TestAnUnknownOutcomeStaysUnknown(t *testing.T) {
	for name, c := range map[string]struct {
		after func(w *world, c *conn) // what happens once the socket broke
		least time.Duration
		most  time.Duration
	}{
		"the network stays away": {func(w *world, c *conn) {
			w.net.connect.set(func(context.Context, *conn) error { return errRefused })
			c.h.Signal(engine.SignalDropped{Cause: engine.DropNetwork})
		}, 45 * time.Second, 45 * time.Second},
		"every try is unknown": {func(*world, *conn) {}, 45 * time.Second, 45 * time.Second},
		"the network is asked once": {func(w *world, c *conn) {
			w.net.send.set(askedOnce)
		}, 500 * time.Millisecond, 500 * time.Millisecond},
		"logged out": {func(w *world, c *conn) {
			c.h.Signal(engine.SignalDropped{Cause: engine.DropLoggedOut})
		}, 0, 0},
		"banned for an hour": {func(w *world, c *conn) {
			c.h.Signal(engine.SignalDropped{Cause: engine.DropBanned, Until: time.Now().Add(time.Hour)})
		}, 0, 0},
		"stopped": {func(w *world, c *conn) {
			go w.engine.Stop(context.Background(), key("a"))
		}, 0, 0},
		"the second try is rejected": {func(w *world, c *conn) {
			w.net.send.set(func(context.Context, *conn, engine.Outgoing) (engine.Sent, error) {
				return engine.Sent{}, engine.Errorf(engine.CodeSendRejected, "no")
			})
		}, 500 * time.Millisecond, 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.link("a")
				broke := false
				w.net.send.set(func(ctx context.Context, one *conn, m engine.Outgoing) (engine.Sent, error) {
					if !broke {
						broke = true
						c.after(w, one)
					}
					return unknown(ctx, one, m)
				})
				m := text("hello")
				m.ID = "ID1"
				began := time.Now()
				_, err := w.engine.Send(context.Background(), key("a"), m)
				wantCode(t, err, engine.CodeSendOutcomeUnknown)
				if id := err.(*engine.Error).MessageID; id != "ID1" {
					t.Errorf("the error names message %q", id)
				}
				if took := time.Since(began); took < c.least || took > c.most {
					t.Errorf("it took %v, want %v to %v", took, c.least, c.most)
				}
				if r := w.row("ID1"); r == nil || r.Status != engine.MessageUnknown {
					t.Errorf("the row is %+v", r)
				}
			})
		})
	}
}

func TestOneMessageAtATimeInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		var mu sync.Mutex
		var inside, most int
		var order []string
		w.net.send.set(func(_ context.Context, _ *conn, m engine.Outgoing) (engine.Sent, error) {
			mu.Lock()
			inside++
			most = max(most, inside)
			order = append(order, m.Text)
			mu.Unlock()
			<-time.After(time.Second)
			mu.Lock()
			inside--
			mu.Unlock()
			return engine.Sent{ID: m.ID, Timestamp: time.Now()}, nil
		})
		const n = 20
		var want []string
		answers := make(chan error, n)
		for i := range n {
			body := fmt.Sprint("message ", i)
			want = append(want, body)
			go func() {
				_, err := w.engine.Send(context.Background(), key("a"), text(body))
				answers <- err
			}()
			synctest.Wait() // it stands in the lane before the next comes
		}
		for range n {
			if err := <-answers; err != nil {
				t.Error(err)
			}
		}
		if most != 1 || !slices.Equal(order, want) {
			t.Errorf("%d at a time, order %v", most, order)
		}
	})
}

func TestASendThatWaitsTooLongIsNotSent(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		release := make(chan struct{})
		w.net.send.set(func(_ context.Context, _ *conn, m engine.Outgoing) (engine.Sent, error) {
			<-release
			return engine.Sent{ID: m.ID, Timestamp: time.Now()}, nil
		})
		first := make(chan error, 1)
		go func() {
			_, err := w.engine.Send(context.Background(), key("a"), text("first"))
			first <- err
		}()
		synctest.Wait()
		m := text("second")
		m.ID = "ID2"
		_, err := w.engine.Send(context.Background(), key("a"), m)
		wantCode(t, err, engine.CodeSessionBusy)
		// A caller that is cut off, as at a shutdown, learns that nothing was sent.
		stopping, cancel := context.WithCancel(context.Background())
		cut := make(chan error, 1)
		go func() {
			_, err := w.engine.Send(stopping, key("a"), m)
			cut <- err
		}()
		synctest.Wait()
		cancel()
		wantCode(t, <-cut, engine.CodeStopping)
		if w.row("ID2") != nil {
			t.Error("the row of the message that was not sent stays")
		}
		close(release)
		if err := <-first; err != nil {
			t.Error(err)
		}
	})
}

func TestEngineStopsWhileSending(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		closed := make(chan struct{})
		w.net.close.set(func(*conn) { close(closed) })
		w.net.send.set(func(ctx context.Context, c *conn, m engine.Outgoing) (engine.Sent, error) {
			<-closed
			return unknown(ctx, c, m)
		})
		answers := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := w.engine.Send(context.Background(), key("a"), text("hello"))
				answers <- err
			}()
		}
		synctest.Wait()
		began := time.Now()
		w.stop()
		codes := []engine.Code{engine.CodeOf(<-answers), engine.CodeOf(<-answers)}
		if slices.Sort(codes); !slices.Equal(codes, []engine.Code{engine.CodeSendOutcomeUnknown, engine.CodeSessionNotReady}) {
			t.Errorf("answered %v", codes)
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("it took %v", took)
		}
	})
}

func TestPendingMessagesAreUnknownAfterACrash(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		left := engine.LoggedMessage{Session: key("a"), ID: "LEFT", Direction: engine.Outbound, Chat: "491709876543@s.whatsapp.net",
			Kind: engine.KindText, Status: engine.MessagePending, CreatedAt: time.Now()}
		if _, err := w.store.ReserveMessage(context.Background(), engine.Reservation{Message: left}); err != nil {
			t.Fatal(err)
		}
		w.end()
		w.start()
		if r := w.row("LEFT"); r == nil || r.Status != engine.MessageUnknown {
			t.Errorf("the row is %+v", r)
		}
	})
}
