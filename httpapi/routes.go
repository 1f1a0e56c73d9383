package httpapi

import (
	_ "embed" // the OpenAPI document
	"net/http"
	"slices"

	"github.com/gofiber/fiber/v2"

	"wapid/store"
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
	// upload says that the handler reads the body itself, as it arrives; download
	// that the answer is a file, which may take its time.
	upload, download bool
	// ticket says that a ticket may stand in for the key; noCookie that the login of a
	// browser may not, as browsers open WebSockets for any page.
	ticket, noCookie bool
	// ticketName is the parameter that holds it; "ticket" if it is empty.
	ticketName string
	// sandbox says that the path is there only beside a simulated network.
	sandbox bool
	// scope is what a tenant's key must be allowed; it goes with tenant.
	scope store.Scope
	// tenant is called with whom the request's key speaks for.
	tenant func(c *fiber.Ctx, p store.Principal) error
	// operator needs the operator's key, and is called with where the request
	// comes from, for the audit log.
	operator func(c *fiber.Ctx, from store.Origin) error
	// browser needs a browser that is logged in, as whomever, and is called with the token
	// of its cookie as well.
	browser func(c *fiber.Ctx, w store.WebSession, token string) error
	// anyQuery says that parameters that the route does not know are passed over: who
	// follows a link brings what others have hung on it.
	anyQuery bool
	// bearer says that the operator's key may also come as a bearer token.
	bearer bool
	// public needs no key.
	public fiber.Handler
	// open is how many bytes of a body anybody may send, of a route that uploads and
	// is public; 0 leaves that to the key.
	open int64
}

// routes is the whole API. Each group stands in the file of its handlers.
func (s *Server) routes() []route {
	return slices.Concat(
		s.sendRoutes(), // Fiber looks from the beginning, and this is asked for most
		s.sessionRoutes(), s.proxyTestRoutes(), s.linkingRoutes(), s.pairingLinkRoutes(), s.mediaRoutes(),
		s.bulkRoutes(), s.optOutRoutes(), s.messageRoutes(), s.eventRoutes(),
		s.checkRoutes(), s.profileRoutes(), s.contactRoutes(), s.groupRoutes(), s.chatRoutes(), s.chatListRoutes(),
		s.webhookRoutes(), s.endpointRoutes(), s.deliveryRoutes(),
		s.accountRoutes(), s.keyRoutes(),
		s.adminRoutes(), s.adminKeyRoutes(), s.adminAuditRoutes(), s.sessionMoveRoutes(), s.statsRoutes(), s.loginLinkRoutes(),
		s.systemRoutes(), s.metricsRoutes(), s.logLevelRoutes(), s.docsRoutes(), s.webLoginRoutes(), s.signUpRoutes(), s.dashboardPageRoutes(),
		s.graphSubscriptionRoutes(),
		s.graphMediaRoutes(),
		s.graphMessageRoutes(), s.graphPhoneRoutes(), s.graphAccountRoutes(), s.appRoutes(), s.graphObjectRoutes(),
		s.onpremMessageRoutes(), s.onpremMediaRoutes(), s.onpremContactRoutes(), s.onpremWebhookRoutes(), s.onpremTemplateRoutes(),
		s.onpremSettingRoutes(), s.onpremPartnerRoutes(),
		s.officialRoutes(),
		s.graphTemplateRoutes(), s.graphBlocklistRoutes(), s.graphProfileRoutes(),
		s.sandboxRoutes(), s.hubRoutes(), s.conversationRoutes(), s.oEmbedRoutes(), s.realtimeRoutes(),
	)
}

func (s *Server) systemRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/healthz", public: s.healthz},
		{method: http.MethodGet, path: "/readyz", public: s.readyz},
		{method: http.MethodGet, path: "/openapi.yaml", public: serveOpenAPI},
	}
}

// register gives the table to Fiber. What can be got can be asked for by HEAD.
func (s *Server) register() {
	for _, r := range s.routes() {
		if r.open > 0 {
			s.openPaths[r.path] = r.open
		}
		if r.upload {
			s.uploadPaths = append(s.uploadPaths, r.path)
		}
		if r.download {
			s.downloadPaths = append(s.downloadPaths, r.path)
		}
		handler := r.handler(s)
		if r.method == http.MethodGet {
			s.app.Add(http.MethodHead, r.path, handler)
		}
		s.app.Add(r.method, r.path, handler)
	}
}

// handler checks who calls, and then with what parameters.
func (r route) handler(s *Server) fiber.Handler {
	switch {
	case r.sandbox && s.sandbox == nil:
		return missing
	case r.tenant != nil:
		return s.authenticated(r, func(c *fiber.Ctx, p store.Principal) error {
			if dialectOf(r.path) == nil {
				if err := checkQuery(c, r.query); err != nil {
					return err
				}
			}
			return r.tenant(c, p)
		})
	case r.operator != nil:
		return s.administered(r.bearer, func(c *fiber.Ctx, from store.Origin) error {
			if err := checkQuery(c, r.query); err != nil {
				return err
			}
			return r.operator(c, from)
		})
	case r.browser != nil:
		return s.browsed(func(c *fiber.Ctx, w store.WebSession, token string) error {
			if err := checkQuery(c, r.query); err != nil {
				return err
			}
			return r.browser(c, w, token)
		})
	}
	if r.anyQuery {
		return r.public
	}
	return r.checked(r.public)
}

// checked refuses query parameters that the route does not know, unless it is one of a
// dialect.
func (r route) checked(next fiber.Handler) fiber.Handler {
	if dialectOf(r.path) != nil {
		return next
	}
	return func(c *fiber.Ctx) error {
		if err := checkQuery(c, r.query); err != nil {
			return err
		}
		return next(c)
	}
}

func serveOpenAPI(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, "application/yaml")
	return c.Send(openAPI)
}
