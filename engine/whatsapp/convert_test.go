package whatsapp

import (
	"reflect"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"wapid/engine"
)

func wrapped(m *waE2E.Message) *waE2E.FutureProofMessage {
	return &waE2E.FutureProofMessage{Message: m}
}

func words(s string) *waE2E.Message { return &waE2E.Message{Conversation: proto.String(s)} }

// received is an event as whatsmeow makes it of a raw message.
func received(raw *waE2E.Message) *events.Message {
	e := &events.Message{RawMessage: raw}
	e.Info.Sender = types.JID{User: "1", Device: 3, Server: types.HiddenUserServer}
	e.Info.SenderAlt = types.JID{User: "49170", Device: 3, Server: types.DefaultUserServer}
	e.Info.Chat = types.NewJID("1", types.HiddenUserServer)
	return e.UnwrapRaw()
}

func TestContent(t *testing.T) {
	picture := &waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: proto.String("look")}}
	document := &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{Caption: proto.String("the bill"), FileName: proto.String("bill.pdf")}}
	edit := func(m *waE2E.Message) *waE2E.Message {
		return &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
			Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), Key: &waCommon.MessageKey{ID: proto.String("A")}, EditedMessage: m,
		}}
	}
	for name, c := range map[string]struct {
		raw  *waE2E.Message
		want content
	}{
		"conversation":  {words("hi"), content{engine.KindText, "hi", false}},
		"extended text": {&waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String("hi")}}, content{engine.KindText, "hi", false}},
		"image":         {picture, content{engine.KindImage, "look", true}},
		"video":         {&waE2E.Message{VideoMessage: &waE2E.VideoMessage{Caption: proto.String("v")}}, content{engine.KindVideo, "v", true}},
		"video note":    {&waE2E.Message{PtvMessage: &waE2E.VideoMessage{}}, content{engine.KindVideo, "", true}},
		"audio":         {&waE2E.Message{AudioMessage: &waE2E.AudioMessage{}}, content{engine.KindAudio, "", true}},
		"voice":         {&waE2E.Message{AudioMessage: &waE2E.AudioMessage{PTT: proto.Bool(true)}}, content{engine.KindVoice, "", true}},
		"document":      {document, content{engine.KindDocument, "the bill", true}},
		"with caption":  {&waE2E.Message{DocumentWithCaptionMessage: wrapped(document)}, content{engine.KindDocument, "the bill", true}},
		"sticker":       {&waE2E.Message{StickerMessage: &waE2E.StickerMessage{}}, content{engine.KindSticker, "", true}},
		"moving sticker": {&waE2E.Message{LottieStickerMessage: wrapped(&waE2E.Message{StickerMessage: &waE2E.StickerMessage{}})},
			content{engine.KindSticker, "", true}},
		"location":       {&waE2E.Message{LocationMessage: &waE2E.LocationMessage{Name: proto.String("home")}}, content{engine.KindLocation, "home", false}},
		"live location":  {&waE2E.Message{LiveLocationMessage: &waE2E.LiveLocationMessage{Caption: proto.String("on my way")}}, content{engine.KindLocation, "on my way", false}},
		"contact":        {&waE2E.Message{ContactMessage: &waE2E.ContactMessage{DisplayName: proto.String("Eve")}}, content{engine.KindContact, "Eve", false}},
		"contacts":       {&waE2E.Message{ContactsArrayMessage: &waE2E.ContactsArrayMessage{DisplayName: proto.String("2 contacts")}}, content{engine.KindContact, "2 contacts", false}},
		"poll":           {&waE2E.Message{PollCreationMessage: &waE2E.PollCreationMessage{Name: proto.String("when?")}}, content{engine.KindPoll, "when?", false}},
		"poll of today":  {&waE2E.Message{PollCreationMessageV3: &waE2E.PollCreationMessage{Name: proto.String("when?")}}, content{engine.KindPoll, "when?", false}},
		"vote":           {&waE2E.Message{PollUpdateMessage: &waE2E.PollUpdateMessage{}}, content{engine.KindPollVote, "", false}},
		"reaction":       {&waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{Text: proto.String("👍")}}, content{engine.KindReaction, "👍", false}},
		"edit":           {&waE2E.Message{EditedMessage: wrapped(edit(words("better")))}, content{engine.KindEdit, "better", false}},
		"bare edit":      {edit(words("better")), content{engine.KindEdit, "better", false}},
		"edited caption": {&waE2E.Message{EditedMessage: wrapped(edit(picture))}, content{engine.KindEdit, "look", true}},
		"revoke": {&waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_REVOKE.Enum()}},
			content{engine.KindRevoke, "", false}},
		"disappearing": {&waE2E.Message{EphemeralMessage: wrapped(words("psst"))}, content{engine.KindText, "psst", false}},
		"viewed once":  {&waE2E.Message{ViewOnceMessageV2: wrapped(picture)}, content{engine.KindImage, "look", true}},
		"both":         {&waE2E.Message{EphemeralMessage: wrapped(&waE2E.Message{ViewOnceMessage: wrapped(picture)})}, content{engine.KindImage, "look", true}},
		"the wrong way round": {&waE2E.Message{ViewOnceMessageV2Extension: wrapped(&waE2E.Message{EphemeralMessage: wrapped(picture)})},
			content{engine.KindImage, "look", true}},
		"from an own device": {&waE2E.Message{DeviceSentMessage: &waE2E.DeviceSentMessage{Message: words("me")}}, content{engine.KindText, "me", false}},
		"with group keys": {&waE2E.Message{Conversation: proto.String("hi"), SenderKeyDistributionMessage: &waE2E.SenderKeyDistributionMessage{}},
			content{engine.KindText, "hi", false}},
		"order": {&waE2E.Message{OrderMessage: &waE2E.OrderMessage{}}, content{engine.KindUnsupported, "", false}},
	} {
		t.Run(name, func(t *testing.T) {
			evt := received(c.raw)
			if got := contentOf(evt.Message, evt.IsEdit); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if !isForTenant(evt) {
				t.Error("not for the tenant")
			}
		})
	}
}

func TestEndlessEnvelopesEnd(t *testing.T) {
	m := words("deep")
	for range 1000 {
		m = &waE2E.Message{EphemeralMessage: wrapped(m)}
	}
	if got := contentOf(m, false); got.kind != engine.KindUnsupported {
		t.Errorf("got %+v", got)
	}
}

func TestWhatIsNotForTheTenant(t *testing.T) {
	group := types.NewJID("12036", types.GroupServer)
	for name, change := range map[string]func(*events.Message){
		"of the own account": func(e *events.Message) { e.Info.IsFromMe = true },
		"of the own phone":   func(e *events.Message) { e.Info.Category = "peer" },
		"a status":           func(e *events.Message) { e.Info.Chat = types.StatusBroadcastJID },
		"a channel's": func(e *events.Message) {
			e.Info.Sender, e.Info.SenderAlt = types.NewJID("5", types.NewsletterServer), types.EmptyJID
		},
		"a bot's": func(e *events.Message) {
			e.Info.Sender, e.Info.SenderAlt = types.NewMetaAIJID, types.EmptyJID
		},
		"empty":          func(e *events.Message) { e.Message = &waE2E.Message{} },
		"nothing at all": func(e *events.Message) { e.Message = nil },
		"a group's keys": func(e *events.Message) {
			e.Info.Chat = group
			e.Message = &waE2E.Message{SenderKeyDistributionMessage: &waE2E.SenderKeyDistributionMessage{GroupID: proto.String("x")}}
		},
		"a changed setting": func(e *events.Message) {
			e.Message = &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_EPHEMERAL_SETTING.Enum()}}
		},
	} {
		evt := received(words("x"))
		change(evt)
		if isForTenant(evt) {
			t.Errorf("%s: taken for a message to the tenant", name)
		}
	}
}

func TestIncoming(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	evt := received(words("hi"))
	evt.Info.ID, evt.Info.PushName, evt.Info.Timestamp = "3EB0", "Eve", at
	sender := personOf(evt.Info.Sender, evt.Info.SenderAlt)
	want := engine.Incoming{
		ID: "3EB0", Chat: "49170@s.whatsapp.net", Sender: engine.Person{Phone: "49170@s.whatsapp.net", LID: "1@lid"},
		PushName: "Eve", Timestamp: at, Kind: engine.KindText, Text: "hi",
	}
	if got := incomingOf(evt, sender); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}

	evt.Info.IsGroup, evt.Info.Chat = true, types.NewJID("12036", types.GroupServer)
	want.IsGroup, want.Chat = true, "12036@g.us"
	if got := incomingOf(evt, sender); !reflect.DeepEqual(got, want) {
		t.Errorf("in a group: got  %+v\nwant %+v", got, want)
	}

	// Sent through a broadcast list, which is a group to whatsmeow.
	evt.Info.Chat = types.NewJID("170000", types.BroadcastServer)
	want.IsGroup, want.Chat = false, "49170@s.whatsapp.net"
	if got := incomingOf(evt, sender); !reflect.DeepEqual(got, want) {
		t.Errorf("through a list: got  %+v\nwant %+v", got, want)
	}

	lid := engine.Person{LID: "1@lid"}
	if got := incomingOf(evt, lid); got.Chat != "1@lid" {
		t.Errorf("without a number the chat is %s", got.Chat)
	}
}
