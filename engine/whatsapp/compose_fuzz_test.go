package whatsapp

import (
	"encoding/json"
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	"wapid/engine"
)

// FuzzCompose: whatever a message holds, composing it either says why it can't be
// sent or gives something that can be encoded, kept, quoted and edited.
func FuzzCompose(f *testing.F) {
	_, peer, _ := testPeople()
	seeds := []engine.Outgoing{
		{Kind: engine.KindText, Text: "@4915100000002", Mentions: []engine.JID{peer.Phone, "x", "@", "a@b@c"}},
		{Kind: engine.KindText, Text: "x", Quoted: &engine.MessageRef{ID: "Q", FromMe: true, Payload: []byte{10, 1, 'a'}}},
		{Kind: engine.KindImage, ViewOnce: true, Attachment: uploaded(f, engine.KindImage, nil)},
		{Kind: engine.KindVoice, Attachment: uploaded(f, engine.KindVoice, func(a *engine.Attachment) { a.Duration, a.Width = -1, -1 })},
		{Kind: engine.KindDocument, Text: "c", Attachment: uploaded(f, engine.KindDocument, nil)},
		{Kind: engine.KindPoll, Poll: &engine.Poll{Question: "?", Options: []string{"a", "b"}, Selectable: 2}},
		{Kind: engine.KindLocation, Location: &engine.Location{Latitude: 1, Longitude: 2}},
		{Kind: engine.KindContact, Contacts: []engine.Contact{{Name: "a;b\nTEL:1", Phone: "+49"}}},
		{Kind: engine.KindEdit, Text: "x", Target: &engine.MessageRef{ID: "T", FromMe: true, Kind: engine.KindImage, Payload: []byte{26, 0}}},
		{Kind: engine.KindReaction, Text: "👍", Target: &engine.MessageRef{ID: "T", Sender: peer}},
		{Kind: engine.KindRevoke, Target: &engine.MessageRef{ID: "T", Sender: peer}},
	}
	for _, m := range seeds {
		raw, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		for _, chat := range []string{testChat, testGroup, "120363000000000009@newsletter", "@", ""} {
			f.Add(raw, chat, true)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, chat string, byLID bool) {
		var m engine.Outgoing
		if json.Unmarshal(raw, &m) != nil {
			return
		}
		where := testSetting(chat, byLID)
		message, err := composeMessage(m, where)
		if err != nil {
			if _, coded := errors.AsType[*engine.Error](err); message != nil || !coded {
				t.Fatalf("%v beside %v", message, err)
			}
			return
		}
		if _, err := proto.Marshal(message); err != nil {
			t.Fatalf("%v can't be encoded: %v", message, err)
		}
		payload, err := payloadOf(message)
		if err != nil {
			t.Fatal(err)
		}
		ref := &engine.MessageRef{ID: "R", FromMe: true, Kind: m.Kind, Text: m.Text, Payload: payload}
		reply, err := composeMessage(engine.Outgoing{Kind: engine.KindText, Text: "reply", Quoted: ref}, testSetting(testChat, true))
		if err != nil || reply.GetExtendedTextMessage().GetContextInfo().GetQuotedMessage() == nil {
			t.Fatalf("what was sent can't be quoted: %v, %v", reply, err)
		}
		if hasCaption(m.Kind) && !m.ViewOnce {
			if _, err := composeMessage(engine.Outgoing{Kind: engine.KindEdit, Text: "edit", Target: ref}, testSetting(testChat, true)); err != nil {
				t.Fatalf("what was sent can't be edited: %v", err)
			}
		}
	})
}

func hasCaption(kind engine.Kind) bool {
	return kind == engine.KindImage || kind == engine.KindVideo || kind == engine.KindDocument
}
