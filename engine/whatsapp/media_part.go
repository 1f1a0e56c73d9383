package whatsapp

import (
	"errors"
	"io"
	"net/url"
	"os"
	"strings"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"

	"wapid/engine"
)

// maxDownload bounds a file whose message does not tell its length: the largest
// document that the apps send.
const maxDownload = 2 << 30

// sealOverhead is what encryption adds to a file at most: a block of padding and a
// MAC of 10 bytes.
const sealOverhead = 16 + 10

// errLargerThanSaid ends the download of a file that is larger than its message says.
var errLargerThanSaid = errors.New("the file is larger than its message says")

// mediaPart is what a message says of its file.
type mediaPart struct {
	class                  whatsmeow.MediaType
	path                   string // on any media host, with its query
	key, sha256, encSHA256 []byte
	length                 uint64 // of the plain bytes; 0 if not told
}

// limit is how many bytes a download may bring.
func (p mediaPart) limit() int64 {
	if p.length == 0 || p.length > maxDownload {
		return maxDownload
	}
	return int64(p.length) + sealOverhead
}

// mediaMessage is what all messages with a file have.
type mediaMessage interface {
	whatsmeow.DownloadableMessage
	GetFileLength() uint64
	GetURL() string
}

// mediaPartOf finds the file of a logged message. It returns CodeNotFound if it
// has none.
func mediaPartOf(payload []byte) (mediaPart, error) {
	message, err := contentOfPayload(payload)
	if err != nil {
		return mediaPart{}, err
	}
	found := fileIn(message)
	if found == nil {
		return mediaPart{}, engine.Errorf(engine.CodeNotFound, "the message has no file")
	}
	p := mediaPart{
		class: whatsmeow.GetMediaType(found), path: found.GetDirectPath(), key: found.GetMediaKey(),
		sha256: found.GetFileSHA256(), encSHA256: found.GetFileEncSHA256(), length: found.GetFileLength(),
	}
	if p.path == "" { // as messages of years ago
		if parsed, err := url.Parse(found.GetURL()); err == nil {
			p.path = parsed.RequestURI()
		}
	}
	if p.path = mediaPath(p.path); p.path == "" || len(p.sha256) == 0 {
		return mediaPart{}, engine.Errorf(engine.CodeMediaGone, "the message does not say where its file is")
	}
	if len(p.encSHA256) == 0 {
		p.key, p.encSHA256 = nil, nil // not encrypted, as in channels
	}
	return p, nil
}

// mediaPath is a path as whatsmeow takes it, which appends parameters with "&"; or
// empty for what is none.
func mediaPath(path string) string {
	switch {
	case !strings.HasPrefix(path, "/"):
		return ""
	case !strings.Contains(path, "?"):
		return path + "?"
	}
	return path
}

// fileIn is the part of a message that describes a file, or nil.
func fileIn(m *waE2E.Message) mediaMessage {
	switch {
	case m.GetImageMessage() != nil:
		return m.ImageMessage
	case m.GetVideoMessage() != nil:
		return m.VideoMessage
	case m.GetPtvMessage() != nil:
		return m.PtvMessage
	case m.GetAudioMessage() != nil:
		return m.AudioMessage
	case m.GetDocumentMessage() != nil:
		return m.DocumentMessage
	case m.GetStickerMessage() != nil:
		return m.StickerMessage
	}
	if edited := m.GetProtocolMessage().GetEditedMessage(); edited != nil {
		return fileIn(unwrap(edited))
	}
	return nil
}

// boundedFile is where a download goes. It takes no more than its limit.
type boundedFile struct {
	file     *os.File
	transfer *transfer
	limit    int64
	at       int64 // where the next Write goes
}

var _ whatsmeow.File = (*boundedFile)(nil)

func (f *boundedFile) Write(p []byte) (int, error) {
	f.transfer.touch()
	if f.at+int64(len(p)) > f.limit {
		return 0, errLargerThanSaid
	}
	n, err := f.file.Write(p)
	f.at += int64(n)
	return n, err
}

func (f *boundedFile) Read(p []byte) (int, error) {
	f.transfer.touch()
	n, err := f.file.Read(p)
	f.at += int64(n)
	return n, err
}

func (f *boundedFile) Seek(offset int64, whence int) (int64, error) {
	at, err := f.file.Seek(offset, whence)
	f.at = at
	return at, err
}

func (f *boundedFile) ReadAt(p []byte, off int64) (int, error)  { return f.file.ReadAt(p, off) }
func (f *boundedFile) WriteAt(p []byte, off int64) (int, error) { return f.file.WriteAt(p, off) }
func (f *boundedFile) Truncate(size int64) error                { return f.file.Truncate(size) }
func (f *boundedFile) Stat() (os.FileInfo, error)               { return f.file.Stat() }

var _ io.ReadWriteSeeker = (*boundedFile)(nil)
