package simnet

import (
	"bytes"
	"fmt"
	"image"
	_ "image/gif" // Decodes the size of GIF pictures.
	"image/jpeg"  // Decodes JPEG pictures and writes thumbnails.
	_ "image/png" // Decodes the size of PNG pictures.
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"
)

// MediaKind names what a file is sent as.
type MediaKind string

// The kinds of media that a phone can send.
const (
	MediaImage    MediaKind = "image"
	MediaVideo    MediaKind = "video"
	MediaAudio    MediaKind = "audio"
	MediaDocument MediaKind = "document"
	MediaSticker  MediaKind = "sticker"

	// Files that only phones and companions of one account exchange.
	mediaHistory  MediaKind = "history"
	mediaAppState MediaKind = "app-state"
)

// thumbnailEdge is the longest edge of a thumbnail, in pixels. Assumed: phones
// use about this size.
const thumbnailEdge = 72

// Media is a file to send. Caption belongs to images, videos and documents,
// FileName to documents, Voice to audio (a voice note), GIF to videos (played
// in a loop), Animated to stickers. Duration is for audio and video, ViewOnce
// for images, videos and voice notes.
type Media struct {
	Kind     MediaKind
	Data     []byte
	MIME     string // Empty chooses what phones use for the kind.
	Caption  string
	FileName string
	Voice    bool
	GIF      bool
	Animated bool
	ViewOnce bool
	Duration time.Duration
}

// storedMedia is a file after its upload.
type storedMedia struct {
	sealedMedia
	url        string // https, with host.
	directPath string // Path and query, with which a reader finds it on any host.
	at         time.Time
}

// mediaMessage describes an uploaded file. It fails for an unknown kind and for
// one that can't be sent to be viewed once.
func mediaMessage(m Media, at storedMedia) (*waE2E.Message, error) {
	msg, err := mediaContent(m, at)
	if err != nil || !m.ViewOnce {
		return msg, err
	}
	if m.Kind != MediaImage && m.Kind != MediaVideo && m.Kind != MediaAudio {
		return nil, fmt.Errorf("a %s can't be sent to be viewed once", m.Kind)
	}
	return viewOnce(msg), nil
}

func mediaContent(m Media, at storedMedia) (*waE2E.Message, error) {
	mime := m.MIME
	if mime == "" {
		mime = defaultMIME(m)
	}
	switch m.Kind {
	case MediaImage:
		return &waE2E.Message{ImageMessage: imageContent(m, at, mime)}, nil
	case MediaVideo:
		return &waE2E.Message{VideoMessage: videoContent(m, at, mime)}, nil
	case MediaAudio:
		return &waE2E.Message{AudioMessage: audioContent(m, at, mime)}, nil
	case MediaSticker:
		return &waE2E.Message{StickerMessage: stickerContent(m, at, mime)}, nil
	case MediaDocument:
		msg := &waE2E.Message{DocumentMessage: documentContent(m, at, mime)}
		if m.Caption != "" { // Phones wrap a document once it has a caption.
			msg = &waE2E.Message{DocumentWithCaptionMessage: &waE2E.FutureProofMessage{Message: msg}}
		}
		return msg, nil
	}
	return nil, fmt.Errorf("unknown kind of media %q", m.Kind)
}

func defaultMIME(m Media) string {
	switch m.Kind {
	case MediaImage:
		return "image/jpeg"
	case MediaVideo:
		return "video/mp4"
	case MediaSticker:
		return "image/webp"
	case MediaAudio:
		if m.Voice {
			return "audio/ogg; codecs=opus"
		}
		return "audio/mpeg"
	}
	return "application/octet-stream"
}

// orNil leaves a field out when there is nothing to say in it.
func orNil(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func imageContent(m Media, at storedMedia, mime string) *waE2E.ImageMessage {
	content := &waE2E.ImageMessage{
		URL: orNil(at.url), DirectPath: orNil(at.directPath), MediaKeyTimestamp: proto.Int64(at.at.Unix()),
		MediaKey: at.key, FileSHA256: at.plainHash, FileEncSHA256: at.bodyHash, FileLength: proto.Uint64(at.length),
		Mimetype: proto.String(mime), Caption: orNil(m.Caption),
	}
	if picture, _, err := image.Decode(bytes.NewReader(m.Data)); err == nil {
		size := picture.Bounds().Size()
		content.Width, content.Height = proto.Uint32(uint32(size.X)), proto.Uint32(uint32(size.Y))
		content.JPEGThumbnail = thumbnail(picture)
	}
	return content
}

func videoContent(m Media, at storedMedia, mime string) *waE2E.VideoMessage {
	content := &waE2E.VideoMessage{
		URL: orNil(at.url), DirectPath: orNil(at.directPath), MediaKeyTimestamp: proto.Int64(at.at.Unix()),
		MediaKey: at.key, FileSHA256: at.plainHash, FileEncSHA256: at.bodyHash, FileLength: proto.Uint64(at.length),
		Mimetype: proto.String(mime), Caption: orNil(m.Caption),
		Seconds: proto.Uint32(uint32(m.Duration / time.Second)),
	}
	if m.GIF {
		content.GifPlayback = proto.Bool(true)
	}
	return content
}

func audioContent(m Media, at storedMedia, mime string) *waE2E.AudioMessage {
	content := &waE2E.AudioMessage{
		URL: orNil(at.url), DirectPath: orNil(at.directPath), MediaKeyTimestamp: proto.Int64(at.at.Unix()),
		MediaKey: at.key, FileSHA256: at.plainHash, FileEncSHA256: at.bodyHash, FileLength: proto.Uint64(at.length),
		Mimetype: proto.String(mime), PTT: proto.Bool(m.Voice),
		Seconds: proto.Uint32(uint32(m.Duration / time.Second)),
	}
	if m.Voice {
		content.Waveform = waveform(m.Data)
	}
	return content
}

func documentContent(m Media, at storedMedia, mime string) *waE2E.DocumentMessage {
	return &waE2E.DocumentMessage{
		URL: orNil(at.url), DirectPath: orNil(at.directPath), MediaKeyTimestamp: proto.Int64(at.at.Unix()),
		MediaKey: at.key, FileSHA256: at.plainHash, FileEncSHA256: at.bodyHash, FileLength: proto.Uint64(at.length),
		Mimetype: proto.String(mime), Caption: orNil(m.Caption),
		FileName: orNil(m.FileName), Title: orNil(m.FileName),
	}
}

func stickerContent(m Media, at storedMedia, mime string) *waE2E.StickerMessage {
	return &waE2E.StickerMessage{
		URL: orNil(at.url), DirectPath: orNil(at.directPath), MediaKeyTimestamp: proto.Int64(at.at.Unix()),
		MediaKey: at.key, FileSHA256: at.plainHash, FileEncSHA256: at.bodyHash, FileLength: proto.Uint64(at.length),
		Mimetype: proto.String(mime), IsAnimated: proto.Bool(m.Animated),
		Width: proto.Uint32(512), Height: proto.Uint32(512), // The only size that WhatsApp allows.
		StickerSentTS: proto.Int64(at.at.UnixMilli()),
	}
}

// thumbnail is a small JPEG of a picture, scaled without smoothing.
func thumbnail(picture image.Image) []byte {
	from := picture.Bounds()
	longest := max(from.Dx(), from.Dy())
	if longest == 0 {
		return nil
	}
	scaled := func(edge int) int { return max(1, edge*min(thumbnailEdge, longest)/longest) }
	small := image.NewRGBA(image.Rect(0, 0, scaled(from.Dx()), scaled(from.Dy())))
	for y := range small.Rect.Dy() {
		for x := range small.Rect.Dx() {
			small.Set(x, y, picture.At(from.Min.X+x*from.Dx()/small.Rect.Dx(), from.Min.Y+y*from.Dy()/small.Rect.Dy()))
		}
	}
	var out bytes.Buffer
	if jpeg.Encode(&out, small, &jpeg.Options{Quality: 60}) != nil {
		return nil
	}
	return out.Bytes()
}

// waveform is the 64 loudness values, 0 to 100, that phones draw for a voice
// note. They are taken from the encoded bytes, which is as good as any
// loudness for a client that only shows them.
func waveform(data []byte) []byte {
	values := make([]byte, 64)
	for i := range values {
		if len(data) > 0 {
			values[i] = data[i*len(data)/64] % 101
		}
	}
	return values
}

// mediaOf finds the file that a message carries, through its wrappers: what to
// download and how to decrypt it. ok is false for messages without a file.
func mediaOf(msg *waE2E.Message) (kind MediaKind, at storedMedia, ok bool) {
	file := func(m interface {
		GetMediaKey() []byte
		GetFileSHA256() []byte
		GetFileEncSHA256() []byte
		GetFileLength() uint64
		GetURL() string
		GetDirectPath() string
	}) storedMedia {
		return storedMedia{
			sealedMedia: sealedMedia{key: m.GetMediaKey(), plainHash: m.GetFileSHA256(), bodyHash: m.GetFileEncSHA256(), length: m.GetFileLength()},
			url:         m.GetURL(), directPath: m.GetDirectPath(),
		}
	}
	switch msg = unwrapped(msg); {
	case msg.ImageMessage != nil:
		return MediaImage, file(msg.ImageMessage), true
	case msg.VideoMessage != nil:
		return MediaVideo, file(msg.VideoMessage), true
	case msg.AudioMessage != nil:
		return MediaAudio, file(msg.AudioMessage), true
	case msg.DocumentMessage != nil:
		return MediaDocument, file(msg.DocumentMessage), true
	case msg.StickerMessage != nil:
		return MediaSticker, file(msg.StickerMessage), true
	}
	return "", storedMedia{}, false
}
