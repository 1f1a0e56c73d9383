package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"reflect"
	"unicode/utf8"

	"wapid/engine"
)

// mostParts is how many parts a form may have.
const mostParts = 256

func errCompressed() error {
	return engine.Errorf(CodeUnsupportedMedia, "the body must not be compressed")
}

// errForm tells of a form that can't be read, unless the connection is to blame.
func errForm(err error) error {
	if e, ok := errors.AsType[*engine.Error](err); ok {
		return e
	}
	return engine.WrapError(engine.CodeInvalid, err, "the body is not a valid multipart form, or broke off")
}

// readForm reads a multipart form: the parts named file or media bring the file,
// and every other part is a field of the same name as in JSON. Its digest does not
// depend on the boundary, nor on the order of different fields.
func (s *Server) readForm(body io.Reader, boundary string) (*sending, error) {
	in := &sending{}
	f := &form{server: s, in: in, left: s.maxBody, fields: make(map[string][]string)}
	if err := f.read(body, boundary); err != nil {
		return in, err
	}
	said, err := formJSON(reflect.TypeFor[sendRequest](), f.fields)
	if err != nil {
		return in, err
	}
	if err := parseJSON(said, &in.request); err != nil {
		return in, err
	}
	return in, f.finish(said)
}

// form is a multipart form that is being read.
type form struct {
	server *Server
	in     *sending
	fields map[string][]string
	left   int // bytes that fields may still have
	// ofMany is set for a bulk request: recipients may be a CSV file, and request a
	// part with the whole request as JSON.
	ofMany bool
}

// read takes all parts.
func (f *form) read(body io.Reader, boundary string) error { return eachPart(body, boundary, f.take) }

// eachPart hands over the parts of a form as they come. It returns CodeInvalid and the
// errors of take.
func eachPart(body io.Reader, boundary string, take func(*multipart.Part) error) error {
	if boundary == "" || len(boundary) > 70 { // RFC 2046, 5.1.1
		return engine.Errorf(engine.CodeInvalid, "the Content-Type of the form names no boundary")
	}
	heads := &headed{from: &unfinished{from: body}}
	r := multipart.NewReader(heads, boundary)
	for parts := 0; ; parts++ {
		heads.begin()
		part, err := r.NextRawPart()
		heads.within = false
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errForm(err)
		}
		if parts == mostParts {
			return engine.Errorf(engine.CodeInvalid, "the form has more than %d parts", mostParts)
		}
		if err := plainPart(part); err != nil {
			return err
		}
		err = take(part)
		if err == nil {
			_, err = io.Copy(io.Discard, part) // what it left, as the next part's head is counted
		}
		if err != nil {
			return errForm(err)
		}
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(body, prefetched)); err != nil { // what may follow the last boundary
		return errForm(err)
	}
	return nil
}

// maxPartHead is how much may stand in front of a part's value, in bytes: its boundary and
// headers. The standard library would take ten megabytes of each, several times over.
const maxPartHead = 16 << 10

// headed is the body of a form whose parts have short heads.
type headed struct {
	from   io.Reader
	within bool // a head is being read
	left   int  // bytes that it may still have; the buffer may hold some of them already
}

func (h *headed) begin() { h.within, h.left = true, maxPartHead }

// Read also returns CodeInvalid.
func (h *headed) Read(p []byte) (int, error) {
	if h.within && h.left <= 0 {
		return 0, engine.Errorf(engine.CodeInvalid, "the headers of a part of the form are longer than %d bytes", maxPartHead)
	}
	n, err := h.from.Read(p)
	if h.within {
		h.left -= n
	}
	return n, err
}

// plainPart refuses a part without a name, and one that is encoded.
func plainPart(part *multipart.Part) error {
	if encoding := part.Header.Get("Content-Transfer-Encoding"); encoding != "" && encoding != "binary" && encoding != "8bit" && encoding != "7bit" {
		return engine.Errorf(engine.CodeInvalid, "the parts of the form must not be encoded")
	}
	if part.FormName() == "" {
		return engine.Errorf(engine.CodeInvalid, "a part of the form has no name")
	}
	return nil
}

// unfinished is the body of a form for a reader that takes an end among the headers
// of a part, or in front of them, for the end of the form: what such a form goes
// without, a time to begin at or a limit, would not be missed. Only the last boundary
// ends it; a line break behind that is optional.
type unfinished struct {
	from  io.Reader
	last  byte // that was read
	ended bool
	tail  string // what is put behind the end
}

// Read returns io.ErrUnexpectedEOF at the end.
func (u *unfinished) Read(p []byte) (int, error) {
	if !u.ended {
		n, err := u.from.Read(p)
		if n > 0 {
			u.last = p[n-1]
			if errors.Is(err, io.EOF) {
				err = nil // it comes again
			}
		}
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		u.ended, u.tail = true, "\r\n"
		if u.last == '\r' {
			u.tail = "\n"
		}
	}
	if u.tail == "" {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(p, u.tail)
	u.tail = u.tail[n:]
	return n, nil
}

func (f *form) take(part *multipart.Part) error {
	name := part.FormName()
	switch {
	case name == "file", name == "media":
		return f.takeFile(part)
	case name == "recipients" && f.ofMany && isFile(part):
		return f.takeList(part)
	}
	value, err := io.ReadAll(io.LimitReader(part, int64(f.left)+1))
	if err != nil {
		return err
	}
	if f.left -= len(name) + len(value); f.left < 0 {
		return errTooLarge()
	}
	if !utf8.Valid(value) || !utf8.ValidString(name) {
		return engine.Errorf(engine.CodeInvalid, "the form's field %s is not valid UTF-8", quoteName(name))
	}
	f.fields[name] = append(f.fields[name], string(value))
	return nil
}

func (f *form) takeFile(part *multipart.Part) error {
	if f.in.file.Path != "" {
		return engine.Errorf(engine.CodeInvalid, "the form must not have more than one file")
	}
	file, err := f.server.spool.Take(context.Background(), part, f.server.maxMedia) // the body's own deadline ends it
	if err != nil {
		return err
	}
	f.in.file, f.in.hint.Name = file, part.FileName()
	// Browsers and curl call what they don't know octet-stream.
	if kind := part.Header.Get("Content-Type"); kind != "application/octet-stream" {
		f.in.hint.MIME = kind
	}
	return nil
}

// finish goes with a request that was made of the fields, said, as if they had come
// as JSON: it adds its file and its digest.
func (f *form) finish(said []byte) error {
	f.in.request.hasFile = f.in.file.Path != ""
	if f.in.request.MediaBase64 != "" {
		if err := f.takeBase64(); err != nil {
			return err
		}
	}
	h := sha256.New()
	say(h, said)
	say(h, f.in.file.SHA256)
	say(h, []byte(f.in.hint.Name))
	say(h, []byte(f.in.hint.MIME))
	if f.in.list.Path != "" {
		say(h, f.in.list.SHA256)
	}
	f.in.digest = h.Sum(nil)
	return nil
}

// takeBase64 decodes a file that came as a field, which is a short one.
func (f *form) takeBase64() error {
	if f.in.request.hasFile {
		return nil // refused later, by name
	}
	w := &lateFile{spool: f.server.spool, limit: f.server.maxMedia}
	defer w.discard()
	decoder := &base64Writer{to: w}
	if _, err := io.WriteString(decoder, f.in.request.MediaBase64); err != nil {
		return err
	}
	if err := decoder.finish(); err != nil {
		return err
	}
	var err error
	f.in.hint.MIME = decoder.mimeType
	if f.in.file, err = w.finish(); err == nil && f.in.file.Path == "" {
		return engine.Errorf(engine.CodeInvalid, "mediaBase64 holds no bytes")
	}
	return err
}

// formJSON writes the fields of a form as a JSON object of a request. Texts stay texts. An
// array comes as JSON, or as one part for each entry; other values are JSON. It
// returns CodeInvalid for a field that is not of its kind.
func formJSON(request reflect.Type, fields map[string][]string) ([]byte, error) {
	object := make(map[string]json.RawMessage, len(fields))
	for name, values := range fields {
		t, known := fieldType(request, name)
		if !known {
			return nil, engine.Errorf(engine.CodeInvalid, "unknown field %s", quoteName(name))
		}
		raw, err := formValue(t, values)
		if err != nil {
			return nil, engine.Errorf(engine.CodeInvalid, "%s %s", quoteName(name), err.Error())
		}
		object[name] = raw
	}
	body, err := json.Marshal(object) // sorted by name
	if err != nil {
		return nil, engine.WrapError(engine.CodeInternal, err, "a form can't be written as JSON")
	}
	return body, nil
}

// formFault continues a sentence that begins with a field's name.
type formFault string

func (f formFault) Error() string { return string(f) }

func formValue(t reflect.Type, values []string) (json.RawMessage, error) {
	if t = underlying(t); t == nil {
		return anyValue(values)
	}
	isArray := t.Kind() == reflect.Slice
	if len(values) > 1 && !isArray {
		return nil, formFault("is given twice")
	}
	only := bytes.TrimSpace([]byte(values[0]))
	apart := isArray && (len(values) > 1 || !bytes.HasPrefix(only, []byte("[")))
	switch {
	case t.Kind() == reflect.String:
		return json.Marshal(values[0])
	case apart && underlying(t.Elem()) == nil:
		return anyValues(values)
	case apart && t.Elem().Kind() == reflect.String:
		return json.Marshal(values)
	case len(values) > 1:
		return nil, formFault("must be an array, written as JSON")
	case len(only) == 0:
		return json.RawMessage("null"), nil
	case !json.Valid(only):
		return nil, formFault("must be " + article(t) + ", written as JSON")
	}
	return only, nil
}

// anyValue writes a field that may be of several types: as JSON if it is some, and
// else as a text.
func anyValue(values []string) (json.RawMessage, error) {
	if len(values) > 1 {
		return nil, formFault("is given twice")
	}
	only := bytes.TrimSpace([]byte(values[0]))
	switch {
	case len(only) == 0:
		return json.RawMessage("null"), nil
	case json.Valid(only):
		return only, nil
	}
	return json.Marshal(values[0])
}

// anyValues writes parts that are entries of a list each: objects, or texts.
func anyValues(values []string) (json.RawMessage, error) {
	list := make([]json.RawMessage, len(values))
	for i, value := range values {
		var err error
		if list[i] = bytes.TrimSpace([]byte(value)); bytes.HasPrefix(list[i], []byte("{")) && json.Valid(list[i]) {
			continue
		}
		if list[i], err = json.Marshal(value); err != nil {
			return nil, err
		}
	}
	return json.Marshal(list)
}
