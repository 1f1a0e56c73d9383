package httpapi

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"go.uber.org/zap"

	"wapid/bulk"
	"wapid/engine"
)

// Codes that only HTTP knows.
const (
	CodeMethodNotAllowed engine.Code = "METHOD_NOT_ALLOWED"
	CodeRequestTimeout   engine.Code = "REQUEST_TIMEOUT"
	CodePayloadTooLarge  engine.Code = "PAYLOAD_TOO_LARGE"
	CodeUnsupportedMedia engine.Code = "UNSUPPORTED_MEDIA_TYPE"
	CodeHeadersTooLarge  engine.Code = "HEADERS_TOO_LARGE"
	CodeNotReady         engine.Code = "NOT_READY"    // of /readyz, and of webhooks that are to come again
	CodeLinkExpired      engine.Code = "LINK_EXPIRED" // the pairing link was used, was replaced, or ran out
)

// retryWhenStopping is what a client is told to wait while the daemon restarts.
const retryWhenStopping = 5 * time.Second

// errPanicked is what a caller sees of a panic, which has been logged already.
var errPanicked = errors.New("a handler panicked")

// statusOf is the one place where a code becomes a status. NOT_ON_WHATSAPP and
// the like are 400: the request can't succeed as it is, and 404 stays for the
// paths and sessions that the caller named.
func statusOf(code engine.Code) int {
	switch code {
	case engine.CodeInvalid, engine.CodeNotOnWhatsApp, engine.CodeRecipientInvalid, engine.CodeWindowClosed,
		engine.CodeNotSupported, engine.CodeEgressRefused, engine.CodeMediaInvalid, engine.CodeProxyFailed:
		return http.StatusBadRequest
	case engine.CodeUnauthorized:
		return http.StatusUnauthorized
	case engine.CodeForbidden, engine.CodeTenantSuspended, engine.CodeSessionLimit:
		return http.StatusForbidden
	case engine.CodeNotFound, engine.CodeSessionNotFound:
		return http.StatusNotFound
	case engine.CodeSessionNotReady, engine.CodeAlreadyLinked, engine.CodeSessionBusy, engine.CodeConflict, bulk.CodeEnded,
		engine.CodeSessionMoved, engine.CodeSessionLive:
		return http.StatusConflict
	case engine.CodeRateLimited, engine.CodeReachoutTimelock, engine.CodeSentLimit:
		return http.StatusTooManyRequests
	case engine.CodeMediaGone, CodeLinkExpired:
		return http.StatusGone
	case engine.CodeStopping, CodeNotReady:
		return http.StatusServiceUnavailable
	case CodeMethodNotAllowed:
		return http.StatusMethodNotAllowed
	case CodeRequestTimeout:
		return http.StatusRequestTimeout
	case CodePayloadTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeUnsupportedMedia:
		return http.StatusUnsupportedMediaType
	case CodeHeadersTooLarge:
		return http.StatusRequestHeaderFieldsTooLarge
	default: // SEND_REJECTED, NETWORK_REFUSED, SEND_OUTCOME_UNKNOWN, RECIPIENT_UNREACHABLE, STORAGE_UNAVAILABLE, INTERNAL_ERROR
		return http.StatusInternalServerError
	}
}

// failure is the body of every answer that is not a success.
type failure struct {
	Error     string           `json:"error"`
	Code      engine.Code      `json:"code"`
	Limit     *int             `json:"limit,omitempty"` // of the codes that tell of a limit
	Used      *int             `json:"used,omitempty"`
	MessageID engine.MessageID `json:"messageId,omitempty"`
	Reasons   []string         `json:"reasons,omitempty"` // of /readyz
	RequestID string           `json:"requestId"`         // as in X-Request-Id, for whoever only keeps bodies
}

// failEarly is Fiber's error handler: it answers what goes wrong before a request
// reaches the middleware.
func (s *Server) failEarly(c *fiber.Ctx, err error) error {
	lingerOn(c.Context().Conn())
	defer s.answered(c, RouteNone, time.Now())
	return s.fail(c, err)
}

// fail answers with an error.
func (s *Server) fail(c *fiber.Ctx, err error) error {
	id := requestID(c)
	d := dialectOf(c.Path())
	if e, own := errors.AsType[dialectError](err); own && d != nil {
		return answer(c, e.HTTPStatus(), traced(e.Answer(), id))
	}
	e := explain(err)
	status := statusOf(e.Code)
	if status >= http.StatusInternalServerError && !errors.Is(err, errPanicked) {
		s.logFailure(id, c, e)
	}
	if e.RetryAfter > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	if d != nil {
		status, body := d.failure(err, e, status)
		return answer(c, status, traced(body, id))
	}
	body := failure{Error: e.Message, Code: e.Code, MessageID: e.MessageID, RequestID: id}
	if e.Code == engine.CodeSentLimit || e.Code == engine.CodeSessionLimit {
		body.Limit, body.Used = &e.Limit, &e.Used
	}
	return answer(c, status, body)
}

// logFailure tells the operator of what the caller can't mend. Refusing work
// while stopping, and not knowing the outcome of a send, is no defect. Of defects
// of one code one a second is told, with the number of those that were not.
func (s *Server) logFailure(id string, c *fiber.Ctx, e *engine.Error) {
	fields := []zap.Field{
		zap.String("request", id),
		zap.String("route", c.Route().Path),
		zap.String("code", string(e.Code)),
	}
	if e.Cause != nil {
		fields = append(fields, zap.String("cause", engine.Redact(e.Cause.Error())))
	}
	switch e.Code {
	case engine.CodeStopping, CodeNotReady:
		s.log.Debug("request refused", fields...)
	case engine.CodeSendRejected, engine.CodeSendOutcomeUnknown, engine.CodeUndeliverable:
		s.log.Warn("request failed", fields...)
	default:
		held, ok := s.gate.pass(e.Code)
		if !ok {
			s.log.Debug("request failed, as others just did", fields...)
			return
		}
		s.log.Error("request failed", append(fields, zap.Int("suppressed", held))...)
	}
}

// explain makes any error one that can be shown to the caller. What is not
// meant for callers stays behind as the cause.
func explain(err error) *engine.Error {
	if e, ok := errors.AsType[*engine.Error](err); ok {
		if e.Code == engine.CodeInternal {
			return &engine.Error{Code: e.Code, Message: "internal server error", MessageID: e.MessageID, RetryAfter: e.RetryAfter, Cause: err}
		}
		return e
	}
	if e, ok := errors.AsType[*fiber.Error](err); ok {
		return explainHTTP(e)
	}
	if errors.Is(err, context.Canceled) { // only a shutdown ends a request's context
		return &engine.Error{Code: engine.CodeStopping, Message: "the daemon is shutting down", RetryAfter: retryWhenStopping, Cause: err}
	}
	return engine.WrapError(engine.CodeInternal, err, "internal server error")
}

// explainHTTP puts what Fiber says into our words: its own texts quote the
// request or the parser.
func explainHTTP(e *fiber.Error) *engine.Error {
	switch e.Code {
	case http.StatusNotFound:
		return engine.WrapError(engine.CodeNotFound, e, "there is no such path")
	case http.StatusMethodNotAllowed:
		return engine.WrapError(CodeMethodNotAllowed, e, "this path does not take this method, see the Allow header")
	case http.StatusRequestTimeout:
		return engine.WrapError(CodeRequestTimeout, e, "the request did not arrive in time")
	case http.StatusRequestEntityTooLarge:
		return engine.WrapError(CodePayloadTooLarge, e, "the request body is too large")
	case http.StatusRequestHeaderFieldsTooLarge:
		return engine.WrapError(CodeHeadersTooLarge, e, "the request's headers are too large")
	}
	if e.Code >= 400 && e.Code < 500 || e.Code == http.StatusBadGateway { // Fiber's word for a broken connection
		return engine.WrapError(engine.CodeInvalid, e, "the request is not valid HTTP")
	}
	return engine.WrapError(engine.CodeInternal, e, "internal server error")
}
