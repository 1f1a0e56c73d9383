package httpapi

import (
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"wapid/engine"
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
	type body struct {
		Message string `json:"message"`
		Type    string `json:"type"`
		Code    int    `json:"code"`
	}
	return status, map[string]any{"error": body{Message: e.Message, Type: "OAuthException", Code: 100}}
}
