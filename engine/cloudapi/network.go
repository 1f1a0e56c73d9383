package cloudapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"

	"wapid/engine"
)

// defaultProbe is how often a session that is ready asks for its number: it learns so
// that its token was revoked, or that Meta can't be reached, without sending.
const defaultProbe = 10 * time.Minute

// Options of a Network. Store, Calls and Files are required.
type Options struct {
	Store Store
	// Calls makes requests of the API, and must follow no redirects. Files fetches
	// media, and gives files to Meta. Both judge the addresses that tenants name.
	Calls, Files *http.Client
	Log          *zap.Logger      // nil discards
	Clock        func() time.Time // nil means time.Now
	// Probe is how often a ready session asks for its number; 0 means ten minutes.
	Probe time.Duration
}

// Network is Meta's official API as an engine.Network. It is safe for concurrent use.
// It is not told when it ends: what it has under way belongs to its connections.
type Network struct {
	opts  Options
	large *semaphore.Weighted // large webhooks that are read

	mu    sync.Mutex
	conns map[engine.SessionKey]*conn // those that take webhooks
	// troubles say why Meta refuses sessions, until it does not.
	troubles map[engine.SessionKey]string
}

var _ engine.Network = (*Network)(nil)

// New makes a Network.
func New(o Options) *Network {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Probe <= 0 {
		o.Probe = defaultProbe
	}
	return &Network{opts: o, large: semaphore.NewWeighted(mostLarge), conns: make(map[engine.SessionKey]*conn), troubles: make(map[engine.SessionKey]string)}
}

// Knows tells whether a session is one of this network's.
func (n *Network) Knows(ctx context.Context, key engine.SessionKey) (bool, error) {
	_, err := n.opts.Store.FindCloudNumber(ctx, key)
	if engine.CodeOf(err) == engine.CodeNotFound {
		return false, nil
	}
	return err == nil, err
}

// Pair implements engine.Network: there is nothing to scan. The connection is linked as
// soon as Meta tells the number of the session's credentials.
func (n *Network) Pair(ctx context.Context, line engine.Line, h engine.Handler) (engine.Conn, error) {
	number, err := n.opts.Store.FindCloudNumber(ctx, line.Session)
	if err != nil {
		return nil, err
	}
	return n.connection(line, number, h, true)
}

// Open implements engine.Network.
func (n *Network) Open(ctx context.Context, line engine.Line, device engine.DeviceID, h engine.Handler) (engine.Conn, error) {
	number, err := n.opts.Store.FindCloudDevice(ctx, device)
	if engine.CodeOf(err) == engine.CodeNotFound {
		return nil, engine.ErrNoDevice
	}
	if err != nil {
		return nil, err
	}
	return n.connection(line, number, h, false)
}

func (n *Network) connection(line engine.Line, number Number, h engine.Handler, pairing bool) (engine.Conn, error) {
	if line.Proxy != "" {
		return nil, engine.Errorf(engine.CodeNotSupported, "sessions of the official API can't have a proxy")
	}
	if number.Unreadable {
		return nil, engine.Errorf(engine.CodeStorage, "the session's access token is damaged in the database: give it anew")
	}
	return &conn{
		net: n, number: number, handler: h, pairing: pairing,
		graph: &graph{client: n.opts.Calls, number: number},
		files: &graph{client: n.opts.Files, number: number},
		stop:  make(chan struct{}), doubt: make(chan struct{}, 1),
	}, nil
}

// Forget implements engine.Network.
func (n *Network) Forget(ctx context.Context, device engine.DeviceID) error {
	return n.opts.Store.DeleteCloudDevice(ctx, device)
}

// NewMessageID implements engine.Network. Meta gives messages ids of its own; ours look
// like those of WhatsApp's own clients.
func (n *Network) NewMessageID() engine.MessageID {
	var b [9]byte
	rand.Read(b[:]) // never fails
	return engine.MessageID("3EB0" + strings.ToUpper(hex.EncodeToString(b[:])))
}

// Info implements engine.Network.
func (n *Network) Info() engine.NetworkInfo { return engine.NetworkInfo{Version: "Cloud API"} }

// Trouble says why Meta refuses a session, as far as this life of the daemon knows; ""
// if it does not.
func (n *Network) Trouble(key engine.SessionKey) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.troubles[key]
}

// note keeps why a session does not work, or forgets that with nil.
func (n *Network) note(key engine.SessionKey, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err == nil {
		delete(n.troubles, key)
		return
	}
	n.troubles[key] = explainLogin(err)
}

// attach has a connection get what webhooks tell of its session, in the place of another.
func (n *Network) attach(c *conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns[c.number.Session] = c
}

func (n *Network) detach(c *conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conns[c.number.Session] == c {
		delete(n.conns, c.number.Session)
	}
}

func (n *Network) connOf(key engine.SessionKey) *conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.conns[key]
}

// errNotReady is why a connection does nothing before it is ready and after its end.
func errNotReady() error {
	return engine.Errorf(engine.CodeSessionNotReady, "the session is not connected to Meta's API")
}

// unavailable is the error of what certainly was not done, and may be another time.
func unavailable(err error) error {
	if e, ok := errors.AsType[*engine.Error](err); ok {
		return e
	}
	return engine.WrapError(engine.CodeSessionNotReady, err, "Meta's API can't be reached")
}
