package cloudapi

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"wapid/engine"
)

var noon = time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)

const (
	asha   = engine.JID("919876543211@s.whatsapp.net")
	ashaID = engine.JID("123456789012345@lid")
	team   = engine.JID("120363000000000000@g.us")
)

// facts of a number that has asked and been asked.
func facts() EventFacts {
	return EventFacts{WABA: "482910573618204", PhoneID: "105738294610583", Phone: "919876543210",
		ID: WAMID{User: "919876543211", ID: "3EB0B430A8B7F6C1D2E3"}.String()}
}

func sentFacts() EventFacts {
	f := facts()
	f.ID = WAMID{User: "919876543211", Outgoing: true, ID: "3EB0AAAA"}.String()
	return f
}

func received(kind engine.Kind, body string, fill ...func(*engine.MessageData)) engine.MessageData {
	d := engine.MessageData{ID: "3EB0B430A8B7F6C1D2E3", From: asha, Body: body, Type: kind, HasMedia: kind.HasMedia(),
		FromLID: ashaID, Chat: asha, PushName: "Asha", Timestamp: noon.Unix()}
	for _, f := range fill {
		f(&d)
	}
	return d
}

func file(mime, name string) func(*engine.MessageData) {
	return func(d *engine.MessageData) {
		d.Media = &engine.MediaInfo{MimeType: mime, FileName: name, Size: 9, SHA256: strings.Repeat("0f", 32)}
	}
}

func chosen(style engine.ChoiceStyle) func(*engine.MessageData) {
	return func(d *engine.MessageData) {
		d.Choice = &engine.ChosenInfo{Style: style, ID: "yes", Title: "Yes, please", Description: "on Monday", MessageID: "3EB0AAAA"}
	}
}

func progress(to engine.MessageStatus, fill ...func(*engine.MessageStatusData)) engine.MessageStatusData {
	d := engine.MessageStatusData{ID: "3EB0AAAA", To: asha, Recipient: "919876543211", Status: to, Timestamp: noon.Unix()}
	for _, f := range fill {
		f(&d)
	}
	return d
}

// described is an event, and what is known of what it names.
type described struct {
	data  any
	facts EventFacts
}

// events are all that Meta's platform tells.
func events() map[string]described {
	f := facts()
	withMedia, inReply, reacting := f, f, f
	withMedia.MediaID = "738291046573829"
	inReply.ContextID, inReply.ContextFrom = sentFacts().ID, "919876543210"
	reacting.TargetID = sentFacts().ID
	group := func(d *engine.MessageData) { d.Chat, d.IsGroup = team, true }
	noNumber := func(d *engine.MessageData) { d.From, d.Chat = ashaID, ashaID }
	return map[string]described{
		"text":           {received(engine.KindText, "Hello! Ärger mit <b> & 👍"), f},
		"text_reply":     {received(engine.KindText, "this one"), inReply},
		"text_forwarded": {received(engine.KindText, "look", func(d *engine.MessageData) { d.Forwarded = true }), f},
		"text_group":     {received(engine.KindText, "to all", group), f},
		"text_no_number": {received(engine.KindText, "who am I", noNumber), f},
		"image":          {received(engine.KindImage, "look", file("image/jpeg", "")), withMedia},
		"video":          {received(engine.KindVideo, "", file("video/mp4", "")), withMedia},
		"audio":          {received(engine.KindAudio, "", file("audio/mpeg", "")), withMedia},
		"voice":          {received(engine.KindVoice, "", file("audio/ogg; codecs=opus", "")), withMedia},
		"document":       {received(engine.KindDocument, "read this", file("application/pdf", "a.pdf")), withMedia},
		"sticker":        {received(engine.KindSticker, "", file("image/webp", "")), withMedia},
		"location": {received(engine.KindLocation, "Home", func(d *engine.MessageData) {
			d.Location = &engine.Location{Latitude: -33.45, Longitude: -70.66, Name: "Home", Address: "Main Street 1"}
		}), f},
		"contacts": {received(engine.KindContact, "2 contacts", func(d *engine.MessageData) {
			d.Contacts = []engine.Contact{{Name: "Ann", Phone: "447700900125", VCard: vcard}, {Name: "Bo", Phone: "447700900126"}}
		}), f},
		"reaction": {received(engine.KindReaction, "👍", func(d *engine.MessageData) {
			d.Reaction = &engine.Reaction{MessageID: "3EB0AAAA", Emoji: "👍", FromMe: true}
		}), reacting},
		"reaction_gone": {received(engine.KindReaction, "", func(d *engine.MessageData) { d.Reaction = &engine.Reaction{MessageID: "3EB0AAAA", FromMe: true} }), reacting},
		"button_reply":  {received(engine.KindText, "1", chosen(engine.StyleButton)), inReply},
		"list_reply":    {received(engine.KindPollVote, "", chosen(engine.StyleList)), inReply},
		"quick_reply":   {received(engine.KindText, "yes, please", chosen(engine.StyleQuickReply)), inReply},
		"poll":          {received(engine.KindPoll, "Lunch?"), f},
		"vote":          {received(engine.KindPollVote, ""), f},
		"edit":          {received(engine.KindEdit, "hello!"), f},
		"revoke":        {received(engine.KindRevoke, ""), f},
		"unsupported":   {received(engine.KindUnsupported, "", func(d *engine.MessageData) { d.Unsupported = "orderMessage" }), f},
		"sent":          {progress(engine.MessageSent, func(d *engine.MessageStatusData) { d.CallbackData = "order=4711" }), sentFacts()},
		"delivered":     {progress(engine.MessageDelivered), sentFacts()},
		"read":          {progress(engine.MessageRead), sentFacts()},
		"played":        {progress(engine.MessagePlayed), sentFacts()},
		"failed": {progress(engine.MessageFailed, func(d *engine.MessageStatusData) {
			d.ErrorCode, d.CallbackData = engine.CodeNotOnWhatsApp, "order=4711"
		}), sentFacts()},
		"failed_media":    {progress(engine.MessageFailed, func(d *engine.MessageStatusData) { d.ErrorCode = engine.CodeMediaInvalid }), sentFacts()},
		"read_group":      {progress(engine.MessageRead, func(d *engine.MessageStatusData) { d.To, d.Participant = team, asha }), sentFacts()},
		"sent_no_number":  {progress(engine.MessageSent, func(d *engine.MessageStatusData) { d.To, d.Recipient = ashaID, "" }), sentFacts()},
		"template":        {engine.TemplateData{ID: "01J", Name: "order_ready", Language: "en_US", Category: "UTILITY", Status: "APPROVED", GraphID: "918273645546372"}, f},
		"template_delete": {engine.TemplateData{ID: "01J", Name: "order_ready", Language: "en_US", Category: "UTILITY", Status: "DELETED", GraphID: "918273645546372"}, f},
		"test":            {engine.TestData{Message: "This is a test of your webhook."}, EventFacts{}},
	}
}

const vcard = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Lee;Ann;B.;Dr.;\r\nFN:Dr. Ann Lee\r\nORG:Acme\\, Inc.;Sales\r\nTITLE:Head\r\n" +
	"item1.TEL;type=CELL;type=VOICE;waid=447700900125:+44 7700\r\n  900125\r\nTEL;TYPE=\"HOME,VOICE\":+441234\r\nEMAIL;type=INTERNET;type=WORK:ann@example.com\r\n" +
	"URL:https://example.com\r\nADR;type=HOME:;;1 Main St\\; back;London;;N1;UK\r\nBDAY:1990-01-31\r\nEND:VCARD"

func event(t *testing.T, data any) engine.Event {
	t.Helper()
	raw, err := engine.Canonical(data)
	if err != nil {
		t.Fatal(err)
	}
	e := engine.Event{ID: "01JNV3K8ZQ6Y0X4T5R7W9B2D1C", Session: engine.SessionKey{Tenant: "t", ID: "main"}, At: noon, Data: raw}
	switch data.(type) {
	case engine.MessageData:
		e.Type = engine.EventMessage
	case engine.MessageStatusData:
		e.Type = engine.EventMessageStatus
	case engine.TemplateData:
		e.Type = engine.EventTemplate
	case engine.TestData:
		e.Type = engine.EventTest
	}
	return e
}

// Every kind of event has the body that its file holds, the same each time, in ASCII and
// without an empty list, which some receivers take for a full one.
func TestEventsHaveMetasForm(t *testing.T) {
	for name, c := range events() {
		t.Run(name, func(t *testing.T) {
			e := event(t, c.data)
			body, tells, err := EncodeEvent(e, c.facts)
			if err != nil || !tells {
				t.Fatal(tells, err)
			}
			again, _, _ := EncodeEvent(e, c.facts)
			if string(again) != string(body) {
				t.Errorf("it is\n%s\nand then\n%s", body, again)
			}
			for _, never := range []string{"[]", "null", "@lid", "\\u0040lid"} {
				if strings.Contains(string(body), never) {
					t.Errorf("it holds %s: %s", never, body)
				}
			}
			if escapedAgain(string(body)) != string(body) {
				t.Errorf("it is not pure ASCII: %s", body)
			}
			compareGolden(t, "testdata/events/"+name+".json", append(body, '\n'))
			checkEnvelope(t, e, body)
		})
	}
}

// checkEnvelope holds what receivers rely on: one entry, one change, one message or status,
// and of a message whoever has sent it.
func checkEnvelope(t *testing.T, e engine.Event, body []byte) {
	t.Helper()
	var n struct {
		Object string
		Entry  []struct {
			Changes []struct {
				Field string
				Value struct {
					Contacts []struct {
						WAID   string `json:"wa_id"`
						UserID string `json:"user_id"`
					}
					Messages, Statuses []struct {
						ID, Timestamp, Type, Status string
					}
				}
			}
		}
	}
	if err := json.Unmarshal(body, &n); err != nil || n.Object != "whatsapp_business_account" || len(n.Entry) != 1 || len(n.Entry[0].Changes) != 1 {
		t.Fatalf("%v: %s", err, body)
	}
	v := n.Entry[0].Changes[0].Value
	switch e.Type {
	case engine.EventMessage, engine.EventTest:
		if len(v.Messages) != 1 || v.Statuses != nil || v.Messages[0].Type == "" || v.Messages[0].Timestamp == "" ||
			len(v.Contacts) != 1 || v.Contacts[0].WAID == "" && v.Contacts[0].UserID == "" {
			t.Errorf("a message is %s", body)
		}
	case engine.EventMessageStatus:
		if len(v.Statuses) != 1 || v.Messages != nil || v.Statuses[0].Timestamp == "" {
			t.Errorf("a status is %s", body)
		}
	}
}

// What Meta has no words for is not told, and what is damaged is an error that shows
// nothing of it.
func TestEventsThatAreNotTold(t *testing.T) {
	for _, e := range []engine.Event{
		event(t, progress(engine.MessageUnknown)), {Type: engine.EventQR, Data: []byte(`{}`)}, {Type: engine.EventOptOut, Data: []byte(`{}`)},
	} {
		if body, tells, err := EncodeEvent(e, facts()); tells || body != nil || err != nil {
			t.Errorf("%s: %s, %t, %v", e.Type, body, tells, err)
		}
	}
	for _, kind := range []engine.EventType{engine.EventMessage, engine.EventMessageStatus, engine.EventTemplate} {
		_, _, err := EncodeEvent(engine.Event{Type: kind, Data: []byte(`{"id":["secret"]}`)}, facts())
		if engine.CodeOf(err) != engine.CodeInternal || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestFieldsOfSubscriptions(t *testing.T) {
	for fields, want := range map[string]string{
		"": "", "messages": "message message.status test", `["messages"]`: "message message.status test",
		"message_template_status_update": "template test", "messages, message_template_status_update,security": "message message.status template test",
	} {
		types, err := TypesOf(fields)
		var words []string
		for _, one := range types {
			words = append(words, string(one))
		}
		if got := strings.Join(words, " "); err != nil || got != want {
			t.Errorf("%s: %s, want %s, %v", fields, got, want, err)
		}
	}
	if _, err := TypesOf("security"); err == nil {
		t.Error("a subscription to nothing is taken")
	}
	if got := FieldsOf([]engine.EventType{engine.EventTemplate, engine.EventTest}); len(got) != 1 || got[0] != FieldTemplateStatus {
		t.Errorf("fields %v", got)
	}
}
