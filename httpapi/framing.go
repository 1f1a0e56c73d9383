package httpapi

import (
	"bytes"
	"strings"

	"github.com/valyala/fasthttp"

	"wapid/engine"
)

// openBody is how many bytes of a body anybody may send. A longer one is read
// only after the key turned out to be valid, so that strangers can't fill the
// memory.
const openBody = 4 << 10

// headerReceived is fasthttp's hook between the head of a request and its body,
// also where the client waits for a 100 Continue.
func (s *Server) headerReceived(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	const chunked = -1 // below it is no body at all
	if length := h.ContentLength(); length != chunked && length <= openBody {
		return fasthttp.RequestConfig{}
	}
	if s.admits(h) != nil {
		return fasthttp.RequestConfig{MaxRequestBodySize: openBody}
	}
	return fasthttp.RequestConfig{ReadTimeout: bodyTimeout}
}

// admits looks up the key of a request whose body is not read yet. It returns
// CodeUnauthorized and CodeStorage.
func (s *Server) admits(h *fasthttp.RequestHeader) error {
	if key := string(h.Peek(headerAdminKey)); key != "" {
		_, err := s.operatorOf(s.base, key)
		return err
	}
	_, err := s.principalOf(s.base, h)
	return err
}

// checkFraming refuses a head that leaves in doubt where its request ends or
// whom it is for: a proxy in front of us might understand it otherwise, and pass
// the rest of it on as a request of its own. The connection must be closed after
// a refusal, as fasthttp has read the body in its own way by then: chunked for
// any transfer coding, else by the last Content-Length.
//
// What can't be seen from here: line ends without a carriage return, chunk
// extensions and trailers. Malformed lengths and chunks fasthttp refuses itself.
// It returns CodeInvalid.
func checkFraming(h *fasthttp.RequestHeader) error {
	var hosts int
	var lengths, codings []string
	for line := range bytes.Lines(h.RawHeaders()) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			return engine.Errorf(engine.CodeInvalid, "a header must not go on in the next line")
		}
		name, value, _ := strings.Cut(string(line), ":")
		switch value = strings.TrimSpace(value); strings.ToLower(name) {
		case "host":
			hosts++
		case "content-length":
			lengths = append(lengths, value)
		case "transfer-encoding":
			codings = append(codings, value)
		}
	}
	switch {
	case hosts > 1 || hosts == 0 && h.IsHTTP11():
		return engine.Errorf(engine.CodeInvalid, "the request must have one Host header")
	case len(lengths) > 1:
		return engine.Errorf(engine.CodeInvalid, "the request must not have several Content-Length headers")
	case len(codings) == 0:
		return nil
	case len(lengths) > 0:
		return engine.Errorf(engine.CodeInvalid, "Content-Length and Transfer-Encoding exclude each other")
	case len(codings) > 1 || !strings.EqualFold(codings[0], "chunked") || !h.IsHTTP11():
		return engine.Errorf(engine.CodeInvalid, "the only transfer coding is chunked, in HTTP/1.1")
	}
	return nil
}
