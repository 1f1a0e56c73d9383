package hub

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/engine/template"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden holds bytes against a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is\n%s\nwant\n%s", name, got, want)
	}
}

func goldenJSON(t *testing.T, name string, v any) {
	t.Helper()
	raw, err := engine.Canonical(v)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, name, append(raw, '\n'))
}

func canonical(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := engine.Canonical(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestEvents(t *testing.T) {
	const asha engine.JID = "919876543211@s.whatsapp.net"
	own := engine.Person{Phone: "919876543210@s.whatsapp.net"}
	text := engine.MessageData{ID: "3EB0", From: "9999999999@s.whatsapp.net", Body: "Hello from WhatsApp", Type: engine.KindText, Chat: "9999999999@s.whatsapp.net", Timestamp: 1644591234}
	photo := engine.MessageData{ID: "3EB1", From: asha, Body: "", Type: engine.KindImage, HasMedia: true, Chat: "1@g.us", IsGroup: true, PushName: "Asha <b>", Timestamp: 1644591234,
		Details: engine.Details{Media: &engine.MediaInfo{MimeType: "image/jpeg", Size: 3}}}
	choice := engine.MessageData{ID: "3EB2", From: "5@lid", Body: "Yes", Type: engine.KindText, Chat: "5@lid", Timestamp: 1644591234,
		Details: engine.Details{Choice: &engine.ChosenInfo{ID: "y", Title: "Yes"}}}
	place := engine.MessageData{ID: "3EB3", From: asha, Type: engine.KindLocation, Chat: asha, Timestamp: 1, Details: engine.Details{Location: &engine.Location{Latitude: 1.5, Longitude: 2, Name: "N"}}}
	for name, c := range map[string]struct {
		event engine.EventType
		data  any
		facts Facts
	}{
		"received.json":        {engine.EventMessage, text, Facts{MessageID: "wamid.123456789", Own: own}},
		"received-group.json":  {engine.EventMessage, photo, Facts{MessageID: "wamid.1", Own: own, QuotedID: "wamid.0"}},
		"received-choice.json": {engine.EventMessage, choice, Facts{MessageID: "wamid.1", Own: own}},
		"received-place.json":  {engine.EventMessage, place, Facts{MessageID: "wamid.1", Own: own}},
		"delivered.json":       {engine.EventMessageStatus, engine.MessageStatusData{ID: "A", To: "5@lid", Recipient: "919876543211", Status: engine.MessageDelivered, Timestamp: 5}, Facts{MessageID: "wamid.2", Own: own}},
		"read-group.json":      {engine.EventMessageStatus, engine.MessageStatusData{ID: "A", To: "1@g.us", Participant: asha, Recipient: "919876543211", Status: engine.MessagePlayed, Timestamp: 5}, Facts{MessageID: "wamid.2", Own: own}},
		"failed.json":          {engine.EventMessageStatus, engine.MessageStatusData{ID: "A", To: asha, Status: engine.MessageFailed, Timestamp: 5, ErrorCode: engine.CodeNotOnWhatsApp}, Facts{MessageID: "wamid.2", Own: own}},
		"contact.json":         {engine.EventContact, engine.ContactData{ID: "u", Action: engine.ContactUpdated, Phone: "919876543211", PushName: "Asha", At: 5999}, Facts{}},
		"template.json":        {engine.EventTemplate, engine.TemplateData{ID: "T", Name: "order", Language: "en", Category: "UTILITY", Status: "APPROVED"}, Facts{}},
		"test.json":            {engine.EventTest, engine.TestData{Message: "Hi"}, Facts{}},
	} {
		t.Run(name, func(t *testing.T) {
			e := engine.Event{Session: engine.SessionKey{ID: "main"}, Type: c.event, At: time.Unix(1644591234, 5e8), Data: canonical(t, c.data)}
			body, err := EncodeEvent(e, c.facts)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("events", name), append(body, '\n'))
			var any struct {
				Data struct{ Text *string }
			}
			if err := json.Unmarshal(body, &any); err != nil || c.event == engine.EventMessage && any.Data.Text == nil {
				t.Errorf("%s has no text (%v)", body, err)
			}
		})
	}
	// The documentation's example is the beginning of ours.
	raw, err := os.ReadFile(filepath.Join("testdata", "events", "received.json"))
	const printed = `{"event":"message.received","timestamp":1644591234,"data":{"message_id":"wamid.123456789","from":"+9999999999","type":"text","text":"Hello from WhatsApp","timestamp":1644591234,`
	if err != nil || !strings.HasPrefix(string(raw), printed) {
		t.Errorf("%s does not begin as documented (%v)", raw, err)
	}
}

func TestEventsThatAreNotTold(t *testing.T) {
	for _, c := range []struct {
		event engine.EventType
		data  string
	}{
		{engine.EventQR, `{}`}, {engine.EventReady, `{}`}, {engine.EventOptOut, `{}`}, {engine.EventCall, `{}`},
		{engine.EventMessageStatus, `{"status":"sent"}`}, {engine.EventMessageStatus, `{"status":"unknown"}`}, {engine.EventTemplate, `{"status":"DELETED"}`},
	} {
		if body, err := EncodeEvent(engine.Event{Type: c.event, Data: []byte(c.data)}, Facts{}); body != nil || err != nil {
			t.Errorf("%s is told as %s (%v)", c.event, body, err)
		}
	}
	if _, err := EncodeEvent(engine.Event{Type: engine.EventMessage, Data: []byte(`[`)}, Facts{}); err == nil {
		t.Error("a damaged event is told")
	}
}

func TestAnswers(t *testing.T) {
	at, own := time.Unix(1644591234, 0), engine.Person{Phone: "919876543210@s.whatsapp.net"}
	asha := engine.Person{Phone: "919876543211@s.whatsapp.net", LID: "1@lid"}
	key := engine.SessionKey{ID: "main"}
	goldenJSON(t, "sent.json", Sent{Success: true, MessageID: "wamid.1", Status: "queued", To: Number(asha.Phone)})
	goldenJSON(t, "history.json", History{Page: 1, Pages: 1, Total: 3, Messages: []Message{
		TellMessage(engine.LoggedMessage{Session: key, ID: "A", Direction: engine.Outbound, Chat: asha.LID, Peer: asha, Kind: engine.KindText, Text: "Hi", Status: engine.MessagePlayed, CreatedAt: at, SentAt: at.Add(time.Second)}, "wamid.1", own),
		TellMessage(engine.LoggedMessage{Session: key, ID: "B", Direction: engine.Inbound, Chat: "1@g.us", Peer: asha, PushName: "Asha", Kind: engine.KindDocument, Status: engine.MessageReceived, CreatedAt: at,
			Details: engine.Details{Media: &engine.MediaInfo{MimeType: "application/pdf", FileName: "a.pdf", Size: 4}}}, "wamid.2", own),
		TellMessage(engine.LoggedMessage{Session: key, ID: "C", Direction: engine.Outbound, Chat: "1@g.us", Kind: engine.KindText, Status: engine.MessagePending, CreatedAt: at}, "wamid.3", engine.Person{}),
	}})
	goldenJSON(t, "contact.json", TellContact("u", asha, "A", "Asha", []string{"vip"}, map[string]any{"age": json.Number("42")}, at, at))
	goldenJSON(t, "contact-bare.json", TellContact("u", engine.Person{LID: "1@lid"}, "", "", nil, nil, at, at))
	goldenJSON(t, "template.json", TellTemplate("T", template.Template{Name: "order", Language: "en", Category: template.Utility, Status: template.Approved, Components: []template.Component{
		{Type: template.Header, Format: template.Text, Text: "Order"}, {Type: template.Body, Text: "Order {{order_id}} over {{amount}}"}, {Type: template.Footer, Text: "Bye"}}}, at, at))
}

func TestTemplatesFromTexts(t *testing.T) {
	body, err := DecodeTemplate([]byte(`{"name":"order","category":"utility","header":"Order","body":"Order {{order_id}}","footer":"Bye","buttons":[{"type":"QUICK_REPLY","text":"Yes"}],"unheard":1}`))
	if err != nil {
		t.Fatal(err)
	}
	made, err := template.Check(body.Apply(template.Template{Language: "en"}))
	if err != nil || len(made.Components) != 4 || made.Category != template.Utility || made.ParameterFormat != template.Named {
		t.Fatalf("made %+v (%v)", made, err)
	}
	change, err := DecodeTemplate([]byte(`{"body":"Now {{1}}","footer":""}`))
	if err != nil {
		t.Fatal(err)
	}
	changed, err := template.Check(change.Apply(made))
	if err != nil || len(changed.Components) != 3 || changed.Name != "order" || changed.ParameterFormat != template.Positional || changed.Components[1].Text != "Now {{1}}" {
		t.Errorf("changed to %+v (%v)", changed, err)
	}
	if len(made.Components) != 4 {
		t.Error("the template that was changed is another one")
	}
	for _, bad := range []string{`{"body":1}`, `{"body":"a","components":[]}`, `{"components":[1]}`, `[]`} {
		if _, err := DecodeTemplate([]byte(bad)); engine.CodeOf(err) != engine.CodeInvalid {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestDecodeContact(t *testing.T) {
	c, err := DecodeContact([]byte(`{"phone":"+91 98765 43211","name":"Asha","tags":["a"],"custom":{"age":42.0,"x":null}}`))
	if err != nil || c.Phone != "919876543211@s.whatsapp.net" || *c.Name != "Asha" || (*c.Custom)["age"] != json.Number("42.0") || len(*c.Custom) != 1 {
		t.Errorf("read as %+v (%v)", c, err)
	}
	if c, err := DecodeContact([]byte(`{"name":null,"custom":null}`)); err != nil || c.Name != nil || c.Custom != nil {
		t.Errorf("read as %+v (%v)", c, err)
	}
	for _, bad := range []string{`{"phone":"1"}`, `{"phone":"1@g.us"}`, `{"phone":"123456@lid"}`, `{"tags":"a"}`, `{"tags":[1]}`, `{"custom":[]}`, `{"name":1}`} {
		if _, err := DecodeContact([]byte(bad)); engine.CodeOf(err) != engine.CodeInvalid {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
