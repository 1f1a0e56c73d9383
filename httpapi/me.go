package httpapi

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

type profileResponse struct {
	PhoneNumber  string     `json:"phoneNumber,omitempty"`
	LID          engine.JID `json:"lid,omitempty"`
	PushName     string     `json:"pushName,omitempty"`
	Platform     string     `json:"platform,omitempty"`
	About        string     `json:"about,omitempty"`
	AvatarURL    string     `json:"avatarUrl,omitempty"`
	BusinessName string     `json:"businessName,omitempty"`
}

func (s *Server) profileRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/api/whatsapp/session/:id/me", scope: store.ScopeRead, tenant: s.me},
	}
}

// me is GET /api/whatsapp/session/{id}/me: the account as its owner sees it.
func (s *Server) me(c *fiber.Ctx, p store.Principal) error {
	directory, _, err := capability[engine.Directory](s, c, p)
	if err != nil {
		return err
	}
	me, err := directory.Me(c.UserContext())
	if err != nil {
		return err
	}
	return ok(c, profileResponse{
		PhoneNumber: me.Person.Phone.User(), LID: me.Person.LID, PushName: me.PushName, Platform: me.Platform,
		About: me.About, AvatarURL: me.AvatarURL, BusinessName: me.BusinessName,
	})
}

// capability returns what the connection of the session in the path can do. It
// returns the errors of sessionKey and of engine.Use.
func capability[T any](s *Server, c *fiber.Ctx, p store.Principal) (T, engine.SessionKey, error) {
	var none T
	key, err := s.sessionKey(c, p)
	if err != nil {
		return none, key, err
	}
	able, err := engine.Use[T](s.engine, key)
	return able, key, err
}
