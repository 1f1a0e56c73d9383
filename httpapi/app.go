package httpapi

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wapid/store"
)

// appResponse is what programs that were written for Meta's Cloud API are configured
// with. The access token is any of the account's API keys.
type appResponse struct {
	AppID       string     `json:"appId"`
	AppSecret   string     `json:"appSecret"`
	VerifyToken string     `json:"verifyToken"`
	WABAID      string     `json:"wabaId"`
	Phones      []appPhone `json:"phoneNumbers"`
	CreatedAt   string     `json:"createdAt"`
	UpdatedAt   string     `json:"updatedAt"`
}

type appPhone struct {
	PhoneNumberID string `json:"phoneNumberId"`
	PhoneNumber   string `json:"phoneNumber"`
	SessionID     string `json:"sessionId"`
}

func (s *Server) appRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/api/account/app", scope: store.ScopeManage, tenant: s.showApp},
		{method: http.MethodPost, path: "/api/account/app/rotate", scope: store.ScopeManage, tenant: s.rotateApp},
	}
}

// showApp is GET /api/account/app. The app is made when it is first asked for.
func (s *Server) showApp(c *fiber.Ctx, p store.Principal) error {
	a, err := s.store.App(c.UserContext(), p.Tenant)
	if err != nil {
		return err
	}
	return s.answerApp(c, p, a)
}

// rotateApp is POST /api/account/app/rotate. What is signed from here on has the new
// secret.
func (s *Server) rotateApp(c *fiber.Ctx, p store.Principal) error {
	a, err := s.store.RotateApp(c.UserContext(), by(c, p), p.Tenant)
	if err != nil {
		return err
	}
	return s.answerApp(c, p, a)
}

func (s *Server) answerApp(c *fiber.Ctx, p store.Principal, a store.App) error {
	if err := s.loaded(); err != nil {
		return err
	}
	waba, err := s.store.GraphID(c.UserContext(), p.Tenant, store.GraphWABA, "")
	if err != nil {
		return err
	}
	phones, err := s.phonesOf(c, p)
	if err != nil {
		return err
	}
	body := appResponse{AppID: formatGraphID(a.ID), AppSecret: a.Secret, VerifyToken: a.VerifyToken, WABAID: formatGraphID(waba),
		Phones: []appPhone{}, CreatedAt: isoMillis(a.CreatedAt), UpdatedAt: isoMillis(a.UpdatedAt)}
	for _, one := range phones {
		body.Phones = append(body.Phones, appPhone{PhoneNumberID: formatGraphID(one.object.ID), PhoneNumber: one.object.Ref, SessionID: string(one.session.Key.ID)})
	}
	return ok(c, body)
}
