package whatsapp

import (
	"math"
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

// converted is a message as the engine gets it, from somebody whose both
// addresses are known.
func converted(t testing.TB, evt *events.Message) engine.Incoming {
	t.Helper()
	m, err := acquainted().incoming(evt, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// acquainted converts for an account that knows one person by both addresses.
func acquainted() converter {
	return converter{
		own: engine.Person{Phone: "44@s.whatsapp.net", LID: "9@lid"},
		person: func(addresses ...types.JID) (engine.Person, error) {
			p := personOf(addresses...)
			if p.LID == "1@lid" {
				p.Phone = "49170@s.whatsapp.net"
			}
			return p, nil
		},
	}
}

func TestKinds(t *testing.T) {
	picture := &waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: proto.String("look")}}
	document := &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{Caption: proto.String("the bill"), FileName: proto.String("bill.pdf")}}
	edit := func(m *waE2E.Message) *waE2E.Message {
		return &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
			Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), Key: &waCommon.MessageKey{ID: proto.String("A")}, EditedMessage: m,
		}}
	}
	type want struct {
		kind  engine.Kind
		text  string
		media bool
	}
	for name, c := range map[string]struct {
		raw  *waE2E.Message
		want want
	}{
		"conversation":  {words("hi"), want{engine.KindText, "hi", false}},
		"extended text": {&waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String("hi")}}, want{engine.KindText, "hi", false}},
		"image":         {picture, want{engine.KindImage, "look", true}},
		"video":         {&waE2E.Message{VideoMessage: &waE2E.VideoMessage{Caption: proto.String("v")}}, want{engine.KindVideo, "v", true}},
		"video note":    {&waE2E.Message{PtvMessage: &waE2E.VideoMessage{}}, want{engine.KindVideo, "", true}},
		"audio":         {&waE2E.Message{AudioMessage: &waE2E.AudioMessage{}}, want{engine.KindAudio, "", true}},
		"voice":         {&waE2E.Message{AudioMessage: &waE2E.AudioMessage{PTT: proto.Bool(true)}}, want{engine.KindVoice, "", true}},
		"document":      {document, want{engine.KindDocument, "the bill", true}},
		"with caption":  {&waE2E.Message{DocumentWithCaptionMessage: wrapped(document)}, want{engine.KindDocument, "the bill", true}},
		"sticker":       {&waE2E.Message{StickerMessage: &waE2E.StickerMessage{}}, want{engine.KindSticker, "", true}},
		"moving sticker": {&waE2E.Message{LottieStickerMessage: wrapped(&waE2E.Message{StickerMessage: &waE2E.StickerMessage{}})},
			want{engine.KindSticker, "", true}},
		"location":       {&waE2E.Message{LocationMessage: &waE2E.LocationMessage{Name: proto.String("home")}}, want{engine.KindLocation, "home", false}},
		"live location":  {&waE2E.Message{LiveLocationMessage: &waE2E.LiveLocationMessage{Caption: proto.String("on my way")}}, want{engine.KindLocation, "on my way", false}},
		"contact":        {&waE2E.Message{ContactMessage: &waE2E.ContactMessage{DisplayName: proto.String("Eve")}}, want{engine.KindContact, "Eve", false}},
		"contacts":       {&waE2E.Message{ContactsArrayMessage: &waE2E.ContactsArrayMessage{DisplayName: proto.String("2 contacts")}}, want{engine.KindContact, "2 contacts", false}},
		"poll":           {&waE2E.Message{PollCreationMessage: &waE2E.PollCreationMessage{Name: proto.String("when?")}}, want{engine.KindPoll, "when?", false}},
		"poll of today":  {&waE2E.Message{PollCreationMessageV3: &waE2E.PollCreationMessage{Name: proto.String("when?")}}, want{engine.KindPoll, "when?", false}},
		"vote":           {&waE2E.Message{PollUpdateMessage: &waE2E.PollUpdateMessage{}}, want{engine.KindPollVote, "", false}},
		"reaction":       {&waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{Text: proto.String("👍")}}, want{engine.KindReaction, "👍", false}},
		"edit":           {&waE2E.Message{EditedMessage: wrapped(edit(words("better")))}, want{engine.KindEdit, "better", false}},
		"bare edit":      {edit(words("better")), want{engine.KindEdit, "better", false}},
		"edited caption": {&waE2E.Message{EditedMessage: wrapped(edit(picture))}, want{engine.KindEdit, "look", false}},
		"revoke": {&waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_REVOKE.Enum()}},
			want{engine.KindRevoke, "", false}},
		"disappearing": {&waE2E.Message{EphemeralMessage: wrapped(words("psst"))}, want{engine.KindText, "psst", false}},
		"viewed once":  {&waE2E.Message{ViewOnceMessageV2: wrapped(picture)}, want{engine.KindImage, "look", true}},
		"both":         {&waE2E.Message{EphemeralMessage: wrapped(&waE2E.Message{ViewOnceMessage: wrapped(picture)})}, want{engine.KindImage, "look", true}},
		"the wrong way round": {&waE2E.Message{ViewOnceMessageV2Extension: wrapped(&waE2E.Message{EphemeralMessage: wrapped(picture)})},
			want{engine.KindImage, "look", true}},
		"from an own device": {&waE2E.Message{DeviceSentMessage: &waE2E.DeviceSentMessage{Message: words("me")}}, want{engine.KindText, "me", false}},
		"with group keys": {&waE2E.Message{Conversation: proto.String("hi"), SenderKeyDistributionMessage: &waE2E.SenderKeyDistributionMessage{}},
			want{engine.KindText, "hi", false}},
		"a reaction that can't be read": {&waE2E.Message{EncReactionMessage: &waE2E.EncReactionMessage{}}, want{engine.KindUnsupported, "", false}},
		"a place that is none": {&waE2E.Message{LocationMessage: &waE2E.LocationMessage{DegreesLatitude: proto.Float64(math.NaN())}},
			want{engine.KindUnsupported, "", false}},
		"order": {&waE2E.Message{OrderMessage: &waE2E.OrderMessage{}}, want{engine.KindUnsupported, "", false}},
	} {
		t.Run(name, func(t *testing.T) {
			evt := received(c.raw)
			if !isForTenant(evt) {
				t.Error("not for the tenant")
			}
			m := converted(t, evt)
			if got := (want{m.Kind, m.Text, m.HasMedia}); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestEndlessEnvelopesEnd(t *testing.T) {
	m := words("deep")
	for range 1000 {
		m = &waE2E.Message{EphemeralMessage: wrapped(m)}
	}
	if got := contentOf(unwrap(m)); got.kind != engine.KindUnsupported {
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
	payload, err := proto.Marshal(words("hi"))
	if err != nil {
		t.Fatal(err)
	}
	want := engine.Incoming{
		ID: "3EB0", Chat: "49170@s.whatsapp.net", Sender: engine.Person{Phone: "49170@s.whatsapp.net", LID: "1@lid"},
		PushName: "Eve", Timestamp: at, Kind: engine.KindText, Text: "hi", Payload: payload,
	}
	if got := converted(t, evt); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}

	evt.Info.IsGroup, evt.Info.Chat = true, types.NewJID("12036", types.GroupServer)
	want.IsGroup, want.Chat = true, "12036@g.us"
	if got := converted(t, evt); !reflect.DeepEqual(got, want) {
		t.Errorf("in a group: got  %+v\nwant %+v", got, want)
	}

	// Sent through a broadcast list, which is a group to whatsmeow.
	evt.Info.Chat = types.NewJID("170000", types.BroadcastServer)
	want.IsGroup, want.Chat = false, "49170@s.whatsapp.net"
	if got := converted(t, evt); !reflect.DeepEqual(got, want) {
		t.Errorf("through a list: got  %+v\nwant %+v", got, want)
	}

	evt.Info.Sender.User, evt.Info.SenderAlt = "2", types.EmptyJID
	if got := converted(t, evt); got.Chat != "2@lid" {
		t.Errorf("without a number the chat is %s", got.Chat)
	}
}
