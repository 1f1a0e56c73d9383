package httpapi

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"mime"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/engine/media"
)

// sending is a request to send as it was read: what it says, and the file that
// came with it.
type sending struct {
	request sendRequest
	file    media.File // path "" if none came
	hint    media.Hint // of the file, beside what the request says
	digest  []byte     // of all that the request says, its files included
	list    media.File // recipients as CSV, of a bulk request; path "" if none came
}

// discard removes the files, also one that took a file's place. They are left to
// the spool's next cleaning if that fails.
func (in *sending) discard() {
	_ = media.Remove(in.file.Path)
	_ = media.Remove(in.list.Path)
}

// keep leaves the file to others.
func (in *sending) keep() { in.file.Path = "" }

// fingerprint stands for everything that a request asks for.
func (in *sending) fingerprint(id engine.SessionID, o engine.SendOptions) [32]byte {
	h := sha256.New()
	say(h, []byte(id))
	say(h, in.digest)
	queue := []byte{0}
	if o.Queue {
		queue = binary.BigEndian.AppendUint64([]byte{1}, uint64(o.TTL))
	}
	say(h, queue)
	return [32]byte(h.Sum(nil))
}

// say writes a part of what is hashed so that it can't be taken for its neighbour's.
func say(h hash.Hash, part []byte) {
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part)))) // a hash never fails
	h.Write(part)
}

// readSend reads the body, JSON or a multipart form, and puts the file that it
// brings into the spool. What it returns is the caller's to discard, also after
// an error: CodeUnsupportedMedia, CodePayloadTooLarge, CodeRequestTimeout,
// CodeInvalid, CodeMediaInvalid and CodeStorage.
func (s *Server) readSend(c *fiber.Ctx) (*sending, error) {
	contentType := c.Get(fiber.HeaderContentType)
	if contentType != "application/json" { // as most declare it
		if kind, params, err := mime.ParseMediaType(contentType); err == nil && kind == "multipart/form-data" {
			if !plainEncoding(c) {
				return &sending{}, errCompressed()
			}
			return s.readForm(uploadOf(c), params["boundary"])
		}
	}
	if err := checkMedia(contentType, c.Get(fiber.HeaderContentEncoding)); err != nil {
		return &sending{}, err
	}
	return s.readJSON(uploadOf(c), c.Request().Header.ContentLength())
}

func plainEncoding(c *fiber.Ctx) bool {
	encoding := c.Get(fiber.HeaderContentEncoding)
	return encoding == "" || strings.EqualFold(encoding, "identity")
}

// readJSON takes mediaBase64 out of the body on its way. length is the body's, negative
// if that is not known.
func (s *Server) readJSON(body io.Reader, length int) (*sending, error) {
	in := &sending{}
	w := &lateFile{spool: s.spool, limit: s.maxMedia}
	defer w.discard()
	decoder := &base64Writer{to: w}
	h := sha256.New()
	rest, err := divert(io.TeeReader(body, h), length, "mediaBase64", decoder, s.maxBody)
	if err != nil {
		return in, err
	}
	if err := parseJSON(rest, &in.request); err != nil {
		return in, err
	}
	if err := decoder.finish(); err != nil {
		return in, err
	}
	in.digest = h.Sum(nil)
	in.hint.MIME = decoder.mimeType
	if in.file, err = w.finish(); err != nil {
		return in, err
	}
	if in.request.MediaBase64 != "" && in.file.Path == "" {
		return in, engine.Errorf(engine.CodeInvalid, "mediaBase64 holds no bytes")
	}
	return in, nil
}

// lateFile is a file in the spool that is made when its first byte arrives.
type lateFile struct {
	spool *media.Spool
	limit int64
	w     *media.Writer
}

func (l *lateFile) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if l.w == nil {
		w, err := l.spool.Create(l.limit)
		if err != nil {
			return 0, err
		}
		l.w = w
	}
	return l.w.Write(p)
}

// finish returns a File without a path if nothing was written.
func (l *lateFile) finish() (media.File, error) {
	if l.w == nil {
		return media.File{}, nil
	}
	return l.w.Finish()
}

func (l *lateFile) discard() {
	if l.w != nil {
		l.w.Discard()
	}
}
