package httpapi

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
)

func TestMedia(t *testing.T) {
	d := start(t)
	d.link("main")
	key := engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}
	insert := func(m engine.LoggedMessage) {
		t.Helper()
		m.Session, m.CreatedAt = key, time.Now()
		data, err := engine.Canonical(engine.MessageData{ID: m.ID})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.store.BeginIncoming(t.Context(), m, engine.Event{ID: engine.EventID("e" + string(m.ID) + string(m.Chat)), Session: key,
			Type: engine.EventMessage, At: time.Now(), Data: data})(); err != nil {
			t.Fatal(err)
		}
	}
	const ann, bob = "919876543211@s.whatsapp.net", "919876543212@s.whatsapp.net"
	file := func(kind engine.Kind, from engine.JID, id, payload, mime, name string) engine.LoggedMessage {
		return engine.LoggedMessage{ID: engine.MessageID(id), Chat: from, Peer: engine.Person{Phone: from}, Kind: kind, Payload: []byte(payload),
			Details: engine.Details{Media: &engine.MediaInfo{MimeType: mime, FileName: name}}}
	}
	insert(file(engine.KindImage, ann, "IMG", "picture", "image/jpeg", ""))
	insert(file(engine.KindDocument, ann, "DOC", "<script>", "text/html; charset=utf-8", "../a\"\r\nX: y ü.html"))
	insert(file(engine.KindDocument, ann, "ODD", "odd", "no type", ""))
	insert(file(engine.KindImage, ann, "BOTH", "of ann", "image/png", ""))
	insert(file(engine.KindImage, bob, "BOTH", "of bob", "image/png", ""))
	insert(file(engine.KindImage, ann, "NONE", "", "image/png", ""))
	insert(engine.LoggedMessage{ID: "TEXT", Chat: ann, Peer: engine.Person{Phone: ann}, Kind: engine.KindText, Text: "Hi", Payload: []byte("x")})
	const base = "/api/whatsapp/session/main/messages/"
	for path, want := range map[string]struct{ body, kind, disposition string }{
		"IMG/media":                             {"picture", "image/jpeg", "attachment"},
		"DOC/media":                             {"<script>", "text/html; charset=utf-8", "attachment; filename*=utf-8''.._a___X_%20y%20%C3%BC.html"},
		"ODD/media":                             {"odd", "application/octet-stream", "attachment"},
		"BOTH/media":                            {"of ann", "image/png", "attachment"},
		"BOTH/media?from=919876543212":          {"of bob", "image/png", "attachment"},
		"BOTH/media?from=%2B91%2098765%2043211": {"of ann", "image/png", "attachment"},
	} {
		// The validator knows no ranges of media types, such as the document's "*/*".
		r := d.do(call{method: http.MethodGet, path: base + path, key: d.key, undocumented: true})
		d.wants(r, http.StatusOK, "")
		h := r.header
		if r.body != want.body || h.Get("Content-Type") != want.kind || h.Get("Content-Disposition") != want.disposition ||
			h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || h.Get("Cache-Control") != "private, no-store" {
			t.Errorf("%s: %q with %v", path, r.body, h)
		}
	}
	if r := d.do(call{method: http.MethodHead, path: base + "IMG/media", key: d.key, undocumented: true}); r.status != http.StatusOK || r.header.Get("Content-Length") != "7" {
		t.Errorf("HEAD: %+v", r)
	}
	for _, path := range []string{"NONE/media", "TEXT/media", "NOTHING/media", "BOTH/media?from=919876543213"} {
		d.wants(d.get(base+path), http.StatusNotFound, engine.CodeNotFound)
	}
	d.wants(d.get(base+"a%20b/media"), http.StatusBadRequest, engine.CodeInvalid)
	d.wants(d.get(base+"IMG/media?from=bob"), http.StatusBadRequest, engine.CodeInvalid)
	d.wants(d.do(call{method: http.MethodGet, path: base + "IMG/media", key: d.otherKey}), http.StatusNotFound, engine.CodeSessionNotFound)
	d.network.mu.Lock()
	d.network.fail = engine.Errorf(engine.CodeMediaGone, "nobody has the file any more")
	d.network.mu.Unlock()
	d.wants(d.get(base+"IMG/media"), http.StatusGone, engine.CodeMediaGone)
	if n := d.spooled(); n != 0 {
		t.Errorf("%d files are left", n)
	}
	d.wants(d.do(call{method: http.MethodDelete, path: "/api/whatsapp/session/main?logout=false", key: d.key}), http.StatusOK, "")
	d.wants(d.get(base+"IMG/media"), http.StatusConflict, engine.CodeSessionNotReady)
}
