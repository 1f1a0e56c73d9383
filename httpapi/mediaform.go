package httpapi

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/engine/media"
)

// maxMediaField is how long a field beside an uploaded file may be, in bytes.
const maxMediaField = 4 << 10

// readMediaForm takes the file of a multipart form into the library as it comes. Every
// other field is passed over, but the type: it is what the file is called, and goes
// before its part's own. After an error there is no file. It returns
// CodeUnsupportedMedia, CodeInvalid, CodeMediaInvalid and CodeStorage.
func (s *Server) readMediaForm(c *fiber.Ctx) (u uploading, err error) {
	if c.Get(fiber.HeaderContentEncoding) != "" {
		return u, errCompressed()
	}
	kind, params, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if err != nil || kind != "multipart/form-data" {
		return u, engine.Errorf(CodeUnsupportedMedia, "send the file as Content-Type: multipart/form-data")
	}
	f := &mediaForm{spool: s.library, limit: s.maxMedia}
	defer func() {
		if err != nil {
			err = errors.Join(err, media.Remove(f.file.Path))
		}
	}()
	if err := eachPart(uploadOf(c), params["boundary"], f.take); err != nil {
		return u, err
	}
	if f.file.Path == "" {
		return u, engine.Errorf(engine.CodeInvalid, "the form has no file")
	}
	if f.kind != "" {
		f.declared = f.kind
	}
	return uploading{file: f.file, name: f.name, mime: f.declared}, nil
}

// mediaForm is a form with a file that is being read.
type mediaForm struct {
	spool          *media.Spool
	limit          int64
	file           media.File
	name, declared string // of the file's part
	kind           string // the field of that name
}

func (f *mediaForm) take(part *multipart.Part) error {
	if part.FormName() == "file" {
		if f.file.Path != "" {
			return engine.Errorf(engine.CodeInvalid, "the form must not have more than one file")
		}
		var err error
		f.name, f.declared = part.FileName(), part.Header.Get("Content-Type")
		f.file, err = f.spool.Take(context.Background(), part, f.limit) // the body's own deadline ends it
		return err
	}
	value, err := io.ReadAll(io.LimitReader(part, maxMediaField+1))
	switch {
	case err != nil:
		return err
	case len(value) > maxMediaField:
		return engine.Errorf(engine.CodeInvalid, "a field of the form is longer than %d bytes", maxMediaField)
	case part.FormName() == "type" && strings.Contains(string(value), "/"): // some say image
		f.kind = strings.TrimSpace(string(value))
	}
	return nil
}
