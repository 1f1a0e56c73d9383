package whatsapp

import (
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"wapid/engine"
)

// composeText is a plain text, or an extended one if a link's preview goes with
// it. It becomes an extended one too as soon as it has a context.
func composeText(m engine.Outgoing) (*waE2E.Message, error) {
	if m.Text == "" {
		return nil, engine.Errorf(engine.CodeInvalid, "a text message needs a text")
	}
	p := m.Preview
	if p == nil {
		return &waE2E.Message{Conversation: proto.String(m.Text)}, nil
	}
	if p.URL == "" || !strings.Contains(m.Text, p.URL) {
		return nil, engine.Errorf(engine.CodeInvalid, "a link preview needs a link that stands in the text")
	}
	return &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{
		Text:        proto.String(m.Text),
		MatchedText: proto.String(p.URL),
		// whatsmeow tells from the title that the stanza's type is "url".
		Title:         proto.String(p.Title),
		Description:   optional(p.Description),
		PreviewType:   waE2E.ExtendedTextMessage_NONE.Enum(), // a link; VIDEO has a play button
		JPEGThumbnail: p.Thumbnail,
	}}, nil
}
