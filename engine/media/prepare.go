package media

import (
	"context"
	"errors"
	"mime"
	"os"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"

	"wapid/engine"
)

// Hint is what a caller says about a file. Either may be empty.
type Hint struct {
	MIME string // media type
	Name string // file name
}

// typeOpus is what voice notes are called on WhatsApp.
const typeOpus = "audio/ogg; codecs=opus"

// maxName is the longest file name that is sent, in bytes, as most file systems have it.
const maxName = 255

// Prepare looks into a file that is to be sent as a message of a kind, checks
// that it is of that kind, and describes it to the recipient. The attachment's
// file is the caller's; where it is not f itself, f is removed. It returns
// CodeMediaInvalid, CodeStorage and the error of ctx; f is then left alone.
func (s *Spool) Prepare(ctx context.Context, f File, k engine.Kind, h Hint) (engine.Attachment, error) {
	if f.Size == 0 {
		return engine.Attachment{}, errInvalid("the file is empty")
	}
	if f.Size > LimitOf(k) {
		return engine.Attachment{}, errTooLarge(LimitOf(k))
	}
	if h.MIME != "" {
		declared, params, err := mime.ParseMediaType(h.MIME)
		if err != nil || !strings.Contains(declared, "/") || len(h.MIME) > 255 {
			return engine.Attachment{}, errInvalid("mediaMimeType is not a media type such as image/jpeg")
		}
		if h.MIME = mime.FormatMediaType(declared, params); isUnknown(declared) {
			h.MIME = ""
		}
	}
	in, err := os.Open(f.Path)
	if err != nil {
		return engine.Attachment{}, errStorage(err)
	}
	defer in.Close()
	found, err := mimetype.DetectReader(in)
	if err != nil {
		return engine.Attachment{}, errStorage(err)
	}
	a, err := s.describe(ctx, f, in, k, found, h)
	if err == nil && a.Path != f.Path {
		err = Remove(f.Path)
	}
	return a, err
}

func (s *Spool) describe(ctx context.Context, f File, in *os.File, k engine.Kind, found *mimetype.MIME, h Hint) (engine.Attachment, error) {
	switch k {
	case engine.KindImage:
		return s.image(ctx, f, in, found, h)
	case engine.KindSticker:
		return s.sticker(ctx, f, in, plain(found))
	case engine.KindVideo:
		return video(f, in, found, h)
	case engine.KindAudio:
		return audio(f, in, found, h)
	case engine.KindVoice:
		return voice(f, in, found, h)
	case engine.KindDocument:
		return s.document(ctx, f, in, found, h)
	}
	return engine.Attachment{}, errInvalid("messages of this type have no file")
}

// image describes a picture. One with too many pixels goes without a thumbnail.
func (s *Spool) image(ctx context.Context, f File, in *os.File, found *mimetype.MIME, h Hint) (engine.Attachment, error) {
	if err := agrees(h.MIME, "image/"); err != nil {
		return engine.Attachment{}, err
	}
	kind := plain(found)
	switch {
	case slices.Contains([]string{typeJPEG, typePNG, typeGIF, typeWebP}, kind):
	case isUnknown(kind) && h.MIME != "":
		return f.attachment(h.MIME), nil
	default:
		return engine.Attachment{}, errInvalid("an image must be a JPEG, PNG, WebP or GIF picture; send other files as a document")
	}
	p, err := lookAt(in, kind)
	if err != nil {
		return engine.Attachment{}, err
	}
	a := f.attachment(kind)
	a.Width, a.Height = p.width, p.height
	if p.animated { // its decoder knows still pictures only
		return a, nil
	}
	img, release, err := s.decode(ctx, in, kind, p)
	if errors.Is(err, errHeavy) {
		return a, nil
	}
	if err != nil {
		return engine.Attachment{}, err
	}
	defer release()
	a.Thumbnail, err = thumbnail(img, p.turn)
	return a, err
}

func video(f File, in *os.File, found *mimetype.MIME, h Hint) (engine.Attachment, error) {
	if err := agrees(h.MIME, "video/"); err != nil {
		return engine.Attachment{}, err
	}
	kind := plain(found)
	switch {
	case slices.Contains([]string{"video/mp4", "video/quicktime", "video/3gpp", "video/3gpp2", "video/x-m4v"}, kind):
	case isVague(kind) && h.MIME != "":
		return f.attachment(h.MIME), nil
	default:
		return engine.Attachment{}, errInvalid("a video must be an MP4, MOV or 3GP file; send others as a document")
	}
	m := scanMP4(in, f.Size)
	a := f.attachment(kind)
	a.Width, a.Height, a.Duration = m.width, m.height, m.duration
	return a, nil
}

func audio(f File, in *os.File, found *mimetype.MIME, h Hint) (engine.Attachment, error) {
	if err := agrees(h.MIME, "audio/"); err != nil {
		return engine.Attachment{}, err
	}
	kind := plain(found)
	if d, ok := opusDuration(in, f.Size); ok {
		a := f.attachment(typeOpus)
		a.Duration = d
		return a, nil
	}
	switch {
	case kind == "audio/x-m4a", kind == "audio/mp4", kind == "video/mp4", kind == "video/quicktime":
		m := scanMP4(in, f.Size)
		if strings.HasPrefix(kind, "video/") && m.width > 0 {
			break
		}
		a := f.attachment("audio/mp4")
		a.Duration = m.duration
		return a, nil
	case kind == "application/ogg":
		return f.attachment("audio/ogg"), nil
	case strings.HasPrefix(kind, "audio/"):
		return f.attachment(kind), nil
	case isVague(kind) && h.MIME != "":
		return f.attachment(h.MIME), nil
	}
	return engine.Attachment{}, errInvalid("the file is no audio that is known here, such as MP3, AAC, M4A, AMR or Ogg; send others as a document")
}

// voice describes a voice note, which is Opus in Ogg: by its bytes, or where they
// tell no more than that it may be, by what the caller says.
func voice(f File, in *os.File, found *mimetype.MIME, h Hint) (engine.Attachment, error) {
	d, ok := opusDuration(in, f.Size)
	if kind := plain(found); !ok && (isVague(kind) || kind == "application/ogg") {
		ok = strings.HasPrefix(h.MIME, "audio/ogg")
	}
	if !ok {
		return engine.Attachment{}, errInvalid("a voice note must be Opus in an Ogg file (audio/ogg; codecs=opus); " +
			"send other audio without ptt, or convert it first")
	}
	a := f.attachment(typeOpus)
	a.Duration = d
	return a, nil
}

// document describes any file. A picture gets a thumbnail, and whatever hinders
// that is no error.
func (s *Spool) document(ctx context.Context, f File, in *os.File, found *mimetype.MIME, h Hint) (engine.Attachment, error) {
	kind := h.MIME
	if kind == "" {
		kind = plain(found)
	}
	a := f.attachment(kind)
	a.FileName = SafeName(h.Name)
	if a.FileName == "" {
		a.FileName = "document" + extension(kind, found)
	}
	if p, err := lookAt(in, plain(found)); err == nil && !p.animated {
		if img, release, err := s.decode(ctx, in, plain(found), p); err == nil {
			defer release()
			a.Thumbnail, _ = thumbnail(img, p.turn)
		}
	}
	return a, ctx.Err()
}

// agrees refuses a declared type of another family than a file is sent as. Within
// the family the bytes know better.
func agrees(declared, family string) error {
	if declared == "" || strings.HasPrefix(declared, family) || family == "audio/" && strings.HasPrefix(declared, "application/ogg") {
		return nil
	}
	return errInvalid("the MIME type that was given says that the file is of another type than it is sent as")
}

// isUnknown tells that the bytes don't say what they are: then it is what the
// caller says.
func isUnknown(found string) bool { return found == "application/octet-stream" }

// isVague tells that the bytes of sound or film don't say what they are. Text has
// no mark of its own: it is what is left when nothing else was recognised. Of
// pictures, whose kinds are all known, text is certainly none.
func isVague(found string) bool { return isUnknown(found) || found == "text/plain" }

// plain is a type without parameters.
func plain(m *mimetype.MIME) string {
	kind, _, _ := strings.Cut(m.String(), ";")
	return kind
}

// extension is the usual end of a file's name.
func extension(kind string, found *mimetype.MIME) string {
	if known := mimetype.Lookup(kind); known != nil && known.Extension() != "" {
		return known.Extension()
	}
	return found.Extension()
}

// SafeName keeps the last part of a path, without control characters and what
// turns the direction of text, and cut to what file systems take.
func SafeName(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, name)
	name = strings.TrimSpace(name)
	if name == "." || name == ".." || name == "/" {
		return ""
	}
	for len(name) > maxName {
		_, size := utf8.DecodeRuneInString(name)
		name = name[size:] // the end holds the extension
	}
	return name
}
