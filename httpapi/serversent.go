package httpapi

import (
	"bufio"
	"context"
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
		e.w = w
		run(e)
	})
	return nil
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
	_ = e.write("end", []byte(`{"reason":"`+endReason(why)+`"}`)) // whoever is gone needs no farewell
}

// flush writes, and gives the client time to take it: the limit of ordinary
// answers counts from their beginning. What is written reaches the socket through
// another goroutine, of fasthttp.
func (e *serverSent) flush(text []byte) error {
	if err := e.conn.SetWriteDeadline(time.Now().Add(e.server.streams.patience())); err != nil {
		return err
	}
	if _, err := e.w.Write(text); err != nil {
		return err
	}
	return e.w.Flush()
}
