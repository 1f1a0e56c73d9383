package httpapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image/png"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
)

func TestDescribe(t *testing.T) {
	until := time.UnixMilli(1708243200123)
	ready := engine.State{Status: engine.StatusReady, Identity: paperIdentity}
	for name, c := range map[string]struct {
		snap engine.Snapshot
		want string
	}{
		"starting":      {snap(engine.State{Status: engine.StatusInitializing}), `{"status":"initializing","connected":false}`},
		"authenticated": {snap(engine.State{Status: engine.StatusAuthenticated, Identity: paperIdentity}), `{"status":"authenticated","connected":false}`},
		"passkey":       {snap(engine.State{Status: engine.StatusPasskeyRequired}), `{"status":"passkey_required","connected":false}`},
		"passkey, with a challenge": {engine.Snapshot{Session: engine.Session{State: engine.State{Status: engine.StatusPasskeyRequired}}, Passkey: []byte(`{"challenge":"AQID"}`), PasskeyCode: "ABCD-EFGH"},
			`{"status":"passkey_required","connected":false,"passkey":{"challenge":"AQID"},"passkeyCode":"ABCD-EFGH"}`},
		"options": {engine.Snapshot{Session: engine.Session{Name: "Shop", State: engine.State{Status: engine.StatusInitializing},
			Options: engine.SessionOptions{Proxy: "http://user:secret@proxy:8080", DelayMax: 1500 * time.Millisecond}}},
			`{"status":"initializing","connected":false,"name":"Shop","options":{"proxy":"http://user@proxy:8080","typing":false,"delayMin":0,"delayMax":1500}}`},
		"ready": {snap(ready), `{"status":"ready","connected":true,"phoneNumber":"919876543210","lid":"123456789012345@lid"}`},
		"restricted": {engine.Snapshot{Session: engine.Session{State: ready}, Restrictions: []engine.Restriction{{Kind: engine.RestrictionReachout, Until: until}, {Kind: engine.RestrictionReachout}}},
			`{"status":"ready","connected":true,"phoneNumber":"919876543210","lid":"123456789012345@lid","restrictions":[{"type":"reachout_timelock","until":1708243200123},{"type":"reachout_timelock"}]}`},
		"lost": {engine.Snapshot{Session: engine.Session{State: engine.State{Status: engine.StatusDisconnected, Reason: engine.ReasonNetwork, Identity: paperIdentity}}, NextAttempt: until},
			`{"status":"disconnected","connected":false,"reason":"network","nextAttemptAt":1708243200123}`},
		"banned": {snap(engine.State{Status: engine.StatusDisconnected, Reason: engine.ReasonBanned, Until: until}),
			`{"status":"disconnected","connected":false,"reason":"banned","until":1708243200123}`},
		"waiting": {engine.Snapshot{Session: engine.Session{State: engine.State{Status: engine.StatusQRReady}}, QR: &engine.QR{Code: "2@a&b", ExpiresAt: until, Attempt: 2, Of: 6}},
			`{"status":"qr_ready","connected":false,"qr":"2@a&b","qrExpiresAt":1708243200123,"qrAttempt":2,"qrCodes":6}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := engine.Canonical(describe(c.snap))
			if err != nil || string(got) != c.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, c.want)
			}
		})
	}
}

func snap(s engine.State) engine.Snapshot { return engine.Snapshot{Session: engine.Session{State: s}} }

func TestSessionFromCreationToDeletion(t *testing.T) {
	d := start(t)
	const main = "/api/whatsapp/session/main"
	r := d.post("/api/whatsapp/session", `{"sessionId":"main","name":" Sales <Number> "}`)
	if want := `{"success":true,"sessionId":"main","isNew":true,"status":"initializing"}`; r.status != 200 || r.body != want {
		t.Fatalf("creation answers %d %s\nwant %s", r.status, r.body, want)
	}

	r = d.awaitStatus("main", engine.StatusQRReady)
	var waiting struct {
		QRCode      string
		QR          string
		QRExpiresAt int64
	}
	if err := json.Unmarshal([]byte(r.body), &waiting); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(r.body, `{"status":"qr_ready","qrCode":"data:image/png;base64,`) || waiting.QR != paperQR || waiting.QRExpiresAt != paperQREnds.UnixMilli() {
		t.Errorf("waiting answers %s", r.body)
	}
	checkPNG(t, waiting.QRCode)

	if err := d.network.scan(t.Context(), engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}); err != nil {
		t.Fatal(err)
	}
	r = d.awaitStatus("main", engine.StatusReady)
	if want := `{"status":"ready","connected":true,"phoneNumber":"919876543210","lid":"123456789012345@lid","name":"Sales <Number>"}`; r.body != want {
		t.Errorf("ready answers %s\nwant %s", r.body, want)
	}

	r = d.post("/api/whatsapp/session", `{"sessionId":"main"}`)
	if want := `{"success":true,"sessionId":"main","isNew":false,"status":"ready"}`; r.body != want {
		t.Errorf("a second creation answers %s\nwant %s", r.body, want)
	}
	r = d.get("/api/whatsapp/sessions")
	if want := `{"sessions":[{"sessionId":"main","name":"Sales <Number>","status":"ready","connected":true,"phoneNumber":"919876543210","lid":"123456789012345@lid","createdAt":"`; !strings.HasPrefix(r.body, want) {
		t.Errorf("the list is %s\nwant %s…", r.body, want)
	}

	r = d.do(call{method: http.MethodDelete, path: main + "?logout=false", key: d.key})
	if want := `{"success":true,"sessionId":"main","status":"disconnected","reason":"stopped"}`; r.body != want {
		t.Errorf("stopping answers %s\nwant %s", r.body, want)
	}
	if r = d.get(main + "/status"); r.body != `{"status":"disconnected","connected":false,"reason":"stopped","name":"Sales <Number>"}` {
		t.Errorf("stopped answers %s", r.body)
	}
	d.wants(d.post(main+"/send", `{"to":"919876543210","message":"Hi"}`), http.StatusConflict, engine.CodeSessionNotReady)

	d.wants(d.post("/api/whatsapp/session", `{"sessionId":"main"}`), http.StatusOK, "")
	d.awaitStatus("main", engine.StatusReady)
	r = d.do(call{method: http.MethodDelete, path: main, key: d.key})
	if want := `{"success":true,"sessionId":"main","unlinked":true}`; r.body != want {
		t.Errorf("deleting answers %s\nwant %s", r.body, want)
	}
	d.wants(d.get(main+"/status"), http.StatusNotFound, engine.CodeSessionNotFound)
	if r = d.get("/api/whatsapp/sessions"); r.body != `{"sessions":[]}` {
		t.Errorf("the list is %s", r.body)
	}
}

func checkPNG(t *testing.T, url string) {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(url, "data:image/png;base64,"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(raw)); err != nil {
		t.Errorf("the QR code is no picture: %v", err)
	}
}

func TestSend(t *testing.T) {
	d := start(t)
	d.link("main")
	const path = "/api/whatsapp/session/main/send"
	r := d.post(path, `{"to":"+91 98765 43210","header":"Order Update","message":"Tom & Jerry <3 👍🏽","footer":"WapiConnect Store"}`)
	if want := `{"success":true,"messageId":"3EB0B430A8B7F6C1D201","timestamp":1708243200}`; r.status != 200 || r.body != want {
		t.Errorf("answers %d %s\nwant %s", r.status, r.body, want)
	}
	want := engine.Outgoing{ID: "3EB0B430A8B7F6C1D201", To: "919876543210@s.whatsapp.net", Kind: engine.KindText,
		Text: "*Order Update*\n\nTom & Jerry <3 👍🏽\n\n_WapiConnect Store_"}
	d.network.mu.Lock()
	defer d.network.mu.Unlock()
	if len(d.network.sent) != 1 || !reflect.DeepEqual(d.network.sent[0], want) {
		t.Errorf("sent %+v, want %+v", d.network.sent, want)
	}
}

func TestSendFailures(t *testing.T) {
	// What may have been sent is tried again under its id until the time is up.
	d := startWith(t, engine.Config{SendTimeout: time.Second})
	d.link("main")
	for name, c := range map[string]struct {
		err    *engine.Error
		status int
		retry  string
		hasID  bool
	}{
		"not on WhatsApp": {err: engine.Errorf(engine.CodeNotOnWhatsApp, "the number has no WhatsApp account"), status: 400},
		"timelock":        {err: &engine.Error{Code: engine.CodeReachoutTimelock, Message: "no first contacts", RetryAfter: 1500 * time.Millisecond}, status: 429, retry: "2"},
		"rate limit":      {err: engine.Errorf(engine.CodeRateLimited, "slow down"), status: 429},
		"rejected":        {err: engine.Errorf(engine.CodeSendRejected, "refused"), status: 500},
		"unreachable":     {err: engine.Errorf(engine.CodeUndeliverable, "no device"), status: 500},
		"unknown":         {err: engine.Errorf(engine.CodeSendOutcomeUnknown, "perhaps"), status: 500, hasID: true},
	} {
		t.Run(name, func(t *testing.T) {
			d.network.mu.Lock()
			d.network.fail = c.err
			d.network.mu.Unlock()
			r := d.post("/api/whatsapp/session/main/send", `{"to":"919876543210","message":"a secret text"}`)
			d.wants(r, c.status, c.err.Code)
			if got := r.header.Get("Retry-After"); got != c.retry {
				t.Errorf("Retry-After is %q, want %q", got, c.retry)
			}
			if c.hasID && !strings.Contains(r.body, `"messageId":"3EB0`) {
				t.Errorf("no message id in %s", r.body)
			}
		})
	}
	for _, entry := range d.log.All() {
		line, err := json.Marshal(entry.ContextMap())
		if err != nil {
			t.Fatal(err)
		}
		for _, private := range []string{"919876543210", "a secret text", d.key} {
			if strings.Contains(entry.Message+string(line), private) {
				t.Errorf("the log holds %q: %s %s", private, entry.Message, line)
			}
		}
	}
}

func TestSessionIDsInPaths(t *testing.T) {
	d := start(t)
	d.wants(d.post("/api/whatsapp/session", `{"sessionId":"a+b@c.d_e-f"}`), http.StatusOK, "")
	for path, want := range map[string]struct {
		status int
		code   engine.Code
	}{
		"a+b@c.d_e-f":             {http.StatusOK, ""},
		"a%2Bb%40c%2Ed%5fe%2df":   {http.StatusOK, ""},
		"a%252Bb%40c.d_e-f":       {http.StatusBadRequest, engine.CodeInvalid}, // decoded once only
		"A+b@c.d_e-f":             {http.StatusNotFound, engine.CodeSessionNotFound},
		"a%20b":                   {http.StatusBadRequest, engine.CodeInvalid},
		"a%2Fb":                   {http.StatusBadRequest, engine.CodeInvalid},
		"%2e%2e":                  {http.StatusBadRequest, engine.CodeInvalid},
		"a%00":                    {http.StatusBadRequest, engine.CodeInvalid},
		"%ff":                     {http.StatusBadRequest, engine.CodeInvalid},
		"%F0%9F%91%8D":            {http.StatusBadRequest, engine.CodeInvalid},
		strings.Repeat("a", 64):   {http.StatusNotFound, engine.CodeSessionNotFound},
		strings.Repeat("a", 65):   {http.StatusBadRequest, engine.CodeInvalid},
		strings.Repeat("a", 4000): {http.StatusBadRequest, engine.CodeInvalid},
	} {
		d.wants(d.get("/api/whatsapp/session/"+path+"/status"), want.status, want.code)
	}
}

func TestSameIDInTwoTenants(t *testing.T) {
	d := start(t)
	d.link("main")
	const path = "/api/whatsapp/session/main"
	d.wants(d.do(call{method: http.MethodGet, path: path + "/status", key: d.otherKey}), http.StatusNotFound, engine.CodeSessionNotFound)
	r := d.do(call{method: http.MethodPost, path: "/api/whatsapp/session", key: d.otherKey, body: `{"sessionId":"main"}`})
	if !strings.Contains(r.body, `"isNew":true`) {
		t.Errorf("answers %s", r.body)
	}
	d.wants(d.do(call{method: http.MethodDelete, path: path, key: d.otherKey}), http.StatusOK, "")
	d.awaitStatus("main", engine.StatusReady) // the first tenant's is untouched
}
