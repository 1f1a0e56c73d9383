package cloudapi

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// object is a part of a request's body, read member by member: clients give null for
// what they leave out, numbers as texts and texts as numbers, and members that nobody
// knows. The first thing that is wrong is kept for all parts of a body together.
type object struct {
	path    string // in front of the names of its members; "" or with a dot at its end
	members map[string]json.RawMessage
	fault   **Error
}

// readBody reads a JSON object whose syntax was checked.
func readBody(body []byte) object {
	var fault *Error
	o := object{fault: &fault}
	if err := json.Unmarshal(body, &o.members); err != nil {
		o.fail(CodeInvalidParameter, "the body must be a JSON object")
	}
	return o
}

// fail notes what is wrong, unless something else is already.
func (o object) fail(code Code, format string, args ...any) {
	if *o.fault == nil {
		*o.fault = Errorf(code, format, args...)
	}
}

// failed is what was wrong first, nil for nothing.
func (o object) failed() error {
	if *o.fault == nil {
		return nil
	}
	return *o.fault
}

func (o object) raw(name string) (json.RawMessage, bool) {
	raw := bytes.TrimSpace(o.members[name])
	return raw, len(raw) > 0 && !bytes.Equal(raw, []byte("null"))
}

func (o object) has(name string) bool {
	_, given := o.raw(name)
	return given
}

// text is a member's text, "" if it is not there.
func (o object) text(name string) string {
	raw, given := o.raw(name)
	if !given {
		return ""
	}
	switch c := raw[0]; {
	case c == '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			o.fail(CodeInvalidParameter, "%s%s must be a string", o.path, name)
		}
		return s
	case c == '-', c >= '0' && c <= '9':
		return string(raw)
	}
	o.fail(CodeInvalidParameter, "%s%s must be a string", o.path, name)
	return ""
}

// need is text that must be there.
func (o object) need(name string) string {
	s := o.text(name)
	if strings.TrimSpace(s) == "" {
		o.fail(CodeParameterMissing, "%s%s is required", o.path, name)
	}
	return s
}

// short is text of at most so many characters.
func (o object) short(name string, most int) string {
	s := o.text(name)
	o.limit(name, s, most)
	return s
}

// needShort is need of at most so many characters.
func (o object) needShort(name string, most int) string {
	s := o.need(name)
	o.limit(name, s, most)
	return s
}

func (o object) limit(name, s string, most int) {
	if characters(s) > most {
		o.fail(CodeInvalidParameter, "%s%s must be at most %d characters long", o.path, name, most)
	}
}

// characters counts code points.
func characters(s string) int { return len([]rune(s)) }

// number is a member that is a number, or a text of one, and must be there.
func (o object) number(name string, least, most float64) float64 {
	n, err := strconv.ParseFloat(strings.TrimSpace(o.need(name)), 64)
	if err != nil || math.IsNaN(n) || n < least || n > most {
		o.fail(CodeParameterValue, "%s%s must be a number from %v to %v", o.path, name, least, most)
		return 0
	}
	return n
}

// flag is a member that is true or false, or a text of it.
func (o object) flag(name string) bool {
	raw, given := o.raw(name)
	if !given {
		return false
	}
	switch strings.Trim(string(raw), `"`) {
	case "true", "1":
		return true
	case "false", "0", "":
		return false
	}
	o.fail(CodeInvalidParameter, "%s%s must be true or false", o.path, name)
	return false
}

// nested is raw for a member that is an object or a list. As Meta's does, the API takes
// a text of it as well, which some libraries write.
func (o object) nested(name string) (json.RawMessage, bool) {
	raw, given := o.raw(name)
	if !given || raw[0] != '"' {
		return raw, given
	}
	var text string
	if json.Unmarshal(raw, &text) != nil || text == "" {
		return raw, given
	}
	return json.RawMessage(text), true
}

// part is a member that is an object, an empty one if it is not there.
func (o object) part(name string) object {
	to := object{path: o.path + name + ".", fault: o.fault}
	if raw, given := o.nested(name); given && json.Unmarshal(raw, &to.members) != nil {
		o.fail(CodeInvalidParameter, "%s%s must be an object", o.path, name)
	}
	return to
}

// needPart is part that must be there.
func (o object) needPart(name string) object {
	if !o.has(name) {
		o.fail(CodeParameterMissing, "%s%s is required", o.path, name)
	}
	return o.part(name)
}

// list is a member that is a list of objects.
func (o object) list(name string, most int) []object {
	raw, given := o.nested(name)
	if !given {
		return nil
	}
	var entries []json.RawMessage
	if json.Unmarshal(raw, &entries) != nil {
		o.fail(CodeInvalidParameter, "%s%s must be a list", o.path, name)
		return nil
	}
	if len(entries) > most {
		o.fail(CodeInvalidParameter, "%s%s must have at most %d entries", o.path, name, most)
		return nil
	}
	parts := make([]object, 0, len(entries))
	for i, entry := range entries {
		part := object{path: o.path + name + "[" + strconv.Itoa(i) + "].", fault: o.fault}
		if json.Unmarshal(entry, &part.members) != nil || part.members == nil {
			o.fail(CodeInvalidParameter, "%s%s[%d] must be an object", o.path, name, i)
		}
		parts = append(parts, part)
	}
	return parts
}
