package httpapi

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

// loginRequest says who logs in, in exactly one of four ways.
type loginRequest struct {
	APIKey   string `json:"apiKey"`
	AdminKey string `json:"adminKey"`
	Link     string `json:"link"` // the token of a one-time link
	Email    string `json:"email"`
	Password string `json:"password"`
}

// webRole is whom a browser is logged in as.
type webRole string

const (
	roleTenant   webRole = "tenant"
	roleOperator webRole = "operator"
)

// webSessionResponse is a login as its browser may know it.
type webSessionResponse struct {
	Role      webRole            `json:"role"`
	Tenant    *webTenant         `json:"tenant,omitempty"`
	Scope     store.Scope        `json:"scope,omitempty"`
	Sessions  []engine.SessionID `json:"sessions,omitempty"` // the only ones that it reaches
	CSRF      string             `json:"csrf"`
	ExpiresAt int64              `json:"expiresAt"` // unix milliseconds
}

type webTenant struct {
	ID   engine.TenantID `json:"id"`
	Name string          `json:"name"`
}

// dashboardInfo is what the page must know before anybody has logged in.
type dashboardInfo struct {
	Version string `json:"version"`
	SignUp  bool   `json:"signup"`
	Sandbox bool   `json:"sandbox"`
	// Known says that the browser has brought a login, which may have ended meanwhile.
	Known bool `json:"known"`
}

func (s *Server) webLoginRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/dashboard/info", public: s.dashboardInfo},
		{method: http.MethodPost, path: "/dashboard/login", public: s.login},
		{method: http.MethodGet, path: "/dashboard/session", browser: s.webSession},
		{method: http.MethodPost, path: "/dashboard/logout", browser: s.logout},
	}
}

// dashboardInfo is GET /dashboard/info.
func (s *Server) dashboardInfo(c *fiber.Ctx) error {
	return ok(c, dashboardInfo{Version: s.version, SignUp: s.signUp != nil, Sandbox: s.sandbox != nil, Known: cookieOf(&c.Request().Header) != ""})
}

// browsed admits whoever is logged in with a browser.
func (s *Server) browsed(next func(*fiber.Ctx, store.WebSession, string) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		w, token, err := s.browsing(c)
		if err != nil {
			return err
		}
		return next(c, w, token)
	}
}

// webSession is GET /dashboard/session: who is logged in. It returns
// CodeTenantSuspended.
func (s *Server) webSession(c *fiber.Ctx, w store.WebSession, token string) error {
	if w.Suspended {
		return errSuspended()
	}
	return ok(c, describeWebSession(w, token))
}

func describeWebSession(w store.WebSession, token string) webSessionResponse {
	body := webSessionResponse{Role: roleTenant, CSRF: csrfOf(token), ExpiresAt: unixMillis(w.ExpiresAt)}
	if w.Operator {
		body.Role = roleOperator
	} else {
		body.Tenant = &webTenant{w.Tenant, w.TenantName}
		body.Scope, body.Sessions = w.Scope, w.Sessions
	}
	return body
}

// login is POST /dashboard/login. It returns CodeUnauthorized for a key that is not
// valid, CodeLinkExpired, CodeTenantSuspended, and CodeRateLimited once the address has
// tried too many.
func (s *Server) login(c *fiber.Ctx) error {
	var req loginRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if err := s.checkOwnPage(c); err != nil {
		return err
	}
	enter, err := s.entrance(c, req)
	if err != nil {
		return err
	}
	w, token, err := enter()
	if err != nil {
		return err
	}
	if err := s.admit(c, token); err != nil {
		return err
	}
	return ok(c, describeWebSession(w, token))
}

// admit gives the browser its cookie, and ends what it was logged in as before.
func (s *Server) admit(c *fiber.Ctx, token string) error {
	if old := string(c.Request().Header.Cookie(webCookie)); old != "" {
		before, err := s.store.FindWebSession(c.UserContext(), old)
		if err == nil {
			err = s.store.CloseWebSession(c.UserContext(), before.ID)
		}
		if err != nil && engine.CodeOf(err) != engine.CodeUnauthorized {
			return err
		}
	}
	s.setCookie(c, token)
	return nil
}

// entrance finds the way in that a request names. It returns CodeInvalid unless it is
// one.
func (s *Server) entrance(c *fiber.Ctx, req loginRequest) (func() (store.WebSession, string, error), error) {
	ways := 0
	for _, given := range []string{req.APIKey, req.AdminKey, req.Link, req.Email + req.Password} {
		if given != "" {
			ways++
		}
	}
	switch {
	case ways != 1:
		return nil, engine.Errorf(engine.CodeInvalid, "give exactly one of apiKey, adminKey, link, or email and password")
	case req.APIKey != "":
		return func() (store.WebSession, string, error) { return s.enterByKey(c, req.APIKey) }, nil
	case req.AdminKey != "":
		return func() (store.WebSession, string, error) { return s.enterAsOperator(c, req.AdminKey) }, nil
	case req.Link != "":
		return func() (store.WebSession, string, error) { return s.enterByLink(c, req.Link) }, nil
	}
	if s.signUp == nil {
		return nil, engine.Errorf(engine.CodeInvalid, "nobody has signed up here: log in with an API key")
	}
	if req.Email == "" || req.Password == "" {
		return nil, engine.Errorf(engine.CodeInvalid, "email and password go together")
	}
	return func() (store.WebSession, string, error) { return s.enterByPassword(c, req.Email, req.Password) }, nil
}

func (s *Server) enterByKey(c *fiber.Ctx, key string) (w store.WebSession, token string, err error) {
	var p store.Principal
	err = s.rates.guess(s.clientAddress(c), key, func() (err error) {
		p, err = s.store.FindPrincipal(c.UserContext(), key)
		return err
	})
	if err == nil && p.Suspended {
		err = errSuspended()
	}
	if err != nil {
		return w, "", err
	}
	return s.store.OpenKeySession(c.UserContext(), p)
}

// enterAsOperator takes the admin key only: the shell's ends with the daemon.
func (s *Server) enterAsOperator(c *fiber.Ctx, key string) (w store.WebSession, token string, err error) {
	err = s.rates.guess(s.clientAddress(c), key, func() error { return s.store.CheckAdminKey(c.UserContext(), key) })
	if err != nil {
		return w, "", err
	}
	return s.store.OpenOperatorSession(c.UserContext())
}

// enterByLink uses a link up.
func (s *Server) enterByLink(c *fiber.Ctx, link string) (w store.WebSession, token string, err error) {
	w, token, err = s.store.OpenLinkSession(c.UserContext(), link)
	return w, token, s.once(c, err)
}

// once is the answer to a token that works once: one that does not counts as a wrong key.
// One that does always passes: nobody guesses it, and behind a proxy many share an address.
func (s *Server) once(c *fiber.Ctx, err error) error {
	return s.rates.attempt(s.clientAddress(c), err == nil, func() error { return orExpired(err) })
}

// logout is POST /dashboard/logout.
func (s *Server) logout(c *fiber.Ctx, w store.WebSession, _ string) error {
	if err := decodeNothing(c); err != nil {
		return err
	}
	if err := s.store.CloseWebSession(c.UserContext(), w.ID); err != nil {
		return err
	}
	s.setCookie(c, "")
	return ok(c, successResponse{Success: true})
}

func errSuspended() error {
	return engine.Errorf(engine.CodeTenantSuspended, "the operator has suspended this account")
}
