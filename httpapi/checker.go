package httpapi

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"wapid/engine"
)

// checker walks through a body, which is known to be JSON, beside the type that it is
// to become. rest is what is still to be walked through.
type checker struct{ rest []byte }

// value checks the next value against t; nil takes anything. path names the
// value in messages and is empty for the body itself.
func (k *checker) value(t reflect.Type, path string, depth int) error {
	if depth > maxDepth {
		return engine.Errorf(engine.CodeInvalid, "the body is nested deeper than %d levels", maxDepth)
	}
	t = underlying(t)
	switch k.next() {
	case '{':
		return k.object(t, path, depth)
	case '[':
		return k.array(t, path, depth)
	case '"':
		k.text()
		return expect(t, path, "a string", reflect.String)
	case 't', 'f':
		k.word()
		return expect(t, path, "a boolean", reflect.Bool)
	case 'n': // null
		k.word()
		return nil
	}
	k.word()
	return expect(t, path, "a number", reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64)
}

func (k *checker) array(t reflect.Type, path string, depth int) error {
	if err := expect(t, path, "an array", reflect.Slice, reflect.Array); err != nil {
		return err
	}
	var element reflect.Type
	if t != nil {
		element = t.Elem()
	}
	for i := 0; k.more(']'); i++ {
		if err := k.value(element, path+"["+strconv.Itoa(i)+"]", depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (k *checker) object(t reflect.Type, path string, depth int) error {
	if err := expect(t, path, "an object", reflect.Struct, reflect.Map); err != nil {
		return err
	}
	var seen names
	for k.more('}') {
		name := k.name()
		full := name
		if path != "" {
			full = path + "." + name
		}
		if seen.have(name) {
			return engine.Errorf(engine.CodeInvalid, "field %s is given twice", quoteName(full))
		}
		field, known := fieldType(t, name)
		if !known {
			return engine.Errorf(engine.CodeInvalid, "unknown field %s", quoteName(full))
		}
		if err := k.value(field, full, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// next is the next byte that is no space, which stays.
func (k *checker) next() byte {
	for i, b := range k.rest {
		if b > ' ' {
			k.rest = k.rest[i:]
			return b
		}
	}
	k.rest = nil
	return 0
}

// more steps into an array or an object, or over a comma. At the end, which it takes,
// it is false.
func (k *checker) more(end byte) bool {
	if b := k.next(); b == '{' || b == '[' || b == ',' {
		k.rest = k.rest[1:]
	}
	if b := k.next(); b != end && b != 0 {
		return true
	}
	k.rest = k.rest[min(1, len(k.rest)):]
	return false
}

// name takes a field's name and the colon behind it.
func (k *checker) name() string {
	raw := k.text()
	k.next()
	k.rest = k.rest[min(1, len(k.rest)):]
	if !bytes.ContainsRune(raw, '\\') {
		return string(raw[1 : len(raw)-1])
	}
	var name string
	_ = json.Unmarshal(raw, &name) // it is a string of valid JSON
	return name
}

// text takes a string, and returns it with its quotes.
func (k *checker) text() []byte {
	for i := 1; i < len(k.rest); i++ {
		switch k.rest[i] {
		case '\\':
			i++
		case '"':
			raw := k.rest[:i+1]
			k.rest = k.rest[i+1:]
			return raw
		}
	}
	k.rest = nil
	return []byte(`""`)
}

// word takes a number, true, false or null.
func (k *checker) word() {
	i := bytes.IndexAny(k.rest, ",]} \t\r\n")
	if i < 0 {
		i = len(k.rest)
	}
	k.rest = k.rest[i:]
}

// names are the fields of an object so far: mostly a few of a struct, but a map may
// have any number.
type names struct {
	few  []string
	many map[string]struct{}
}

// have tells whether a name is there, and adds it.
func (n *names) have(name string) bool {
	if n.many == nil && len(n.few) < 32 {
		if slices.Contains(n.few, name) {
			return true
		}
		n.few = append(n.few, name)
		return false
	}
	if n.many == nil {
		n.many = make(map[string]struct{})
		for _, one := range n.few {
			n.many[one] = struct{}{}
		}
	}
	_, found := n.many[name]
	n.many[name] = struct{}{}
	return found
}

// underlying follows pointers; nil stands for a type that takes any JSON.
func underlying(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() == reflect.Interface {
		return nil
	}
	if t.PkgPath() == "" && (t.Kind() <= reflect.Float64 || t.Kind() == reflect.String) {
		return t // a type of the language has no methods
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return nil
	}
	return t
}

// sendFields are looked up for every message that is sent, where reading the tags
// each time would take longer than parsing. They do not change.
var (
	sendType   = reflect.TypeFor[sendRequest]()
	sendFields = fieldsByName(sendType)
)

func fieldsByName(t reflect.Type) map[string]reflect.Type {
	byName := make(map[string]reflect.Type)
	for f := range t.Fields() {
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag != "" && tag != "-" {
			byName[tag] = f.Type
		}
	}
	return byName
}

// fieldType is the type of an object's field, known if there is such a field.
func fieldType(t reflect.Type, name string) (field reflect.Type, known bool) {
	switch {
	case t == nil:
		return nil, true
	case t.Kind() == reflect.Map:
		return t.Elem(), true
	case t == sendType:
		field, known = sendFields[name]
		return field, known
	}
	for f := range t.Fields() {
		if f.Anonymous {
			if field, known = fieldType(f.Type, name); known {
				return field, true
			}
		}
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag == name && tag != "-" && tag != "" {
			return f.Type, true
		}
	}
	return nil, false
}

// expect refuses a value of another kind than t's. got names the value's kind.
func expect(t reflect.Type, path, got string, kinds ...reflect.Kind) error {
	if t == nil || slices.Contains(kinds, t.Kind()) {
		return nil
	}
	return engine.Errorf(engine.CodeInvalid, "%s must be %s, not %s", quoteName(path), article(t), got)
}

// article names the JSON kind that becomes a t.
func article(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a boolean"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	default:
		return "a number"
	}
}

// quoteName makes a caller's field name safe to show: names are the caller's
// choice and may be long or hold anything.
func quoteName(name string) string {
	const most = 64
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "…"
	}
	return strconv.Quote(name)
}
