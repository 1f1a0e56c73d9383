package engine_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"wapid/engine"
	"wapid/store"
)

// scripted is a network whose connections do what a test tells them.
type scripted struct {
	mu        sync.Mutex
	conns     map[engine.SessionKey][]*conn
	order     []engine.SessionKey // of the Connect calls
	forgotten []engine.DeviceID
	missing   map[engine.DeviceID]bool // devices that Open does not find
	panicPair int                      // so many calls of Pair panic,
	panicFor  engine.SessionID         // for this session
	ids       atomic.Int64
	moves     moves
	dress     func(*conn) engine.Conn // gives connections capabilities; nil for none

	// What new connections do; nil means that Connect succeeds and nothing follows.
	connect rule[func(ctx context.Context, c *conn) error]
	logout  rule[func(ctx context.Context, c *conn) error]
	close   rule[func(c *conn)]
	send    rule[func(ctx context.Context, c *conn, m engine.Outgoing) (engine.Sent, error)]
}

// rule is a function that a test may replace at any time. The zero value is nil.
type rule[F any] struct{ now atomic.Pointer[F] }

func (r *rule[F]) set(f F) { r.now.Store(&f) }

func (r *rule[F]) get() (f F) {
	if now := r.now.Load(); now != nil {
		f = *now
	}
	return f
}

type conn struct {
	net    *scripted
	key    engine.SessionKey
	proxy  string
	device engine.DeviceID // empty if it was made to pair
	h      engine.Handler

	connects, logouts, closes, sends atomic.Int64
}

func newScripted() *scripted {
	return &scripted{conns: make(map[engine.SessionKey][]*conn), missing: make(map[engine.DeviceID]bool)}
}

func (n *scripted) add(line engine.Line, device engine.DeviceID, h engine.Handler) *conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := &conn{net: n, key: line.Session, proxy: line.Proxy, device: device, h: h}
	n.conns[c.key] = append(n.conns[c.key], c)
	return c
}

func (n *scripted) Pair(_ context.Context, line engine.Line, h engine.Handler) (engine.Conn, error) {
	n.mu.Lock()
	panics := n.panicPair > 0 && n.panicFor == line.Session.ID
	if panics {
		n.panicPair--
	}
	n.mu.Unlock()
	if panics {
		panic("Pair")
	}
	return n.dressed(n.add(line, "", h)), nil
}

func (n *scripted) Open(_ context.Context, line engine.Line, device engine.DeviceID, h engine.Handler) (engine.Conn, error) {
	n.mu.Lock()
	missing := n.missing[device]
	n.mu.Unlock()
	if missing {
		return nil, engine.ErrNoDevice
	}
	return n.dressed(n.add(line, device, h)), nil
}

func (n *scripted) Forget(_ context.Context, device engine.DeviceID) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.forgotten = append(n.forgotten, device)
	return nil
}

func (n *scripted) NewMessageID() engine.MessageID {
	return engine.MessageID(fmt.Sprintf("3EB0%06d", n.ids.Add(1)))
}

func (n *scripted) Info() engine.NetworkInfo {
	return engine.NetworkInfo{Simulated: true, Version: "1"}
}

func (n *scripted) dressed(c *conn) engine.Conn {
	if n.dress == nil {
		return c
	}
	return n.dress(c)
}

// last is the newest connection of a session, or nil.
func (n *scripted) last(key engine.SessionKey) *conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	if all := n.conns[key]; len(all) > 0 {
		return all[len(all)-1]
	}
	return nil
}

func (c *conn) Connect(ctx context.Context) error {
	c.connects.Add(1)
	c.net.mu.Lock()
	c.net.order = append(c.net.order, c.key)
	c.net.mu.Unlock()
	if connect := c.net.connect.get(); connect != nil {
		return connect(ctx, c)
	}
	return nil
}

func (c *conn) Send(ctx context.Context, m engine.Outgoing) (engine.Sent, error) {
	c.sends.Add(1)
	if send := c.net.send.get(); send != nil {
		return send(ctx, c, m)
	}
	return engine.Sent{ID: m.ID, Timestamp: time.Now().Truncate(time.Second)}, nil
}

func (c *conn) Logout(ctx context.Context) error {
	c.logouts.Add(1)
	if logout := c.net.logout.get(); logout != nil {
		return logout(ctx, c)
	}
	return nil
}

func (c *conn) Close() {
	c.closes.Add(1)
	if close := c.net.close.get(); close != nil {
		close(c)
	}
}

// who is the identity that a session of the tests links as.
func who(key engine.SessionKey) engine.Identity {
	return engine.Identity{Device: engine.DeviceID("dev-" + key.ID), Person: engine.Person{Phone: "491511234567@s.whatsapp.net", LID: "555@lid"}}
}

// login answers every Connect of a linked device with SignalReady.
func login(_ context.Context, c *conn) error {
	if c.device != "" || c.connects.Load() > 1 {
		c.h.Signal(engine.SignalReady{Identity: who(c.key)})
	}
	return nil
}

func hang(ctx context.Context, _ *conn) error {
	<-ctx.Done()
	return ctx.Err()
}

// flaky is the real store with failures on demand.
type flaky struct {
	*store.Store
	mu       sync.Mutex
	failSave int  // so many calls of SaveState fail
	after    bool // having committed
	panics   int  // so many calls of SaveState panic

	failFinish int // so many calls of FinishMessage fail
}

func (f *flaky) FinishMessage(ctx context.Context, key engine.SessionKey, id engine.MessageID, o engine.MessageOutcome) error {
	f.mu.Lock()
	fail := f.failFinish > 0
	if fail {
		f.failFinish--
	}
	f.mu.Unlock()
	if fail {
		return engine.Errorf(engine.CodeStorage, "database is locked")
	}
	return f.Store.FinishMessage(ctx, key, id, o)
}

func (f *flaky) SaveState(ctx context.Context, key engine.SessionKey, from, to engine.State, at time.Time, events ...engine.Event) error {
	f.mu.Lock()
	fail, panics, after := f.failSave > 0, f.panics > 0, f.after
	if fail {
		f.failSave--
	}
	if panics {
		f.panics--
	}
	f.mu.Unlock()
	if panics {
		panic("SaveState")
	}
	if fail && !after {
		return engine.Errorf(engine.CodeStorage, "disk full")
	}
	err := f.Store.SaveState(ctx, key, from, to, at, events...)
	if fail && err == nil {
		return engine.Errorf(engine.CodeStorage, "no answer")
	}
	return err
}

// world is an engine on the real store and a scripted network, in a bubble.
type world struct {
	t      *testing.T
	path   string
	net    *scripted
	store  *flaky
	engine *engine.Engine
	config engine.Config
	stop   context.CancelFunc
	ended  chan error
}

// inBubble runs fn with a running engine in a bubble with a clock of its own.
// At the end the engine must stop without leaving a goroutine.
func inBubble(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), store.FileName)
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, path: path, net: newScripted()}
		w.start()
		defer func() {
			if w.stop != nil {
				w.end()
			}
		}()
		fn(t, w)
	})
}

// start opens the store and runs an engine on it.
func (w *world) start() {
	w.t.Helper()
	db, err := store.Open(context.Background(), w.path, store.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, _, err := db.EnsureDefaultTenant(context.Background(), ""); err != nil {
		w.t.Fatal(err)
	}
	w.store = &flaky{Store: db}
	w.config.Network, w.config.Store = w.net, w.store
	w.engine = engine.New(w.config)
	ctx, cancel := context.WithCancel(context.Background())
	w.stop, w.ended = cancel, make(chan error, 1)
	go func() { w.ended <- w.engine.Run(ctx) }()
	synctest.Wait()
}

// end stops the engine, which must take no time, and closes the store.
func (w *world) end() {
	w.t.Helper()
	before := time.Now()
	w.stop()
	if err := <-w.ended; err != nil {
		w.t.Errorf("Run: %v", err)
	}
	if took := time.Since(before); took > 0 {
		w.t.Errorf("stopping took %v", took)
	}
	if err := w.store.Close(); err != nil {
		w.t.Error(err)
	}
	w.stop = nil
}

func key(id string) engine.SessionKey {
	return engine.SessionKey{Tenant: store.DefaultTenant, ID: engine.SessionID(id)}
}

func (w *world) create(id string) {
	w.t.Helper()
	if _, isNew, err := w.engine.Create(context.Background(), key(id), engine.SessionChange{Name: new("shop")}); err != nil || !isNew {
		w.t.Fatalf("create: new %v, %v", isNew, err)
	}
	synctest.Wait()
}

// authenticate takes a new session through its pairing, up to its first login.
func (w *world) authenticate(id string) {
	w.t.Helper()
	w.create(id)
	c := w.net.last(key(id))
	c.h.Signal(engine.SignalQR{Code: "2@abc", ExpiresAt: time.Now().Add(time.Minute)})
	if err := c.h.Linking(context.Background(), who(key(id))); err != nil {
		w.t.Fatal(err)
	}
	c.h.Signal(engine.SignalPaired{Identity: who(key(id))})
	c.h.Signal(engine.SignalDropped{Cause: engine.DropRestart})
	synctest.Wait()
}

// link takes a new session through its pairing until it is ready.
func (w *world) link(id string) *conn {
	w.t.Helper()
	w.authenticate(id)
	c := w.net.last(key(id))
	c.h.Signal(engine.SignalReady{Identity: who(key(id))})
	w.want(id, engine.StatusReady, "")
	return c
}

// want waits until nothing moves and compares what others see.
func (w *world) want(id string, status engine.Status, reason engine.Reason) engine.Snapshot {
	w.t.Helper()
	synctest.Wait()
	s, err := w.engine.Snapshot(key(id))
	if err != nil {
		w.t.Fatal(err)
	}
	if s.State.Status != status || s.State.Reason != reason {
		w.t.Fatalf("session is %s/%s, want %s/%s", s.State.Status, s.State.Reason, status, reason)
	}
	if stored := w.stored(id); stored == nil || stored.Status != status || stored.Reason != reason {
		w.t.Fatalf("the store holds %+v, want %s/%s", stored, status, reason)
	}
	return s
}

// stored is the state of a session in the database, or nil.
func (w *world) stored(id string) *engine.State {
	w.t.Helper()
	all, err := w.store.ListAllSessions(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range all {
		if s.Key == key(id) {
			return &s.State
		}
	}
	return nil
}

// told compares the types of all events of the default tenant, oldest first.
func (w *world) told(want ...engine.EventType) {
	w.t.Helper()
	events, err := w.store.ListEvents(context.Background(), store.DefaultTenant, "", 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	var got []engine.EventType
	for _, e := range events {
		got = append(got, e.Type)
	}
	if !slices.Equal(got, want) {
		w.t.Fatalf("events are %v, want %v", got, want)
	}
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func wantCode(t testing.TB, err error, want engine.Code) {
	t.Helper()
	if got := engine.CodeOf(err); got != want {
		t.Fatalf("error %v has code %q, want %q", err, got, want)
	}
}

var errRefused = errors.New("connection refused")
