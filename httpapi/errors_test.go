package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/gofiber/fiber/v2"

	"wapid/bulk"
	"wapid/engine"
)

func TestStatusOf(t *testing.T) {
	want := map[engine.Code]int{
		engine.CodeInvalid:            http.StatusBadRequest,
		engine.CodeUnauthorized:       http.StatusUnauthorized,
		engine.CodeNotFound:           http.StatusNotFound,
		engine.CodeSessionNotFound:    http.StatusNotFound,
		engine.CodeAlreadyLinked:      409,
		engine.CodeSessionNotReady:    http.StatusConflict,
		engine.CodeSessionBusy:        http.StatusConflict,
		engine.CodeSessionMoved:       http.StatusConflict,
		engine.CodeSessionLive:        http.StatusConflict,
		engine.CodeNotOnWhatsApp:      http.StatusBadRequest,
		engine.CodeRecipientInvalid:   http.StatusBadRequest,
		engine.CodeWindowClosed:       http.StatusBadRequest,
		engine.CodeReachoutTimelock:   http.StatusTooManyRequests,
		engine.CodeRateLimited:        http.StatusTooManyRequests,
		engine.CodeSendRejected:       http.StatusInternalServerError,
		engine.CodeSendOutcomeUnknown: http.StatusInternalServerError,
		engine.CodeUndeliverable:      http.StatusInternalServerError,
		engine.CodeSentLimit:          http.StatusTooManyRequests,
		engine.CodeConflict:           http.StatusConflict,
		engine.CodeMediaInvalid:       http.StatusBadRequest,
		engine.CodeProxyFailed:        http.StatusBadRequest,
		engine.CodeMediaGone:          http.StatusGone,
		engine.CodeMessageExpired:     http.StatusInternalServerError, // of a queued message; no request answers it
		engine.CodeNetworkRefused:     http.StatusInternalServerError,
		engine.CodeNotSupported:       http.StatusBadRequest,
		engine.CodeEgressRefused:      http.StatusBadRequest,
		engine.CodeForbidden:          http.StatusForbidden,
		engine.CodeTenantSuspended:    http.StatusForbidden,
		engine.CodeSessionLimit:       http.StatusForbidden,
		engine.CodeStorage:            http.StatusInternalServerError,
		engine.CodeStopping:           http.StatusServiceUnavailable,
		engine.CodeInternal:           http.StatusInternalServerError,
		CodeMethodNotAllowed:          http.StatusMethodNotAllowed,
		CodeRequestTimeout:            http.StatusRequestTimeout,
		CodePayloadTooLarge:           http.StatusRequestEntityTooLarge,
		CodeUnsupportedMedia:          http.StatusUnsupportedMediaType,
		CodeLinkExpired:               http.StatusGone,
		bulk.CodeEnded:                http.StatusConflict,
		CodeHeadersTooLarge:           http.StatusRequestHeaderFieldsTooLarge,
		CodeNotReady:                  http.StatusServiceUnavailable,
		"A_CODE_OF_TOMORROW":          http.StatusInternalServerError,
	}
	for code, status := range want {
		if got := statusOf(code); got != status {
			t.Errorf("%s is %d, want %d", code, got, status)
		}
	}
	for _, code := range engineCodes {
		if _, decided := want[code]; !decided {
			t.Errorf("nobody decided what %s is", code)
		}
	}
}

func TestExplain(t *testing.T) {
	secret := errors.New("no LID found for 919876543210@s.whatsapp.net from server")
	for name, c := range map[string]struct {
		err     error
		code    engine.Code
		message string
	}{
		"an error of the domain":   {engine.Errorf(engine.CodeSessionNotReady, "not connected"), engine.CodeSessionNotReady, "not connected"},
		"one that is wrapped":      {fmt.Errorf("send: %w", engine.Errorf(engine.CodeInvalid, "no")), engine.CodeInvalid, "no"},
		"its cause stays behind":   {engine.WrapError(engine.CodeStorage, secret, "the database did not answer"), engine.CodeStorage, "the database did not answer"},
		"a defect":                 {secret, engine.CodeInternal, "internal server error"},
		"a defect with a message":  {engine.Errorf(engine.CodeInternal, "row 7 is odd"), engine.CodeInternal, "internal server error"},
		"a shutdown":               {fmt.Errorf("query: %w", context.Canceled), engine.CodeStopping, "the daemon is shutting down"},
		"no such path":             {fiber.NewError(404, "Cannot GET /919876543210"), engine.CodeNotFound, "there is no such path"},
		"method":                   {fiber.ErrMethodNotAllowed, CodeMethodNotAllowed, "this path does not take this method, see the Allow header"},
		"timeout":                  {fiber.ErrRequestTimeout, CodeRequestTimeout, "the request did not arrive in time"},
		"body":                     {fiber.ErrRequestEntityTooLarge, CodePayloadTooLarge, "the request body is too large"},
		"headers":                  {fiber.ErrRequestHeaderFieldsTooLarge, CodeHeadersTooLarge, "the request's headers are too large"},
		"bad HTTP":                 {fiber.NewError(400, "error when reading request headers: 919876543210"), engine.CodeInvalid, "the request is not valid HTTP"},
		"a connection that breaks": {fiber.ErrBadGateway, engine.CodeInvalid, "the request is not valid HTTP"},
		"anything else of Fiber":   {fiber.ErrInternalServerError, engine.CodeInternal, "internal server error"},
	} {
		t.Run(name, func(t *testing.T) {
			got := explain(c.err)
			if got.Code != c.code || got.Message != c.message {
				t.Errorf("got %s %q, want %s %q", got.Code, got.Message, c.code, c.message)
			}
		})
	}
}
