package cloudapi

import (
	"bytes"
	"encoding/json"
	"unicode/utf16"
	"unicode/utf8"
)

// ASCII encodes v as JSON in pure ASCII, as Meta's webhooks are: what is not ASCII is
// escaped as \uxxxx in lower hex, in UTF-16, and so are DEL and four characters that
// Meta escapes beside them (/ < % @). So a receiver that checks the signature over
// the bytes that came and one that parses, prints and escapes them anew both find the
// same. v must hold no json.RawMessage and no json.Number of the caller's.
func ASCII(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return escape(bytes.TrimSuffix(buf.Bytes(), []byte{'\n'})), nil
}

// escape makes pure ASCII of JSON. What it escapes stands in strings only, and none of
// it is part of an escape already.
func escape(b []byte) []byte {
	out := make([]byte, 0, len(b)+len(b)/8)
	for i := 0; i < len(b); {
		if c := b[i]; c < utf8.RuneSelf {
			switch c {
			case '/':
				out = append(out, '\\', '/')
			case '<':
				out = append(out, `\u003C`...)
			case '%':
				out = append(out, `\u0025`...)
			case '@':
				out = append(out, `\u0040`...)
			case 0x7f:
				out = append(out, `\u007f`...)
			default:
				out = append(out, c)
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		i += size
		if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
			out = appendUnit(appendUnit(out, high), low)
			continue
		}
		out = appendUnit(out, r)
	}
	return out
}

const hexDigits = "0123456789abcdef"

// appendUnit appends a unit of UTF-16 as an escape.
func appendUnit(out []byte, unit rune) []byte {
	return append(out, '\\', 'u', hexDigits[unit>>12&15], hexDigits[unit>>8&15], hexDigits[unit>>4&15], hexDigits[unit&15])
}
