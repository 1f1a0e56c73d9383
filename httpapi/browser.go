package httpapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"wapid/engine"
	"wapid/store"
)

// A browser that is logged in sends a cookie, which stands in for the key. It sends it
// whoever makes it ask, so that more is needed: that our own page asks, and, for what
// changes something, a word that only our own page knows.
const (
	webCookie  = "wapid_session"
	headerCSRF = "X-Wapid-Csrf"
	// headerFetchSite is where a browser says whose page makes it ask. Pages can't set it.
	headerFetchSite = "Sec-Fetch-Site"
)

// csrfOf is the word that goes with a token. It is made of the token, so that nothing
// more is to be kept, and tells nothing about it.
func csrfOf(token string) string {
	mac := hmac.New(sha256.New, []byte(token))
	_, _ = mac.Write([]byte("wapid csrf"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// cookieOf is the token that a request brings, "" if there is none, or a key that counts
// instead.
func cookieOf(h *fasthttp.RequestHeader) string {
	if len(h.Peek(headerAdminKey)) > 0 || keyOf(h) != "" {
		return ""
	}
	return string(h.Cookie(webCookie))
}

// browsing tells who is logged in with the browser that asks. It returns
// CodeUnauthorized, also for a request without a cookie, CodeForbidden for one that our
// own page has not made, CodeStorage, and CodeRateLimited once its address has tried too
// many tokens.
func (s *Server) browsing(c *fiber.Ctx) (w store.WebSession, token string, err error) {
	token = cookieOf(&c.Request().Header)
	if token == "" {
		return w, "", engine.Errorf(engine.CodeUnauthorized, "log in first, or send a key")
	}
	err = s.rates.guess(s.clientAddress(c), token, func() (err error) {
		w, err = s.store.FindWebSession(c.UserContext(), token)
		return err
	})
	if err == nil {
		err = s.checkOwnPage(c)
	}
	if err == nil && c.Method() != http.MethodGet && c.Method() != http.MethodHead &&
		subtle.ConstantTimeCompare([]byte(c.Get(headerCSRF)), []byte(csrfOf(token))) != 1 {
		err = engine.Errorf(engine.CodeForbidden, "the %s header is missing or not that of this login", headerCSRF)
	}
	return w, token, err
}

// checkOwnPage returns CodeForbidden if a browser says that another page than ours makes
// it ask. One that does not say it, as none does to a host of the local network without
// TLS, tells the page's origin with everything that changes something.
func (s *Server) checkOwnPage(c *fiber.Ctx) error {
	site, origin := c.Get(headerFetchSite), c.Get(fiber.HeaderOrigin)
	switch {
	case site == "same-origin" || site == "none": // none: somebody typed the address
		return nil
	case site == "" && (origin == "" || s.ownOrigin(c, origin)):
		return nil
	}
	return engine.Errorf(engine.CodeForbidden, "another site's page can't use the login of a browser")
}

// ownOrigin tells whether a page of an origin came from here.
func (s *Server) ownOrigin(c *fiber.Ctx, origin string) bool {
	if s.public != "" && (s.public+"/" == origin+"/" || strings.HasPrefix(s.public, origin+"/")) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, s.publicHost(c))
}

// browserTenant is identify for a browser that is logged in as a tenant. It also
// returns CodeForbidden for the operator.
func (s *Server) browserTenant(c *fiber.Ctx) (store.Principal, error) {
	w, _, err := s.browsing(c)
	if err == nil && w.Operator {
		err = engine.Errorf(engine.CodeForbidden, "the operator's login does not reach into an account: log in with its API key")
	}
	return w.Principal, err
}

// browserOperator admits a browser that is logged in as the operator. It also returns
// CodeForbidden for a tenant.
func (s *Server) browserOperator(c *fiber.Ctx) (store.Origin, error) {
	w, _, err := s.browsing(c)
	if err == nil && !w.Operator {
		err = engine.Errorf(engine.CodeForbidden, "this is the operator's: log in with the admin key")
	}
	return store.Origin{By: store.ActorOperator, Request: requestID(c), Web: w.ID}, err
}

// cameEncrypted tells whether the browser's page came by TLS. Where a proxy that nobody
// has named a trusted one speaks TLS for us, the browser's own word for its page counts:
// it sends that with every request that logs in.
func (s *Server) cameEncrypted(c *fiber.Ctx) bool {
	origin := c.Get(fiber.HeaderOrigin)
	return s.secure(c) || strings.HasPrefix(origin, "https://") && s.ownOrigin(c, origin)
}

// setCookie gives the browser its token, or takes it away with "".
func (s *Server) setCookie(c *fiber.Ctx, token string) {
	cookie := &fiber.Cookie{Name: webCookie, Value: token, Path: "/", HTTPOnly: true, SameSite: fiber.CookieSameSiteStrictMode,
		Secure: s.cameEncrypted(c), MaxAge: int(store.WebLife / time.Second)}
	if token == "" {
		cookie.MaxAge, cookie.Expires = 0, time.Unix(1, 0)
	}
	c.Cookie(cookie)
}
