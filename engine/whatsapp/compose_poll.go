package whatsapp

import (
	"crypto/hkdf"
	"crypto/sha256"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"wapid/engine"
)

// maxPollOptions is how many options the apps allow.
const maxPollOptions = 12

// composePoll asks a question. It travels in the field that holds every poll, as
// whatsmeow's BuildPollCreation sends it. Baileys puts a poll with one choice into
// the third version of the field, which whatsmeow would send as a stanza of type
// text without its poll type; recipients read the number of choices from either.
func composePoll(m engine.Outgoing, s setting) (*waE2E.Message, error) {
	p := m.Poll
	if p == nil || p.Question == "" {
		return nil, engine.Errorf(engine.CodeInvalid, "a poll needs a question")
	}
	if len(p.Options) < 2 || len(p.Options) > maxPollOptions {
		return nil, engine.Errorf(engine.CodeInvalid, "a poll needs 2 to %d options", maxPollOptions)
	}
	if p.Selectable < 0 || p.Selectable > len(p.Options) {
		return nil, engine.Errorf(engine.CodeInvalid, "selectableCount must be between 0 and the number of options")
	}
	if len(s.secret) != 32 {
		return nil, engine.Errorf(engine.CodeInternal, "a poll needs a secret of 32 bytes")
	}
	poll := &waE2E.PollCreationMessage{
		Name:                   proto.String(p.Question),
		SelectableOptionsCount: count(p.Selectable),
	}
	seen := make(map[string]bool)
	for _, option := range p.Options {
		if option == "" || seen[option] { // a vote names an option by the hash of its text
			return nil, engine.Errorf(engine.CodeInvalid, "the options of a poll must differ and can't be empty")
		}
		seen[option] = true
		poll.Options = append(poll.Options, &waE2E.PollCreationMessage_Option{OptionName: proto.String(option)})
	}
	return &waE2E.Message{
		PollCreationMessage: poll,
		MessageContextInfo:  &waE2E.MessageContextInfo{MessageSecret: s.secret},
	}, nil
}

// messageSecret derives the secret of a message from the device's own key. It is
// the same whenever the message is sent again under its id, and nobody else can
// know it before the message tells.
func messageSecret(key []byte, id engine.MessageID) ([]byte, error) {
	secret, err := hkdf.Key(sha256.New, key, nil, "wapid message secret "+string(id), 32)
	if err != nil {
		return nil, engine.WrapError(engine.CodeInternal, err, "no secret could be made for the message")
	}
	return secret, nil
}
