package metabody

import (
	"strings"
	"testing"

	"wapid/engine"
)

// read wants a body to be understood.
func read(t *testing.T, kind, body string) Content {
	t.Helper()
	o := Read([]byte(body))
	c := o.Content(kind)
	if err := o.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestContentIsRead(t *testing.T) {
	c := read(t, "text", `{"text":{"body":"a","preview_url":true}}`)
	if c.Outgoing.Kind != engine.KindText || c.Outgoing.Text != "a" || !c.LinkPreview || c.Media != nil {
		t.Errorf("%+v", c)
	}
	c = read(t, "audio", `{"audio":{"id":7,"voice":true}}`)
	if c.Outgoing.Kind != engine.KindVoice || c.Media.ID != "7" {
		t.Errorf("%+v", c)
	}
	c = read(t, "document", `{"document":"{\"link\":\"https://a.example/f\",\"filename\":\"f.pdf\",\"caption\":\"c\"}"}`)
	if c.Outgoing.Text != "c" || *c.Media != (Media{Link: "https://a.example/f", FileName: "f.pdf"}) {
		t.Errorf("%+v", c)
	}
	c = read(t, "reaction", `{"reaction":{"emoji":""}}`)
	if c.Outgoing.Kind != engine.KindReaction || c.Outgoing.Text != "" || c.Outgoing.Target != nil {
		t.Errorf("%+v", c)
	}
	c = read(t, "interactive", `{"interactive":{"type":"button","header":{"type":"document","document":{"id":"1","filename":"f"}},
		"body":{"text":"b"},"footer":{"text":"f"},"action":{"buttons":[{"type":"reply","reply":{"id":"1","title":"Yes"}},{"reply":{"id":2,"title":"No"}}]}}}`)
	if o := c.Outgoing; o.Kind != engine.KindDocument || o.Choices.Footer != "f" || c.Media.FileName != "f" || len(o.Choices.Options) != 2 || o.Choices.Options[1].ID != "2" {
		t.Errorf("%+v, %+v", c, c.Outgoing.Choices)
	}
}

func TestContentIsRefused(t *testing.T) {
	rows := `{"rows":[` + strings.TrimSuffix(strings.Repeat(`{"id":"1","title":"t"},`, 2), ",") + `]}`
	for name, c := range map[string]struct {
		kind, body string
		reason     Reason
		says       string
	}{
		"text":         {"text", `{"text":{"body":"` + strings.Repeat("a", 4097) + `"}}`, TooLong, "text.body"},
		"file":         {"voice", `{"voice":{}}`, Missing, "voice.id or voice.link is required"},
		"file twice":   {"image", `{"image":{"id":"1","link":"https://a.example"}}`, Value, "image.id and image.link exclude each other"},
		"address":      {"video", `{"video":{"link":"https:///x"}}`, Value, "video.link must be a URL"},
		"long address": {"video", `{"video":{"link":"https://a.example/` + strings.Repeat("a", maxLink) + `"}}`, Value, "video.link"},
		"file name":    {"document", `{"document":{"id":"1","filename":"` + strings.Repeat("a", 241) + `"}}`, Invalid, "document.filename"},
		"place":        {"location", `{"location":{"latitude":"90.5","longitude":0}}`, Value, "location.latitude"},
		"cards":        {"contacts", `{"contacts":null}`, Missing, "contacts must have an entry"},
		"phone":        {"contacts", `{"contacts":[{"name":{"formatted_name":"A"},"phones":[{}]}]}`, Missing, "contacts[0].phones[0].phone is required"},
		"emoji":        {"reaction", `{"reaction":{"message_id":"A"}}`, Missing, "reaction.emoji is required"},
		"flow":         {"interactive", `{"interactive":{"type":"flow"}}`, Unsupported, "can't be shown"},
		"header":       {"interactive", `{"interactive":{"type":"button","header":{"type":"sticker"}}}`, Value, "interactive.header.type must be"},
		"row twice":    {"interactive", `{"interactive":{"type":"list","body":{"text":"b"},"action":{"button":"b","sections":[` + rows + `]}}}`, Value, "interactive.action.sections[0].rows[1].id is there twice"},
		"link": {"interactive", `{"interactive":{"type":"cta_url","body":{"text":"b"},"action":{"parameters":{"display_text":"d","url":"x"}}}}`,
			Value, "interactive.action.parameters.url must be"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Read([]byte(c.body))
			o.Content(c.kind)
			refused(t, o.Err(), c.reason, c.says)
		})
	}
}

func TestPeopleAreNamed(t *testing.T) {
	const phone, lid, group = engine.JID("919876543210@s.whatsapp.net"), engine.JID("123456789012345@lid"), engine.JID("120363000000000000@g.us")
	for who, want := range map[engine.JID][2]string{phone: {"919876543210", ""}, lid: {"", "ZZ.123456789012345"}, group: {}, "": {}} {
		if PhoneOf(who) != want[0] || UserID(who) != want[1] {
			t.Errorf("%s is %q and %q, want %q", who, PhoneOf(who), UserID(who), want)
		}
	}
	if got, ok := ParseUserID("IN.123456789012345"); !ok || got != lid {
		t.Errorf("%s, %v", got, ok)
	}
	for _, bad := range []string{"", "123456789012345", "in.123456789012345", "IND.1", "IN.", "IN.x"} {
		if got, ok := ParseUserID(bad); ok {
			t.Errorf("%q is %s", bad, got)
		}
	}
	for id, want := range map[string]engine.JID{`"120363000000000000"`: group, `120363000000000000`: group, `"120363000000000000@g.us"`: group} {
		if o := Read([]byte(`{"to":` + id + `}`)); o.Group("to") != want || o.Err() != nil {
			t.Errorf("%s: %v", id, o.Err())
		}
	}
}
