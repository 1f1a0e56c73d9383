package httpapi

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

// putWebhookRequest replaces the whole webhook: without a secret, deliveries
// are not signed any more, and without events it gets those of the document.
type putWebhookRequest struct {
	URL    string   `json:"url"`
	Secret string   `json:"secret"`
	Events []string `json:"events"`
}

// webhookResponse never holds the secret.
type webhookResponse struct {
	Success   bool               `json:"success,omitempty"` // of a change
	URL       string             `json:"url"`
	HasSecret bool               `json:"hasSecret"`
	CreatedAt string             `json:"createdAt"`
	UpdatedAt string             `json:"updatedAt"`
	Events    []engine.EventType `json:"events"`
}

type successResponse struct {
	Success bool `json:"success"`
}

func (s *Server) webhookRoutes() []route {
	return []route{
		{method: http.MethodPut, path: "/api/account/webhook", scope: store.ScopeManage, tenant: s.putWebhook},
		{method: http.MethodGet, path: "/api/account/webhook", scope: store.ScopeRead, tenant: s.getWebhook},
		{method: http.MethodDelete, path: "/api/account/webhook", scope: store.ScopeManage, tenant: s.deleteWebhook},
		{method: http.MethodPost, path: "/api/account/webhook/test", scope: store.ScopeManage, tenant: s.testWebhook},
	}
}

// putWebhook is PUT /api/account/webhook.
func (s *Server) putWebhook(c *fiber.Ctx, p store.Principal) error {
	var req putWebhookRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	url, err := s.checkWebhook(req.URL, req.Secret)
	if err != nil {
		return err
	}
	var types []engine.EventType
	if req.Events != nil {
		if types, err = webhooks.ParseTypes(req.Events); err != nil {
			return err
		}
	}
	e, err := s.store.PutEndpoint(c.UserContext(), p.Tenant, url, req.Secret, types...)
	if err != nil {
		return err
	}
	body := describeWebhook(e)
	body.Success = true
	return ok(c, body)
}

// checkWebhook checks URL and secret of a webhook, and returns the URL as it is
// to be kept. It returns CodeInvalid and CodeEgressRefused.
func (s *Server) checkWebhook(raw, secret string) (url string, err error) {
	if url, err = webhooks.ParseURL(raw); err != nil {
		return "", err
	}
	if s.guard != nil {
		if err := s.guard.CheckURL(url); err != nil {
			return "", err
		}
	}
	return url, webhooks.CheckSecret(secret)
}

// getWebhook is GET /api/account/webhook.
func (s *Server) getWebhook(c *fiber.Ctx, p store.Principal) error {
	e, err := s.store.FindEndpoint(c.UserContext(), p.Tenant)
	if err == nil && !seesEndpoint(p, e) {
		err = errNoEndpoint()
	}
	if err != nil {
		return err
	}
	return ok(c, describeWebhook(e))
}

// deleteWebhook is DELETE /api/account/webhook. Deliveries that wait go with it.
func (s *Server) deleteWebhook(c *fiber.Ctx, p store.Principal) error {
	if err := s.store.DeleteEndpoint(c.UserContext(), p.Tenant); err != nil {
		return err
	}
	return ok(c, successResponse{Success: true})
}

func describeWebhook(e webhooks.Endpoint) webhookResponse {
	return webhookResponse{
		URL: e.URL, HasSecret: e.Secret != "",
		CreatedAt: isoMillis(e.CreatedAt), UpdatedAt: isoMillis(e.UpdatedAt), Events: e.Wants(),
	}
}
