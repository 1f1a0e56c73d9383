package cloudapi

import (
	"context"
	"errors"
	"sync"
	"time"

	"wapid/engine"
)

// conn is a session's connection: there is no socket, but credentials that Meta has
// taken, and a question now and then whether it still does.
type conn struct {
	net     *Network
	number  Number
	handler engine.Handler
	graph   *graph // for calls
	files   *graph // for media
	pairing bool   // the session is not linked yet; Connect's alone

	stop  chan struct{} // closed by Close
	doubt chan struct{} // holds one hint that Meta may not be reached

	mu     sync.Mutex
	closed bool
	ready  bool           // Meta has taken the credentials, and nothing has said otherwise
	gone   bool           // it was said that Meta does not take them any more
	probes bool           // the probe's goroutine is running
	using  sync.WaitGroup // calls, handlers and the probe
}

var (
	_ engine.Conn     = (*conn)(nil)
	_ engine.Media    = (*conn)(nil)
	_ engine.Receipts = (*conn)(nil)
	_ engine.Presence = (*conn)(nil)
)

// enter keeps Close waiting until leave. It is false once the connection is closed.
func (c *conn) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.using.Add(1)
	return true
}

func (c *conn) leave() { c.using.Done() }

// use begins a call that needs a connection which is ready. The context ends with the
// connection as well.
func (c *conn) use(ctx context.Context) (_ context.Context, end func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || !c.ready {
		return nil, nil, errNotReady()
	}
	c.using.Add(1)
	ctx, cancel := c.bound(ctx)
	return ctx, func() { cancel(); c.using.Done() }, nil
}

// bound is a context that ends with the connection.
func (c *conn) bound(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		select {
		case <-c.stop:
			cancel()
		case <-done:
		}
	}()
	return ctx, func() { close(done); cancel() }
}

// Connect implements engine.Conn: it asks Meta for the number.
func (c *conn) Connect(ctx context.Context) error {
	if !c.enter() {
		return errNotReady()
	}
	defer c.leave()
	ctx, cancel := c.bound(ctx)
	defer cancel()
	self, err := c.graph.self(ctx)
	if err == nil && len(digits(self.Display)) < 7 {
		err = &metaError{Status: 200}
	}
	if err != nil {
		if refusesLogin(err) {
			return c.refused(ctx, err)
		}
		c.net.note(c.number.Session, err)
		return err
	}
	c.net.note(c.number.Session, nil)
	id := engine.Identity{Device: c.number.Device, Person: engine.Person{Phone: engine.JID(digits(self.Display) + "@" + engine.ServerPhone)}}
	if c.pairing {
		if err := c.handler.Linking(ctx, id); err != nil {
			c.handler.Signal(engine.SignalPairingFailed{Err: err})
			return nil
		}
		c.pairing = false
		c.handler.Signal(engine.SignalPaired{Identity: id})
	}
	c.begin()
	c.handler.Signal(engine.SignalReady{Identity: id})
	return nil
}

// refused tells that Meta does not take the credentials, which only the tenant can mend.
func (c *conn) refused(ctx context.Context, err error) error {
	if !c.pairing {
		return c.loggedOut(ctx, err)
	}
	c.net.note(c.number.Session, err)
	c.handler.Signal(engine.SignalPairingFailed{Err: err})
	return nil
}

// loggedOut gives the device up. The number stays with the session, for better
// credentials. An error means that the store did not take it: nothing has changed.
func (c *conn) loggedOut(ctx context.Context, cause error) error {
	err := c.net.opts.Store.RenameCloudDevice(context.WithoutCancel(ctx), c.number.Device, NewDevice())
	if err != nil && engine.CodeOf(err) != engine.CodeNotFound {
		return err
	}
	c.net.note(c.number.Session, cause)
	c.drop(engine.SignalDropped{Cause: engine.DropLoggedOut, Err: cause})
	return nil
}

// begin has the connection take webhooks and look after itself.
func (c *conn) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.gone {
		return
	}
	c.ready = true
	c.net.attach(c)
	if c.probes {
		return
	}
	c.probes = true
	c.using.Add(1)
	go func() {
		defer c.using.Done()
		c.probe()
	}()
}

// drop says that the connection has ended, once.
func (c *conn) drop(s engine.SignalDropped) {
	c.mu.Lock()
	tell := !c.closed && !c.gone && (c.ready || s.Cause == engine.DropLoggedOut)
	c.ready = false
	c.gone = c.gone || s.Cause == engine.DropLoggedOut
	c.mu.Unlock()
	if tell {
		c.handler.Signal(s)
	}
}

// probe asks for the number from time to time, and at once when something has failed.
func (c *conn) probe() {
	timer := time.NewTimer(c.net.opts.Probe)
	defer timer.Stop()
	ctx, cancel := c.bound(context.Background())
	defer cancel()
	for {
		select {
		case <-c.stop:
			return
		case <-timer.C:
		case <-c.doubt:
		}
		timer.Reset(c.net.opts.Probe)
		c.mu.Lock()
		ready := c.ready
		c.mu.Unlock()
		if !ready {
			continue
		}
		if _, err := c.graph.self(ctx); err != nil && ctx.Err() == nil {
			c.judge(ctx, err)
		}
	}
}

// judge draws from a failed question what it says of the session.
func (c *conn) judge(ctx context.Context, err error) {
	if refusesLogin(err) && fateOf(err) == unharmed || fateOf(err) == lost {
		if c.loggedOut(ctx, err) == nil {
			return
		}
	}
	c.net.note(c.number.Session, err)
	cause := engine.DropNetwork
	if fateOf(err) == banned {
		cause = engine.DropBanned
	}
	if e, ok := errors.AsType[*metaError](err); ok && passes(e.Code) && cause == engine.DropNetwork && e.Status == 429 {
		return // Meta is there, and asks to slow down
	}
	c.drop(engine.SignalDropped{Cause: cause, Err: err})
}

// suspect draws from a failed request what it says of the session: what is certain at
// once, the rest by asking.
func (c *conn) suspect(ctx context.Context, err error) {
	if fateOf(err) != unharmed {
		c.judge(ctx, err)
		return
	}
	if e, ok := errors.AsType[*metaError](err); ok && e.Code != 0 {
		return // Meta is there
	}
	select {
	case c.doubt <- struct{}{}:
	default:
	}
}

// Logout implements engine.Conn: nothing is to be undone at Meta.
func (c *conn) Logout(ctx context.Context) error {
	if err := c.net.opts.Store.DeleteCloudDevice(ctx, c.number.Device); err != nil {
		return err
	}
	c.mu.Lock()
	c.ready = false
	c.mu.Unlock()
	c.net.detach(c)
	c.net.note(c.number.Session, nil)
	return nil
}

// Close implements engine.Conn.
func (c *conn) Close() {
	c.mu.Lock()
	if !c.closed {
		c.closed, c.ready = true, false
		close(c.stop)
	}
	c.mu.Unlock()
	c.net.detach(c)
	c.using.Wait()
}
