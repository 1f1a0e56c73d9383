package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"wapid/engine/simnet"
)

// connectProxy is an HTTP proxy on loopback that wants a login.
type connectProxy struct {
	*httptest.Server
	tunnels atomic.Int64
	carried atomic.Int64 // bytes from the far side

	mu    sync.Mutex
	conns []net.Conn
}

func startProxy(t *testing.T) *connectProxy {
	t.Helper()
	p := &connectProxy{}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.down)
	return p
}

// down ends the proxy with all that goes through it.
func (p *connectProxy) down() {
	p.mu.Lock()
	for _, c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.Close()
}

func (p *connectProxy) serve(w http.ResponseWriter, r *http.Request) {
	login := &http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
	if user, password, ok := login.BasicAuth(); r.Method != http.MethodConnect || !ok || user != "user" || password != "topsecret" {
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	far, err := net.Dial("tcp", r.RequestURI)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer far.Close()
	w.WriteHeader(http.StatusOK)
	near, ahead, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer near.Close()
	p.mu.Lock()
	p.conns = append(p.conns, near, far)
	p.mu.Unlock()
	p.tunnels.Add(1)
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(far, ahead) // the server may have read a little already
		far.Close()
	})
	_, _ = io.Copy(io.MultiWriter(near, counting{&p.carried}), far)
	near.Close()
	both.Wait()
}

type counting struct{ n *atomic.Int64 }

func (c counting) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return len(b), nil
}

// TestSessionsHaveProxies: a session goes through its proxy or not at all, and
// another proxy is another connection.
func TestSessionsHaveProxies(t *testing.T) {
	network := startNetwork(t)
	a := startApp(t, network, t.TempDir(), nil)
	mine, theirs := network.Phone("447700900123"), network.Phone("447700900124")
	first, second := startProxy(t), startProxy(t)
	url := func(p *connectProxy) string { return strings.Replace(p.URL, "http://", "http://user:topsecret@", 1) }

	refused := a.must(t, 400, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "main", "proxy": "socks5://10.0.0.1"})
	if refused.text("code") != "URL_REFUSED" {
		t.Errorf("a private address answers %s", refused.raw)
	}
	a.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "main", "proxy": url(first)})
	a.scan(t, "main", mine)
	status := a.awaitStatus(t, "main", "ready")
	settle(t, network, mine)
	if first.tunnels.Load() != 2 { // one to link, one to log in
		t.Errorf("%d tunnels, want 2", first.tunnels.Load())
	}
	if strings.Contains(status.raw, "topsecret") || !strings.Contains(status.raw, "http://user@127.0.0.1") {
		t.Errorf("the status is %s", status.raw)
	}
	a.must(t, 200, "POST", "/api/whatsapp/proxy/test", map[string]any{"proxy": url(second)})
	for name, given := range map[string]string{
		"wrong login":  second.URL,
		"no proxy":     a.URL(),
		"nobody there": "http://127.0.0.1:1",
		"no such name": "socks5://nowhere.invalid:1080",
	} {
		ans := a.must(t, 400, "POST", "/api/whatsapp/proxy/test", map[string]any{"proxy": given})
		if ans.raw != `{"error":"WhatsApp can't be reached through the proxy","code":"PROXY_FAILED","requestId":"`+ans.text("requestId")+`"}` {
			t.Errorf("%s: the answer is %s", name, ans.raw)
		}
	}
	if ans := a.must(t, 400, "POST", "/api/whatsapp/proxy/test", map[string]any{"proxy": "socks5://10.0.0.1"}); ans.text("code") != "URL_REFUSED" {
		t.Errorf("a private address answers %s", ans.raw)
	}
	tried := second.tunnels.Load()
	before := first.carried.Load()
	a.send(t, "main", theirs.Number(), "through the first")
	if first.carried.Load() == before {
		t.Error("the message went another way")
	}

	first.down()
	eventually(t, "the session is lost with its proxy", func() bool {
		s := a.status(t, "main")
		return s.text("status") == "disconnected" && s.text("reason") == "network"
	})
	a.must(t, 200, "PATCH", sessionPath("main"), map[string]any{"proxy": url(second)})
	a.awaitStatus(t, "main", "ready")
	a.send(t, "main", theirs.Number(), "through the second")
	if n := second.tunnels.Load() - tried; n != 1 {
		t.Errorf("%d tunnels through the second, want 1", n)
	}
	a.must(t, 200, "PATCH", sessionPath("main"), map[string]any{"proxy": nil})
	second.down()
	a.awaitStatus(t, "main", "ready")
	a.send(t, "main", theirs.Number(), "directly")
	if _, err := arrive(t, theirs, func(r simnet.Received) bool { return r.Text == "directly" }); err != nil {
		t.Fatal(err)
	}
	a.must(t, 200, "POST", sessionPath("main")+"/restart", nil)
	a.awaitStatus(t, "main", "ready")
}
