package httpapi

import (
	"crypto/rand"
	"fmt"
	"regexp"
	"runtime/debug"
	"time"

	"github.com/gofiber/fiber/v2"
	"go.uber.org/zap"

	"wapid/engine"
)

const headerRequestID = "X-Request-Id"

// requestIDPattern is what a client's own request id must look like to be kept.
var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// around wraps every handler: it names the request, gives it a context, turns
// an error or a panic into an answer, and writes the access log, at debug level
// only and without the path, which holds the tenant's names.
func (s *Server) around(c *fiber.Ctx) error {
	if !s.enter() {
		c.Set(fiber.HeaderConnection, "close")
		defer s.answered(c, RouteNone, time.Now())
		return s.fail(c, &engine.Error{Code: engine.CodeStopping, Message: "the daemon is shutting down", RetryAfter: retryWhenStopping})
	}
	defer s.leave()
	start := time.Now()
	defer func() { s.answered(c, c.Route().Path, start) }()
	id := requestID(c)
	s.insistOnTLS(c)
	c.SetUserContext(s.base)
	if s.trace != nil {
		ctx, end := s.trace(s.base, c.Get("Traceparent"))
		c.SetUserContext(ctx)
		defer func() {
			end(Answered{Route: c.Route().Path, Method: c.Method(), Status: c.Response().StatusCode(), Took: time.Since(start)})
		}()
	}
	if err := s.recovered(c, id); err != nil {
		if err := s.fail(c, err); err != nil {
			return err
		}
	}
	if entry := s.log.Check(zap.DebugLevel, "request"); entry != nil {
		entry.Write(
			zap.String("request", id),
			zap.String("method", c.Method()),
			zap.String("route", c.Route().Path),
			zap.Int("status", c.Response().StatusCode()),
			zap.Duration("took", time.Since(start)))
	}
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

// requestID returns the id that the request's answer carries, and sets it there:
// the caller's own if it is well-formed, else a new one.
func requestID(c *fiber.Ctx) string {
	if id := string(c.Response().Header.Peek(headerRequestID)); id != "" {
		return id
	}
	id := c.Get(headerRequestID)
	if id == "" || !requestIDPattern.MatchString(id) {
		id = rand.Text()
	}
	c.Set(headerRequestID, id)
	return id
}
