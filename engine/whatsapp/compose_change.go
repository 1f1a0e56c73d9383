package whatsapp

import (
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"wapid/engine"
)

// target is how a reaction, an edit or a revocation names its message. The author
// is told only in groups and only of others' messages (source: whatsmeow's
// BuildMessageKey).
func target(m engine.Outgoing, s setting) (*waCommon.MessageKey, error) {
	if m.Target == nil {
		return nil, engine.Errorf(engine.CodeInvalid, "a message of kind %q needs one that it is about", m.Kind)
	}
	author, err := s.author(*m.Target)
	if err != nil {
		return nil, err
	}
	key := &waCommon.MessageKey{
		RemoteJID: proto.String(s.chat.String()),
		FromMe:    proto.Bool(m.Target.FromMe),
		ID:        proto.String(string(m.Target.ID)),
	}
	if s.chat.Server == types.GroupServer && !m.Target.FromMe {
		key.Participant = proto.String(author.String())
	}
	return key, nil
}

// composeReaction puts an emoji on a message; an empty one takes it back.
func composeReaction(m engine.Outgoing, s setting) (*waE2E.Message, error) {
	key, err := target(m, s)
	if err != nil {
		return nil, err
	}
	return &waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{
		Key:               key,
		Text:              proto.String(m.Text),
		SenderTimestampMS: proto.Int64(s.now.UnixMilli()),
	}}, nil
}

// composeRevoke deletes a message for everyone: one of the account's own, or, in a
// group that it is an admin of, somebody else's.
func composeRevoke(m engine.Outgoing, s setting) (*waE2E.Message, error) {
	key, err := target(m, s)
	if err != nil {
		return nil, err
	}
	if !m.Target.FromMe && s.chat.Server != types.GroupServer {
		return nil, engine.Errorf(engine.CodeInvalid, "outside of groups only the account's own messages can be deleted for everyone")
	}
	return &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_REVOKE.Enum(),
		Key:  key,
	}}, nil
}

// composeEdit replaces the text of one of the account's own messages, or the
// caption of a file that it sent. Clients take an edit for 20 minutes after the
// message (whatsmeow's EditWindow); they judge that themselves.
func composeEdit(m engine.Outgoing, s setting) (*waE2E.Message, error) {
	key, err := target(m, s)
	if err != nil {
		return nil, err
	}
	if !m.Target.FromMe {
		return nil, engine.Errorf(engine.CodeInvalid, "only the account's own messages can be edited")
	}
	content, err := editedContent(m)
	if err != nil {
		return nil, err
	}
	if mentioned := s.mentioned(m.Mentions); len(mentioned) > 0 {
		if content.Conversation != nil {
			content = &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: content.Conversation}}
		}
		putContext(content, &waE2E.ContextInfo{MentionedJID: mentioned})
	}
	if content.DocumentMessage.GetCaption() != "" {
		content = captioned(content)
	}
	return &waE2E.Message{EditedMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{
		ProtocolMessage: &waE2E.ProtocolMessage{
			Key:           key,
			Type:          waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(),
			EditedMessage: content,
			TimestampMS:   proto.Int64(s.now.UnixMilli()),
		},
	}}}, nil
}

// editedContent is what the edited message holds from now on. A file stays what
// it is, with another caption.
func editedContent(m engine.Outgoing) (*waE2E.Message, error) {
	switch m.Target.Kind {
	case engine.KindText, "":
		return composeText(m)
	case engine.KindImage, engine.KindVideo, engine.KindDocument:
	default:
		return nil, engine.Errorf(engine.CodeInvalid, "a message of kind %q can't be edited", m.Target.Kind)
	}
	if len(m.Target.Payload) == 0 {
		return nil, engine.Errorf(engine.CodeInvalid, "the file of the message is not known any more; its caption can't be changed")
	}
	content, err := contentOfPayload(m.Target.Payload)
	if err != nil {
		return nil, err
	}
	if isViewedOnce(content) {
		return nil, engine.Errorf(engine.CodeInvalid, "a message that is viewed once can't be edited")
	}
	content.MessageContextInfo = nil
	putContext(content, nil)
	switch caption := optional(m.Text); {
	case content.ImageMessage != nil:
		content.ImageMessage.Caption = caption
	case content.VideoMessage != nil:
		content.VideoMessage.Caption = caption
	case content.DocumentMessage != nil:
		content.DocumentMessage.Caption = caption
	default:
		return nil, engine.Errorf(engine.CodeInvalid, "the message has no caption that could be changed")
	}
	return content, nil
}
