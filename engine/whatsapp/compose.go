package whatsapp

import (
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"wapid/engine"
)

// setting is what composing has to know beside the message itself: where it goes,
// and how people are addressed there. compose_setting.go finds it out.
type setting struct {
	chat types.JID // in the form in which the stanza will be addressed
	own  engine.Person
	// peer is who is written to, as far as known; nobody in groups and channels.
	peer engine.Person
	// byLID tells that people go by their LIDs in this chat, not by their numbers.
	byLID bool
	// people are those whom the message names, with both addresses where known, by
	// each address that they were named under.
	people map[engine.JID]engine.Person
	now    time.Time
	// secret is what votes on a poll of this id are encrypted under; 32 bytes. The
	// same message composed again has the same one: a device keeps the first copy.
	secret []byte
}

// composeMessage builds what is encrypted for the recipient. It returns
// CodeNotSupported for what this network can't send, or not to such a chat, and
// CodeInvalid for what no client would show.
func composeMessage(m engine.Outgoing, s setting) (*waE2E.Message, error) {
	if err := checkStrings(m); err != nil {
		return nil, err
	}
	if s.chat.Server == types.NewsletterServer {
		if err := checkChannel(m); err != nil {
			return nil, err
		}
	}
	m.Text = s.withMentions(m.Text, m.Mentions)
	var message *waE2E.Message
	var err error
	switch m.Kind {
	case engine.KindReaction:
		return composeReaction(m, s)
	case engine.KindEdit:
		return composeEdit(m, s)
	case engine.KindRevoke:
		return composeRevoke(m, s)
	case engine.KindText:
		if m.Choices != nil && m.Choices.Form == engine.InteractiveNative {
			message, err = composeNative(m)
		} else {
			message, err = composeText(m)
		}
	case engine.KindImage, engine.KindVideo, engine.KindAudio, engine.KindVoice, engine.KindDocument, engine.KindSticker:
		message, err = composeMedia(m, s)
	case engine.KindLocation:
		message, err = composeLocation(m)
	case engine.KindContact:
		message, err = composeContacts(m)
	case engine.KindPoll:
		message, err = composePoll(m, s)
	default:
		return nil, engine.Errorf(engine.CodeNotSupported, "messages of kind %q can't be sent", m.Kind)
	}
	if err != nil {
		return nil, err
	}
	if message, err = withContext(message, m, s); err != nil {
		return nil, err
	}
	return enveloped(message, m)
}

// enveloped puts a message into the envelope that its kind travels in.
func enveloped(message *waE2E.Message, m engine.Outgoing) (*waE2E.Message, error) {
	switch {
	case m.ViewOnce:
		return viewedOnce(message)
	case message.DocumentMessage.GetCaption() != "":
		return captioned(message), nil
	}
	return message, nil
}

// optional leaves out a field that says nothing.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// count is a number that a field holds 32 bits for; negative ones become 0.
func count[N int | int64](n N) *uint32 {
	return proto.Uint32(uint32(max(0, min(int64(n), 1<<32-1))))
}
