package metabody

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Object is a part of a request's body, read member by member: clients give null for
// what they leave out, numbers as texts and texts as numbers, and members that nobody
// knows. The first thing that is wrong is kept for all parts of a body together.
type Object struct {
	path    string // in front of the names of its members; "" or with a dot at its end
	members map[string]json.RawMessage
	first   *error
}

// Read reads a JSON object whose syntax was checked.
func Read(body []byte) Object {
	o := Object{first: new(error)}
	if err := json.Unmarshal(body, &o.members); err != nil {
		o.Failf(Invalid, "the body must be a JSON object")
	}
	return o
}

// Err is what was wrong first, nil for nothing: a *Fault, or what was given to Fail.
func (o Object) Err() error { return *o.first }

// Fail notes what is wrong, unless something else is already.
func (o Object) Fail(err error) {
	if *o.first == nil {
		*o.first = err
	}
}

// Failf notes a Fault.
func (o Object) Failf(reason Reason, format string, args ...any) {
	o.Fail(Faultf(reason, format, args...))
}

// Refuse notes a Fault of a member, whose details begin with its name.
func (o Object) Refuse(name string, reason Reason, format string, args ...any) {
	o.Failf(reason, "%s%s %s", o.path, name, fmt.Sprintf(format, args...))
}

// Raw is a member as it stands there; given is false for null too.
func (o Object) Raw(name string) (raw json.RawMessage, given bool) {
	raw = bytes.TrimSpace(o.members[name])
	return raw, len(raw) > 0 && !bytes.Equal(raw, []byte("null"))
}

// Has tells whether a member is there, and not null.
func (o Object) Has(name string) bool {
	_, given := o.Raw(name)
	return given
}

// Names are the members that are there, in order.
func (o Object) Names() []string {
	var names []string
	for name := range o.members {
		if o.Has(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Text is a member's text, "" if it is not there.
func (o Object) Text(name string) string {
	raw, given := o.Raw(name)
	if !given {
		return ""
	}
	switch c := raw[0]; {
	case c == '"':
		var s string
		if json.Unmarshal(raw, &s) == nil {
			return s
		}
	case c == '-', c >= '0' && c <= '9':
		return string(raw)
	}
	o.Refuse(name, Invalid, "must be a string")
	return ""
}

// Need is text that must be there.
func (o Object) Need(name string) string {
	s := o.Text(name)
	if strings.TrimSpace(s) == "" {
		o.Refuse(name, Missing, "is required")
	}
	return s
}

// Short is text of at most so many characters.
func (o Object) Short(name string, most int) string {
	s := o.Text(name)
	o.limit(name, s, most)
	return s
}

// NeedShort is Need of at most so many characters.
func (o Object) NeedShort(name string, most int) string {
	s := o.Need(name)
	o.limit(name, s, most)
	return s
}

func (o Object) limit(name, s string, most int) {
	if utf8.RuneCountInString(s) > most {
		o.Refuse(name, TooLong, "must be at most %d characters long", most)
	}
}

// Number is a member that is a number, or a text of one, and must be there.
func (o Object) Number(name string, least, most float64) float64 {
	n, err := strconv.ParseFloat(strings.TrimSpace(o.Need(name)), 64)
	if err != nil || math.IsNaN(n) || n < least || n > most {
		o.Refuse(name, Value, "must be a number from %v to %v", least, most)
		return 0
	}
	return n
}

// Flag is a member that is true or false, or a text of it.
func (o Object) Flag(name string) bool {
	raw, given := o.Raw(name)
	if !given {
		return false
	}
	switch strings.Trim(string(raw), `"`) {
	case "true", "1":
		return true
	case "false", "0", "":
		return false
	}
	o.Refuse(name, Invalid, "must be true or false")
	return false
}

// nested is Raw for a member that is an object or a list. As Meta's does, the API takes
// a text of it as well, which some libraries write.
func (o Object) nested(name string) (json.RawMessage, bool) {
	raw, given := o.Raw(name)
	if !given || raw[0] != '"' {
		return raw, given
	}
	var text string
	if json.Unmarshal(raw, &text) != nil || text == "" {
		return raw, given
	}
	return json.RawMessage(text), true
}

// Part is a member that is an object, an empty one if it is not there.
func (o Object) Part(name string) Object {
	to := Object{path: o.path + name + ".", first: o.first}
	if raw, given := o.nested(name); given && json.Unmarshal(raw, &to.members) != nil {
		o.Refuse(name, Invalid, "must be an object")
	}
	return to
}

// NeedPart is Part that must be there.
func (o Object) NeedPart(name string) Object {
	if !o.Has(name) {
		o.Refuse(name, Missing, "is required")
	}
	return o.Part(name)
}

// List is a member that is a list of at most so many objects.
func (o Object) List(name string, most int) []Object {
	entries := o.entries(name, most)
	parts := make([]Object, 0, len(entries))
	for i, entry := range entries {
		one := name + "[" + strconv.Itoa(i) + "]"
		part := Object{path: o.path + one + ".", first: o.first}
		if json.Unmarshal(entry, &part.members) != nil || part.members == nil {
			o.Refuse(one, Invalid, "must be an object")
		}
		parts = append(parts, part)
	}
	return parts
}

// Texts is a member that is a list of 1 to so many texts, and must be there.
func (o Object) Texts(name string, most int) []string {
	entries := o.entries(name, most)
	switch {
	case !o.Has(name):
		o.Refuse(name, Missing, "is required")
	case len(entries) == 0:
		o.Refuse(name, Value, "must have 1 to %d entries", most)
	}
	texts := make([]string, 0, len(entries))
	for i, entry := range entries {
		one := name + "[" + strconv.Itoa(i) + "]"
		texts = append(texts, Object{path: o.path, members: map[string]json.RawMessage{one: entry}, first: o.first}.Text(one))
	}
	return texts
}

func (o Object) entries(name string, most int) (entries []json.RawMessage) {
	raw, given := o.nested(name)
	if !given {
		return nil
	}
	if json.Unmarshal(raw, &entries) != nil {
		o.Refuse(name, Invalid, "must be a list")
		return nil
	}
	if len(entries) > most {
		o.Refuse(name, Invalid, "must have at most %d entries", most)
		return nil
	}
	return entries
}
