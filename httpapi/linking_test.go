package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"wapid/engine"
	"wapid/store"
)

// someCredential is an assertion that no account accepts.
const someCredential = `{"id":"AQIDBA","rawId":"AQIDBA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AQIDBA","signature":"AQIDBA"}}`

func TestPairingCode(t *testing.T) {
	d := start(t)
	const main = "/api/whatsapp/session/main"
	d.wants(d.post(main+"/pairing-code", `{"phone":"919876543210"}`), http.StatusNotFound, engine.CodeSessionNotFound)
	d.wants(d.post("/api/whatsapp/session", `{"sessionId":"main"}`), http.StatusOK, "")
	for _, phone := range []string{`""`, `"12"`, `"0123456789"`, `"120363025246125486@g.us"`, `"1@lid"`} {
		d.wants(d.post(main+"/pairing-code", `{"phone":`+phone+`}`), http.StatusBadRequest, engine.CodeInvalid)
	}
	// At once: the session may still be starting.
	r := d.post(main+"/pairing-code", `{"phone":"+91 98765-43210"}`)
	if want := `{"success":true,"code":"ABCD1234","formatted":"ABCD-1234","expiresAt":4102444800123}`; r.status != 200 || r.body != want {
		t.Fatalf("answers %d %s\nwant %s", r.status, r.body, want)
	}
	if r = d.get(main + "/status"); !strings.HasSuffix(r.body, `"pairingCode":"ABCD1234","pairingCodeExpiresAt":4102444800123,"qrAttempt":1,"qrCodes":1}`) {
		t.Errorf("the status is %s", r.body)
	}
	d.wants(d.post(main+"/pairing-code", `{"phone":"`+paperRefused+`"}`), http.StatusTooManyRequests, engine.CodeRateLimited)
	d.wants(d.do(call{method: http.MethodDelete, path: main + "?logout=false", key: d.key}), http.StatusOK, "")
	d.wants(d.post(main+"/pairing-code", `{"phone":"919876543210"}`), http.StatusConflict, engine.CodeSessionNotReady)
	if r = d.get(main + "/status"); strings.Contains(r.body, "pairingCode") {
		t.Errorf("stopped, the status is %s", r.body)
	}
	d.link("other")
	d.wants(d.post("/api/whatsapp/session/other/pairing-code", `{"phone":"919876543210"}`), http.StatusConflict, engine.CodeAlreadyLinked)
}

func TestPasskey(t *testing.T) {
	d := start(t)
	const main = "/api/whatsapp/session/main"
	d.wants(d.post("/api/whatsapp/session", `{"sessionId":"main"}`), http.StatusOK, "")
	d.awaitStatus("main", engine.StatusQRReady)
	d.wants(d.post(main+"/passkey", `{"credential":`+someCredential+`}`), http.StatusConflict, engine.CodeSessionNotReady)
	d.wants(d.post(main+"/passkey/confirm", ``), http.StatusConflict, engine.CodeSessionNotReady)
	c := d.network.conn(engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"})
	c.handler.Signal(engine.SignalPasskey{Challenge: []byte(`{"challenge":"AQID","rpId":"whatsapp.com"}`)})
	r := d.awaitStatus("main", engine.StatusPasskeyRequired)
	if want := `{"status":"passkey_required","connected":false,"passkey":{"challenge":"AQID","rpId":"whatsapp.com"}}`; r.body != want {
		t.Errorf("the status is %s\nwant %s", r.body, want)
	}
	d.wants(d.post(main+"/passkey/confirm", `{}`), http.StatusConflict, engine.CodeSessionNotReady)
	for _, bad := range []string{`null`, `"text"`, `{}`, `{"id":"a","type":"public-key","response":{}}`, strings.Replace(someCredential, "public-key", "password", 1)} {
		d.wants(d.post(main+"/passkey", `{"credential":`+bad+`}`), http.StatusBadRequest, engine.CodeInvalid)
	}
	d.wants(d.post(main+"/passkey", `{"credential":`+someCredential+`}`), http.StatusOK, "")
	d.await(main+"/status", func(r reply) bool { return strings.HasSuffix(r.body, `,"passkeyCode":"WXYZ-9876"}`) })
	d.wants(d.post(main+"/passkey/confirm", `{"x":1}`), http.StatusBadRequest, engine.CodeInvalid)
	d.wants(d.post(main+"/passkey/confirm", ``), http.StatusOK, "")
	d.awaitStatus("main", engine.StatusReady)
}

func TestOptions(t *testing.T) {
	d := start(t)
	const main = "/api/whatsapp/session/main"
	patch := func(body string) reply {
		return d.do(call{method: http.MethodPatch, path: main, key: d.key, body: body})
	}
	for _, bad := range []string{
		`"proxy":5`, `"proxy":"ftp://example.com"`, `"proxy":"proxy.example.com:8080"`, `"proxy":"http://example.com/path"`,
		`"typing":"yes"`, `"delayMin":"1"`, `"delayMin":1.5`, `"delayMin":-1`, `"delayMax":60001`, `"delayMin":2`, `"delayMin":3,"delayMax":2`,
		`"interactive":"buttons"`, `"interactive":true`,
	} {
		d.wants(d.post("/api/whatsapp/session", `{"sessionId":"main",`+bad+`}`), http.StatusBadRequest, engine.CodeInvalid)
	}
	d.wants(d.post("/api/whatsapp/session", `{"sessionId":"main","proxy":"socks5://10.0.0.1:1080"}`), http.StatusBadRequest, engine.CodeEgressRefused)
	if r := d.get("/api/whatsapp/sessions"); r.body != `{"sessions":[]}` {
		t.Fatalf("a session was left behind: %s", r.body)
	}
	d.wants(d.post("/api/whatsapp/session", `{"sessionId":"main","name":"Shop","typing":true,"delayMin":10,"delayMax":20}`), http.StatusOK, "")
	first := d.awaitStatus("main", engine.StatusQRReady)
	if want := `"name":"Shop","options":{"typing":true,"delayMin":10,"delayMax":20},`; !strings.Contains(first.body, want) {
		t.Errorf("the status is %s\nwant …%s", first.body, want)
	}
	before := d.network.conn(engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"})
	r := patch(`{"name":null,"typing":null,"delayMin":0}`)
	if want := `"options":{"typing":false,"delayMin":0,"delayMax":20},`; r.status != 200 || !strings.Contains(r.body, want) || strings.Contains(r.body, "Shop") {
		t.Errorf("answers %d %s\nwant …%s", r.status, r.body, want)
	}
	if d.network.conn(engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}) != before {
		t.Error("the connection was made again for nothing")
	}
	d.wants(patch(`{"proxy":"http://user:topsecret@proxy.example.com:8080"}`), http.StatusOK, "")
	r = d.await(main+"/status", func(r reply) bool {
		return d.network.conn(engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}) != before && strings.Contains(r.body, `"qr_ready"`)
	})
	if !strings.Contains(r.body, `"proxy":"http://user@proxy.example.com:8080"`) || strings.Contains(r.body, "topsecret") {
		t.Errorf("the status is %s", r.body)
	}
	if list := d.get("/api/whatsapp/sessions"); !strings.Contains(list.body, `"proxy":"http://user@proxy.example.com:8080"`) || strings.Contains(list.body, "topsecret") {
		t.Errorf("the list is %s", list.body)
	}
	if r = patch(`{"interactive":"poll"}`); !strings.Contains(r.body, `"delayMax":20,"interactive":"poll"}`) {
		t.Errorf("with polls the status is %s", r.body)
	}
	d.wants(patch(`{"interactive":"text"}`), http.StatusOK, "")
	if d.log.FilterMessageSnippet("topsecret").Len() != 0 {
		t.Error("the password is in the log")
	}
	d.wants(patch(`{"proxy":"","delayMax":null}`), http.StatusOK, "")
	if r = d.get(main + "/status"); strings.Contains(r.body, "options") {
		t.Errorf("cleared, the status is %s", r.body)
	}
	d.wants(patch(`{"name":"`+strings.Repeat("x", 101)+`"}`), http.StatusBadRequest, engine.CodeInvalid)
}

func TestRestart(t *testing.T) {
	d := start(t)
	d.link("main")
	key := engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}
	for _, body := range []string{"", "{}"} {
		before := d.network.conn(key)
		r := d.post("/api/whatsapp/session/main/restart", body)
		if r.status != 200 || !strings.HasPrefix(r.body, `{"status":"initializing"`) {
			t.Errorf("answers %d %s", r.status, r.body)
		}
		d.awaitStatus("main", engine.StatusReady)
		if d.network.conn(key) == before {
			t.Error("the connection is the same")
		}
	}
	d.wants(d.do(call{method: http.MethodDelete, path: "/api/whatsapp/session/main?logout=false", key: d.key}), http.StatusOK, "")
	d.wants(d.post("/api/whatsapp/session/main/restart", ""), http.StatusOK, "")
	d.awaitStatus("main", engine.StatusReady)
	d.wants(d.post("/api/whatsapp/session/main/restart", `{"now":true}`), http.StatusBadRequest, engine.CodeInvalid)
}
