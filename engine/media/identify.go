package media

import (
	"context"
	"errors"
	"mime"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gabriel-vasile/mimetype"

	"wapid/engine"
)

// Identity is what a file is that nobody has sent yet.
type Identity struct {
	MIME string      // as it is told to whoever fetches it
	Kind engine.Kind // of the messages that it is most likely for; any file may go as a document
}

// Identify tells what a file is, by its bytes and what its owner calls it, in the way
// of Prepare but without looking deeper: whether it makes a message of a kind is for
// Prepare to say. It returns CodeMediaInvalid for a file that is empty, is larger than
// its kind may be or is of another family than declared, and CodeStorage.
func Identify(f File, declared string) (Identity, error) {
	if f.Size == 0 {
		return Identity{}, errInvalid("the file is empty")
	}
	if declared != "" {
		family, params, err := mime.ParseMediaType(declared)
		if err != nil || !strings.Contains(family, "/") || len(declared) > 255 {
			return Identity{}, errInvalid("the file's type is not a media type such as image/jpeg")
		}
		if declared = mime.FormatMediaType(family, params); isUnknown(family) {
			declared = ""
		}
	}
	in, err := os.Open(f.Path)
	if err != nil {
		return Identity{}, errStorage(err)
	}
	defer in.Close()
	found, err := mimetype.DetectReader(in)
	if err != nil {
		return Identity{}, errStorage(err)
	}
	id, err := identify(plain(found), declared)
	if err == nil && f.Size > LimitOf(id.Kind) {
		return Identity{}, errTooLarge(LimitOf(id.Kind))
	}
	return id, err
}

// identify weighs what the bytes say against what their owner says.
func identify(found, declared string) (Identity, error) {
	says := declared
	if says == "" {
		says = found
	}
	family, _, _ := strings.Cut(says, "/")
	switch family {
	case "image":
		if !slices.Contains([]string{typeJPEG, typePNG, typeGIF, typeWebP}, found) {
			break
		}
		return Identity{MIME: found, Kind: engine.KindImage}, nil
	case "video":
		if strings.HasPrefix(found, "video/") || isVague(found) {
			return Identity{MIME: says, Kind: engine.KindVideo}, nil
		}
	case "audio":
		if strings.HasPrefix(found, "audio/") || isVague(found) || slices.Contains([]string{"application/ogg", "video/mp4", "video/quicktime", "video/3gpp"}, found) {
			return Identity{MIME: says, Kind: engine.KindAudio}, nil
		}
	}
	if slices.Contains([]string{"image", "video", "audio"}, family) && says == declared && disagrees(family, found) {
		return Identity{}, errInvalid("the file's bytes are not of the type that it is said to have")
	}
	return Identity{MIME: says, Kind: engine.KindDocument}, nil
}

// disagrees tells whether bytes are certainly of another family: what is not known here
// may well be a picture of another sort, and goes as a document.
func disagrees(family, found string) bool {
	return !isUnknown(found) && !strings.HasPrefix(found, family+"/")
}

// Adopt gives the spool a name of its own for a file that lies elsewhere and does not
// change: a second link, or a copy where the disk makes none. The caller removes it. It
// returns CodeMediaGone if there is no such file, CodeMediaInvalid beyond limit bytes,
// CodeStorage and the error of ctx.
func (s *Spool) Adopt(ctx context.Context, f File, limit int64) (File, error) {
	if f.Size > limit {
		return File{}, errTooLarge(limit)
	}
	path, err := s.Path()
	if err != nil {
		return File{}, err
	}
	err = os.Link(f.Path, path)
	switch {
	case err == nil:
		return File{Path: path, Size: f.Size, SHA256: f.SHA256}, nil
	case errors.Is(err, os.ErrNotExist):
		return File{}, engine.WrapError(engine.CodeMediaGone, err, "the file is gone")
	}
	in, err := os.Open(f.Path)
	if err != nil {
		return File{}, errStorage(err)
	}
	defer in.Close()
	return s.Take(ctx, in, limit)
}

// Locate is where a file of the spool lies whose name is known.
func (s *Spool) Locate(name string) string { return filepath.Join(s.dir, filepath.Base(name)) }
