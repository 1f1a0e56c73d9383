package whatsapp

import (
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"wapid/engine"
)

// composeMedia describes an uploaded file.
func composeMedia(m engine.Outgoing, s setting) (*waE2E.Message, error) {
	a := m.Attachment
	if a == nil {
		return nil, engine.Errorf(engine.CodeInvalid, "a message of kind %q needs a file", m.Kind)
	}
	ref, err := readMediaRef(a.Upload, m.Kind, s.chat.Server == types.NewsletterServer)
	if err != nil {
		return nil, err
	}
	if m.Text != "" && m.Kind == engine.KindSticker { // audio shows none: the log keeps it
		return nil, engine.Errorf(engine.CodeInvalid, "a message of kind %q has no caption", m.Kind)
	}
	switch m.Kind {
	case engine.KindImage:
		return &waE2E.Message{ImageMessage: imageOf(m, ref)}, nil
	case engine.KindVideo:
		return &waE2E.Message{VideoMessage: videoOf(m, ref)}, nil
	case engine.KindAudio, engine.KindVoice:
		return &waE2E.Message{AudioMessage: audioOf(m, ref)}, nil
	case engine.KindDocument:
		return &waE2E.Message{DocumentMessage: documentOf(m, ref)}, nil
	}
	return &waE2E.Message{StickerMessage: stickerOf(m, ref)}, nil
}

// mimeOf is the type that is told to the recipient, or what clients expect of the kind.
func mimeOf(a *engine.Attachment, usual string) *string {
	if a.MIME != "" {
		return proto.String(a.MIME)
	}
	return proto.String(usual)
}

// pixels leaves out a size that is not known.
func pixels(n int) *uint32 {
	if n <= 0 {
		return nil
	}
	return count(n)
}

// seconds rounds up: what lasts at all lasts for a second.
func seconds(d time.Duration) *uint32 { return count(int64((d + time.Second - 1) / time.Second)) }

func (r mediaRef) keyTimestamp() *int64 {
	if len(r.Key) == 0 {
		return nil
	}
	return proto.Int64(r.At)
}

func imageOf(m engine.Outgoing, r mediaRef) *waE2E.ImageMessage {
	a := m.Attachment
	return &waE2E.ImageMessage{
		URL: optional(r.URL), DirectPath: optional(r.DirectPath), MediaKey: r.Key, MediaKeyTimestamp: r.keyTimestamp(),
		FileSHA256: r.SHA256, FileEncSHA256: r.EncSHA256, FileLength: proto.Uint64(r.Length),
		Mimetype: mimeOf(a, "image/jpeg"), Caption: optional(m.Text),
		Width: pixels(a.Width), Height: pixels(a.Height), JPEGThumbnail: a.Thumbnail,
	}
}

func videoOf(m engine.Outgoing, r mediaRef) *waE2E.VideoMessage {
	a := m.Attachment
	return &waE2E.VideoMessage{
		URL: optional(r.URL), DirectPath: optional(r.DirectPath), MediaKey: r.Key, MediaKeyTimestamp: r.keyTimestamp(),
		FileSHA256: r.SHA256, FileEncSHA256: r.EncSHA256, FileLength: proto.Uint64(r.Length),
		Mimetype: mimeOf(a, "video/mp4"), Caption: optional(m.Text), Seconds: seconds(a.Duration),
		Width: pixels(a.Width), Height: pixels(a.Height), JPEGThumbnail: a.Thumbnail,
	}
}

// audioOf describes music, or with the kind voice a note that is played with a
// microphone's picture.
func audioOf(m engine.Outgoing, r mediaRef) *waE2E.AudioMessage {
	a := m.Attachment
	audio := &waE2E.AudioMessage{
		URL: optional(r.URL), DirectPath: optional(r.DirectPath), MediaKey: r.Key, MediaKeyTimestamp: r.keyTimestamp(),
		FileSHA256: r.SHA256, FileEncSHA256: r.EncSHA256, FileLength: proto.Uint64(r.Length),
		Mimetype: mimeOf(a, "audio/mpeg"), Seconds: seconds(a.Duration), PTT: proto.Bool(m.Kind == engine.KindVoice),
	}
	if m.Kind == engine.KindVoice {
		audio.Mimetype = mimeOf(a, "audio/ogg; codecs=opus")
	}
	return audio
}

func documentOf(m engine.Outgoing, r mediaRef) *waE2E.DocumentMessage {
	a := m.Attachment
	name := a.FileName
	if name == "" {
		name = "file" // clients show nothing else of a document (Baileys does the same)
	}
	return &waE2E.DocumentMessage{
		URL: optional(r.URL), DirectPath: optional(r.DirectPath), MediaKey: r.Key, MediaKeyTimestamp: r.keyTimestamp(),
		FileSHA256: r.SHA256, FileEncSHA256: r.EncSHA256, FileLength: proto.Uint64(r.Length),
		Mimetype: mimeOf(a, "application/octet-stream"), Caption: optional(m.Text),
		FileName: proto.String(name), Title: proto.String(name), JPEGThumbnail: a.Thumbnail,
	}
}

func stickerOf(m engine.Outgoing, r mediaRef) *waE2E.StickerMessage {
	a := m.Attachment
	return &waE2E.StickerMessage{
		URL: optional(r.URL), DirectPath: optional(r.DirectPath), MediaKey: r.Key, MediaKeyTimestamp: r.keyTimestamp(),
		FileSHA256: r.SHA256, FileEncSHA256: r.EncSHA256, FileLength: proto.Uint64(r.Length),
		Mimetype: mimeOf(a, "image/webp"), Width: pixels(a.Width), Height: pixels(a.Height),
		IsAnimated: proto.Bool(r.Animated), StickerSentTS: proto.Int64(r.At * 1000),
	}
}

// captioned wraps a document that has a caption: clients that know no captions
// would show it without one (source: whatsmeow and Baileys unwrap it).
func captioned(message *waE2E.Message) *waE2E.Message {
	secret := message.MessageContextInfo
	message.MessageContextInfo = nil
	return &waE2E.Message{
		DocumentWithCaptionMessage: &waE2E.FutureProofMessage{Message: message},
		MessageContextInfo:         secret,
	}
}

// viewedOnce marks an image, a video or a voice note that may be opened once, and
// wraps it as today's clients do: voice notes in an envelope of their own
// (source: the envelopes that whatsmeow and Baileys open; Baileys sends the
// oldest). The small picture stays away: it would show what is to be seen once.
func viewedOnce(message *waE2E.Message) (*waE2E.Message, error) {
	envelope := &waE2E.FutureProofMessage{Message: message}
	switch {
	case message.ImageMessage != nil:
		message.ImageMessage.ViewOnce = proto.Bool(true)
		message.ImageMessage.JPEGThumbnail = nil
	case message.VideoMessage != nil:
		message.VideoMessage.ViewOnce = proto.Bool(true)
		message.VideoMessage.JPEGThumbnail = nil
	case message.AudioMessage.GetPTT():
		message.AudioMessage.ViewOnce = proto.Bool(true)
		return &waE2E.Message{ViewOnceMessageV2Extension: envelope}, nil
	default:
		return nil, engine.Errorf(engine.CodeInvalid, "only images, videos and voice notes can be sent to be viewed once")
	}
	return &waE2E.Message{ViewOnceMessageV2: envelope}, nil
}
