package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
)

const streamPath = "/api/whatsapp/events/stream"

// follow opens a stream with a real client; last is its Last-Event-ID, "" for none.
func (d *daemon) follow(key, path, last string) *listener {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.url+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("X-API-Key", key)
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := d.client.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		d.t.Fatalf("%s answers %s", path, res.Status)
	}
	return &listener{t: d.t, body: res.Body, lines: bufio.NewReader(res.Body), res: res}
}

// names reads so many events, without the comments.
func (l *listener) names(n int) string {
	l.t.Helper()
	var names []string
	for len(names) < n {
		event, data, err := l.next()
		if err != nil {
			l.t.Fatalf("after %q: %v", names, err)
		}
		if event == "" {
			continue
		}
		var e struct{ SessionID, Event, ID string }
		if err := json.Unmarshal([]byte(data), &e); err != nil || e.Event != event || e.ID != l.id {
			l.t.Fatalf("the event %q with the id %s is %s, %v", event, l.id, data, err)
		}
		names = append(names, e.SessionID+"/"+e.Event)
	}
	return strings.Join(names, " ")
}

func TestStreamTellsHistoryAndWhatFollows(t *testing.T) {
	d := start(t)
	d.logEvents(store.DefaultTenant, "main/qr", "shop/qr", "main/ready")
	list := d.events(d.key, "")
	now := d.follow(d.key, streamPath, "")
	all := d.follow(d.key, streamPath+"?after="+string(store.FirstEvent), "")
	// A browser that comes back repeats its URL.
	back := d.follow(d.key, streamPath+"?after="+string(store.FirstEvent), list.Events[1].ID)
	typed := d.follow(d.key, streamPath+"?type=qr&sessionId=main&after="+string(store.FirstEvent), "")
	if got := all.names(3); got != "main/qr shop/qr main/ready" {
		t.Errorf("the history is %s", got)
	}
	if got := back.names(1); got != "main/ready" {
		t.Errorf("after the second comes %s", got)
	}
	d.logEvents("other", "main/message")
	d.logEvents(store.DefaultTenant, "shop/message", "main/qr")
	for name, l := range map[string]*listener{"now": now, "all": all, "back": back} {
		if got := l.names(2); got != "shop/message main/qr" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := typed.names(2); got != "main/qr main/qr" {
		t.Errorf("with a filter: %s", got)
	}
	if text := d.events(d.key, "?after="+list.NextAfter); text.NextAfter != all.id {
		t.Errorf("the stream is at %s, the list at %s", all.id, text.NextAfter)
	}
}

func TestStreamIsAskedForByHead(t *testing.T) {
	d := start(t)
	r := d.do(call{method: http.MethodHead, path: streamPath, key: d.key, undocumented: true})
	if r.status != 200 || r.header.Get("Content-Type") != "text/event-stream" || d.streamsOpen() != 0 {
		t.Errorf("answers %d %s, %d streams", r.status, r.header.Get("Content-Type"), d.streamsOpen())
	}
}

// The heartbeat carries the cursor on, so that a client whose filter lets nothing
// pass does not have the whole log looked through again when it comes back.
func TestHeartbeatsCarryTheCursor(t *testing.T) {
	d := start(t, quick)
	d.logEvents(store.DefaultTenant, "main/qr")
	l := d.follow(d.key, streamPath+"?type=call", "")
	d.logEvents(store.DefaultTenant, "main/message", "main/message")
	newest := d.events(d.key, "").NextAfter
	for l.id != newest {
		if event, data, err := l.next(); err != nil || event != "" {
			t.Fatalf("%s %s, %v", event, data, err)
		}
	}
	again := d.follow(d.key, streamPath+"?type=message", l.id)
	d.logEvents(store.DefaultTenant, "main/message")
	if got := again.names(1); got != "main/message" {
		t.Errorf("from the cursor of a heartbeat: %s", got)
	}
}

func TestStreamOfAKeyWithSessions(t *testing.T) {
	d := start(t)
	bound := d.keyFor(store.ScopeRead, []engine.SessionID{"shop"})
	d.logEvents(store.DefaultTenant, "main/qr", "shop/qr", "/test")
	l := d.follow(bound, streamPath+"?after="+string(store.FirstEvent), "")
	outside := d.follow(bound, streamPath+"?sessionId=main&after="+string(store.FirstEvent), "")
	d.logEvents(store.DefaultTenant, "main/message", "shop/message", "main/call", "shop/call")
	if got := l.names(3); got != "shop/qr shop/message shop/call" {
		t.Errorf("a key of one session is told %s", got)
	}
	if got := d.follow(d.otherKey, streamPath+"?after="+string(store.FirstEvent), ""); got.id != "" {
		t.Error("another tenant is told something")
	}
	d.server.streams.close()
	if event, data, err := outside.next(); event != "" { // its head
		t.Errorf("a session beyond reach tells %s %s, %v", event, data, err)
	}
	if event, _, err := outside.next(); event != "end" {
		t.Errorf("a session beyond reach tells %s, %v", event, err)
	}
}

// A client that breaks off again and again, and comes back with its cursor, gets the
// log: nothing twice, nothing left out, in order, while several write.
func TestStreamsThatBreakMissNothing(t *testing.T) {
	d := start(t, func(d *daemon) {
		// Nobody looks at the log without a hint: none may be lost.
		d.server.streams.rest, d.server.streams.poll = 2*time.Millisecond, time.Hour
	})
	const writers, each = 3, 200
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				e := engine.Event{Session: engine.SessionKey{Tenant: store.DefaultTenant, ID: engine.SessionID(fmt.Sprintf("s%d", w))},
					Type: engine.EventMessage, Data: fmt.Appendf(nil, `{"n":%d}`, i)}
				if err := d.store.AppendEvent(context.Background(), e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for client := range 3 {
		wg.Go(func() {
			cursor, got := string(store.FirstEvent), 0
			for tries := 1; got < writers*each; tries++ {
				l := d.follow(d.key, streamPath, cursor)
				for range tries%17 + client { // then it breaks off
					event, _, err := l.next()
					if err != nil {
						t.Error(err)
						return
					}
					if event == "" {
						continue
					}
					if l.id <= cursor {
						t.Errorf("%s comes behind %s", l.id, cursor)
					}
					cursor = l.id
					if got++; got == writers*each {
						break
					}
				}
				l.body.Close()
			}
			if newest, err := d.store.NewestEvent(context.Background(), store.DefaultTenant); err != nil || string(newest) != cursor || got != writers*each {
				t.Errorf("%d events up to %s, the log has %d up to %s, %v", got, cursor, writers*each, newest, err)
			}
		})
	}
	wg.Wait()
}

// A client that takes nothing is dropped, and until then holds a page of the log,
// not the log.
func TestStreamDropsWhoTakesNothing(t *testing.T) {
	d := start(t, func(d *daemon) { d.server.streams.take = 1500 * time.Millisecond })
	data := fmt.Appendf(nil, `{"body":"%s"}`, bytes.Repeat([]byte("x"), 200<<10))
	for range 100 { // more than sockets hold
		d.logEvent(engine.Event{Session: engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}, Type: engine.EventMessage, Data: data})
	}
	l := d.follow(d.key, streamPath+"?after="+string(store.FirstEvent), "")
	d.awaitStreams(1)
	d.awaitStreams(0)
	got := 0
	for {
		event, _, err := l.next()
		if err != nil {
			break
		}
		if event == "message" {
			got++
		}
	}
	if got == 0 || got >= 100 {
		t.Errorf("it got %d of 100 events", got)
	}
	again := d.follow(d.key, streamPath, l.id)
	for ; got < 100; got++ {
		again.until("message", "")
	}
}

func TestStreamEndsWithWhatOpenedIt(t *testing.T) {
	for name, end := range map[string]func(d *daemon, id store.KeyID){
		"unauthorized": func(d *daemon, id store.KeyID) {
			if err := d.store.DeleteKey(d.t.Context(), store.Origin{By: store.ActorOperator}, store.DefaultTenant, id); err != nil {
				d.t.Fatal(err)
			}
		},
		"suspended": func(d *daemon, _ store.KeyID) {
			d.wants(d.admin(http.MethodPost, "/api/admin/tenants/default/suspend", ""), http.StatusOK, "")
		},
		"stopping": func(d *daemon, _ store.KeyID) {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := d.server.Shutdown(ctx); err != nil {
				d.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := start(t)
			issued, key, err := d.store.IssueKey(t.Context(), store.DefaultTenant, "brief")
			if err != nil {
				t.Fatal(err)
			}
			l := d.follow(key, streamPath, "")
			d.logEvents(store.DefaultTenant, "main/qr")
			l.until("qr", "")
			end(d, issued.ID)
			if name != "stopping" {
				d.logEvents(store.DefaultTenant, "main/message") // which it is not told
			}
			want := `{"reason":"unauthorized"}`
			if name == "stopping" {
				want = `{"reason":"stopping"}`
			}
			if event, data, err := l.next(); event != "end" || data != want {
				t.Errorf("it ends with %s %s, %v", event, data, err)
			}
			if _, err := l.lines.ReadByte(); err != io.EOF {
				t.Errorf("behind the end comes %v", err)
			}
		})
	}
}

// Streams of every kind share a tenant's places.
func TestStreamsAreCountedTogether(t *testing.T) {
	d := start(t, func(d *daemon) { d.server.streams.most = 2 })
	d.link("main")
	d.listen(d.key, "main").until("status", `"ready"`)
	d.follow(d.key, streamPath, "")
	d.wants(d.get(streamPath), http.StatusTooManyRequests, engine.CodeRateLimited)
	d.follow(d.otherKey, streamPath, "")
}

// BenchmarkStream measures events that a client gets through a socket, of 300 bytes each.
func BenchmarkStream(b *testing.B) {
	d := start(b)
	data := fmt.Appendf(nil, `{"body":"%s"}`, bytes.Repeat([]byte("x"), 200))
	const batch = 5000
	for range batch {
		d.logEvent(engine.Event{Session: engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}, Type: engine.EventMessage, Data: data})
	}
	newest := d.events(d.key, "?limit=1000").NextAfter
	for more := true; more; {
		l := d.events(d.key, "?limit=1000&after="+newest)
		newest, more = l.NextAfter, l.More
	}
	b.Run("sse", func(b *testing.B) {
		for b.Loop() {
			l := d.follow(d.key, streamPath+"?after="+string(store.FirstEvent), "")
			for l.id != newest {
				if _, _, err := l.next(); err != nil {
					b.Fatal(err)
				}
			}
			l.body.Close()
		}
		b.ReportMetric(batch*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("websocket", func(b *testing.B) {
		for b.Loop() {
			k := d.dial(d.key, "?after="+string(store.FirstEvent))
			for k.id != newest {
				k.next()
			}
			k.drop()
		}
		b.ReportMetric(batch*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
}
