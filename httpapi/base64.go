package httpapi

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"strings"

	"wapid/engine"
)

// longestDataPrefix is how much may stand before the comma of a data: URL, in bytes.
const longestDataPrefix = 256

// base64Writer decodes base64 that is written to it into another writer: in the
// standard or the URL alphabet, with or without padding and line breaks, and with
// or without the beginning of a data: URL (RFC 2397), whose media type it notes.
// Its errors are CodeInvalid and those of the other writer.
type base64Writer struct {
	to       io.Writer
	mimeType string // of the data: URL

	prefix  []byte // the beginning, until it is known what it is
	begun   bool   // it is known
	digits  []byte // those that wait, of base64Digits; nil until there are any
	padding int
	decoded []byte
}

// base64Digits is how many digits are decoded at a time.
const base64Digits = 8 << 10

func errBase64() error {
	return engine.Errorf(engine.CodeInvalid, "mediaBase64 is not valid base64")
}

func (w *base64Writer) Write(p []byte) (int, error) {
	if w.begun {
		return len(p), w.add(p)
	}
	w.prefix = append(w.prefix, p[:min(len(p), longestDataPrefix)]...)
	rest := p[min(len(p), longestDataPrefix):]
	const data = "data:"
	n := min(len(w.prefix), len(data))
	switch comma := bytes.IndexByte(w.prefix, ','); {
	case !strings.EqualFold(string(w.prefix[:n]), data[:n]):
	case comma >= 0:
		if err := w.dataURL(string(w.prefix[len(data):comma])); err != nil {
			return 0, err
		}
		w.prefix = w.prefix[comma+1:]
	case len(w.prefix) >= longestDataPrefix:
		return 0, errBase64()
	default:
		return len(p), nil
	}
	w.begun = true
	if err := w.add(w.prefix); err != nil {
		return 0, err
	}
	w.prefix = nil
	return len(p), w.add(rest)
}

// dataURL reads what stands between "data:" and the comma.
func (w *base64Writer) dataURL(head string) error {
	kind, isBase64 := strings.CutSuffix(head, ";base64")
	if !isBase64 {
		return engine.Errorf(engine.CodeInvalid, "mediaBase64 is a data: URL that is not base64")
	}
	if declared, _, err := mime.ParseMediaType(kind); err == nil {
		w.mimeType = declared
	}
	return nil
}

// add takes digits, in whole groups of four where there are enough.
func (w *base64Writer) add(p []byte) error {
	for _, c := range p {
		switch c {
		case '\n', '\r', ' ', '\t':
			continue
		case '=':
			w.padding++
			continue
		case '-':
			c = '+'
		case '_':
			c = '/'
		}
		if w.padding > 0 {
			return errBase64()
		}
		if w.digits == nil {
			w.digits, w.decoded = make([]byte, 0, base64Digits), make([]byte, base64.RawStdEncoding.DecodedLen(base64Digits))
		}
		w.digits = append(w.digits, c)
		if len(w.digits) == base64Digits {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *base64Writer) flush() error {
	n, err := base64.RawStdEncoding.Decode(w.decoded, w.digits)
	if err != nil {
		return errBase64()
	}
	w.digits = w.digits[:0]
	_, err = w.to.Write(w.decoded[:n])
	return err
}

// finish decodes what is left.
func (w *base64Writer) finish() error {
	if !w.begun {
		w.begun = true
		if err := w.add(w.prefix); err != nil {
			return err
		}
	}
	if w.padding > 0 && (w.padding > 2 || (len(w.digits)+w.padding)%4 != 0) {
		return errBase64()
	}
	return w.flush()
}
