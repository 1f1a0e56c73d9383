package simnet

import (
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// traits is what the stanza around a ciphertext reveals about its content.
// Clients set it from the plaintext, and the network routes by it (source:
// whatsmeow send.go; the values are what whatsmeow itself sends).
type traits struct {
	kind  string // Attribute type of <message>: text, media, poll or reaction.
	media string // Attribute mediatype of <enc>, empty for none.
	edit  string // Attribute edit of <message>: 1 edit, 2 pin, 7 sender revoke, 8 admin revoke; empty for none.
	hide  bool   // Whether <enc> has decrypt-fail=hide: no placeholder when it can't be read.
	poll  string // Attribute polltype of <meta>: creation or vote; empty for none.
}

func traitsOf(msg *waE2E.Message) traits {
	out := traits{kind: "text", edit: editOf(msg)}
	inner := unwrapped(msg)
	switch {
	case inner.ReactionMessage != nil, inner.EncReactionMessage != nil:
		out.kind = "reaction"
	case inner.PollUpdateMessage != nil:
		out.kind, out.poll = "poll", "vote"
	case pollOf(inner) != nil:
		out.kind, out.poll = "poll", "creation"
	default:
		if out.media = mediaTypeOf(inner); out.media != "" {
			out.kind = "media"
		}
	}
	out.hide = out.edit != "" || out.kind == "reaction" || out.poll == "vote"
	return out
}

func mediaTypeOf(msg *waE2E.Message) string {
	switch {
	case msg.ExtendedTextMessage.GetTitle() != "":
		return "url"
	case msg.ImageMessage != nil:
		return "image"
	case msg.StickerMessage != nil:
		return "sticker"
	case msg.DocumentMessage != nil:
		return "document"
	case msg.AudioMessage.GetPTT():
		return "ptt"
	case msg.AudioMessage != nil:
		return "audio"
	case msg.VideoMessage.GetGifPlayback():
		return "gif"
	case msg.VideoMessage != nil:
		return "video"
	case msg.ContactMessage != nil:
		return "vcard"
	case msg.ContactsArrayMessage != nil:
		return "contact_array"
	case msg.LocationMessage != nil:
		return "location" // Assumed: whatsmeow and Baileys send none.
	case msg.LiveLocationMessage != nil:
		return "livelocation" // Source: Baileys' getMediaType.
	}
	return ""
}

func editOf(msg *waE2E.Message) string {
	msg = unwrapped(msg)
	change := msg.GetProtocolMessage()
	switch {
	case change.GetKey() != nil && change.GetType() == waE2E.ProtocolMessage_REVOKE:
		if change.GetKey().GetFromMe() {
			return "7"
		}
		return "8"
	case change.GetKey() != nil && change.GetType() == waE2E.ProtocolMessage_MESSAGE_EDIT:
		return "1"
	case msg.ReactionMessage != nil && msg.ReactionMessage.GetText() == "":
		return "7"
	case msg.PinInChatMessage != nil:
		return "2"
	}
	return ""
}

// unwrapped takes a message out of the wrappers around it: device-sent copies,
// disappearing, view-once, captioned documents and edits. It never returns nil.
func unwrapped(msg *waE2E.Message) *waE2E.Message {
	for {
		inner := msg.GetDeviceSentMessage().GetMessage()
		msg.ProtoReflect().Range(func(_ protoreflect.FieldDescriptor, value protoreflect.Value) bool {
			if message, ok := value.Interface().(protoreflect.Message); ok {
				if wrapper, ok := message.Interface().(*waE2E.FutureProofMessage); ok && wrapper.Message != nil {
					inner = wrapper.Message
					return false
				}
			}
			return true
		})
		if inner == nil {
			break
		}
		msg = inner
	}
	if msg == nil {
		return &waE2E.Message{}
	}
	return msg
}

// textOf is the text that a reader sees: body, caption, question, emoji or
// name. An edit gives its new text.
func textOf(msg *waE2E.Message) string {
	msg = unwrapped(msg)
	if edited := msg.GetProtocolMessage().GetEditedMessage(); edited != nil {
		return textOf(edited)
	}
	for _, text := range []string{
		msg.GetConversation(), msg.GetExtendedTextMessage().GetText(),
		msg.GetImageMessage().GetCaption(), msg.GetVideoMessage().GetCaption(), msg.GetDocumentMessage().GetCaption(),
		msg.GetReactionMessage().GetText(), pollOf(msg).GetName(),
		msg.GetLocationMessage().GetName(), msg.GetLiveLocationMessage().GetCaption(),
		msg.GetContactMessage().GetDisplayName(), msg.GetContactsArrayMessage().GetDisplayName(),
	} {
		if text != "" {
			return text
		}
	}
	return ""
}
