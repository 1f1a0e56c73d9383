package store_test

import (
	"strings"
	"testing"

	"wapid/engine"
	"wapid/store"
)

// A reference is read back as it was written, whatever the message's id holds, and finds
// the message of the sender whom it means.
func TestMediaRefs(t *testing.T) {
	s := open(t, store.Options{})
	ctx := t.Context()
	var refs []store.MediaRef
	for i, sender := range []engine.Person{
		{Phone: "1234567@s.whatsapp.net", LID: "99@lid"}, {Phone: "1234568@s.whatsapp.net"}, {LID: "97@lid"},
	} {
		m := engine.LoggedMessage{Session: key("main"), ID: "A/B=", Direction: engine.Inbound, Chat: sender.Preferred(), Peer: sender,
			Kind: engine.KindImage, Text: string(rune('a' + i)), Payload: []byte{1}, Status: engine.MessageReceived, CreatedAt: start}
		_, err := s.BeginIncoming(ctx, m, event("main", "{}"))()
		must(t, err)
		found, err := s.FindLogged(ctx, key("main"), "A/B=")
		must(t, err)
		for _, one := range found {
			if one.Text == m.Text {
				refs = append(refs, store.MessageMediaRef(one))
			}
		}
	}
	if len(refs) != 3 {
		t.Fatalf("%d messages were found", len(refs))
	}
	for i, want := range refs {
		r, ok := store.ParseMediaRef(want.String())
		if !ok || r != want {
			t.Errorf("%s is read as %+v", want, r)
		}
		m, err := s.FindMessageOf(ctx, store.DefaultTenant, r)
		if err != nil || m.Text != string(rune('a'+i)) {
			t.Errorf("%s finds %q, %v", want, m.Text, err)
		}
		_, err = s.FindMessageOf(ctx, "other", r)
		wantCode(t, err, engine.CodeNotFound)
	}
	stranger := refs[0]
	stranger.Origin = "1@lid"
	_, err := s.FindMessageOf(ctx, store.DefaultTenant, stranger)
	wantCode(t, err, engine.CodeNotFound)

	file := store.MediaRef{File: "0195fd3e"}
	if r, ok := store.ParseMediaRef(file.String()); !ok || r != file || file.String() != "file:0195fd3e" {
		t.Errorf("%s is read as %+v", file, r)
	}
	for _, bad := range []string{"", "file:", "message:", "message:main/in", "message:main/in/A", "message:main/up/A/", "message:/in/A/", "message:main/in//x",
		strings.Repeat("/", 9)} {
		if r, ok := store.ParseMediaRef(bad); ok {
			t.Errorf("%q is read as %+v", bad, r)
		}
	}
}
