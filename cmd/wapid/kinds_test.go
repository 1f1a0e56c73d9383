package main

import (
	"context"
	"testing"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine/simnet"
)

// TestEveryKindIsTold: whatever a phone can say arrives as a webhook of its
// type, from a person and in a group.
func TestEveryKindIsTold(t *testing.T) {
	network, receiver := startNetwork(t), startHooks(t)
	a := startApp(t, network, t.TempDir(), nil)
	receiver.subscribe(t, &a.api)
	mine, theirs := network.Phone("447700900123"), network.Phone("447700900124")
	theirs.SetPushName("Asha")
	a.pair(t, "main", mine)
	settle(t, network, mine)
	ctx, to := t.Context(), mine.JID()

	// tell sends, waits for the webhook of that id, and checks it.
	tell := func(kind, body string, media bool, say func() (types.MessageID, error)) hook {
		t.Helper()
		id, err := say()
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		got := receiver.await(t, kind, func(h hook) bool { return h.Event == "message" && h.Data.ID == id })
		if got.Data.Type != kind || got.Data.Body != body || got.Data.HasMedia != media || got.Data.PushName != "Asha" ||
			got.Data.From != theirs.JID().String() || got.Data.FromLID != theirs.LID().String() {
			t.Errorf("%s arrived as %s", kind, got.Raw)
		}
		return got
	}
	file := func(m simnet.Media) func() (types.MessageID, error) {
		m.Data = []byte("the bytes of a file")
		return func() (types.MessageID, error) { return theirs.SendMedia(ctx, to, m) }
	}
	first := tell("text", "hello", false, func() (types.MessageID, error) { return theirs.SendText(ctx, to, "hello") })
	if first.Data.IsGroup || first.Data.Chat != theirs.JID().String() {
		t.Errorf("a personal message: %s", first.Raw)
	}
	id := types.MessageID(first.Data.ID)
	tell("text", "a reply", false, func() (types.MessageID, error) { return theirs.Reply(ctx, to, id, "a reply") })
	tell("image", "look", true, file(simnet.Media{Kind: simnet.MediaImage, Caption: "look"}))
	tell("image", "once", true, file(simnet.Media{Kind: simnet.MediaImage, Caption: "once", ViewOnce: true}))
	tell("video", "", true, file(simnet.Media{Kind: simnet.MediaVideo}))
	tell("audio", "", true, file(simnet.Media{Kind: simnet.MediaAudio}))
	tell("voice", "", true, file(simnet.Media{Kind: simnet.MediaAudio, Voice: true}))
	tell("document", "read this", true, file(simnet.Media{Kind: simnet.MediaDocument, FileName: "a.pdf", Caption: "read this"}))
	tell("sticker", "", true, file(simnet.Media{Kind: simnet.MediaSticker}))
	tell("location", "Home", false, func() (types.MessageID, error) {
		return theirs.SendLocation(ctx, to, simnet.Place{Latitude: 52.5, Longitude: 13.4, Name: "Home"})
	})
	tell("contact", "Ann", false, func() (types.MessageID, error) {
		return theirs.SendContacts(ctx, to, simnet.Card{Name: "Ann", Number: "447700900125"})
	})
	poll := tell("poll", "Lunch?", false, func() (types.MessageID, error) {
		return theirs.SendPoll(ctx, to, "Lunch?", []string{"soup", "bread"}, 1)
	})
	tell("poll_vote", "", false, func() (types.MessageID, error) {
		return theirs.Vote(ctx, to, types.MessageID(poll.Data.ID), "soup")
	})
	tell("reaction", "👍", false, func() (types.MessageID, error) { return theirs.React(ctx, to, id, "👍") })
	tell("edit", "hello!", false, func() (types.MessageID, error) { return theirs.Edit(ctx, to, id, "hello!") })
	tell("revoke", "", false, func() (types.MessageID, error) { return theirs.Revoke(ctx, to, id) })

	group, err := theirs.CreateGroup(ctx, "Lunch", mine.JID())
	if err != nil {
		t.Fatal(err)
	}
	told := tell("text", "to all", false, func() (types.MessageID, error) { return theirs.SendText(ctx, group, "to all") })
	if !told.Data.IsGroup || told.Data.Chat != group.String() {
		t.Errorf("a message in a group: %s", told.Raw)
	}
	sent := a.send(t, "main", group.String(), "back to the group")
	got, err := arrive(t, theirs, func(r simnet.Received) bool { return r.ID == sent.text("messageId") })
	if err != nil {
		t.Fatal(err)
	}
	if got.Text != "back to the group" || got.Chat != group {
		t.Errorf("the group got %q in %s", got.Text, got.Chat)
	}
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
