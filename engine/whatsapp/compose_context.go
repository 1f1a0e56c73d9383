package whatsapp

import (
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"wapid/engine"
)

// withContext adds what surrounds a message's content: what it replies to, whom
// it mentions, and when it disappears. A plain text becomes an extended one,
// because only that has a context. Reactions, edits and revocations have none
// (source: Baileys' generateWAMessageFromContent, whatsmeow's protobuf).
func withContext(message *waE2E.Message, m engine.Outgoing, s setting) (*waE2E.Message, error) {
	expires := m.Expiration > 0 && s.chat.Server != types.NewsletterServer
	mentioned := s.mentioned(m.Mentions)
	if len(mentioned) == 0 && !expires && m.Quoted == nil {
		return message, nil
	}
	info := &waE2E.ContextInfo{MentionedJID: mentioned}
	if expires {
		info.Expiration = count(int64(m.Expiration / time.Second))
	}
	if m.Quoted != nil {
		if err := quote(info, *m.Quoted, s); err != nil {
			return nil, err
		}
	}
	if message.Conversation != nil {
		message = &waE2E.Message{
			ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: message.Conversation},
			MessageContextInfo:  message.MessageContextInfo,
		}
	}
	putContext(message, info)
	return message, nil
}

// putContext replaces the context of a message's content.
func putContext(message *waE2E.Message, info *waE2E.ContextInfo) {
	switch {
	case message.ExtendedTextMessage != nil:
		message.ExtendedTextMessage.ContextInfo = info
	case message.ImageMessage != nil:
		message.ImageMessage.ContextInfo = info
	case message.VideoMessage != nil:
		message.VideoMessage.ContextInfo = info
	case message.PtvMessage != nil:
		message.PtvMessage.ContextInfo = info
	case message.AudioMessage != nil:
		message.AudioMessage.ContextInfo = info
	case message.DocumentMessage != nil:
		message.DocumentMessage.ContextInfo = info
	case message.StickerMessage != nil:
		message.StickerMessage.ContextInfo = info
	case message.LocationMessage != nil:
		message.LocationMessage.ContextInfo = info
	case message.LiveLocationMessage != nil:
		message.LiveLocationMessage.ContextInfo = info
	case message.ContactMessage != nil:
		message.ContactMessage.ContextInfo = info
	case message.ContactsArrayMessage != nil:
		message.ContactsArrayMessage.ContextInfo = info
	case message.PollCreationMessage != nil:
		message.PollCreationMessage.ContextInfo = info
	case message.PollCreationMessageV2 != nil:
		message.PollCreationMessageV2.ContextInfo = info
	case message.PollCreationMessageV3 != nil:
		message.PollCreationMessageV3.ContextInfo = info
	case message.InteractiveMessage != nil:
		message.InteractiveMessage.ContextInfo = info
	case message.InteractiveResponseMessage != nil:
		message.InteractiveResponseMessage.ContextInfo = info
	case message.ButtonsResponseMessage != nil:
		message.ButtonsResponseMessage.ContextInfo = info
	case message.ListResponseMessage != nil:
		message.ListResponseMessage.ContextInfo = info
	case message.TemplateButtonReplyMessage != nil:
		message.TemplateButtonReplyMessage.ContextInfo = info
	}
}

// quote says what a message replies to. The content is carried along, because
// recipients may not have it any more.
func quote(info *waE2E.ContextInfo, q engine.MessageRef, s setting) error {
	author, err := s.author(q)
	if err != nil {
		return err
	}
	content, err := quotedContent(q)
	if err != nil {
		return err
	}
	info.StanzaID = proto.String(string(q.ID))
	info.Participant = proto.String(author.String())
	info.QuotedMessage = content
	return nil
}

// quotedContent is a message as a reply carries it along: without its own context
// and secret. Without the original it is rebuilt from what the log tells of it.
func quotedContent(q engine.MessageRef) (*waE2E.Message, error) {
	if len(q.Payload) == 0 {
		return sketch(q), nil
	}
	message, err := contentOfPayload(q.Payload)
	if err != nil {
		return nil, err
	}
	if isViewedOnce(message) {
		q.Text = "" // What was to be seen once is not shown again, nor told where it is.
		return sketch(q), nil
	}
	message.MessageContextInfo = nil
	message.SenderKeyDistributionMessage = nil
	putContext(message, nil)
	if isHousekeeping(message) || message.ReactionMessage != nil || message.PollUpdateMessage != nil || message.ProtocolMessage != nil {
		return sketch(q), nil // has nothing that a quote could show
	}
	return message, nil
}

func isViewedOnce(m *waE2E.Message) bool {
	return m.ImageMessage.GetViewOnce() || m.VideoMessage.GetViewOnce() || m.AudioMessage.GetViewOnce()
}

// contentOfPayload reads what the log keeps of a message.
func contentOfPayload(payload []byte) (*waE2E.Message, error) {
	message := &waE2E.Message{}
	if err := proto.Unmarshal(payload, message); err != nil {
		return nil, engine.WrapError(engine.CodeInternal, err, "what is kept of the message can't be read")
	}
	return unwrap(message), nil
}

// sketch is as much of a message as its kind and text tell.
func sketch(q engine.MessageRef) *waE2E.Message {
	text := proto.String(q.Text)
	switch q.Kind {
	case engine.KindImage:
		return &waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: optional(q.Text)}}
	case engine.KindVideo:
		return &waE2E.Message{VideoMessage: &waE2E.VideoMessage{Caption: optional(q.Text)}}
	case engine.KindAudio, engine.KindVoice:
		return &waE2E.Message{AudioMessage: &waE2E.AudioMessage{PTT: proto.Bool(q.Kind == engine.KindVoice)}}
	case engine.KindDocument:
		return &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{Caption: optional(q.Text)}}
	case engine.KindSticker:
		return &waE2E.Message{StickerMessage: &waE2E.StickerMessage{}}
	case engine.KindLocation:
		return &waE2E.Message{LocationMessage: &waE2E.LocationMessage{Name: optional(q.Text)}}
	case engine.KindContact:
		return &waE2E.Message{ContactMessage: &waE2E.ContactMessage{DisplayName: text}}
	case engine.KindPoll:
		return &waE2E.Message{PollCreationMessage: &waE2E.PollCreationMessage{Name: text}}
	}
	return &waE2E.Message{Conversation: text}
}
