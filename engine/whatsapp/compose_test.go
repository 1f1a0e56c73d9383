package whatsapp

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"wapid/engine"
)

var update = flag.Bool("update", false, "write the golden files of composed messages anew")

// The people of these tests: the account itself, somebody whose LID is known, and
// somebody of whom only the number is.
func testPeople() (own, peer, stranger engine.Person) {
	return engine.Person{Phone: "4915100000001@s.whatsapp.net", LID: "10000000000001@lid"},
		engine.Person{Phone: "4915100000002@s.whatsapp.net", LID: "10000000000002@lid"},
		engine.Person{Phone: "4915100000003@s.whatsapp.net"}
}

// testSetting is a chat with peer by LID, or the group that is named.
func testSetting(chat string, byLID bool) setting {
	own, peer, _ := testPeople()
	jid, _ := types.ParseJID(chat)
	return setting{
		chat: jid, own: own, byLID: byLID, now: time.UnixMilli(1_700_000_000_123),
		people: map[engine.JID]engine.Person{peer.Phone: peer, peer.LID: peer},
		secret: bytes.Repeat([]byte{7}, 32),
	}
}

// uploaded is a file that the media host holds.
func uploaded(t testing.TB, kind engine.Kind, change func(*engine.Attachment)) *engine.Attachment {
	t.Helper()
	ref, err := mediaRef{
		Class: mediaClass(kind), URL: "https://media.example/v/file.enc?oe=6553F100", DirectPath: "/v/file.enc?oe=6553F100",
		Key: bytes.Repeat([]byte{1}, 32), SHA256: bytes.Repeat([]byte{2}, 32), EncSHA256: bytes.Repeat([]byte{3}, 32),
		Length: 4242, At: 1_700_000_000,
	}.marshal()
	if err != nil {
		t.Fatal(err)
	}
	a := &engine.Attachment{Upload: &engine.Upload{Ref: ref}}
	if change != nil {
		change(a)
	}
	return a
}

// unsealed is a file that was uploaded for a channel.
func unsealed(t testing.TB, kind engine.Kind) *engine.Attachment {
	t.Helper()
	ref, err := mediaRef{Class: mediaClass(kind), DirectPath: "/m/file?x=1", SHA256: bytes.Repeat([]byte{2}, 32), Length: 4242, Handle: "h"}.marshal()
	if err != nil {
		t.Fatal(err)
	}
	return &engine.Attachment{Upload: &engine.Upload{Ref: ref}}
}

// logged is a message as the log knows it.
func logged(t testing.TB, m *waE2E.Message, ref engine.MessageRef) *engine.MessageRef {
	t.Helper()
	payload, err := payloadOf(m)
	if err != nil {
		t.Fatal(err)
	}
	ref.Payload = payload
	return &ref
}

const (
	testChat  = "10000000000002@lid"
	testGroup = "120363000000000001@g.us"
)

func TestComposed(t *testing.T) {
	_, peer, stranger := testPeople()
	picture := &waE2E.Message{ImageMessage: &waE2E.ImageMessage{
		Caption: proto.String("the old caption"), URL: proto.String("https://media.example/v/x"), Mimetype: proto.String("image/png"),
		ContextInfo: &waE2E.ContextInfo{StanzaID: proto.String("EARLIER")},
	}}
	bill := &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{FileName: proto.String("bill.pdf"), Caption: proto.String("old")}}
	file := func(kind engine.Kind, change func(*engine.Attachment)) *engine.Attachment {
		return uploaded(t, kind, change)
	}
	chat, group := testSetting(testChat, true), testSetting(testGroup, true)
	byNumber := testSetting(testGroup, false)
	for name, c := range map[string]struct {
		in setting
		m  engine.Outgoing
	}{
		"text":          {chat, engine.Outgoing{Kind: engine.KindText, Text: "grüße\n*hi*"}},
		"text_expiring": {chat, engine.Outgoing{Kind: engine.KindText, Text: "gone soon", Expiration: 24 * time.Hour}},
		"text_preview": {chat, engine.Outgoing{Kind: engine.KindText, Text: "see https://example.com/a", Preview: &engine.LinkPreview{
			URL: "https://example.com/a", Title: "A title", Description: "What it is", Thumbnail: []byte("jpeg")}}},
		"text_mentions": {group, engine.Outgoing{Kind: engine.KindText,
			Text:     "@4915100000002 and @49151000000021, @4915100000003 and @10000000000002.",
			Mentions: []engine.JID{peer.Phone, stranger.Phone, peer.LID}}},
		"text_mentions_by_number": {byNumber, engine.Outgoing{Kind: engine.KindText,
			Text: "@10000000000002 @4915100000002", Mentions: []engine.JID{peer.LID}}},
		"reply": {chat, engine.Outgoing{Kind: engine.KindText, Text: "indeed",
			Quoted: logged(t, picture, engine.MessageRef{ID: "Q1", Sender: engine.Person{Phone: peer.Phone}, Kind: engine.KindImage})}},
		"reply_to_once": {chat, engine.Outgoing{Kind: engine.KindText, Text: "nice", Quoted: logged(t,
			&waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: proto.String("secret"), MediaKey: []byte("key"), ViewOnce: proto.Bool(true)}},
			engine.MessageRef{ID: "Q1", Sender: peer, Kind: engine.KindImage, Text: "secret"})}},
		"reply_to_own": {group, engine.Outgoing{Kind: engine.KindText, Text: "indeed",
			Quoted: &engine.MessageRef{ID: "Q2", FromMe: true, Kind: engine.KindText, Text: "what I said"}}},
		"reply_by_number": {byNumber, engine.Outgoing{Kind: engine.KindText, Text: "indeed", Expiration: time.Hour,
			Mentions: []engine.JID{peer.LID},
			Quoted:   &engine.MessageRef{ID: "Q3", Sender: peer, Kind: engine.KindPoll, Text: "Tea?"}}},
		"image": {chat, engine.Outgoing{Kind: engine.KindImage, Text: "look", Attachment: file(engine.KindImage, func(a *engine.Attachment) {
			a.MIME, a.Width, a.Height, a.Thumbnail = "image/png", 640, 480, []byte("jpeg")
		})}},
		"image_once": {chat, engine.Outgoing{Kind: engine.KindImage, ViewOnce: true, Expiration: time.Hour, Attachment: file(engine.KindImage, nil)}},
		"video": {chat, engine.Outgoing{Kind: engine.KindVideo, Text: "watch", Attachment: file(engine.KindVideo, func(a *engine.Attachment) {
			a.Duration, a.Width, a.Height = 1500*time.Millisecond, 1920, 1080
		})}},
		"audio": {chat, engine.Outgoing{Kind: engine.KindAudio, Text: "for the log", Attachment: file(engine.KindAudio, func(a *engine.Attachment) { a.Duration = time.Minute })}},
		"voice_once": {chat, engine.Outgoing{Kind: engine.KindVoice, ViewOnce: true, Attachment: file(engine.KindVoice, func(a *engine.Attachment) {
			a.Duration = 3 * time.Second
		})}},
		"document": {chat, engine.Outgoing{Kind: engine.KindDocument, Attachment: file(engine.KindDocument, func(a *engine.Attachment) {
			a.MIME, a.FileName = "application/pdf", "bill.pdf"
		})}},
		"document_captioned": {chat, engine.Outgoing{Kind: engine.KindDocument, Text: "the bill", Expiration: time.Hour,
			Attachment: file(engine.KindDocument, func(a *engine.Attachment) { a.FileName = "bill.pdf" })}},
		"sticker": {chat, engine.Outgoing{Kind: engine.KindSticker, Attachment: file(engine.KindSticker, func(a *engine.Attachment) { a.Width, a.Height = 512, 512 })}},
		"native_buttons": {chat, engine.Outgoing{Kind: engine.KindText, Text: "Shall we?", Expiration: time.Hour, Choices: &engine.Choices{Style: engine.StyleButton,
			Form: engine.InteractiveNative, Header: "Order 1", Footer: "Shop", Options: []engine.Choice{{ID: "yes", Title: "Yes"}, {ID: "no", Title: "No <not> & \"never\""}}}}},
		"native_list": {group, engine.Outgoing{Kind: engine.KindText, Text: "When?", Choices: &engine.Choices{Style: engine.StyleList, Form: engine.InteractiveNative,
			Button: "Times", Options: []engine.Choice{{ID: "1", Title: "09:00", Description: "early", Section: "Mon"}, {ID: "2", Title: "10:00", Section: "Mon"}, {ID: "3", Title: "09:00", Section: "Tue"}},
			Link: &engine.ChoiceLink{Title: "Map", URL: "https://example.com/?a=1&b=2"}}}},
		"numbered": {chat, engine.Outgoing{Kind: engine.KindText, Text: "Shall we?\n\n1. Yes", Choices: &engine.Choices{Style: engine.StyleButton,
			Form: engine.InteractiveText, Options: []engine.Choice{{ID: "yes", Title: "Yes"}}}}},
		"poll":          {chat, engine.Outgoing{Kind: engine.KindPoll, Poll: &engine.Poll{Question: "Tea?", Options: []string{"yes", "no"}, Selectable: 1}}},
		"poll_multiple": {group, engine.Outgoing{Kind: engine.KindPoll, Expiration: time.Hour, Poll: &engine.Poll{Question: "When?", Options: []string{"a", "b", "c"}}}},
		"location":      {chat, engine.Outgoing{Kind: engine.KindLocation, Location: &engine.Location{Latitude: 52.5, Longitude: -13.4, Name: "Café", Address: "Some Street 1"}}},
		"contact":       {chat, engine.Outgoing{Kind: engine.KindContact, Contacts: []engine.Contact{{Name: "Doe; Jane, Dr.", Phone: "4915100000009"}}}},
		"contacts": {chat, engine.Outgoing{Kind: engine.KindContact, Contacts: []engine.Contact{
			{VCard: "BEGIN:VCARD\r\nVERSION:3.0\r\nitem1.FN;CHARSET=UTF-8:Eve\\, the second\r\nEND:VCARD"}, {Name: "Bob", Phone: "4915100000008"}}}},
		"reaction":          {chat, engine.Outgoing{Kind: engine.KindReaction, Text: "👍🏽", Target: &engine.MessageRef{ID: "T1", Sender: peer}}},
		"reaction_in_group": {group, engine.Outgoing{Kind: engine.KindReaction, Text: "👍", Target: &engine.MessageRef{ID: "T1", Sender: engine.Person{Phone: peer.Phone}}}},
		"reaction_taken":    {byNumber, engine.Outgoing{Kind: engine.KindReaction, Target: &engine.MessageRef{ID: "T1", FromMe: true}}},
		"edit":              {chat, engine.Outgoing{Kind: engine.KindEdit, Text: "better", Target: &engine.MessageRef{ID: "T1", FromMe: true, Kind: engine.KindText}}},
		"edit_mentions": {group, engine.Outgoing{Kind: engine.KindEdit, Text: "better, @4915100000002", Mentions: []engine.JID{peer.Phone},
			Target: &engine.MessageRef{ID: "T1", FromMe: true, Kind: engine.KindText}}},
		"edit_caption": {chat, engine.Outgoing{Kind: engine.KindEdit, Text: "new caption",
			Target: logged(t, picture, engine.MessageRef{ID: "T1", FromMe: true, Kind: engine.KindImage})}},
		"edit_document": {chat, engine.Outgoing{Kind: engine.KindEdit, Text: "new caption",
			Target: logged(t, captioned(bill), engine.MessageRef{ID: "T1", FromMe: true, Kind: engine.KindDocument})}},
		"revoke":          {chat, engine.Outgoing{Kind: engine.KindRevoke, Target: &engine.MessageRef{ID: "T1", FromMe: true}}},
		"revoke_by_admin": {group, engine.Outgoing{Kind: engine.KindRevoke, Target: &engine.MessageRef{ID: "T1", Sender: peer}}},
	} {
		t.Run(name, func(t *testing.T) {
			message, err := composeMessage(c.m, c.in)
			if err != nil {
				t.Fatal(err)
			}
			wantGolden(t, filepath.Join("testdata", "compose", name+".json"), message)
		})
	}
}

func wantGolden(t *testing.T, file string, message *waE2E.Message) {
	t.Helper()
	raw, err := protojson.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer // protojson varies its white space on purpose
	if err := json.Compact(&got, raw); err != nil {
		t.Fatal(err)
	}
	raw = bytes.Clone(got.Bytes())
	got.Reset()
	if err := json.Indent(&got, raw, "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("composed:\n%swant:\n%s", got.String(), want)
	}
}

func TestComposeRefuses(t *testing.T) {
	own, peer, _ := testPeople()
	mine := &engine.MessageRef{ID: "T1", FromMe: true, Kind: engine.KindText}
	theirs := &engine.MessageRef{ID: "T1", Sender: peer, Kind: engine.KindText}
	long := make([]string, maxPollOptions+1)
	for i := range long {
		long[i] = strings.Repeat("x", i+1)
	}
	for name, c := range map[string]struct {
		m    engine.Outgoing
		want engine.Code
	}{
		"unknown kind":           {engine.Outgoing{Kind: "telegram"}, engine.CodeNotSupported},
		"vote":                   {engine.Outgoing{Kind: engine.KindPollVote}, engine.CodeNotSupported},
		"empty text":             {engine.Outgoing{Kind: engine.KindText}, engine.CodeInvalid},
		"not UTF-8":              {engine.Outgoing{Kind: engine.KindText, Text: "\xff"}, engine.CodeInvalid},
		"preview of nothing":     {engine.Outgoing{Kind: engine.KindText, Text: "x", Preview: &engine.LinkPreview{URL: "https://a.example"}}, engine.CodeInvalid},
		"no file":                {engine.Outgoing{Kind: engine.KindImage}, engine.CodeInvalid},
		"file not uploaded":      {engine.Outgoing{Kind: engine.KindImage, Attachment: &engine.Attachment{}}, engine.CodeInternal},
		"file for a channel":     {engine.Outgoing{Kind: engine.KindImage, Attachment: unsealed(t, engine.KindImage)}, engine.CodeInternal},
		"file of another kind":   {engine.Outgoing{Kind: engine.KindImage, Attachment: uploaded(t, engine.KindVideo, nil)}, engine.CodeInternal},
		"caption of a sticker":   {engine.Outgoing{Kind: engine.KindSticker, Text: "x", Attachment: uploaded(t, engine.KindSticker, nil)}, engine.CodeInvalid},
		"document once":          {engine.Outgoing{Kind: engine.KindDocument, ViewOnce: true, Attachment: uploaded(t, engine.KindDocument, nil)}, engine.CodeInvalid},
		"music once":             {engine.Outgoing{Kind: engine.KindAudio, ViewOnce: true, Attachment: uploaded(t, engine.KindAudio, nil)}, engine.CodeInvalid},
		"no poll":                {engine.Outgoing{Kind: engine.KindPoll}, engine.CodeInvalid},
		"one option":             {engine.Outgoing{Kind: engine.KindPoll, Poll: &engine.Poll{Question: "?", Options: []string{"a"}}}, engine.CodeInvalid},
		"too many options":       {engine.Outgoing{Kind: engine.KindPoll, Poll: &engine.Poll{Question: "?", Options: long}}, engine.CodeInvalid},
		"same option twice":      {engine.Outgoing{Kind: engine.KindPoll, Poll: &engine.Poll{Question: "?", Options: []string{"a", "a"}}}, engine.CodeInvalid},
		"more choices":           {engine.Outgoing{Kind: engine.KindPoll, Poll: &engine.Poll{Question: "?", Options: []string{"a", "b"}, Selectable: 3}}, engine.CodeInvalid},
		"no location":            {engine.Outgoing{Kind: engine.KindLocation}, engine.CodeInvalid},
		"off the map":            {engine.Outgoing{Kind: engine.KindLocation, Location: &engine.Location{Latitude: 91}}, engine.CodeInvalid},
		"live location":          {engine.Outgoing{Kind: engine.KindLocation, Location: &engine.Location{Live: true}}, engine.CodeNotSupported},
		"no contact":             {engine.Outgoing{Kind: engine.KindContact}, engine.CodeInvalid},
		"contact without number": {engine.Outgoing{Kind: engine.KindContact, Contacts: []engine.Contact{{Name: "Eve"}}}, engine.CodeInvalid},
		"number with letters":    {engine.Outgoing{Kind: engine.KindContact, Contacts: []engine.Contact{{Name: "Eve", Phone: "49a"}}}, engine.CodeInvalid},
		"card without end":       {engine.Outgoing{Kind: engine.KindContact, Contacts: []engine.Contact{{VCard: "BEGIN:VCARD\nVERSION:3.0\nFN:Eve"}}}, engine.CodeInvalid},
		"two cards in one": {engine.Outgoing{Kind: engine.KindContact, Contacts: []engine.Contact{{
			VCard: strings.Repeat("BEGIN:VCARD\nVERSION:3.0\nFN:Eve\nEND:VCARD\n", 2)}}}, engine.CodeInvalid},
		"reaction to nothing": {engine.Outgoing{Kind: engine.KindReaction, Text: "x"}, engine.CodeInvalid},
		"edit of another's":   {engine.Outgoing{Kind: engine.KindEdit, Text: "x", Target: theirs}, engine.CodeInvalid},
		"empty edit":          {engine.Outgoing{Kind: engine.KindEdit, Target: mine}, engine.CodeInvalid},
		"edit of a poll":      {engine.Outgoing{Kind: engine.KindEdit, Text: "x", Target: &engine.MessageRef{ID: "T", FromMe: true, Kind: engine.KindPoll}}, engine.CodeInvalid},
		"edit of a message seen once": {engine.Outgoing{Kind: engine.KindEdit, Text: "x", Target: logged(t,
			&waE2E.Message{ImageMessage: &waE2E.ImageMessage{ViewOnce: proto.Bool(true)}}, engine.MessageRef{ID: "T", FromMe: true, Kind: engine.KindImage})}, engine.CodeInvalid},
		"edit of a forgotten file":   {engine.Outgoing{Kind: engine.KindEdit, Text: "x", Target: &engine.MessageRef{ID: "T", FromMe: true, Kind: engine.KindImage}}, engine.CodeInvalid},
		"revoke of another's":        {engine.Outgoing{Kind: engine.KindRevoke, Target: theirs}, engine.CodeInvalid},
		"reply to nobody":            {engine.Outgoing{Kind: engine.KindText, Text: "x", Quoted: &engine.MessageRef{ID: "T"}}, engine.CodeInvalid},
		"reply to a damaged message": {engine.Outgoing{Kind: engine.KindText, Text: "x", Quoted: &engine.MessageRef{ID: "T", Sender: own, Payload: []byte{1}}}, engine.CodeInternal},
	} {
		if got, err := composeMessage(c.m, testSetting(testChat, true)); engine.CodeOf(err) != c.want {
			t.Errorf("%s: %v, %v, want %s", name, got, err, c.want)
		}
	}
}

func TestComposeForChannels(t *testing.T) {
	channel := testSetting("120363000000000009@newsletter", false)
	_, peer, _ := testPeople()
	mine := &engine.MessageRef{ID: "T1", FromMe: true, Kind: engine.KindText}
	for name, c := range map[string]struct {
		m    engine.Outgoing
		want engine.Code
	}{
		"text":     {engine.Outgoing{Kind: engine.KindText, Text: "news", Expiration: time.Hour}, ""},
		"image":    {engine.Outgoing{Kind: engine.KindImage, Attachment: unsealed(t, engine.KindImage)}, ""},
		"sealed":   {engine.Outgoing{Kind: engine.KindImage, Attachment: uploaded(t, engine.KindImage, nil)}, engine.CodeInternal},
		"edit":     {engine.Outgoing{Kind: engine.KindEdit, Text: "better", Target: mine}, ""},
		"revoke":   {engine.Outgoing{Kind: engine.KindRevoke, Target: mine}, ""},
		"contact":  {engine.Outgoing{Kind: engine.KindContact, Contacts: []engine.Contact{{Name: "Eve", Phone: "49"}}}, engine.CodeNotSupported},
		"poll":     {engine.Outgoing{Kind: engine.KindPoll, Poll: &engine.Poll{Question: "?", Options: []string{"a", "b"}}}, engine.CodeNotSupported},
		"reaction": {engine.Outgoing{Kind: engine.KindReaction, Text: "x", Target: mine}, engine.CodeNotSupported},
		"reply":    {engine.Outgoing{Kind: engine.KindText, Text: "x", Quoted: mine}, engine.CodeNotSupported},
		"once":     {engine.Outgoing{Kind: engine.KindImage, ViewOnce: true, Attachment: uploaded(t, engine.KindImage, nil)}, engine.CodeNotSupported},
		"others'":  {engine.Outgoing{Kind: engine.KindRevoke, Target: &engine.MessageRef{ID: "T1", Sender: peer}}, engine.CodeInvalid},
	} {
		message, err := composeMessage(c.m, channel)
		if engine.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err == nil && strings.Contains(message.String(), "expiration") {
			t.Errorf("%s: a post can't expire: %v", name, message)
		}
	}
}

// TestPayload: what is kept is the content alone, and no large picture.
func TestPayload(t *testing.T) {
	picture, err := composeMessage(engine.Outgoing{Kind: engine.KindImage, Text: "c", Expiration: time.Hour,
		Attachment: uploaded(t, engine.KindImage, func(a *engine.Attachment) { a.Thumbnail = make([]byte, maxKeptThumbnail+1) })}, testSetting(testChat, true))
	if err != nil {
		t.Fatal(err)
	}
	poll, err := composeMessage(engine.Outgoing{Kind: engine.KindPoll, Poll: &engine.Poll{Question: "?", Options: []string{"a", "b"}}}, testSetting(testChat, true))
	if err != nil {
		t.Fatal(err)
	}
	kept := func(m *waE2E.Message) *waE2E.Message {
		t.Helper()
		raw, err := payloadOf(m)
		if err != nil {
			t.Fatal(err)
		}
		var out waE2E.Message
		if err := proto.Unmarshal(raw, &out); err != nil {
			t.Fatal(err)
		}
		return &out
	}
	got := kept(picture)
	if got.GetImageMessage().GetCaption() != "c" ||
		got.GetImageMessage().JPEGThumbnail != nil || got.GetImageMessage().ContextInfo != nil {
		t.Errorf("kept of an image: %v", got)
	}
	if len(picture.GetImageMessage().GetJPEGThumbnail()) == 0 || picture.GetImageMessage().ContextInfo == nil {
		t.Error("keeping a message has changed it")
	}
	once, err := composeMessage(engine.Outgoing{Kind: engine.KindImage, ViewOnce: true,
		Attachment: uploaded(t, engine.KindImage, func(a *engine.Attachment) { a.Thumbnail = []byte("jpeg") })}, testSetting(testChat, true))
	if err != nil {
		t.Fatal(err)
	}
	if got := kept(once); !got.GetImageMessage().GetViewOnce() || got.GetImageMessage().JPEGThumbnail != nil {
		t.Errorf("kept of an image to be viewed once: %v", got)
	}
	if got := kept(poll); len(got.GetMessageContextInfo().GetMessageSecret()) != 32 || got.GetPollCreationMessage() == nil {
		t.Errorf("kept of a poll: %v", got)
	}
}

// Only what holds nothing but a text is kept as it is: a stranger's message may hold
// anything beside it.
func TestBareTextIsKeptAsItIs(t *testing.T) {
	text := func(s string) *waE2E.Message { return &waE2E.Message{Conversation: proto.String(s)} }
	with := func(change func(*waE2E.Message)) *waE2E.Message {
		m := text("hello")
		change(m)
		return m
	}
	unknown := text("hello")
	unknown.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 5000, protowire.VarintType), 1))
	context := &waE2E.ContextInfo{StanzaID: proto.String("3EB0")}
	for name, c := range map[string]struct {
		m    *waE2E.Message
		bare bool
	}{
		"text":       {text("hello"), true},
		"empty":      {text(""), true},
		"long":       {text(strings.Repeat("ä", 1000)), true},
		"nothing":    {&waE2E.Message{}, false},
		"unknown":    {unknown, false},
		"secret":     {with(func(m *waE2E.Message) { m.MessageContextInfo = &waE2E.MessageContextInfo{MessageSecret: []byte{1}} }), false},
		"sender key": {with(func(m *waE2E.Message) { m.SenderKeyDistributionMessage = &waE2E.SenderKeyDistributionMessage{} }), false},
		"two in one": {with(func(m *waE2E.Message) { m.ImageMessage = &waE2E.ImageMessage{ContextInfo: context} }), false},
		"extended":   {&waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String("hello"), ContextInfo: context}}, false},
	} {
		if got := isBareText(c.m); got != c.bare {
			t.Errorf("%s: %t", name, got)
		}
		raw, err := payloadOf(c.m)
		if err != nil {
			t.Fatal(err)
		}
		var kept waE2E.Message
		if err := proto.Unmarshal(raw, &kept); err != nil {
			t.Fatal(err)
		}
		if kept.SenderKeyDistributionMessage != nil || kept.ImageMessage.GetContextInfo() != nil || kept.ExtendedTextMessage.GetContextInfo() != nil {
			t.Errorf("%s: kept %v", name, &kept)
		}
		if c.bare && !proto.Equal(&kept, c.m) {
			t.Errorf("%s: %v instead of %v", name, &kept, c.m)
		}
	}
}

func TestMessageSecret(t *testing.T) {
	key := bytes.Repeat([]byte{9}, 32)
	a, err := messageSecret(key, "A")
	again, _ := messageSecret(key, "A")
	b, _ := messageSecret(key, "B")
	other, _ := messageSecret(bytes.Repeat([]byte{8}, 32), "A")
	if err != nil || len(a) != 32 || !bytes.Equal(a, again) || bytes.Equal(a, b) || bytes.Equal(a, other) || bytes.Equal(a, key) {
		t.Errorf("secrets %x %x %x %x, %v", a, again, b, other, err)
	}
}

func TestUploadExpiry(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, c := range []struct {
		addresses []string
		want      time.Time
	}{
		{[]string{"https://a.example/x?ccb=1&oe=65540000&oh=2"}, time.Unix(0x65540000, 0)},
		{[]string{"https://a.example/x", "/v/x?oe=65540000"}, time.Unix(0x65540000, 0)},
		{[]string{"https://a.example/x?oe=zebra"}, now.Add(assumedLifetime)},
		{nil, now.Add(assumedLifetime)},
	} {
		if got := uploadExpiry(now, c.addresses...); !got.Equal(c.want) {
			t.Errorf("%v expires %s, want %s", c.addresses, got, c.want)
		}
	}
}

func TestMediaClass(t *testing.T) {
	for _, kind := range []engine.Kind{engine.KindImage, engine.KindVideo, engine.KindAudio, engine.KindVoice, engine.KindDocument, engine.KindSticker, engine.KindText} {
		if got := mediaClass(kind); (got != "") != kind.HasMedia() {
			t.Errorf("%s has class %q", kind, got)
		}
	}
	if mediaClass(engine.KindSticker) != whatsmeow.MediaImage {
		t.Error("stickers are encrypted as images are")
	}
}
