package engine_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"wapid/engine"
)

var queued = engine.SendOptions{Queue: true}

// queue puts a text into the outbox of session a.
func (w *world) queue(body string, o engine.SendOptions) engine.MessageID {
	w.t.Helper()
	o.Queue = true
	s, err := w.submit(text(body), o)
	if err != nil || !s.Queued || s.ID == "" {
		w.t.Fatalf("%+v, %v", s, err)
	}
	return s.ID
}

func (w *world) wantRow(id engine.MessageID, status engine.MessageStatus, code engine.Code) {
	w.t.Helper()
	if r := w.row(id); r == nil || r.Status != status || r.ErrorCode != code {
		w.t.Errorf("the row is %+v, want %s/%s", r, status, code)
	}
}

// record notes what is sent, in order.
type record struct {
	mu   sync.Mutex
	sent []string
	ids  []engine.MessageID
}

func (r *record) send(_ context.Context, _ *conn, m engine.Outgoing) (engine.Sent, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent, r.ids = append(r.sent, m.Text), append(r.ids, m.ID)
	return engine.Sent{ID: m.ID, Timestamp: time.Now()}, nil
}

func TestQueuedMessagesWaitForTheirSession(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		if _, err := w.engine.Stop(context.Background(), key("a")); err != nil {
			t.Fatal(err)
		}
		var r record
		w.net.send.set(r.send)
		var ids []engine.MessageID
		for i := range 5 {
			ids = append(ids, w.queue(fmt.Sprint(i), queued))
		}
		pass(10 * time.Minute)
		w.wantRow(ids[0], engine.MessageQueued, "")
		if len(r.sent) != 0 || w.used() != 5 {
			t.Fatalf("sent %v, %d count", r.sent, w.used())
		}
		w.net.connect.set(login)
		if _, _, err := w.engine.Create(context.Background(), key("a"), engine.SessionChange{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !slices.Equal(r.sent, []string{"0", "1", "2", "3", "4"}) || !slices.Equal(r.ids, ids) {
			t.Errorf("sent %v as %v, want %v", r.sent, r.ids, ids)
		}
		for _, id := range ids {
			w.wantRow(id, engine.MessageSent, "")
		}
		// A session that is ready sends at once, and again after it was found empty.
		for i := range 3 {
			id := w.queue(fmt.Sprint("now ", i), queued)
			synctest.Wait()
			w.wantRow(id, engine.MessageSent, "")
		}
		if w.used() != 8 {
			t.Errorf("%d count", w.used())
		}
	})
}

func TestQueueingNeedsASession(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		_, err := w.engine.Submit(context.Background(), key("nobody"), text("x"), queued)
		wantCode(t, err, engine.CodeSessionNotFound)
		w.create("a") // not linked yet: that is enough
		w.queue("x", queued)
		_, err = w.submit(text("x"), engine.SendOptions{Queue: true, TTL: engine.MaxQueueTTL + 1})
		wantCode(t, err, engine.CodeInvalid)
	})
}

// Restarts neither lose nor repeat what is queued, whatever happens in between.
func TestQueueSurvivesRestarts(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		w.net.connect.set(login)
		arrived := map[engine.MessageID]int{} // as a phone: an id that is known is dropped
		tries := 0
		var mu sync.Mutex
		w.net.send.set(func(ctx context.Context, c *conn, m engine.Outgoing) (engine.Sent, error) {
			mu.Lock()
			defer mu.Unlock()
			tries++
			if tries%3 != 0 {
				arrived[m.ID]++
			}
			switch tries % 4 {
			case 0:
				c.h.Signal(engine.SignalDropped{Cause: engine.DropNetwork})
				return unknown(ctx, c, m)
			case 1, 2:
				return unknown(ctx, c, m)
			}
			arrived[m.ID]++
			return engine.Sent{ID: m.ID, Timestamp: time.Now()}, nil
		})
		var ids []engine.MessageID
		for i := range 12 {
			ids = append(ids, w.queue(fmt.Sprint(i), queued))
			if i%3 == 2 {
				w.end()
				w.start()
			}
		}
		pass(2 * time.Hour)
		for _, id := range ids {
			w.wantRow(id, engine.MessageSent, "")
			if arrived[id] == 0 {
				t.Errorf("%s never arrived", id)
			}
		}
		if len(arrived) != len(ids) || w.used() != len(ids) {
			t.Errorf("%d ids arrived of %d, %d count", len(arrived), len(ids), w.used())
		}
	})
}

// A restart in the middle of a send ends it with its connection, and the next
// life sends under the same id.
func TestStoppingInTheMiddleOfAQueuedSend(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		w.net.connect.set(login)
		closed := make(chan struct{})
		w.net.close.set(func(*conn) { close(closed) })
		w.net.send.set(func(ctx context.Context, c *conn, m engine.Outgoing) (engine.Sent, error) {
			<-closed
			return unknown(ctx, c, m)
		})
		first, second := w.queue("first", queued), w.queue("second", queued)
		synctest.Wait()
		w.wantRow(first, engine.MessagePending, "")
		w.end() // must take no time
		w.net.close.set(nil)
		var r record
		w.net.send.set(r.send)
		w.start()
		pass(time.Second)
		if !slices.Equal(r.ids, []engine.MessageID{first, second}) {
			t.Errorf("sent %v", r.ids)
		}
	})
}

func TestWhatBecomesOfARefusedQueuedMessage(t *testing.T) {
	for code, c := range map[engine.Code]struct {
		status engine.MessageStatus // after ten minutes of this answer
		counts int
		tries  int64 // 0 for several, but not many
	}{
		engine.CodeNotOnWhatsApp:      {engine.MessageFailed, 0, 1},
		engine.CodeRecipientInvalid:   {engine.MessageFailed, 0, 1},
		engine.CodeSendRejected:       {engine.MessageFailed, 0, 1},
		engine.CodeUndeliverable:      {engine.MessageFailed, 0, 5},
		engine.CodeNotSupported:       {engine.MessageFailed, 0, 1},
		engine.CodeReachoutTimelock:   {engine.MessageFailed, 0, 1},
		engine.CodeInternal:           {engine.MessageFailed, 0, 1},
		engine.CodeRateLimited:        {engine.MessageQueued, 1, 0},
		engine.CodeSessionNotReady:    {engine.MessageQueued, 1, 0},
		engine.CodeStorage:            {engine.MessageQueued, 1, 0},
		engine.CodeSendOutcomeUnknown: {engine.MessagePending, 1, 0},
	} {
		t.Run(string(code), func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				linked := w.link("a")
				w.net.send.set(func(context.Context, *conn, engine.Outgoing) (engine.Sent, error) {
					return engine.Sent{}, engine.Errorf(code, "no")
				})
				id := w.queue("x", queued)
				pass(10 * time.Minute)
				want := code
				if c.status != engine.MessageFailed {
					want = ""
				}
				w.wantRow(id, c.status, want)
				if w.used() != c.counts {
					t.Errorf("%d count, want %d", w.used(), c.counts)
				}
				if n := linked.sends.Load(); c.tries > 0 && n != c.tries || c.tries == 0 && (n < 3 || n > 30) {
					t.Errorf("tried %d times", n)
				}
			})
		})
	}
}

func TestQueuedMessagesExpireInTime(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.create("a")
		short := w.queue("short", engine.SendOptions{TTL: 5 * time.Second})
		long := w.queue("long", queued)
		pass(4 * time.Second)
		w.wantRow(short, engine.MessageQueued, "")
		pass(2 * time.Second)
		w.wantRow(short, engine.MessageFailed, engine.CodeMessageExpired)
		pass(engine.DefaultQueueTTL - 7*time.Second)
		w.wantRow(long, engine.MessageQueued, "")
		pass(2 * time.Second)
		w.wantRow(long, engine.MessageFailed, engine.CodeMessageExpired)
		if w.used() != 0 {
			t.Errorf("%d count", w.used())
		}
	})
}

func TestRemovingASessionEndsItsQueue(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		stuck := make(chan struct{})
		w.net.close.set(func(*conn) { close(stuck) })
		w.net.send.set(func(ctx context.Context, c *conn, m engine.Outgoing) (engine.Sent, error) {
			<-stuck
			return unknown(ctx, c, m)
		})
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		sending, waiting := w.queue("sending", queued), engine.MessageID("")
		m := text("waiting")
		m.Attachment = &engine.Attachment{Path: file}
		if s, err := w.submit(m, queued); err != nil {
			t.Fatal(err)
		} else {
			waiting = s.ID
		}
		synctest.Wait()
		if _, err := w.engine.Delete(context.Background(), key("a")); err != nil {
			t.Fatal(err)
		}
		w.wantRow(sending, engine.MessageUnknown, engine.CodeSendOutcomeUnknown)
		w.wantRow(waiting, engine.MessageFailed, engine.CodeSessionNotFound)
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Errorf("its file: %v", err)
		}
	})
}

// The same request for a queued message is answered as the first was, whatever
// has become of the message.
func TestTheSameRequestForAQueuedMessage(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		o := claimed("k", 1)
		w.net.send.set(func(context.Context, *conn, engine.Outgoing) (engine.Sent, error) {
			return engine.Sent{}, engine.Errorf(engine.CodeRateLimited, "slow down")
		})
		id := w.queue("x", o)
		o.Queue = true
		same := func() {
			t.Helper()
			if s, err := w.submit(text("x"), o); err != nil || s.ID != id || !s.Queued || !s.Replayed {
				t.Errorf("%+v, %v", s, err)
			}
		}
		same()
		synctest.Wait()
		same()
		w.net.send.set(nil)
		pass(time.Minute)
		w.wantRow(id, engine.MessageSent, "")
		same()
	})
}

// A message that makes every try panic holds up neither the session nor the queue.
func TestAQueuedMessageThatPanics(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		w.net.connect.set(login)
		w.net.send.set(func(_ context.Context, _ *conn, m engine.Outgoing) (engine.Sent, error) {
			if m.Text == "bad" {
				panic("bad message")
			}
			return engine.Sent{ID: m.ID, Timestamp: time.Now()}, nil
		})
		bad, good := w.queue("bad", queued), w.queue("good", queued)
		pass(time.Minute)
		w.wantRow(bad, engine.MessageUnknown, engine.CodeSendOutcomeUnknown)
		w.wantRow(good, engine.MessageSent, "")
	})
}

// Over a network that takes nothing twice, a lost answer holds up neither the queue nor
// whoever waits for an answer.
func TestAQueuedMessageWhoseAnswerWasLost(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		w.net.connect.set(login)
		tries := 0
		w.net.send.set(func(ctx context.Context, c *conn, m engine.Outgoing) (engine.Sent, error) {
			if m.Text == "lost" {
				tries++
				return askedOnce(ctx, c, m)
			}
			return engine.Sent{ID: m.ID, Timestamp: time.Now()}, nil
		})
		lost, next := w.queue("lost", queued), w.queue("next", queued)
		pass(time.Second)
		w.wantRow(lost, engine.MessageUnknown, engine.CodeSendOutcomeUnknown)
		w.wantRow(next, engine.MessageSent, "")
		if tries != 1 {
			t.Errorf("it was tried %d times", tries)
		}
	})
}

// A message that nobody was told of is found all the same.
func TestQueuedMessagesAreFoundWithoutAHint(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		m := text("x")
		m.ID = "ID1"
		row := engine.LoggedMessage{Session: key("a"), ID: m.ID, Direction: engine.Outbound, Chat: m.To, Kind: m.Kind,
			Status: engine.MessageQueued, CreatedAt: time.Now()}
		_, err := w.store.ReserveMessage(context.Background(),
			engine.Reservation{Message: row, Queued: &engine.Queued{Message: m, ExpiresAt: time.Now().Add(engine.MaxQueueTTL)}})
		if err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		w.wantRow("ID1", engine.MessageSent, "")
	})
}

// Nothing that goes well is an error to the operator.
func TestQueueingLogsNoErrors(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.end()
		core, logs := observer.New(zap.WarnLevel)
		w.config.Log = zap.New(core)
		w.start()
		w.link("a")
		id := w.queue("x", queued)
		pass(2 * time.Minute)
		w.wantRow(id, engine.MessageSent, "")
		for _, entry := range logs.All() {
			t.Errorf("%s: %s %v", entry.Level, entry.Message, entry.ContextMap())
		}
	})
}
