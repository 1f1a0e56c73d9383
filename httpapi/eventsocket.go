package httpapi

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"wapid/engine"
	"wapid/store"
)

// Limits of what a client sends on a socket: nothing but control frames.
const (
	socketFrame    = 4 << 10 // bytes
	socketFarewell = time.Second
)

// socketEvents is GET /api/whatsapp/events/ws: the log from a cursor on, over a
// WebSocket.
func (s *Server) socketEvents(c *fiber.Ctx, p store.Principal) error {
	f, err := s.newFollower(c, p, "after")
	if err != nil {
		return err
	}
	return s.openSocket(c, &logSocket{follower: f, frames: listedFrames})
}

// listedFrames are events as the list shows them.
func listedFrames(_ context.Context, page store.EventPage, put func([]byte) error) error {
	if page.Truncated {
		if err := put([]byte(`{"truncated":true}`)); err != nil {
			return err
		}
	}
	var text []byte
	for _, event := range page.Events {
		var err error
		if text, err = appendEvent(text[:0], event); err != nil {
			return err
		}
		if err := put(text); err != nil {
			return err
		}
	}
	return nil
}

// openSocket answers a request with a WebSocket that tells a tenant's log. It returns
// CodeInvalid if the request is none for that, and the errors of streams.room.
func (s *Server) openSocket(c *fiber.Ctx, k *logSocket) error {
	if !websocket.FastHTTPIsWebSocketUpgrade(c.Context()) {
		return engine.Errorf(engine.CodeInvalid, "this path speaks WebSocket only; %s tells the same log without", "/api/whatsapp/events/stream")
	}
	if err := s.streams.room(k.follower.right.Tenant); err != nil {
		return err
	}
	k.server, k.id = s, requestID(c)
	upgrader := websocket.FastHTTPUpgrader{
		WriteBufferSize: streamChunk,
		// Other pages can't use their visitors' rights here: a browser adds neither a
		// header with a key nor a ticket by itself, and no cookie counts.
		CheckOrigin: func(*fasthttp.RequestCtx) bool { return true },
		Error:       func(*fasthttp.RequestCtx, int, error) {}, // what Upgrade returns is answered below
	}
	if c.Method() == http.MethodHead || upgrader.Upgrade(c.Context(), k.run) != nil {
		c.Set("Sec-WebSocket-Version", "13")
		return engine.Errorf(engine.CodeInvalid, "the WebSocket handshake is not valid; it must be a GET of version 13")
	}
	return nil
}

// logSocket tells one client of a tenant's log. Its frames are texts.
type logSocket struct {
	server   *Server
	id       string // of the request
	follower *follower
	// frames puts what a page of the log is to this client, and returns the errors of put.
	frames func(ctx context.Context, page store.EventPage, put func([]byte) error) error
	// answer is called with what the client says, and returns what it is answered, nil
	// for nothing. Without it the client may not say anything.
	answer  func(said []byte) []byte
	conn    *websocket.Conn
	writing sync.Mutex
	leaving atomic.Bool // the farewell is said
}

// run is called by fasthttp, on a goroutine of its own, once the handshake has been
// sent. It owns the connection until it returns. The place is taken only here: if
// the handshake can't be sent run is never called.
func (k *logSocket) run(conn *websocket.Conn) {
	k.conn = conn
	st, tenant := k.server.streams, k.follower.right.Tenant
	defer k.server.recoverStream(k.id)
	if err := st.enter(tenant); err != nil {
		k.farewell(err)
		return
	}
	defer st.leave(tenant)
	hurried := make(chan struct{})
	stop := context.AfterFunc(st.ending, func() {
		defer close(hurried)
		_ = conn.NetConn().SetWriteDeadline(time.Now().Add(streamFarewell))
	})
	defer func() {
		if !stop() {
			<-hurried // fasthttp takes the connection back as soon as run has returned
		}
	}()
	ctx, gone := context.WithCancelCause(st.ending)
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		gone(k.hear())
	}()
	err := k.follower.follow(ctx, func(page store.EventPage) error { return k.tell(ctx, page) })
	k.server.logStreamEnd(k.id, err)
	if !isBroken(err) {
		k.farewell(err)
	}
	// The client answers the farewell; what it does not say is not waited for.
	k.leaving.Store(true)
	_ = conn.SetReadDeadline(time.Now().Add(socketFarewell))
	<-heard
}

// mostSaid is how many messages of its own a client may send between two heartbeats.
const mostSaid = 100

var (
	errSocketSpoken  = engine.Errorf(engine.CodeInvalid, "the client sends messages")
	errSocketFlooded = engine.Errorf(engine.CodeInvalid, "the client sends too many messages")
)

// hear takes what the client sends: pings, which are answered, pongs, which show
// that it is there, messages where it may send any, and its farewell. It returns why
// nothing more is heard.
func (k *logSocket) hear() error {
	k.conn.SetReadLimit(socketFrame)
	k.conn.SetPongHandler(func(string) error { return k.alive() })
	if err := k.alive(); err != nil {
		return brokenStream{err}
	}
	for begun, said := time.Now(), 0; ; said++ {
		_, r, err := k.conn.NextReader()
		if err != nil {
			return brokenStream{err}
		}
		if k.answer == nil {
			return errSocketSpoken
		}
		if time.Since(begun) > k.follower.beat {
			begun, said = time.Now(), 0
		}
		if said >= mostSaid {
			return errSocketFlooded
		}
		text, err := io.ReadAll(r)
		if err == nil {
			err = k.alive()
		}
		if err != nil {
			return brokenStream{err}
		}
		if answer := k.answer(text); answer != nil {
			if err := k.write(answer); err != nil {
				return err
			}
		}
	}
}

// alive gives the client until the second ping from now. It is called when a pong
// comes, and when the client has taken an event: the pings behind a long history it
// answers late.
func (k *logSocket) alive() error {
	if k.leaving.Load() {
		return net.ErrClosed
	}
	return k.conn.SetReadDeadline(time.Now().Add(2*k.follower.beat + k.server.streams.take))
}

// tell writes a page; one without events is the time for a ping.
func (k *logSocket) tell(ctx context.Context, page store.EventPage) error {
	if err := k.frames(ctx, page, k.write); err != nil {
		return err
	}
	if len(page.Events) > 0 {
		return nil
	}
	if err := k.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(k.server.streams.patience())); err != nil {
		return brokenStream{err}
	}
	return nil
}

func (k *logSocket) write(text []byte) error {
	k.writing.Lock()
	defer k.writing.Unlock()
	err := k.conn.SetWriteDeadline(time.Now().Add(k.server.streams.patience()))
	if err == nil {
		err = k.conn.WriteMessage(websocket.TextMessage, text)
	}
	if err == nil {
		err = k.alive()
	}
	if err != nil {
		return brokenStream{err}
	}
	return nil
}

// farewell closes the socket with a code and a word that say why.
func (k *logSocket) farewell(why error) {
	code, word := websocket.CloseInternalServerErr, endReason(why)
	switch {
	case errors.Is(why, errSocketSpoken):
		code, word = websocket.CloseUnsupportedData, "this socket takes no messages"
	case errors.Is(why, errSocketFlooded):
		code, word = websocket.ClosePolicyViolation, "too many messages"
	case engine.CodeOf(why) == engine.CodeRateLimited:
		code, word = websocket.CloseTryAgainLater, "too many streams"
	case engine.CodeOf(why) == engine.CodeStopping:
		code = websocket.CloseGoingAway
	case engine.CodeOf(why) == engine.CodeUnauthorized:
		code = websocket.ClosePolicyViolation
	}
	// Whoever is gone needs no farewell.
	_ = k.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, word), time.Now().Add(streamFarewell))
}
