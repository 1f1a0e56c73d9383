package store_test

import (
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
)

// withSession is a store with a running session, and a clock that the test moves.
func withSession(t *testing.T) (*store.Store, *atomic.Pointer[time.Time]) {
	t.Helper()
	s, now := limited(t, 0, "UTC")
	must(t, s.InsertSession(t.Context(), engine.Session{Key: key("main"),
		State: engine.State{Status: engine.StatusReady, Intent: engine.IntentRun}, CreatedAt: start, UpdatedAt: start}))
	return s, now
}

// enqueue puts a message with a file into the outbox.
func enqueue(t *testing.T, s *store.Store, id string, ttl time.Duration) {
	t.Helper()
	row := message("main", id)
	row.Status = engine.MessageQueued
	m := engine.Outgoing{ID: row.ID, To: row.Chat, Kind: engine.KindImage, Text: id, Attachment: &engine.Attachment{Path: "/spool/" + id}}
	_, err := s.ReserveMessage(t.Context(), engine.Reservation{Message: row, Queued: &engine.Queued{Message: m, ExpiresAt: start.Add(ttl)}})
	must(t, err)
}

func next(t *testing.T, s *store.Store) (q *engine.Queued, files []string) {
	t.Helper()
	q, files, err := s.ClaimQueued(t.Context(), key("main"))
	must(t, err)
	return q, files
}

func wantStatus(t *testing.T, s *store.Store, id engine.MessageID, want engine.MessageStatus, code engine.Code) {
	t.Helper()
	m, err := s.FindMessage(t.Context(), key("main"), engine.Outbound, id)
	if err != nil || m.Status != want || m.ErrorCode != code {
		t.Errorf("%s is %s/%s, want %s/%s, %v", id, m.Status, m.ErrorCode, want, code, err)
	}
}

func TestOutboxGoesInOrder(t *testing.T) {
	s, _ := withSession(t)
	ctx := t.Context()
	for _, id := range []string{"C", "A", "B"} {
		enqueue(t, s, id, time.Hour)
	}
	sessions, first, err := s.ListOutboxes(ctx)
	if err != nil || !slices.Equal(sessions, []engine.SessionKey{key("main")}) || !first.Equal(start.Add(time.Hour)) {
		t.Errorf("%v, %v, %v", sessions, first, err)
	}
	if files, err := s.ListSpooled(ctx); err != nil || !slices.Equal(files, []string{"/spool/C", "/spool/A", "/spool/B"}) {
		t.Errorf("spooled %v, %v", files, err)
	}
	q, _ := next(t, s)
	if q.Message.ID != "C" || q.Message.Text != "C" || q.Message.Attachment.Path != "/spool/C" || q.Unsure {
		t.Fatalf("%+v", q)
	}
	wantStatus(t, s, "C", engine.MessagePending, "")
	// It keeps its place until it is finished, and knows that a try may have gone through.
	must(t, s.ReturnQueued(ctx, key("main"), "C", false))
	wantStatus(t, s, "C", engine.MessageQueued, "")
	next(t, s)
	must(t, s.ReturnQueued(ctx, key("main"), "C", true))
	if q, _ = next(t, s); q.Message.ID != "C" || !q.Unsure {
		t.Fatalf("%+v", q)
	}
	must(t, s.FinishQueued(ctx, key("main"), "C", engine.MessageOutcome{Status: engine.MessageSent, SentAt: start}))
	wantStatus(t, s, "C", engine.MessageSent, "")
	if q, _ = next(t, s); q.Message.ID != "A" {
		t.Errorf("after C comes %+v", q)
	}
	must(t, s.FinishQueued(ctx, key("main"), "A", engine.MessageOutcome{Status: engine.MessageFailed, Code: engine.CodeNotOnWhatsApp}))
	wantStatus(t, s, "A", engine.MessageFailed, engine.CodeNotOnWhatsApp)
	if n := used(t, s); n != 2 {
		t.Errorf("%d count", n)
	}
}

func TestOutboxForgetsNothingInACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), store.FileName)
	s := openAt(t, path, store.Options{})
	must(t, s.InsertSession(t.Context(), engine.Session{Key: key("main"),
		State: engine.State{Status: engine.StatusReady, Intent: engine.IntentRun}, CreatedAt: start, UpdatedAt: start}))
	enqueue(t, s, "A", 100*365*24*time.Hour)
	next(t, s)
	must(t, reserve(t.Context(), s, message("main", "DIRECT")))
	must(t, s.Close())
	s = openAt(t, path, store.Options{})
	defer s.Close()
	must(t, s.InterruptMessages(t.Context()))
	wantStatus(t, s, "DIRECT", engine.MessageUnknown, engine.CodeSendOutcomeUnknown)
	wantStatus(t, s, "A", engine.MessagePending, "")
	if q, _ := next(t, s); q == nil || q.Message.ID != "A" || !q.Unsure {
		t.Errorf("%+v", q)
	}
}

func TestQueuedMessagesExpire(t *testing.T) {
	s, now := withSession(t)
	ctx := t.Context()
	for _, id := range []string{"SENDING", "UNSURE", "WAITING", "YOUNG"} {
		enqueue(t, s, id, time.Hour)
	}
	next(t, s)
	must(t, s.FinishQueued(ctx, key("main"), "SENDING", engine.MessageOutcome{Status: engine.MessageSent, SentAt: start}))
	next(t, s)
	must(t, s.ReturnQueued(ctx, key("main"), "UNSURE", true))
	enqueue(t, s, "LATER", 2*time.Hour)
	q, _ := next(t, s) // UNSURE again: what is being sent does not expire
	if q.Message.ID != "UNSURE" {
		t.Fatalf("%+v", q)
	}
	over := start.Add(time.Hour)
	now.Store(&over)
	files, err := s.ExpireQueued(ctx)
	if err != nil || !slices.Equal(slices.Sorted(slices.Values(files)), []string{"/spool/WAITING", "/spool/YOUNG"}) {
		t.Errorf("%v, %v", files, err)
	}
	wantStatus(t, s, "WAITING", engine.MessageFailed, engine.CodeMessageExpired)
	wantStatus(t, s, "UNSURE", engine.MessagePending, "")
	must(t, s.ReturnQueued(ctx, key("main"), "UNSURE", true))
	q, files = next(t, s)
	if q == nil || q.Message.ID != "LATER" || !slices.Equal(files, []string{"/spool/UNSURE"}) {
		t.Errorf("%+v, %v", q, files)
	}
	wantStatus(t, s, "UNSURE", engine.MessageUnknown, engine.CodeSendOutcomeUnknown)
	if n := used(t, s); n != 3 {
		t.Errorf("%d count", n)
	}
}

// A session that is removed takes its outbox along, and takes no more into it.
func TestOutboxOfARemovedSession(t *testing.T) {
	s, _ := withSession(t)
	ctx := t.Context()
	for _, id := range []string{"SENDING", "WAITING"} {
		enqueue(t, s, id, time.Hour)
	}
	next(t, s)
	must(t, s.SaveState(ctx, key("main"), engine.State{Status: engine.StatusReady, Intent: engine.IntentRun},
		engine.State{Status: engine.StatusDisconnected, Reason: engine.ReasonStopped, Intent: engine.IntentDelete}, start))
	row := message("main", "LATE")
	row.Status = engine.MessageQueued
	_, err := s.ReserveMessage(ctx, engine.Reservation{Message: row, Queued: &engine.Queued{ExpiresAt: start.Add(time.Hour)}})
	wantCode(t, err, engine.CodeSessionNotFound)
	files, err := s.FailQueued(ctx, key("main"), engine.CodeSessionNotFound)
	if err != nil || !slices.Equal(files, []string{"/spool/SENDING", "/spool/WAITING"}) {
		t.Errorf("%v, %v", files, err)
	}
	wantStatus(t, s, "SENDING", engine.MessageUnknown, engine.CodeSendOutcomeUnknown)
	wantStatus(t, s, "WAITING", engine.MessageFailed, engine.CodeSessionNotFound)
	if all, _, err := s.ListOutboxes(ctx); err != nil || len(all) != 0 {
		t.Errorf("left: %v, %v", all, err)
	}
}

// A suspended tenant's messages wait, and expire.
func TestOutboxOfASuspendedTenant(t *testing.T) {
	s, _ := withSession(t)
	enqueue(t, s, "A", time.Hour)
	suspend := func(on bool) {
		t.Helper()
		_, err := s.SuspendTenant(t.Context(), store.Origin{}, store.DefaultTenant, on)
		must(t, err)
	}
	suspend(true)
	if q, _ := next(t, s); q != nil {
		t.Errorf("%+v", q)
	}
	wantStatus(t, s, "A", engine.MessageQueued, "")
	suspend(false)
	if q, _ := next(t, s); q == nil || q.Message.ID != "A" {
		t.Errorf("%+v", q)
	}
}

// A receipt shows that a try of unknown outcome went through: it is not tried again.
func TestReceiptEndsAQueuedMessage(t *testing.T) {
	s, _ := withSession(t)
	ctx := t.Context()
	enqueue(t, s, "A", time.Hour)
	next(t, s)
	must(t, s.ReturnQueued(ctx, key("main"), "A", true))
	must(t, s.AdvanceMessages(ctx, key("main"), engine.Receipt{Chat: "1234567@s.whatsapp.net", IDs: []engine.MessageID{"A"}, Status: engine.MessageDelivered, At: start}))
	if q, files := next(t, s); q != nil || !slices.Equal(files, []string{"/spool/A"}) {
		t.Errorf("%+v, %v", q, files)
	}
	wantStatus(t, s, "A", engine.MessageDelivered, "")
}

func TestOutcomesAreLoggedAndToldToThoseWhoAsk(t *testing.T) {
	s, _ := withSession(t)
	ctx := t.Context()
	statuses := func() (n int) {
		t.Helper()
		n, err := s.CountEvents(ctx, key("main"), engine.EventMessageStatus)
		must(t, err)
		return n
	}
	_, err := s.PutEndpoint(ctx, store.DefaultTenant, "https://example.com", "")
	must(t, err)
	must(t, reserve(ctx, s, message("main", "A")))
	must(t, s.FinishMessage(ctx, key("main"), "A", engine.MessageOutcome{Status: engine.MessageSent, SentAt: start}))
	if n := statuses(); n != 1 { // for those who read the log
		t.Errorf("%d events", n)
	}
	_, err = s.PutEndpoint(ctx, store.DefaultTenant, "https://example.com", "", engine.EventMessage, engine.EventMessageStatus)
	must(t, err)
	for _, id := range []string{"B", "C", "D", "E"} {
		must(t, reserve(ctx, s, message("main", id)))
	}
	must(t, s.FinishMessage(ctx, key("main"), "B", engine.MessageOutcome{Status: engine.MessageSent, SentAt: start}))
	must(t, s.FinishMessage(ctx, key("main"), "C", engine.MessageOutcome{Status: engine.MessageFailed, Code: engine.CodeSendRejected}))
	must(t, s.DiscardMessage(ctx, key("main"), "D", nil))
	must(t, s.InterruptMessages(ctx)) // E
	if n := statuses(); n != 4 {
		t.Errorf("%d events", n)
	}
	events, err := s.ListEvents(ctx, store.DefaultTenant, "", 10)
	must(t, err)
	for i, want := range []string{
		`{"id":"A","to":"1234567@s.whatsapp.net","status":"sent","timestamp":1795176000,"recipient":"1234567"}`,
		`{"id":"B","to":"1234567@s.whatsapp.net","status":"sent","timestamp":1795176000,"recipient":"1234567"}`,
		`{"id":"C","to":"1234567@s.whatsapp.net","status":"failed","timestamp":1795176000,"errorCode":"SEND_REJECTED","recipient":"1234567"}`,
		`{"id":"E","to":"1234567@s.whatsapp.net","status":"unknown","timestamp":1795176000,"errorCode":"SEND_OUTCOME_UNKNOWN","recipient":"1234567"}`,
	} {
		if got := string(events[i].Data); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if all, err := s.ListDeliveries(ctx, store.DefaultTenant, 0, 10); err != nil || len(all) != 3 {
		t.Errorf("%d deliveries, %v", len(all), err)
	}
}

// A tenant's queued files take a bounded share of the disk; texts and other
// tenants go on, and what has left the queue makes room.
func TestQueuedFilesAreBounded(t *testing.T) {
	s, _ := withSession(t)
	add := func(id string, size int64) error {
		row := message("main", id)
		row.Status = engine.MessageQueued
		m := engine.Outgoing{ID: row.ID, To: row.Chat, Kind: engine.KindText}
		if size > 0 {
			m.Kind, m.Attachment = engine.KindDocument, &engine.Attachment{Path: "/spool/" + id, Size: size}
		}
		_, err := s.ReserveMessage(t.Context(), engine.Reservation{Message: row, Queued: &engine.Queued{Message: m, ExpiresAt: start.Add(time.Hour)}})
		return err
	}
	must(t, add("A", engine.MaxQueuedFiles+1))
	wantCode(t, add("B", 1), engine.CodeRateLimited)
	if _, err := s.FindMessage(t.Context(), key("main"), engine.Outbound, "B"); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("a refused message is in the log: %v", err)
	}
	must(t, add("C", 0))
	if q, _ := next(t, s); q.Message.ID != "A" {
		t.Fatalf("first is %s", q.Message.ID)
	}
	must(t, s.FinishQueued(t.Context(), key("main"), "A", engine.MessageOutcome{Status: engine.MessageSent, SentAt: start}))
	must(t, add("D", engine.MaxQueuedFiles))
}
