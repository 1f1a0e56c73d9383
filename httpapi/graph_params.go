package httpapi

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"wapid/engine"
	"wapid/httpapi/cloudapi"
)

// graphParams are the parameters of a request of the Graph API, which takes them in the
// query, as a form, or as JSON: what the body says goes before the query. Members that are
// no text are as their JSON. It returns CodeInvalid and CodeUnsupportedMedia.
func graphParams(c *fiber.Ctx) (map[string]string, error) {
	params := make(map[string]string)
	collect := func(args *fasthttp.Args) (err error) {
		args.VisitAll(func(name, value []byte) {
			if !utf8.Valid(value) || bytes.IndexByte(value, 0) >= 0 {
				err = engine.Errorf(engine.CodeInvalid, "the parameters are not valid UTF-8")
			}
			params[string(name)] = string(value)
		})
		return err
	}
	if err := collect(c.Request().URI().QueryArgs()); err != nil || len(c.BodyRaw()) == 0 {
		return params, err
	}
	media, with, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	switch {
	case err == nil && media == fiber.MIMEApplicationForm:
		var args fasthttp.Args
		args.ParseBytes(c.BodyRaw())
		return params, collect(&args)
	case err == nil && media == fiber.MIMEMultipartForm:
		return params, formParams(c.BodyRaw(), with["boundary"], params)
	}
	body, err := looseBody(c)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, engine.WrapError(engine.CodeInvalid, err, "the body must be a JSON object")
	}
	for name, raw := range members {
		var text string
		switch {
		case bytes.Equal(raw, []byte("null")):
		case json.Unmarshal(raw, &text) == nil:
			params[name] = text
		default:
			params[name] = string(raw)
		}
	}
	return params, nil
}

// graphBody is the body of a request that holds objects: JSON, or a form whose values are
// texts or JSON, which the Graph API takes everywhere and its documentation once showed.
// It returns the errors of looseBody.
func graphBody(c *fiber.Ctx) ([]byte, error) {
	media, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if err != nil || media != fiber.MIMEApplicationForm && media != fiber.MIMEMultipartForm || c.Get(fiber.HeaderContentEncoding) != "" {
		return looseBody(c)
	}
	params, err := graphParams(c)
	if err != nil {
		return nil, err
	}
	members := make(map[string]any, len(params))
	for name, value := range params {
		members[name] = value
		if text := strings.TrimSpace(value); text != "" && (text[0] == '{' || text[0] == '[') && json.Valid([]byte(text)) {
			members[name] = json.RawMessage(text)
		}
	}
	delete(members, "access_token")
	body, err := json.Marshal(members)
	if err != nil {
		return nil, engine.WrapError(engine.CodeInternal, err, "a form can't be written as JSON")
	}
	return looseJSON(body)
}

// mostFormParts bounds what is read of a form.
const mostFormParts = 100

// formParams reads the texts of a multipart form.
func formParams(body []byte, boundary string, into map[string]string) error {
	form := multipart.NewReader(bytes.NewReader(body), boundary)
	for range mostFormParts {
		part, err := form.NextPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return engine.WrapError(engine.CodeInvalid, err, "the form can't be read")
		}
		value, err := io.ReadAll(part)
		if err != nil || !utf8.Valid(value) || bytes.IndexByte(value, 0) >= 0 {
			return engine.Errorf(engine.CodeInvalid, "the form can't be read")
		}
		if part.FileName() == "" {
			into[part.FormName()] = string(value)
		}
	}
	return engine.Errorf(engine.CodeInvalid, "the form has too many parts")
}

// needParam is a parameter that has to be there. It returns *cloudapi.Error.
func needParam(params map[string]string, name string) (string, error) {
	value := strings.TrimSpace(params[name])
	if value == "" {
		return "", &cloudapi.Error{Code: cloudapi.CodeInvalidParameter, Message: "(#100) The parameter " + name + " is required."}
	}
	return value, nil
}
