package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"wapid/bulk"
	"wapid/engine"
	"wapid/webhooks"
)

// watched makes a store tell a log that the test reads.
func watched(s *Store) *observer.ObservedLogs {
	core, told := observer.New(zap.ErrorLevel)
	s.log = zap.New(core)
	return told
}

// garble overwrites a column of rows with what is no document.
func garble(t *testing.T, s *Store, table, column, where string) {
	t.Helper()
	res, err := s.write.db.Exec(fmt.Sprintf(`UPDATE %s SET %s = '{"garbage' WHERE %s`, table, column, where))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%d rows of %s, %v", n, table, err)
	}
}

// wantTold checks that a damaged row was told, with where to find it.
func wantTold(t *testing.T, told *observer.ObservedLogs, what, field, value string) {
	t.Helper()
	for _, e := range told.All() {
		if e.Message == what+" can't be read from the database" && fmt.Sprint(e.ContextMap()[field]) == value {
			return
		}
	}
	t.Errorf("nothing tells of %s %s=%s: %v", what, field, value, told.All())
}

func TestAnUnreadableSessionIsListedWithoutOptions(t *testing.T) {
	s, key, now := jobStore(t)
	told := watched(s)
	for _, id := range []engine.SessionID{"bad", "good"} {
		one := engine.Session{Key: engine.SessionKey{Tenant: key.Tenant, ID: id}, Options: engine.SessionOptions{Proxy: "http://proxy.example"}, CreatedAt: now, UpdatedAt: now}
		succeed(t, s.InsertSession(t.Context(), one))
	}
	succeed(t, s.Readable(t.Context()))
	garble(t, s, "sessions", "options", "id = 'bad'")
	all, err := s.ListAllSessions(t.Context())
	if engine.CodeOf(s.Readable(t.Context())) != engine.CodeStorage {
		t.Error("nobody is told that somebody has to look")
	}
	if err != nil || len(all) != 2 {
		t.Fatalf("%d sessions, %v", len(all), err)
	}
	for _, one := range all {
		bad := one.Key.ID == "bad"
		if one.Unreadable != bad || (one.Options == engine.SessionOptions{}) != bad {
			t.Errorf("%s is unreadable: %v, with %+v", one.Key.ID, one.Unreadable, one.Options)
		}
	}
	wantTold(t, told, "the options of a session", "session", "bad")
}

func TestAnUnreadableQueuedMessageEndsAsFailed(t *testing.T) {
	s, key, now := jobStore(t)
	told := watched(s)
	succeed(t, s.InsertSession(t.Context(), engine.Session{Key: key, CreatedAt: now, UpdatedAt: now}))
	for _, id := range []engine.MessageID{"A", "B"} {
		row := engine.LoggedMessage{Session: key, Direction: engine.Outbound, ID: id, Chat: "1@s.whatsapp.net", Kind: engine.KindText, Status: engine.MessageQueued, CreatedAt: time.Now()}
		queued := &engine.Queued{Message: engine.Outgoing{ID: id, To: row.Chat, Kind: engine.KindText, Text: "x"}, ExpiresAt: time.Now().Add(time.Hour)}
		if _, err := s.ReserveMessage(t.Context(), engine.Reservation{Message: row, Queued: queued}); err != nil {
			t.Fatal(err)
		}
	}
	garble(t, s, "outbox", "message", "message_id = 'A'")
	claim, _, err := s.ClaimQueued(t.Context(), key)
	if err != nil || claim == nil || claim.Message.ID != "B" {
		t.Fatalf("claimed %+v, %v", claim, err)
	}
	m, err := s.FindMessage(t.Context(), key, engine.Outbound, "A")
	if err != nil || m.Status != engine.MessageFailed || m.ErrorCode != engine.CodeInternal {
		t.Errorf("the message is %s/%s, %v", m.Status, m.ErrorCode, err)
	}
	wantTold(t, told, "a queued message", "message", "A")
	// Ending what has expired reads the rows of everybody.
	garble(t, s, "outbox", "message", "message_id = 'B'")
	succeed(t, s.ReturnQueued(t.Context(), key, "B", false))
	s.clock = func() time.Time { return time.Now().Add(2 * time.Hour) }
	if _, err := s.ExpireQueued(t.Context()); err != nil {
		t.Error(err)
	}
	if m, err := s.FindMessage(t.Context(), key, engine.Outbound, "B"); err != nil || m.ErrorCode != engine.CodeMessageExpired {
		t.Errorf("the message is %s/%s, %v", m.Status, m.ErrorCode, err)
	}
}

// A webhook whose headers are damaged waits for them, and nobody waits for it.
func TestAnUnreadableWebhookHoldsUpNoOther(t *testing.T) {
	s, key, now := jobStore(t)
	told := watched(s)
	headers := map[string]string{"Authorization": "Basic QQ=="}
	var made []webhooks.Endpoint
	for range 2 {
		e, err := s.InsertEndpoint(t.Context(), webhooks.Endpoint{Tenant: key.Tenant, URL: "https://example.com", Types: []engine.EventType{webhooks.AllTypes}, Headers: headers, Enabled: true})
		succeed(t, err)
		made = append(made, e)
	}
	bad, good := made[0].ID, made[1].ID
	garble(t, s, "endpoints", "headers", fmt.Sprintf("id = '%s'", bad))
	succeed(t, s.AppendEvent(t.Context(), engine.Event{Session: key, Type: engine.EventReady, Data: []byte(`{}`)}))
	claimed := func() (types []string) {
		t.Helper()
		claims, err := s.ClaimDeliveries(t.Context(), now, webhooks.Room{Healthy: 9, Failing: 9, PerEndpoint: 9, PerTenant: 9})
		succeed(t, err)
		for _, c := range claims {
			if c.Endpoint.Headers["Authorization"] != headers["Authorization"] {
				t.Errorf("%s has the headers %v", c.Endpoint.ID, c.Endpoint.Headers)
			}
			types = append(types, fmt.Sprintf("%v %s", c.Endpoint.ID == good, c.Event.Type))
		}
		slices.Sort(types)
		return types
	}
	if got := claimed(); !slices.Equal(got, []string{"true ready", "true webhook.disabled"}) {
		t.Errorf("claimed %v", got)
	}
	wantTold(t, told, "the headers of a webhook", "endpoint", string(bad))
	name, on := "crm", true
	change := webhooks.EndpointChange{Name: &name}
	if e, err := s.UpdateEndpoint(t.Context(), key.Tenant, bad, change); err != nil || e.Enabled || e.DisabledReason != "unreadable" {
		t.Errorf("the endpoint is %+v, %v", e, err)
	}
	change.Enabled = &on
	if _, err := s.UpdateEndpoint(t.Context(), key.Tenant, bad, change); engine.CodeOf(err) != engine.CodeInvalid {
		t.Errorf("without headers: %v", err)
	}
	change.Headers = &headers
	_, err := s.UpdateEndpoint(t.Context(), key.Tenant, bad, change)
	succeed(t, err)
	if got := claimed(); !slices.Equal(got, []string{"false ready"}) {
		t.Errorf("mended, it claimed %v", got)
	}
}

// One event that is damaged spoils neither a page of the log nor a delivery.
func TestAnUnreadableEventIsTold(t *testing.T) {
	s, key, now := jobStore(t)
	told := watched(s)
	if _, err := s.PutEndpoint(t.Context(), key.Tenant, "https://example.com", ""); err != nil {
		t.Fatal(err)
	}
	succeed(t, s.AppendEvent(t.Context(), engine.Event{Session: key, Type: engine.EventReady, Data: []byte(`{}`)}))
	garble(t, s, "events", "data", "1 = 1")
	page, err := s.PageEvents(t.Context(), key.Tenant, EventFilter{}, "", 10)
	if err != nil || len(page.Events) != 1 || string(page.Events[0].Data) != `{"unreadable":true}` {
		t.Fatalf("the page is %+v, %v", page, err)
	}
	wantTold(t, told, "the data of an event", "event", string(page.Events[0].ID))
	claims, err := s.ClaimDeliveries(t.Context(), now, webhooks.Room{Healthy: 9, Failing: 9, PerEndpoint: 9, PerTenant: 9})
	if err != nil || len(claims) != 1 || string(claims[0].Event.Data) != `{"unreadable":true}` {
		t.Errorf("claimed %+v, %v", claims, err)
	}
}

func TestAMessageIsListedWithoutItsUnreadableDetails(t *testing.T) {
	s, key, now := jobStore(t)
	told := watched(s)
	for _, id := range []engine.MessageID{"A", "B"} {
		row := engine.LoggedMessage{Session: key, Direction: engine.Outbound, ID: id, Chat: "1@s.whatsapp.net", Kind: engine.KindText,
			Text: "hello", Status: engine.MessagePending, CreatedAt: now, Details: engine.Details{ViewOnce: true}}
		if _, err := s.ReserveMessage(t.Context(), engine.Reservation{Message: row}); err != nil {
			t.Fatal(err)
		}
	}
	garble(t, s, "messages", "details", "id = 'A'")
	page, err := s.PageMessages(t.Context(), key.Tenant, MessageFilter{}, nil, 0, 10)
	if err != nil || len(page.Messages) != 2 {
		t.Fatalf("%d messages, %v", len(page.Messages), err)
	}
	for _, m := range page.Messages {
		if m.Text != "hello" || m.Status != engine.MessagePending || m.Details.ViewOnce != (m.ID == "B") {
			t.Errorf("%+v", m)
		}
	}
	if m, err := s.FindMessage(t.Context(), key, engine.Outbound, "A"); err != nil || m.Text != "hello" {
		t.Errorf("%+v, %v", m, err)
	}
	wantTold(t, told, "the details of a message", "message", "A")
}

func TestAnUnreadableJobEndsAndTheNextGoesOn(t *testing.T) {
	for column, what := range map[string]string{"message": "the message of a bulk job", "windows": "the schedule of a bulk job"} {
		t.Run(column, func(t *testing.T) {
			s, key, now := jobStore(t)
			told := watched(s)
			bad, good := insertJob(t, s, key, now, 3), insertJob(t, s, key, now, 3)
			garble(t, s, "jobs", column, fmt.Sprintf("id = '%s'", bad.ID))
			claim, err := s.ClaimItem(t.Context(), bulk.Look{Session: key, MadeAt: now, Now: now})
			if err != nil || claim.Job.ID != good.ID || len(claim.Ended) != 1 {
				t.Fatalf("claimed of %s, ended %v, %v", claim.Job.ID, claim.Ended, err)
			}
			if j := findJob(t, s, bad); j.Status != bulk.StatusFailed || j.ErrorCode != engine.CodeInternal || j.Succeeded+j.Failed != 0 {
				t.Errorf("the job is %+v", j)
			}
			if all, err := s.ListJobs(t.Context(), key.Tenant, JobPage{Limit: 10}); err != nil || len(all) != 2 {
				t.Errorf("%d jobs, %v", len(all), err)
			}
			wantTold(t, told, what, "job", string(bad.ID))
		})
	}
}

func TestAnUnreadableRecipientFailsAndTheJobGoesOn(t *testing.T) {
	s, key, now := jobStore(t)
	told := watched(s)
	j := insertJob(t, s, key, now, 3)
	garble(t, s, "job_items", "fields", "position = 0")
	claim, err := s.ClaimItem(t.Context(), bulk.Look{Session: key, MadeAt: now, Now: now})
	if err != nil || claim.Item.Index != 1 {
		t.Fatalf("claimed %+v, %v", claim.Item, err)
	}
	items, _, err := s.ListItems(t.Context(), key.Tenant, j.ID, ItemPage{Limit: 10})
	if err != nil || items[0].State != bulk.ItemFailed || items[0].ErrorCode != engine.CodeInternal {
		t.Errorf("%+v, %v", items, err)
	}
	if found := findJob(t, s, j); found.Failed != 1 || found.Members[0].Failed != 1 {
		t.Errorf("%+v", found)
	}
	wantTold(t, told, "the fields of a bulk job's recipient", "position", "0")
}
