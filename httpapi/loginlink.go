package httpapi

import (
	"context"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wapid/store"
)

// loginPath leads to the page that logs in by the link's token. The token stands behind
// the #, which a browser sends to nobody.
const loginPath = "/#/login?link="

type loginLinkResponse struct {
	Success   bool   `json:"success"`
	URL       string `json:"url"`
	ExpiresAt int64  `json:"expiresAt"` // unix milliseconds
}

func (s *Server) loginLinkRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/api/admin/tenants/:tenantId/login-link", operator: s.makeLoginLink},
	}
}

// makeLoginLink is POST /api/admin/tenants/{tenantId}/login-link.
func (s *Server) makeLoginLink(c *fiber.Ctx, from store.Origin) error {
	id, err := tenantID(c)
	if err != nil {
		return err
	}
	if err := decodeNothing(c); err != nil {
		return err
	}
	base, err := s.linkBase(c, "")
	if err != nil {
		return err
	}
	token, expires, err := s.store.IssueLoginLink(c.UserContext(), from, id)
	if err != nil {
		return err
	}
	return ok(c, loginLinkResponse{Success: true, URL: base + loginPath + token, ExpiresAt: unixMillis(expires)})
}

// LoginLink makes a link that logs the default tenant in once, for whoever starts the
// daemon; base is where the page is found, unless Options.PublicURL says so.
func (s *Server) LoginLink(ctx context.Context, base string) (string, error) {
	if s.public != "" {
		base = s.public
	}
	token, _, err := s.store.IssueLoginLink(ctx, store.Origin{By: store.ActorShell}, store.DefaultTenant)
	if err != nil {
		return "", err
	}
	return base + loginPath + token, nil
}
