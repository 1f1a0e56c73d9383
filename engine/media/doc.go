// Package media is what the daemon knows of files on their way to the network and
// back: a spool that they lie in, fetching them from a URL, and what their bytes
// say about themselves. No file is ever held whole in memory, save the pixels of
// an image while its thumbnail is made.
package media

import "wapid/engine"

// Limits by kind, in bytes. WhatsApp's help pages give 16 MB for pictures, 100 MB
// for videos and audio sent from its apps and 2 GB for documents; they give
// 100 KB and 500 KB for stickers of packs, while single ones may be larger: 1 MiB
// is assumed. The daemon's own limit comes on top of these.
const (
	MaxImage    = 16 << 20
	MaxVideo    = 100 << 20
	MaxAudio    = 100 << 20
	MaxDocument = 2 << 30
	MaxSticker  = 1 << 20
)

// DefaultMax is the daemon's own limit for files of any kind, unless it is set, in bytes.
const DefaultMax = 100 << 20

// LimitOf is the most bytes that a file of a kind may have on WhatsApp, 0 for a
// kind without a file. A picture that becomes a sticker may be as large as any
// picture.
func LimitOf(k engine.Kind) int64 {
	switch k {
	case engine.KindImage, engine.KindSticker:
		return MaxImage
	case engine.KindVideo:
		return MaxVideo
	case engine.KindAudio, engine.KindVoice:
		return MaxAudio
	case engine.KindDocument:
		return MaxDocument
	}
	return 0
}

func errInvalid(format string, args ...any) *engine.Error {
	return engine.Errorf(engine.CodeMediaInvalid, format, args...)
}

func errStorage(cause error) *engine.Error {
	return engine.WrapError(engine.CodeStorage, cause, "the file could not be stored, nothing was done")
}
