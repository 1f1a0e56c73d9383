package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

// collector is an OpenTelemetry collector that keeps what it gets.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*otlp.Span
	bad   []error
}

func startCollector(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		var batch coltrace.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(raw, &batch)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if err != nil || r.URL.Path != "/v1/traces" {
			c.bad = append(c.bad, err)
		}
		for _, resource := range batch.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				c.spans = append(c.spans, scope.GetSpans()...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// of lists the spans of a trace by name.
func (c *collector) of(trace string) map[string][]*otlp.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := map[string][]*otlp.Span{}
	for _, s := range c.spans {
		if hexOf(s.GetTraceId()) == trace {
			found[s.GetName()] = append(found[s.GetName()], s)
		}
	}
	return found
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, c := range b {
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&15])
	}
	return s.String()
}

// TestOneTraceFromTheRequestToTheWebhook: a caller's trace goes on through the outbox
// and a bulk job, over a restart, to the network, the receipts and the webhook.
func TestOneTraceFromTheRequestToTheWebhook(t *testing.T) {
	network, dir, otel := startNetwork(t), t.TempDir(), startCollector(t)
	var mu sync.Mutex
	posted := map[string]int{} // trace ids that webhooks carried
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if parts := strings.Split(r.Header.Get("Traceparent"), "-"); len(parts) == 4 {
			posted[parts[1]]++
		}
	}))
	defer receiver.Close()
	args := []string{"--otlp-endpoint", otel.URL, "--shutdown-timeout", "20s"}
	d := startDaemon(t, "", network, dir, args...)
	d.must(t, 201, "POST", "/api/account/webhooks", map[string]any{"url": receiver.URL, "name": "followed", "events": []string{"message.status"}})
	mine, theirs := network.Phone("919876543210"), network.Phone("919876543211")
	d.pair(t, "main", mine)
	settle(t, network, mine)

	const queued, sent, jobs = "11111111111111111111111111111111", "22222222222222222222222222222222", "33333333333333333333333333333333"
	post := func(trace, path, body string) {
		t.Helper()
		req, err := http.NewRequest("POST", d.base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-API-Key", testKey)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
		resp, err := d.http().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if raw, _ := io.ReadAll(resp.Body); resp.StatusCode/100 != 2 {
			t.Fatalf("%s answers %d %s", path, resp.StatusCode, raw)
		}
	}
	post(sent, sessionPath("main")+"/send", `{"to":"919876543211","message":"a text that no span tells"}`)
	d.must(t, 200, "DELETE", sessionPath("main")+"?logout=false", nil)
	post(queued, sessionPath("main")+"/send?wait=false", `{"to":"919876543211","message":"queued"}`)
	post(jobs, sessionPath("main")+"/send-bulk", `{"recipients":["919876543211"],"message":"bulk","delayMin":0,"delayMax":0}`)
	d.stop(t)
	d = startDaemon(t, "", network, dir, args...)
	d.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "main"})
	d.awaitStatus(t, "main", "ready")
	for _, trace := range []string{sent, queued, jobs} {
		eventually(t, "the webhook about "+trace+" carries its trace", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return posted[trace] >= 2 // sent and delivered
		})
	}
	_ = theirs
	d.stop(t)
	for trace, steps := range map[string][]string{
		sent:   {"POST /api/whatsapp/session/:id/send", "send", "network", "receipt", "webhook"},
		queued: {"POST /api/whatsapp/session/:id/send", "send", "send from outbox", "network", "receipt", "webhook"},
		jobs:   {"POST /api/whatsapp/session/:id/send-bulk", "send", "network", "receipt", "webhook"},
	} {
		got := otel.of(trace)
		for _, step := range steps {
			if len(got[step]) == 0 {
				t.Errorf("trace %s has no %q: %d names", trace, step, len(got))
			}
		}
		if server := got[steps[0]]; len(server) == 1 && hexOf(server[0].GetParentSpanId()) != "00f067aa0ba902b7" {
			t.Errorf("the request is not its caller's child")
		}
	}
	otel.mu.Lock()
	defer otel.mu.Unlock()
	if len(otel.bad) > 0 {
		t.Errorf("the collector was sent what it can't read: %v", otel.bad)
	}
	for _, span := range otel.spans {
		for _, private := range []string{"9198765432", "a text", "main", "default"} {
			if text := prototext.Format(span); strings.Contains(text, private) {
				t.Errorf("a span tells %q: %s", private, text)
			}
		}
	}
}
