package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wapid/engine"
	"wapid/store"
)

func claimed(name string, print byte) engine.SendOptions {
	return engine.SendOptions{Claim: &engine.Claim{Key: name, Fingerprint: [32]byte{print}}}
}

func (w *world) submit(m engine.Outgoing, o engine.SendOptions) (engine.Submitted, error) {
	return w.engine.Submit(context.Background(), key("a"), m, o)
}

// used is how many messages count against the tenant's day.
func (w *world) used() int {
	w.t.Helper()
	u, err := w.store.FindUsage(context.Background(), store.DefaultTenant)
	if err != nil {
		w.t.Fatal(err)
	}
	return u.Sent
}

func (w *world) limit(n int) {
	w.t.Helper()
	_, err := w.store.ChangeTenant(context.Background(), store.Origin{}, store.DefaultTenant, store.TenantChange{DailyLimit: &n})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestIdempotencyKeys(t *testing.T) {
	long := make([]byte, 256)
	for i := range long {
		long[i] = 'x'
	}
	for text, valid := range map[string]bool{
		"": false, "a": true, "two words ~!": true, string(long): false, string(long[1:]): true, "é": false, "a\n": false, "\x7f": false,
	} {
		got, err := engine.ParseIdempotencyKey(text)
		if valid && (err != nil || got != text) || !valid && engine.CodeOf(err) != engine.CodeInvalid {
			t.Errorf("%.20q: %q, %v", text, got, err)
		}
	}
}

func TestTheSameRequestIsAnsweredFromTheLog(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		first, err := w.submit(text("hello"), claimed("k", 1))
		if err != nil || first.Replayed {
			t.Fatalf("%+v, %v", first, err)
		}
		again, err := w.submit(text("hello"), claimed("k", 1))
		if err != nil || !again.Replayed || again.ID != first.ID || !again.Timestamp.Equal(first.Timestamp) {
			t.Errorf("again: %+v, %v", again, err)
		}
		_, err = w.submit(text("other"), claimed("k", 2))
		wantCode(t, err, engine.CodeConflict)
		// Also when the session is not there for the moment.
		if _, err := w.engine.Stop(context.Background(), key("a")); err != nil {
			t.Fatal(err)
		}
		if again, err = w.submit(text("hello"), claimed("k", 1)); err != nil || again.ID != first.ID {
			t.Errorf("while stopped: %+v, %v", again, err)
		}
		_, err = w.submit(text("new"), claimed("new", 1))
		wantCode(t, err, engine.CodeSessionNotReady)
		if n := w.net.last(key("a")).sends.Load(); n != 1 || w.used() != 1 {
			t.Errorf("sent %d times, %d count", n, w.used())
		}
		pass(engine.ClaimLifetime)
		_, err = w.submit(text("hello"), claimed("k", 1))
		wantCode(t, err, engine.CodeSessionNotReady) // it is a new request now
	})
}

// What was sent is in the log as sent, also if the database did not take it at
// first; one that takes nothing for long keeps nobody from the answer, nor a
// stopping daemon from stopping.
func TestTheOutcomeIsWrittenDownInTheEnd(t *testing.T) {
	for _, c := range []struct {
		name  string
		fails int
		want  engine.MessageStatus
		ended bool // the request's context ends after a second, as at shutdown
		most  time.Duration
	}{
		{"locked for a moment", 3, engine.MessageSent, false, time.Second},
		{"locked for long", 1000, engine.MessagePending, false, 20 * time.Second},
		{"while stopping", 1000, engine.MessagePending, true, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.link("a")
				w.store.failFinish = c.fails
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				if c.ended {
					defer time.AfterFunc(time.Second, cancel).Stop()
				}
				began := time.Now()
				sent, err := w.engine.Send(ctx, key("a"), text("hello"))
				if err != nil || time.Since(began) > c.most {
					t.Errorf("answered after %v: %v", time.Since(began), err)
				}
				row, err := w.store.FindMessage(context.Background(), key("a"), engine.Outbound, sent.ID)
				if err != nil || row.Status != c.want {
					t.Errorf("the log says %q, want %q (%v)", row.Status, c.want, err)
				}
			})
		})
	}
}

func TestTheSameRequestWaitsForTheOneInFlight(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		c := w.link("a")
		release := make(chan struct{})
		w.net.send.set(func(_ context.Context, _ *conn, m engine.Outgoing) (engine.Sent, error) {
			<-release
			return engine.Sent{ID: m.ID, Timestamp: time.Now()}, nil
		})
		var all sync.WaitGroup
		answers := make([]engine.Submitted, 5)
		for i := range answers {
			all.Go(func() {
				var err error
				if answers[i], err = w.submit(text("hello"), claimed("k", 1)); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		_, err := w.submit(text("other"), claimed("k", 2))
		wantCode(t, err, engine.CodeConflict)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err = w.engine.Submit(ctx, key("a"), text("hello"), claimed("k", 1))
		wantCode(t, err, engine.CodeSessionBusy)
		close(release)
		all.Wait()
		replayed := 0
		for _, a := range answers {
			if a.ID != answers[0].ID || a.ID == "" {
				t.Errorf("answers %+v", answers)
			}
			if a.Replayed {
				replayed++
			}
		}
		if n := c.sends.Load(); n != 1 || replayed != 4 {
			t.Errorf("sent %d times, %d replayed", n, replayed)
		}
	})
}

// What the same request does after it was answered with an error.
func TestTheSameRequestAfterAnError(t *testing.T) {
	for code, c := range map[engine.Code]struct {
		sends  int64 // of both requests
		sameID bool
		second engine.Code
	}{
		engine.CodeNotOnWhatsApp:      {2, false, ""},
		engine.CodeReachoutTimelock:   {2, false, ""},
		engine.CodeRateLimited:        {2, false, ""},
		engine.CodeSessionNotReady:    {2, false, ""},
		engine.CodeUndeliverable:      {2, false, ""},
		engine.CodeSendOutcomeUnknown: {0, true, ""}, // as often as there was time
		engine.CodeInternal:           {2, true, ""},
		engine.CodeSendRejected:       {1, false, engine.CodeSendRejected},
	} {
		t.Run(string(code), func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				linked := w.link("a")
				var ids []engine.MessageID
				w.net.send.set(func(_ context.Context, _ *conn, m engine.Outgoing) (engine.Sent, error) {
					ids = append(ids, m.ID)
					return engine.Sent{}, engine.Errorf(code, "no")
				})
				_, err := w.submit(text("hello"), claimed("k", 1))
				wantCode(t, err, code)
				first := ids[0]
				w.net.send.set(func(_ context.Context, _ *conn, m engine.Outgoing) (engine.Sent, error) {
					ids = append(ids, m.ID)
					return engine.Sent{ID: m.ID, Timestamp: time.Now()}, nil
				})
				answer, err := w.submit(text("hello"), claimed("k", 1))
				wantCode(t, err, c.second)
				if n := linked.sends.Load(); c.sends > 0 && n != c.sends {
					t.Errorf("sent %d times", n)
				}
				if c.second != "" {
					return
				}
				if (answer.ID == first) != c.sameID || answer.ID != ids[len(ids)-1] {
					t.Errorf("answered %v after %v", answer.ID, ids)
				}
				if r := w.row(answer.ID); r == nil || r.Status != engine.MessageSent || w.used() != 1 {
					t.Errorf("the row is %+v, %d count", r, w.used())
				}
			})
		})
	}
}

// A crash leaves the outcome open: the same request is sent under the same id.
func TestTheSameRequestAfterACrash(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		left := engine.LoggedMessage{Session: key("a"), ID: "LEFT", Direction: engine.Outbound, Chat: text("").To,
			Kind: engine.KindText, Status: engine.MessagePending, CreatedAt: time.Now()}
		if _, err := w.store.ReserveMessage(context.Background(), engine.Reservation{Message: left, Claim: claimed("k", 1).Claim}); err != nil {
			t.Fatal(err)
		}
		w.end()
		w.net.connect.set(login)
		w.start()
		if r := w.row("LEFT"); r.Status != engine.MessageUnknown {
			t.Fatalf("the row is %+v", r)
		}
		// A refusal now says nothing of the try before the crash.
		w.net.send.set(func(context.Context, *conn, engine.Outgoing) (engine.Sent, error) {
			return engine.Sent{}, engine.Errorf(engine.CodeRateLimited, "no")
		})
		_, err := w.submit(text("hello"), claimed("k", 1))
		wantCode(t, err, engine.CodeRateLimited)
		if r := w.row("LEFT"); r == nil || r.Status != engine.MessageUnknown {
			t.Fatalf("the row is %+v", r)
		}
		w.net.send.set(nil)
		answer, err := w.submit(text("hello"), claimed("k", 1))
		if err != nil || answer.ID != "LEFT" || w.used() != 1 {
			t.Errorf("%+v, %v, %d count", answer, err, w.used())
		}
		if r := w.row("LEFT"); r.Status != engine.MessageSent {
			t.Errorf("the row is %+v", r)
		}
	})
}

func TestResumedMessagesAreSentOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		c := w.link("a")
		m := text("item")
		m.ID = "ITEM"
		var ids []engine.MessageID
		w.net.send.set(func(_ context.Context, _ *conn, m engine.Outgoing) (engine.Sent, error) {
			ids = append(ids, m.ID)
			return engine.Sent{ID: m.ID, Timestamp: time.Now(), Payload: []byte("p")}, nil
		})
		first, err := w.submit(m, engine.SendOptions{Resume: true})
		if err != nil || first.Replayed {
			t.Fatalf("%+v, %v", first, err)
		}
		again, err := w.submit(m, engine.SendOptions{Resume: true})
		if err != nil || !again.Replayed || again.ID != "ITEM" || string(again.Payload) != "p" {
			t.Errorf("%+v, %v", again, err)
		}
		if n := c.sends.Load(); n != 1 || w.used() != 1 {
			t.Errorf("sent %d times, %d count", n, w.used())
		}
		left := engine.LoggedMessage{Session: key("a"), ID: "LEFT", Direction: engine.Outbound, Chat: m.To, Kind: m.Kind,
			Status: engine.MessagePending, CreatedAt: time.Now()}
		if _, err := w.store.ReserveMessage(context.Background(), engine.Reservation{Message: left}); err != nil {
			t.Fatal(err)
		}
		m.ID = "LEFT"
		if _, err := w.submit(m, engine.SendOptions{Resume: true}); err != nil || w.used() != 2 {
			t.Errorf("%v, %d count", err, w.used())
		}
		if !slices.Equal(ids, []engine.MessageID{"ITEM", "LEFT"}) {
			t.Errorf("sent %v", ids)
		}
	})
}

func TestQuotaHoldsForSendsAtTheSameTime(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		c := w.link("a")
		w.limit(7)
		var through, refused atomic.Int64
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				_, err := w.submit(text(fmt.Sprint(i)), engine.SendOptions{})
				switch e, _ := errors.AsType[*engine.Error](err); {
				case err == nil:
					through.Add(1)
				case e.Code == engine.CodeSentLimit && e.Limit == 7 && e.Used == 7 && e.RetryAfter > 0:
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if through.Load() != 7 || refused.Load() != 43 || c.sends.Load() != 7 {
			t.Errorf("%d got through, %d were refused, %d were sent", through.Load(), refused.Load(), c.sends.Load())
		}
	})
}

// At the limit a send waits for those beside it that may give their share back.
func TestTheRestOfTheQuotaIsLeftToThoseWhoCanUseIt(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		w.limit(10)
		w.net.send.set(func(_ context.Context, _ *conn, m engine.Outgoing) (engine.Sent, error) {
			if m.Text == "nobody" {
				<-time.After(100 * time.Millisecond) // all of them together take less than others wait
				return engine.Sent{}, engine.Errorf(engine.CodeNotOnWhatsApp, "absent")
			}
			<-time.After(10 * time.Millisecond)
			return engine.Sent{ID: m.ID, Timestamp: time.Now()}, nil
		})
		var through, refused, absent atomic.Int64
		var all sync.WaitGroup
		for i := range 60 {
			all.Go(func() {
				words := "somebody"
				if i%3 == 0 {
					words = "nobody"
				}
				switch _, err := w.submit(text(words), engine.SendOptions{}); engine.CodeOf(err) {
				case "":
					through.Add(1)
				case engine.CodeSentLimit:
					refused.Add(1)
				case engine.CodeNotOnWhatsApp:
					absent.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if through.Load() != 10 || w.used() != 10 || through.Load()+refused.Load()+absent.Load() != 60 {
			t.Errorf("%d got through, %d were refused, %d are absent, %d count", through.Load(), refused.Load(), absent.Load(), w.used())
		}
	})
}

func TestTheLimitIsToldSoonWhateverIsUnderWay(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.link("a")
		w.limit(1)
		stuck := make(chan struct{})
		w.net.send.set(func(_ context.Context, _ *conn, m engine.Outgoing) (engine.Sent, error) {
			<-stuck
			return engine.Sent{ID: m.ID, Timestamp: time.Now()}, nil
		})
		var first sync.WaitGroup
		first.Go(func() { _, _ = w.submit(text("slow"), engine.SendOptions{}) })
		synctest.Wait()
		begun := time.Now()
		_, err := w.submit(text("next"), engine.SendOptions{})
		wantCode(t, err, engine.CodeSentLimit)
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("it took %s", took)
		}
		close(stuck)
		first.Wait()
	})
}
