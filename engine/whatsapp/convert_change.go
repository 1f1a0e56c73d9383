package whatsapp

import (
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
)

// change is what a message does to another one.
type change struct {
	edit, revoke *engine.TargetInfo
	reaction     *engine.Reaction
	vote         *engine.Vote
	content      *waE2E.Message // what an edit puts in place
}

// changeOf reads what a message does to another one. The keys in it are from the
// sender's point of view: fromMe is the sender.
func (c converter) changeOf(m *waE2E.Message, group bool) (change, error) {
	switch {
	case m.GetProtocolMessage() != nil:
		p := m.GetProtocolMessage()
		switch target := targetOf(p.GetKey()); p.GetType() {
		case waE2E.ProtocolMessage_REVOKE:
			if group && !p.GetKey().GetFromMe() { // an admin takes back what somebody else wrote
				var err error
				if target.From, err = c.address(p.GetKey().GetParticipant()); err != nil {
					return change{}, err
				}
			}
			return change{revoke: target}, nil
		case waE2E.ProtocolMessage_MESSAGE_EDIT:
			return change{edit: target, content: unwrap(p.GetEditedMessage())}, nil
		}
	case m.GetReactionMessage() != nil:
		r := m.GetReactionMessage()
		return change{reaction: &engine.Reaction{
			MessageID: engine.MessageID(r.GetKey().GetID()), Emoji: r.GetText(), FromMe: c.ours(r.GetKey(), group),
		}}, nil
	case m.GetEncReactionMessage() != nil: // one that could not be decrypted
		return change{}, nil
	case m.GetPollUpdateMessage() != nil:
		key := m.GetPollUpdateMessage().GetPollCreationMessageKey()
		return change{vote: &engine.Vote{MessageID: engine.MessageID(key.GetID()), Options: []string{}}}, nil
	}
	return change{}, nil
}

func targetOf(key *waCommon.MessageKey) *engine.TargetInfo {
	return &engine.TargetInfo{MessageID: engine.MessageID(key.GetID())}
}

// ours tells whether a key that somebody else sends names a message of the
// account's own.
func (c converter) ours(key *waCommon.MessageKey, group bool) bool {
	if key.GetFromMe() {
		return false
	}
	if !group {
		return true
	}
	jid, err := types.ParseJID(key.GetParticipant())
	if err != nil {
		return false
	}
	return c.isOwn(personOf(jid))
}

// apply says in a message what it does to another one. wrapped tells that it came
// in the envelope of an edit.
func (ch change) apply(in *engine.Incoming, wrapped bool) {
	kind := in.Kind
	switch {
	case ch.revoke != nil:
		in.Kind, in.Details.Revoke = engine.KindRevoke, ch.revoke
	case ch.edit != nil || wrapped:
		in.Kind, in.Details.Edit = engine.KindEdit, ch.edit
	case ch.reaction != nil:
		in.Kind, in.Text, in.Details.Reaction = engine.KindReaction, ch.reaction.Emoji, ch.reaction
	case ch.vote != nil:
		in.Kind, in.Details.Vote = engine.KindPollVote, ch.vote
	}
	if kind == engine.KindUnsupported && in.Kind != engine.KindEdit && in.Kind != engine.KindUnsupported {
		in.Details.Unsupported = "" // it is a change, and as such it was read
	}
}
