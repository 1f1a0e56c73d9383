package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"wapid/engine"
)

// paperNetwork is the least network that lets the real engine run under the
// handlers: it shows one QR code, links when told to, and takes every message
// unless it was given an error. What goes over a wire is proved elsewhere.
type paperNetwork struct {
	mu      sync.Mutex
	conns   map[engine.SessionKey]*paperConn
	ids     int // message ids given out
	sent    []engine.Outgoing
	uploads []paperUpload
	fail    error         // the answer to the next sends
	hold    chan struct{} // sends wait for it, if set
	begun   chan struct{} // gets one value as each send begins to wait
	world   paperWorld    // what can be done beside sending
}

// paperRefused is a number that gets no pairing code.
const paperRefused = "919876500000"

const paperQR = "https://wa.me/settings/linked_devices#2@cmVm,bm9pc2U=,aWRlbnRpdHk=,YWR2"

var (
	paperSentAt   = time.Unix(1708243200, 0)
	paperQREnds   = time.UnixMilli(4102444800123)
	paperIdentity = engine.Identity{Device: "919876543210:1@s.whatsapp.net", Person: engine.Person{
		Phone: "919876543210@s.whatsapp.net", LID: "123456789012345@lid"}}
)

func (n *paperNetwork) Pair(_ context.Context, line engine.Line, h engine.Handler) (engine.Conn, error) {
	return n.add(line.Session, h, false), nil
}

func (n *paperNetwork) Open(_ context.Context, line engine.Line, _ engine.DeviceID, h engine.Handler) (engine.Conn, error) {
	return n.add(line.Session, h, true), nil
}

func (n *paperNetwork) add(key engine.SessionKey, h engine.Handler, linked bool) engine.Conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := &paperConn{network: n, handler: h, linked: linked}
	n.conns[key] = c
	return c
}

func (n *paperNetwork) Forget(context.Context, engine.DeviceID) error { return nil }

func (n *paperNetwork) NewMessageID() engine.MessageID {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ids++
	return engine.MessageID(fmt.Sprintf("3EB0B430A8B7F6C1D2%02X", n.ids))
}

func (n *paperNetwork) Info() engine.NetworkInfo { return engine.NetworkInfo{Simulated: true} }

// conn returns the newest connection of a session.
func (n *paperNetwork) conn(key engine.SessionKey) *paperConn {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.conns[key]
}

// all returns what was sent so far.
func (n *paperNetwork) all() []engine.Outgoing {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]engine.Outgoing(nil), n.sent...)
}

// scan is what happens when a phone scans the session's QR code.
func (n *paperNetwork) scan(ctx context.Context, key engine.SessionKey) error {
	return n.pair(ctx, n.conn(key))
}

func (n *paperNetwork) pair(ctx context.Context, c *paperConn) error {
	if err := c.handler.Linking(ctx, paperIdentity); err != nil {
		return err
	}
	n.mu.Lock()
	c.linked = true
	n.mu.Unlock()
	c.handler.Signal(engine.SignalPaired{Identity: paperIdentity})
	c.handler.Signal(engine.SignalDropped{Cause: engine.DropRestart})
	return nil
}

type paperConn struct {
	network *paperNetwork
	handler engine.Handler
	linked  bool // guarded by network.mu
}

func (c *paperConn) Connect(context.Context) error {
	c.network.mu.Lock()
	linked := c.linked
	c.network.mu.Unlock()
	if linked {
		c.handler.Signal(engine.SignalReady{Identity: paperIdentity})
	} else {
		c.handler.Signal(engine.SignalQR{Code: paperQR, ExpiresAt: paperQREnds})
	}
	return nil
}

func (c *paperConn) PairingCode(_ context.Context, phone string) (engine.PairingCode, error) {
	if phone == paperRefused {
		return engine.PairingCode{}, engine.Errorf(engine.CodeRateLimited, "WhatsApp asks to slow down")
	}
	return engine.PairingCode{Code: "ABCD1234", ExpiresAt: paperQREnds}, nil
}

// AnswerPasskey has the owner compare a code.
func (c *paperConn) AnswerPasskey(context.Context, json.RawMessage) error {
	c.handler.Signal(engine.SignalPasskeyCode{Code: "WXYZ-9876"})
	return nil
}

func (c *paperConn) ConfirmPasskey(ctx context.Context) error {
	return c.network.pair(ctx, c)
}

func (c *paperConn) Send(ctx context.Context, m engine.Outgoing) (engine.Sent, error) {
	c.network.mu.Lock()
	hold, begun, fail := c.network.hold, c.network.begun, c.network.fail
	c.network.mu.Unlock()
	if hold != nil {
		begun <- struct{}{}
		select {
		case <-hold:
		case <-ctx.Done():
			return engine.Sent{}, engine.WrapError(engine.CodeSendOutcomeUnknown, ctx.Err(), "the message may have been sent")
		}
	}
	if fail != nil {
		return engine.Sent{}, fail
	}
	c.network.mu.Lock()
	defer c.network.mu.Unlock()
	c.network.sent = append(c.network.sent, m)
	return engine.Sent{ID: m.ID, Timestamp: paperSentAt}, nil
}

func (c *paperConn) Logout(context.Context) error { return nil }

func (c *paperConn) Close() {}
