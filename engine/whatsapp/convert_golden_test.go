package whatsapp

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"wapid/engine"
)

// arrivals are messages of every kind, as they come from the network.
func arrivals() map[string]*waE2E.Message {
	key := func(fromMe bool, participant string) *waCommon.MessageKey {
		return &waCommon.MessageKey{RemoteJID: proto.String("12036@g.us"), ID: proto.String("3EB0TARGET"), FromMe: proto.Bool(fromMe), Participant: proto.String(participant)}
	}
	poll := &waE2E.PollCreationMessage{Name: proto.String("Lunch?"), SelectableOptionsCount: proto.Uint32(2), Options: []*waE2E.PollCreationMessage_Option{
		{OptionName: proto.String("soup")}, {OptionName: proto.String("b\u2028d")}}}
	card := func(name, vCard string) *waE2E.ContactMessage {
		return &waE2E.ContactMessage{DisplayName: proto.String(name), Vcard: proto.String(vCard)}
	}
	text := func(info *waE2E.ContextInfo) *waE2E.Message {
		return &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String("<hi> & \"bye\"\n"), ContextInfo: info,
			Title: proto.String("a preview is not told"), JPEGThumbnail: []byte("a picture")}}
	}
	answers := &waE2E.ContextInfo{StanzaID: proto.String("3EB0QUESTION"), Participant: proto.String("9:2@lid"),
		QuotedMessage: &waE2E.Message{Conversation: proto.String("Shall we?")}}
	flow := func(name, params string) *waE2E.Message {
		return &waE2E.Message{InteractiveResponseMessage: &waE2E.InteractiveResponseMessage{ContextInfo: answers,
			Body: &waE2E.InteractiveResponseMessage_Body{Text: proto.String("Yes, please")},
			InteractiveResponseMessage: &waE2E.InteractiveResponseMessage_NativeFlowResponseMessage_{
				NativeFlowResponseMessage: &waE2E.InteractiveResponseMessage_NativeFlowResponseMessage{
					Name: proto.String(name), ParamsJSON: proto.String(params), Version: proto.Int32(3)}}}}
	}
	sum := bytes.Repeat([]byte{0xab}, 32)
	return map[string]*waE2E.Message{
		"text":          {Conversation: proto.String("hi \u2029 \xff there")},
		"extended_text": text(nil),
		"reply": text(&waE2E.ContextInfo{StanzaID: proto.String("3EB0QUOTED"), Participant: proto.String("1:7@lid"),
			QuotedMessage: &waE2E.Message{EphemeralMessage: wrapped(&waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: proto.String("look")}})}}),
		"reply_to_nothing_known": text(&waE2E.ContextInfo{StanzaID: proto.String("3EB0QUOTED"), Participant: proto.String("status@broadcast")}),
		"mentions":               text(&waE2E.ContextInfo{MentionedJID: []string{"1@lid", "49170@s.whatsapp.net", "2:3@lid", "12036@g.us", "", "nobody"}}),
		"forwarded":              text(&waE2E.ContextInfo{IsForwarded: proto.Bool(true), ForwardingScore: proto.Uint32(4)}),
		"disappearing":           {EphemeralMessage: wrapped(text(&waE2E.ContextInfo{Expiration: proto.Uint32(86400)}))},
		"image": {ImageMessage: &waE2E.ImageMessage{Caption: proto.String("look"), Mimetype: proto.String("image/png"), FileLength: proto.Uint64(1234),
			Width: proto.Uint32(640), Height: proto.Uint32(480), FileSHA256: sum, JPEGThumbnail: []byte("a picture"),
			ContextInfo: &waE2E.ContextInfo{IsForwarded: proto.Bool(true)}}},
		"image_view_once":      {ViewOnceMessageV2: wrapped(&waE2E.Message{ImageMessage: &waE2E.ImageMessage{Mimetype: proto.String("image/jpeg")}})},
		"voice_view_once":      {AudioMessage: &waE2E.AudioMessage{PTT: proto.Bool(true), ViewOnce: proto.Bool(true)}},
		"image_of_no_size":     {ImageMessage: &waE2E.ImageMessage{FileLength: proto.Uint64(1 << 63), FileSHA256: []byte("short")}},
		"video":                {VideoMessage: &waE2E.VideoMessage{Mimetype: proto.String("video/mp4"), Seconds: proto.Uint32(7), Width: proto.Uint32(9), Height: proto.Uint32(16)}},
		"video_note":           {PtvMessage: &waE2E.VideoMessage{Mimetype: proto.String("video/mp4"), Seconds: proto.Uint32(3)}},
		"audio":                {AudioMessage: &waE2E.AudioMessage{Mimetype: proto.String("audio/mpeg"), Seconds: proto.Uint32(90)}},
		"voice":                {AudioMessage: &waE2E.AudioMessage{Mimetype: proto.String("audio/ogg; codecs=opus"), Seconds: proto.Uint32(2), PTT: proto.Bool(true)}},
		"document":             {DocumentWithCaptionMessage: wrapped(&waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{Caption: proto.String("the bill"), FileName: proto.String("bill.pdf"), Mimetype: proto.String("application/pdf"), FileLength: proto.Uint64(99)}})},
		"sticker":              {StickerMessage: &waE2E.StickerMessage{Mimetype: proto.String("image/webp"), Width: proto.Uint32(512), Height: proto.Uint32(512), IsAnimated: proto.Bool(true)}},
		"location":             {LocationMessage: &waE2E.LocationMessage{DegreesLatitude: proto.Float64(-0.0000001), DegreesLongitude: proto.Float64(13.404954123), Name: proto.String("Here"), Address: proto.String("Road 1"), Comment: proto.String("come")}},
		"location_live":        {LiveLocationMessage: &waE2E.LiveLocationMessage{DegreesLatitude: proto.Float64(52), DegreesLongitude: proto.Float64(0.000001), Caption: proto.String("on my way")}},
		"location_off_the_map": {LocationMessage: &waE2E.LocationMessage{DegreesLatitude: proto.Float64(91)}},
		"contact":              {ContactMessage: card("Ann", "BEGIN:VCARD\nTEL:+1 555\nitem1.TEL;type=CELL;waid=49151:+49 151\nEND:VCARD")},
		"contacts":             {ContactsArrayMessage: &waE2E.ContactsArrayMessage{DisplayName: proto.String("2 contacts"), Contacts: []*waE2E.ContactMessage{card("Ann", "tel:(0) 12"), card("Bo", "")}}},
		"poll":                 {PollCreationMessageV3: poll},
		"poll_wrapped":         {PollCreationMessageV4: wrapped(&waE2E.Message{PollCreationMessage: poll})},
		"poll_of_nothing":      {PollCreationMessage: &waE2E.PollCreationMessage{}},
		"vote":                 {PollUpdateMessage: &waE2E.PollUpdateMessage{PollCreationMessageKey: key(false, "9@lid")}},
		"reaction":             {ReactionMessage: &waE2E.ReactionMessage{Key: key(true, ""), Text: proto.String("👍")}},
		"reaction_to_ours":     {ReactionMessage: &waE2E.ReactionMessage{Key: key(false, "9:2@lid"), Text: proto.String("❤️")}},
		"reaction_to_another":  {ReactionMessage: &waE2E.ReactionMessage{Key: key(false, "77@lid"), Text: proto.String("❤️")}},
		"reaction_taken_back":  {ReactionMessage: &waE2E.ReactionMessage{Key: key(true, ""), Text: proto.String("")}},
		"edit":                 {EditedMessage: wrapped(&waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), Key: key(true, ""), EditedMessage: text(&waE2E.ContextInfo{MentionedJID: []string{"1@lid"}})}})},
		"edit_of_a_caption":    {EditedMessage: wrapped(&waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), Key: key(true, ""), EditedMessage: &waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: proto.String("look")}}}})},
		"revoke":               {ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_REVOKE.Enum(), Key: key(true, "1@lid")}},
		"revoke_by_an_admin":   {ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_REVOKE.Enum(), Key: key(false, "1@lid")}},
		"order":                {OrderMessage: &waE2E.OrderMessage{ContextInfo: &waE2E.ContextInfo{IsForwarded: proto.Bool(true)}}},
		"button": {ButtonsResponseMessage: &waE2E.ButtonsResponseMessage{SelectedButtonID: proto.String("yes"), ContextInfo: answers,
			Response: &waE2E.ButtonsResponseMessage_SelectedDisplayText{SelectedDisplayText: "Yes, please"}}},
		"list_row": {ListResponseMessage: &waE2E.ListResponseMessage{Title: proto.String("Red"), Description: proto.String("like roses"), ContextInfo: answers,
			SingleSelectReply: &waE2E.ListResponseMessage_SingleSelectReply{SelectedRowID: proto.String("red")}}},
		"template_button": {TemplateButtonReplyMessage: &waE2E.TemplateButtonReplyMessage{SelectedID: proto.String("stop"), ContextInfo: answers,
			SelectedDisplayText: proto.String("Stop"), SelectedIndex: proto.Uint32(1)}},
		"flow_button":     flow("quick_reply", `{"id":"yes"}`),
		"flow_row":        flow("menu_options", `{"id":"red","title":"Red","description":"like roses"}`),
		"flow_form":       flow("flow", `{"flow_token":"x"}`),
		"flow_of_no_json": flow("quick_reply", `{"id":`),
		"pin":             {PinInChatMessage: &waE2E.PinInChatMessage{}, MessageContextInfo: &waE2E.MessageContextInfo{}},
		"event":           {EventMessage: &waE2E.EventMessage{}},
		"encrypted_edit":  {SecretEncryptedMessage: &waE2E.SecretEncryptedMessage{}},
	}
}

// TestConvertedMessages holds what the tenant is told of every kind against
// golden files. go test -update writes them anew.
func TestConvertedMessages(t *testing.T) {
	for name, raw := range arrivals() {
		t.Run(name, func(t *testing.T) {
			evt := received(raw)
			evt.Info.ID, evt.Info.PushName, evt.Info.Timestamp = "3EB0", "Eve", time.Unix(1_700_000_000, 0)
			evt.Info.Chat = types.NewJID("12036", types.GroupServer)
			if !isForTenant(evt) {
				t.Error("not for the tenant")
			}
			var vote *waE2E.PollVoteMessage
			if name == "vote" {
				vote = &waE2E.PollVoteMessage{SelectedOptions: whatsmeow.HashPollOptions([]string{"soup"})}
			}
			m, err := acquainted().incoming(evt, vote)
			if err != nil {
				t.Fatal(err)
			}
			if name == "vote" && len(m.Details.Vote.Hashes) != 1 {
				t.Errorf("the hashes of the vote are %x", m.Details.Vote.Hashes)
			}
			got, err := engine.Canonical(m.Data())
			if err != nil {
				t.Fatal(err)
			}
			if kept := (&waE2E.Message{}); proto.Unmarshal(m.Payload, kept) != nil || !isHousekeeping(unwrap(raw)) && isHousekeeping(kept) {
				t.Errorf("of the message is kept %v", kept)
			}
			file := filepath.Join("testdata", "convert", name+".json")
			if *update {
				if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if want = bytes.TrimSuffix(want, []byte("\n")); !bytes.Equal(got, want) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestNumberInVCard(t *testing.T) {
	for vCard, want := range map[string]string{
		"": "", "BEGIN:VCARD\nEND:VCARD": "", "TEL": "", "TEL:": "", "TELEX:123": "", "NOTE:TEL:5": "",
		"TEL:+49 (151) 000-1": "491510001", "tel;TYPE=home:123\r\nTEL:456": "123",
		"TEL:1\nTEL;waid=2:3": "2", "TEL;waid=:7": "7", "item2.TEL;type=pref;WAID=44:+0": "44",
		"TEL;type=CELL;wa\r\n id=55:6": "55", " TEL:9": "9",
	} {
		if got := numberIn(vCard); got != want {
			t.Errorf("%q has %q, want %q", vCard, got, want)
		}
	}
}
