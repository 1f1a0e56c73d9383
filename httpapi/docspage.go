package httpapi

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
)

// docsFiles are the page that shows the OpenAPI document, and the viewer that it
// is made of. See docs/README.md for where that comes from.
//
//go:embed docs
var docsFiles embed.FS

// docsPolicy keeps the page to this host: whatever the viewer may want to fetch
// elsewhere, the browser refuses. Its pictures are in its style sheet, as data.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// docsTypes says which of the files are served, and as what.
func docsTypes() map[string]string {
	return map[string]string{
		"index.html":                       "text/html; charset=utf-8",
		"page.js":                          "text/javascript; charset=utf-8",
		"page.css":                         "text/css; charset=utf-8",
		"swagger-ui-bundle.js":             "text/javascript; charset=utf-8",
		"swagger-ui.css":                   "text/css; charset=utf-8",
		"favicon-32x32.png":                "image/png",
		"swagger-ui-bundle.js.LICENSE.txt": "text/plain; charset=utf-8",
		"LICENSE":                          "text/plain; charset=utf-8",
		"NOTICE":                           "text/plain; charset=utf-8",
	}
}

// docsAsset is a file of the page, ready to be sent.
type docsAsset struct {
	media  string
	tag    string // its ETag
	plain  []byte
	zipped []byte
}

// docsPage reads and compresses the files once, when they are first asked for.
type docsPage struct {
	load func() (map[string]docsAsset, error)
}

func newDocsPage() *docsPage { return &docsPage{sync.OnceValues(loadDocs)} }

func loadDocs() (map[string]docsAsset, error) {
	assets := make(map[string]docsAsset)
	for name, media := range docsTypes() {
		plain, err := docsFiles.ReadFile("docs/" + name)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(plain); err != nil {
			return nil, err
		}
		if err := z.Close(); err != nil {
			return nil, err
		}
		sum := sha256.Sum256(plain)
		assets[name] = docsAsset{media: media, tag: hex.EncodeToString(sum[:12]), plain: plain, zipped: b.Bytes()}
	}
	return assets, nil
}

func (s *Server) docsRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/docs", public: func(c *fiber.Ctx) error { return s.docs.serve(c, "index.html") }},
		{method: http.MethodGet, path: "/docs/:file", public: func(c *fiber.Ctx) error { return s.docs.serve(c, c.Params("file")) }},
	}
}

// serve answers with a file. Browsers ask again each time, and are told that
// theirs is still the right one: a new daemon may bring a new page.
func (d *docsPage) serve(c *fiber.Ctx, name string) error {
	assets, err := d.load()
	if err != nil {
		return engine.WrapError(engine.CodeInternal, err, "the page can't be read")
	}
	a, ok := assets[name]
	if !ok {
		return engine.Errorf(engine.CodeNotFound, "there is no such path")
	}
	body, tag := a.plain, `"`+a.tag+`"`
	zipped := strings.Contains(c.Get(fiber.HeaderAcceptEncoding), "gzip")
	if zipped {
		body, tag = a.zipped, `"`+a.tag+`-gzip"`
	}
	c.Set(fiber.HeaderETag, tag)
	c.Set(fiber.HeaderVary, fiber.HeaderAcceptEncoding)
	c.Set(fiber.HeaderCacheControl, "no-cache")
	c.Set(fiber.HeaderContentSecurityPolicy, docsPolicy)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	if c.Get(fiber.HeaderIfNoneMatch) == tag {
		return c.SendStatus(http.StatusNotModified)
	}
	if zipped {
		c.Set(fiber.HeaderContentEncoding, "gzip")
	}
	c.Set(fiber.HeaderContentType, a.media)
	return c.Send(body)
}
