package whatsapp

import (
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"wapid/engine"
)

// composeMessage builds what is encrypted for the recipient. It returns
// CodeNotSupported for kinds that this network can't send.
func composeMessage(m engine.Outgoing) (*waE2E.Message, error) {
	switch m.Kind {
	case engine.KindText:
		return composeText(m.Text), nil
	default:
		return nil, engine.Errorf(engine.CodeNotSupported, "messages of kind %q can't be sent", m.Kind)
	}
}

// composeText is a plain text without preview, quote or mention.
func composeText(text string) *waE2E.Message {
	return &waE2E.Message{Conversation: proto.String(text)}
}
