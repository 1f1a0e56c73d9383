package whatsapp

import (
	"context"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
)

// logoutTimeout is how long the server may take to confirm an unlinking.
const logoutTimeout = 15 * time.Second

// Logout unlinks the device and deletes its keys. No signal tells of the end of
// the connection. It returns CodeSessionNotReady if the login is not complete or
// the connection broke before the server has answered, CodeSendRejected if the
// server refuses, and CodeStorage if only the keys could not be deleted.
//
// whatsmeow's own Logout is not used: it races with the server's word that the
// device was removed, which may come before the answer, over the same device.
func (c *conn) Logout(ctx context.Context) error {
	if !c.enter() {
		return notReady(errNotReady)
	}
	defer c.calls.Done()
	l := c.readyLink()
	if l == nil {
		return notReady(errNotReady)
	}
	l.setLoggingOut(true)
	if err := l.requestRemoval(ctx); err != nil && !l.isUnlinked() {
		l.setLoggingOut(false)
		return err
	}
	c.mu.Lock()
	l.unlinked = true // takeDown deletes the keys then
	c.mu.Unlock()
	l.end(nil)
	<-l.gone
	return c.net.devices.forget(ctx, l.own)
}

// requestRemoval asks the server to remove this device from its account, as
// WhatsApp Web does.
func (l *link) requestRemoval(ctx context.Context) error {
	//lint:ignore SA1019 there is no other way to send an iq; see Logout
	_, err := l.client.DangerousInternals().SendIQ(ctx, whatsmeow.DangerousInfoQuery{
		Namespace: "md", Type: "set", To: types.ServerJID, Timeout: logoutTimeout, NoRetry: true,
		Content: []waBinary.Node{{
			Tag:   "remove-companion-device",
			Attrs: waBinary.Attrs{"jid": l.own, "reason": "user_initiated"},
		}},
	})
	if err == nil {
		return nil
	}
	f := sendFailure{err: fmt.Errorf("unlinking: %w", err)}
	code := f.translate().Code
	if code == engine.CodeUndeliverable {
		code = engine.CodeSendRejected
	}
	return engine.WrapError(code, f.err, "the device could not be unlinked")
}

func (l *link) setLoggingOut(on bool) {
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	l.loggingOut = on
}

func (l *link) isUnlinked() bool {
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	return l.unlinked
}
