package main

import (
	"context"
	"testing"
	"time"

	"go.uber.org/zap"

	"wapid/engine"
	"wapid/engine/simnet"
	"wapid/engine/whatsapp"
)

// inProcess is the app in the test's own process, where its timing can be tuned.
type inProcess struct {
	api
	*app
	stop func()
}

// startApp runs the app until the test ends or stop is called.
func startApp(t *testing.T, network *simulated, dir string, tune func(*whatsapp.Options)) *inProcess {
	t.Helper()
	return startAppWith(t, network, dir, tune, func(*appConfig) {})
}

// startAppWith is startApp with further settings.
func startAppWith(t *testing.T, network *simulated, dir string, tune func(*whatsapp.Options), adjust func(*appConfig)) *inProcess {
	t.Helper()
	endpoint, err := whatsapp.ReadEndpoint(network.file)
	if err != nil {
		t.Fatal(err)
	}
	log := zap.NewNop()
	if testing.Verbose() {
		log, _ = newLog("info", "console", testWriter{t})
	}
	c := appConfig{
		settings: settings{Listen: "127.0.0.1:0", APIKey: testKey, EgressAllow: loopback},
		Data:     dir, Endpoint: endpoint, Log: log,
		Tune: func(o *whatsapp.Options) {
			// The same in every test: whatsmeow keeps them once for the process.
			o.PingEvery, o.PingTimeout = time.Second, 2*time.Second
			if tune != nil {
				tune(o)
			}
		},
		Backoff: engine.Backoff{Base: 50 * time.Millisecond, Max: time.Second},
	}
	adjust(&c)
	a, err := openApp(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	p := &inProcess{api: api{base: a.URL(), key: testKey}, app: a}
	stopped := false
	p.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("app: %v", err)
		}
		if err := a.close(); err != nil {
			t.Errorf("closing the app: %v", err)
		}
		p.closeIdle()
	}
	t.Cleanup(p.stop)
	eventually(t, "the app is ready", func() bool {
		ans, err := p.call("GET", "/readyz", nil)
		return err == nil && ans.code == 200
	})
	return p
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) { w.t.Log(string(p)); return len(p), nil }

// TestEveryEndOfASession provokes each way in which a session ends, and checks
// status, reason and webhook, and whether it comes back by itself, when asked,
// or only with a new code.
func TestEveryEndOfASession(t *testing.T) {
	const (
		byItself = "ready by itself"
		asked    = "ready when created again"
		newCode  = "a new code when created again"
	)
	number := "447700900123"
	for name, c := range map[string]struct {
		strike func(*testing.T, *simulated, *simnet.Phone)
		reason string
		then   string
	}{
		"unlinked on the phone": {
			func(t *testing.T, n *simulated, p *simnet.Phone) { unlinkAll(t, p) }, "logged_out", newCode},
		"logged out by the server": {
			fault(simnet.Fault{Kind: simnet.FaultLogout, Number: number}), "logged_out", newCode},
		"replaced": {
			fault(simnet.Fault{Kind: simnet.FaultReplaced, Number: number}), "replaced", asked},
		"banned for a while": {
			func(t *testing.T, n *simulated, p *simnet.Phone) {
				fault(simnet.Fault{Kind: simnet.FaultTempBan, Number: number, Times: 1, Expire: 3 * time.Second})(t, n, p)
				fault(simnet.Fault{Kind: simnet.FaultClose, Number: number})(t, n, p)
			}, "banned", byItself},
		"client outdated": {
			func(t *testing.T, n *simulated, p *simnet.Phone) {
				fault(simnet.Fault{Kind: simnet.FaultOutdated, Number: number, Times: 1})(t, n, p)
				fault(simnet.Fault{Kind: simnet.FaultClose, Number: number})(t, n, p)
			}, "client_outdated", asked},
		"the socket drops": {
			fault(simnet.Fault{Kind: simnet.FaultClose, Number: number}), "network", byItself},
		"the server restarts": {
			fault(simnet.Fault{Kind: simnet.FaultRestart, Number: number}), "network", byItself},
		"connections are refused for a while": {
			func(t *testing.T, n *simulated, p *simnet.Phone) {
				fault(simnet.Fault{Kind: simnet.FaultRefuse, Number: number, Times: 3})(t, n, p)
				fault(simnet.Fault{Kind: simnet.FaultClose, Number: number})(t, n, p)
			}, "network", byItself},
	} {
		t.Run(name, func(t *testing.T) {
			network, receiver := startNetwork(t), startHooks(t)
			a := startApp(t, network, t.TempDir(), nil)
			receiver.subscribe(t, &a.api)
			phone := network.Phone(number)
			a.pair(t, "main", phone)
			settle(t, network, phone)
			c.strike(t, network, phone)
			// A refused login comes after the end of the connection before it.
			receiver.await(t, "disconnected for "+c.reason, func(h hook) bool {
				return h.SessionID == "main" && h.Event == "disconnected" && h.Data.Reason == c.reason
			})
			if c.then == byItself {
				a.awaitStatus(t, "main", "ready")
				return
			}
			got := a.awaitStatus(t, "main", "disconnected")
			if got.text("reason") != c.reason {
				t.Errorf("status says %s, expected reason %q", got.raw, c.reason)
			}
			if before := network.Connections(); before != 0 {
				t.Errorf("%d connections are still open", before)
			}
			refused := a.must(t, 409, "POST", sessionPath("main")+"/send", map[string]any{"to": "15550001111", "message": "x"})
			if refused.text("code") != "SESSION_NOT_READY" {
				t.Errorf("send answered %s", refused.raw)
			}
			a.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "main"})
			if c.then == newCode {
				a.scan(t, "main", phone)
			}
			a.awaitStatus(t, "main", "ready")
		})
	}
}

func fault(f simnet.Fault) func(*testing.T, *simulated, *simnet.Phone) {
	return func(t *testing.T, n *simulated, _ *simnet.Phone) {
		t.Helper()
		if _, err := n.Faults().Set(f); err != nil {
			t.Fatal(err)
		}
	}
}

func unlinkAll(t *testing.T, p *simnet.Phone) {
	t.Helper()
	for _, device := range p.Devices() {
		if err := p.Unlink(t.Context(), device); err != nil {
			t.Fatal(err)
		}
	}
}

// TestQRTimeout lets every code run out unscanned, then starts over.
func TestQRTimeout(t *testing.T) {
	network, receiver := startNetwork(t), startHooks(t)
	a := startApp(t, network, t.TempDir(), func(o *whatsapp.Options) {
		o.QRFirst, o.QRNext = time.Second, 100*time.Millisecond
	})
	receiver.subscribe(t, &a.api)
	a.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "main"})
	if told := receiver.awaitEvent(t, "main", "disconnected"); told.Data.Reason != "qr_timeout" {
		t.Errorf("webhook says %s", told.Raw)
	}
	if got := a.awaitStatus(t, "main", "disconnected"); got.text("reason") != "qr_timeout" {
		t.Errorf("status says %s", got.raw)
	}
	codes := map[string]bool{}
	for _, h := range receiver.all() {
		if h.Event == "qr" {
			codes[h.Data.QR] = true
		}
	}
	if len(codes) != 6 {
		t.Errorf("%d different codes were told, expected the network's 6", len(codes))
	}
	a.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "main"})
	a.scan(t, "main", network.Phone("447700900123"))
	a.awaitStatus(t, "main", "ready")
}
