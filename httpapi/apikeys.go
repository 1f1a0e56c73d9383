package httpapi

import (
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

// Limits of what a key may be granted.
const (
	maxKeyName     = 100 // characters
	maxKeySessions = 100
)

type createKeyRequest struct {
	Name      string   `json:"name"`
	Scope     string   `json:"scope"`
	Sessions  []string `json:"sessions"`
	ExpiresAt string   `json:"expiresAt"` // RFC 3339
}

// keyResponse never holds the key itself, only its first characters.
type keyResponse struct {
	KeyID      store.KeyID        `json:"keyId"`
	Name       string             `json:"name"`
	Scope      store.Scope        `json:"scope"`
	Sessions   []engine.SessionID `json:"sessions,omitempty"` // absent for all
	Main       bool               `json:"main"`
	Prefix     string             `json:"prefix,omitempty"`
	ExpiresAt  string             `json:"expiresAt,omitempty"`
	LastUsedAt string             `json:"lastUsedAt,omitempty"`
	CreatedAt  string             `json:"createdAt"`
}

type keyListResponse struct {
	Keys []keyResponse `json:"keys"`
}

// createKeyResponse shows the key, this once.
type createKeyResponse struct {
	Success bool   `json:"success"`
	APIKey  string `json:"apiKey"`
	keyResponse
}

type resetKeyResponse struct {
	Success bool   `json:"success"`
	APIKey  string `json:"apiKey"`
}

func (s *Server) keyRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/api/account/api-keys", scope: store.ScopeManage, tenant: s.listKeys},
		{method: http.MethodPost, path: "/api/account/api-keys", scope: store.ScopeManage, tenant: s.createKey},
		{method: http.MethodDelete, path: "/api/account/api-keys/:keyId", scope: store.ScopeManage, tenant: s.deleteKey},
		{method: http.MethodPost, path: "/api/account/api-key/reset", scope: store.ScopeManage, tenant: s.resetKey},
	}
}

// listKeys is GET /api/account/api-keys.
func (s *Server) listKeys(c *fiber.Ctx, p store.Principal) error {
	return s.answerKeys(c, p.Tenant)
}

// createKey is POST /api/account/api-keys.
func (s *Server) createKey(c *fiber.Ctx, p store.Principal) error {
	return s.answerNewKey(c, by(c, p), p.Tenant)
}

// deleteKey is DELETE /api/account/api-keys/{keyId}. A key does not end itself:
// whoever has only that one would be locked out.
func (s *Server) deleteKey(c *fiber.Ctx, p store.Principal) error {
	id := store.KeyID(c.Params("keyId"))
	if id == p.Key {
		return engine.Errorf(engine.CodeInvalid, "an API key can't delete itself: use another one, or reset the main key")
	}
	if err := s.store.DeleteKey(c.UserContext(), by(c, p), p.Tenant, id); err != nil {
		return err
	}
	return ok(c, successResponse{Success: true})
}

// resetKey is POST /api/account/api-key/reset.
func (s *Server) resetKey(c *fiber.Ctx, p store.Principal) error {
	return s.answerReset(c, by(c, p), p.Tenant)
}

func (s *Server) answerKeys(c *fiber.Ctx, tenant engine.TenantID) error {
	keys, err := s.store.ListKeys(c.UserContext(), tenant)
	if err != nil {
		return err
	}
	body := keyListResponse{Keys: make([]keyResponse, len(keys))}
	for i, k := range keys {
		body.Keys[i] = describeKey(k)
	}
	return ok(c, body)
}

func (s *Server) answerNewKey(c *fiber.Ctx, from store.Origin, tenant engine.TenantID) error {
	var req createKeyRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	grant, err := req.grant(time.Now())
	if err != nil {
		return err
	}
	k, plain, err := s.store.CreateKey(c.UserContext(), from, tenant, grant)
	if err != nil {
		return err
	}
	return answer(c, http.StatusCreated, createKeyResponse{Success: true, APIKey: plain, keyResponse: describeKey(k)})
}

func (s *Server) answerReset(c *fiber.Ctx, from store.Origin, tenant engine.TenantID) error {
	_, plain, err := s.store.ResetKey(c.UserContext(), from, tenant)
	if err != nil {
		return err
	}
	return ok(c, resetKeyResponse{Success: true, APIKey: plain})
}

// grant checks what a key is to be for. It returns CodeInvalid.
func (r createKeyRequest) grant(now time.Time) (g store.KeyGrant, err error) {
	g.Name = strings.TrimSpace(r.Name)
	switch {
	case g.Name == "":
		return g, engine.Errorf(engine.CodeInvalid, "name is required")
	case utf8.RuneCountInString(g.Name) > maxKeyName || strings.ContainsFunc(g.Name, unicode.IsControl):
		return g, engine.Errorf(engine.CodeInvalid, "name must have at most %d characters that print", maxKeyName)
	}
	if g.Scope, err = store.ParseScope(r.Scope); err != nil {
		return g, err
	}
	if g.Sessions, err = parseKeySessions(r.Sessions); err != nil {
		return g, err
	}
	if r.ExpiresAt != "" {
		g.ExpiresAt, err = time.Parse(time.RFC3339, r.ExpiresAt)
		if err != nil || !g.ExpiresAt.After(now) || g.ExpiresAt.UTC().Year() > 9999 {
			return g, engine.Errorf(engine.CodeInvalid, "expiresAt must be a time to come, such as 2030-12-31T23:59:59Z")
		}
	}
	return g, nil
}

// parseKeySessions reads the sessions that a key is limited to; none given is no
// limit, an empty list is a mistake. The sessions need not exist yet.
func parseKeySessions(list []string) ([]engine.SessionID, error) {
	if list == nil {
		return nil, nil
	}
	if len(list) == 0 || len(list) > maxKeySessions {
		return nil, engine.Errorf(engine.CodeInvalid, "sessions must name 1 to %d sessions; leave it out for all", maxKeySessions)
	}
	ids := make([]engine.SessionID, 0, len(list))
	for _, text := range list {
		id, err := engine.ParseSessionID(text)
		if err != nil {
			return nil, engine.Errorf(engine.CodeInvalid, "sessions must hold session ids")
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func describeKey(k store.Key) keyResponse {
	return keyResponse{
		KeyID: k.ID, Name: k.Name, Scope: k.Scope, Sessions: k.Sessions, Main: k.Main, Prefix: k.Public,
		ExpiresAt: isoTime(k.ExpiresAt), LastUsedAt: isoTime(k.UsedAt), CreatedAt: isoMillis(k.CreatedAt),
	}
}

// isoTime is "" for the zero time, so that omitempty leaves it out.
func isoTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return isoMillis(t)
}
