package httpapi

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/httpapi/onprem"
	"wapid/store"
)

func (s *Server) onpremSettingRoutes() []route {
	const application = "/v1/settings/application"
	return []route{
		{method: http.MethodGet, path: "/v1/health", scope: store.ScopeRead, tenant: s.onpremHealth},
		{method: http.MethodGet, path: "/v1/settings/profile/about", scope: store.ScopeRead, tenant: s.onpremAbout},
		{method: http.MethodGet, path: application, scope: store.ScopeRead, tenant: s.onpremGetApplication},
		{method: http.MethodPatch, path: application, scope: store.ScopeManage, tenant: s.onpremSetApplication},
	}
}

// onpremHealth is GET /v1/health: whether the number is connected.
func (s *Server) onpremHealth(c *fiber.Ctx, p store.Principal) error {
	key, err := s.onpremNumber(p)
	if err != nil {
		return err
	}
	snap, err := s.engine.Snapshot(key)
	if err != nil {
		return err
	}
	return ok(c, onprem.NewHealth(snap.State.Status == engine.StatusReady))
}

// onpremAbout is GET /v1/settings/profile/about.
func (s *Server) onpremAbout(c *fiber.Ctx, p store.Principal) error {
	key, _, err := s.onpremLinked(p)
	if err != nil {
		return err
	}
	directory, err := engine.Use[engine.Directory](s.engine, key)
	if err != nil {
		return err
	}
	me, err := directory.Me(c.UserContext())
	if err != nil {
		return err
	}
	return ok(c, onprem.NewAbout(me.About))
}

// onpremGetApplication is GET /v1/settings/application, of which one setting is known.
func (s *Server) onpremGetApplication(c *fiber.Ctx, p store.Principal) error {
	at, err := s.onpremOrigin(c, p)
	if err != nil {
		return err
	}
	o, err := s.store.FindOnPremSettings(c.UserContext(), p.Tenant, at.Phone())
	if err != nil {
		return err
	}
	return ok(c, onprem.NewApplication(o.SentStatus))
}

// onpremSetApplication is PATCH /v1/settings/application.
func (s *Server) onpremSetApplication(c *fiber.Ctx, p store.Principal) error {
	body, err := looseBody(c)
	if err != nil {
		return err
	}
	sent, err := onprem.DecodeApplication(body)
	if err != nil {
		return err
	}
	at, err := s.onpremOrigin(c, p)
	if err != nil {
		return err
	}
	if err := s.store.SaveOnPremSettings(c.UserContext(), p.Tenant, at.Phone(), store.OnPremSettings{SentStatus: sent}); err != nil {
		return err
	}
	return onpremDone(c)
}
