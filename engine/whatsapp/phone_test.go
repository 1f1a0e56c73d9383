package whatsapp

import (
	"context"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
	"wapid/engine/enginetest"
	"wapid/engine/simnet"
)

func (p *phone) SendFile(ctx context.Context, to engine.JID, data []byte) (engine.MessageID, error) {
	jid, err := types.ParseJID(string(to))
	if err != nil {
		return "", err
	}
	id, err := p.SendMedia(ctx, jid, simnet.Media{Kind: simnet.MediaImage, Data: data})
	return engine.MessageID(id), err
}

func (p *phone) AwaitShown(ctx context.Context, id engine.MessageID) (enginetest.Shown, error) {
	got, err := p.Await(ctx, func(r simnet.Received) bool { return r.ID == string(id) && r.Message != nil })
	if err != nil {
		return enginetest.Shown{}, err
	}
	// What carries a message is opened here by the phone's rules, not by the adapter's.
	message := got.Message
	once := message.GetViewOnceMessageV2().GetMessage()
	for _, inner := range []*waE2E.Message{
		once, message.GetDocumentWithCaptionMessage().GetMessage(), message.GetEditedMessage().GetMessage(),
	} {
		if inner != nil {
			message = inner
		}
	}
	shown := enginetest.Shown{Text: got.Text, ViewOnce: once != nil}
	info := p.show(&shown, message)
	shown.Quoted = engine.MessageID(info.GetStanzaID())
	for _, mentioned := range info.GetMentionedJID() {
		number, err := p.net.numberOf(mentioned)
		if err != nil {
			return shown, err
		}
		shown.Mentions = append(shown.Mentions, number)
	}
	if shown.Kind.HasMedia() {
		shown.File, err = p.Download(ctx, got)
	}
	return shown, err
}

// show fills in what a message's kind has, and returns its context.
func (p *phone) show(shown *enginetest.Shown, m *waE2E.Message) *waE2E.ContextInfo {
	switch {
	case m.Conversation != nil, m.ExtendedTextMessage != nil:
		shown.Kind = engine.KindText
		return m.GetExtendedTextMessage().GetContextInfo()
	case m.ImageMessage != nil:
		shown.Kind = engine.KindImage
		shown.ViewOnce = shown.ViewOnce && m.ImageMessage.GetViewOnce()
	case m.VideoMessage != nil:
		shown.Kind = engine.KindVideo
	case m.AudioMessage != nil:
		shown.Kind = engine.KindAudio
		if m.AudioMessage.GetPTT() {
			shown.Kind = engine.KindVoice
		}
	case m.DocumentMessage != nil:
		shown.Kind = engine.KindDocument
	case m.StickerMessage != nil:
		shown.Kind = engine.KindSticker
	case m.PollCreationMessage != nil:
		shown.Kind = engine.KindPoll
		for _, o := range m.PollCreationMessage.GetOptions() {
			shown.Options = append(shown.Options, o.GetOptionName())
		}
	case m.LocationMessage != nil:
		shown.Kind = engine.KindLocation
		shown.Place = [2]float64{m.LocationMessage.GetDegreesLatitude(), m.LocationMessage.GetDegreesLongitude()}
	case m.ContactMessage != nil:
		shown.Kind, shown.Text = engine.KindContact, ""
		shown.Contacts = []string{m.ContactMessage.GetDisplayName()}
	case m.ReactionMessage != nil:
		shown.Kind = engine.KindReaction
		shown.About = engine.MessageID(m.ReactionMessage.GetKey().GetID())
	case m.ProtocolMessage != nil:
		shown.Kind = engine.KindEdit
		if m.ProtocolMessage.GetType() == waE2E.ProtocolMessage_REVOKE {
			shown.Kind = engine.KindRevoke
		}
		shown.About = engine.MessageID(m.ProtocolMessage.GetKey().GetID())
	}
	return nil
}

// numberOf is the phone number of a person who is named by either address.
func (s *simulation) numberOf(address string) (engine.JID, error) {
	jid, err := types.ParseJID(address)
	if err != nil {
		return "", err
	}
	for i := range s.phones.Load() {
		if p := s.nth(i + 1); p.JID() == jid || p.LID() == jid {
			return p.Person().Phone, nil
		}
	}
	return engine.JID(address), nil
}
