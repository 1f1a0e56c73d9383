package main

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"wapid/engine/simnet"
	"wapid/engine/simnet/npm"
)

// client is a library for Meta's Cloud API that others have published.
type client struct {
	name   string // in npm
	driver string // in testdata/clients
	routed bool   // knows no other host than graph.facebook.com
	// signs says that its receiver refuses what is not signed by the app.
	signs bool
	// mute is why it answers no challenges; silent, why its receiver tells of no statuses;
	// stolid, why of no reactions; deaf, why of nothing, and trouble what it fails with.
	mute, silent, stolid, deaf, trouble string
}

var clients = []client{
	{name: "@kapso/whatsapp-cloud-api", driver: "kapso.mjs", signs: true, mute: "leaves that to its user"},
	{name: "@great-detail/whatsapp", driver: "great-detail.mjs", signs: true},
	{name: "whatsapp-api-js", driver: "api-js.mjs", signs: true},
	{name: "whatsapp-cloud-api", driver: "tawn33y.mjs", routed: true, silent: "passes statuses over", stolid: "passes reactions over"},
	{name: "whatsapp-business", driver: "business.mjs", routed: true},
	{name: "whatsapp", driver: "official.mjs", routed: true, deaf: "has a receiver that fails at every event, before it looks at the signature",
		trouble: `The "list" argument must be an instance of Array`},
}

// TestPublishedClients lets libraries that others have written do with the daemon what
// they do with Meta's Cloud API, each for a tenant of its own: what arrives on the
// phone, what their receivers are told and what they throw must be what they expect of
// Meta. docs/cloud-api.md has the table of what each was seen to do.
func TestPublishedClients(t *testing.T) {
	b := startClientBench(t)
	done := make([]*exercised, len(clients))
	// The group waits for its parallel members before the daemon ends.
	t.Run("all", func(t *testing.T) {
		for i, c := range clients {
			done[i] = &exercised{name: c.name, did: map[string]string{}}
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				b.exercise(t, c, i, done[i])
			})
		}
		t.Run("standardwebhooks", func(t *testing.T) {
			t.Parallel()
			b.exerciseStandard(t)
		})
	})
	if !t.Failed() {
		holdClientTable(t, done)
	}
}

// notOnWhatsApp is a number that nobody can write to.
const notOnWhatsApp = "15559990001"

// clientBench is a daemon with a front that speaks TLS.
type clientBench struct {
	sampleBench
	dir     string // of the drivers
	picture []byte
	files   *httptest.Server // where links lead
}

func startClientBench(t *testing.T) *clientBench {
	t.Helper()
	dir, err := filepath.Abs("testdata/clients")
	if err != nil {
		t.Fatal(err)
	}
	_, missing := exec.LookPath("node")
	if missing == nil {
		missing = npm.Install(t.Context(), dir)
	}
	switch {
	case missing != nil && os.Getenv("CI") == "true":
		t.Fatal(missing)
	case missing != nil:
		t.Skipf("left out: the clients' packages can't be fetched: %v", missing)
	}
	b := &clientBench{dir: dir, picture: picture(t)}
	b.network = startNetwork(t)
	b.network.SetAbsent(notOnWhatsApp)
	b.daemon = startDaemon(t, "", b.network, t.TempDir(), "--admin-key", sampleAdminKey)
	b.operator = api{base: b.daemon.base, admin: sampleAdminKey}
	b.operator.http() // its use is parallel
	t.Cleanup(b.operator.closeIdle)
	target, err := url.Parse(b.daemon.base)
	if err != nil {
		t.Fatal(err)
	}
	b.tls = httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }})
	t.Cleanup(b.tls.Close)
	b.authority = filepath.Join(t.TempDir(), "authority.pem")
	raw := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.tls.Certificate().Raw})
	if err := os.WriteFile(b.authority, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	b.files = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(b.picture) // whoever hangs up has it already, or fails the test
	}))
	t.Cleanup(b.files.Close)
	return b
}

// exercised is what a library was seen to do, by the name of the call: "" for done, or
// why it can't.
type exercised struct {
	name string
	did  map[string]string
}

// exercise is one library's talk with a friend's phone.
type exercise struct {
	*clientBench
	*libraryDriver
	t             *testing.T
	client        client
	done          *exercised
	tenant        api
	phone, friend *simnet.Phone
	seen          *eavesdropper
	app           answer
	phoneID, waba string
}

func (b *clientBench) exercise(t *testing.T, c client, i int, done *exercised) {
	e := &exercise{clientBench: b, t: t, client: c, done: done, friend: b.network.Phone(fmt.Sprintf("1555700%04d", i))}
	e.friend.SetPushName("Asha")
	key, phone := b.tenant(t, fmt.Sprintf("1555600%04d", i), "")
	e.phone, e.tenant = phone, api{base: b.daemon.base, key: key}
	t.Cleanup(e.tenant.closeIdle)
	e.app = e.tenant.must(t, 200, "GET", "/api/account/app", nil)
	numbers, _ := e.app.body["phoneNumbers"].([]any)
	first, _ := numbers[0].(map[string]any)
	e.phoneID, e.waba = first["phoneNumberId"].(string), e.app.text("wabaId")
	port := freePort(t)
	e.seen = eavesdrop(t, "http://127.0.0.1:"+port)
	front := ""
	if c.routed {
		front = strings.TrimPrefix(b.tls.URL, "https://")
	}
	e.libraryDriver = startDriver(t, b.dir, c.driver, front, b.authority, map[string]any{
		"base": b.daemon.base, "token": key, "phone": e.phoneID, "waba": e.waba,
		"appSecret": e.app.text("appSecret"), "verifyToken": e.app.text("verifyToken"), "port": port,
	})
	e.subscribe()
	question := e.hear()
	e.write(question)
	e.files()
	e.things()
	e.ask()
	e.react(question)
	e.fail()
	e.check()
	if c.deaf == "" {
		for _, trouble := range e.troubles() {
			t.Errorf("its receiver: %s", trouble)
		}
	}
}

// to is the friend's number as callers write it.
func (e *exercise) to() string { return "+" + e.friend.Number() }

// do has the library do something, and returns what came of it; false if it can't.
func (e *exercise) do(name string, args map[string]any) (result string, can bool) {
	e.t.Helper()
	line := e.call(name, args)
	switch {
	case line.Lacks != "":
		e.done.did[name] = line.Lacks
		return "", false
	case line.Error != nil:
		e.t.Fatalf("%s: it threw %+v", name, *line.Error)
	}
	e.done.did[name] = ""
	return strings.Trim(string(line.Result), `"`), true
}

// arrives waits for a message of the library's on the friend's phone.
func (e *exercise) arrives(what string, match func(simnet.Received) bool) simnet.Received {
	e.t.Helper()
	got, err := arrive(e.t, e.friend, func(r simnet.Received) bool { return r.FromPN == e.phone.JID() && match(r) })
	if err != nil {
		e.t.Fatalf("%s: %v", what, err)
	}
	return got
}

// eavesdropper stands before a library's receiver and keeps what it is sent.
type eavesdropper struct {
	server *httptest.Server
	mu     sync.Mutex
	posts  []overheard
}

type overheard struct{ body, signature string }

func eavesdrop(t *testing.T, receiver string) *eavesdropper {
	t.Helper()
	target, err := url.Parse(receiver)
	if err != nil {
		t.Fatal(err)
	}
	e := &eavesdropper{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	e.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		if _, err := body.ReadFrom(r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if r.Method == http.MethodPost {
			e.mu.Lock()
			e.posts = append(e.posts, overheard{body.String(), r.Header.Get("X-Hub-Signature-256")})
			e.mu.Unlock()
		}
		r.Body = http.NoBody
		if body.Len() > 0 {
			r.Body = readCloser{&body}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(e.server.Close)
	return e
}

type readCloser struct{ *bytes.Buffer }

func (readCloser) Close() error { return nil }

// post finds a delivery that holds a text.
func (e *eavesdropper) post(text string) (overheard, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.posts {
		if strings.Contains(p.body, text) {
			return p, true
		}
	}
	return overheard{}, false
}
