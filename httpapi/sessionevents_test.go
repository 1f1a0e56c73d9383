package httpapi

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
)

// listener is a client of an event stream.
type listener struct {
	t     testing.TB
	body  io.ReadCloser
	lines *bufio.Reader
	res   *http.Response
	id    string // the last one that was told
}

// listen opens an event stream with a real client.
func (d *daemon) listen(key, id string) *listener {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.url+"/api/whatsapp/session/"+id+"/events", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("X-API-Key", key)
	req.Header.Set("Last-Event-ID", "17")
	res, err := d.client.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { res.Body.Close() })
	return &listener{t: d.t, body: res.Body, lines: bufio.NewReader(res.Body), res: res}
}

// next reads one event, or a comment as the event "".
func (l *listener) next() (event, data string, err error) {
	id := l.id
	for {
		line, err := l.lines.ReadString('\n')
		if err != nil {
			return "", "", err
		}
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "":
			l.id = id
			return event, data, nil
		case strings.HasPrefix(line, "event: "):
			event = line[len("event: "):]
		case strings.HasPrefix(line, "id: "):
			id = line[len("id: "):]
		case strings.HasPrefix(line, "data: "):
			data = line[len("data: "):]
		case !strings.HasPrefix(line, ":"):
			l.t.Fatalf("a line that is no part of an event: %q", line)
		}
	}
}

// until reads events until one has a text in its data, and returns that.
func (l *listener) until(event, text string) string {
	l.t.Helper()
	for {
		got, data, err := l.next()
		if err != nil {
			l.t.Fatalf("waiting for %s %s: %v", event, text, err)
		}
		if got == event && strings.Contains(data, text) {
			return data
		}
	}
}

func TestEventsTellEveryStatus(t *testing.T) {
	d := start(t)
	const main = "/api/whatsapp/session/main"
	d.wants(d.get(main+"/events"), http.StatusNotFound, engine.CodeSessionNotFound)
	d.wants(d.post("/api/whatsapp/session", `{"sessionId":"main"}`), http.StatusOK, "")
	d.awaitStatus("main", engine.StatusQRReady)
	d.wants(d.do(call{method: http.MethodGet, path: main + "/events", key: d.otherKey}), http.StatusNotFound, engine.CodeSessionNotFound)

	l := d.listen(d.key, "main")
	if got := l.res.Header.Get("Content-Type"); l.res.StatusCode != 200 || got != "text/event-stream" {
		t.Fatalf("answers %d %s", l.res.StatusCode, got)
	}
	if got, want := l.until("status", `"qr_ready"`), d.get(main+"/status").body; got != want {
		t.Errorf("the event is %s\nthe status is %s", got, want)
	}
	if err := d.network.scan(t.Context(), engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}); err != nil {
		t.Fatal(err)
	}
	if got, want := l.until("status", `"ready"`), d.get(main+"/status").body; got != want {
		t.Errorf("the event is %s\nthe status is %s", got, want)
	}
	d.wants(d.do(call{method: http.MethodPatch, path: main, key: d.key, body: `{"name":"Shop"}`}), http.StatusOK, "")
	l.until("status", `"name":"Shop"`)
	d.wants(d.do(call{method: http.MethodDelete, path: main, key: d.key}), http.StatusOK, "")
	if got := l.until("end", ""); got != `{"reason":"removed"}` {
		t.Errorf("the end says %s", got)
	}
	if _, err := l.lines.ReadByte(); err != io.EOF {
		t.Errorf("behind the end comes %v", err)
	}
}

func TestEventsAreAskedForByHead(t *testing.T) {
	d := start(t)
	d.link("main")
	r := d.do(call{method: http.MethodHead, path: "/api/whatsapp/session/main/events", key: d.key, undocumented: true})
	if r.status != 200 || r.header.Get("Content-Type") != "text/event-stream" || d.streamsOpen() != 0 {
		t.Errorf("answers %d %s, %d streams", r.status, r.header.Get("Content-Type"), d.streamsOpen())
	}
}

func (d *daemon) streamsOpen() int {
	d.server.streams.mu.Lock()
	defer d.server.streams.mu.Unlock()
	return d.server.streams.open[store.DefaultTenant]
}

// awaitStreams waits until so many streams are open.
func (d *daemon) awaitStreams(want int) {
	d.t.Helper()
	deadline := time.NewTimer(15 * time.Second)
	defer deadline.Stop()
	again := time.NewTicker(3 * time.Millisecond)
	defer again.Stop()
	for d.streamsOpen() != want {
		select {
		case <-again.C:
		case <-deadline.C:
			d.t.Fatalf("%d streams are open, want %d", d.streamsOpen(), want)
		}
	}
}

// quick shortens the heartbeat and the limits of answers, so that a stream has to
// outlive those within the time of a test.
func quick(d *daemon) {
	d.server.streams.beat = 20 * time.Millisecond
	d.server.app.Server().WriteTimeout = 100 * time.Millisecond
	d.server.app.Server().ReadTimeout = 100 * time.Millisecond
	d.server.app.Server().IdleTimeout = 100 * time.Millisecond
}

func TestEventsOutliveTheLimitsOfAnswers(t *testing.T) {
	d := start(t, quick)
	d.link("main")
	l := d.listen(d.key, "main")
	l.until("status", `"ready"`)
	begun := time.Now()
	for time.Since(begun) < 500*time.Millisecond {
		if event, data, err := l.next(); err != nil || event != "" {
			t.Fatalf("after %s: %s %s %v", time.Since(begun), event, data, err)
		}
	}
	d.wants(d.post("/api/whatsapp/session/main/restart", ""), http.StatusOK, "")
	l.until("status", `"ready"`)
}

func TestAClientThatIsGoneIsNoticed(t *testing.T) {
	d := start(t, quick)
	d.link("main")
	l := d.listen(d.key, "main")
	l.until("status", `"ready"`)
	d.awaitStreams(1)
	l.body.Close()
	d.awaitStreams(0)
}

func TestEventsEndWithTheKey(t *testing.T) {
	d := start(t, quick)
	d.link("main")
	issued, key, err := d.store.IssueKey(t.Context(), store.DefaultTenant, "brief")
	if err != nil {
		t.Fatal(err)
	}
	l := d.listen(key, "main")
	l.until("status", `"ready"`)
	if err := d.store.DeleteKey(t.Context(), store.Origin{By: store.ActorOperator}, store.DefaultTenant, issued.ID); err != nil {
		t.Fatal(err)
	}
	if got := l.until("end", ""); got != `{"reason":"unauthorized"}` {
		t.Errorf("the end says %s", got)
	}
	d.awaitStreams(0)
}

func TestAnEndedKeyIsToldNoMoreStatuses(t *testing.T) {
	d := start(t) // its heartbeats are far away
	d.link("main")
	issued, key, err := d.store.IssueKey(t.Context(), store.DefaultTenant, "brief")
	if err != nil {
		t.Fatal(err)
	}
	l := d.listen(key, "main")
	l.until("status", `"ready"`)
	if err := d.store.DeleteKey(t.Context(), store.Origin{By: store.ActorOperator}, store.DefaultTenant, issued.ID); err != nil {
		t.Fatal(err)
	}
	d.wants(d.do(call{method: http.MethodPatch, path: "/api/whatsapp/session/main", key: d.key, body: `{"name":"Shop"}`}), http.StatusOK, "")
	event, data, err := l.next()
	if event != "end" || data != `{"reason":"unauthorized"}` || err != nil {
		t.Errorf("after its end the key is told %s %s, %v", event, data, err)
	}
	d.awaitStreams(0)
}

func TestStreamsOfATenantAreBounded(t *testing.T) {
	d := start(t, func(d *daemon) { d.server.streams.most = 3 })
	d.link("main")
	for range 3 {
		l := d.listen(d.key, "main")
		l.until("status", `"ready"`)
	}
	r := d.get("/api/whatsapp/session/main/events")
	d.wants(r, http.StatusTooManyRequests, engine.CodeRateLimited)
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

// A shutdown ends streams at once, those whose clients take nothing too.
func TestShutdownEndsEvents(t *testing.T) {
	d := start(t)
	d.link("main")
	d.link("second")
	l := d.listen(d.key, "main")
	l.until("status", `"ready"`)
	d.listen(d.key, "second") // and never reads
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := d.server.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("the shutdown took %s", took)
	}
	if got := l.until("end", ""); got != `{"reason":"stopping"}` {
		t.Errorf("the end says %s", got)
	}
}
