// Package whatsapp connects sessions to WhatsApp through the whatsmeow client,
// and keeps the linked devices' keys in a store of its own. It is the only
// package that imports the client.
package whatsapp

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"

	"wapid/engine"
	"wapid/store/seal"
)

// Options configure a Network. DataDir is required, everything else has a default.
type Options struct {
	DataDir  string      // holds whatsapp.db, the device store
	Endpoint *Endpoint   // a simulated network; nil for the real one
	Log      *zap.Logger // nil for silence
	// SetBack says that the device store may be older than what it was used for, as
	// after a power cut: every session with another device begins anew.
	SetBack bool
	// Keys encrypt the secrets in the device store; without a current one they are plain.
	Keys seal.Keys
	// ProxyDial connects to the proxies of sessions, whose URLs callers give; nil
	// for a dialer that goes anywhere.
	ProxyDial func(ctx context.Context, network, addr string) (net.Conn, error)
	// ProxyRoots vouch for the certificates of https proxies; nil for the system's.
	ProxyRoots *x509.CertPool
	// DeviceName is what the account's phone lists linked devices as; "wapid" if empty.
	DeviceName string
	// QRFirst and QRNext are how long the first and every further QR code is
	// shown; 60 s and 20 s if zero, which are WhatsApp Web's.
	QRFirst, QRNext time.Duration
	// LoginTimeout bounds the time from an established socket to the first QR
	// code or to the server's word that the login is accepted; 30 s if zero.
	// What follows an accepted login may take three times as long.
	LoginTimeout time.Duration
	// LoginSilence bounds how long a server may say nothing at all while a login or
	// a pairing's first code is awaited; 15 s if zero. A server that was deaf for a
	// moment has lost a question, and will never answer it: without this bound
	// whatsmeow would wait 75 s for it.
	LoginSilence time.Duration
	// PingEvery is about how often an idle socket is tried (±20 %), PingTimeout
	// how long an answer may take; 25 s and 10 s if zero. A server that has fallen
	// silent is noticed within 1.2×PingEvery + PingTimeout: 40 s. One that leaves
	// three pings unanswered, but says other things, within three times that.
	PingEvery, PingTimeout time.Duration
	// RetryDelay is how long after a failed commit or decryption the connection is
	// made anew, so that the message comes again; 1 s if zero. It doubles with
	// each failure that follows, up to 30 s.
	RetryDelay time.Duration
	// Clock tells the time; nil for time.Now. Timers are real.
	Clock func() time.Time
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&o.QRFirst, 60*time.Second)
	set(&o.QRNext, 20*time.Second)
	set(&o.LoginTimeout, 30*time.Second)
	set(&o.LoginSilence, 15*time.Second)
	set(&o.PingEvery, 25*time.Second)
	set(&o.PingTimeout, 10*time.Second)
	set(&o.RetryDelay, time.Second)
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.ProxyDial == nil {
		o.ProxyDial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.DeviceName == "" {
		o.DeviceName = "wapid"
	}
	return o
}

// Network is WhatsApp, as the engine sees it.
type Network struct {
	opts    Options
	log     *zap.Logger
	devices *devices
	witness *witness
	http    *httpClients
	hashes  *throttle
	health  health
	// transfers bounds how many files all sessions move at once, histories how many
	// parts of a history they look into.
	transfers, histories *semaphore.Weighted

	counts counts
}

var _ engine.Network = (*Network)(nil)

// Open opens the device store and prepares to connect. It fails if the store
// can't be opened or upgraded, or if the process already has a network open that
// differs in its root key, device name or ping interval, which whatsmeow keeps
// once for the process. It fails with a *seal.Refusal if the keys don't fit.
func Open(ctx context.Context, opts Options) (*Network, error) {
	if opts.DataDir == "" {
		return nil, errors.New("whatsapp: no data directory given")
	}
	opts = opts.withDefaults()
	settings := processSettings{
		rootKey: realRootKey, deviceName: opts.DeviceName,
		pingEvery: opts.PingEvery, pingTimeout: opts.PingTimeout,
	}
	if opts.Endpoint != nil {
		settings.rootKey = opts.Endpoint.NoiseRootKey
	}
	if err := claims.claim(settings); err != nil {
		return nil, err
	}
	devices, err := openDevices(ctx, opts.DataDir, opts.Keys, clientLog{log: opts.Log, module: "Database"})
	if err != nil {
		claims.release()
		return nil, err
	}
	last, err := openWitness(opts.DataDir)
	if err != nil {
		claims.release()
		return nil, errors.Join(err, devices.close())
	}
	n := &Network{
		opts: opts, log: opts.Log, devices: devices, witness: last, http: newHTTPClients(opts.Endpoint, nil),
		hashes:    &throttle{every: purgeEvery, clock: opts.Clock},
		transfers: semaphore.NewWeighted(transfersAtOnce), histories: semaphore.NewWeighted(maxHistories),
	}
	devices.committer.sent = last.note
	if err := n.settle(ctx, opts.SetBack); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// Close closes the device store. Every Conn must be closed before. It is called once.
func (n *Network) Close() error {
	n.http.close()
	n.health.tries.Wait()
	err := errors.Join(n.devices.close(), n.witness.close())
	claims.release()
	return err
}

// Pair prepares a connection that links a new device.
func (n *Network) Pair(_ context.Context, line engine.Line, h engine.Handler) (engine.Conn, error) {
	return newConn(n, line, h)
}

// Open prepares a connection for a linked device. It returns engine.ErrNoDevice,
// or CodeStorage if the device store can't be read.
func (n *Network) Open(ctx context.Context, line engine.Line, device engine.DeviceID, h engine.Handler) (engine.Conn, error) {
	jid, err := parseDeviceID(device)
	if err != nil {
		return nil, err
	}
	stored, err := n.devices.load(ctx, jid)
	if err != nil {
		return nil, err
	}
	c, err := newConn(n, line, h)
	if err != nil {
		return nil, err
	}
	c.device, c.loaded = jid, stored
	return c, nil
}

// Forget deletes a device's keys. It returns CodeStorage.
func (n *Network) Forget(ctx context.Context, device engine.DeviceID) error {
	jid, err := parseDeviceID(device)
	if err != nil {
		return nil // it can't be in the store
	}
	return n.devices.forget(ctx, jid)
}

// NewMessageID makes an id as WhatsApp Web does: "3EB0" and 18 hexadecimal digits.
func (n *Network) NewMessageID() engine.MessageID {
	return engine.MessageID((*whatsmeow.Client)(nil).GenerateMessageID())
}

// Undecryptable counts the messages that could not be decrypted when they first
// came; their senders were asked for them again.
func (n *Network) Undecryptable() int64 { return n.counts.decrypt.Load() }

// Info tells whether the network is a simulated one, and the WhatsApp Web version
// that connections announce.
func (n *Network) Info() engine.NetworkInfo {
	return engine.NetworkInfo{Simulated: n.opts.Endpoint != nil, Version: store.GetWAVersion().String()}
}
