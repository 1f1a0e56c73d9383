package whatsapp

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"

	"wapid/engine"
)

// maxRetryDelay bounds the wait before a connection is made anew because a
// message could not be committed.
const maxRetryDelay = 30 * time.Second

// conn is one session's connection. It outlives its sockets: each is a link with
// a whatsmeow client of its own, so that what an ended socket still reports can
// never be taken for news of the one that followed it.
type conn struct {
	net     *Network
	session engine.SessionKey
	http    *httpClients // of this connection's line
	handler engine.Handler
	log     *zap.Logger

	// ctx ends with Close; calls of the Handler get it.
	ctx    context.Context
	cancel context.CancelFunc
	// calls counts what Close waits for: reports of whatsmeow, timers, sends, and
	// links that are being taken down. It grows only in enter and below it.
	calls sync.WaitGroup

	outgoing  *throttle           // of deletions from this device's event buffer
	transfers *semaphore.Weighted // of files, at once

	mu       sync.Mutex
	closed   bool
	device   types.JID     // empty until the device is linked
	loaded   *store.Device // what Open has read, for the first link
	link     *link         // the newest; nil before the first Connect
	outbox   []engine.Signal
	draining bool
	timelock timelock

	failures    int // connections made anew in a row because a commit failed
	lastFailure time.Time
}

var _ engine.Conn = (*conn)(nil)

// newConn fails if the line's proxy is not one.
func newConn(n *Network, line engine.Line, h engine.Handler) (*conn, error) {
	clients, err := n.clientsFor(line.Proxy)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	session := line.Session
	return &conn{
		net: n, session: session, http: clients, handler: h, ctx: ctx, cancel: cancel,
		log:       n.log.With(zap.String("tenant", string(session.Tenant)), zap.String("session", string(session.ID))),
		outgoing:  &throttle{every: purgeEvery, clock: n.opts.Clock},
		transfers: semaphore.NewWeighted(transfersPerSession),
	}, nil
}

// Connect makes the next link. It returns engine.ErrNoDevice if the device has
// been deleted, and CodeStorage if the device store can't be read; any other
// error is one of dialling or of the handshake and may pass. A server that takes
// the socket and stays silent holds it for 20 s, whatever ctx says: whatsmeow's
// handshake can't be interrupted.
func (c *conn) Connect(ctx context.Context) error {
	c.mu.Lock()
	previous, closed := c.link, c.closed
	up := previous != nil && !previous.over
	c.mu.Unlock()
	switch {
	case closed:
		return engine.Errorf(engine.CodeInternal, "the connection is closed")
	case up:
		return engine.Errorf(engine.CodeInternal, "the connection is up already")
	case previous != nil:
		<-previous.gone // soon: it is being taken down
	}
	device, err := c.prepareDevice(ctx)
	if err != nil {
		return err
	}
	l, err := newLink(c, device)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.link = l
	c.mu.Unlock()
	return l.start(ctx)
}

// prepareDevice returns the linked device as the store holds it now, or the keys
// of one that is to be linked.
func (c *conn) prepareDevice(ctx context.Context) (*store.Device, error) {
	c.mu.Lock()
	jid, loaded := c.device, c.loaded
	c.loaded = nil
	c.mu.Unlock()
	switch {
	case loaded != nil:
		return loaded, nil
	case jid.IsEmpty():
		return c.net.devices.make(), nil
	}
	return c.net.devices.load(ctx, jid)
}

// Close ends the connection. See engine.Conn. A goroutine of whatsmeow's that was
// handling a stanza may live for moments longer: it can reach neither the
// Handler nor the network, and its context has ended.
func (c *conn) Close() {
	c.mu.Lock()
	c.closed = true
	c.outbox = nil
	l := c.link
	c.mu.Unlock()
	c.cancel()
	if l != nil {
		if l.finish() {
			l.takeDown()
		}
		<-l.gone
	}
	c.calls.Wait()
	if c.http != c.net.http {
		c.http.close()
	}
}

// enter admits a call that Close waits for; c.calls.Done ends it. It returns
// false once the connection is closed.
func (c *conn) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.calls.Add(1)
	return true
}

// post queues a signal; c.mu is held. Whoever posts calls flush after unlocking.
func (c *conn) post(s engine.Signal) { c.outbox = append(c.outbox, s) }

// flush hands queued signals to the session in the order in which they were
// posted, one caller at a time, and without the lock.
func (c *conn) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining {
		return
	}
	c.draining = true
	for len(c.outbox) > 0 && !c.closed {
		s := c.outbox[0]
		c.outbox = c.outbox[1:]
		c.mu.Unlock()
		c.handler.Signal(s)
		c.mu.Lock()
	}
	c.draining = false
}

// readyLink is the link that messages can be sent through, or nil.
func (c *conn) readyLink() *link {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.link; l != nil && l.ready && !l.over && !l.lost {
		return l
	}
	return nil
}

// committed notes that a message was committed.
func (c *conn) committed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failures > 0 && c.net.opts.Clock().Sub(c.lastFailure) > time.Minute {
		c.failures = 0
	}
}

// retryDelay notes that a message could not be committed, and returns how long
// to wait before it is asked for again; c.mu is held.
func (c *conn) retryDelay() time.Duration {
	delay := c.net.opts.RetryDelay << min(c.failures, 10)
	c.failures++
	c.lastFailure = c.net.opts.Clock()
	return min(delay, maxRetryDelay)
}

var errNotReady = errors.New("no login is complete")

// notReady is the answer to what needs a login.
func notReady(cause error) *engine.Error {
	return engine.WrapError(engine.CodeSessionNotReady, cause, "the session is not connected; nothing was sent")
}
