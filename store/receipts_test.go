package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

const (
	ana  engine.JID = "1234567@s.whatsapp.net" // whom message writes to
	team engine.JID = "123-456@g.us"
)

func receipt(status engine.MessageStatus, ids ...engine.MessageID) engine.Receipt {
	return engine.Receipt{Chat: ana, By: engine.Person{Phone: ana, LID: "99@lid"}, IDs: ids, Status: status, At: start.Add(time.Minute)}
}

// statusEvents are the data of a tenant's EventMessageStatus, in their order.
func statusEvents(t *testing.T, s *store.Store, tenant engine.TenantID) (all []string) {
	t.Helper()
	events, err := s.ListEvents(t.Context(), tenant, "", 1000)
	must(t, err)
	for _, e := range events {
		if e.Type == engine.EventMessageStatus {
			all = append(all, string(e.Data))
		}
	}
	return all
}

// TestReceiptsHaveTime: a receipt is committed with what others write just behind it, and
// holds up none of them.
func TestReceiptsHaveTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := open(t, store.Options{})
		for _, id := range []engine.MessageID{"A", "B"} {
			_, err := s.ReserveMessage(ctx, engine.Reservation{Message: message("main", string(id))})
			must(t, err)
			must(t, s.FinishMessage(ctx, key("main"), id, engine.MessageOutcome{Status: engine.MessageSent, SentAt: start}))
		}
		begun, done := time.Now(), make(chan error, 1)
		go func() { done <- s.AdvanceMessages(ctx, key("main"), receipt(engine.MessageDelivered, "A")) }()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("the receipt had a commit to itself: %v", err)
		default:
		}
		must(t, s.AppendEvent(ctx, engine.Event{Session: key("main"), Type: engine.EventCall, Data: []byte(`{}`)}))
		must(t, <-done)
		if waited := time.Since(begun); waited != 0 {
			t.Errorf("they waited for %s", waited)
		}
		must(t, s.AdvanceMessages(ctx, key("main"), receipt(engine.MessageDelivered, "B")))
		if waited := time.Since(begun); waited <= 0 || waited > 10*time.Millisecond {
			t.Errorf("a receipt alone waited for %s", waited)
		}
	})
}

// TestStatusMovesForward: whatever order the network's words come in, a message
// never moves back, and each move is told once.
func TestStatusMovesForward(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{Clock: func() time.Time { return start }})
	_, err := s.PutEndpoint(ctx, store.DefaultTenant, "https://example.com", "", engine.EventMessageStatus)
	must(t, err)
	type step = func(id engine.MessageID) error
	finish := func(o engine.MessageOutcome) step {
		return func(id engine.MessageID) error { return s.FinishMessage(ctx, key("main"), id, o) }
	}
	advance := func(status engine.MessageStatus) step {
		return func(id engine.MessageID) error { return s.AdvanceMessages(ctx, key("main"), receipt(status, id)) }
	}
	sent := finish(engine.MessageOutcome{Status: engine.MessageSent, SentAt: start})
	failed := finish(engine.MessageOutcome{Status: engine.MessageFailed, Code: engine.CodeSendRejected})
	unknown := finish(engine.MessageOutcome{Status: engine.MessageUnknown, Code: engine.CodeSendOutcomeUnknown})
	delivered, read, played := advance(engine.MessageDelivered), advance(engine.MessageRead), advance(engine.MessagePlayed)
	for i, c := range []struct {
		steps []step
		want  []engine.MessageStatus // told, the last is where it ends
		shown bool                   // by a receipt: that it was sent
	}{
		{[]step{sent, delivered, read, played}, []engine.MessageStatus{"sent", "delivered", "read", "played"}, false},
		{[]step{sent, delivered, delivered, read, read}, []engine.MessageStatus{"sent", "delivered", "read"}, false},
		{[]step{sent, played, read, delivered}, []engine.MessageStatus{"sent", "played"}, false},
		{[]step{sent, read, delivered}, []engine.MessageStatus{"sent", "read"}, false},
		{[]step{delivered, sent}, []engine.MessageStatus{"sent", "delivered"}, true}, // faster than the answer to the sending
		{[]step{unknown, delivered, read}, []engine.MessageStatus{"unknown", "delivered", "read"}, false},
		{[]step{failed, delivered}, []engine.MessageStatus{"failed", "delivered"}, false},
		{[]step{read}, []engine.MessageStatus{"sent", "read"}, true},
	} {
		id := engine.MessageID(fmt.Sprint("M", i))
		must(t, reserve(ctx, s, message("main", string(id))))
		before := len(statusEvents(t, s, store.DefaultTenant))
		for _, step := range c.steps {
			must(t, step(id))
		}
		var want []string
		for _, status := range c.want {
			at, code := start, ""
			switch status {
			case engine.MessageFailed:
				code = `,"errorCode":"SEND_REJECTED"`
			case engine.MessageUnknown:
				code = `,"errorCode":"SEND_OUTCOME_UNKNOWN"`
			case engine.MessageDelivered, engine.MessageRead, engine.MessagePlayed:
				at = start.Add(time.Minute)
			case engine.MessageSent:
				if c.shown {
					at = start.Add(time.Minute)
				}
			}
			want = append(want, fmt.Sprintf(`{"id":"%s","to":"%s","status":"%s","timestamp":%d%s,"recipient":"1234567"}`, id, ana, status, at.Unix(), code))
		}
		if got := statusEvents(t, s, store.DefaultTenant)[before:]; !slices.Equal(got, want) {
			t.Errorf("%d: told %v\nwant %v", i, got, want)
		}
		m, err := s.FindMessage(ctx, key("main"), engine.Outbound, id)
		if last := c.want[len(c.want)-1]; err != nil || m.Status != last {
			t.Errorf("%d: it ends as %s, want %s, %v", i, m.Status, last, err)
		}
		if m.Status == engine.MessageDelivered && m.ErrorCode != "" {
			t.Errorf("%d: what arrived has the error %s", i, m.ErrorCode)
		}
	}
	wantCode(t, s.AdvanceMessages(ctx, key("main"), receipt(engine.MessageQueued, "M0")), engine.CodeInternal)
}

// TestLateWordOfTheNetwork: what a network tells of a message behind the sending counts as
// long as nothing has shown more.
func TestLateWordOfTheNetwork(t *testing.T) {
	ctx := t.Context()
	s := open(t, store.Options{Clock: func() time.Time { return start }})
	_, err := s.PutEndpoint(ctx, store.DefaultTenant, "https://example.com", "", engine.EventMessageStatus)
	must(t, err)
	sent := engine.MessageOutcome{Status: engine.MessageSent, SentAt: start}
	unknown := engine.MessageOutcome{Status: engine.MessageUnknown, Code: engine.CodeSendOutcomeUnknown}
	for i, c := range []struct {
		before *engine.MessageOutcome // nil for a message that is under way
		says   []engine.MessageStatus
		want   engine.MessageStatus
		told   int
	}{
		{&unknown, []engine.MessageStatus{engine.MessageSent, engine.MessageSent}, engine.MessageSent, 2},
		{&unknown, []engine.MessageStatus{engine.MessageFailed}, engine.MessageFailed, 2},
		{&sent, []engine.MessageStatus{engine.MessageSent}, engine.MessageSent, 1},
		{&sent, []engine.MessageStatus{engine.MessageFailed, engine.MessageFailed, engine.MessageSent}, engine.MessageFailed, 2},
		{&sent, []engine.MessageStatus{engine.MessageDelivered, engine.MessageFailed}, engine.MessageDelivered, 2},
		{nil, []engine.MessageStatus{engine.MessageSent}, engine.MessagePending, 0},
	} {
		id := engine.MessageID(fmt.Sprint("L", i))
		must(t, reserve(ctx, s, message("main", string(id))))
		before := len(statusEvents(t, s, store.DefaultTenant))
		if c.before != nil {
			must(t, s.FinishMessage(ctx, key("main"), id, *c.before))
		}
		for _, status := range c.says {
			r := receipt(status, id)
			r.Code = engine.CodeUndeliverable
			must(t, s.AdvanceMessages(ctx, key("main"), r))
		}
		told := statusEvents(t, s, store.DefaultTenant)[before:]
		m, err := s.FindMessage(ctx, key("main"), engine.Outbound, id)
		must(t, err)
		if wantCode := m.Status == engine.MessageFailed; m.Status != c.want || len(told) != c.told || (m.ErrorCode == engine.CodeUndeliverable) != wantCode {
			t.Errorf("%d: it is %s (%s), told %v; want %s", i, m.Status, m.ErrorCode, told, c.want)
		}
	}
	wantCode(t, s.AdvanceMessages(ctx, key("main"), receipt(engine.MessageFailed, "L5")), engine.CodeSessionBusy)
}

// TestReceiptsStayInTheirChat: nobody moves what was not sent to them.
func TestReceiptsStayInTheirChat(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{})
	_, err := s.PutEndpoint(ctx, store.DefaultTenant, "https://example.com", "", webhooks.AllTypes)
	must(t, err)
	personal, grouped := message("main", "P"), message("main", "G")
	grouped.Chat, grouped.Peer = team, engine.Person{}
	foreign := message("other", "P")
	incoming := message("main", "P")
	must(t, reserve(ctx, s, personal))
	must(t, reserve(ctx, s, grouped))
	must(t, reserve(ctx, s, foreign))
	_, err = s.BeginIncoming(ctx, incoming, event("main", "{}"))()
	must(t, err)
	inGroup := receipt(engine.MessageRead, "P", "G", "unknown")
	inGroup.Chat = team
	must(t, s.AdvanceMessages(ctx, key("main"), inGroup))
	byLID := receipt(engine.MessageDelivered, "P", "G")
	byLID.Chat, byLID.By.Phone = "99@lid", ""
	must(t, s.AdvanceMessages(ctx, key("main"), byLID))
	for _, c := range []struct {
		session string
		d       engine.Direction
		id      engine.MessageID
		want    engine.MessageStatus
	}{
		{"main", engine.Outbound, "P", engine.MessageDelivered}, {"main", engine.Outbound, "G", engine.MessageRead},
		{"other", engine.Outbound, "P", engine.MessagePending}, {"main", engine.Inbound, "P", engine.MessageReceived},
	} {
		if m, err := s.FindMessage(ctx, key(c.session), c.d, c.id); err != nil || m.Status != c.want {
			t.Errorf("%s %s of %s is %s, want %s, %v", c.d, c.id, c.session, m.Status, c.want, err)
		}
	}
	want := []string{
		fmt.Sprintf(`{"id":"G","to":"%s","status":"sent","timestamp":%d}`, team, inGroup.At.Unix()),
		fmt.Sprintf(`{"id":"G","to":"%s","status":"read","timestamp":%d,"participant":"%s","recipient":"1234567"}`, team, inGroup.At.Unix(), ana),
		fmt.Sprintf(`{"id":"P","to":"%s","status":"sent","timestamp":%d,"recipient":"1234567"}`, ana, byLID.At.Unix()),
		fmt.Sprintf(`{"id":"P","to":"%s","status":"delivered","timestamp":%d,"recipient":"1234567"}`, ana, byLID.At.Unix()),
	}
	if got := statusEvents(t, s, store.DefaultTenant); !slices.Equal(got, want) {
		t.Errorf("told %v\nwant %v", got, want)
	}
}

// TestNoticesAreWrittenOnce: once per type and id of a session.
func TestNoticesAreWrittenOnce(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{})
	_, err := s.PutEndpoint(ctx, store.DefaultTenant, "https://example.com", "", engine.EventGroup, engine.EventCall)
	must(t, err)
	for _, c := range []struct {
		session, id string
		t           engine.EventType
		fresh       bool
	}{
		{"main", "1", engine.EventGroup, true}, {"main", "1", engine.EventGroup, false}, {"main", "1", engine.EventCall, true},
		{"main", "2", engine.EventGroup, true}, {"other", "1", engine.EventGroup, true}, {"main", "1", engine.EventGroup, false},
	} {
		e := event(c.session, "{}")
		e.Type = c.t
		if fresh, err := s.InsertNotice(ctx, c.id, e); err != nil || fresh != c.fresh {
			t.Errorf("%+v: fresh is %v, %v", c, fresh, err)
		}
	}
	deliveries, err := s.ListDeliveries(ctx, store.DefaultTenant, 0, 100)
	if err != nil || len(deliveries) != 4 {
		t.Errorf("%d deliveries of 4 events, %v", len(deliveries), err)
	}
}

// TestEndpointsGetWhatTheyWant: every type against every way to ask.
func TestEndpointsGetWhatTheyWant(t *testing.T) {
	ctx := context.Background()
	s := open(t, store.Options{})
	for name, c := range map[string]struct {
		asked []engine.EventType
		want  []engine.EventType
	}{
		"nothing":    {nil, []engine.EventType{"message", "qr", "ready", "disconnected", "test"}},
		"all":        {[]engine.EventType{"*"}, webhooks.Types()},
		"one":        {[]engine.EventType{"message"}, []engine.EventType{"message", "test"}},
		"like one":   {[]engine.EventType{"message.status"}, []engine.EventType{"test", "message.status"}},
		"two":        {[]engine.EventType{"call", "qr"}, []engine.EventType{"qr", "test", "call"}},
		"only tests": {[]engine.EventType{"test"}, []engine.EventType{"test"}},
	} {
		tenant := engine.TenantID("t" + fmt.Sprint(len(name)) + name[:1])
		must(t, s.InsertTenant(ctx, engine.Tenant{ID: tenant, Name: name, CreatedAt: start}))
		e, err := s.PutEndpoint(ctx, tenant, "https://example.com", "", c.asked...)
		must(t, err)
		if !slices.Equal(e.Types, c.asked) {
			t.Errorf("%s: kept as %v", name, e.Types)
		}
		var got []engine.EventType
		for _, kind := range webhooks.Types() {
			if kind == engine.EventTest {
				if _, err := s.AppendTest(ctx, tenant, e.ID, []byte("{}")); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			} else {
				must(t, s.AppendEvent(ctx, engine.Event{Session: engine.SessionKey{Tenant: tenant, ID: "main"}, Type: kind, Data: []byte("{}")}))
			}
			deliveries, err := s.ListDeliveries(ctx, tenant, 0, 100)
			must(t, err)
			if len(deliveries) > len(got) {
				got = append(got, kind)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
	must(t, s.InsertTenant(ctx, engine.Tenant{ID: "none", Name: "None", CreatedAt: start}))
	_, err := s.AppendTest(ctx, "none", "E", []byte("{}"))
	wantCode(t, err, engine.CodeNotFound)
	if events, err := s.ListEvents(ctx, "none", "", 10); err != nil || len(events) != 0 {
		t.Errorf("a test of no webhook has left %v, %v", events, err)
	}
}
