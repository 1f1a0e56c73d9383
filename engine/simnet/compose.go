package simnet

import (
	"crypto/rand"
	"time"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// textMessage is a plain text, without preview, reply or mention.
func textMessage(text string) *waE2E.Message {
	return &waE2E.Message{Conversation: proto.String(text)}
}

// reference points at a message as one of its readers knows it: the chat as
// that reader addresses it, the sender, and whether the reader sent it.
type reference struct {
	chat   types.JID
	sender types.JID
	id     types.MessageID
	fromMe bool
}

// key is the reference as it travels. The participant is named only in groups
// and only for messages of others (source: whatsmeow BuildMessageKey).
func (r reference) key() *waCommon.MessageKey {
	key := &waCommon.MessageKey{
		RemoteJID: proto.String(r.chat.String()),
		FromMe:    proto.Bool(r.fromMe),
		ID:        proto.String(r.id),
	}
	if r.chat.Server == types.GroupServer && !r.fromMe {
		key.Participant = proto.String(r.sender.ToNonAD().String())
	}
	return key
}

// reply makes a message the answer to another one, whose content is carried
// along as phones do, without its own context.
func reply(msg *waE2E.Message, to reference, content *waE2E.Message) *waE2E.Message {
	return withContext(msg, func(info *waE2E.ContextInfo) {
		quoted := proto.CloneOf(content)
		stripContext(quoted)
		info.StanzaID = proto.String(to.id)
		info.Participant = proto.String(to.sender.ToNonAD().String())
		info.QuotedMessage = quoted
	})
}

// mention marks people as mentioned. The text itself names each as @ and the
// user part of the JID.
func mention(msg *waE2E.Message, people ...types.JID) *waE2E.Message {
	return withContext(msg, func(info *waE2E.ContextInfo) {
		for _, person := range people {
			info.MentionedJID = append(info.MentionedJID, person.ToNonAD().String())
		}
	})
}

// forwarded marks a message as forwarded once more.
func forwarded(msg *waE2E.Message) *waE2E.Message {
	return withContext(msg, func(info *waE2E.ContextInfo) {
		info.IsForwarded = proto.Bool(true)
		info.ForwardingScore = proto.Uint32(info.GetForwardingScore() + 1)
	})
}

// ephemeral makes a message disappear after a time, by the timer that was set
// in the chat at the given moment. Today's phones say so in the context; older
// ones wrapped the message, which whatsmeow unwraps as well.
func ephemeral(msg *waE2E.Message, after time.Duration, set time.Time) *waE2E.Message {
	return withContext(msg, func(info *waE2E.ContextInfo) {
		info.Expiration = proto.Uint32(uint32(after / time.Second))
		info.EphemeralSettingTimestamp = proto.Int64(set.Unix())
	})
}

// viewOnce wraps a picture, video or voice note that may be opened once.
func viewOnce(msg *waE2E.Message) *waE2E.Message {
	msg = proto.CloneOf(msg)
	switch {
	case msg.ImageMessage != nil:
		msg.ImageMessage.ViewOnce = proto.Bool(true)
	case msg.VideoMessage != nil:
		msg.VideoMessage.ViewOnce = proto.Bool(true)
	case msg.AudioMessage != nil:
		msg.AudioMessage.ViewOnce = proto.Bool(true)
		return &waE2E.Message{ViewOnceMessageV2Extension: &waE2E.FutureProofMessage{Message: msg}}
	}
	return &waE2E.Message{ViewOnceMessageV2: &waE2E.FutureProofMessage{Message: msg}}
}

// reaction puts an emoji on a message; an empty one takes it back.
func reaction(to reference, emoji string, at time.Time) *waE2E.Message {
	return &waE2E.Message{ReactionMessage: &waE2E.ReactionMessage{
		Key:               to.key(),
		Text:              proto.String(emoji),
		SenderTimestampMS: proto.Int64(at.UnixMilli()),
	}}
}

// edit replaces the content of one's own message.
func edit(of reference, content *waE2E.Message, at time.Time) *waE2E.Message {
	return &waE2E.Message{EditedMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{
		ProtocolMessage: &waE2E.ProtocolMessage{
			Key:           of.key(),
			Type:          waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(),
			EditedMessage: content,
			TimestampMS:   proto.Int64(at.UnixMilli()),
		},
	}}}
}

// revoke deletes a message for everyone: one's own, or as a group's admin
// somebody else's.
func revoke(of reference) *waE2E.Message {
	return &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Key:  of.key(),
		Type: waE2E.ProtocolMessage_REVOKE.Enum(),
	}}
}

// timerChange announces a new timer for disappearing messages in a one-to-one
// chat; zero turns it off.
func timerChange(after time.Duration, at time.Time) *waE2E.Message {
	return &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type:                      waE2E.ProtocolMessage_EPHEMERAL_SETTING.Enum(),
		EphemeralExpiration:       proto.Uint32(uint32(after / time.Second)),
		EphemeralSettingTimestamp: proto.Int64(at.Unix()),
	}}
}

// withSecret returns the message with a fresh 32-byte secret, under which later
// votes, reactions and reports about it are encrypted. Phones put one into all
// content, but not into reactions, votes and protocol messages. A secret that
// is already there stays.
func withSecret(msg *waE2E.Message) *waE2E.Message {
	if msg.ReactionMessage != nil || msg.PollUpdateMessage != nil || msg.ProtocolMessage != nil || msg.EditedMessage != nil ||
		len(msg.GetMessageContextInfo().GetMessageSecret()) > 0 {
		return msg
	}
	msg = proto.CloneOf(msg)
	if msg.MessageContextInfo == nil {
		msg.MessageContextInfo = &waE2E.MessageContextInfo{}
	}
	msg.MessageContextInfo.MessageSecret = make([]byte, 32)
	_, _ = rand.Read(msg.MessageContextInfo.MessageSecret) // crypto/rand never returns an error since Go 1.24.
	return msg
}

// withContext returns a copy of a message whose context info has been changed.
// A plain text becomes an extended one, because only that has a context. A
// message of a kind without context is returned unchanged.
func withContext(msg *waE2E.Message, change func(*waE2E.ContextInfo)) *waE2E.Message {
	msg = proto.CloneOf(msg)
	if msg.Conversation != nil {
		msg.ExtendedTextMessage = &waE2E.ExtendedTextMessage{Text: msg.Conversation}
		msg.Conversation = nil
	}
	eachContext(msg, func(content protoreflect.Message, field protoreflect.FieldDescriptor) {
		change(content.Mutable(field).Message().Interface().(*waE2E.ContextInfo))
	})
	return msg
}

// stripContext removes the context of a message's content and its secret.
func stripContext(msg *waE2E.Message) {
	msg.MessageContextInfo = nil
	eachContext(msg, func(content protoreflect.Message, field protoreflect.FieldDescriptor) { content.Clear(field) })
}

// eachContext visits the content fields of a message that can have a context,
// through the wrappers that a message may be in.
func eachContext(msg *waE2E.Message, visit func(content protoreflect.Message, field protoreflect.FieldDescriptor)) {
	msg.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if field.Kind() != protoreflect.MessageKind || field.IsList() || field.IsMap() {
			return true
		}
		if wrapper, ok := value.Message().Interface().(*waE2E.FutureProofMessage); ok && wrapper.Message != nil {
			eachContext(wrapper.Message, visit)
			return true
		}
		context := value.Message().Descriptor().Fields().ByName("contextInfo")
		if context != nil && context.Message() == (&waE2E.ContextInfo{}).ProtoReflect().Descriptor() {
			visit(value.Message(), context)
		}
		return true
	})
}
