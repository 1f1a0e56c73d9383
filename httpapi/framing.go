package httpapi

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"wapid/engine"
)

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

// admitted is admits once it is known where a request comes from, so that keys
// tried with long bodies count like others. It also returns CodeRateLimited.
func (s *Server) admitted(rc *fasthttp.RequestCtx) error {
	h := &rc.Request.Header
	key := string(h.Peek(headerAdminKey))
	if key == "" {
		key = keyOf(h)
	}
	if key == "" {
		key = cookieOf(h)
	}
	if key == "" {
		return errNoKey()
	}
	return s.rates.guess(s.addressOf(rc), key, func() error { return s.admits(h) })
}

// optionalSpace is what may stand around a header's value. A proxy takes other white
// space, such as a vertical tab, for a part of it.
const optionalSpace = " \t"

// checkFraming refuses a head that leaves in doubt where its request ends or
// whom it is for: a proxy in front of us might understand it otherwise, and pass
// the rest of it on as a request of its own. The connection must be closed after
// a refusal, as fasthttp has read the body in its own way by then: chunked for
// any transfer coding, else by the last Content-Length.
//
// What can't be seen from here: line ends without a carriage return, chunk
// extensions and trailers. Malformed lengths and chunks fasthttp refuses itself.
// It returns how long the body is to be, or chunked, and CodeInvalid.
func checkFraming(h *fasthttp.RequestHeader) (declared int64, err error) {
	var hosts int
	var lengths, codings []string
	for line := range bytes.Lines(h.RawHeaders()) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			return 0, engine.Errorf(engine.CodeInvalid, "a header must not go on in the next line")
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("host")):
			hosts++
		case bytes.EqualFold(name, []byte("content-length")):
			lengths = append(lengths, string(bytes.Trim(value, optionalSpace)))
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			codings = append(codings, string(bytes.Trim(value, optionalSpace)))
		}
	}
	switch {
	case hosts > 1 || hosts == 0 && h.IsHTTP11():
		return 0, engine.Errorf(engine.CodeInvalid, "the request must have one Host header")
	case len(lengths) > 1:
		return 0, engine.Errorf(engine.CodeInvalid, "the request must not have several Content-Length headers")
	case len(codings) == 0 && len(lengths) == 0:
		return 0, nil
	case len(codings) == 0:
		if declared, err = strconv.ParseInt(lengths[0], 10, 64); err != nil || declared < 0 {
			return 0, engine.Errorf(engine.CodeInvalid, "the Content-Length header is not a number")
		}
		return declared, nil
	case len(lengths) > 0:
		return 0, engine.Errorf(engine.CodeInvalid, "Content-Length and Transfer-Encoding exclude each other")
	case len(codings) > 1 || !strings.EqualFold(codings[0], "chunked") || !h.IsHTTP11():
		return 0, engine.Errorf(engine.CodeInvalid, "the only transfer coding is chunked, in HTTP/1.1")
	}
	return chunked, nil
}
