package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"wapid/engine"
	"wapid/store"
)

// paperSandbox is a simulated network in which there is nobody.
func paperSandbox(context.Context, string, string, []byte) (SandboxAnswer, error) {
	return SandboxAnswer{Status: http.StatusNotFound, Body: []byte(`{"error":"number is not on WhatsApp"}`)}, nil
}

// TestSandboxIsAsked holds what each route asks the controls for, and how it hands
// on what they say.
func TestSandboxIsAsked(t *testing.T) {
	var method, path, body string
	var says SandboxAnswer
	var fails error
	d := start(t, func(d *daemon) {
		d.server.sandbox = func(_ context.Context, m, p string, b []byte) (SandboxAnswer, error) {
			method, path, body = m, p, string(b)
			return says, fails
		}
	})
	const phone = "/sandbox/phones/919876543210"
	for _, tc := range []struct {
		name         string
		call         call
		method, path string
		body         string
		answer       string
	}{
		{"phones", call{method: "GET", path: "/sandbox/phones"}, "GET", "/phones", "", `{"phones":[],"count":0}`},
		{"a chat", call{method: "GET", path: phone + "/chats/120363@g.us?limit=5"}, "GET", "/phones/919876543210/chats/120363@g.us?limit=5", "",
			`{"messages":[],"count":0,"typing":false}`},
		{"a path in a path", call{method: "GET", path: "/sandbox/phones/..%2F..%2Ftraffic%3Fx=1/chats"}, "GET", "/phones/..%2F..%2Ftraffic%3Fx=1/chats", "", `{"chats":[]}`},
		{"a directory", call{method: "GET", path: "/sandbox/phones/%2e%2e/chats"}, "GET", "/phones/-/chats", "", `{"chats":[]}`},
		{"scan", call{method: "POST", path: phone + "/scan?wait=10", body: `{"qr":"2@x"}`}, "POST", "/phones/919876543210/scan?wait=10", `{"qr":"2@x"}`,
			`{"device":"919876543210:1@s.whatsapp.net","online":true}`},
		{"the passkey alone is passed on", call{method: "POST", path: phone + "/passkey", body: `{"passkey":{"challenge":"AQ"}}`}, "POST", "/phones/919876543210/passkey",
			`{"challenge":"AQ"}`, `{"id":"AQ","rawId":"AQ","type":"public-key","response":{"clientDataJSON":"AQ","authenticatorData":"AQ","signature":"AQ"}}`},
		{"send", call{method: "POST", path: phone + "/send", body: `{"to":"919876543211","media":{"kind":"image","data":"AQ=="}}`}, "POST", "/phones/919876543210/send",
			`{"to":"919876543211","media":{"kind":"image","data":"AQ=="}}`, `{"id":"3EB0"}`},
		{"unlink", call{method: "DELETE", path: phone + "/devices/1"}, "DELETE", "/phones/919876543210/devices/1", "", `{}`},
		{"trouble", call{method: "POST", path: "/sandbox/faults", body: `{"kind":"temp_ban","number":"919876543210","expire":60}`}, "POST", "/faults",
			`{"kind":"temp_ban","number":"919876543210","expire":60}`, `{"id":"fault-1"}`},
		{"its end", call{method: "DELETE", path: "/sandbox/faults/fault-1"}, "DELETE", "/faults/fault-1", "", `{"faults":[]}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			says, fails = SandboxAnswer{Status: http.StatusOK, Body: []byte(tc.answer)}, nil
			tc.call.key = d.key
			r := d.do(tc.call)
			d.wants(r, http.StatusOK, "")
			if method != tc.method || path != tc.path || body != tc.body || r.body != tc.answer {
				t.Errorf("asked %s %s %s and answered %s", method, path, body, r.body)
			}
		})
	}
	for _, tc := range []struct {
		status int
		err    error
		want   int
		code   engine.Code
	}{
		{400, nil, 400, engine.CodeInvalid},
		{404, nil, 404, engine.CodeNotFound},
		{408, nil, 408, CodeRequestTimeout},
		{409, nil, 409, engine.CodeConflict},
		{503, nil, 500, engine.CodeInternal},
		{0, errors.New("refused"), 500, engine.CodeInternal},
	} {
		says, fails = SandboxAnswer{Status: tc.status, Body: []byte(`{"error":"no"}`)}, tc.err
		d.wants(d.do(call{method: "POST", path: phone + "/code", body: `{"code":"ABCD-EFGH"}`, key: d.key}), tc.want, tc.code)
	}
	reader := d.keyFor(store.ScopeSend, nil)
	d.wants(d.do(call{method: "POST", path: phone + "/scan", body: `{"qr":"2@x"}`, key: reader}), http.StatusForbidden, engine.CodeForbidden)
}

// TestSandboxFilesDoNotRun holds the headers under which a file of a stranger comes.
func TestSandboxFilesDoNotRun(t *testing.T) {
	d := start(t, func(d *daemon) {
		d.server.sandbox = func(context.Context, string, string, []byte) (SandboxAnswer, error) {
			return SandboxAnswer{Status: http.StatusOK, Type: "image/png", Disposition: "inline", Body: []byte("png")}, nil
		}
	})
	// The document says */*, for which its validator knows no type.
	r := d.do(call{method: "GET", path: "/sandbox/phones/919876543210/files/3EB0", key: d.key, undocumented: true})
	h := r.header
	if r.body != "png" || h.Get("Content-Type") != "image/png" || h.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || h.Get("Cache-Control") != "private, no-store" {
		t.Errorf("%v %s", h, r.body)
	}
}

// TestNoSandboxNoPhones asks a daemon of the real network, with a key and without.
func TestNoSandboxNoPhones(t *testing.T) {
	server := New(Options{})
	for _, r := range server.sandboxRoutes() {
		if !r.sandbox {
			t.Errorf("%s %s is there on every network", r.method, r.path)
		}
		if err := r.handler(server)(nil); engine.CodeOf(err) != engine.CodeNotFound {
			t.Errorf("%s %s: %v", r.method, r.path, err)
		}
	}
}
