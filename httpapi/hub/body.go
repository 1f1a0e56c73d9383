package hub

import (
	"cmp"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"unicode/utf8"

	"wapid/engine"
)

// parse reads a body into a struct. Members that it does not know are passed over, and
// null counts as absent. It returns CodeInvalid, with the name of the member that is of
// another type.
func parse(raw []byte, into any) error {
	err := json.Unmarshal(raw, into)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return invalid("%s must be %s", cmp.Or(wrong.Field, "the body"), typeWord(wrong.Type))
	}
	if err != nil {
		return invalid("the body must be a JSON object")
	}
	return nil
}

// typeWord is what callers call a type.
func typeWord(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}

func invalid(format string, args ...any) error {
	return engine.Errorf(engine.CodeInvalid, format, args...)
}

// MostName bounds the names of templates, sessions and files in bodies, in bytes.
const MostName = 512

// short refuses a text that is too long or has control characters; an empty one passes.
func short(field, text string) error {
	if len(text) > MostName || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return invalid("%s must be one line of at most %d bytes", field, MostName)
	}
	return nil
}

// Number shows an address: a phone number with "+", any other address in full.
func Number(who engine.JID) string {
	if who.Server() == engine.ServerPhone {
		return "+" + who.User()
	}
	return string(who)
}
