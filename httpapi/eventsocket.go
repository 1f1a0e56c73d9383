package httpapi

import (
	"context"
	"errors"
	"net"
	"net/http"
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
	f, err := s.newFollower(c, p)
	if err != nil {
		return err
	}
	if !websocket.FastHTTPIsWebSocketUpgrade(c.Context()) {
		return engine.Errorf(engine.CodeInvalid, "this path speaks WebSocket only; %s is the same without", "/api/whatsapp/events/stream")
	}
	if err := s.streams.room(p.Tenant); err != nil {
		return err
	}
	k := &logSocket{server: s, id: requestID(c), follower: f}
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

// logSocket tells one client of a tenant's log. Its frames are texts, one event each.
type logSocket struct {
	server   *Server
	id       string // of the request
	follower *follower
	conn     *websocket.Conn
	leaving  atomic.Bool // the farewell is said
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
	err := k.follower.follow(ctx, k.tell)
	k.server.logStreamEnd(k.id, err)
	if !isBroken(err) {
		k.farewell(err)
	}
	// The client answers the farewell; what it does not say is not waited for.
	k.leaving.Store(true)
	_ = conn.SetReadDeadline(time.Now().Add(socketFarewell))
	<-heard
}

var errSocketSpoken = engine.Errorf(engine.CodeInvalid, "the client sends messages")

// hear takes what the client sends: pings, which are answered, pongs, which show
// that it is there, and its farewell. It returns why nothing more is heard.
func (k *logSocket) hear() error {
	k.conn.SetReadLimit(socketFrame)
	k.conn.SetPongHandler(func(string) error { return k.alive() })
	if err := k.alive(); err != nil {
		return brokenStream{err}
	}
	if _, _, err := k.conn.NextReader(); err != nil {
		return brokenStream{err}
	}
	return errSocketSpoken
}

// alive gives the client until the second ping from now. It is called when a pong
// comes, and when the client has taken an event: the pings behind a long history it
// answers late.
func (k *logSocket) alive() error {
	if k.leaving.Load() {
		return net.ErrClosed
	}
	return k.conn.SetReadDeadline(time.Now().Add(2*k.server.streams.beat + k.server.streams.take))
}

// tell writes a page; one without events is the time for a ping.
func (k *logSocket) tell(page store.EventPage) error {
	if page.Truncated {
		if err := k.write([]byte(`{"truncated":true}`)); err != nil {
			return err
		}
	}
	var text []byte
	for _, event := range page.Events {
		var err error
		if text, err = appendEvent(text[:0], event); err != nil {
			return err
		}
		if err := k.write(text); err != nil {
			return err
		}
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
