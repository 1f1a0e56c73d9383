package httpapi

import (
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

// endpointResponse never holds a secret, nor what the headers say.
type endpointResponse struct {
	WebhookID     webhooks.EndpointID     `json:"webhookId"`
	Main          bool                    `json:"main"` // it is the one of /api/account/webhook
	Name          string                  `json:"name"`
	URL           string                  `json:"url"`
	Events        []engine.EventType      `json:"events"`
	Sessions      []engine.SessionID      `json:"sessions"` // empty for all
	Headers       map[string]string       `json:"headers"`
	SignatureMode webhooks.SignatureMode  `json:"signatureMode"`
	HasSecret     bool                    `json:"hasSecret"`
	SecretHint    string                  `json:"secretHint,omitempty"`
	OldSecretTill string                  `json:"oldSecretUntil,omitempty"`
	Enabled       bool                    `json:"enabled"`
	Disabled      webhooks.DisabledReason `json:"disabledReason,omitempty"`
	Circuit       circuitResponse         `json:"circuit"`
	CreatedAt     string                  `json:"createdAt"`
	UpdatedAt     string                  `json:"updatedAt"`
	Format        webhooks.Format         `json:"format"`
	Origin        webhooks.Origin         `json:"origin,omitempty"` // where in Meta's Graph API it was set
}

type circuitResponse struct {
	State               string `json:"state"` // closed, open
	Since               string `json:"since,omitempty"`
	NextProbeAt         string `json:"nextProbeAt,omitempty"`
	FailingSince        string `json:"failingSince,omitempty"`
	ConsecutiveFailures int    `json:"consecutiveFailures"`
}

type endpointListResponse struct {
	Webhooks []endpointResponse `json:"webhooks"`
}

type endpointChangedResponse struct {
	Success bool `json:"success"`
	endpointResponse
}

// endpointSecretResponse shows a secret, this once.
type endpointSecretResponse struct {
	Success bool   `json:"success"`
	Secret  string `json:"secret"`
	endpointResponse
}

const (
	endpointsPath = "/api/account/webhooks"
	endpointPath  = endpointsPath + "/:webhookId"
)

func (s *Server) endpointRoutes() []route {
	return []route{
		{method: http.MethodGet, path: endpointsPath, scope: store.ScopeRead, tenant: s.listEndpoints},
		{method: http.MethodPost, path: endpointsPath, scope: store.ScopeManage, tenant: s.createEndpoint},
		{method: http.MethodGet, path: endpointPath, scope: store.ScopeRead, tenant: s.getEndpoint},
		{method: http.MethodPatch, path: endpointPath, scope: store.ScopeManage, tenant: s.patchEndpoint},
		{method: http.MethodDelete, path: endpointPath, scope: store.ScopeManage, tenant: s.deleteEndpoint},
		{method: http.MethodPost, path: endpointPath + "/rotate-secret", scope: store.ScopeManage, tenant: s.rotateSecret},
		{method: http.MethodPost, path: endpointPath + "/test", scope: store.ScopeManage, tenant: s.testEndpoint},
	}
}

// listEndpoints is GET /api/account/webhooks.
func (s *Server) listEndpoints(c *fiber.Ctx, p store.Principal) error {
	list, err := s.store.ListEndpoints(c.UserContext(), p.Tenant)
	if err != nil {
		return err
	}
	body := endpointListResponse{Webhooks: []endpointResponse{}}
	for _, e := range list {
		if seesEndpoint(p, e) {
			body.Webhooks = append(body.Webhooks, describeEndpoint(p, e))
		}
	}
	return ok(c, body)
}

// createEndpoint is POST /api/account/webhooks.
func (s *Server) createEndpoint(c *fiber.Ctx, p store.Principal) error {
	var req createEndpointRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	e, err := req.endpoint(s.checkWebhook)
	if err != nil {
		return err
	}
	e.Tenant = p.Tenant
	if e, err = s.store.InsertEndpoint(c.UserContext(), e); err != nil {
		return err
	}
	return answer(c, http.StatusCreated, endpointSecretResponse{Success: true, Secret: e.Secret, endpointResponse: describeEndpoint(p, e)})
}

// getEndpoint is GET /api/account/webhooks/{webhookId}.
func (s *Server) getEndpoint(c *fiber.Ctx, p store.Principal) error {
	e, err := s.findEndpoint(c, p)
	if err != nil {
		return err
	}
	return ok(c, describeEndpoint(p, e))
}

// patchEndpoint is PATCH /api/account/webhooks/{webhookId}.
func (s *Server) patchEndpoint(c *fiber.Ctx, p store.Principal) error {
	var req patchEndpointRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	change, err := req.change(s.checkWebhook)
	if err != nil {
		return err
	}
	e, err := s.findEndpoint(c, p)
	if err != nil {
		return err
	}
	if change.Headers != nil {
		if err := unmaskHeaders(*change.Headers, e.Headers); err != nil {
			return err
		}
	}
	if e, err = s.store.UpdateEndpoint(c.UserContext(), p.Tenant, e.ID, change); err != nil {
		return err
	}
	return ok(c, endpointChangedResponse{Success: true, endpointResponse: describeEndpoint(p, e)})
}

// deleteEndpoint is DELETE /api/account/webhooks/{webhookId}. Deliveries that wait
// go with it.
func (s *Server) deleteEndpoint(c *fiber.Ctx, p store.Principal) error {
	if err := s.store.DeleteEndpointByID(c.UserContext(), p.Tenant, endpointID(c)); err != nil {
		return err
	}
	return ok(c, successResponse{Success: true})
}

// rotateSecret is POST /api/account/webhooks/{webhookId}/rotate-secret.
func (s *Server) rotateSecret(c *fiber.Ctx, p store.Principal) error {
	var req rotateSecretRequest
	if len(c.BodyRaw()) > 0 {
		if err := decode(c, &req); err != nil {
			return err
		}
	}
	secret, overlap, err := req.rotation()
	if err != nil {
		return err
	}
	e, err := s.store.RotateSecret(c.UserContext(), p.Tenant, endpointID(c), secret, overlap)
	if err != nil {
		return err
	}
	return ok(c, endpointSecretResponse{Success: true, Secret: secret, endpointResponse: describeEndpoint(p, e)})
}

// testEndpoint is POST /api/account/webhooks/{webhookId}/test.
func (s *Server) testEndpoint(c *fiber.Ctx, p store.Principal) error {
	e, err := s.findEndpoint(c, p)
	if err != nil {
		return err
	}
	return s.answerTest(c, e)
}

func endpointID(c *fiber.Ctx) webhooks.EndpointID { return webhooks.EndpointID(c.Params("webhookId")) }

// findEndpoint finds the endpoint of a path. It returns CodeNotFound, also for one
// that the key does not see.
func (s *Server) findEndpoint(c *fiber.Ctx, p store.Principal) (webhooks.Endpoint, error) {
	e, err := s.store.FindEndpointByID(c.UserContext(), p.Tenant, endpointID(c))
	if err == nil && !seesEndpoint(p, e) {
		return webhooks.Endpoint{}, errNoEndpoint()
	}
	return e, err
}

// errNoEndpoint is what the store says of an endpoint that is not there.
func errNoEndpoint() error { return engine.Errorf(engine.CodeNotFound, "there is no such webhook") }

// seesEndpoint tells whether a key may look at an endpoint: one that is limited to
// sessions sees those that get events of one of them.
func seesEndpoint(p store.Principal, e webhooks.Endpoint) bool {
	return p.Sessions == nil || len(e.Sessions) == 0 || slices.ContainsFunc(e.Sessions, p.Reaches)
}

func describeEndpoint(p store.Principal, e webhooks.Endpoint) endpointResponse {
	r := endpointResponse{
		WebhookID: e.ID, Main: e.Main, Name: e.Name, URL: e.URL, Events: e.Wants(),
		Sessions: []engine.SessionID{}, Headers: map[string]string{}, SignatureMode: e.SignatureMode,
		HasSecret: e.Secret != "", SecretHint: e.SecretHint(),
		Enabled: e.Enabled, Disabled: e.DisabledReason, Circuit: describeCircuit(e.Circuit),
		CreatedAt: isoMillis(e.CreatedAt), UpdatedAt: isoMillis(e.UpdatedAt), Format: e.Format, Origin: e.Origin,
	}
	if len(e.Secrets(time.Now())) > 1 {
		r.OldSecretTill = isoTime(e.OldSecretUntil)
	}
	for name := range e.Headers {
		r.Headers[name] = maskedValue
	}
	for _, id := range e.Sessions {
		if p.Reaches(id) {
			r.Sessions = append(r.Sessions, id)
		}
	}
	return r
}

func describeCircuit(c webhooks.Circuit) circuitResponse {
	r := circuitResponse{State: "closed", NextProbeAt: isoTime(c.HeldUntil), FailingSince: isoTime(c.FailingSince), ConsecutiveFailures: c.Failures}
	if c.Open() {
		r.State, r.Since = "open", isoTime(c.OpenedAt)
	}
	return r
}
