package whatsapp

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"go.mau.fi/whatsmeow/util/gcmutil"
	"google.golang.org/protobuf/proto"

	"wapid/engine"
	"wapid/engine/enginetest"
)

// seal encrypts what one person does to a message of their own, under that
// message's secret (source: whatsmeow's msgsecret.go).
func encrypted(t *testing.T, use string, secret []byte, id types.MessageID, who types.JID, m proto.Message) (payload, iv []byte) {
	t.Helper()
	plain, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	key, err := hkdf.Key(sha256.New, secret, nil, id+who.String()+who.String()+use, 32)
	if err != nil {
		t.Fatal(err)
	}
	iv = make([]byte, secretIV)
	_, _ = rand.Read(iv)
	payload, err = gcmutil.Encrypt(key, iv, plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	return payload, iv
}

// TestWhatIsEncryptedTwice: reactions and edits that are encrypted under the
// message's secret, as communities have them, are read. What can't be read is told
// as it is, and neither stops what comes behind it.
func TestWhatIsEncryptedTwice(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	group, err := peer.CreateGroup(t.Context(), "Team", p.JID())
	if err != nil {
		t.Fatal(err)
	}
	say := func(m *waE2E.Message) engine.Incoming {
		t.Helper()
		id, err := peer.Send(t.Context(), group, m)
		if err != nil {
			t.Fatal(err)
		}
		return s.AwaitMessage(t, engine.MessageID(id))
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	first := say(&waE2E.Message{Conversation: proto.String("hello"), MessageContextInfo: &waE2E.MessageContextInfo{MessageSecret: secret}})
	key := &waCommon.MessageKey{RemoteJID: proto.String(group.String()), FromMe: proto.Bool(true), ID: proto.String(string(first.ID))}
	id := types.MessageID(first.ID)
	reaction := func(who types.JID) *waE2E.Message {
		payload, iv := encrypted(t, "Enc Reaction", secret, id, who, &waE2E.ReactionMessage{Text: proto.String("👍")})
		return &waE2E.Message{EncReactionMessage: &waE2E.EncReactionMessage{TargetMessageKey: key, EncPayload: payload, EncIV: iv}}
	}
	edit := func(m *waE2E.Message) *waE2E.Message {
		payload, iv := encrypted(t, "Message Edit", secret, id, peer.LID(), m)
		return &waE2E.Message{SecretEncryptedMessage: &waE2E.SecretEncryptedMessage{
			TargetMessageKey: key, EncPayload: payload, EncIV: iv, SecretEncType: waE2E.SecretEncryptedMessage_MESSAGE_EDIT.Enum(),
		}}
	}
	for _, who := range []types.JID{peer.LID(), peer.JID()} { // clients go by one or the other
		if m := say(reaction(who)); m.Kind != engine.KindReaction || *m.Details.Reaction != (engine.Reaction{MessageID: first.ID, Emoji: "👍"}) || m.Text != "👍" {
			t.Errorf("a reaction of %s came as %+v, %+v", who, m, m.Details.Reaction)
		}
	}
	bare := words("better")
	asOthers := &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), Key: key, EditedMessage: bare}}
	for _, content := range []*waE2E.Message{bare, asOthers} {
		if m := say(edit(content)); m.Kind != engine.KindEdit || m.Text != "better" || m.Details.Edit == nil || m.Details.Edit.MessageID != first.ID {
			t.Errorf("an edit came as %+v, %+v", m, m.Details.Edit)
		}
	}
	if m := say(reaction(p.LID())); m.Kind != engine.KindUnsupported || m.Details.Unsupported != "encReactionMessage" {
		t.Errorf("a reaction under another's name came as %+v", m)
	}
	broken := reaction(peer.LID())
	broken.EncReactionMessage.EncIV = []byte("too long for a nonce")
	if m := say(broken); m.Kind != engine.KindUnsupported {
		t.Errorf("a reaction with a long nonce came as %+v", m)
	}
	lost := &waE2E.Message{PollUpdateMessage: &waE2E.PollUpdateMessage{PollCreationMessageKey: key, Vote: &waE2E.PollEncValue{EncIV: make([]byte, 12)}}}
	if m := say(lost); m.Kind != engine.KindPollVote || !m.Details.Vote.Undecryptable || len(m.Details.Vote.Hashes) != 0 {
		t.Errorf("a vote that opens under no secret came as %+v", m.Details.Vote)
	}
	wantSilence(t, s)
}

// TestWhatIsShownOnThePhoneOnly: a message that is to be seen once never comes to
// a linked device, which is told of it all the same.
func TestWhatIsShownOnThePhoneOnly(t *testing.T) {
	sim := simulate(t)
	n, p := sim.open(t, nil), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	evt := &events.UndecryptableMessage{Info: received(words("")).Info, IsUnavailable: true, UnavailableType: events.UnavailableTypeViewOnce}
	evt.Info.ID = "ONCE"
	l := s.Conn.(*conn).readyLink()
	if !l.handle(evt) {
		t.Error("not handled")
	}
	m := s.AwaitMessage(t, "ONCE")
	if m.Kind != engine.KindUnsupported || m.Details.Unsupported != "view_once_unavailable" || !m.Details.ViewOnce || m.Sender.Phone != "49170@s.whatsapp.net" {
		t.Errorf("told as %+v", m)
	}
	evt.Info.ID, evt.UnavailableType = "LATER", events.UnavailableTypeUnknown // the phone is asked for it
	own := *evt
	own.Info.ID, own.Info.IsFromMe, own.UnavailableType = "OWN", true, events.UnavailableTypeViewOnce
	before := n.Undecryptable()
	if !l.handle(evt) || !l.handle(&own) || n.Undecryptable() != before+2 {
		t.Error("not counted as undecryptable")
	}
}
