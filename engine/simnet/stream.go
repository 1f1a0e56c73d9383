package simnet

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/util/keys"
	"go.uber.org/zap"
)

const (
	// maxFrame is the largest frame: its length travels in three bytes.
	maxFrame = 1<<24 - 1
	// maxOutbox bounds what waits for a client that reads slowly. Beyond it the
	// connection is cut: what was not acknowledged comes again at the next login.
	maxOutbox = 1 << 16
	// handshakeTime is how long a client may take for the Noise handshake.
	handshakeTime = 20 * time.Second
	// closingTime is what the server leaves a client between a stream:error and
	// the end of the connection. The real value isn't known: assumed.
	closingTime = 250 * time.Millisecond
	// drainTime lets the client's side read what was written before a cut: a
	// socket that is closed with unread input discards its output as well.
	drainTime = 50 * time.Millisecond
)

// stream is one client's connection: the reader is the HTTP handler's
// goroutine, and one more goroutine writes what send put into the outbox.
type stream struct {
	server *Server
	socket *websocket.Conn
	ctx    context.Context
	cancel context.CancelFunc

	frames      frameReader
	read, write cipher.AEAD
	readCount   uint32
	writeCount  uint32

	static  [32]byte // the client's Noise key
	payload *waWa6.ClientPayload

	device  *device    // set once by login, before the first stanza is read
	pairing *companion // set once for a client that is not linked yet

	presence atomic.Bool // the client said that it is available

	mu     sync.Mutex
	outbox []outgoing
	wake   chan struct{}
	ended  bool // nothing more is accepted: the last stanza waits for the writer
}

// outgoing is one stanza on its way to the client.
type outgoing struct {
	node *waBinary.Node
	due  time.Time // not to be written before, zero when at once
	last bool      // end the connection after it
}

// serveStream is the handler of /ws/chat.
func (s *Server) serveStream(w http.ResponseWriter, r *http.Request) {
	if s.faults.refusing() {
		http.Error(w, "service unavailable", http.StatusServiceUnavailable)
		return
	}
	socket, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		OriginPatterns:  []string{"web.whatsapp.com"},
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		s.log.Debug("websocket refused", zap.Error(err))
		return
	}
	if !s.tasks.begin() {
		_ = socket.CloseNow()
		return
	}
	defer s.tasks.done()
	socket.SetReadLimit(maxFrame + 1024)
	ctx, cancel := context.WithCancel(context.Background())
	st := &stream{server: s, socket: socket, ctx: ctx, cancel: cancel, wake: make(chan struct{}, 1)}
	s.addStream(st)
	defer s.removeStream(st)
	defer st.abort()
	if err := st.serve(); err != nil {
		s.log.Debug("stream ended", zap.Error(err))
	}
}

// serve runs the handshake and the login, then reads stanzas until the
// connection ends.
func (st *stream) serve() error {
	if err := st.handshake(); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	var writer sync.WaitGroup
	writer.Go(st.writeLoop)
	defer writer.Wait()
	defer st.abort()
	if !st.server.admit(st) {
		<-st.ctx.Done() // The writer ends the connection after its last stanza.
		return nil
	}
	defer st.server.dismiss(st)
	for {
		node, err := st.readNode()
		if err != nil {
			return err
		}
		if st.server.faults.deaf(st) {
			continue
		}
		st.server.handle(st, node)
	}
}

func (st *stream) handshake() error {
	ctx, cancel := context.WithTimeout(st.ctx, handshakeTime)
	defer cancel()
	responder, err := newNoiseResponder()
	if err != nil {
		return err
	}
	frame, err := st.readFrame(ctx)
	if err != nil {
		return err
	}
	ephemeral := keys.NewKeyPair()
	answer, err := responder.hello(frame, st.server.noise, ephemeral)
	if err != nil {
		return err
	}
	if err = st.writeFrame(ctx, answer); err != nil {
		return err
	}
	if frame, err = st.readFrame(ctx); err != nil {
		return err
	}
	if st.static, st.payload, err = responder.finish(frame, ephemeral); err != nil {
		return err
	}
	st.read, st.write, err = responder.split()
	return err
}

func (st *stream) readFrame(ctx context.Context) ([]byte, error) {
	for {
		frame, err := st.frames.next()
		if frame != nil || err != nil {
			return frame, err
		}
		kind, data, err := st.socket.Read(ctx)
		if err != nil {
			return nil, err
		}
		if kind != websocket.MessageBinary {
			return nil, errors.New("text message on a binary stream")
		}
		st.frames.feed(data)
	}
}

func (st *stream) readNode() (*waBinary.Node, error) {
	frame, err := st.readFrame(st.ctx)
	if err != nil {
		return nil, err
	}
	plain, err := st.read.Open(frame[:0], noiseIV(st.readCount), frame, nil)
	if err != nil {
		return nil, fmt.Errorf("open frame %d: %w", st.readCount, err)
	}
	st.readCount++
	if len(plain) == 0 {
		return nil, errors.New("empty frame")
	}
	unpacked, err := waBinary.Unpack(plain)
	if err != nil {
		return nil, fmt.Errorf("unpack frame: %w", err)
	}
	node, err := waBinary.Unmarshal(unpacked)
	if err != nil {
		return nil, fmt.Errorf("decode stanza: %w", err)
	}
	return node, nil
}

func (st *stream) writeFrame(ctx context.Context, data []byte) error {
	if len(data) > maxFrame {
		return fmt.Errorf("frame of %d bytes is too long", len(data))
	}
	// One whole frame in each websocket message: clients fail on a split one
	// during the handshake.
	framed := make([]byte, 3+len(data))
	framed[0], framed[1], framed[2] = byte(len(data)>>16), byte(len(data)>>8), byte(len(data))
	copy(framed[3:], data)
	return st.socket.Write(ctx, websocket.MessageBinary, framed)
}

// send queues a stanza for the client. It never blocks; false means that the
// connection is ending and the stanza was dropped.
func (st *stream) send(node *waBinary.Node) bool {
	return st.push(outgoing{node: node, due: st.server.faults.due(st)})
}

// finish sends a last stanza and ends the connection a moment later. A nil
// stanza ends it after what is queued already.
func (st *stream) finish(node *waBinary.Node) bool {
	return st.push(outgoing{node: node, last: true})
}

func (st *stream) push(out outgoing) bool {
	st.mu.Lock()
	if st.ended || len(st.outbox) >= maxOutbox {
		full := !st.ended
		st.mu.Unlock()
		if full {
			st.server.log.Warn("client reads too slowly, connection cut")
			st.abort()
		}
		return false
	}
	st.outbox = append(st.outbox, out)
	st.ended = out.last
	st.mu.Unlock()
	select {
	case st.wake <- struct{}{}:
	default:
	}
	return true
}

// abort cuts the connection without a word, as a broken network would.
func (st *stream) abort() {
	st.cancel()
	_ = st.socket.CloseNow()
}

// writeLoop writes the outbox until the connection ends.
func (st *stream) writeLoop() {
	defer st.abort()
	for {
		st.mu.Lock()
		batch := st.outbox
		st.outbox = nil
		st.mu.Unlock()
		for _, out := range batch {
			if !st.writeOne(out) {
				return
			}
		}
		if len(batch) > 0 {
			continue
		}
		select {
		case <-st.wake:
		case <-st.ctx.Done():
			return
		}
	}
}

// writeOne reports whether the connection goes on.
func (st *stream) writeOne(out outgoing) bool {
	if wait := time.Until(out.due); !out.due.IsZero() && wait > 0 && !st.pause(wait) {
		return false
	}
	if out.node != nil {
		raw, err := waBinary.Marshal(*out.node)
		if err != nil {
			st.server.log.Error("stanza can't be encoded", zap.String("tag", out.node.Tag), zap.Error(err))
			return false
		}
		sealed := st.write.Seal(nil, noiseIV(st.writeCount), raw, nil)
		st.writeCount++
		if err = st.writeFrame(st.ctx, sealed); err != nil {
			return false
		}
	}
	if out.last {
		wait := drainTime
		if out.node != nil {
			wait = closingTime
		}
		st.pause(wait)
		return false
	}
	return true
}

// pause waits unless the connection ends before; false means that it did.
func (st *stream) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-st.ctx.Done():
		return false
	}
}

// frameReader cuts a byte stream into frames. The stream opens with an optional
// routing prefix ("ED" 0 1, three bytes of length, data) and the Noise header.
type frameReader struct {
	buffer []byte
	opened bool
}

var errBadHeader = errors.New("stream does not open with the protocol header")

func (f *frameReader) feed(data []byte) { f.buffer = append(f.buffer, data...) }

// next returns a whole frame, or nil when more bytes are needed.
func (f *frameReader) next() ([]byte, error) {
	if !f.opened {
		if done, err := f.open(); !done || err != nil {
			return nil, err
		}
	}
	if len(f.buffer) < 3 {
		return nil, nil
	}
	end := 3 + length24(f.buffer)
	if len(f.buffer) < end {
		return nil, nil
	}
	frame := f.buffer[3:end:end]
	if f.buffer = f.buffer[end:]; len(f.buffer) == 0 {
		f.buffer = nil
	}
	return frame, nil
}

func (f *frameReader) open() (done bool, err error) {
	if len(f.buffer) >= 2 && string(f.buffer[:2]) == "ED" {
		if len(f.buffer) < 7 {
			return false, nil
		}
		if f.buffer[2] != 0 || f.buffer[3] != 1 {
			return false, errBadHeader
		}
		end := 7 + length24(f.buffer[4:])
		if len(f.buffer) < end {
			return false, nil
		}
		f.buffer = f.buffer[end:]
	}
	if len(f.buffer) < len(noiseHeader) {
		return false, nil
	}
	if string(f.buffer[:len(noiseHeader)]) != noiseHeader {
		return false, errBadHeader
	}
	f.buffer = f.buffer[len(noiseHeader):]
	f.opened = true
	return true, nil
}

func length24(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }
