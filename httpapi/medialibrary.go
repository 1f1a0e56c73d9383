package httpapi

import (
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"wapid/engine"
	"wapid/engine/media"
	"wapid/store"
)

// mediaLife is how long an uploaded file is kept, as Meta does.
const mediaLife = 30 * 24 * time.Hour

// libraryDir is the directory of uploaded files below the data directory.
const libraryDir = "media"

// medium is a file that has an id: one that was uploaded, or that of a message.
type medium struct {
	ref     store.MediaRef
	session engine.SessionKey
	mime    string
	name    string
	size    int64  // bytes; 0 if a message did not say
	sha256  string // hex; "" likewise

	file    store.MediaFile      // of an uploaded one
	message engine.LoggedMessage // of the others
}

// findMedium finds what a reference means, for a key that reaches its number. It returns
// CodeNotFound.
func (s *Server) findMedium(ctx context.Context, p store.Principal, ref store.MediaRef) (medium, error) {
	if ref.File != "" {
		f, err := s.store.FindMediaFile(ctx, p.Tenant, ref.File)
		if err == nil && !p.Reaches(f.Session.ID) {
			err = errNoMedium()
		}
		return medium{ref: ref, session: f.Session, mime: f.MIME, name: f.Name, size: f.Size, sha256: hex.EncodeToString(f.SHA256), file: f}, err
	}
	if !p.Reaches(ref.Session) {
		return medium{}, errNoMedium()
	}
	message, err := s.store.FindMessageOf(ctx, p.Tenant, ref)
	m := medium{ref: ref, session: message.Session, message: message}
	if info := message.Details.Media; info != nil {
		m.mime, m.name, m.size, m.sha256 = info.MimeType, info.FileName, info.Size, info.SHA256
	}
	return m, err
}

func errNoMedium() error { return engine.Errorf(engine.CodeNotFound, "there is no such file") }

// openMedium opens the bytes. The caller closes the file. It returns CodeMediaGone,
// CodeStorage, and for the file of a message the errors of engine.Use and
// engine.Media.Download.
func (s *Server) openMedium(ctx context.Context, m medium) (*os.File, int, error) {
	if m.ref.File == "" {
		network, err := engine.Use[engine.Media](s.engine, m.session)
		if err != nil {
			return nil, 0, err
		}
		return s.download(ctx, m.session.Tenant, network, m.message)
	}
	f, err := os.Open(s.library.Locate(m.file.Path))
	switch {
	case errors.Is(err, fs.ErrNotExist): // deleted just now, or missing from a restored backup
		return nil, 0, engine.WrapError(engine.CodeMediaGone, err, "the file is gone")
	case err != nil:
		return nil, 0, engine.WrapError(engine.CodeStorage, err, "the file can't be read")
	}
	return f, int(m.size), nil
}

// carry is a draft's file: it puts the medium into the spool for a message.
func (s *Server) carry(m medium) func(ctx context.Context, in *sending) error {
	return func(ctx context.Context, in *sending) (err error) {
		limit := s.limitFor(engine.Kind(in.request.Type))
		if m.ref.File != "" {
			in.file, err = s.spool.Adopt(ctx, media.File{Path: s.library.Locate(m.file.Path), Size: m.size, SHA256: m.file.SHA256}, limit)
		} else {
			in.file, err = s.takeMessageFile(ctx, m, limit)
		}
		if err != nil {
			return err
		}
		in.hint = media.Hint{MIME: m.mime, Name: m.name}
		return nil
	}
}

// takeMessageFile fetches the file of a message into the spool.
func (s *Server) takeMessageFile(ctx context.Context, m medium, limit int64) (media.File, error) {
	f, _, err := s.openMedium(ctx, m)
	if err != nil {
		return media.File{}, err
	}
	defer f.Close()
	return s.spool.Take(ctx, f, limit)
}

// uploading is a file that is on its way into the library.
type uploading struct {
	file media.File
	name string
	mime string // as its owner calls it; may be empty
}

// checkLibrary refuses a file for which a tenant has certainly no room, before it comes.
func (s *Server) checkLibrary(ctx context.Context, tenant engine.TenantID) error {
	files, bytes, err := s.store.MediaUse(ctx, tenant)
	switch {
	case err != nil:
		return err
	case files >= store.MaxMediaFiles:
		return engine.Errorf(engine.CodeMediaInvalid, "the account keeps %d files already: delete some, or wait until they expire", store.MaxMediaFiles)
	case s.maxLibrary > 0 && bytes >= s.maxLibrary:
		return engine.Errorf(engine.CodeMediaInvalid, "the files of the account may have %d bytes together: delete some, or wait until they expire", s.maxLibrary)
	}
	return nil
}

// keep takes a file into the library of a number. When it returns, the file survives a
// power cut; after an error it is gone. Its name is cut to what a message would carry: a
// longer one would be kept beyond what the library may have, and fit into no header of an
// answer. It returns CodeMediaInvalid and CodeStorage.
func (s *Server) keep(ctx context.Context, key engine.SessionKey, u uploading) (f store.MediaFile, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, media.Remove(u.file.Path))
		}
	}()
	id, err := media.Identify(u.file, u.mime)
	if err != nil {
		return f, err
	}
	if limit := s.limitFor(id.Kind); u.file.Size > limit {
		return f, engine.Errorf(engine.CodeMediaInvalid, "the file is larger than the %d bytes that it may have", limit)
	}
	if err := s.library.Settle(u.file.Path); err != nil {
		return f, err
	}
	return s.store.InsertMediaFile(ctx, store.MediaFile{Session: key, MIME: id.MIME, Name: media.SafeName(u.name), Size: u.file.Size, SHA256: u.file.SHA256,
		Path: libraryDir + "/" + filepath.Base(u.file.Path), ExpiresAt: time.Now().Add(mediaLife)}, s.maxLibrary)
}

// drop forgets a medium: of a message its id alone, as the message stays in the log. It
// returns CodeNotFound.
func (s *Server) drop(ctx context.Context, tenant engine.TenantID, m medium) error {
	if m.ref.File == "" {
		return s.store.ForgetMediaID(ctx, tenant, m.ref)
	}
	path, err := s.store.DeleteMediaFile(ctx, tenant, m.ref.File)
	if err != nil {
		return err
	}
	return media.Remove(s.library.Locate(path))
}
