package httpapi

import (
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

type proxyTestRequest struct {
	Proxy string `json:"proxy"`
}

type proxyTestResponse struct {
	Success    bool  `json:"success"`
	DurationMs int64 `json:"durationMs"`
}

func (s *Server) proxyTestRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/api/whatsapp/proxy/test", scope: store.ScopeManage, tenant: s.testProxy},
	}
}

// testProxy is POST /api/whatsapp/proxy/test. No session is touched. It takes one
// of the tenant's places for what leaves the daemon, as files do.
func (s *Server) testProxy(c *fiber.Ctx, p store.Principal) error {
	var req proxyTestRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if req.Proxy == "" {
		return errMissing("proxy")
	}
	if err := s.checkProxy(req.Proxy); err != nil {
		return err
	}
	if s.tryProxy == nil {
		return engine.Errorf(engine.CodeNotSupported, "this network knows no proxies")
	}
	leave, err := s.files.enter(c.UserContext(), p.Tenant)
	if err != nil {
		return err
	}
	defer leave()
	began := time.Now()
	if err := s.tryProxy(c.UserContext(), req.Proxy); err != nil {
		return err
	}
	return ok(c, proxyTestResponse{Success: true, DurationMs: time.Since(began).Milliseconds()})
}

// checkProxy checks a proxy's URL. It returns CodeInvalid, and CodeEgressRefused for
// an address that is refused; a name is judged when it is dialled.
func (s *Server) checkProxy(raw string) error {
	if _, err := engine.ParseProxy(raw); err != nil {
		return err
	}
	if s.guard != nil {
		return s.guard.CheckURL(raw)
	}
	return nil
}
