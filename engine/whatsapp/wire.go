package whatsapp

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// wire is what lies under one socket. It keeps whatsmeow from two of its own
// races, one at either end of the socket's life.
//
// At the beginning, whatsmeow reads from the socket before it has said what is to
// be done at its end. A server that ends the socket as soon as the handshake is
// over is then not noticed. The wire holds back what comes behind the handshake,
// and any end of the stream, until Connect has returned.
//
// At the end, whatsmeow's Disconnect stops the consumer of frames first, and a
// reader that holds one then waits for it for ever. Cutting the wire ends the
// reader first. It also needs no answer of the far side, which Disconnect awaits
// for seconds.
type wire struct {
	mu      sync.Mutex
	conn    net.Conn
	cut     bool
	writes  int           // since the upgrade: two make the handshake
	release chan struct{} // closed when nothing is to be held back any more

	heard atomic.Int64 // unix nanoseconds of the last read that brought anything
}

func newWire() *wire { return &wire{release: make(chan struct{})} }

// handshakeWrites is how many frames the client writes for a Noise handshake:
// ClientHello and ClientFinish. What the server says after the second is not
// part of it.
const handshakeWrites = 2

// wireKey is the context key under which a dial finds its wire.
type wireKey struct{}

func wireOf(ctx context.Context) *wire {
	w, _ := ctx.Value(wireKey{}).(*wire)
	return w
}

// dialWired dials, and hands the connection to the wire in ctx, if there is one.
func dialWired(ctx context.Context, dial dialFunc, network, addr string) (net.Conn, error) {
	conn, err := dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if w := wireOf(ctx); w != nil && !w.attach(conn) {
		conn.Close()
		return nil, net.ErrClosed
	}
	return conn, nil
}

// attach tells whether the wire takes the connection; a cut one does not.
func (w *wire) attach(conn net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		return false
	}
	w.conn = conn
	return true
}

// hangUp closes the connection, or the one that is still being dialled. It is
// idempotent.
func (w *wire) hangUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		return
	}
	w.cut = true
	if w.conn != nil {
		w.conn.Close()
	}
}

// awaitHandshake waits for a Connect that has written its last frame and is about
// to return.
func (w *wire) awaitHandshake() {
	if w.holds(nil) {
		<-w.release
	}
}

// letGo ends the holding back: Connect has returned, or can only fail.
func (w *wire) letGo() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.release:
	default:
		close(w.release)
	}
}

// silence is how long nothing has come over the wire.
func (w *wire) silence() time.Duration { return time.Since(time.Unix(0, w.heard.Load())) }

func (w *wire) wrote() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes++
}

// holds tells whether the outcome of a read has to wait.
func (w *wire) holds(err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.writes >= handshakeWrites || err != nil && w.writes > 0
}

// wiredTransport puts the wire under websockets.
type wiredTransport struct{ *http.Transport }

func (t wiredTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.Transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	w := wireOf(req.Context())
	if body, ok := resp.Body.(io.ReadWriteCloser); ok && w != nil && resp.StatusCode == http.StatusSwitchingProtocols {
		resp.Body = wiredBody{body, w}
	}
	return resp, nil
}

// wiredBody is the stream of a websocket.
type wiredBody struct {
	io.ReadWriteCloser
	w *wire
}

func (b wiredBody) Read(p []byte) (int, error) {
	n, err := b.ReadWriteCloser.Read(p)
	if n > 0 {
		b.w.heard.Store(time.Now().UnixNano())
	}
	if b.w.holds(err) {
		<-b.w.release
	}
	return n, err
}

func (b wiredBody) Write(p []byte) (int, error) {
	b.w.wrote()
	return b.ReadWriteCloser.Write(p)
}

// Close lets a reader go, because who closes the websocket waits for it.
func (b wiredBody) Close() error {
	b.w.letGo()
	return b.ReadWriteCloser.Close()
}
