package hub

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"wapid/engine"
)

// chat is a log, newest first, of what is said oldest first.
func chat(all ...engine.LoggedMessage) (log []engine.LoggedMessage) {
	for i := len(all) - 1; i >= 0; i-- {
		m := all[i]
		m.CreatedAt = time.Unix(1708243200+int64(i)*60, 0)
		if m.Kind == "" {
			m.Kind = engine.KindText
		}
		if m.Direction == "" {
			m.Direction, m.Status = engine.Inbound, engine.MessageReceived
		}
		log = append(log, m)
	}
	return log
}

func TestConversation(t *testing.T) {
	asha, ben := engine.Person{Phone: "919876543211@s.whatsapp.net"}, engine.Person{LID: "2@lid"}
	out := func(id, text string, status engine.MessageStatus) engine.LoggedMessage {
		return engine.LoggedMessage{ID: engine.MessageID(id), Direction: engine.Outbound, Text: text, Status: status}
	}
	in := func(id, text string) engine.LoggedMessage {
		return engine.LoggedMessage{ID: engine.MessageID(id), Peer: asha, PushName: "Asha Kumar", Text: text}
	}
	edit := func(of engine.MessageID, who engine.Person, text string) engine.LoggedMessage {
		return engine.LoggedMessage{ID: "E-" + of, Peer: who, Kind: engine.KindEdit, Text: text, Details: engine.Details{Edit: &engine.TargetInfo{MessageID: of}}}
	}
	revoke := engine.LoggedMessage{ID: "R", Peer: asha, Kind: engine.KindRevoke, Details: engine.Details{Revoke: &engine.TargetInfo{MessageID: "3"}}}
	gone := in("8", "for a minute")
	gone.Details.ExpiresIn = 60
	once := engine.LoggedMessage{ID: "9", Peer: asha, Kind: engine.KindImage, Text: "secret", Details: engine.Details{ViewOnce: true}}
	log := chat(
		in("1", `<script>alert(1)</script> & "quotes" 'too'`),
		out("2", "Ring +91 98765 43210\njavascript:alert(1)", engine.MessageRead),
		in("3", "taken back"), revoke,
		in("4", "before"), edit("4", asha, "between"), edit("4", asha, "after"), edit("4", ben, "forged"),
		out("5", "not sent", engine.MessageFailed), out("6", "waits", engine.MessageQueued),
		engine.LoggedMessage{ID: "7", Peer: ben, PushName: `"><img src=x onerror=alert(1)>`, Kind: engine.KindImage, Text: "Look, 98765 43210"},
		gone, once,
		engine.LoggedMessage{ID: "10", Kind: engine.KindReaction, Text: "👍"},
		engine.LoggedMessage{ID: "11", Peer: engine.Person{LID: "2@lid"}, PushName: "+91 98765 43212", Kind: engine.KindContact, Text: ""},
		engine.LoggedMessage{ID: "12", Peer: asha, Kind: engine.KindUnsupported},
	)
	c := Show(`A "title" <b> 919876543211`, log, time.Unix(1708250000, 0))
	page, err := c.Page("")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "conversation.html", page)
	with, err := Show("", nil, time.Unix(1708250000, 0)).Page(`https://a.example/oembed/?url=https%3A%2F%2Fa.example%2Fconversation%2Fx&"><script>`)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "conversation-empty.html", with)
	for _, bad := range []string{"<script", "<img", "98765", "43210", "43212", "taken back", "before", "between", "forged", "not sent", "waits", "for a minute", "secret", "Kumar", "Asha"} {
		if strings.Contains(string(page), bad) || strings.Contains(string(with), bad) {
			t.Errorf("the page shows %q", bad)
		}
	}
}

func TestConversationHasAnEnd(t *testing.T) {
	var all []engine.LoggedMessage
	for i := range 80 {
		all = append(all, engine.LoggedMessage{ID: engine.MessageID(fmt.Sprint(i)), Text: fmt.Sprint("Text ", i)})
	}
	c := Show("", chat(all...), time.Unix(1708250000, 0))
	if len(c.Lines) != MostShown || c.Lines[0].Text != "Text 30" || c.Lines[49].Text != "Text 79" || c.Title != DefaultTitle {
		t.Errorf("%s shows %d lines, from %q", c.Title, len(c.Lines), c.Lines[0].Text)
	}
}

func TestDescribe(t *testing.T) {
	goldenJSON(t, "oembed.json", Describe("https://hub.example", "abc", `<script> "919876543211"`, 500, 400))
	for _, c := range []struct{ width, height, wantWidth, wantHeight int }{
		{0, 0, 500, 400}, {300, 200, 300, 200}, {120, 90, 120, 90}, {1 << 30, 1 << 30, 1200, 1600},
	} {
		o := Describe("https://hub.example", "abc", "", c.width, c.height)
		if o.Width != c.wantWidth || o.Height != c.wantHeight || o.Title != DefaultTitle {
			t.Errorf("%d by %d is described as %d by %d of %q", c.width, c.height, o.Width, o.Height, o.Title)
		}
	}
	raw, err := json.Marshal(Describe("https://hub.example", `"><script>`, `" onload="`, 0, 0))
	if err != nil || strings.Contains(string(raw), `\u003cscript`) && !strings.Contains(string(raw), "%3Cscript") {
		t.Errorf("described as %s", raw)
	}
}

func TestPublicationID(t *testing.T) {
	const base, id = "https://hub.example/base", "abcdefghijklmnopqrstuvwx27"
	for address, want := range map[string]string{
		base + "/conversation/" + id:                       id,
		base + "/conversation/" + id + "/":                 id,
		base + "/embed/conversation/" + id + "/?a=b#c":     id,
		"http://HUB.example/base/conversation/" + id:       id,
		"https://other.example/base/conversation/" + id:    "",
		"https://hub.example/conversation/" + id:           "",
		"https://hub.example:8443/base/conversation/" + id: "",
		"https://a@hub.example/base/conversation/" + id:    "",
		"javascript://hub.example/base/conversation/" + id: "",
		base + "/conversation/" + strings.ToUpper(id):      "",
		base + "/conversation/demo":                        "",
		base + "/conversation/" + id + "/x":                "",
		base + "/conversation/../conversation/" + id:       "",
		"//hub.example/base/conversation/" + id:            "",
		"::":                                               "",
		strings.Repeat("a", 4000):                          "",
	} {
		if got := PublicationID(base, address); got != want {
			t.Errorf("%s is %q, want %q", address, got, want)
		}
	}
}

func FuzzPublicationID(f *testing.F) {
	f.Add("https://hub.example/conversation/abcdefghijklmnopqrstuvwx27/")
	f.Add("https://hub.example@evil.example/conversation/a")
	f.Fuzz(func(t *testing.T, address string) {
		if id := PublicationID("https://hub.example", address); id != "" && !IsPublicationID(id) {
			t.Fatalf("%q is %q", address, id)
		}
	})
}
