package httpapi

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/httpapi/onprem"
	"wapid/store"
	"wapid/webhooks"
)

func (s *Server) onpremWebhookRoutes() []route {
	const path = "/v1/configs/webhook"
	return []route{
		{method: http.MethodGet, path: path, scope: store.ScopeRead, tenant: s.onpremGetWebhook},
		{method: http.MethodPost, path: path, scope: store.ScopeSend, tenant: s.onpremSetWebhook},
		{method: http.MethodDelete, path: path, scope: store.ScopeSend, tenant: s.onpremDeleteWebhook},
	}
}

// onpremOrigin is the place of a key's number among the tenant's endpoints.
func (s *Server) onpremOrigin(c *fiber.Ctx, p store.Principal) (webhooks.Origin, error) {
	key, err := s.onpremNumber(p)
	if err != nil {
		return "", err
	}
	phone, err := s.store.PhoneObject(c.UserContext(), key)
	if engine.CodeOf(err) == engine.CodeNotFound {
		return "", onprem.Errorf(onprem.CodeNotReady, "the number is not linked: scan the QR code of its session")
	}
	return webhooks.OriginD360(phone.Ref), err
}

// onpremSetWebhook is POST /v1/configs/webhook: the number's only one from here on. Its
// headers go with every delivery.
func (s *Server) onpremSetWebhook(c *fiber.Ctx, p store.Principal) error {
	body, err := looseBody(c)
	if err != nil {
		return err
	}
	w, err := onprem.DecodeWebhook(body)
	if err != nil {
		return err
	}
	at, err := s.onpremOrigin(c, p)
	if err != nil {
		return err
	}
	to, err := s.checkWebhook(w.URL, "")
	if err != nil {
		return err
	}
	if err := webhooks.CheckHeaders(w.Headers); err != nil {
		return err
	}
	e, err := s.store.PutNumberEndpoint(c.UserContext(), p.Tenant, at, webhooks.FormatOnPrem, to, w.Headers)
	if err != nil {
		return err
	}
	return ok(c, onprem.Webhook{URL: e.URL, Headers: w.Headers})
}

// onpremGetWebhook is GET /v1/configs/webhook. What the headers say is shown masked to
// keys that only read.
func (s *Server) onpremGetWebhook(c *fiber.Ctx, p store.Principal) error {
	at, err := s.onpremOrigin(c, p)
	if err != nil {
		return err
	}
	e, err := s.store.FindNumberEndpoint(c.UserContext(), p.Tenant, at)
	if engine.CodeOf(err) == engine.CodeNotFound {
		return ok(c, onprem.Webhook{})
	}
	if err != nil {
		return err
	}
	if !p.Scope.Allows(store.ScopeSend) {
		for name := range e.Headers {
			e.Headers[name] = maskedValue
		}
	}
	return ok(c, onprem.Webhook{URL: e.URL, Headers: e.Headers})
}

// onpremDeleteWebhook is DELETE /v1/configs/webhook. Without a webhook there is nothing to do.
func (s *Server) onpremDeleteWebhook(c *fiber.Ctx, p store.Principal) error {
	at, err := s.onpremOrigin(c, p)
	if err != nil {
		return err
	}
	e, err := s.store.FindNumberEndpoint(c.UserContext(), p.Tenant, at)
	if err == nil {
		err = s.store.DeleteEndpointByID(c.UserContext(), p.Tenant, e.ID)
	}
	if err != nil && engine.CodeOf(err) != engine.CodeNotFound {
		return err
	}
	return onpremDone(c)
}
