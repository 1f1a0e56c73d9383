package httpapi

import (
	"embed"
	"net/http"

	"github.com/gofiber/fiber/v2"
)

// dashboardFiles are the dashboard: its page, its modules, and the libraries that
// they use. See dashboard/vendor/VENDOR.md for where those come from, and
// docs/dashboard.md for the rest. What only makes the libraries is left out.
//
//go:embed dashboard/*.html dashboard/*.js dashboard/*.css dashboard/*.svg
//go:embed dashboard/pages
//go:embed dashboard/vendor/*.js dashboard/vendor/*.css dashboard/vendor/LICENSE-*.txt
var dashboardFiles embed.FS

// dashboardPolicy lets the page load and reach nothing but this host, and run
// nothing that does not stand in a file. Pictures and sound may be made in the page.
const dashboardPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; " +
	"media-src 'self' blob:; connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

func newDashboardPage() *pageFiles {
	return newPageFiles(dashboardFiles, "dashboard", dashboardPolicy)
}

func (s *Server) dashboardPageRoutes() []route {
	below := func(folder string) fiber.Handler {
		return func(c *fiber.Ctx) error { return s.dashboard.serve(c, folder+c.Params("file")) }
	}
	return []route{
		{method: http.MethodGet, path: "/", public: func(c *fiber.Ctx) error { return s.dashboard.serve(c, "index.html") }},
		{method: http.MethodGet, path: "/dashboard/pages/:file", public: below("pages/")},
		{method: http.MethodGet, path: "/dashboard/vendor/:file", public: below("vendor/")},
		{method: http.MethodGet, path: "/dashboard/:file", public: below("")},
	}
}
