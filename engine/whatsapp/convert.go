package whatsapp

import (
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/reflect/protoreflect"

	"wapid/engine"
)

// personOf collects a person's addresses from JIDs of its devices. Addresses
// that are neither a phone number nor a LID are left out.
func personOf(addresses ...types.JID) engine.Person {
	var p engine.Person
	for _, a := range addresses {
		if a.User == "" {
			continue
		}
		switch a.Server {
		case types.DefaultUserServer, types.HostedServer:
			p.Phone = engine.JID(a.User + "@" + engine.ServerPhone)
		case types.HiddenUserServer, types.HostedLIDServer:
			p.LID = engine.JID(a.User + "@" + engine.ServerLID)
		}
	}
	return p
}

// isForTenant tells whether an event is a message that somebody wrote to the
// session. What its own account says, what the network's clients say among
// themselves, status posts, channels and bots are not.
func isForTenant(evt *events.Message) bool {
	info := evt.Info
	switch {
	case info.IsFromMe, info.Category == "peer":
		return false
	case info.Chat.Server == types.BroadcastServer && info.Chat.User == "status":
		return false
	case personOf(info.Sender, info.SenderAlt) == engine.Person{}:
		return false
	}
	return !isHousekeeping(unwrap(evt.Message))
}

// isHousekeeping tells a message that holds nothing for a person: keys of a
// group, a changed setting, an empty envelope.
func isHousekeeping(m *waE2E.Message) bool {
	if p := m.GetProtocolMessage(); p != nil {
		switch p.GetType() {
		case waE2E.ProtocolMessage_REVOKE, waE2E.ProtocolMessage_MESSAGE_EDIT:
			return false
		}
		return true
	}
	if m == nil {
		return true
	}
	empty := true
	m.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		switch field.Name() {
		case "senderKeyDistributionMessage", "fastRatchetKeySenderKeyDistributionMessage", "messageContextInfo":
			return true
		}
		empty = false
		return false
	})
	return empty
}

// incomingOf converts a message. sender holds both addresses where known.
func incomingOf(evt *events.Message, sender engine.Person) engine.Incoming {
	content := contentOf(evt.Message, evt.IsEdit)
	in := engine.Incoming{
		ID:        engine.MessageID(evt.Info.ID),
		Chat:      sender.Preferred(),
		Sender:    sender,
		PushName:  evt.Info.PushName,
		Timestamp: evt.Info.Timestamp,
		Kind:      content.kind,
		Text:      content.text,
		HasMedia:  content.media,
	}
	// A broadcast list is a group to the network only; its messages are personal.
	if evt.Info.Chat.Server == types.GroupServer {
		in.IsGroup = true
		in.Chat = engine.JID(evt.Info.Chat.ToNonAD().String())
	}
	return in
}

// content is what a message holds.
type content struct {
	kind  engine.Kind
	text  string // body or caption
	media bool
}

// contentOf reads a message that whatsmeow has unwrapped as far as it does.
// edit tells that it was wrapped as an edit of another.
func contentOf(m *waE2E.Message, edit bool) content {
	m = unwrap(m)
	if p := m.GetProtocolMessage(); p != nil {
		switch p.GetType() {
		case waE2E.ProtocolMessage_REVOKE:
			return content{kind: engine.KindRevoke}
		case waE2E.ProtocolMessage_MESSAGE_EDIT:
			m, edit = unwrap(p.GetEditedMessage()), true
		}
	}
	c := bodyOf(m)
	if edit {
		c.kind = engine.KindEdit
	}
	return c
}

func bodyOf(m *waE2E.Message) content {
	switch {
	case m.GetConversation() != "":
		return content{kind: engine.KindText, text: m.GetConversation()}
	case m.GetExtendedTextMessage() != nil:
		return content{kind: engine.KindText, text: m.GetExtendedTextMessage().GetText()}
	case m.GetImageMessage() != nil:
		return content{engine.KindImage, m.GetImageMessage().GetCaption(), true}
	case m.GetVideoMessage() != nil:
		return content{engine.KindVideo, m.GetVideoMessage().GetCaption(), true}
	case m.GetPtvMessage() != nil: // a video note is a video without a caption
		return content{engine.KindVideo, m.GetPtvMessage().GetCaption(), true}
	case m.GetAudioMessage() != nil:
		if m.GetAudioMessage().GetPTT() {
			return content{kind: engine.KindVoice, media: true}
		}
		return content{kind: engine.KindAudio, media: true}
	case m.GetDocumentMessage() != nil:
		return content{engine.KindDocument, m.GetDocumentMessage().GetCaption(), true}
	case m.GetStickerMessage() != nil:
		return content{kind: engine.KindSticker, media: true}
	}
	return cardOf(m)
}

// cardOf reads the kinds that refer to nothing that could be downloaded.
func cardOf(m *waE2E.Message) content {
	switch {
	case m.GetLocationMessage() != nil:
		l := m.GetLocationMessage()
		return content{kind: engine.KindLocation, text: firstOf(l.GetComment(), l.GetName())}
	case m.GetLiveLocationMessage() != nil:
		return content{kind: engine.KindLocation, text: m.GetLiveLocationMessage().GetCaption()}
	case m.GetContactMessage() != nil:
		return content{kind: engine.KindContact, text: m.GetContactMessage().GetDisplayName()}
	case m.GetContactsArrayMessage() != nil:
		return content{kind: engine.KindContact, text: m.GetContactsArrayMessage().GetDisplayName()}
	case m.GetPollCreationMessage() != nil:
		return content{kind: engine.KindPoll, text: m.GetPollCreationMessage().GetName()}
	case m.GetPollCreationMessageV2() != nil:
		return content{kind: engine.KindPoll, text: m.GetPollCreationMessageV2().GetName()}
	case m.GetPollCreationMessageV3() != nil:
		return content{kind: engine.KindPoll, text: m.GetPollCreationMessageV3().GetName()}
	case m.GetPollUpdateMessage() != nil:
		return content{kind: engine.KindPollVote}
	case m.GetReactionMessage() != nil:
		return content{kind: engine.KindReaction, text: m.GetReactionMessage().GetText()}
	case m.GetEncReactionMessage() != nil:
		return content{kind: engine.KindReaction}
	}
	return content{kind: engine.KindUnsupported}
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// maxWrappers bounds how deep envelopes may be nested; real ones are two deep.
const maxWrappers = 8

// unwrap opens every envelope around a message: sent by another own device,
// disappearing, viewed once, with a caption, edited.
func unwrap(m *waE2E.Message) *waE2E.Message {
	for range maxWrappers {
		inner := m.GetDeviceSentMessage().GetMessage()
		for _, envelope := range []*waE2E.FutureProofMessage{
			m.GetEphemeralMessage(), m.GetViewOnceMessage(), m.GetViewOnceMessageV2(), m.GetViewOnceMessageV2Extension(),
			m.GetDocumentWithCaptionMessage(), m.GetLottieStickerMessage(), m.GetEditedMessage(), m.GetBotInvokeMessage(),
			m.GetGroupMentionedMessage(), m.GetPollCreationMessageV4(),
		} {
			if envelope.GetMessage() != nil {
				inner = envelope.GetMessage()
			}
		}
		if inner == nil {
			return m
		}
		m = inner
	}
	return m
}
