package httpapi

import (
	"errors"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"wapid/engine"
	"wapid/httpapi/cloudapi"
)

// graphDialect is how clients of Meta's Graph API speak: the key is a bearer token, or
// the parameter access_token.
type graphDialect struct{}

func (graphDialect) key(h *fasthttp.RequestHeader) string {
	if key := bearerToken(string(h.Peek(fiber.HeaderAuthorization))); key != "" {
		return key
	}
	return queryOfHead(h, "access_token")
}

func (graphDialect) failure(err error, e *engine.Error, status int) (int, any) {
	to := cloudapi.ErrorOf(e, status)
	switch f, own := errors.AsType[*fiber.Error](err); {
	case own && f.Code == http.StatusNotFound:
		to = &cloudapi.Error{Code: cloudapi.CodePath, Details: e.Message}
	case errors.Is(err, errKeyRate):
		to.Code = cloudapi.CodeAccountLimit
	}
	return to.HTTPStatus(), to.Answer()
}

// traceable is the body of a failure that names its request in a place of its own.
type traceable interface{ Traced(id string) any }

// traced puts the request's id where a dialect's failures have it.
func traced(body any, id string) any {
	if t, ok := body.(traceable); ok {
		return t.Traced(id)
	}
	return body
}
