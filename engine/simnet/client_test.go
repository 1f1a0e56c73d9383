package simnet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"
	signallog "go.mau.fi/libsignal/logger"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	waLog "go.mau.fi/whatsmeow/util/log"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
)

// testNoise is the Noise identity of every network in this package's tests:
// whatsmeow's root key is a variable of the process, so there can be one only.
var testNoise *noiseIdentity

// quiet silences libsignal. Its logger is a variable of the process that is set
// at first use without a lock, and setting it here also avoids that race.
type quiet struct{}

func (quiet) Debug(string, string)   {}
func (quiet) Info(string, string)    {}
func (quiet) Warning(string, string) {}
func (quiet) Error(string, string)   {}
func (quiet) Configure(string)       {}

func TestMain(m *testing.M) {
	var silence signallog.Loggable = quiet{}
	signallog.Setup(&silence)
	var err error
	if testNoise, err = newNoiseIdentity(time.Now()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	whatsmeow.WACertPubKey = testNoise.Root
	os.Exit(m.Run())
}

// network is a running Server. Its cleanup asserts that the server understood
// everything and stopped without error.
type network struct {
	*Server
	stop func()
}

func startNetwork(t *testing.T, cfg Config) *network {
	t.Helper()
	n := openNetwork(t, cfg)
	t.Cleanup(func() {
		n.stop()
		for _, entry := range n.Unhandled() {
			t.Errorf("unhandled: %s", entry)
		}
	})
	return n
}

// openNetwork starts a Server without the assertions of startNetwork.
func openNetwork(t *testing.T, cfg Config) *network {
	t.Helper()
	if cfg.Log == nil && os.Getenv("SIMNET_LOG") != "" {
		cfg.Log = zaptest.NewLogger(t, zaptest.Level(zap.DebugLevel))
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.noise = testNoise
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return &network{Server: s, stop: sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})}
}

// client is a raw whatsmeow client with a database of its own.
type client struct {
	*whatsmeow.Client
	t      *testing.T
	db     *sqlstore.Container
	net    *network
	mu     sync.Mutex
	events []any
	more   chan struct{}
}

func newClient(t *testing.T, net *network) *client {
	t.Helper()
	db, err := sqlstore.New(context.Background(), "sqlite3",
		"file:"+filepath.Join(t.TempDir(), "wa.db")+"?_foreign_keys=on&_busy_timeout=10000&_journal_mode=WAL&_txlock=immediate", waLog.Noop)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	c := &client{t: t, db: db, net: net}
	c.open(db.NewDevice())
	return c
}

// reopen makes a new client on the same database, as a restarted daemon would.
func (c *client) reopen() *client {
	c.t.Helper()
	c.Disconnect()
	device, err := c.db.GetFirstDevice(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	again := &client{t: c.t, db: c.db, net: c.net}
	again.open(device)
	return again
}

func (c *client) open(device *store.Device) {
	c.more = make(chan struct{})
	logger := waLog.Noop
	if os.Getenv("SIMNET_LOG") != "" {
		logger = waLog.Stdout("client", "DEBUG", false)
	}
	c.Client = whatsmeow.NewClient(device, logger)
	c.UseRetryMessageStore = true
	c.SetWebsocketHTTPClient(clientHTTP(c.t, c.net.Describe()))
	c.SetMediaHTTPClient(clientHTTP(c.t, c.net.Describe()))
	c.SetPreLoginHTTPClient(clientHTTP(c.t, c.net.Describe()))
	c.AddEventHandler(func(event any) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.events = append(c.events, event)
		close(c.more)
		c.more = make(chan struct{})
	})
	c.t.Cleanup(c.Disconnect)
}

// clientHTTP dials the network whatever the host, and trusts its CA alone.
func clientHTTP(t *testing.T, d Description) *http.Client {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(d.CA)) {
		t.Fatal("description without a CA")
	}
	if root, err := hex.DecodeString(d.NoiseRootKey); err != nil || len(root) != 32 {
		t.Fatal("description without a noise root key")
	}
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", d.Address)
		},
	}}
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// await returns the first event, past or future, of a type that match accepts.
func await[E any](c *client, match func(E) bool) E {
	c.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		c.mu.Lock()
		for _, event := range c.events {
			if typed, ok := event.(E); ok && (match == nil || match(typed)) {
				c.mu.Unlock()
				return typed
			}
		}
		more := c.more
		c.mu.Unlock()
		select {
		case <-more:
		case <-deadline:
			var zero E
			c.t.Fatalf("no %T came", zero)
		}
	}
}

// forget drops the events so far, so that await sees only what follows.
func (c *client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = nil
}

// count counts the events of a type that match accepts.
func count[E any](c *client, match func(E) bool) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, event := range c.events {
		if typed, ok := event.(E); ok && (match == nil || match(typed)) {
			n++
		}
	}
	return n
}

// connect connects and waits until the client is logged in.
func (c *client) connect() {
	c.t.Helper()
	if err := c.Connect(); err != nil {
		c.t.Fatal(err)
	}
	await[*events.Connected](c, nil)
}

// linkedClient pairs a new client with a phone by QR code.
func linkedClient(t *testing.T, net *network, phone *Phone) *client {
	t.Helper()
	c := newClient(t, net)
	c.link(phone)
	return c
}

// link pairs a client that is set up already: its settings may not change any
// more once it is connected.
func (c *client) link(phone *Phone) {
	t, net := c.t, c.net
	t.Helper()
	if err := c.Connect(); err != nil {
		t.Fatal(err)
	}
	qr := await[*events.QR](c, nil)
	jid, err := phone.ScanQR(testContext(t), qr.Codes[0])
	if err != nil {
		t.Fatal(err)
	}
	if paired := await[*events.PairSuccess](c, nil); paired.ID != jid {
		t.Fatalf("client believes to be %s, phone linked %s", paired.ID, jid)
	}
	await[*events.Connected](c, nil)
	// What the phone sends a new device must be out of the way.
	eventually(t, func() bool {
		return len(net.Ledger().Acked(jid)) > 0 && len(net.Ledger().Pending(jid)) == 0
	})
}

// settledClient is linkedClient for tests that unlink the device: whatsmeow
// deletes its store then, and must be done before with the app state and with
// the history, which brings the push name.
func settledClient(t *testing.T, net *network, phone *Phone) *client {
	t.Helper()
	phone.SetPushName("Settled")
	c := linkedClient(t, net, phone)
	c.settle(phone)
	return c
}

// settle waits for the app state and the history that a phone with a push name
// gives a new device.
func (c *client) settle(phone *Phone) {
	c.t.Helper()
	last := appstate.AllPatchNames[len(appstate.AllPatchNames)-1]
	await(c, func(e *events.AppStateSyncComplete) bool { return e.Name == last })
	eventually(c.t, func() bool {
		contact, err := c.Store.Contacts.GetContact(context.Background(), phone.JID())
		return err == nil && contact.PushName == phone.account.name()
	})
}

// text matches a message by its words.
func text(words string) func(*events.Message) bool {
	return func(m *events.Message) bool {
		return m.Message.GetConversation() == words || m.Message.GetExtendedTextMessage().GetText() == words
	}
}

func withText(words string) func(Received) bool {
	return func(r Received) bool { return r.Text == words }
}

func receiptOf(id types.MessageID, kind types.ReceiptType) func(*events.Receipt) bool {
	return func(r *events.Receipt) bool {
		for _, have := range r.MessageIDs {
			if have == id && r.Type == kind {
				return true
			}
		}
		return false
	}
}
