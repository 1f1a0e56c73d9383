package httpapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"go.uber.org/zap"

	"wapid/engine"
	"wapid/store"
)

// serverSent is one client that is sent server-sent events.
type serverSent struct {
	server *Server
	conn   net.Conn
	id     string // of the request
	right  right
	ctx    context.Context // ends with the daemon, and once the client is gone
	w      *bufio.Writer
}

// serveEvents answers with server-sent events. run writes them; the answer ends
// when it returns. It returns the errors of streams.enter.
func (s *Server) serveEvents(c *fiber.Ctx, p store.Principal, run func(*serverSent)) error {
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set("X-Accel-Buffering", "no") // nginx would hold the events back
	c.Set(fiber.HeaderConnection, "close")
	if c.Method() == http.MethodHead {
		return nil
	}
	if err := s.streams.enter(p.Tenant); err != nil {
		return err
	}
	// The request's own memory is used again while the stream lasts.
	e := &serverSent{server: s, conn: c.Context().Conn(), id: requestID(c), right: right{s, p}}
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer s.streams.leave(p.Tenant)
		defer s.recoverStream(e.id)
		// A client that takes nothing must not hold a shutdown up.
		defer context.AfterFunc(s.streams.ending, func() { _ = e.conn.SetWriteDeadline(time.Now().Add(streamFarewell)) })()
		defer e.listen()()
		e.w = w
		run(e)
	})
	return nil
}

// listen waits beside the stream for the client to hang up, which writing notices
// only when there is something to write. stop ends that.
func (e *serverSent) listen() (stop func()) {
	ctx, gone := context.WithCancelCause(e.server.streams.ending)
	e.ctx = ctx
	heard := make(chan struct{})
	_ = e.conn.SetReadDeadline(time.Time{}) // that of the request; it fails if the client is gone, as does Read
	go func() {
		defer close(heard)
		if _, err := e.conn.Read(make([]byte, 1)); err != nil {
			gone(brokenStream{err})
		}
		// Who says something, as the next request, is there. The answer ends the connection.
	}()
	return func() {
		_ = e.conn.SetReadDeadline(time.Unix(1, 0))
		<-heard
		gone(nil)
	}
}

// brokenStream is the error of a client that is gone, or takes nothing.
type brokenStream struct{ error }

func isBroken(err error) bool {
	_, broken := errors.AsType[brokenStream](err)
	return broken
}

// recoverStream keeps a defect in one stream from ending the daemon. It is deferred.
func (s *Server) recoverStream(id string) {
	if p := recover(); p != nil {
		s.log.Error("an event stream panicked", zap.String("request", id), zap.String("panic", engine.Redact(fmt.Sprint(p))))
	}
}

// write writes one event. data is JSON, and has no line breaks.
func (e *serverSent) write(event string, data []byte) error {
	return e.flush(fmt.Appendf(nil, "event: %s\ndata: %s\n\n", event, data))
}

// end writes the last event, which says why it is that.
func (e *serverSent) end(why error) {
	if isBroken(why) {
		return
	}
	_ = e.write("end", []byte(`{"reason":"`+endReason(why)+`"}`)) // whoever is gone needs no farewell
}

// flush writes, and gives the client time to take it: the limit of ordinary
// answers counts from their beginning. What is written reaches the socket through
// another goroutine, of fasthttp. It returns a brokenStream.
func (e *serverSent) flush(text []byte) error {
	err := e.conn.SetWriteDeadline(time.Now().Add(e.server.streams.patience()))
	if err == nil {
		_, err = e.w.Write(text)
	}
	if err == nil {
		err = e.w.Flush()
	}
	if err != nil {
		return brokenStream{err}
	}
	return nil
}
