package httpapi

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"
)

// Limits of open connections. Sessions, deliveries and the database need
// descriptors too, so that the API takes a quarter of them at most.
const (
	mostConns     = 8192
	descriptorsOf = 4 // one connection for so many descriptors
	firstPause    = 5 * time.Millisecond
	longestPause  = time.Second
	// safeIdle is for how long a connection may be idle without losing its place:
	// time for a new one to ask, and for an old one to ask again.
	safeIdle = time.Second
	// lookAgain is how often a connection without a place looks for one.
	lookAgain = 100 * time.Millisecond
	// A connection that ends with a request unread stays open for so long, or for
	// so many bytes: closed at once, it would take the answer with it.
	lingerTime  = time.Second
	lingerBytes = 4 << 20
)

// defaultMaxConns is how many connections may be open unless Options say.
func defaultMaxConns() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return mostConns
	}
	return max(1, int(min(limit.Cur/descriptorsOf, mostConns)))
}

// intake is a listener that outlives a shortage of descriptors or memory, which
// fasthttp takes for the end, and that never has more than max connections
// open. One that comes on top waits, together with all behind it in the
// system's backlog, for a place; the connection that has been idle for longest
// gives up its own. Only one goroutine may call Accept.
type intake struct {
	net.Listener
	max int
	log *zap.Logger

	freed  chan struct{} // hints that a place may be had
	closed chan struct{}
	once   sync.Once // closes closed

	mu     sync.Mutex // guards what follows, and the fields of guests
	guests map[*guest]struct{}
}

func newIntake(ln net.Listener, most int, log *zap.Logger) *intake {
	return &intake{
		Listener: ln, max: most, log: log,
		freed: make(chan struct{}, 1), closed: make(chan struct{}), guests: make(map[*guest]struct{}),
	}
}

// Close ends an Accept under way, whatever it waits for.
func (in *intake) Close() error {
	in.once.Do(func() { close(in.closed) })
	return in.Listener.Close()
}

// Accept returns the next connection once there is a place for it. It returns
// net.ErrClosed after Close, and no error that passes by itself.
func (in *intake) Accept() (net.Conn, error) {
	conn, err := in.persist()
	if err != nil {
		return nil, err
	}
	for {
		if g := in.admit(conn); g != nil {
			return g, nil
		}
		timer := time.NewTimer(lookAgain)
		select {
		case <-in.freed:
			timer.Stop()
		case <-timer.C:
		case <-in.closed:
			timer.Stop()
			return nil, errors.Join(net.ErrClosed, conn.Close())
		}
	}
}

// persist accepts, and tries again with growing pauses while the system lacks
// what a connection needs.
func (in *intake) persist() (net.Conn, error) {
	pause := firstPause
	for {
		conn, err := in.Listener.Accept()
		if err == nil || !passing(err) {
			return conn, err
		}
		if pause == firstPause {
			in.log.Warn("no connection can be taken for now", zap.Error(err))
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-in.closed:
			timer.Stop()
			return nil, net.ErrClosed
		}
		pause = min(2*pause, longestPause)
	}
}

// passing tells whether a failure to accept is one that passes by itself.
func passing(err error) bool {
	for _, known := range []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// admit gives conn a place, or asks for one and returns nil.
func (in *intake) admit(conn net.Conn) *guest {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.guests) < in.max {
		g := &guest{Conn: conn, intake: in, idle: true, since: time.Now()}
		in.guests[g] = struct{}{}
		return g
	}
	in.dismiss()
	return nil
}

// dismiss ends the connection that has been idle for longest, if any is beyond
// safeIdle, unless one is leaving already. The caller holds mu.
func (in *intake) dismiss() {
	var oldest *guest
	for g := range in.guests {
		if g.dismissed {
			return
		}
		if g.idle && (oldest == nil || g.since.Before(oldest.since)) {
			oldest = g
		}
	}
	if oldest != nil && time.Since(oldest.since) >= safeIdle {
		oldest.dismissed = true
		_ = oldest.Conn.SetReadDeadline(time.Unix(1, 0)) // it fails only if the connection is gone
	}
}

// connState is fasthttp's hook.
func connState(conn net.Conn, state fasthttp.ConnState) {
	g := guestOf(conn)
	if g == nil {
		return
	}
	switch state {
	case fasthttp.StateIdle:
		g.rest()
	case fasthttp.StateActive:
		g.resume()
	}
}

// guest is a connection that has a place. It is idle until the first byte of a
// request arrives, and again after each answer; an idle one is dismissed by a
// read deadline that has passed, which fasthttp takes for the usual time-out.
type guest struct {
	net.Conn
	intake *intake

	// What follows is guarded by intake.mu.
	idle      bool
	since     time.Time // of being idle
	served    bool      // it had a request already
	dismissed bool
	deadline  time.Time // that fasthttp last asked for
	left      bool
	linger    bool
}

// Read ends the idling: a byte that arrived saves from being dismissed.
func (g *guest) Read(b []byte) (int, error) {
	n, err := g.Conn.Read(b)
	if n > 0 {
		g.wake()
	}
	return n, err
}

// SetReadDeadline keeps a dismissal in force.
func (g *guest) SetReadDeadline(t time.Time) error {
	g.intake.mu.Lock()
	defer g.intake.mu.Unlock()
	g.deadline = t
	if g.dismissed {
		return nil
	}
	return g.Conn.SetReadDeadline(t)
}

// Close gives the place to another.
func (g *guest) Close() error {
	g.intake.mu.Lock()
	left := g.left
	g.left = true
	linger := g.linger && !left && !g.dismissed // who is dismissed was not sending
	g.intake.mu.Unlock()
	if linger {
		g.drain()
	}
	err := g.Conn.Close()
	if !left {
		g.intake.mu.Lock()
		delete(g.intake.guests, g)
		g.intake.mu.Unlock()
		select {
		case g.intake.freed <- struct{}{}:
		default:
		}
	}
	return err
}

// drain says that nothing more will be sent, and reads what the client is still
// sending. What fails here fails for a client that has gone.
func (g *guest) drain() {
	if half, ok := g.Conn.(*net.TCPConn); ok {
		_ = half.CloseWrite()
	}
	_ = g.Conn.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, g.Conn, lingerBytes)
}

// lingerOn lets a client that is still sending read its answer first.
func lingerOn(conn net.Conn) {
	if g := guestOf(conn); g != nil {
		g.intake.mu.Lock()
		g.linger = true
		g.intake.mu.Unlock()
	}
}

// settle makes it a new connection again, behind a handshake.
func (g *guest) settle() {
	g.intake.mu.Lock()
	g.idle, g.since = true, time.Now()
	g.intake.mu.Unlock()
}

// rest begins to wait for the next request.
func (g *guest) rest() {
	g.intake.mu.Lock()
	g.idle, g.served, g.since = true, true, time.Now()
	g.intake.mu.Unlock()
}

// resume is called before a request is read. For the first one fasthttp says so
// before anything has arrived, so that only Read knows.
func (g *guest) resume() {
	g.intake.mu.Lock()
	served := g.served
	g.intake.mu.Unlock()
	if served {
		g.wake()
	}
}

// wake ends the idling and takes back a dismissal.
func (g *guest) wake() {
	g.intake.mu.Lock()
	defer g.intake.mu.Unlock()
	g.idle = false
	if g.dismissed {
		g.dismissed = false
		_ = g.Conn.SetReadDeadline(g.deadline)
	}
}
