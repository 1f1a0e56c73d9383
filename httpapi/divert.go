package httpapi

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"wapid/engine"
)

// divertBuffer is how many bytes of a long body are looked at together.
const divertBuffer = 64 << 10

// shortBody is how many bytes of a body are read before it is looked at.
const shortBody = 4 << 10

// divert reads a JSON object and returns it without the text of one of its
// fields, which goes to w as it arrives, unescaped. In its place stands a short
// text, or none if it was empty. Only the first such field whose value is a
// string is taken out: whether the rest is JSON, has that field twice or with
// another type is for parseJSON to say. The rest may have most bytes. length is how
// many bytes r has, negative if that is not known.
//
// It returns CodePayloadTooLarge, CodeInvalid, and the errors of r and w.
func divert(r io.Reader, length int, field string, w io.Writer, most int) ([]byte, error) {
	size := divertBuffer
	if length >= 0 && length < min(shortBody, most) { // as most, and they come often
		size = length + 1
		body, err := readUpTo(r, size)
		if err != nil || len(body) <= length && mustLack(body, field) {
			return body, err
		}
		r = io.MultiReader(bytes.NewReader(body), r)
	}
	d := diverter{in: bufio.NewReaderSize(r, size), field: field, out: w, most: most}
	d.rest.Grow(min(size, most, divertBuffer/16))
	for {
		err := d.step()
		switch {
		case errors.Is(err, io.EOF):
			return d.rest.Bytes(), nil
		case err != nil:
			return nil, err
		}
	}
}

// readUpTo reads until r ends, or so many bytes.
func readUpTo(r io.Reader, most int) ([]byte, error) {
	b := make([]byte, 0, most)
	for len(b) < most {
		n, err := r.Read(b[len(b):most])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

// mustLack tells that JSON can't have a field, however it is written.
func mustLack(body []byte, field string) bool {
	return bytes.IndexByte(body, '\\') < 0 && !bytes.Contains(body, []byte(field))
}

// diverter walks over JSON without judging it.
type diverter struct {
	in    *bufio.Reader
	field string
	out   io.Writer
	most  int
	rest  bytes.Buffer

	depth    int
	atKey    bool   // the next string at depth 1 is a field's name
	key      string // the last name at depth 1
	diverted bool
}

// step takes one byte, or one string. It returns io.EOF at the end.
func (d *diverter) step() error {
	b, err := d.in.ReadByte()
	if err != nil {
		return err
	}
	if err := d.keep(b); err != nil {
		return err
	}
	switch b {
	case '{', '[':
		d.depth++
		d.atKey = d.depth == 1 && b == '{'
	case '}', ']':
		d.depth--
	case ',':
		d.atKey = d.depth == 1
	case '"':
		return d.text()
	}
	return nil
}

func (d *diverter) keep(b byte) error {
	if d.rest.Len() >= d.most {
		return errTooLarge()
	}
	return d.rest.WriteByte(b)
}

// text takes a string whose opening quote is read.
func (d *diverter) text() error {
	if d.depth == 1 && !d.atKey && d.key == d.field && !d.diverted {
		d.diverted = true
		return d.pass()
	}
	start := d.rest.Len() - 1
	for {
		b, err := d.in.ReadByte()
		if err != nil {
			return err
		}
		if err := d.keep(b); err != nil {
			return err
		}
		switch b {
		case '\\':
			if b, err = d.in.ReadByte(); err == nil {
				err = d.keep(b)
			}
			if err != nil {
				return err
			}
		case '"':
			if d.depth == 1 && d.atKey {
				d.atKey, d.key = false, ""
				_ = json.Unmarshal(d.rest.Bytes()[start:], &d.key) // what is no string names no field
			}
			return nil
		}
	}
}

// pass hands on a string up to its closing quote.
func (d *diverter) pass() error {
	empty := true
	for {
		run, err := d.run()
		if err != nil {
			return err
		}
		if len(run) > 0 {
			if _, err := d.out.Write(run); err != nil {
				return err
			}
			_, _ = d.in.Discard(len(run)) // it is buffered
			empty = false
			continue
		}
		b, err := d.in.ReadByte()
		switch {
		case err != nil:
			return err
		case b == '"':
			if !empty {
				_ = d.rest.WriteByte('-') // memory only
			}
			return d.keep('"')
		case b < ' ':
			return engine.Errorf(engine.CodeInvalid, "the body is not valid JSON: %s holds a line break or another control character", d.field)
		}
		plain, err := d.escape()
		if err != nil {
			return err
		}
		if _, err := d.out.Write([]byte{plain}); err != nil {
			return err
		}
		empty = false
	}
}

// run returns what is buffered of a string up to the next character that is special.
func (d *diverter) run() ([]byte, error) {
	if _, err := d.in.Peek(1); err != nil {
		return nil, err
	}
	b, _ := d.in.Peek(d.in.Buffered())
	for i, c := range b {
		if c == '"' || c == '\\' || c < ' ' {
			return b[:i], nil
		}
	}
	return b, nil
}

// escape reads what follows a backslash. Some encoders escape the slash, the plus
// and the equals sign of base64.
func (d *diverter) escape() (byte, error) {
	b, err := d.in.ReadByte()
	if err != nil {
		return 0, err
	}
	switch b {
	case '"', '\\', '/':
		return b, nil
	case 'n', 'r', 't', 'b', 'f':
		return '\n', nil
	case 'u':
		var digits [4]byte
		if _, err := io.ReadFull(d.in, digits[:]); err != nil {
			return 0, io.EOF // as any other end before the closing quote
		}
		if r, err := strconv.ParseUint(string(digits[:]), 16, 16); err == nil && r < 0x80 {
			return byte(r), nil
		}
	}
	return 0, engine.Errorf(engine.CodeInvalid, "%s holds characters that are not base64", d.field)
}
