package httpapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
)

func TestHealthAndReadiness(t *testing.T) {
	d := start(t)
	d.link("main")
	r := d.do(call{method: http.MethodGet, path: "/healthz"})
	if want := `{"status":"ok","version":"1.2.3","network":"simulated","sessions":{"ready":1}}`; r.body != want {
		t.Errorf("healthz answers %s\nwant %s", r.body, want)
	}
	if r = d.do(call{method: http.MethodGet, path: "/readyz"}); r.body != `{"status":"ok"}` {
		t.Errorf("readyz answers %s", r.body)
	}
	if r = d.do(call{method: http.MethodHead, path: "/healthz", undocumented: true}); r.status != 200 || r.body != "" {
		t.Errorf("HEAD answers %d %q", r.status, r.body)
	}
	if r = d.do(call{method: http.MethodGet, path: "/openapi.yaml", undocumented: true}); r.body != string(openAPI) {
		t.Error("the OpenAPI document is not served as it is")
	}
	if err := d.store.Close(); err != nil {
		t.Fatal(err)
	}
	r = d.do(call{method: http.MethodGet, path: "/readyz"})
	if want := `{"error":"the daemon is not ready","code":"NOT_READY","reasons":["the database is not usable: the database is closed"],"requestId":"` + r.header.Get(headerRequestID) + `"}`; r.status != 503 || r.body != want {
		t.Errorf("without a database: %d %s", r.status, r.body)
	}
	d.wants(d.get("/api/whatsapp/sessions"), http.StatusInternalServerError, engine.CodeStorage)
}

func TestNothingIsMissingBeforeTheSessionsAreLoaded(t *testing.T) {
	d := &daemon{t: t, network: &paperNetwork{}}
	d.served = make(chan error, 1)
	d.openStore()
	d.engine = engine.New(engine.Config{Network: d.network, Store: d.store}) // and not run
	d.serve()
	r := d.do(call{method: http.MethodGet, path: "/readyz"})
	if r.status != 503 || !strings.Contains(r.body, `"reasons":["the sessions are not loaded"]`) {
		t.Errorf("readyz answers %d %s", r.status, r.body)
	}
	for _, path := range []string{"/api/whatsapp/session/main/status", "/api/whatsapp/sessions"} {
		d.wants(d.get(path), http.StatusServiceUnavailable, engine.CodeStopping)
	}
	d.wants(d.post("/api/whatsapp/session", `{"sessionId":"main"}`), http.StatusServiceUnavailable, engine.CodeStopping)
}

func TestReadinessAsksEverybody(t *testing.T) {
	d := start(t)
	d.server.ready = []func(context.Context) error{
		func(context.Context) error { return nil },
		func(context.Context) error { return errors.New("open /secret/place: no such file") },
		func(ctx context.Context) error {
			<-ctx.Done()
			return engine.WrapError(engine.CodeStorage, ctx.Err(), "the network's database is not usable")
		},
	}
	begun := time.Now()
	r := d.do(call{method: http.MethodGet, path: "/readyz"})
	want := `"reasons":["a part of the daemon is not usable","the network's database is not usable"],"requestId":"` + r.header.Get(headerRequestID) + `"}`
	if r.status != 503 || !strings.HasSuffix(r.body, want) {
		t.Errorf("readyz answers %d %s", r.status, r.body)
	}
	if took := time.Since(begun); took > readyTimeout+2*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestRequestIDs(t *testing.T) {
	d := start(t)
	ids := map[string]bool{}
	for given, kept := range map[string]bool{
		"": false, "my-id_1.2": true, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false, "a b": false, "a\tb": false, "é": false,
	} {
		r := d.do(call{method: http.MethodGet, path: "/healthz", header: map[string]string{"X-Request-Id": given}})
		got := r.header.Get("X-Request-Id")
		if (got == given) != kept || ids[got] {
			t.Errorf("%q is answered with %q", given, got)
		}
		ids[got] = true
	}
	const mine = "what-i-sent"
	refused := d.do(call{method: http.MethodGet, path: "/api/whatsapp/sessions", header: map[string]string{headerRequestID: mine}})
	d.wants(refused, http.StatusUnauthorized, engine.CodeUnauthorized)
	if want := `"code":"UNAUTHORIZED","requestId":"` + mine + `"}`; !strings.HasSuffix(refused.body, want) {
		t.Errorf("the refusal is %s", refused.body)
	}
}

func TestPanicEndsOneRequest(t *testing.T) {
	d := start(t, func(d *daemon) {
		d.server.app.Get("/panic", func(*fiber.Ctx) error { panic("919876543210 is odd") })
	})
	r := d.do(call{method: http.MethodGet, path: "/panic", undocumented: true})
	d.wants(r, http.StatusInternalServerError, engine.CodeInternal)
	if strings.Contains(r.body, "odd") {
		t.Errorf("the caller is told of the panic: %s", r.body)
	}
	logged := d.log.FilterMessage("a handler panicked").All()
	if len(logged) != 1 {
		t.Fatalf("logged %d times", len(logged))
	}
	fields := logged[0].ContextMap()
	if fields["request"] != r.header.Get("X-Request-Id") || fields["panic"] != "# is odd" {
		t.Errorf("logged %v", fields)
	}
	if n := d.log.FilterMessage("request failed").Len(); n != 0 {
		t.Errorf("the panic is logged %d times more", n)
	}
	d.wants(d.get("/api/whatsapp/sessions"), http.StatusOK, "")
}

// raw sends bytes as they are and returns the first answer.
func (d *daemon) raw(request string) (*http.Response, string) {
	d.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
	if err != nil {
		d.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		d.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		d.t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return res, string(body)
}

func TestOddHTTP(t *testing.T) {
	d := start(t)
	const create = `{"sessionId":"main"}`
	head := "POST /api/whatsapp/session HTTP/1.1\r\nHost: x\r\nX-API-Key: " + d.key + "\r\n"
	for name, c := range map[string]struct {
		request string
		status  int
		code    engine.Code
	}{
		"no Content-Type":         {head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(create), create), 200, ""},
		"chunked, as .NET sends":  {head + "Content-Type: application/json; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n" + create + "\r\n0\r\n\r\n", 200, ""},
		"header in other case":    {strings.Replace(head, "X-API-Key", "x-api-key", 1) + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(create), create), 200, ""},
		"chunked beyond limit":    {head + "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n", maxTestBody+1) + strings.Repeat(" ", maxTestBody+1) + "\r\n0\r\n\r\n", 413, CodePayloadTooLarge},
		"declared beyond limit":   {head + "Content-Length: 99999999\r\n\r\n", 413, CodePayloadTooLarge},
		"headers beyond limit":    {"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Big: " + strings.Repeat("x", 2*maxHeader) + "\r\n\r\n", 431, CodeHeadersTooLarge},
		"no HTTP at all":          {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, engine.CodeInvalid},
		"an absolute address":     {"GET http://elsewhere/readyz HTTP/1.1\r\nHost: x\r\n\r\n", 200, ""},
		"a path that climbs":      {"GET /api/../healthz HTTP/1.1\r\nHost: x\r\n\r\n", 404, engine.CodeNotFound},
		"a length that is a word": {head + "Content-Length: ten\r\n\r\n", 400, engine.CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			res, body := d.raw(c.request)
			d.wants(reply{res.StatusCode, res.Header, body}, c.status, c.code)
			if res.Header.Get("X-Request-Id") == "" {
				t.Error("the answer has no X-Request-Id")
			}
		})
	}
}

// TestRequestsDoNotShareMemory would fail if strings of one request changed
// with the next, as they do in Fiber unless told otherwise.
func TestRequestsDoNotShareMemory(t *testing.T) {
	d := start(t)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 25 {
				id := fmt.Sprintf("s-%d-%d", worker, i)
				r := d.post("/api/whatsapp/session", `{"sessionId":"`+id+`","name":"`+id+`"}`)
				if !strings.Contains(r.body, `"sessionId":"`+id+`","isNew":true`) {
					t.Errorf("%s is answered with %s", id, r.body)
				}
				if r = d.do(call{method: http.MethodDelete, path: "/api/whatsapp/session/" + id + "?logout=false", key: d.key}); !strings.Contains(r.body, `"`+id+`"`) {
					t.Errorf("%s is answered with %s", id, r.body)
				}
			}
		})
	}
	wg.Wait()
	for _, snap := range d.engine.List("default") {
		if string(snap.Key.ID) != snap.Name {
			t.Errorf("the session %s is called %s", snap.Key.ID, snap.Name)
		}
	}
	if n := len(d.engine.List("default")); n != 200 {
		t.Errorf("%d sessions", n)
	}
}

func TestShutdownFinishesWhatIsUnderWay(t *testing.T) {
	d := start(t)
	d.link("main")
	begun, answered := d.holdSend()
	<-begun
	stopped := make(chan error, 1)
	go func() { stopped <- d.server.Shutdown(context.Background()) }()
	d.awaitRefusal()
	select {
	case err := <-stopped:
		t.Fatalf("stopped with a request under way: %v", err)
	default:
	}
	close(d.network.hold)
	if r := <-answered; r.status != http.StatusOK || !r.closes {
		t.Errorf("the request under way is answered with %+v", r)
	}
	if err := <-stopped; err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

func TestShutdownWithoutPatience(t *testing.T) {
	d := start(t)
	d.link("main")
	begun, answered := d.holdSend()
	<-begun
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- d.server.Shutdown(ctx) }()
	d.awaitRefusal()
	cancel()
	if err := <-stopped; !errors.Is(err, context.Canceled) {
		t.Errorf("shutdown: %v", err)
	}
	if r := <-answered; r.status != http.StatusInternalServerError || !strings.Contains(r.body, string(engine.CodeSendOutcomeUnknown)) {
		t.Errorf("the request under way is answered with %+v", r)
	}
}

func TestServeAfterShutdown(t *testing.T) {
	server := New(Options{})
	if err := server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(ln); err != nil {
		t.Errorf("serve: %v", err)
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is open: %v", err)
	}
	if err := server.Shutdown(t.Context()); err != nil {
		t.Errorf("a second shutdown: %v", err)
	}
}

type answered struct {
	status int
	body   string
	closes bool
}

// holdSend starts a send that ends when network.hold is closed.
func (d *daemon) holdSend() (begun <-chan struct{}, done <-chan answered) {
	d.network.mu.Lock()
	d.network.hold, d.network.begun = make(chan struct{}), make(chan struct{}, 1)
	d.network.mu.Unlock()
	result := make(chan answered, 1)
	req, err := http.NewRequest(http.MethodPost, d.url+"/api/whatsapp/session/main/send", strings.NewReader(`{"to":"919876543210","message":"Hi"}`))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-API-Key", d.key)
	go func() {
		res, err := d.client.Do(req)
		if err != nil {
			result <- answered{body: err.Error()}
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		result <- answered{res.StatusCode, string(body), res.Close}
	}()
	return d.network.begun, result
}

// awaitRefusal returns when the server takes no new connections.
func (d *daemon) awaitRefusal() {
	d.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
		if err != nil {
			return
		}
		conn.Close()
	}
	d.t.Fatal("the server still takes connections")
}
