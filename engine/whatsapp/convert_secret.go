package whatsapp

import (
	"errors"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"wapid/engine"
)

// secretIV is how long the nonce of something that is encrypted under a message's
// secret has to be; whatsmeow panics at any other.
const secretIV = 12

// reveal decrypts what is encrypted once more, under the secret of the message
// that it is about: votes, and in communities reactions and edits. whatsmeow keeps
// the secrets. What can't be decrypted, because that message never came here,
// stays as it is; an error is one of the device store.
func (l *link) reveal(evt *events.Message) (shown *events.Message, vote *waE2E.PollVoteMessage, err error) {
	inner := unwrap(evt.Message)
	sealed := *evt
	sealed.Message = inner
	switch {
	case len(inner.GetPollUpdateMessage().GetVote().GetEncIV()) == secretIV:
		err = l.inEitherName(&sealed, func() (err error) {
			vote, err = l.client.DecryptPollVote(l.ctx, &sealed)
			return err
		})
	case len(inner.GetEncReactionMessage().GetEncIV()) == secretIV:
		var reaction *waE2E.ReactionMessage
		err = l.inEitherName(&sealed, func() (err error) {
			reaction, err = l.client.DecryptReaction(l.ctx, &sealed)
			return err
		})
		if reaction != nil {
			reaction.Key = inner.GetEncReactionMessage().GetTargetMessageKey()
			evt = replaced(evt, &waE2E.Message{ReactionMessage: reaction})
		}
	case len(inner.GetSecretEncryptedMessage().GetEncIV()) == secretIV &&
		inner.GetSecretEncryptedMessage().GetSecretEncType() == waE2E.SecretEncryptedMessage_MESSAGE_EDIT:
		var content *waE2E.Message
		err = l.inEitherName(&sealed, func() (err error) {
			content, err = l.client.DecryptSecretEncryptedMessage(l.ctx, &sealed)
			return err
		})
		if content != nil {
			evt = replaced(evt, asEdit(inner.GetSecretEncryptedMessage(), content))
		}
	}
	if failed, ok := errors.AsType[*databaseError](err); ok {
		return evt, nil, failed
	}
	return evt, vote, nil
}

// inEitherName tries a decryption with either address of the sender: the key
// depends on the one that the sender's client goes by.
func (l *link) inEitherName(evt *events.Message, decrypt func() error) error {
	err := decrypt()
	if _, failed := errors.AsType[*databaseError](err); err == nil || failed {
		return err
	}
	sender, other := evt.Info.Sender, evt.Info.SenderAlt
	if other.IsEmpty() {
		p, err := l.person(sender)
		if err != nil {
			return err
		}
		other = otherAddress(p, sender)
	}
	if other.User == "" {
		return err
	}
	evt.Info.Sender = other
	return decrypt()
}

// asEdit puts a decrypted edit into the form that others have. Assumed: that the
// content is the new message, or has that form already.
func asEdit(sealed *waE2E.SecretEncryptedMessage, content *waE2E.Message) *waE2E.Message {
	if unwrap(content).GetProtocolMessage().GetType() == waE2E.ProtocolMessage_MESSAGE_EDIT && unwrap(content).GetProtocolMessage() != nil {
		return content
	}
	return &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{
		Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), Key: sealed.GetTargetMessageKey(), EditedMessage: content,
	}}
}

// replaced is an event with another message in it.
func replaced(evt *events.Message, m *waE2E.Message) *events.Message {
	shown := *evt
	shown.Message = m
	return &shown
}

// otherAddress is the address of a person that is not the given one.
func otherAddress(p engine.Person, one types.JID) types.JID {
	if one.Server == types.HiddenUserServer {
		return types.NewJID(p.Phone.User(), types.DefaultUserServer)
	}
	return types.NewJID(p.LID.User(), types.HiddenUserServer)
}
