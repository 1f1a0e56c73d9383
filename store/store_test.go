package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
)

var start = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, o store.Options) *store.Store {
	t.Helper()
	s := openAt(t, filepath.Join(t.TempDir(), store.FileName), o)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func openAt(t testing.TB, path string, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.EnsureDefaultTenant(context.Background(), ""); err != nil {
		t.Fatal(err)
	}
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, err error, want engine.Code) {
	t.Helper()
	if got := engine.CodeOf(err); got != want {
		t.Fatalf("error %v has code %q, want %q", err, got, want)
	}
}

func key(id string) engine.SessionKey {
	return engine.SessionKey{Tenant: store.DefaultTenant, ID: engine.SessionID(id)}
}

func message(session, id string) engine.LoggedMessage {
	return engine.LoggedMessage{
		Session: key(session), ID: engine.MessageID(id), Direction: engine.Outbound, Chat: "1234567@s.whatsapp.net",
		Peer: engine.Person{Phone: "1234567@s.whatsapp.net", LID: "99@lid"}, Kind: engine.KindText, Text: "hello",
		Status: engine.MessagePending, CreatedAt: start,
	}
}

func event(session, body string) engine.Event {
	return engine.Event{Session: key(session), Type: engine.EventMessage, At: start, Data: []byte(body)}
}

func TestSessionsSurviveReopening(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), store.FileName)
	s := openAt(t, path, store.Options{})
	one := engine.Session{
		Key: key("main"), Name: "Shop",
		State: engine.State{Status: engine.StatusDisconnected, Reason: engine.ReasonBanned, Until: start.Add(time.Hour),
			Intent: engine.IntentRun, RefusedVersion: "2.3000.1", Reachout: engine.Timelock{Locked: true, Until: start.Add(2 * time.Hour)},
			Identity: engine.Identity{Device: "d1", Person: engine.Person{Phone: "1@s.whatsapp.net", LID: "2@lid"}}},
		CreatedAt: start, UpdatedAt: start,
	}
	must(t, s.InsertSession(ctx, one))
	wantCode(t, s.InsertSession(ctx, one), engine.CodeInvalid)
	other := one
	other.Key.Tenant = "nobody"
	wantCode(t, s.InsertSession(ctx, other), engine.CodeNotFound)
	must(t, s.Close())

	s = openAt(t, path, store.Options{})
	defer s.Close()
	all, err := s.ListAllSessions(ctx)
	must(t, err)
	if len(all) != 1 || all[0] != one {
		t.Fatalf("got  %+v\nwant %+v", all, one)
	}
	wantCode(t, s.ConfigureSession(ctx, key("other"), "x", engine.SessionOptions{}), engine.CodeSessionNotFound)
	must(t, s.ConfigureSession(ctx, key("main"), "Shop 2", engine.SessionOptions{}))
	must(t, s.DeleteSession(ctx, key("main")))
	must(t, s.DeleteSession(ctx, key("main")))
	if all, _ = s.ListAllSessions(ctx); len(all) != 0 {
		t.Fatalf("still there: %+v", all)
	}
}

func TestSaveStateExpectsTheOldState(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{})
	from := engine.State{Status: engine.StatusInitializing, Intent: engine.IntentRun}
	to := engine.State{Status: engine.StatusReady, Intent: engine.IntentRun}
	wantCode(t, s.SaveState(ctx, key("main"), from, to, start), engine.CodeSessionNotFound)
	must(t, s.InsertSession(ctx, engine.Session{Key: key("main"), State: from, CreatedAt: start, UpdatedAt: start}))
	must(t, s.SaveState(ctx, key("main"), from, to, start, event("main", `{"a":1}`), event("main", `{"a":2}`)))
	wantCode(t, s.SaveState(ctx, key("main"), from, to, start, event("main", `{"a":3}`)), engine.CodeInternal)
	stopped := engine.State{Status: engine.StatusReady, Intent: engine.IntentStop}
	wantCode(t, s.SaveState(ctx, key("main"), stopped, to, start), engine.CodeInternal)

	events, err := s.ListEvents(ctx, store.DefaultTenant, "", 10)
	must(t, err)
	if len(events) != 2 || string(events[0].Data) != `{"a":1}` || string(events[1].Data) != `{"a":2}` {
		t.Fatalf("the events are not those of the change that was saved: %+v", events)
	}
	if rest, err := s.ListEvents(ctx, store.DefaultTenant, events[0].ID, 10); err != nil || len(rest) != 1 {
		t.Fatalf("after the first: %+v, %v", rest, err)
	}
}

func TestMessageStatusMovesForwardOnly(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{})
	for _, id := range []string{"A", "B", "C", "D"} {
		must(t, reserve(ctx, s, message("main", id)))
	}
	wantCode(t, reserve(ctx, s, message("main", "A")), engine.CodeInternal)
	must(t, reserve(ctx, s, message("other", "A")))
	must(t, s.FinishMessage(ctx, key("main"), "A", engine.MessageOutcome{
		Status: engine.MessageSent, SentAt: start.Add(time.Second), Recipient: engine.Person{LID: "77@lid"}, Code: engine.CodeInternal}))
	wantCode(t, s.FinishMessage(ctx, key("main"), "A", engine.MessageOutcome{Status: engine.MessageFailed, Code: engine.CodeSendRejected}), engine.CodeInternal)
	wantCode(t, s.FinishMessage(ctx, key("main"), "Z", engine.MessageOutcome{Status: engine.MessageSent, SentAt: start}), engine.CodeNotFound)
	must(t, s.FinishMessage(ctx, key("main"), "B", engine.MessageOutcome{Status: engine.MessageFailed, SentAt: start, Code: engine.CodeSendRejected}))
	must(t, s.DiscardMessage(ctx, key("main"), "A", nil))
	must(t, s.DiscardMessage(ctx, key("main"), "D", nil))
	must(t, s.InterruptMessages(ctx))
	must(t, s.FinishMessage(ctx, key("other"), "A", engine.MessageOutcome{Status: engine.MessageSent, SentAt: start}))

	want := message("main", "A")
	want.Status, want.SentAt, want.Peer.LID = engine.MessageSent, start.Add(time.Second), "77@lid"
	m, err := s.FindMessage(ctx, key("main"), engine.Outbound, "A")
	if m.StatusAt.IsZero() {
		t.Error("nothing says when the status moved")
	}
	m.StatusAt = time.Time{}
	if err != nil || !reflect.DeepEqual(m, want) {
		t.Errorf("got %+v, %v; want %+v", m, err, want)
	}
	for id, status := range map[engine.MessageID]engine.MessageStatus{"B": engine.MessageFailed, "C": engine.MessageUnknown} {
		m, err := s.FindMessage(ctx, key("main"), engine.Outbound, id)
		if err != nil || m.Status != status || !m.SentAt.IsZero() {
			t.Errorf("%s: %+v, %v", id, m, err)
		}
	}
	_, err = s.FindMessage(ctx, key("main"), engine.Outbound, "D")
	wantCode(t, err, engine.CodeNotFound)
	if list, err := s.ListMessages(ctx, key("main"), 2); err != nil || len(list) != 2 {
		t.Errorf("list: %+v, %v", list, err)
	}
}

func TestIncomingIsWrittenOnce(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{})
	_, err := s.PutEndpoint(ctx, store.DefaultTenant, "https://example.com", "")
	must(t, err)
	<-s.Queued()

	var fresh atomic.Int32
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			ok, err := s.BeginIncoming(ctx, message("main", fmt.Sprint("M", i%10)), event("main", `{}`))()
			if err != nil {
				t.Error(err)
			}
			if ok {
				fresh.Add(1)
			}
		})
	}
	wg.Wait()
	if fresh.Load() != 10 {
		t.Errorf("%d of 10 messages were fresh", fresh.Load())
	}
	n, err := s.CountEvents(ctx, key("main"), engine.EventMessage)
	must(t, err)
	deliveries, err := s.ListDeliveries(ctx, store.DefaultTenant, 0, 100)
	must(t, err)
	if n != 10 || len(deliveries) != 10 {
		t.Errorf("%d events and %d deliveries of 10 messages", n, len(deliveries))
	}
	select {
	case <-s.Queued():
	default:
		t.Error("the dispatcher got no hint")
	}
	// The same id in another session, or sent by ourselves, is another message.
	must(t, reserve(ctx, s, message("main", "M1")))
	if ok, err := s.BeginIncoming(ctx, message("other", "M1"), event("other", `{}`))(); err != nil || !ok {
		t.Errorf("other session: %v, %v", ok, err)
	}
}

// Senders choose ids: nobody may swallow another's message by guessing its id.
func TestIncomingIsKnownByItsSender(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{})
	const alice, aliceLID, mallory, malloryLID = "1000001@s.whatsapp.net", "11@lid", "1000002@s.whatsapp.net", "22@lid"
	const group, other = "123-456@g.us", "123-789@g.us"
	for i, c := range []struct {
		name       string
		id         string
		chat       engine.JID
		phone, lid engine.JID
		fresh      bool
	}{
		{"the first to use the id", "A", mallory, mallory, malloryLID, true},
		{"another sender", "A", alice, alice, aliceLID, true},
		{"another sender again", "A", alice, alice, aliceLID, false},
		{"now without the phone number", "A", aliceLID, "", aliceLID, false},
		{"in a group", "A", group, alice, aliceLID, true},
		{"in a group again, without the phone number", "A", group, "", aliceLID, false},
		{"by another in the group", "A", group, mallory, malloryLID, true},
		{"in another group", "A", other, alice, aliceLID, true},
		{"before the LID is known", "B", alice, alice, "", true},
		{"again before the LID is known", "B", alice, alice, "", false},
		{"with the LID", "B", alice, alice, aliceLID, false},
		{"another sender's with a LID", "B", mallory, mallory, malloryLID, true},
		{"in a group before the LID is known", "B", group, alice, "", true},
		{"in a group with the LID", "B", group, alice, aliceLID, false},
	} {
		m := message("main", c.id)
		m.Chat, m.Peer, m.CreatedAt = c.chat, engine.Person{Phone: c.phone, LID: c.lid}, start.Add(time.Duration(i)*time.Second)
		if fresh, err := s.BeginIncoming(ctx, m, event("main", `{}`))(); err != nil || fresh != c.fresh {
			t.Errorf("%s: fresh is %v, %v", c.name, fresh, err)
		}
	}
	if n, err := s.CountEvents(ctx, key("main"), engine.EventMessage); err != nil || n != 8 {
		t.Errorf("%d events, want 8, %v", n, err)
	}
	if m, err := s.FindMessage(ctx, key("main"), engine.Inbound, "A"); err != nil || m.Peer.Phone != mallory {
		t.Errorf("found %+v, %v", m, err)
	}
}

func TestEventIDsGrowWhenTheClockGoesBack(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), store.FileName)
	now := start
	clock := func() time.Time { return now }
	var want []string
	for restart := range 3 {
		s := openAt(t, path, store.Options{Clock: clock})
		for i := range 50 {
			body := fmt.Sprintf(`{"n":%d}`, restart*50+i)
			want = append(want, body)
			must(t, s.AppendEvent(ctx, event("main", body)))
			if i == 25 {
				now = now.Add(-time.Minute)
			}
		}
		must(t, s.Close())
	}
	s := openAt(t, path, store.Options{})
	defer s.Close()
	events, err := s.ListEvents(ctx, store.DefaultTenant, "", 1000)
	must(t, err)
	if len(events) != len(want) {
		t.Fatalf("%d events, want %d", len(events), len(want))
	}
	for i, e := range events {
		if string(e.Data) != want[i] {
			t.Fatalf("event %d is %s, want %s", i, e.Data, want[i])
		}
	}
}

func TestContextThatEndedWritesNothing(t *testing.T) {
	s := open(t, store.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := reserve(ctx, s, message("main", "A"))
	wantCode(t, err, engine.CodeStorage)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not say that the context ended", err)
	}
	_, err = s.FindMessage(context.Background(), key("main"), engine.Outbound, "A")
	wantCode(t, err, engine.CodeNotFound)
}

func TestFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "with ? and %20 and #", store.FileName)
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	s := openAt(t, path, store.Options{})
	defer s.Close()
	must(t, s.Ping(context.Background()))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path+suffix, info.Mode())
		}
	}
}

func TestClosedStoreRefusesWrites(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), store.FileName), store.Options{})
	must(t, s.Close())
	wantCode(t, reserve(context.Background(), s, message("main", "A")), engine.CodeStopping)
	wantCode(t, s.Ping(context.Background()), engine.CodeStorage)
}
