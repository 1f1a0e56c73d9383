package httpapi

import (
	"io"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	official "wapid/engine/cloudapi"
)

// pathOfficialWebhook is where Meta's official API sends what happens.
const pathOfficialWebhook = "/api/webhook"

const (
	// smallWebhook is how long a webhook may be that is read without a place: it lies
	// in memory as it arrives. mostWebhooks of longer ones are read at a time.
	smallWebhook = 64 << 10
	mostWebhooks = 16
	// longestChallenge is in bytes; Meta's have some ten digits.
	longestChallenge = 256
	// retryWebhook is what Meta is told to wait; it has a mind of its own there.
	retryWebhook = 30 * time.Second
)

// officialRoutes are called by Meta, which has no key of ours: the verify token and the
// signature stand in for it.
func (s *Server) officialRoutes() []route {
	return []route{
		{method: http.MethodGet, path: pathOfficialWebhook, query: []string{"hub.mode", "hub.challenge", "hub.verify_token"}, public: s.verifyWebhook},
		{method: http.MethodPost, path: pathOfficialWebhook, public: s.takeWebhook, upload: true, open: official.MaxWebhook},
	}
}

// verifyWebhook is GET /api/webhook: Meta asks whether the webhook is ours, and wants its
// challenge back as it is.
func (s *Server) verifyWebhook(c *fiber.Ctx) error {
	challenge := c.Query("hub.challenge")
	if c.Query("hub.mode") != "subscribe" || challenge == "" || len(challenge) > longestChallenge || s.official == nil {
		return errNotVerified()
	}
	known, err := s.official.Verify(c.UserContext(), c.Query("hub.verify_token"))
	if err != nil {
		return err
	}
	if !known {
		return errNotVerified()
	}
	c.Set(fiber.HeaderContentType, "text/plain; charset=utf-8")
	return c.SendString(challenge)
}

func errNotVerified() error {
	return engine.Errorf(engine.CodeForbidden, "no session has this verify token")
}

// takeWebhook is POST /api/webhook. It answers 200 once everything is committed, 503
// where Meta is to send it again, 401 for a wrong signature, and 400 for what is none.
func (s *Server) takeWebhook(c *fiber.Ctx) error {
	if s.official == nil {
		return engine.Errorf(engine.CodeNotSupported, "this server has no connection to Meta's official API")
	}
	if length := c.Request().Header.ContentLength(); length < 0 || length > smallWebhook {
		if err := s.largeWebhooks.Acquire(c.UserContext(), 1); err != nil {
			return err
		}
		defer s.largeWebhooks.Release(1)
	}
	body, err := io.ReadAll(uploadOf(c))
	if err != nil {
		return err
	}
	err = s.official.Deliver(c.UserContext(), body, c.Get("X-Hub-Signature-256"))
	switch engine.CodeOf(err) {
	case "":
		return ok(c, successResponse{Success: true})
	case engine.CodeSessionNotReady, engine.CodeSessionBusy, engine.CodeStopping:
		return &engine.Error{Code: CodeNotReady, Message: "the session can't take it now: send it again", RetryAfter: retryWebhook, Cause: err}
	}
	return err
}
