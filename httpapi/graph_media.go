package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/httpapi/cloudapi"
	"wapid/store"
)

// graphMediaBody is a file as Meta describes it.
type graphMediaBody struct {
	Product string `json:"messaging_product"`
	URL     string `json:"url"`
	MIME    string `json:"mime_type"`
	SHA256  string `json:"sha256"` // hex
	Size    int64  `json:"file_size"`
	ID      string `json:"id"`
}

type graphIDBody struct {
	ID string `json:"id"`
}

// graphMediaFile is where the bytes of files are fetched, by whoever has the URL.
const graphMediaFile = graphPrefix + "/media/:token"

func (s *Server) graphMediaRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/graph/:objectId/media", scope: store.ScopeSend, tenant: s.graphUpload, upload: true},
		{method: http.MethodGet, path: graphMediaFile, public: s.graphDownload, download: true},
	}
}

// graphUpload is POST /{phone}/media: a multipart form with a file.
func (s *Server) graphUpload(c *fiber.Ctx, p store.Principal) error {
	key, _, err := s.graphPhone(c, p)
	if err != nil {
		return err
	}
	f, err := s.takeUpload(c, key, s.readMediaForm)
	if err != nil {
		return err
	}
	id, err := s.store.GraphID(c.UserContext(), p.Tenant, store.GraphMedia, store.MediaRef{File: f.ID}.String())
	if err != nil {
		return err
	}
	return ok(c, graphIDBody{formatGraphID(id)})
}

// takeUpload has a request's file taken into the library of a number.
func (s *Server) takeUpload(c *fiber.Ctx, key engine.SessionKey, read func(*fiber.Ctx) (uploading, error)) (store.MediaFile, error) {
	leave, err := s.files.enter(c.UserContext(), key.Tenant)
	if err != nil {
		return store.MediaFile{}, err
	}
	defer leave()
	if err := s.checkLibrary(c.UserContext(), key.Tenant); err != nil {
		return store.MediaFile{}, err
	}
	u, err := read(c)
	if err != nil {
		return store.MediaFile{}, err
	}
	return s.keep(c.UserContext(), key, u)
}

// formatGraphID writes a decimal id as it stands in answers.
func formatGraphID(id int64) string { return strconv.FormatInt(id, 10) }

// graphMedium finds what a decimal id of a file means. It returns CodeNotFound.
func (s *Server) graphMedium(c *fiber.Ctx, p store.Principal, o store.GraphObject) (medium, error) {
	ref, ok := store.ParseMediaRef(o.Ref)
	if !ok {
		return medium{}, engine.Errorf(engine.CodeInternal, "the reference of a file can't be read")
	}
	m, err := s.findMedium(c.UserContext(), p, ref)
	if engine.CodeOf(err) == engine.CodeNotFound {
		return medium{}, missingObject(c)
	}
	return m, err
}

// showMedia is GET /{media}. The parameter phone_number_id is not looked at: whom a file
// is shown to depends on the key alone.
func (s *Server) showMedia(c *fiber.Ctx, p store.Principal, o store.GraphObject) error {
	m, err := s.graphMedium(c, p, o)
	if err != nil {
		return err
	}
	base, err := s.linkBase(c, "")
	if err != nil {
		return err
	}
	token := s.mediaKey.sign(p.Tenant, o.ID, time.Now().Add(mediaTokenLife))
	return ok(c, graphMediaBody{Product: cloudapi.Product, URL: base + graphPrefix + "/media/" + token, MIME: m.mime, SHA256: m.sha256, Size: m.size, ID: formatGraphID(o.ID)})
}

// deleteMedia is DELETE /{media}.
func (s *Server) deleteMedia(c *fiber.Ctx, p store.Principal, o store.GraphObject) error {
	m, err := s.graphMedium(c, p, o)
	if err == nil {
		err = s.drop(c.UserContext(), p.Tenant, m)
	}
	if engine.CodeOf(err) == engine.CodeNotFound {
		return missingObject(c)
	}
	if err != nil {
		return err
	}
	return ok(c, successResponse{Success: true})
}

// graphDownload is GET /media/{token}: the bytes, for whoever has the URL. Meta asks for
// the bearer token as well; many clients don't send it to a host that they don't know,
// and the URL is good for one file and five minutes.
func (s *Server) graphDownload(c *fiber.Ctx) error {
	m, err := s.tokenMedium(c)
	if engine.CodeOf(err) == engine.CodeNotFound {
		return &cloudapi.Error{Code: cloudapi.CodeInvalidParameter, Status: http.StatusNotFound,
			Details: "There is no such file, or its URL has expired: ask for the media id again"}
	}
	if err != nil {
		return err
	}
	return s.answerMedium(c, m)
}

// tokenMedium finds the file of a URL, which no suspended tenant's is good for. It returns
// CodeNotFound.
func (s *Server) tokenMedium(c *fiber.Ctx) (medium, error) {
	tenant, id, err := s.mediaKey.open(c.Params("token"), time.Now())
	if err != nil {
		return medium{}, err
	}
	t, err := s.store.FindTenant(c.UserContext(), tenant)
	if err != nil {
		return medium{}, err
	}
	if t.Suspended() {
		return medium{}, errNoMedium()
	}
	o, err := s.store.FindGraphObject(c.UserContext(), tenant, id)
	if err != nil {
		return medium{}, err
	}
	ref, ok := store.ParseMediaRef(o.Ref)
	if !ok {
		return medium{}, errNoMedium()
	}
	return s.findMedium(c.UserContext(), store.Principal{Tenant: tenant}, ref)
}

// answerMedium answers the bytes of a file.
func (s *Server) answerMedium(c *fiber.Ctx, m medium) error {
	f, size, err := s.openMedium(c.UserContext(), m)
	if err != nil {
		return err
	}
	describeFile(c, &engine.MediaInfo{MimeType: m.mime, FileName: m.name})
	return c.SendStream(f, size) // which closes it
}
