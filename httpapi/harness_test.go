package httpapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"wapid/bulk"
	"wapid/engine"
	official "wapid/engine/cloudapi"
	"wapid/engine/media"
	"wapid/store"
	"wapid/webhooks"
)

func TestMain(m *testing.M) {
	// fasthttp keeps one goroutine for the Date header for as long as the process
	// lives, and one per server that notices only within ten seconds that it stopped.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

const (
	maxTestBody = 512 << 10
	testLibrary = 4 << 20 // bytes of uploaded media that a tenant may keep
)

// testAdminKey is the operator's key of every daemon here.
const testAdminKey = "admin-key-of-the-tests"

// daemon is a server on a real socket over the real engine and the real store.
type daemon struct {
	t        testing.TB
	url      string
	server   *Server
	engine   *engine.Engine
	store    *store.Store
	spool    *media.Spool
	library  *media.Spool
	runner   *bulk.Runner // runs with the engine
	network  *paperNetwork
	log      *observer.ObservedLogs
	client   *http.Client
	contract *judge
	key      string // of the default tenant
	otherKey string // of the tenant "other"
	served   chan error
	roots    *x509.CertPool // of a server that speaks TLS
}

// start runs a daemon until the test ends. prepare may change it before it serves.
func start(t testing.TB, prepare ...func(*daemon)) *daemon {
	t.Helper()
	return startWith(t, engine.Config{}, prepare...)
}

// startWith is start with other limits of the engine.
func startWith(t testing.TB, c engine.Config, prepare ...func(*daemon)) *daemon {
	t.Helper()
	d := &daemon{t: t, network: &paperNetwork{conns: make(map[engine.SessionKey]*paperConn)}, served: make(chan error, 1)}
	d.openStore()
	c.Network, c.Store = d.network, d.store
	d.engine = engine.New(c)
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- d.engine.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil {
			t.Errorf("engine: %v", err)
		}
	})
	d.serve(prepare...)
	d.runBulk()
	d.await("/readyz", func(r reply) bool { return r.status == http.StatusOK })
	return d
}

// runBulk works off bulk jobs until the test ends.
func (d *daemon) runBulk() {
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() {
		<-d.engine.Started()
		stopped <- d.runner.Run(ctx)
	}()
	d.t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil {
			d.t.Errorf("bulk: %v", err)
		}
	})
	<-d.runner.Started()
}

func (d *daemon) openStore() {
	d.t.Helper()
	ctx := d.t.Context()
	var err error
	if d.store, err = store.Open(ctx, filepath.Join(d.t.TempDir(), store.FileName), store.Options{}); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = d.store.Close() }) // one test closes it earlier
	if _, d.key, err = d.store.EnsureDefaultTenant(ctx, ""); err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.store.EnsureAdminKey(ctx, testAdminKey); err != nil {
		d.t.Fatal(err)
	}
	if err := d.store.InsertTenant(ctx, engine.Tenant{ID: "other", Name: "Other", CreatedAt: time.Now()}); err != nil {
		d.t.Fatal(err)
	}
	if _, d.otherKey, err = d.store.IssueKey(ctx, "other", "test"); err != nil {
		d.t.Fatal(err)
	}
}

func (d *daemon) serve(prepare ...func(*daemon)) {
	d.t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	d.log = logs
	spool, err := media.OpenSpool(filepath.Join(d.t.TempDir(), "spool"))
	if err != nil {
		d.t.Fatal(err)
	}
	d.spool = spool
	if d.library, err = media.OpenSpool(filepath.Join(d.t.TempDir(), "media")); err != nil {
		d.t.Fatal(err)
	}
	d.runner = bulk.NewRunner(d.store, d.engine, nil, bulk.Options{Dir: filepath.Join(d.t.TempDir(), "bulk")})
	d.server = New(Options{Engine: d.engine, Store: d.store, Network: d.network.Info(), Version: "1.2.3",
		Guard: webhooks.NewGuard(nil), Log: zap.New(core), MaxBody: maxTestBody, Spool: d.spool, Library: d.library, MaxLibrary: testLibrary,
		Sandbox: paperSandbox, Official: official.New(official.Options{Store: d.store, Calls: http.DefaultClient, Files: http.DefaultClient}),
		Bulk: bulk.NewService(d.store, d.runner, d.network.NewMessageID)})
	d.contract = contract(d.t)
	for _, p := range prepare {
		p(d)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		d.t.Fatal(err)
	}
	d.url = "http://" + ln.Addr().String()
	transport := &http.Transport{}
	if d.server.tls != nil {
		d.url = "https" + strings.TrimPrefix(d.url, "http")
		transport.TLSClientConfig = &tls.Config{RootCAs: d.roots}
	}
	d.client = &http.Client{Transport: transport, Timeout: 20 * time.Second}
	go func() { d.served <- d.server.Serve(ln) }()
	d.t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = d.server.Shutdown(ctx)
		if err := <-d.served; err != nil {
			d.t.Errorf("serve: %v", err)
		}
	})
}

// judge holds answers against the OpenAPI document. Making one takes seconds, so
// all tests share it.
type judge struct {
	mu sync.Mutex // the validator renders schemas without a lock of its own
	validator.Validator
}

var theJudge = sync.OnceValues(func() (*judge, error) {
	doc, err := libopenapi.NewDocument(openAPI)
	if err != nil {
		return nil, err
	}
	v, errs := validator.NewValidator(doc)
	return &judge{Validator: v}, errors.Join(errs...)
})

// contract is the OpenAPI document as a judge of answers.
func contract(t testing.TB) *judge {
	t.Helper()
	j, err := theJudge()
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// call is one request. The zero value of a field leaves it out.
type call struct {
	method, path string
	key          string
	body         string
	header       map[string]string
	undocumented bool // the path or method is not in the OpenAPI document
}

type reply struct {
	status int
	header http.Header
	body   string
}

// do sends a request and holds the answer against the OpenAPI document.
func (d *daemon) do(c call) reply {
	d.t.Helper()
	var body io.Reader
	if c.body != "" {
		body = strings.NewReader(c.body)
	}
	req, err := http.NewRequestWithContext(d.t.Context(), c.method, d.url+c.path, body)
	if err != nil {
		d.t.Fatal(err)
	}
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		req.Header.Set("X-API-Key", c.key)
	}
	for name, value := range c.header {
		req.Header.Set(name, value)
		if value == "" {
			req.Header.Del(name)
		}
	}
	res, err := d.client.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	if res.Header.Get("X-Request-Id") == "" {
		d.t.Errorf("%s %s: the answer has no X-Request-Id", c.method, c.path)
	}
	if !c.undocumented {
		res.Body = io.NopCloser(bytes.NewReader(raw))
		d.contract.mu.Lock()
		_, errs := d.contract.ValidateHttpResponse(req, res)
		d.contract.mu.Unlock()
		for _, e := range errs {
			d.t.Errorf("%s %s answers %d %s, against the document: %v", c.method, c.path, res.StatusCode, raw, e)
		}
	}
	return reply{res.StatusCode, res.Header, string(raw)}
}

// get is do for the default tenant.
func (d *daemon) get(path string) reply {
	d.t.Helper()
	return d.do(call{method: http.MethodGet, path: path, key: d.key})
}

// post is do for the default tenant.
func (d *daemon) post(path, body string) reply {
	d.t.Helper()
	return d.do(call{method: http.MethodPost, path: path, key: d.key, body: body})
}

// admin is do for the operator.
func (d *daemon) admin(method, path, body string) reply {
	d.t.Helper()
	return d.do(call{method: method, path: path, body: body, header: map[string]string{headerAdminKey: testAdminKey}})
}

// await polls a path until the answer satisfies done.
func (d *daemon) await(path string, done func(reply) bool) reply {
	d.t.Helper()
	deadline := time.NewTimer(15 * time.Second)
	defer deadline.Stop()
	again := time.NewTicker(3 * time.Millisecond)
	defer again.Stop()
	for {
		r := d.get(path)
		if done(r) {
			return r
		}
		select {
		case <-again.C:
		case <-deadline.C:
			d.t.Fatalf("%s still answers %d %s", path, r.status, r.body)
		}
	}
}

// awaitStatus polls a session until it has a status.
func (d *daemon) awaitStatus(id string, status engine.Status) reply {
	d.t.Helper()
	return d.await("/api/whatsapp/session/"+id+"/status", func(r reply) bool {
		return strings.HasPrefix(r.body, `{"status":"`+string(status)+`"`)
	})
}

// link brings a session of the default tenant to ready.
func (d *daemon) link(id string) {
	d.t.Helper()
	d.wants(d.post("/api/whatsapp/session", `{"sessionId":"`+id+`"}`), http.StatusOK, "")
	d.awaitStatus(id, engine.StatusQRReady)
	if err := d.network.scan(d.t.Context(), engine.SessionKey{Tenant: store.DefaultTenant, ID: engine.SessionID(id)}); err != nil {
		d.t.Fatal(err)
	}
	d.awaitStatus(id, engine.StatusReady)
}

// wants checks a status and, for a refusal, its code.
func (d *daemon) wants(r reply, status int, code engine.Code) {
	d.t.Helper()
	if r.status != status {
		d.t.Errorf("answers %d %s, want %d", r.status, r.body, status)
	}
	if code == "" {
		return
	}
	var f failure
	if err := json.Unmarshal([]byte(r.body), &f); err != nil || f.Code != code || f.Error == "" {
		d.t.Errorf("answers %d %s, want the code %s", r.status, r.body, code)
	}
	if f.RequestID == "" || f.RequestID != r.header.Get(headerRequestID) || !strings.HasSuffix(r.body, `,"requestId":"`+f.RequestID+`"}`) {
		d.t.Errorf("answers %s, whose last field is not the request id %q", r.body, r.header.Get(headerRequestID))
	}
	if got := r.header.Get("Content-Type"); got != "application/json" {
		d.t.Errorf("Content-Type is %q", got)
	}
}
