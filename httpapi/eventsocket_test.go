package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wapid/engine"
	"wapid/store"
)

const socketPath = "/api/whatsapp/events/ws"

// socket is a client of another library than the server's.
type socket struct {
	t    testing.TB
	conn *websocket.Conn
	id   string // of the last event
}

// tryDial opens a socket.
func (d *daemon) tryDial(key, query string) (*websocket.Conn, *http.Response, error) {
	header := http.Header{}
	if key != "" {
		header.Set("Authorization", "Bearer "+key)
	}
	header.Set("Origin", "https://elsewhere.example.com")
	conn, res, err := websocket.Dial(d.t.Context(), d.url+socketPath+query, &websocket.DialOptions{HTTPHeader: header})
	if err == nil {
		conn.SetReadLimit(1 << 20)
	}
	return conn, res, err
}

func (d *daemon) dial(key, query string) *socket {
	d.t.Helper()
	conn, _, err := d.tryDial(key, query)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = conn.CloseNow() })
	return &socket{t: d.t, conn: conn}
}

func (k *socket) read() (text string, err error) {
	ctx, cancel := context.WithTimeout(k.t.Context(), 15*time.Second)
	defer cancel()
	kind, raw, err := k.conn.Read(ctx)
	if err == nil && kind != websocket.MessageText {
		k.t.Fatalf("a frame of kind %v", kind)
	}
	return string(raw), err
}

// next reads one event as "session/type".
func (k *socket) next() string {
	k.t.Helper()
	text, err := k.read()
	if err != nil {
		k.t.Fatal(err)
	}
	var e struct{ ID, SessionID, Event string }
	if err := json.Unmarshal([]byte(text), &e); err != nil || e.ID <= k.id {
		k.t.Fatalf("behind %s comes %s, %v", k.id, text, err)
	}
	k.id = e.ID
	return e.SessionID + "/" + e.Event
}

func (k *socket) names(n int) string {
	k.t.Helper()
	var names []string
	for range n {
		names = append(names, k.next())
	}
	return strings.Join(names, " ")
}

// drop breaks the connection off.
func (k *socket) drop() { _ = k.conn.CloseNow() }

// wantEnd reads the farewell.
func (k *socket) wantEnd(code websocket.StatusCode, reason string) {
	k.t.Helper()
	text, err := k.read()
	var end websocket.CloseError
	if ce, ok := errors.AsType[websocket.CloseError](err); ok {
		end = ce
	}
	if end.Code != code || end.Reason != reason {
		k.t.Errorf("it ends with %q %v, want %d %s", text, err, code, reason)
	}
}

func TestSocketTellsHistoryAndWhatFollows(t *testing.T) {
	d := start(t)
	d.logEvents(store.DefaultTenant, "main/qr", "shop/qr", "main/ready")
	bound := d.keyFor(store.ScopeRead, []engine.SessionID{"shop"})
	all := d.dial(d.key, "?after="+string(store.FirstEvent))
	now := d.dial(d.key, "")
	mine := d.dial(bound, "?after="+string(store.FirstEvent))
	typed := d.dial(d.key, "?type=call")
	if got := all.names(3); got != "main/qr shop/qr main/ready" {
		t.Errorf("the history is %s", got)
	}
	d.logEvents("other", "main/message")
	d.logEvents(store.DefaultTenant, "main/message", "shop/message", "main/call")
	for name, k := range map[string]*socket{"all": all, "now": now} {
		if got := k.names(3); got != "main/message shop/message main/call" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := mine.names(2); got != "shop/qr shop/message" {
		t.Errorf("a key of one session is told %s", got)
	}
	if got := typed.names(1); got != "main/call" {
		t.Errorf("with a filter: %s", got)
	}
	if got := all.id; got != d.events(d.key, "").NextAfter {
		t.Errorf("the socket is at %s", got)
	}
}

// A frame is what the list shows, byte by byte.
func TestFramesAreListedEvents(t *testing.T) {
	d := start(t)
	d.logEvent(engine.Event{Session: engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}, Type: engine.EventMessage, Data: []byte("{\"body\":\"<\u2028é\"}")})
	text, err := d.dial(d.key, "?after="+string(store.FirstEvent)).read()
	if want := `{"events":[` + text + `],`; err != nil || !strings.HasPrefix(d.get("/api/whatsapp/events").body, want) {
		t.Errorf("the frame is %s, %v", text, err)
	}
}

func TestSocketRefuses(t *testing.T) {
	d := start(t, func(d *daemon) { d.server.streams.most = 1 })
	for name, c := range map[string]struct {
		key, query string
		status     int
	}{
		"no key":    {"", "", http.StatusUnauthorized},
		"wrong key": {"wrong", "", http.StatusUnauthorized},
		"ticket":    {d.key, "?ticket=wrong", http.StatusUnauthorized},
		"cursor":    {d.key, "?after=x", http.StatusBadRequest},
		"parameter": {d.key, "?afer=x", http.StatusBadRequest},
	} {
		conn, res, err := d.tryDial(c.key, c.query)
		if err == nil {
			_ = conn.CloseNow()
		}
		if res == nil || res.StatusCode != c.status {
			t.Errorf("%s: %v, %v", name, res, err)
		}
	}
	d.wants(d.get(socketPath), http.StatusBadRequest, engine.CodeInvalid)
	for _, header := range []map[string]string{
		{"Connection": "Upgrade", "Upgrade": "websocket"},
		{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "8", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="},
		{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"},
	} {
		d.wants(d.do(call{method: http.MethodGet, path: socketPath, key: d.key, header: header}), http.StatusBadRequest, engine.CodeInvalid)
	}
	d.dial(d.key, "")
	d.awaitStreams(1)
	if _, res, err := d.tryDial(d.key, ""); res == nil || res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("beyond the limit: %v", err)
	}
	d.wants(d.get(streamPath), http.StatusTooManyRequests, engine.CodeRateLimited)
}

func TestSocketEndsWithWhatOpenedIt(t *testing.T) {
	d := start(t)
	issued, key, err := d.store.IssueKey(t.Context(), store.DefaultTenant, "brief")
	if err != nil {
		t.Fatal(err)
	}
	k, speaker, stopped := d.dial(key, ""), d.dial(d.key, ""), d.dial(d.key, "")
	d.awaitStreams(3)
	if err := d.store.DeleteKey(t.Context(), store.Origin{By: store.ActorOperator}, store.DefaultTenant, issued.ID); err != nil {
		t.Fatal(err)
	}
	d.logEvents(store.DefaultTenant, "main/message") // which the ended key is not told
	k.wantEnd(websocket.StatusPolicyViolation, "unauthorized")
	speaker.next()
	if err := speaker.conn.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	speaker.wantEnd(websocket.StatusUnsupportedData, "this socket takes no messages")
	stopped.next()
	d.awaitStreams(1)
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- d.server.Shutdown(ctx) }()
	stopped.wantEnd(websocket.StatusGoingAway, "stopping")
	if err := <-done; err != nil || time.Since(begun) > 3*time.Second {
		t.Errorf("the shutdown took %v, %v", time.Since(begun), err)
	}
	if d.streamsOpen() != 0 {
		t.Error("a stream is open after the shutdown")
	}
}

// Sockets outlive the limits of ordinary answers by their pings, and those whose
// clients are gone, or answer no pings, are noticed.
func TestSocketsAreHeldByPings(t *testing.T) {
	d := start(t, quick, func(d *daemon) { d.server.streams.take = 400 * time.Millisecond })
	k := d.dial(d.key, "")
	got := make(chan string, 1)
	go func() { got <- k.next() }() // a client that reads answers pings
	silent := d.dial(d.key, "")     // and one that does not read answers none
	d.awaitStreams(2)
	d.awaitStreams(1)
	silent.drop()
	begun := time.Now()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for time.Since(begun) < 1200*time.Millisecond {
		<-again.C
	}
	d.logEvents(store.DefaultTenant, "main/call")
	if event := <-got; event != "main/call" {
		t.Errorf("it got %s", event)
	}
	k.drop()
	d.awaitStreams(0)
}

// A client that needs longer for a history than pings may stay unanswered is not
// dropped while it takes something.
func TestSocketWaitsForWhoIsSlow(t *testing.T) {
	d := start(t, func(d *daemon) {
		d.server.streams.beat, d.server.streams.take = 20*time.Millisecond, 2*time.Second
	})
	data := fmt.Appendf(nil, `{"body":"%s"}`, bytes.Repeat([]byte("x"), 200<<10))
	const events = 100
	for range events {
		d.logEvent(engine.Event{Session: engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}, Type: engine.EventMessage, Data: data})
	}
	k := d.dial(d.key, "?after="+string(store.FirstEvent))
	pace := time.NewTicker(30 * time.Millisecond)
	defer pace.Stop()
	for i := range events {
		<-pace.C
		if _, err := k.read(); err != nil {
			t.Fatalf("after %d events: %v", i, err)
		}
	}
}

func TestSocketDropsWhoTakesNothing(t *testing.T) {
	d := start(t, func(d *daemon) { d.server.streams.take = 1500 * time.Millisecond })
	data := fmt.Appendf(nil, `{"body":"%s"}`, bytes.Repeat([]byte("x"), 200<<10))
	for range 100 {
		d.logEvent(engine.Event{Session: engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}, Type: engine.EventMessage, Data: data})
	}
	k := d.dial(d.key, "?after="+string(store.FirstEvent))
	d.awaitStreams(1)
	d.awaitStreams(0)
	got := 0
	for ; ; got++ {
		text, err := k.read()
		if err != nil {
			break
		}
		k.id = text[len(`{"id":"`):][:26]
	}
	if got == 0 || got >= 100 {
		t.Errorf("it got %d of 100 events", got)
	}
	again := d.dial(d.key, "?after="+k.id)
	for ; got < 100; got++ {
		if _, err := again.read(); err != nil {
			t.Fatal(err)
		}
	}
}
