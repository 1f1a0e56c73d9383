package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"wapid/engine/simnet"
)

// TestEveryKindIsTold: whatever a phone can say arrives as a webhook of its
// type, from a person and in a group, with all that it holds.
func TestEveryKindIsTold(t *testing.T) {
	network, receiver := startNetwork(t), startHooks(t)
	a := startApp(t, network, t.TempDir(), nil)
	receiver.subscribe(t, &a.api)
	mine, theirs := network.Phone("447700900123"), network.Phone("447700900124")
	theirs.SetPushName("Asha")
	a.pair(t, "main", mine)
	settle(t, network, mine)
	ctx, to := t.Context(), mine.JID()

	// tell sends, waits for the webhook of that id, and checks it. details is what
	// stands in the data behind the fields that every message has.
	tell := func(kind, body, details string, say func() (types.MessageID, error)) hook {
		t.Helper()
		id, err := say()
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		got := receiver.await(t, kind, func(h hook) bool { return h.Event == "message" && h.Data.ID == id })
		if got.Data.Type != kind || got.Data.Body != body || got.Data.HasMedia != strings.Contains(details, `"media":`) ||
			got.Data.PushName != "Asha" || got.Data.From != theirs.JID().String() || got.Data.FromLID != theirs.LID().String() {
			t.Errorf("%s arrived as %s", kind, got.Raw)
		}
		if d := detailsOf(got); d != details {
			t.Errorf("%s arrived with\n%s\nwant\n%s", kind, d, details)
		}
		return got
	}
	content := []byte("the bytes of a file")
	file := func(m simnet.Media) func() (types.MessageID, error) {
		m.Data = content
		return func() (types.MessageID, error) { return theirs.SendMedia(ctx, to, m) }
	}
	hash := sha256.Sum256(content)
	media := func(mime, more string) string {
		return fmt.Sprintf(`"media":{"mimeType":"%s",%s"size":%d,"sha256":"%x"}`, mime, more, len(content), hash)
	}
	text := func(to types.JID, body string) func() (types.MessageID, error) {
		return func() (types.MessageID, error) { return theirs.SendText(ctx, to, body) }
	}
	first := tell("text", "hello", "", text(to, "hello"))
	if first.Data.IsGroup || first.Data.Chat != theirs.JID().String() {
		t.Errorf("a personal message: %s", first.Raw)
	}
	id := types.MessageID(first.Data.ID)
	tell("text", "a reply", `"quoted":{"messageId":"`+id+`","from":"447700900124@s.whatsapp.net","type":"text","body":"hello"}`,
		func() (types.MessageID, error) { return theirs.Reply(ctx, to, id, "a reply") })
	tell("text", "@447700900123 hi", `"mentions":["447700900123@s.whatsapp.net"]`, func() (types.MessageID, error) {
		return theirs.Mention(ctx, to, "@447700900123 hi", mine.LID())
	})
	tell("text", "hello", `"forwarded":true`, func() (types.MessageID, error) { return theirs.Forward(ctx, to, id) })
	tell("text", "soon gone", `"expiresIn":86400`, func() (types.MessageID, error) {
		return theirs.SendDisappearing(ctx, to, "soon gone", 24*time.Hour)
	})
	tell("image", "look", media("image/jpeg", ""), file(simnet.Media{Kind: simnet.MediaImage, Caption: "look"}))
	tell("image", "once", media("image/jpeg", "")+`,"viewOnce":true`, file(simnet.Media{Kind: simnet.MediaImage, Caption: "once", ViewOnce: true}))
	tell("video", "", media("video/mp4", ""), file(simnet.Media{Kind: simnet.MediaVideo}))
	tell("audio", "", media("audio/mpeg", ""), file(simnet.Media{Kind: simnet.MediaAudio}))
	tell("voice", "", media("audio/ogg; codecs=opus", ""), file(simnet.Media{Kind: simnet.MediaAudio, Voice: true}))
	tell("document", "read this", media("application/octet-stream", `"fileName":"a.pdf",`),
		file(simnet.Media{Kind: simnet.MediaDocument, FileName: "a.pdf", Caption: "read this"}))
	sticker := strings.Replace(media("image/webp", ""), `,"sha256`, `,"width":512,"height":512,"sha256`, 1)
	tell("sticker", "", sticker, file(simnet.Media{Kind: simnet.MediaSticker}))
	tell("location", "Home", `"location":{"latitude":52.123457,"longitude":-13.4,"name":"Home","address":"Main Street 1"}`, func() (types.MessageID, error) {
		return theirs.SendLocation(ctx, to, simnet.Place{Latitude: 52.1234567, Longitude: -13.4, Name: "Home", Address: "Main Street 1"})
	})
	tell("location", "on my way", `"location":{"latitude":52,"longitude":0,"live":true}`, func() (types.MessageID, error) {
		return theirs.SendLiveLocation(ctx, to, simnet.Place{Latitude: 52}, "on my way", 1)
	})
	card := func(name, number string) string {
		return `{"name":"` + name + `","phone":"` + number + `","vcard":"BEGIN:VCARD\nVERSION:3.0\nN:;` + name + `;;;\nFN:` + name +
			`\nTEL;type=CELL;type=VOICE;waid=` + number + `:+` + number + `\nEND:VCARD"}`
	}
	tell("contact", "Ann", `"contacts":[`+card("Ann", "447700900125")+`]`, func() (types.MessageID, error) {
		return theirs.SendContacts(ctx, to, simnet.Card{Name: "Ann", Number: "447700900125"})
	})
	tell("contact", "2 contacts", `"contacts":[`+card("Ann", "447700900125")+`,`+card("Bo", "447700900126")+`]`, func() (types.MessageID, error) {
		return theirs.SendContacts(ctx, to, simnet.Card{Name: "Ann", Number: "447700900125"}, simnet.Card{Name: "Bo", Number: "447700900126"})
	})
	poll := types.MessageID(tell("poll", "Lunch?", `"poll":{"question":"Lunch?","options":["soup","bread"],"selectableCount":1}`,
		func() (types.MessageID, error) {
			return theirs.SendPoll(ctx, to, "Lunch?", []string{"soup", "bread"}, 1)
		}).Data.ID)
	tell("poll_vote", "", `"vote":{"messageId":"`+poll+`","options":["bread"]}`, func() (types.MessageID, error) { return theirs.Vote(ctx, to, poll, "bread") })
	tell("poll_vote", "", `"vote":{"messageId":"`+poll+`","options":[]}`, func() (types.MessageID, error) { return theirs.Vote(ctx, to, poll) })
	about := func(part string) string { return `"` + part + `":{"messageId":"` + id + `"}` }
	tell("reaction", "👍", `"reaction":{"messageId":"`+id+`","emoji":"👍","fromMe":false}`, func() (types.MessageID, error) { return theirs.React(ctx, to, id, "👍") })
	tell("edit", "hello!", about("edit"), func() (types.MessageID, error) { return theirs.Edit(ctx, to, id, "hello!") })
	tell("revoke", "", about("revoke"), func() (types.MessageID, error) { return theirs.Revoke(ctx, to, id) })
	tell("unsupported", "", `"unsupported":"orderMessage"`, func() (types.MessageID, error) {
		return theirs.Send(ctx, to, &waE2E.Message{OrderMessage: &waE2E.OrderMessage{}})
	})

	group, err := theirs.CreateGroup(ctx, "Lunch", mine.JID())
	if err != nil {
		t.Fatal(err)
	}
	told := tell("text", "to all", "", text(group, "to all"))
	if !told.Data.IsGroup || told.Data.Chat != group.String() {
		t.Errorf("a message in a group: %s", told.Raw)
	}
	sent := a.send(t, "main", group.String(), "back to the group")
	ours := types.MessageID(sent.text("messageId"))
	got, err := arrive(t, theirs, func(r simnet.Received) bool { return r.ID == ours })
	if err != nil {
		t.Fatal(err)
	}
	if got.Text != "back to the group" || got.Chat != group {
		t.Errorf("the group got %q in %s", got.Text, got.Chat)
	}
	tell("reaction", "👍", `"reaction":{"messageId":"`+ours+`","emoji":"👍","fromMe":true}`, func() (types.MessageID, error) { return theirs.React(ctx, group, ours, "👍") })
	tell("revoke", "", `"revoke":{"messageId":"`+ours+`","from":"447700900123@s.whatsapp.net"}`, func() (types.MessageID, error) { return theirs.Revoke(ctx, group, ours) })
	tell("text", "who?", `"quoted":{"messageId":"`+ours+`","from":"447700900123@s.whatsapp.net","type":"text","body":"back to the group"}`,
		func() (types.MessageID, error) { return theirs.Reply(ctx, group, ours, "who?") })
}

// baseFields is the last field that every message has.
var baseFields = regexp.MustCompile(`"timestamp":[0-9]+,?`)

// detailsOf is what the data of a message holds behind the fields that every
// message has.
func detailsOf(h hook) string {
	_, data, _ := strings.Cut(h.Raw, `"data":{`)
	data = inBody.ReplaceAllString(data, "}")
	at := baseFields.FindStringIndex(data)
	if at == nil {
		return data
	}
	return strings.TrimSuffix(data[at[1]:], "}}")
}

// TestPasskeyIsAskedFor: an account that wants its passkey shows as such, and
// the session can be given up.
func TestPasskeyIsAskedFor(t *testing.T) {
	network := startNetwork(t)
	a := startApp(t, network, t.TempDir(), nil)
	phone := network.Phone("447700900123")
	fault(simnet.Fault{Kind: simnet.FaultPasskey, Number: phone.Number()})(t, network, phone)
	a.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "main"})
	qr := a.awaitStatus(t, "main", "qr_ready").text("qr")
	ctx, cancel := context.WithCancel(t.Context())
	scanned := make(chan error, 1)
	go func() { _, err := phone.ScanQR(ctx, qr); scanned <- err }()
	a.awaitStatus(t, "main", "passkey_required")
	a.must(t, 200, "DELETE", sessionPath("main"), nil)
	cancel()
	if err := <-scanned; err == nil {
		t.Error("the phone linked a device without its passkey")
	}
	a.must(t, 404, "GET", sessionPath("main")+"/status", nil)
}
