package whatsapp

import (
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"wapid/engine"
)

// maxKeptThumbnail is the largest picture that is kept with a message, in bytes.
// A reply shows it; the apps' own are mostly smaller.
const maxKeptThumbnail = 4 << 10

// payloadOf is what the log keeps of a message: its content without envelopes,
// with the secret that votes on it are encrypted under, and without what it
// quotes itself.
func payloadOf(message *waE2E.Message) ([]byte, error) {
	content := unwrap(message)
	if content == nil {
		return nil, nil
	}
	secret := message.GetMessageContextInfo().GetMessageSecret()
	if len(secret) == 0 && isBareText(content) {
		return marshaled(content)
	}
	content = proto.CloneOf(content)
	if content.MessageContextInfo == nil && len(secret) > 0 {
		content.MessageContextInfo = &waE2E.MessageContextInfo{MessageSecret: secret}
	}
	content.SenderKeyDistributionMessage = nil
	putContext(content, nil)
	lighten(content)
	return marshaled(content)
}

// isBareText tells what holds a text and nothing else, as most messages do: it needs
// no copy that is made lighter.
func isBareText(m *waE2E.Message) bool {
	return m.Conversation != nil &&
		proto.Size(m) == protowire.SizeTag(bareText)+protowire.SizeBytes(len(m.GetConversation()))
}

// bareText is the number of the field Conversation.
const bareText = 1

func marshaled(content *waE2E.Message) ([]byte, error) {
	raw, err := proto.Marshal(content)
	if err != nil {
		return nil, engine.WrapError(engine.CodeInternal, err, "the message can't be written down")
	}
	return raw, nil
}

// lighten drops large pictures.
func lighten(m *waE2E.Message) {
	keep := func(picture []byte) []byte {
		if len(picture) > maxKeptThumbnail {
			return nil
		}
		return picture
	}
	if c := m.ExtendedTextMessage; c != nil {
		c.JPEGThumbnail = keep(c.JPEGThumbnail)
	}
	if c := m.ImageMessage; c != nil {
		c.JPEGThumbnail = keep(c.JPEGThumbnail)
	}
	if c := m.VideoMessage; c != nil {
		c.JPEGThumbnail = keep(c.JPEGThumbnail)
	}
	if c := m.DocumentMessage; c != nil {
		c.JPEGThumbnail = keep(c.JPEGThumbnail)
	}
	if c := m.StickerMessage; c != nil {
		c.PngThumbnail = keep(c.PngThumbnail)
	}
	if c := m.LocationMessage; c != nil {
		c.JPEGThumbnail = keep(c.JPEGThumbnail)
	}
}
