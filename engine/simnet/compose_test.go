package simnet

import (
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

var (
	noon    = time.Unix(1_700_000_000, 0)
	toChat  = reference{chat: jidB.ToNonAD(), sender: jidB, id: "3EB0AA"}
	toOwn   = reference{chat: jidB.ToNonAD(), sender: jidA, id: "3EB0BB", fromMe: true}
	toGroup = reference{chat: jidG, sender: jidB, id: "3EB0CC"}
)

// received is the message as whatsmeow hands it to its caller.
func received(t *testing.T, msg *waE2E.Message) *events.Message {
	t.Helper()
	raw, err := proto.Marshal(msg)
	if err != nil {
		t.Fatal(err)
	}
	var back waE2E.Message
	if err := proto.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	return (&events.Message{RawMessage: &back}).UnwrapRaw()
}

func TestTraitsAndText(t *testing.T) {
	stored := storedMedia{url: "https://h/x", directPath: "/v/x?y", at: noon}
	media := func(m Media) *waE2E.Message {
		msg, err := mediaMessage(m, stored)
		if err != nil {
			t.Fatal(err)
		}
		return msg
	}
	vote := &waE2E.Message{PollUpdateMessage: &waE2E.PollUpdateMessage{}}
	for _, tt := range []struct {
		name string
		msg  *waE2E.Message
		want traits
		text string
	}{
		{"text", textMessage("hi"), traits{kind: "text"}, "hi"},
		{"reply", reply(textMessage("hi"), toChat, textMessage("q")), traits{kind: "text"}, "hi"},
		{"mention", mention(textMessage("hi @1"), jidA), traits{kind: "text"}, "hi @1"},
		{"disappearing", ephemeral(textMessage("hi"), time.Hour, noon), traits{kind: "text"}, "hi"},
		{"image", media(Media{Kind: MediaImage, Caption: "c"}), traits{kind: "media", media: "image"}, "c"},
		{"view once", viewOnce(media(Media{Kind: MediaImage, Caption: "c"})), traits{kind: "media", media: "image"}, "c"},
		{"video", media(Media{Kind: MediaVideo}), traits{kind: "media", media: "video"}, ""},
		{"gif", media(Media{Kind: MediaVideo, GIF: true}), traits{kind: "media", media: "gif"}, ""},
		{"audio", media(Media{Kind: MediaAudio}), traits{kind: "media", media: "audio"}, ""},
		{"voice", media(Media{Kind: MediaAudio, Voice: true}), traits{kind: "media", media: "ptt"}, ""},
		{"document", media(Media{Kind: MediaDocument, FileName: "a.pdf"}), traits{kind: "media", media: "document"}, ""},
		{"captioned document", media(Media{Kind: MediaDocument, Caption: "c"}), traits{kind: "media", media: "document"}, "c"},
		{"sticker", media(Media{Kind: MediaSticker}), traits{kind: "media", media: "sticker"}, ""},
		{"place", locationMessage(Place{Latitude: 1, Longitude: 2, Name: "n"}), traits{kind: "media", media: "location"}, "n"},
		{"live place", liveLocationMessage(Place{}, "here", 1), traits{kind: "media", media: "livelocation"}, "here"},
		{"contact", contactMessage(Card{"Ann", "1"}), traits{kind: "media", media: "vcard"}, "Ann"},
		{"contacts", contactMessage(Card{"Ann", "1"}, Card{"Bob", "2"}), traits{kind: "media", media: "contact_array"}, "2 contacts"},
		{"poll", pollMessage("q?", []string{"a", "b"}, 0), traits{kind: "poll", poll: "creation"}, "q?"},
		{"single choice poll", pollMessage("q?", []string{"a", "b"}, 1), traits{kind: "poll", poll: "creation"}, "q?"},
		{"vote", vote, traits{kind: "poll", poll: "vote", hide: true}, ""},
		{"reaction", reaction(toChat, "👍", noon), traits{kind: "reaction", hide: true}, "👍"},
		{"reaction taken back", reaction(toChat, "", noon), traits{kind: "reaction", edit: "7", hide: true}, ""},
		{"edit", edit(toOwn, textMessage("new"), noon), traits{kind: "text", edit: "1", hide: true}, "new"},
		{"revoke", revoke(toOwn), traits{kind: "text", edit: "7", hide: true}, ""},
		{"admin revoke", revoke(toGroup), traits{kind: "text", edit: "8", hide: true}, ""},
		{"sent by another device", &waE2E.Message{DeviceSentMessage: &waE2E.DeviceSentMessage{Message: textMessage("hi")}}, traits{kind: "text"}, "hi"},
		{"nothing", nil, traits{kind: "text"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := traitsOf(tt.msg); got != tt.want {
				t.Errorf("traits %+v, want %+v", got, tt.want)
			}
			if got := textOf(tt.msg); got != tt.text {
				t.Errorf("text %q, want %q", got, tt.text)
			}
		})
	}
}

func TestReplyQuotes(t *testing.T) {
	quoted := withSecret(reply(textMessage("question"), toOwn, textMessage("older")))
	evt := received(t, reply(mention(textMessage("answer"), jidB), toGroup, quoted))
	info := evt.Message.GetExtendedTextMessage().GetContextInfo()
	if evt.Message.Conversation != nil || evt.Message.GetExtendedTextMessage().GetText() != "answer" {
		t.Errorf("message %v", evt.Message)
	}
	if info.GetStanzaID() != "3EB0CC" || info.GetParticipant() != jidB.ToNonAD().String() || info.GetMentionedJID()[0] != jidB.ToNonAD().String() {
		t.Errorf("context %v", info)
	}
	if got := info.GetQuotedMessage(); got.GetExtendedTextMessage().GetText() != "question" ||
		got.GetExtendedTextMessage().ContextInfo != nil || got.MessageContextInfo != nil {
		t.Errorf("quoted %v: want the question without context and secret", got)
	}
	if len(quoted.GetMessageContextInfo().GetMessageSecret()) != 32 || quoted.GetExtendedTextMessage().GetContextInfo() == nil {
		t.Error("quoting changed the quoted message")
	}
}

func TestContextReachesWrappedContent(t *testing.T) {
	picture := &waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: proto.String("c")}}
	evt := received(t, forwarded(forwarded(ephemeral(viewOnce(picture), 24*time.Hour, noon))))
	info := evt.Message.GetImageMessage().GetContextInfo()
	if !evt.IsViewOnceV2 || !evt.Message.GetImageMessage().GetViewOnce() {
		t.Error("not a view-once image")
	}
	if info.GetExpiration() != 86400 || info.GetEphemeralSettingTimestamp() != noon.Unix() || info.GetForwardingScore() != 2 {
		t.Errorf("context %v", info)
	}
	if picture.ImageMessage.ContextInfo != nil || picture.ImageMessage.ViewOnce != nil {
		t.Error("the original message was changed")
	}
	voice := received(t, viewOnce(&waE2E.Message{AudioMessage: &waE2E.AudioMessage{}}))
	if !voice.IsViewOnceV2Extension || voice.Message.GetAudioMessage() == nil {
		t.Error("a view-once voice note travels in the extension")
	}
}

func TestReferenceKey(t *testing.T) {
	for _, tt := range []struct {
		name        string
		ref         reference
		fromMe      bool
		participant string
	}{
		{"theirs", toChat, false, ""},
		{"own", toOwn, true, ""},
		{"theirs in a group", toGroup, false, jidB.ToNonAD().String()},
		{"own in a group", reference{chat: jidG, sender: jidA, id: "x", fromMe: true}, true, ""},
	} {
		key := tt.ref.key()
		if key.GetFromMe() != tt.fromMe || key.GetParticipant() != tt.participant || key.GetRemoteJID() != tt.ref.chat.String() || key.GetID() != tt.ref.id {
			t.Errorf("%s: %v", tt.name, key)
		}
	}
	evt := received(t, edit(toOwn, textMessage("new"), noon))
	if !evt.IsEdit || evt.Message.GetProtocolMessage().GetEditedMessage().GetConversation() != "new" {
		t.Errorf("edit %v", evt.Message)
	}
}

func TestWithSecret(t *testing.T) {
	first := withSecret(textMessage("x"))
	if len(first.GetMessageContextInfo().GetMessageSecret()) != 32 {
		t.Error("no secret")
	}
	if again := withSecret(first); again != first {
		t.Error("a second secret replaced the first")
	}
	for name, msg := range map[string]*waE2E.Message{"reaction": reaction(toChat, "x", noon), "revoke": revoke(toOwn), "edit": edit(toOwn, textMessage("x"), noon)} {
		if withSecret(msg).MessageContextInfo != nil {
			t.Errorf("%s has a secret", name)
		}
	}
}

func TestCardIsEscaped(t *testing.T) {
	card := contactMessage(Card{"A;B,C\\D", "4912345"}).GetContactMessage()
	want := "BEGIN:VCARD\nVERSION:3.0\nN:;A\\;B\\,C\\\\D;;;\nFN:A\\;B\\,C\\\\D\nTEL;type=CELL;type=VOICE;waid=4912345:+4912345\nEND:VCARD"
	if card.GetVcard() != want || card.GetDisplayName() != "A;B,C\\D" {
		t.Errorf("card %q", card.GetVcard())
	}
}
