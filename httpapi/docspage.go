package httpapi

import (
	"embed"
	"net/http"

	"github.com/gofiber/fiber/v2"
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

func newDocsPage() *pageFiles { return newPageFiles(docsFiles, "docs", docsPolicy) }

func (s *Server) docsRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/docs", public: func(c *fiber.Ctx) error { return s.docs.serve(c, "index.html") }},
		{method: http.MethodGet, path: "/docs/:file", public: func(c *fiber.Ctx) error { return s.docs.serve(c, c.Params("file")) }},
	}
}
