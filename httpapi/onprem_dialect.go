package httpapi

import (
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"wapid/engine"
)

// headerD360Key carries the key of a number in requests of 360dialog's clients.
const headerD360Key = "D360-API-KEY"

// onpremDialect is how clients of 360dialog's On-Premises API speak. Their partners'
// requests carry a bearer token.
type onpremDialect struct{}

func (onpremDialect) key(h *fasthttp.RequestHeader) string {
	if key := string(h.Peek(headerD360Key)); key != "" {
		return key
	}
	return bearerToken(string(h.Peek(fiber.HeaderAuthorization)))
}

func (onpremDialect) failure(err error, e *engine.Error, status int) (int, any) {
	type fault struct {
		Code    int    `json:"code"`
		Title   string `json:"title"`
		Details string `json:"details"`
	}
	return status, map[string]any{"errors": []fault{{1000, "Generic error", e.Message}}}
}
