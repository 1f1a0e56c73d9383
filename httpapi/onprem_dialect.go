package httpapi

import (
	"errors"
	"html"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"wapid/engine"
	"wapid/httpapi/onprem"
)

// headerD360Key carries the key of a number in requests of 360dialog's clients.
const headerD360Key = "D360-API-KEY"

// onpremDialect is how clients of 360dialog's On-Premises API speak. Their partners'
// requests carry a bearer token, or the key in a header of another name.
type onpremDialect struct{}

func (onpremDialect) key(h *fasthttp.RequestHeader) string {
	if key := string(h.Peek(headerD360Key)); key != "" {
		return key
	}
	if key := bearerToken(string(h.Peek(fiber.HeaderAuthorization))); key != "" {
		return key
	}
	path, _, _ := strings.Cut(string(h.RequestURI()), "?")
	if within(path, partnerPrefix) {
		return string(h.Peek(headerAPIKey))
	}
	return ""
}

// failure tells of a path that is not served as 360dialog's gateway does.
func (onpremDialect) failure(err error, e *engine.Error, status int) (int, any) {
	if f, own := errors.AsType[*fiber.Error](err); own && f.Code == http.StatusNotFound {
		_, path, _ := strings.Cut(strings.TrimPrefix(f.Message, "Cannot "), " ") // behind the method
		to := onprem.Blocked(html.UnescapeString(path))
		return to.HTTPStatus(), to.Answer()
	}
	to := onprem.ErrorOf(e, status)
	return to.HTTPStatus(), to.Answer()
}
