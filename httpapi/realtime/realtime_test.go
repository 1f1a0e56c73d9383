package realtime

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"wapid/engine"
)

var update = flag.Bool("update", false, "write the golden files anew")

var key = engine.SessionKey{Tenant: "default", ID: "main"}

// event has data as the log keeps them.
func event(t *testing.T, kind engine.EventType, data any) engine.Event {
	t.Helper()
	raw, err := engine.Canonical(data)
	if err != nil {
		t.Fatal(err)
	}
	return engine.Event{ID: "01JNV3K8ZQ6Y0X4T5R7W9B2D1C", Session: key, Type: kind, At: time.UnixMilli(1708243200123), Data: raw}
}

func incoming(kind engine.Kind, body string, d engine.Details) engine.MessageData {
	return engine.MessageData{ID: "3EB0B430A8B7F6C1D2E3", From: "919876543210@s.whatsapp.net", Body: body, Type: kind, HasMedia: kind.HasMedia(),
		FromLID: "123456789012345@lid", Chat: "919876543210@s.whatsapp.net", PushName: "Asha", Timestamp: 1704110400, Details: d}
}

// TestFramesOfMessages holds every kind of message, in both dialects, against files.
func TestFramesOfMessages(t *testing.T) {
	for name, d := range map[string]engine.MessageData{
		"text":        incoming(engine.KindText, "Hello!", engine.Details{}),
		"difficult":   incoming(engine.KindText, "<b>&\u2028 \"ä\" 👋🏽\n", engine.Details{}),
		"reply":       incoming(engine.KindText, "Yes", engine.Details{Quoted: &engine.QuotedInfo{MessageID: "3EB0AA", Type: engine.KindVoice, Body: ""}}),
		"image":       incoming(engine.KindImage, "a picture", engine.Details{Media: &engine.MediaInfo{MimeType: "image/jpeg", Size: 9}}),
		"document":    incoming(engine.KindDocument, "", engine.Details{Media: &engine.MediaInfo{MimeType: "application/pdf", FileName: "Offer 1/2.pdf"}}),
		"voice":       incoming(engine.KindVoice, "", engine.Details{Media: &engine.MediaInfo{MimeType: "audio/ogg; codecs=opus", Seconds: 3}}),
		"location":    incoming(engine.KindLocation, "", engine.Details{Location: &engine.Location{Latitude: -33.45, Longitude: 0, Name: "Santiago"}}),
		"contact":     incoming(engine.KindContact, "", engine.Details{Contacts: []engine.Contact{{Name: "Ravi", Phone: "919876543219"}}}),
		"reaction":    incoming(engine.KindReaction, "👍", engine.Details{Reaction: &engine.Reaction{MessageID: "3EB0AA", Emoji: "👍", FromMe: true}}),
		"unreaction":  incoming(engine.KindReaction, "", engine.Details{Reaction: &engine.Reaction{MessageID: "3EB0AA"}}),
		"edit":        incoming(engine.KindEdit, "Hello there!", engine.Details{Edit: &engine.TargetInfo{MessageID: "3EB0AA"}}),
		"revoke":      incoming(engine.KindRevoke, "", engine.Details{Revoke: &engine.TargetInfo{MessageID: "3EB0AA"}}),
		"poll":        incoming(engine.KindPoll, "When?", engine.Details{Poll: &engine.Poll{Question: "When?", Options: []string{"now", "later"}, Selectable: 1}}),
		"vote":        incoming(engine.KindPollVote, "", engine.Details{Vote: &engine.Vote{MessageID: "3EB0AA", Options: []string{"now"}}}),
		"choice":      incoming(engine.KindText, "1", engine.Details{Choice: &engine.ChosenInfo{Style: engine.StyleList, ID: "yes", Title: "Yes", MessageID: "3EB0AA"}}),
		"unsupported": incoming(engine.KindUnsupported, "", engine.Details{Unsupported: "eventMessage"}),
	} {
		m := Of(event(t, engine.EventMessage, d), d)
		m.ContactID, m.WAMID = ContactID(key.Tenant, d.From), "wamid.x"
		if d.HasMedia {
			m.MediaID = "100000000000001"
		}
		both(t, name, func(dialect Dialect) ([]byte, error) { return dialect.Message(m) })
	}
	group := incoming(engine.KindText, "Hello, all", engine.Details{})
	group.Chat, group.IsGroup = "120363000000000001@g.us", true
	both(t, "group", func(d Dialect) ([]byte, error) { return d.Message(Of(event(t, engine.EventMessage, group), group)) })

	sent := engine.LoggedMessage{Session: key, ID: "3EB0AA", Direction: engine.Outbound, Chat: "919876543210@s.whatsapp.net",
		Peer: engine.Person{Phone: "919876543210@s.whatsapp.net"}, Kind: engine.KindText, Text: "On its way"}
	e := event(t, engine.EventMessageStatus, engine.MessageStatusData{ID: "3EB0AA"})
	both(t, "outgoing", func(d Dialect) ([]byte, error) { return d.Message(Logged(e, sent, time.Unix(1704110400, 0))) })
	toGroup := sent
	toGroup.Chat, toGroup.Peer = "120363000000000001@g.us", engine.Person{}
	both(t, "outgoing-group", func(d Dialect) ([]byte, error) { return d.Message(Logged(e, toGroup, time.Unix(1704110400, 0))) })
}

func TestFramesOfStatusesAndContacts(t *testing.T) {
	for name, d := range map[string]engine.MessageStatusData{
		"sent":   {ID: "3EB0AA", To: "919876543210@s.whatsapp.net", Status: engine.MessageSent, Timestamp: 1704110400},
		"played": {ID: "3EB0AA", To: "919876543210@s.whatsapp.net", Status: engine.MessagePlayed, Timestamp: 1704110400},
		"failed": {ID: "3EB0AA", To: "919876543210@s.whatsapp.net", Status: engine.MessageFailed, Timestamp: 1704110400, ErrorCode: engine.CodeMessageExpired},
		"read":   {ID: "3EB0AA", To: "120363000000000001@g.us", Status: engine.MessageRead, Timestamp: 1704110400, Participant: "919876543211@s.whatsapp.net"},
	} {
		s := Status{Event: event(t, engine.EventMessageStatus, d), Data: d, ContactID: ContactID(key.Tenant, d.To), WAMID: "wamid.x"}
		both(t, "status-"+name, func(d Dialect) ([]byte, error) { return d.Status(s) })
	}
	for name, d := range map[string]engine.ContactData{
		"new":     {ID: "8c9f5d8e-6b5e-5c3a-9d8e-000000000001", Action: engine.ContactNew, Phone: "919876543210", LID: "1@lid", PushName: "Asha", At: 1704110400123},
		"updated": {ID: "8c9f5d8e-6b5e-5c3a-9d8e-000000000001", Action: engine.ContactUpdated, Phone: "919876543210", Name: "Asha Rao", PushName: "Asha", At: 1704110400123},
	} {
		e := event(t, engine.EventContact, d)
		both(t, "contact-"+name, func(dialect Dialect) ([]byte, error) { return dialect.Contact(e, d) })
	}
	both(t, "truncated", func(Dialect) ([]byte, error) { return Truncated() })
}

// both compares a frame in both dialects with its file.
func both(t *testing.T, name string, encode func(Dialect) ([]byte, error)) {
	t.Helper()
	var lines []byte
	for _, d := range []Dialect{Documented, Whatomate} {
		text, err := encode(d)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var parts map[string]json.RawMessage
		if err := json.Unmarshal(text, &parts); err != nil || parts["type"] == nil || parts["payload"] == nil || bytes.ContainsRune(text, '\n') {
			t.Errorf("%s is no frame: %s, %v", name, text, err)
		}
		lines = append(append(lines, text...), '\n')
	}
	file := filepath.Join("testdata", name+".jsonl")
	if *update {
		if err := os.WriteFile(file, lines, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(lines, want) {
		t.Errorf("%s: %v\n got %s\nwant %s", name, err, lines, want)
	}
}

// TestDocumentedSample holds what the documentation prints: its members first, in its order.
func TestDocumentedSample(t *testing.T) {
	d := incoming(engine.KindText, "Hello!", engine.Details{})
	m := Of(event(t, engine.EventMessage, d), d)
	m.ContactID = ContactID(key.Tenant, d.From)
	got, err := Documented.Message(m)
	want := `{"type":"message:new","payload":{"id":"` + MessageID(key, d.ID) + `","contact_id":"` + m.ContactID +
		`","direction":"incoming","type":"text","content":{"text":"Hello!"},"timestamp":"2024-01-01T12:00:00Z"`
	if err != nil || !bytes.HasPrefix(got, []byte(want)) {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}

func TestIdentities(t *testing.T) {
	ids := map[string]bool{}
	for _, id := range []string{
		MessageID(key, "A"), MessageID(key, "B"), MessageID(engine.SessionKey{Tenant: "other", ID: "main"}, "A"),
		MessageID(engine.SessionKey{Tenant: "default", ID: "shop"}, "A"), ContactID("default", "1@lid"), ContactID("other", "1@lid"),
	} {
		if ids[id] || len(id) != 36 || id[14] != '5' {
			t.Errorf("%s is not unique, or no UUID of version 5", id)
		}
		ids[id] = true
	}
	// Clients keep ids: they are the same in every version.
	if id := MessageID(key, "A"); id != "0fa132b9-babd-59c8-bc88-cdcaa9d3d849" {
		t.Errorf("the id of a message has become %s", id)
	}
}

func TestWhatClientsSay(t *testing.T) {
	for said, want := range map[string]string{
		`{"type":"ping"}`:                                    `{"type":"pong","payload":null}`,
		`{"type":"ping","payload":{"x":1}}`:                  `{"type":"pong","payload":null}`,
		`{"type":"set_contact","payload":{"contact_id":""}}`: "",
		`{"type":"auth","payload":{"token":"x"}}`:            "",
		`{"type":7}`: "", `[`: "", ``: "", "\xff": "",
	} {
		if got := string(Answer([]byte(said))); got != want {
			t.Errorf("%s is answered %q", said, got)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"type":"ping"}`))
	f.Add([]byte(`{"type":{"type":"ping"}}`))
	f.Fuzz(func(t *testing.T, said []byte) {
		if answer := Answer(said); answer != nil && !json.Valid(answer) {
			t.Errorf("%q is answered %q", said, answer)
		}
	})
}
