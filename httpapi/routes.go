package httpapi

import (
	_ "embed" // the OpenAPI document
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
)

// openAPI describes every route of this package. A test holds it against the
// table below in both directions.
//
//go:embed openapi.yaml
var openAPI []byte

// route is one entry of the table of routes. Exactly one of its handlers is set:
// which one says who may call it.
type route struct {
	method string
	path   string
	// query names the parameters that the route knows; others are refused.
	query []string
	// tenant is called with the tenant whose key the request carries.
	tenant func(c *fiber.Ctx, tenant engine.TenantID) error
	// public needs no key.
	public fiber.Handler
}

// routes is the whole API.
func (s *Server) routes() []route {
	return []route{
		{method: http.MethodPost, path: "/api/whatsapp/session", tenant: s.createSession},
		{method: http.MethodGet, path: "/api/whatsapp/sessions", tenant: s.listSessions},
		{method: http.MethodGet, path: "/api/whatsapp/session/:id/status", query: []string{"wait"}, tenant: s.sessionStatus},
		{method: http.MethodDelete, path: "/api/whatsapp/session/:id", query: []string{"logout"}, tenant: s.deleteSession},
		{method: http.MethodPost, path: "/api/whatsapp/session/:id/send", tenant: s.send},

		{method: http.MethodPut, path: "/api/account/webhook", tenant: s.putWebhook},
		{method: http.MethodGet, path: "/api/account/webhook", tenant: s.getWebhook},
		{method: http.MethodDelete, path: "/api/account/webhook", tenant: s.deleteWebhook},

		{method: http.MethodGet, path: "/healthz", public: s.healthz},
		{method: http.MethodGet, path: "/readyz", public: s.readyz},
		{method: http.MethodGet, path: "/openapi.yaml", public: serveOpenAPI},
	}
}

// register gives the table to Fiber. What can be got can be asked for by HEAD.
func (s *Server) register() {
	for _, r := range s.routes() {
		handler := r.handler(s)
		if r.method == http.MethodGet {
			s.app.Add(http.MethodHead, r.path, handler)
		}
		s.app.Add(r.method, r.path, handler)
	}
}

// handler checks who calls, and then with what parameters.
func (r route) handler(s *Server) fiber.Handler {
	if r.tenant != nil {
		return s.authenticated(func(c *fiber.Ctx, tenant engine.TenantID) error {
			if err := checkQuery(c, r.query); err != nil {
				return err
			}
			return r.tenant(c, tenant)
		})
	}
	return func(c *fiber.Ctx) error {
		if err := checkQuery(c, r.query); err != nil {
			return err
		}
		return r.public(c)
	}
}

func serveOpenAPI(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, "application/yaml")
	return c.Send(openAPI)
}
