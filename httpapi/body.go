package httpapi

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"wapid/engine"
)

// How bodies are received: fasthttp hands them over as streams. For most routes
// the body is read into memory here, before the route is even looked for; a route
// that uploads reads its own body as it comes, so that a file never lies in memory.

const (
	// openBody is how many bytes of a body anybody may send. A longer one is read
	// only after the key turned out to be valid, so that strangers can't fill the
	// memory.
	openBody = 4 << 10
	// prefetched is how much of a body fasthttp has read before it calls the
	// handler, if its length is known.
	prefetched = 8 << 10
	// slowestUpload is how many bytes a second a long body must come at, beyond
	// the time that every body has.
	slowestUpload = 128 << 10
	// downloadTimeout is how long taking a file may last.
	downloadTimeout = 15 * time.Minute
	// uploadKey is where the body's stream is kept while a request is handled.
	uploadKey = "upload"
)

const chunked = -1 // the length of a body whose length is not known

// headerReceived is fasthttp's hook between the head of a request and its body,
// also where the client waits for a 100 Continue. A body that is refused is not
// read at all: its length is set to 0, which receive notices.
func (s *Server) headerReceived(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	translatePath(h)
	length := h.ContentLength()
	if length == 0 && h.IsGet() && s.downloads(h) {
		return fasthttp.RequestConfig{WriteTimeout: downloadTimeout}
	}
	if length != chunked && length <= openBody {
		return fasthttp.RequestConfig{}
	}
	if open := s.openTo(h); open > 0 {
		if int64(length) > open {
			h.SetContentLength(0)
			h.Del(fiber.HeaderExpect)
			return fasthttp.RequestConfig{}
		}
		return fasthttp.RequestConfig{MaxRequestBodySize: max(length, 0), ReadTimeout: bodyTimeout}
	}
	admitted := s.admits(h) == nil
	if length == chunked {
		if admitted {
			return fasthttp.RequestConfig{ReadTimeout: s.uploadTimeout(h, s.limitOf(h))}
		}
		return fasthttp.RequestConfig{}
	}
	if !admitted || int64(length) > s.limitOf(h) {
		h.SetContentLength(0)
		h.Del(fiber.HeaderExpect)
		return fasthttp.RequestConfig{}
	}
	return fasthttp.RequestConfig{MaxRequestBodySize: length, ReadTimeout: s.uploadTimeout(h, int64(length))}
}

// uploadTimeout is how long a body of so many bytes may take to arrive.
func (s *Server) uploadTimeout(h *fasthttp.RequestHeader, length int64) time.Duration {
	if !s.uploads(h) {
		return bodyTimeout
	}
	return bodyTimeout + time.Duration(length/slowestUpload)*time.Second
}

// limitOf is how long the body of a request may be.
func (s *Server) limitOf(h *fasthttp.RequestHeader) int64 { return s.mostOf(s.uploads(h)) }

// mostOf is limitOf of one that uploads, or does not. Base64 makes four bytes of
// three; line breaks and escapes make one in eight more.
func (s *Server) mostOf(uploads bool) int64 {
	if uploads {
		return s.maxMedia + s.maxMedia/2 + int64(s.maxBody)
	}
	return int64(s.maxBody)
}

// openTo is how many bytes of a body anybody may send there; 0 for no more than openBody.
func (s *Server) openTo(h *fasthttp.RequestHeader) int64 {
	if !h.IsPost() || len(s.openPaths) == 0 {
		return 0
	}
	path, _, _ := bytes.Cut(h.RequestURI(), []byte("?"))
	return s.openPaths[string(path)]
}

// uploads and downloads tell of a head whose route is not looked up yet.
func (s *Server) uploads(h *fasthttp.RequestHeader) bool {
	return h.IsPost() && matchesAny(s.uploadPaths, h.RequestURI())
}

func (s *Server) downloads(h *fasthttp.RequestHeader) bool {
	return matchesAny(s.downloadPaths, h.RequestURI())
}

// matchesAny tells whether a request's path fits one of the patterns, in which
// ":name" stands for any one part.
func matchesAny(patterns []string, uri []byte) bool {
	path, _, _ := bytes.Cut(uri, []byte("?"))
	path = bytes.TrimSuffix(path, []byte("/")) // which Fiber does not mind either
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, path) })
}

// matches is called for every body, and so makes no copies of the parts.
func matches(pattern string, path []byte) bool {
	for {
		want, nextWant, patternGoesOn := strings.Cut(pattern, "/")
		part, nextPart, pathGoesOn := bytes.Cut(path, []byte("/"))
		if want != string(part) && !strings.HasPrefix(want, ":") || patternGoesOn != pathGoesOn {
			return false
		}
		if !pathGoesOn {
			return true
		}
		pattern, path = nextWant, nextPart
	}
}

// receive gets the body of a request into the form that its route needs it in.
// declared is the body's length by its head. It returns CodePayloadTooLarge,
// CodeRequestTimeout, CodeInvalid for a body that breaks off, and the errors of
// admitted for a long body of nobody we know.
func (s *Server) receive(rc *fasthttp.RequestCtx, declared int64) error {
	h := &rc.Request.Header
	if declared == 0 {
		return nil
	}
	if h.IsGet() || h.IsHead() {
		rc.SetConnectionClose() // fasthttp does not read the body of these
		return nil
	}
	open := s.openTo(h)
	if declared != chunked && h.ContentLength() == 0 { // the hook refused to read it
		if open > 0 {
			return errTooLarge()
		}
		if err := s.admitted(rc); err != nil {
			return err
		}
		return errTooLarge()
	}
	uploads := s.uploads(h)
	u := &upload{stream: rc.RequestBodyStream(), left: s.mostOf(uploads)}
	if open > 0 {
		u.left = open
	}
	if uploads {
		rc.SetUserValue(uploadKey, u)
		return nil
	}
	body, err := s.readWhole(rc, u, declared)
	if err != nil {
		return err
	}
	rc.Request.SetBodyRaw(body)
	return nil
}

// readWhole reads a body into memory. Of a stranger's, whose length is unknown,
// only the beginning is read.
func (s *Server) readWhole(rc *fasthttp.RequestCtx, u *upload, declared int64) ([]byte, error) {
	var b bytes.Buffer
	if declared == chunked {
		_, err := io.CopyN(&b, u, openBody)
		if errors.Is(err, io.EOF) {
			return b.Bytes(), nil
		}
		if err == nil {
			err = s.admitted(rc)
		}
		if err != nil {
			return nil, err
		}
	} else {
		b.Grow(int(declared) + bytes.MinRead)
	}
	if _, err := b.ReadFrom(u); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// finishBody closes the connection behind the answer unless its request has been
// read to the end: what is left would be taken for the next request.
func finishBody(rc *fasthttp.RequestCtx, declared int64) {
	u, streamed := rc.UserValue(uploadKey).(*upload)
	switch {
	case declared == 0:
		return
	case !streamed && !rc.Response.ConnectionClose():
		return
	case streamed && (u.done || declared > 0 && declared <= prefetched):
		return
	}
	rc.SetConnectionClose()
	lingerOn(rc.Conn())
}

func errTooLarge() error {
	return engine.Errorf(CodePayloadTooLarge, "the request body is too large")
}

// upload is a body as it arrives.
type upload struct {
	stream io.Reader
	left   int64 // bytes that may still come
	done   bool  // it has been read to its end
}

// Read returns CodePayloadTooLarge, CodeRequestTimeout and CodeInvalid in place of
// the connection's errors.
func (u *upload) Read(p []byte) (int, error) {
	if u.done || u.stream == nil {
		return 0, io.EOF
	}
	if u.left < 0 {
		return 0, errTooLarge()
	}
	if int64(len(p)) > u.left+1 {
		p = p[:u.left+1]
	}
	n, err := u.stream.Read(p)
	u.left -= int64(n)
	switch {
	case u.left < 0:
		return n, errTooLarge()
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		u.done = true
		return n, io.EOF
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return n, engine.WrapError(CodeRequestTimeout, err, "the request did not arrive in time")
	}
	return n, engine.WrapError(engine.CodeInvalid, err, "the request's body is not valid HTTP, or broke off")
}

// uploadOf is the body of a request to a route that uploads.
func uploadOf(c *fiber.Ctx) io.Reader {
	if u, ok := c.Context().UserValue(uploadKey).(*upload); ok {
		return u
	}
	return bytes.NewReader(nil)
}
