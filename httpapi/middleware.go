package httpapi

import (
	"context"
	"crypto/rand"
	"fmt"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"wapid/engine"
	"wapid/store"
)

// Headers that carry keys and ids.
const (
	headerAPIKey    = "X-API-Key"
	headerAdminKey  = "X-Admin-Key"
	headerRequestID = "X-Request-Id"
)

// requestIDPattern is what a client's own request id must look like to be kept.
var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// around wraps every handler: it names the request, gives it a context, turns
// an error or a panic into an answer, and writes the access log, at debug level
// only and without the path, which holds the tenant's names.
func (s *Server) around(c *fiber.Ctx) error {
	if !s.enter() {
		c.Set(fiber.HeaderConnection, "close")
		return s.fail(c, &engine.Error{Code: engine.CodeStopping, Message: "the daemon is shutting down", RetryAfter: retryWhenStopping})
	}
	defer s.leave()
	start := time.Now()
	id := requestID(c)
	c.SetUserContext(s.base)
	if err := s.recovered(c, id); err != nil {
		if err := s.fail(c, err); err != nil {
			return err
		}
	}
	s.log.Debug("request",
		zap.String("request", id),
		zap.String("method", c.Method()),
		zap.String("route", c.Route().Path),
		zap.Int("status", c.Response().StatusCode()),
		zap.Duration("took", time.Since(start)))
	return nil
}

// recovered runs the rest of the chain. A panic becomes an error that says
// nothing to the caller; the log holds it under the request's id.
func (s *Server) recovered(c *fiber.Ctx, id string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("a handler panicked",
				zap.String("request", id),
				zap.String("panic", engine.Redact(fmt.Sprint(p))),
				zap.ByteString("stack", debug.Stack()))
			err = errPanicked
		}
	}()
	return c.Next()
}

// authenticated admits requests that carry a tenant's key which may do what the
// route needs. It returns the errors of principalOf, CodeTenantSuspended and
// CodeForbidden.
func (s *Server) authenticated(need store.Scope, next func(*fiber.Ctx, store.Principal) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		p, err := s.principalOf(c.UserContext(), &c.Request().Header)
		switch {
		case err != nil:
			return err
		case p.Suspended:
			return engine.Errorf(engine.CodeTenantSuspended, "the operator has suspended this account")
		case !p.Scope.Allows(need):
			return engine.Errorf(engine.CodeForbidden, "this needs an API key with the scope %q", need)
		}
		return next(c, p)
	}
}

// principalOf tells whose key a request carries, in X-API-Key or as a bearer
// token. The key is looked up each time, by index: a key that was ended is
// refused at once. It returns CodeUnauthorized and CodeStorage.
func (s *Server) principalOf(ctx context.Context, h *fasthttp.RequestHeader) (store.Principal, error) {
	key := string(h.Peek(headerAPIKey))
	if key == "" {
		key = bearerToken(string(h.Peek(fiber.HeaderAuthorization)))
	}
	if key == "" {
		return store.Principal{}, engine.Errorf(engine.CodeUnauthorized, "the X-API-Key header is missing")
	}
	return s.store.FindPrincipal(ctx, key)
}

// bearerToken reads the token of an Authorization header, "" if it has none.
func bearerToken(header string) string {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// administered admits requests that carry the operator's key. It returns
// CodeUnauthorized and CodeStorage.
func (s *Server) administered(next fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		key := c.Get(headerAdminKey)
		if key == "" {
			return engine.Errorf(engine.CodeUnauthorized, "the X-Admin-Key header is missing")
		}
		if err := s.store.CheckAdminKey(c.UserContext(), key); err != nil {
			return err
		}
		return next(c)
	}
}

// requestID returns the id that the request's answer carries, and sets it there:
// the caller's own if it is well-formed, else a new one.
func requestID(c *fiber.Ctx) string {
	if id := string(c.Response().Header.Peek(headerRequestID)); id != "" {
		return id
	}
	id := c.Get(headerRequestID)
	if !requestIDPattern.MatchString(id) {
		id = rand.Text()
	}
	c.Set(headerRequestID, id)
	return id
}
