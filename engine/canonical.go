package engine

import (
	"bytes"
	"encoding/json"
)

// Canonical encodes v exactly as JavaScript's JSON.stringify prints the parsed
// value, so that a receiver that parses a webhook and prints it again gets the
// bytes that were signed: compact, struct order, no HTML escapes, and U+2028
// and U+2029 as themselves. v must be structs, slices, strings, booleans and
// integers within ±2^53; strings that are not valid UTF-8 have each bad byte
// replaced by U+FFFD.
func Canonical(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return unescape(bytes.TrimSuffix(buf.Bytes(), []byte{'\n'})), nil
}

// unescape puts back the three characters that encoding/json escapes and
// JSON.stringify does not: U+2028 and U+2029 always, U+FFFD where it stands for
// bad UTF-8. A backslash that is itself escaped does not start an escape.
func unescape(b []byte) []byte {
	if !bytes.Contains(b, []byte(`\u202`)) && !bytes.Contains(b, []byte(`\ufffd`)) {
		return b
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		if b[i] != '\\' {
			out = append(out, b[i])
			i++
			continue
		}
		switch {
		case bytes.HasPrefix(b[i:], []byte(`\u2028`)):
			out, i = append(out, "\u2028"...), i+6
		case bytes.HasPrefix(b[i:], []byte(`\u2029`)):
			out, i = append(out, "\u2029"...), i+6
		case bytes.HasPrefix(b[i:], []byte(`\ufffd`)):
			out, i = append(out, "\ufffd"...), i+6
		default: // any other escape: take the backslash and the character behind it
			out, i = append(out, b[i], b[i+1]), i+2
		}
	}
	return out
}
