package metabody

import (
	"encoding/json"
	"strings"
	"testing"

	"wapid/engine"
)

// Cards that were written from a request are told in a webhook as they were given.
func TestCardsComeBack(t *testing.T) {
	const given = `[{"name":{"formatted_name":"Dr. Ann Lee","first_name":"Ann","last_name":"Lee","prefix":"Dr."},` +
		`"phones":[{"phone":"+44 7700 900125","type":"CELL","wa_id":"447700900125"}],"emails":[{"email":"ann@example.com","type":"WORK"}],` +
		`"urls":[{"url":"https://example.com","type":"WORK"}],"addresses":[{"street":"1 Main St; back, left","city":"London","zip":"N1","country":"UK","type":"HOME"}],` +
		`"org":{"company":"Acme, Inc.","department":"Sales","title":"Head"},"birthday":"1990-01-31"}]`
	c := read(t, "contacts", `{"contacts":`+given+`}`)
	got, err := json.Marshal(Cards(c.Outgoing.Contacts))
	if err != nil || string(got) != given {
		t.Errorf("%v, %s", err, got)
	}
	if len(c.Outgoing.Contacts) != 1 || c.Outgoing.Contacts[0].Phone != "447700900125" {
		t.Errorf("%+v", c.Outgoing.Contacts)
	}
}

func TestWhatBothTellAlike(t *testing.T) {
	chosen := func(style engine.ChoiceStyle) (d engine.MessageData) {
		d.Type, d.Choice = engine.KindText, &engine.ChosenInfo{Style: style, ID: "yes", Title: "Yes", Description: "d"}
		return d
	}
	place := engine.MessageData{Type: engine.KindLocation}
	place.Location = &engine.Location{Latitude: 1, Longitude: 2}
	for _, c := range []struct {
		data       engine.MessageData
		kind, want string
	}{
		{chosen(engine.StyleQuickReply), "button", `{"button":{"payload":"yes","text":"Yes"}}`},
		{chosen(engine.StyleList), "interactive", `{"interactive":{"type":"list_reply","list_reply":{"id":"yes","title":"Yes","description":"d"}}}`},
		{chosen(engine.StyleButton), "interactive", `{"interactive":{"type":"button_reply","button_reply":{"id":"yes","title":"Yes"}}}`},
		{place, "location", `{"location":{"latitude":1,"longitude":2}}`},
		{engine.MessageData{Type: engine.KindLocation}, "", `{}`},
		{engine.MessageData{Type: engine.KindText, Body: "a"}, "", `{}`},
	} {
		var told Told
		kind := told.Tell(c.data)
		if got, err := json.Marshal(told); err != nil || kind != c.kind || string(got) != c.want {
			t.Errorf("%q %s, %v, want %q %s", kind, got, err, c.kind, c.want)
		}
	}
}

func FuzzCards(f *testing.F) {
	f.Add("BEGIN:VCARD\r\nVERSION:3.0\r\nN:Lee;Ann;B.;Dr.;\r\nORG:Acme\\, Inc.;Sales\r\nitem1.TEL;type=CELL;type=VOICE;waid=447700900125:+44 7700\r\n  900125\r\n" +
		"TEL;TYPE=\"HOME,VOICE\":+441234\r\nADR;type=HOME:;;1 Main St\\; back;London;;N1;UK\r\nEND:VCARD")
	f.Add("TEL;waid=1:\n \\")
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range Cards([]engine.Contact{{Name: "Ann", VCard: text}}) {
			if len(c.Phones) > mostCardLines {
				t.Error("too many phones")
			}
		}
	})
}

func FuzzContacts(f *testing.F) {
	f.Add([]byte(`{"contacts":[{"name":{"formatted_name":"a\nb"},"phones":[{"phone":"1"}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		o := Read(body)
		for _, c := range o.Content("contacts").Outgoing.Contacts {
			if lines := strings.Split(c.VCard, "\n"); lines[0] != "BEGIN:VCARD" || lines[len(lines)-1] != "END:VCARD" || strings.Contains(c.VCard, "\r") {
				t.Errorf("%q becomes the card %q", body, c.VCard)
			}
		}
	})
}
