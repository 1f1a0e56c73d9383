package httpapi

import (
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
)

// answer writes v as the JSON body.
func answer(c *fiber.Ctx, status int, v any) error {
	body, err := engine.Canonical(v)
	if err != nil {
		return engine.WrapError(engine.CodeInternal, err, "an answer can't be encoded")
	}
	return answerRaw(c, status, body)
}

// answerRaw writes a JSON body. Answers hold QR codes and states of the moment, so
// nothing on the way may keep them.
func answerRaw(c *fiber.Ctx, status int, body []byte) error {
	c.Set(fiber.HeaderContentType, "application/json")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	return c.Status(status).Send(body)
}

// ok answers 200.
func ok(c *fiber.Ctx, v any) error { return answer(c, http.StatusOK, v) }

// isoMillis is how JavaScript prints a date, as the document's examples show it.
func isoMillis(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// unixMillis is 0 for the zero time, so that omitempty leaves it out.
func unixMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
