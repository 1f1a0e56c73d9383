package whatsapp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest"

	"wapid/engine"
	"wapid/engine/enginetest"
	"wapid/engine/simnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// simulation is a running simulated network.
type simulation struct {
	*simnet.Server
	endpoint *Endpoint
	phones   atomic.Int64
}

// simulate starts a network of its own for the test. Its cleanup asserts that the
// network understood every stanza.
func simulate(t testing.TB) *simulation {
	t.Helper()
	log := zap.NewNop()
	if os.Getenv("SIMNET_LOG") != "" {
		log = zaptest.NewLogger(t)
	}
	server, err := simnet.New(simnet.Config{Control: "off", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("simulated network: %v", err)
		}
		for _, stanza := range server.Unhandled() {
			t.Errorf("not understood by the simulated network: %s", stanza)
		}
	})
	file := filepath.Join(t.TempDir(), "network.json")
	raw, err := json.Marshal(server.Describe())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	endpoint, err := ReadEndpoint(file)
	if err != nil {
		t.Fatal(err)
	}
	return &simulation{Server: server, endpoint: endpoint}
}

// open opens the adapter with an empty device store; change may alter the options.
func (s *simulation) open(t testing.TB, change func(*Options)) *Network {
	t.Helper()
	opts := Options{
		DataDir: t.TempDir(), Endpoint: s.endpoint, Log: testLog(t),
		// The same in every test, because whatsmeow has one setting for the process;
		// long enough for a busy machine not to take itself for a deaf server.
		PingEvery: time.Second, PingTimeout: 3 * time.Second,
		RetryDelay: 20 * time.Millisecond,
	}
	if os.Getenv("WAPID_TEST_SEALED") != "" { // every test with an encrypted device store
		opts.Keys.Current = testKey(t)
	}
	if change != nil {
		change(&opts)
	}
	n, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return n
}

// testLog logs in full with WAPID_LOG set. It always fails a test in which a
// number gets into a line above debug level.
func testLog(t testing.TB) *zap.Logger {
	level := zapcore.InfoLevel
	if os.Getenv("WAPID_LOG") != "" {
		level = zapcore.DebugLevel
	}
	return zaptest.NewLogger(t, zaptest.Level(level), zaptest.WrapOptions(zap.Hooks(func(e zapcore.Entry) error {
		if e.Level > zapcore.DebugLevel && engine.Redact(e.Message) != e.Message {
			t.Errorf("a number in the log: %s", e.Message)
		}
		return nil
	})))
}

// phone is an account with a number that no other test of the network uses.
func (s *simulation) phone() *phone {
	return s.nth(s.phones.Add(1))
}

func (s *simulation) nth(n int64) *phone {
	return &phone{Phone: s.Phone(fmt.Sprintf("9198765%05d", n)), net: s}
}

// phone adapts a virtual phone to the conformance suite.
type phone struct {
	*simnet.Phone
	net *simulation
}

var _ enginetest.Phone = (*phone)(nil)

func (p *phone) Person() engine.Person { return personOf(p.JID(), p.LID()) }

func (p *phone) Scan(ctx context.Context, code string) error {
	_, err := p.ScanQR(ctx, code)
	return err
}

// Settle waits until the phone has told a new device what it tells each: its app
// state key and three parts of history.
func (p *phone) Settle(ctx context.Context, device engine.DeviceID) error {
	jid, err := types.ParseJID(string(device))
	if err != nil {
		return err
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for len(p.net.Ledger().Acked(jid)) < 4 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (p *phone) SendText(ctx context.Context, to engine.JID, text string) (engine.MessageID, error) {
	jid, err := types.ParseJID(string(to))
	if err != nil {
		return "", err
	}
	id, err := p.Phone.SendText(ctx, jid, text)
	return engine.MessageID(id), err
}

func (p *phone) AwaitText(ctx context.Context, id engine.MessageID) (string, int, error) {
	got, err := p.Await(ctx, func(r simnet.Received) bool { return r.ID == string(id) })
	return got.Text, got.Copies, err
}

func (p *phone) Acknowledged(device engine.DeviceID, id engine.MessageID) bool {
	jid, err := types.ParseJID(string(device))
	if err != nil {
		return false
	}
	for _, entry := range p.net.Ledger().Message(string(id)) {
		if entry.Device == jid && !entry.Acked.IsZero() {
			return true
		}
	}
	return false
}

func (p *phone) Unlink(ctx context.Context, device engine.DeviceID) error {
	jid, err := types.ParseJID(string(device))
	if err != nil {
		return err
	}
	return p.Phone.Unlink(ctx, jid)
}

func (p *phone) Cut(t *testing.T) {
	p.net.fault(t, simnet.Fault{Kind: simnet.FaultClose, Number: p.Number()})
}

func (s *simulation) fault(t *testing.T, f simnet.Fault) string {
	t.Helper()
	id, err := s.Faults().Set(f)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestConformance(t *testing.T) {
	sim := simulate(t)
	enginetest.Exercise(t, enginetest.Harness{
		Open:  func(t *testing.T) engine.Network { return sim.open(t, nil) },
		Phone: func(*testing.T) enginetest.Phone { return sim.phone() },
	})
}

func TestSecondNetworkOfTheProcess(t *testing.T) {
	sim, other := simulate(t), simulate(t)
	sim.open(t, nil)
	sim.open(t, nil) // the same settings: no conflict
	_, err := Open(t.Context(), Options{DataDir: t.TempDir(), Endpoint: other.endpoint})
	if !errors.Is(err, errOtherNetwork) {
		t.Errorf("another root key gives %v, want %v", err, errOtherNetwork)
	}
}

func TestOpenFailsClearly(t *testing.T) {
	if _, err := Open(t.Context(), Options{}); err == nil || !strings.Contains(err.Error(), "data directory") {
		t.Errorf("without a data directory: %v", err)
	}
	if _, err := Open(t.Context(), Options{DataDir: filepath.Join(t.TempDir(), "missing")}); err == nil || !strings.Contains(err.Error(), FileName) {
		t.Errorf("in a directory that does not exist: %v", err)
	}
	// A failed Open has claimed nothing.
	simulate(t).open(t, nil)
}

func TestInfo(t *testing.T) {
	info := simulate(t).open(t, nil).Info()
	if !info.Simulated || !strings.HasPrefix(info.Version, "2.3000.") {
		t.Errorf("info %+v", info)
	}
}

func parseJID(t *testing.T, s string) types.JID {
	t.Helper()
	jid, err := types.ParseJID(s)
	if err != nil {
		t.Fatal(err)
	}
	return jid
}
