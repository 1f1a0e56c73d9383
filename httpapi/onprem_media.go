package httpapi

import (
	"context"
	"mime"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/httpapi/onprem"
	"wapid/store"
)

func (s *Server) onpremMediaRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/v1/media", scope: store.ScopeSend, tenant: s.onpremUpload, upload: true},
		{method: http.MethodGet, path: "/v1/media/:mediaId", scope: store.ScopeRead, tenant: s.onpremDownload, download: true},
		{method: http.MethodDelete, path: "/v1/media/:mediaId", scope: store.ScopeSend, tenant: s.onpremDeleteMedia},
	}
}

// onpremUpload is POST /v1/media: the body is the file.
func (s *Server) onpremUpload(c *fiber.Ctx, p store.Principal) error {
	key, err := s.onpremNumber(p)
	if err != nil {
		return err
	}
	if _, err := s.engine.Snapshot(key); err != nil {
		return err
	}
	f, err := s.takeUpload(c, key, s.readMediaBody)
	if err != nil {
		return err
	}
	return answer(c, http.StatusCreated, onprem.NewKept(string(f.ID)))
}

// readMediaBody takes a body into the library as it comes. It is called what its
// Content-Type says; a name may stand in its Content-Disposition.
func (s *Server) readMediaBody(c *fiber.Ctx) (u uploading, err error) {
	if c.Get(fiber.HeaderContentEncoding) != "" {
		return u, errCompressed()
	}
	u.mime = c.Get(fiber.HeaderContentType)
	switch kind, _, err := mime.ParseMediaType(u.mime); {
	case u.mime == "":
		return u, onprem.Errorf(onprem.CodeMissing, "the header Content-Type is required: the type of the file")
	case err != nil:
		return u, onprem.Errorf(onprem.CodeValue, "the header Content-Type is not a media type such as image/jpeg")
	case kind == "multipart/form-data", kind == "application/x-www-form-urlencoded":
		return u, onprem.Errorf(onprem.CodeValue, "send the file itself as the body, with its own type as Content-Type")
	}
	if _, params, err := mime.ParseMediaType(c.Get(fiber.HeaderContentDisposition)); err == nil {
		u.name = params["filename"]
	}
	u.file, err = s.library.Take(context.Background(), uploadOf(c), s.maxMedia) // the body's own deadline ends it
	return u, err
}

// onpremMedium finds the file of an id: a UUID of one that was uploaded, or of one that
// came with a message. It returns CodeNotFound.
func (s *Server) onpremMedium(ctx context.Context, p store.Principal, id string) (medium, error) {
	number, received := onprem.ParseReceivedMediaID(id)
	if !received {
		return s.findMedium(ctx, p, store.MediaRef{File: store.MediaFileID(id)})
	}
	o, err := s.store.FindGraphObject(ctx, p.Tenant, number)
	if err != nil {
		return medium{}, err
	}
	ref, ok := store.ParseMediaRef(o.Ref)
	if o.Kind != store.GraphMedia || !ok {
		return medium{}, errNoMedium()
	}
	return s.findMedium(ctx, p, ref)
}

// onpremNamed is onpremMedium for the path, of the number that the key stands for.
func (s *Server) onpremNamed(c *fiber.Ctx, p store.Principal) (medium, error) {
	key, err := s.onpremNumber(p)
	if err != nil {
		return medium{}, err
	}
	m, err := s.onpremMedium(c.UserContext(), p, c.Params("mediaId"))
	if err == nil && m.session.ID != key.ID {
		err = errNoMedium()
	}
	if engine.CodeOf(err) == engine.CodeNotFound {
		return medium{}, onprem.Errorf(onprem.CodeNotFound, "there is no such media, or it has expired")
	}
	return m, err
}

// onpremDownload is GET /v1/media/{id}: the bytes themselves.
func (s *Server) onpremDownload(c *fiber.Ctx, p store.Principal) error {
	m, err := s.onpremNamed(c, p)
	if err != nil {
		return err
	}
	return s.answerMedium(c, m)
}

// onpremDeleteMedia is DELETE /v1/media/{id}.
func (s *Server) onpremDeleteMedia(c *fiber.Ctx, p store.Principal) error {
	m, err := s.onpremNamed(c, p)
	if err != nil {
		return err
	}
	if err := s.drop(c.UserContext(), p.Tenant, m); err != nil {
		return err
	}
	return onpremDone(c)
}
