package httpapi

import (
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"wapid/engine"
)

// hubDialect is how clients of WhatsApp Hub speak: the key is a bearer token.
type hubDialect struct{}

func (hubDialect) key(h *fasthttp.RequestHeader) string {
	return bearerToken(string(h.Peek(fiber.HeaderAuthorization)))
}

// hubFailure is the body of an answer that is not a success.
type hubFailure struct {
	Success bool        `json:"success"`
	Error   string      `json:"error"`
	Code    engine.Code `json:"code"`
}

func (hubDialect) failure(err error, e *engine.Error, status int) (int, any) {
	return status, hubFailure{Error: e.Message, Code: e.Code}
}
