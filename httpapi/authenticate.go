package httpapi

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"wapid/engine"
	"wapid/store"
)

// Headers that carry keys.
const (
	headerAPIKey   = "X-API-Key"
	headerAdminKey = "X-Admin-Key"
)

// accountPaths is where an account as a whole is looked after. A key that is
// limited to some of its sessions changes nothing there.
const accountPaths = "/api/account"

// authenticated admits requests that carry a tenant's key, or where the route takes
// one a ticket of it, which may do what the
// route needs, as often as it may. It returns the errors of identify,
// CodeRateLimited, CodeTenantSuspended and CodeForbidden.
func (s *Server) authenticated(r route, next func(*fiber.Ctx, store.Principal) error) fiber.Handler {
	wholeAccount := r.scope == store.ScopeManage && strings.HasPrefix(r.path, accountPaths)
	return func(c *fiber.Ctx) error {
		p, err := s.identify(c, r)
		if err != nil {
			return err
		}
		left := s.rates.take(p, time.Now())
		left.tell(c)
		switch {
		case left.wait > 0:
			return &engine.Error{Code: engine.CodeRateLimited, Message: errKeyRate.Error(), RetryAfter: left.wait, Cause: errKeyRate}
		case p.Suspended:
			return errSuspended()
		case !p.Scope.Allows(r.scope):
			return engine.Errorf(engine.CodeForbidden, "this needs an API key with the scope %q", r.scope)
		case wholeAccount && p.Sessions != nil:
			return engine.Errorf(engine.CodeForbidden, "an API key that is limited to sessions can't manage the account")
		}
		return next(c, p)
	}
}

// identify tells whose key a request carries. Where a ticket is given that counts, and
// where no key is, the login of a browser. It returns the errors of browserTenant, CodeUnauthorized, CodeStorage, and CodeRateLimited once its address has
// tried too many keys.
func (s *Server) identify(c *fiber.Ctx, r route) (p store.Principal, err error) {
	if text, given := queryValue(c, cmp.Or(r.ticketName, "ticket")); given && r.ticket {
		return s.redeemTicket(c, text)
	}
	key := keyOf(&c.Request().Header)
	if key == "" && cookieOf(&c.Request().Header) != "" && !r.noCookie && dialectOf(r.path) == nil {
		return s.browserTenant(c)
	}
	if key == "" && dialectOf(r.path) != nil {
		return store.Principal{}, engine.Errorf(engine.CodeUnauthorized, "the request has no API key")
	}
	if key == "" {
		return store.Principal{}, errNoKey()
	}
	err = s.rates.guess(s.clientAddress(c), key, func() (err error) {
		p, err = s.store.FindPrincipal(c.UserContext(), key)
		return err
	})
	return p, err
}

// principalOf tells whose key or cookie a request carries whose body is not read yet. It
// returns CodeUnauthorized and CodeStorage.
func (s *Server) principalOf(ctx context.Context, h *fasthttp.RequestHeader) (store.Principal, error) {
	if token := cookieOf(h); token != "" {
		w, err := s.store.FindWebSession(ctx, token)
		return w.Principal, err
	}
	key := keyOf(h)
	if key == "" {
		return store.Principal{}, errNoKey()
	}
	return s.store.FindPrincipal(ctx, key)
}

// errKeyRate is the cause of being told to wait because of the key, and not of WhatsApp.
var errKeyRate = errors.New("too many requests with this API key")

func errNoKey() error {
	return engine.Errorf(engine.CodeUnauthorized, "the X-API-Key header is missing")
}

// tenantKey is the key of a request: that in X-API-Key, else a bearer token.
// Where both are given X-API-Key counts, as gateways put tokens of their own
// into Authorization.
func tenantKey(h *fasthttp.RequestHeader) string {
	if key := string(h.Peek(headerAPIKey)); key != "" {
		return key
	}
	return bearerToken(string(h.Peek(fiber.HeaderAuthorization)))
}

// bearerToken reads the token of an Authorization header, "" if it has none.
func bearerToken(header string) string {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// administered admits requests that carry the operator's key, or come from a browser
// that is logged in with it, and tells the
// handler for the audit log where they come from. bearer says that the key may also
// come as a bearer token. It returns CodeUnauthorized,
// CodeStorage and CodeRateLimited.
func (s *Server) administered(bearer bool, next func(*fiber.Ctx, store.Origin) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		key := c.Get(headerAdminKey)
		if key == "" && bearer {
			key = bearerToken(c.Get(fiber.HeaderAuthorization))
		}
		if key == "" && cookieOf(&c.Request().Header) != "" {
			from, err := s.browserOperator(c)
			if err != nil {
				return err
			}
			return next(c, from)
		}
		if key == "" {
			return engine.Errorf(engine.CodeUnauthorized, "the X-Admin-Key header is missing")
		}
		from := store.Origin{Request: requestID(c)}
		err := s.rates.guess(s.clientAddress(c), key, func() (err error) {
			from.By, err = s.operatorOf(c.UserContext(), key)
			return err
		})
		if err != nil {
			return err
		}
		return next(c, from)
	}
}

// operatorOf tells who an admin key belongs to: the operator, or the shell of
// the daemon's own machine. Both are compared by their hashes in constant time.
// It returns CodeUnauthorized and CodeStorage.
func (s *Server) operatorOf(ctx context.Context, key string) (store.Actor, error) {
	if sum := sha256.Sum256([]byte(key)); s.shellKey != nil && subtle.ConstantTimeCompare(sum[:], s.shellKey) == 1 {
		return store.ActorShell, nil
	}
	if err := s.store.CheckAdminKey(ctx, key); err != nil {
		return "", err
	}
	return store.ActorOperator, nil
}

// by is the origin of what a tenant does to its own account.
func by(c *fiber.Ctx, p store.Principal) store.Origin {
	return store.Origin{By: p.Actor(), Request: requestID(c), Web: p.Web}
}
