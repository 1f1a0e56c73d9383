package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"wapid/engine"
	"wapid/store"
)

func TestWebhook(t *testing.T) {
	d := start(t)
	const path = "/api/account/webhook"
	put := func(body string) reply {
		return d.do(call{method: http.MethodPut, path: path, key: d.key, body: body})
	}
	d.wants(d.get(path), http.StatusNotFound, engine.CodeNotFound)

	r := put(`{"url":"https://example.com/hook?a=1&b=2","secret":"correct horse"}`)
	if want := `{"success":true,"url":"https://example.com/hook?a=1&b=2","hasSecret":true,"createdAt":"`; r.status != 200 || !strings.HasPrefix(r.body, want) {
		t.Errorf("answers %d %s\nwant %s…", r.status, r.body, want)
	}
	r = d.get(path)
	if want := `{"url":"https://example.com/hook?a=1&b=2","hasSecret":true,"createdAt":"`; !strings.HasPrefix(r.body, want) || strings.Contains(r.body, "horse") {
		t.Errorf("answers %s\nwant %s…", r.body, want)
	}
	e, err := d.store.FindEndpoint(t.Context(), store.DefaultTenant)
	if err != nil || e.Secret != "correct horse" || e.URL != "https://example.com/hook?a=1&b=2" {
		t.Errorf("stored %+v, %v", e, err)
	}
	d.wants(d.do(call{method: http.MethodGet, path: path, key: d.otherKey}), http.StatusNotFound, engine.CodeNotFound)

	if r = put(`{"url":"https://example.com/other"}`); !strings.Contains(r.body, `"hasSecret":false`) {
		t.Errorf("a replacement without a secret answers %s", r.body)
	}
	for _, body := range []string{
		`{"url":"example.com"}`, `{"url":"ftp://example.com"}`, `{"url":"https://user:pass@example.com"}`, `{"url":"https://"}`,
		`{"url":"https://example.com/` + strings.Repeat("x", 2048) + `"}`, `{"secret":"x"}`,
		`{"url":"https://example.com","secret":"` + strings.Repeat("x", 257) + `"}`,
	} {
		d.wants(put(body), http.StatusBadRequest, engine.CodeInvalid)
	}
	for _, url := range []string{"http://127.0.0.1:4000/hook", "http://[::1]/", "http://10.1.2.3", "http://169.254.169.254/latest"} {
		d.wants(put(`{"url":"`+url+`"}`), http.StatusBadRequest, engine.CodeEgressRefused)
	}
	if r = d.get(path); !strings.Contains(r.body, "https://example.com/other") {
		t.Errorf("a refused change changed it: %s", r.body)
	}
	del := call{method: http.MethodDelete, path: path, key: d.key}
	if r = d.do(del); r.body != `{"success":true}` {
		t.Errorf("deleting answers %s", r.body)
	}
	d.wants(d.do(del), http.StatusNotFound, engine.CodeNotFound)
}

// TestWebhookEvents: what is asked for is shown, and what there is not is refused.
func TestWebhookEvents(t *testing.T) {
	d := start(t)
	const path = "/api/account/webhook"
	put := func(events string) reply {
		return d.do(call{method: http.MethodPut, path: path, key: d.key, body: `{"url":"https://example.com"` + events + `}`})
	}
	const byDefault = `["message","qr","ready","disconnected","test"]`
	for events, want := range map[string]string{
		``: byDefault, `,"events":null`: byDefault, `,"events":["*"]`: `["*"]`,
		`,"events":["message.status","message"]`: `["message.status","message"]`,
	} {
		for _, r := range []reply{put(events), d.get(path)} {
			if r.status != 200 || !strings.HasSuffix(r.body, `,"events":`+want+`}`) {
				t.Errorf("%s answers %d %s", events, r.status, r.body)
			}
		}
	}
	before := d.get(path).body
	for _, events := range []string{`[]`, `["nothing"]`, `["*","message"]`, `["message","message"]`, `"message"`, `[1]`, `[null]`, `{}`} {
		d.wants(put(`,"events":`+events), http.StatusBadRequest, engine.CodeInvalid)
	}
	if after := d.get(path).body; after != before {
		t.Errorf("a refused change changed it: %s", after)
	}
}

// TestWebhookTestNeedsAWebhook: without one there is nothing to test, and nothing
// is written down.
func TestWebhookTestNeedsAWebhook(t *testing.T) {
	d := start(t)
	d.wants(d.do(call{method: http.MethodPost, path: "/api/account/webhook/test", key: d.key}), http.StatusNotFound, engine.CodeNotFound)
	if n, err := d.store.CountEvents(t.Context(), engine.SessionKey{Tenant: store.DefaultTenant}, engine.EventTest); err != nil || n != 0 {
		t.Errorf("%d events, %v", n, err)
	}
}
