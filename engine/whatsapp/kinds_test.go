package whatsapp

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
	"wapid/engine/enginetest"
	"wapid/engine/simnet"
)

// drawn is a file that no compression makes small and no other test has.
func drawn(size int) []byte {
	file := make([]byte, size)
	source := rand.NewChaCha8([32]byte{byte(size), byte(size >> 8), byte(size >> 16)})
	_, _ = source.Read(file) // It never fails.
	return file
}

// speaker is a linked session that sends.
type speaker struct {
	*enginetest.Session
	net   *Network
	phone *phone
}

func (sim *simulation) speaker(t *testing.T) *speaker {
	t.Helper()
	n, p := sim.open(t, nil), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	return &speaker{s, n, p}
}

func (s *speaker) media() engine.Media { return s.Conn.(engine.Media) }

// say sends a message and returns a reference to it, as the log would.
func (s *speaker) say(t *testing.T, m engine.Outgoing) engine.MessageRef {
	t.Helper()
	m.ID = s.net.NewMessageID()
	sent, err := s.Conn.Send(t.Context(), m)
	if err != nil {
		t.Fatalf("%s: %v", m.Kind, err)
	}
	if len(sent.Payload) == 0 {
		t.Errorf("%s: nothing is kept of it", m.Kind)
	}
	return engine.MessageRef{ID: m.ID, Chat: m.To, FromMe: true, Kind: m.Kind, Text: m.Text, Payload: sent.Payload}
}

// attach uploads a file.
func (s *speaker) attach(t *testing.T, kind engine.Kind, to engine.JID, data []byte) *engine.Attachment {
	t.Helper()
	up, err := s.media().Upload(t.Context(), engine.Outgoing{Kind: kind, To: to}, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Unix(0x7FFFFFFF, 0); !up.ExpiresAt.Equal(want) {
		t.Errorf("the upload ends %s, the media host says %s", up.ExpiresAt, want)
	}
	return &engine.Attachment{Upload: &up, Size: int64(len(data))}
}

// heard returns what a phone holds of a message.
func heard(t *testing.T, p *phone, ref engine.MessageRef) simnet.Received {
	t.Helper()
	got, err := p.Await(t.Context(), func(r simnet.Received) bool { return r.ID == string(ref.ID) && r.Message != nil })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// hears lets somebody write to the session, and returns the reference to that.
func (s *speaker) hears(t *testing.T, from *phone, to engine.JID, text string) engine.MessageRef {
	t.Helper()
	id, err := from.SendText(t.Context(), to, text)
	if err != nil {
		t.Fatal(err)
	}
	in := s.AwaitMessage(t, id)
	return engine.MessageRef{ID: in.ID, Chat: in.Chat, Sender: in.Sender, Kind: in.Kind, Text: in.Text, Payload: in.Payload}
}

func TestTextsOnThePhone(t *testing.T) {
	sim := simulate(t)
	s, peer := sim.speaker(t), sim.phone()
	to := peer.Person().Phone
	question := s.hears(t, peer, s.phone.Person().Phone, "a question")

	plain := heard(t, peer, s.say(t, engine.Outgoing{To: to, Kind: engine.KindText, Text: "plain"}))
	if plain.Message.GetConversation() != "plain" {
		t.Errorf("a plain text is %v", plain.Message)
	}
	answer := heard(t, peer, s.say(t, engine.Outgoing{To: to, Kind: engine.KindText, Text: "an answer", Quoted: &question, Expiration: 24 * time.Hour}))
	info := answer.Message.GetExtendedTextMessage().GetContextInfo()
	if answer.Text != "an answer" || info.GetStanzaID() != string(question.ID) || info.GetParticipant() != peer.LID().String() ||
		info.GetQuotedMessage().GetConversation() != "a question" || info.GetExpiration() != 86400 {
		t.Errorf("an answer is %v", answer.Message)
	}
	linked := heard(t, peer, s.say(t, engine.Outgoing{To: to, Kind: engine.KindText, Text: "see https://example.com now",
		Preview: &engine.LinkPreview{URL: "https://example.com", Title: "Example", Thumbnail: []byte("jpeg")}}))
	if e := linked.Message.GetExtendedTextMessage(); e.GetMatchedText() != "https://example.com" || e.GetTitle() != "Example" {
		t.Errorf("a text with a link is %v", linked.Message)
	}
	mentioning := heard(t, peer, s.say(t, engine.Outgoing{To: to, Kind: engine.KindText, Text: "hi @" + to.User() + "!", Mentions: []engine.JID{to}}))
	if e := mentioning.Message.GetExtendedTextMessage(); e.GetText() != "hi @"+peer.LID().User+"!" ||
		!slices.Equal(e.GetContextInfo().GetMentionedJID(), []string{peer.LID().String()}) {
		t.Errorf("a mention is %v", mentioning.Message)
	}
}

func TestFilesOnThePhone(t *testing.T) {
	sim := simulate(t)
	s, peer := sim.speaker(t), sim.phone()
	to := peer.Person().Phone
	for i, c := range []struct {
		name   string
		kind   engine.Kind
		text   string
		once   bool
		change func(*engine.Attachment)
		is     func(*waE2E.Message) bool
	}{
		{"image", engine.KindImage, "look", false, func(a *engine.Attachment) { a.MIME, a.Width, a.Height = "image/png", 40, 30 }, func(m *waE2E.Message) bool {
			return m.GetImageMessage().GetWidth() == 40 && m.GetImageMessage().GetMimetype() == "image/png"
		}},
		{"image once", engine.KindImage, "quick", true, nil, func(m *waE2E.Message) bool {
			return m.GetViewOnceMessageV2().GetMessage().GetImageMessage().GetViewOnce()
		}},
		{"video", engine.KindVideo, "watch", false, func(a *engine.Attachment) { a.Duration = 2 * time.Second }, func(m *waE2E.Message) bool {
			return m.GetVideoMessage().GetSeconds() == 2
		}},
		{"audio", engine.KindAudio, "", false, nil, func(m *waE2E.Message) bool { return m.AudioMessage != nil && !m.GetAudioMessage().GetPTT() }},
		{"voice", engine.KindVoice, "", false, nil, func(m *waE2E.Message) bool { return m.GetAudioMessage().GetPTT() }},
		{"voice once", engine.KindVoice, "", true, nil, func(m *waE2E.Message) bool {
			return m.GetViewOnceMessageV2Extension().GetMessage().GetAudioMessage().GetViewOnce()
		}},
		{"document", engine.KindDocument, "", false, func(a *engine.Attachment) { a.FileName = "bill.pdf" }, func(m *waE2E.Message) bool {
			return m.GetDocumentMessage().GetFileName() == "bill.pdf"
		}},
		{"document with caption", engine.KindDocument, "the bill", false, nil, func(m *waE2E.Message) bool {
			return m.GetDocumentWithCaptionMessage().GetMessage().DocumentMessage != nil
		}},
		{"sticker", engine.KindSticker, "", false, nil, func(m *waE2E.Message) bool { return m.StickerMessage != nil }},
	} {
		data := drawn(10_000 + i)
		a := s.attach(t, c.kind, to, data)
		if c.change != nil {
			c.change(a)
		}
		ref := s.say(t, engine.Outgoing{To: to, Kind: c.kind, Text: c.text, Attachment: a, ViewOnce: c.once, Expiration: time.Hour})
		got := heard(t, peer, ref)
		if !c.is(got.Message) || got.Text != c.text || expiration(got.Message) != 3600 {
			t.Errorf("%s: the phone shows %v", c.name, got.Message)
		}
		if file, err := peer.Download(t.Context(), got); err != nil || !bytes.Equal(file, data) {
			t.Errorf("%s: the phone downloaded %d bytes: %v", c.name, len(file), err)
		}
	}
}

// expiration is the disappearing timer that a file's message has, in seconds.
func expiration(m *waE2E.Message) uint32 {
	m = unwrap(m)
	for _, part := range []interface{ GetContextInfo() *waE2E.ContextInfo }{
		m.ImageMessage, m.VideoMessage, m.AudioMessage, m.DocumentMessage, m.StickerMessage,
	} {
		if e := part.GetContextInfo().GetExpiration(); e != 0 {
			return e
		}
	}
	return 0
}

func TestCardsOnThePhone(t *testing.T) {
	sim := simulate(t)
	s, peer := sim.speaker(t), sim.phone()
	to := peer.Person().Phone
	place := heard(t, peer, s.say(t, engine.Outgoing{To: to, Kind: engine.KindLocation, Location: &engine.Location{Latitude: 52.5, Longitude: -13.4, Name: "Café"}}))
	if l := place.Message.GetLocationMessage(); l.GetDegreesLatitude() != 52.5 || l.GetDegreesLongitude() != -13.4 || l.GetName() != "Café" {
		t.Errorf("a location is %v", place.Message)
	}
	eve := engine.Contact{Name: "Eve", Phone: "4915100000009"}
	card := heard(t, peer, s.say(t, engine.Outgoing{To: to, Kind: engine.KindContact, Contacts: []engine.Contact{eve}}))
	if c := card.Message.GetContactMessage(); c.GetDisplayName() != "Eve" || !strings.Contains(c.GetVcard(), "waid=4915100000009:+4915100000009") {
		t.Errorf("a contact is %v", card.Message)
	}
	cards := heard(t, peer, s.say(t, engine.Outgoing{To: to, Kind: engine.KindContact, Contacts: []engine.Contact{eve, eve}}))
	if len(cards.Message.GetContactsArrayMessage().GetContacts()) != 2 {
		t.Errorf("two contacts are %v", cards.Message)
	}
	for _, choices := range []int{0, 1} {
		s.polls(t, peer, to, s.phone.JID(), choices)
	}
}

// polls asks a question in a chat, which the peer knows under another address, and
// wants the peer's vote to be readable by the session and by the account's phone.
func (s *speaker) polls(t *testing.T, peer *phone, to engine.JID, from types.JID, choices int) {
	t.Helper()
	poll := s.say(t, engine.Outgoing{To: to, Kind: engine.KindPoll, Poll: &engine.Poll{Question: "Tea?", Options: []string{"yes", "no"}, Selectable: choices}})
	heard(t, peer, poll)
	vote, err := peer.Vote(t.Context(), from, string(poll.ID), "no")
	if err != nil {
		t.Fatal(err)
	}
	heard(t, s.phone, engine.MessageRef{ID: engine.MessageID(vote)})
	if votes, err := s.phone.Votes(string(poll.ID)); err != nil || !slices.Equal(votes[peer.JID()], []string{"no"}) {
		t.Errorf("%d choices: votes %v, %v", choices, votes, err)
	}
	hash := sha256.Sum256([]byte("no"))
	got := s.AwaitMessage(t, engine.MessageID(vote))
	if got.Kind != engine.KindPollVote || got.Details.Vote == nil || got.Details.Vote.MessageID != poll.ID ||
		len(got.Details.Vote.Hashes) != 1 || !bytes.Equal(got.Details.Vote.Hashes[0], hash[:]) {
		t.Errorf("%d choices: a vote came as %+v", choices, got)
	}
}

func TestChangesOnThePhone(t *testing.T) {
	sim := simulate(t)
	s, peer := sim.speaker(t), sim.phone()
	to := peer.Person().Phone
	theirs := s.hears(t, peer, s.phone.Person().LID, "theirs")
	mine := s.say(t, engine.Outgoing{To: to, Kind: engine.KindText, Text: "mine"})

	for _, about := range []engine.MessageRef{theirs, mine} {
		for _, emoji := range []string{"👍🏽", ""} {
			got := heard(t, peer, s.say(t, engine.Outgoing{To: to, Kind: engine.KindReaction, Text: emoji, Target: &about}))
			r := got.Message.GetReactionMessage()
			if r.GetText() != emoji || r.GetKey().GetID() != string(about.ID) || r.GetKey().GetFromMe() != about.FromMe || r.GetKey().Participant != nil {
				t.Errorf("a reaction is %v", got.Message)
			}
		}
	}
	edited := heard(t, peer, s.say(t, engine.Outgoing{To: to, Kind: engine.KindEdit, Text: "better", Target: &mine}))
	if p := unwrap(edited.Message).GetProtocolMessage(); edited.Text != "better" || p.GetKey().GetID() != string(mine.ID) || p.GetType() != waE2E.ProtocolMessage_MESSAGE_EDIT {
		t.Errorf("an edit is %v", edited.Message)
	}
	data := drawn(5000)
	picture := s.say(t, engine.Outgoing{To: to, Kind: engine.KindImage, Text: "old", Attachment: s.attach(t, engine.KindImage, to, data)})
	edited = heard(t, peer, s.say(t, engine.Outgoing{To: to, Kind: engine.KindEdit, Text: "new", Target: &picture}))
	if i := unwrap(edited.Message).GetProtocolMessage().GetEditedMessage().GetImageMessage(); i.GetCaption() != "new" || i.GetFileLength() != 5000 {
		t.Errorf("an edited caption is %v", edited.Message)
	}
	gone := heard(t, peer, s.say(t, engine.Outgoing{To: to, Kind: engine.KindRevoke, Target: &mine}))
	if p := gone.Message.GetProtocolMessage(); p.GetType() != waE2E.ProtocolMessage_REVOKE || p.GetKey().GetID() != string(mine.ID) || !p.GetKey().GetFromMe() {
		t.Errorf("a revocation is %v", gone.Message)
	}
}

// TestGroupOnThePhone: in a group people go by their LIDs.
func TestGroupOnThePhone(t *testing.T) {
	sim := simulate(t)
	s, peer, third := sim.speaker(t), sim.phone(), sim.phone()
	made, err := s.phone.CreateGroup(t.Context(), "Group", peer.JID(), third.JID())
	if err != nil {
		t.Fatal(err)
	}
	group := engine.JID(made.String())
	theirs := s.hears(t, peer, group, "theirs")
	theirs.Sender.LID = "" // Logged before it was known.

	text := heard(t, third, s.say(t, engine.Outgoing{To: group, Kind: engine.KindText, Text: "@" + peer.JID().User + " is right",
		Mentions: []engine.JID{peer.Person().Phone}, Quoted: &theirs}))
	info := text.Message.GetExtendedTextMessage().GetContextInfo()
	if text.Text != "@"+peer.LID().User+" is right" || info.GetParticipant() != peer.LID().String() ||
		!slices.Equal(info.GetMentionedJID(), []string{peer.LID().String()}) || info.GetQuotedMessage().GetConversation() != "theirs" {
		t.Errorf("a reply in a group is %v", text.Message)
	}
	reaction := heard(t, third, s.say(t, engine.Outgoing{To: group, Kind: engine.KindReaction, Text: "👍", Target: &theirs}))
	if k := reaction.Message.GetReactionMessage().GetKey(); k.GetParticipant() != peer.LID().String() || k.GetRemoteJID() != string(group) || k.GetFromMe() {
		t.Errorf("a reaction in a group is %v", reaction.Message)
	}
	s.polls(t, peer, group, made, 1)
	revoked := heard(t, third, s.say(t, engine.Outgoing{To: group, Kind: engine.KindRevoke, Target: &theirs}))
	if k := revoked.Message.GetProtocolMessage().GetKey(); k.GetParticipant() != peer.LID().String() || k.GetID() != string(theirs.ID) {
		t.Errorf("a revocation by an admin is %v", revoked.Message)
	}
}

// TestMentionOfAStranger: the session knows a member's number only, until it looks
// the group up.
func TestMentionOfAStranger(t *testing.T) {
	sim := simulate(t)
	n, p, member := sim.open(t, nil), sim.phone(), sim.phone()
	made, err := p.CreateGroup(t.Context(), "Group", member.JID())
	if err != nil {
		t.Fatal(err)
	}
	linked, _ := enginetest.Link(t, n, p, "a")
	s := &speaker{linked, n, p}
	got := heard(t, member, s.say(t, engine.Outgoing{To: engine.JID(made.String()), Kind: engine.KindText,
		Text: "welcome @" + member.JID().User, Mentions: []engine.JID{member.Person().Phone}}))
	if got.Text != "welcome @"+member.LID().User || !slices.Equal(got.Message.GetExtendedTextMessage().GetContextInfo().GetMentionedJID(), []string{member.LID().String()}) {
		t.Errorf("the member is mentioned as %v", got.Message)
	}
}

// TestAgainTheSame: a poll that is sent again under its id has the same secret, so
// that the vote of a phone that has the first copy can be opened with the second.
func TestAgainTheSame(t *testing.T) {
	sim := simulate(t)
	s, peer := sim.speaker(t), sim.phone()
	m := engine.Outgoing{ID: s.net.NewMessageID(), To: peer.Person().Phone, Kind: engine.KindPoll,
		Poll: &engine.Poll{Question: "Tea?", Options: []string{"yes", "no"}}}
	var kept [][]byte
	for range 2 {
		sent, err := s.Conn.Send(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, sent.Payload)
	}
	if !bytes.Equal(kept[0], kept[1]) {
		t.Error("the same poll was sent with two secrets")
	}
}
