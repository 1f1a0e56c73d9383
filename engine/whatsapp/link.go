package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
)

// lostGrace is how long the end of a socket waits for its reason, which may be
// read from the socket but not yet decrypted.
const lostGrace = 100 * time.Millisecond

// restartGrace bounds the wait for the server's 515 after the pairing, and for
// the end of the pairing after the 515. whatsmeow loses the 515 if the socket
// closes right behind it.
const restartGrace = 3 * time.Second

// socketEndLimit bounds the wait for whatsmeow to notice that its socket was cut.
// It takes about a millisecond; only a machine that does not get to it needs more.
const socketEndLimit = 10 * time.Second

// maxParallelRetries is how many retry receipts one session answers at once.
const maxParallelRetries = 4

// link is one socket's life, from dialling to its end.
type link struct {
	conn   *conn
	client *whatsmeow.Client
	device *store.Device
	guard  *guardedStore // nil for a device that is not linked yet
	wire   *wire
	ctx    context.Context // of whatsmeow's work; ends when the link is taken down
	cancel context.CancelFunc
	gone   chan struct{} // closed when the link has been taken down
	sends  pendingSends
	timers groupTimers
	// reuploads are the downloads that wait for the phone.
	reuploads mediaRetries
	logs      logGate
	// stanzas and pipeline let messages be committed while the next ones are decrypted.
	stanzas  stanzas
	pipeline *pipeline
	own      types.JID     // the device's address; empty while it is being linked
	name     string        // the account's, as far as it was known when the link was made
	asking   chan struct{} // holds a token while the network is asked about the linking

	// All below is guarded by conn.mu.
	over       bool // its end has been decided and reported
	lost       bool // its socket has ended
	ready      bool // the login is complete
	available  bool // the account was shown as online through this link
	paired     bool // this socket has linked the device
	passkey    bool // the account's passkey is asked for
	restarting bool // the server asked to reconnect before the pairing was complete
	loggingOut bool
	unlinked   bool // the account no longer has the device
	codes      qrCodes
	patience   *time.Timer // for the login, and later for what follows the pairing
	hush       *time.Timer // looks whether the server still speaks during the login
	retry      *time.Timer // makes the connection anew after a failed commit
}

func newLink(c *conn, device *store.Device) (*link, error) {
	l := &link{conn: c, device: device, name: device.PushName, wire: newWire(), gone: make(chan struct{}), asking: make(chan struct{}, 1), pipeline: newPipeline()}
	ctx := context.WithValue(context.Background(), wireKey{}, l.wire)
	l.ctx, l.cancel = context.WithCancel(ctx)
	if device.ID != nil {
		l.own = *device.ID
		g, err := guard(device, l.retryLater, purges{outgoing: c.outgoing, hashes: c.net.hashes})
		if err != nil {
			l.cancel()
			return nil, engine.WrapError(engine.CodeInternal, err, "the device store can't be guarded")
		}
		l.guard = g
	}
	l.client = newClient(l)
	return l, nil
}

// newClient sets up whatsmeow for one link.
func newClient(l *link) *whatsmeow.Client {
	cli := whatsmeow.NewClient(l.device, clientLog{log: l.conn.log, tap: l, counts: &l.conn.net.counts, gate: &l.logs, ended: l.ctx})
	clients := l.conn.http
	cli.SetWebsocketHTTPClient(clients.websocket)
	cli.SetPreLoginHTTPClient(clients.preLogin)
	cli.SetMediaHTTPClient(clients.media)
	// The engine reconnects, with a new link, also after the 515 of a pairing.
	cli.EnableAutoReconnect = false
	cli.DisableLoginAutoReconnect = true
	// A message is acknowledged after its handler, and a retry receipt after its
	// answer. What is decrypted is kept until the handler has succeeded.
	cli.SynchronousAck = true
	cli.EnableDecryptedEventBuffer = true
	cli.UseRetryMessageStore = true
	cli.AutoTrustIdentity = true
	// History is announced; what is taken of it is in history.go.
	cli.ManualHistorySyncDownload = true
	cli.SetMaxParallelRetryReceiptHandling(maxParallelRetries)
	cli.BackgroundEventCtx = l.ctx
	cli.PrePairCallback = l.linking
	cli.AddEventHandlerWithSuccessStatus(l.handle)
	return cli
}

// start dials and returns when the handshake is done. Everything after it is
// reported as signals.
func (l *link) start(ctx context.Context) error {
	stop := context.AfterFunc(ctx, l.wire.hangUp)
	err := l.client.ConnectContext(l.ctx)
	stop()
	l.wire.letGo()
	if err == nil {
		l.conn.mu.Lock()
		defer l.conn.mu.Unlock()
		if !l.over && !l.ready && l.codes.idle() && l.patience == nil {
			l.patience = time.AfterFunc(l.conn.net.opts.LoginTimeout, func() { l.loginLate(false) })
			l.hush = time.AfterFunc(l.conn.net.opts.LoginSilence, l.loginSilent)
		}
		return nil
	}
	if l.finish() {
		l.takeDown()
	}
	if errors.Is(err, store.ErrDeviceDeleted) {
		return engine.ErrNoDevice
	}
	return fmt.Errorf("connecting: %w", err)
}

// loginLate ends a link whose login has not come far enough in time. Once the
// server has accepted it, the upload of prekeys may take longer.
func (l *link) loginLate(extended bool) {
	c := l.conn
	if !c.enter() {
		return
	}
	defer c.calls.Done()
	c.mu.Lock()
	settled := l.settled()
	if !settled && !extended && l.client.IsLoggedIn() {
		l.patience = time.AfterFunc(2*c.net.opts.LoginTimeout, func() { l.loginLate(true) })
		settled = true
	}
	c.mu.Unlock()
	if !settled {
		l.drop(engine.DropNetwork, errors.New("the login was not completed in time"))
	}
}

// loginSilent ends a link whose server has said nothing for too long during the
// login, and looks again later otherwise.
func (l *link) loginSilent() {
	c := l.conn
	if !c.enter() {
		return
	}
	defer c.calls.Done()
	c.mu.Lock()
	silence, limit := l.wire.silence(), c.net.opts.LoginSilence
	settled := l.settled()
	if !settled && silence < limit {
		l.hush = time.AfterFunc(limit-silence, l.loginSilent)
		settled = true
	}
	c.mu.Unlock()
	if !settled {
		l.drop(engine.DropNetwork, fmt.Errorf("the server was silent for %s during the login", silence.Round(time.Second)))
	}
}

// settled tells that the login has come as far as it has to: the device is ready
// or paired, or shows its codes. conn.mu is held.
func (l *link) settled() bool { return l.over || l.ready || l.paired || !l.codes.idle() }

// received is the tap on incoming stanzas: it sees why the server ends a stream
// even if the socket closes before whatsmeow gets to it.
func (l *link) received(node *waBinary.Node) {
	if l.guard != nil {
		l.stanzas.note(node)
	}
	l.conn.net.counts.stanza(node)
	verdict, ok := verdictOf(node, l.conn.net.opts.Clock())
	if !ok || !l.conn.enter() {
		return
	}
	defer l.conn.calls.Done()
	c := l.conn
	c.mu.Lock()
	hold := verdict.Cause == engine.DropRestart && l.own.IsEmpty() && !l.paired
	if hold && !l.over { // the pairing that caused the 515 is still being written down
		l.restarting = true
		l.wait(restartGrace, func() { l.drop(engine.DropNetwork, errors.New("the pairing was not completed in time")) })
	}
	silent := verdict.Cause == engine.DropLoggedOut && l.loggingOut
	l.unlinked = l.unlinked || verdict.Cause == engine.DropLoggedOut
	c.mu.Unlock()
	switch {
	case hold:
	case silent:
		l.end(nil)
	default:
		l.end(verdict)
	}
}

// disconnected is the end of the socket without a reason, or with one that is
// still on its way through the decryption.
func (l *link) disconnected() {
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	if l.over || l.lost {
		return
	}
	l.lost = true
	l.wait(lostGrace, func() {
		switch {
		case l.isPaired():
			l.drop(engine.DropRestart, nil)
		case l.lastCodeShown():
			l.end(engine.SignalQRTimeout{})
		default:
			l.drop(engine.DropNetwork, errors.New("the socket was closed"))
		}
	})
}

// wait replaces the link's patience: after d, fn is called unless the
// connection is closed by then. conn.mu is held.
func (l *link) wait(d time.Duration, fn func()) {
	if l.patience != nil {
		l.patience.Stop()
	}
	l.patience = time.AfterFunc(d, func() {
		if l.conn.enter() {
			defer l.conn.calls.Done()
			fn()
		}
	})
}

// retryLater makes the connection anew after a while, so that what could not be
// committed comes again. What fails meanwhile shares the one reconnection.
func (l *link) retryLater(cause error) {
	c := l.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.over || l.retry != nil || c.closed {
		return
	}
	l.retry = time.AfterFunc(c.retryDelay(), func() {
		if c.enter() {
			defer c.calls.Done()
			l.drop(engine.DropNetwork, fmt.Errorf("asking for a message again: %w", cause))
		}
	})
}

func (l *link) drop(cause engine.DropCause, err error) {
	l.end(engine.SignalDropped{Cause: cause, Err: err})
}

// end reports the end of the link, if it is the first to do so, and has it taken
// down. A nil signal reports nothing. It is called within conn.enter.
func (l *link) end(s engine.Signal) {
	if !l.finish() {
		return
	}
	c := l.conn
	c.mu.Lock()
	if s != nil {
		c.post(s)
	}
	c.calls.Add(1)
	c.mu.Unlock()
	go func() {
		defer c.calls.Done()
		l.takeDown()
	}()
	c.flush()
}

// finish decides the end of the link. It returns true to the one caller that has
// to take it down.
func (l *link) finish() bool {
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	if l.over {
		return false
	}
	l.over = true
	for _, t := range []*time.Timer{l.patience, l.hush, l.retry, l.codes.timer} {
		if t != nil {
			t.Stop()
		}
	}
	return true
}

// takeDown closes the socket and frees what hangs on it. It waits for whatsmeow's
// reader to end before its consumer does, see wire, and for the commits that were begun.
func (l *link) takeDown() {
	defer close(l.gone)
	l.wire.hangUp()
	l.wire.awaitHandshake()
	l.awaitSocketEnd(socketEndLimit)
	l.cancel()
	l.pipeline.close()
	l.client.Disconnect() // ends what waits for an answer or for a reconnection
	l.logs.close()
	l.conn.mu.Lock()
	unlinked := l.unlinked && !l.own.IsEmpty()
	l.conn.mu.Unlock()
	if unlinked {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := l.conn.net.devices.forget(ctx, l.own); err != nil {
			l.conn.log.Sugar().Errorw("keys of an unlinked device not deleted", "error", err)
		}
	}
}

// awaitSocketEnd waits until whatsmeow is done with the socket. It can't be waited
// for, only asked: a stanza then fails with ErrNotConnected, and nothing is
// written, because the wire is cut. Disconnect would race with it before.
func (l *link) awaitSocketEnd(limit time.Duration) {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for wait := 200 * time.Microsecond; !l.socketEnded(); wait = min(2*wait, 20*time.Millisecond) {
		select {
		case <-deadline.C:
			return
		case <-time.After(wait):
		}
	}
}

func (l *link) socketEnded() bool {
	if l.client.IsConnected() {
		return false
	}
	//lint:ignore SA1019 there is no other way to ask
	err := l.client.DangerousInternals().SendNode(l.ctx, waBinary.Node{Tag: "iq"})
	return errors.Is(err, whatsmeow.ErrNotConnected)
}
