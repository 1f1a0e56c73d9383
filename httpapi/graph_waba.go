package httpapi

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/httpapi/cloudapi"
	"wapid/store"
)

func (s *Server) graphAccountRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/graph/me", scope: store.ScopeRead, tenant: s.graphMe},
		{method: http.MethodGet, path: "/graph/debug_token", scope: store.ScopeRead, tenant: s.graphDebugToken},
	}
}

// graphShowWABA is GET /{waba}.
func (s *Server) graphShowWABA(c *fiber.Ctx, p store.Principal, o store.GraphObject) error {
	t, err := s.store.FindTenant(c.UserContext(), p.Tenant)
	if err != nil {
		return err
	}
	return ok(c, cloudapi.WABANode(formatGraphID(o.ID), t.Name, t.TimeZone, string(t.ID), cloudapi.Fields(c.Query("fields"))))
}

// graphShowApp is GET /{app}.
func (s *Server) graphShowApp(c *fiber.Ctx, p store.Principal, o store.GraphObject) error {
	t, err := s.store.FindTenant(c.UserContext(), p.Tenant)
	if err != nil {
		return err
	}
	return ok(c, cloudapi.AppNode(formatGraphID(o.ID), t.Name, cloudapi.Fields(c.Query("fields"))))
}

// graphMe is GET /me: whom the token speaks for, which is the tenant's app.
func (s *Server) graphMe(c *fiber.Ctx, p store.Principal) error {
	id, err := s.store.GraphID(c.UserContext(), p.Tenant, store.GraphApp, "")
	if err != nil {
		return err
	}
	return s.graphShowApp(c, p, store.GraphObject{ID: id, Kind: store.GraphApp})
}

// graphDebugToken is GET /debug_token: what a token may do. Of one that is not the
// tenant's own no more is told than of one that is none.
func (s *Server) graphDebugToken(c *fiber.Ctx, p store.Principal) error {
	token := c.Query("input_token")
	if token == "" {
		return cloudapi.Errorf(cloudapi.CodeParameterMissing, "the parameter input_token is required")
	}
	var of store.Principal
	err := s.rates.guess(s.clientAddress(c), token, func() (err error) {
		of, err = s.store.FindPrincipal(c.UserContext(), token)
		return err
	})
	switch engine.CodeOf(err) {
	case "", engine.CodeUnauthorized:
	default:
		return err
	}
	if err != nil || of.Tenant != p.Tenant {
		return ok(c, cloudapi.TokenInvalid())
	}
	t, err := s.store.FindTenant(c.UserContext(), p.Tenant)
	if err != nil {
		return err
	}
	app, err := s.store.GraphID(c.UserContext(), p.Tenant, store.GraphApp, "")
	if err != nil {
		return err
	}
	waba, err := s.store.GraphID(c.UserContext(), p.Tenant, store.GraphWABA, "")
	if err != nil {
		return err
	}
	var scopes []string
	if of.Scope.Allows(store.ScopeManage) {
		scopes = append(scopes, "whatsapp_business_management")
	}
	if of.Scope.Allows(store.ScopeSend) {
		scopes = append(scopes, "whatsapp_business_messaging")
	}
	return ok(c, cloudapi.TokenFacts{App: formatGraphID(app), Name: t.Name, Scopes: scopes, Targets: []string{formatGraphID(waba)}}.Answer())
}
