package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"wapid/engine"
	"wapid/store"
)

// Limits of event streams. A client that is gone is noticed by the first or the
// second heartbeat that it does not take.
const (
	heartbeat        = 15 * time.Second
	streamWrite      = 10 * time.Second // for a client to take what is written
	streamFarewell   = time.Second      // the same once the daemon stops
	maxTenantStreams = 100
)

// streams counts the event streams of each tenant, and ends them all.
type streams struct {
	most   int
	beat   time.Duration
	ending context.Context
	end    context.CancelFunc
	writes sync.WaitGroup

	mu   sync.Mutex
	open map[engine.TenantID]int
}

func newStreams() *streams {
	st := &streams{most: maxTenantStreams, beat: heartbeat, open: make(map[engine.TenantID]int)}
	st.ending, st.end = context.WithCancel(context.Background())
	return st
}

// enter takes one of a tenant's places; leave gives it back. It returns
// CodeRateLimited if there is none.
func (st *streams) enter(t engine.TenantID) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.open[t] >= st.most {
		return &engine.Error{Code: engine.CodeRateLimited, Message: fmt.Sprintf("%d event streams are open already", st.most), RetryAfter: st.beat}
	}
	st.open[t]++
	return nil
}

func (st *streams) leave(t engine.TenantID) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.open[t]--; st.open[t] == 0 {
		delete(st.open, t)
	}
}

// sessionEvents is GET /api/whatsapp/session/{id}/events: a stream of
// server-sent events that tells the session's status now and whenever it changes.
func (s *Server) sessionEvents(c *fiber.Ctx, p store.Principal) error {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return err
	}
	if _, err := s.engine.Snapshot(key); err != nil {
		return err
	}
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
	stream := &eventStream{server: s, key: key, conn: c.Context().Conn(), id: requestID(c), head: new(fasthttp.RequestHeader)}
	c.Request().Header.CopyTo(stream.head)
	s.streams.writes.Add(1)
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer s.streams.writes.Done()
		defer s.streams.leave(p.Tenant)
		stream.run(w)
	})
	return nil
}

// eventStream is one client that listens to one session.
type eventStream struct {
	server *Server
	key    engine.SessionKey
	conn   net.Conn
	id     string                  // of the request
	head   *fasthttp.RequestHeader // with the key that has to stay valid
}

// run writes events until the session is removed, the daemon stops, the key
// loses its right or the client is gone. It is called by fasthttp, on a goroutine
// of its own; what it writes reaches the socket through another.
func (e *eventStream) run(w *bufio.Writer) {
	defer func() {
		if p := recover(); p != nil {
			e.server.log.Error("an event stream panicked", zap.String("request", e.id), zap.String("panic", engine.Redact(fmt.Sprint(p))))
		}
	}()
	st := e.server.streams
	// A client that takes nothing must not hold a shutdown up.
	defer context.AfterFunc(st.ending, func() { _ = e.conn.SetWriteDeadline(time.Now().Add(streamFarewell)) })()
	var last []byte
	for {
		body, err := e.next(last)
		if err == nil && !e.admitted() {
			err = errStreamOver
		}
		switch {
		case err != nil:
			e.write(w, "end", endOf(err))
			return
		case body == nil: // nothing new
			err = e.flush(w, []byte(": still here\n\n"))
		default:
			last = body
			err = e.status(w)
		}
		if err != nil {
			return
		}
	}
}

// next waits for a status other than the last one, which it returns without its
// picture, or nil when it is time for a heartbeat.
func (e *eventStream) next(last []byte) (body []byte, err error) {
	st := e.server.streams
	ctx, cancel := context.WithTimeout(st.ending, st.beat)
	defer cancel()
	var broken error
	_, err = e.server.engine.Await(ctx, e.key, func(snap engine.Snapshot) bool {
		body, broken = engine.Canonical(describe(snap))
		return broken != nil || !bytes.Equal(body, last)
	})
	switch {
	case st.ending.Err() != nil:
		return nil, engine.Errorf(engine.CodeStopping, "the daemon is stopping")
	case err != nil:
		return nil, err
	case broken != nil:
		return nil, broken
	case bytes.Equal(body, last):
		return nil, nil
	}
	return body, nil
}

// status writes the newest status, which may be newer than the one that was
// waited for: then it is written twice.
func (e *eventStream) status(w *bufio.Writer) error {
	snap, err := e.server.engine.Snapshot(e.key)
	if err != nil {
		return nil // the next look at it says so
	}
	body := describe(snap)
	if err := e.server.illustrate(&body); err != nil {
		return err
	}
	text, err := engine.Canonical(body)
	if err != nil {
		return err
	}
	return e.write(w, "status", text)
}

// admitted tells whether the key still may read: its owner may have ended it
// since. It is asked before anything is written. While the store can't be read
// the key counts as good.
func (e *eventStream) admitted() bool {
	ctx, cancel := context.WithTimeout(e.server.base, streamWrite)
	defer cancel()
	p, err := e.server.principalOf(ctx, e.head)
	if err != nil {
		return engine.CodeOf(err) != engine.CodeUnauthorized
	}
	return !p.Suspended && p.Scope.Allows(store.ScopeRead) && p.Reaches(e.key.ID)
}

var errStreamOver = engine.Errorf(engine.CodeUnauthorized, "the key may not read any more")

// endOf is the data of the last event.
func endOf(err error) []byte {
	reason := "error"
	switch engine.CodeOf(err) {
	case engine.CodeStopping:
		reason = "stopping"
	case engine.CodeSessionNotFound:
		reason = "removed"
	case engine.CodeUnauthorized:
		reason = "unauthorized"
	}
	return []byte(`{"reason":"` + reason + `"}`)
}

// write writes one event. data is JSON, and has no line breaks.
func (e *eventStream) write(w *bufio.Writer, event string, data []byte) error {
	return e.flush(w, fmt.Appendf(nil, "event: %s\ndata: %s\n\n", event, data))
}

// flush writes, and gives the client time to take it: the limit of ordinary
// answers counts from their beginning.
func (e *eventStream) flush(w *bufio.Writer, text []byte) error {
	limit := streamWrite
	if e.server.streams.ending.Err() != nil {
		limit = streamFarewell
	}
	if err := e.conn.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	return w.Flush()
}
