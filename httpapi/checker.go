package httpapi

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"wapid/engine"
)

// checker walks through a body beside the type that it is to become.
type checker struct{ dec *json.Decoder }

// value checks the next value against t; nil takes anything. path names the
// value in messages and is empty for the body itself.
func (k checker) value(t reflect.Type, path string, depth int) error {
	if depth > maxDepth {
		return engine.Errorf(engine.CodeInvalid, "the body is nested deeper than %d levels", maxDepth)
	}
	token, err := k.dec.Token()
	if err != nil {
		return syntaxError(err)
	}
	t = underlying(t)
	switch token := token.(type) {
	case json.Delim:
		if token == '[' {
			return k.array(t, path, depth)
		}
		return k.object(t, path, depth)
	case string:
		return expect(t, path, "a string", reflect.String)
	case bool:
		return expect(t, path, "a boolean", reflect.Bool)
	case json.Number:
		return expect(t, path, "a number", reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
			reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64)
	}
	return nil // null
}

func (k checker) array(t reflect.Type, path string, depth int) error {
	if err := expect(t, path, "an array", reflect.Slice, reflect.Array); err != nil {
		return err
	}
	var element reflect.Type
	if t != nil {
		element = t.Elem()
	}
	for i := 0; k.dec.More(); i++ {
		if err := k.value(element, path+"["+strconv.Itoa(i)+"]", depth+1); err != nil {
			return err
		}
	}
	return k.end()
}

func (k checker) object(t reflect.Type, path string, depth int) error {
	if err := expect(t, path, "an object", reflect.Struct, reflect.Map); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for k.dec.More() {
		token, err := k.dec.Token()
		if err != nil {
			return syntaxError(err)
		}
		name, _ := token.(string)
		full := strings.TrimPrefix(path+"."+name, ".")
		if seen[name] {
			return engine.Errorf(engine.CodeInvalid, "field %s is given twice", quoteName(full))
		}
		seen[name] = true
		field, known := fieldType(t, name)
		if !known {
			return engine.Errorf(engine.CodeInvalid, "unknown field %s", quoteName(full))
		}
		if err := k.value(field, full, depth+1); err != nil {
			return err
		}
	}
	return k.end()
}

// end takes the closing bracket.
func (k checker) end() error {
	if _, err := k.dec.Token(); err != nil {
		return syntaxError(err)
	}
	return nil
}

// underlying follows pointers; nil stands for a type that takes any JSON.
func underlying(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() == reflect.Interface || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return nil
	}
	return t
}

// fieldType is the type of an object's field, known if there is such a field.
func fieldType(t reflect.Type, name string) (field reflect.Type, known bool) {
	switch {
	case t == nil:
		return nil, true
	case t.Kind() == reflect.Map:
		return t.Elem(), true
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
