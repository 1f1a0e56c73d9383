package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
)

// maxDepth is how deep the objects and arrays of a body may be nested.
const maxDepth = 16

// decode reads the request body into a pointer to a struct. It returns
// CodeUnsupportedMedia for a body that is declared to be something else than
// JSON, and the errors of parseJSON.
func decode(c *fiber.Ctx, into any) error {
	if err := checkMedia(c.Get(fiber.HeaderContentType), c.Get(fiber.HeaderContentEncoding)); err != nil {
		return err
	}
	return parseJSON(c.BodyRaw(), into)
}

// checkMedia accepts JSON in UTF-8, also undeclared, and nothing compressed:
// what a small body unpacks to has no limit.
func checkMedia(contentType, encoding string) error {
	if encoding != "" && !strings.EqualFold(encoding, "identity") {
		return engine.Errorf(CodeUnsupportedMedia, "the body must not be compressed")
	}
	if contentType == "" || contentType == "application/json" {
		return nil
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || media != "application/json" {
		return engine.Errorf(CodeUnsupportedMedia, "send the body as Content-Type: application/json")
	}
	if charset, given := params["charset"]; given && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "utf8") {
		return engine.Errorf(CodeUnsupportedMedia, "the body must be encoded in UTF-8")
	}
	return nil
}

// parseJSON decodes one JSON object into a pointer to a struct, more strictly
// than encoding/json: fields are matched exactly, unknown ones and repeated ones
// are refused by name, and so are wrong types, trailing data, bad UTF-8, halves
// of surrogate pairs and NUL characters, none of which could be stored and sent
// as given. null counts as absent. It returns CodeInvalid.
func parseJSON(body []byte, into any) error {
	body = bytes.Trim(body, " \t\r\n")
	if len(body) == 0 {
		return engine.Errorf(engine.CodeInvalid, "the body is empty, it must be a JSON object")
	}
	if !utf8.Valid(body) {
		return engine.Errorf(engine.CodeInvalid, "the body is not valid UTF-8")
	}
	if !json.Valid(body) {
		return syntaxError(json.Unmarshal(body, new(json.RawMessage)))
	}
	if body[0] != '{' {
		return engine.Errorf(engine.CodeInvalid, "the body must be a JSON object")
	}
	if err := checkEscapes(body); err != nil {
		return err
	}
	if err := (&checker{body}).value(reflect.TypeOf(into).Elem(), "", 0); err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return rangeError(err)
	}
	return nil
}

// syntaxError says where a text stops being JSON.
func syntaxError(err error) error {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return engine.Errorf(engine.CodeInvalid, "the body is not valid JSON, near byte %d: %s", e.Offset, e.Error())
	}
	return engine.WrapError(engine.CodeInvalid, err, "the body is not valid JSON")
}

// rangeError names the field whose value has the right type and yet does not
// fit, such as a fraction for a whole number.
func rangeError(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
		return engine.Errorf(engine.CodeInvalid, "%s is out of range or not a whole number", e.Field)
	}
	return engine.WrapError(engine.CodeInvalid, err, "the body does not fit the fields of this request")
}

// checkEscapes refuses two escapes that valid JSON may hold and valid text may
// not: half a surrogate pair, which encoding/json would silently replace, and NUL.
func checkEscapes(body []byte) error {
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		i++ // the character behind the backslash: it exists, as the syntax was checked
		if body[i] != 'u' {
			continue
		}
		switch r := escaped(body[i+1:]); {
		case r == 0:
			return engine.Errorf(engine.CodeInvalid, "the body holds a NUL character")
		case r >= 0xdc00 && r <= 0xdfff:
			return errHalfPair()
		case r >= 0xd800 && r <= 0xdbff:
			rest := body[i+5:]
			if !bytes.HasPrefix(rest, []byte(`\u`)) {
				return errHalfPair()
			}
			if low := escaped(rest[2:]); low < 0xdc00 || low > 0xdfff {
				return errHalfPair()
			}
			i += 6
		}
		i += 4
	}
	return nil
}

func errHalfPair() error {
	return engine.Errorf(engine.CodeInvalid, "the body holds half of a surrogate pair: a character was cut in two")
}

// escaped is the value of the four hexadecimal digits that b begins with.
func escaped(b []byte) uint64 {
	n, err := strconv.ParseUint(string(b[:4]), 16, 16)
	if err != nil {
		return utf8.RuneError // can't happen: the syntax was checked
	}
	return n
}
