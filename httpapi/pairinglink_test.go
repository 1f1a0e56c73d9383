package httpapi

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
)

// pairingLink makes a link and returns the path of its page.
func (d *daemon) pairingLink(id, body string) string {
	d.t.Helper()
	r := d.post("/api/whatsapp/session/"+id+"/pairing-link", body)
	var made pairingLinkResponse
	if err := json.Unmarshal([]byte(r.body), &made); err != nil || r.status != 200 {
		d.t.Fatalf("answers %d %s", r.status, r.body)
	}
	path, ours := strings.CutPrefix(made.URL, d.url)
	if !ours {
		d.t.Fatalf("the link leads to %s, not to %s", made.URL, d.url)
	}
	return path
}

// visit is what a stranger does: without a key.
func (d *daemon) visit(path string) reply {
	d.t.Helper()
	return d.do(call{method: http.MethodGet, path: path})
}

func (d *daemon) awaitPage(path string, state pairState) reply {
	d.t.Helper()
	return d.await(path+"/status", func(r reply) bool { return strings.HasPrefix(r.body, `{"state":"`+string(state)+`"`) })
}

func TestPairingLinkFromItsMakingToItsEnd(t *testing.T) {
	d := start(t)
	key := engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}
	d.wants(d.post("/api/whatsapp/session/main/pairing-link", ""), http.StatusNotFound, engine.CodeSessionNotFound)
	d.wants(d.post("/api/whatsapp/session", `{"sessionId":"main","name":"Secret Shop"}`), http.StatusOK, "")
	d.awaitStatus("main", engine.StatusQRReady)
	replaced := d.pairingLink("main", "")
	path := d.pairingLink("main", `{"expiresIn":60}`)
	for _, ended := range []string{replaced, "/pair/nonsense", "/pair/" + strings.Repeat("A", 43)} {
		if r := d.visit(ended); r.status != http.StatusGone || !strings.Contains(r.body, "This link has ended") {
			t.Errorf("%s answers %d %s", ended, r.status, r.body)
		}
		d.wants(d.visit(ended+"/status"), http.StatusGone, CodeLinkExpired)
	}

	page := d.visit(path)
	if page.status != 200 || !strings.Contains(page.body, `<script src="page.js" defer></script>`) {
		t.Fatalf("the page answers %d %s", page.status, page.body)
	}
	for header, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		"X-Robots-Tag": "noindex, nofollow, noarchive", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
	} {
		if got := page.header.Get(header); got != want {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	}
	if csp := page.header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; script-src 'self';") || strings.Contains(csp, "unsafe") {
		t.Errorf("the policy is %s", csp)
	}
	// What the policy forbids would not work: nothing may stand in the page itself.
	if inline := regexp.MustCompile(`<style|style=|<script>|\son[a-z]+=|javascript:`).FindString(page.body); inline != "" {
		t.Errorf("the page holds %q", inline)
	}

	r := d.awaitPage(path, pairScan)
	var told map[string]any
	if err := json.Unmarshal([]byte(r.body), &told); err != nil || len(told) != 3 {
		t.Errorf("the page is told %s", r.body)
	}
	code, _ := told["qrCode"].(string)
	checkPNG(t, code)
	for _, hidden := range []string{"main", "Secret", string(store.DefaultTenant), "9198", paperQR} {
		if strings.Contains(r.body, hidden) || strings.Contains(page.body, `"`+hidden) {
			t.Errorf("a stranger is told %q", hidden)
		}
	}

	if err := d.network.scan(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	r = d.awaitPage(path, pairLinked)
	if r.body != `{"state":"linked"}` {
		t.Errorf("linked, the page is told %s", r.body)
	}
	if r = d.visit(path); r.status != http.StatusGone {
		t.Errorf("opened again, the page answers %d", r.status)
	}
	d.wants(d.post("/api/whatsapp/session/main/pairing-link", ""), http.StatusConflict, engine.CodeAlreadyLinked)
	d.wants(d.do(call{method: http.MethodDelete, path: "/api/whatsapp/session/main", key: d.key}), http.StatusOK, "")
	d.wants(d.visit(path+"/status"), http.StatusGone, CodeLinkExpired)
}

func TestOpeningAPairingLinkStartsThePairing(t *testing.T) {
	d := start(t)
	key := engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}
	d.wants(d.post("/api/whatsapp/session", `{"sessionId":"main"}`), http.StatusOK, "")
	d.awaitStatus("main", engine.StatusQRReady)
	path := d.pairingLink("main", `{}`)
	d.network.conn(key).handler.Signal(engine.SignalQRTimeout{})
	d.awaitPage(path, pairIdle)
	if r := d.do(call{method: http.MethodHead, path: path, undocumented: true}); r.status != 200 {
		t.Errorf("HEAD answers %d", r.status)
	}
	d.awaitPage(path, pairIdle)
	if r := d.visit(path); r.status != 200 {
		t.Errorf("the page answers %d", r.status)
	}
	d.awaitPage(path, pairScan)

	// What the tenant has stopped stays stopped.
	d.wants(d.do(call{method: http.MethodDelete, path: "/api/whatsapp/session/main?logout=false", key: d.key}), http.StatusOK, "")
	if r := d.visit(path); r.status != 200 {
		t.Errorf("the page answers %d", r.status)
	}
	d.awaitPage(path, pairStopped)
	d.wants(d.post("/api/whatsapp/session/main/pairing-link", ""), http.StatusConflict, engine.CodeSessionNotReady)
}

func TestPairingLinksAreCheckedAndKeptApart(t *testing.T) {
	d := start(t)
	d.wants(d.post("/api/whatsapp/session", `{"sessionId":"main"}`), http.StatusOK, "")
	const main = "/api/whatsapp/session/main/pairing-link"
	for _, body := range []string{
		`{"expiresIn":59}`, `{"expiresIn":86401}`, `{"expiresIn":"900"}`, `{"expiresIn":1.5}`, `{"baseUrl":"ftp://x"}`, `{"baseUrl":"https://u:p@x"}`,
		`{"baseUrl":"https://x?y"}`, `{"baseUrl":"https://x#y"}`, `{"baseUrl":"javascript:alert(1)"}`, `{"baseUrl":"https://a b"}`, `{"more":1}`,
	} {
		d.wants(d.post(main, body), http.StatusBadRequest, engine.CodeInvalid)
	}
	d.wants(d.do(call{method: http.MethodPost, path: main, key: d.otherKey}), http.StatusNotFound, engine.CodeSessionNotFound)
	before := time.Now()
	r := d.post(main, `{"expiresIn":120,"baseUrl":"https://wapi.example.com/base/"}`)
	var made pairingLinkResponse
	if err := json.Unmarshal([]byte(r.body), &made); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(made.URL, "https://wapi.example.com/base/pair/") {
		t.Errorf("the link is %s", made.URL)
	}
	if life := time.UnixMilli(made.ExpiresAt).Sub(before); life < 119*time.Second || life > 180*time.Second {
		t.Errorf("it lives for %s", life)
	}
	for path, contentType := range map[string]string{"/pair/page.css": "text/css; charset=utf-8", "/pair/page.js": "text/javascript; charset=utf-8"} {
		if r := d.visit(path); r.status != 200 || r.header.Get("Content-Type") != contentType {
			t.Errorf("%s answers %d %s", path, r.status, r.header.Get("Content-Type"))
		}
	}
	if d.log.FilterMessageSnippet("/pair/").Len() != 0 {
		t.Error("a token is in the log")
	}
}

func TestLinksLeadToThePublicURL(t *testing.T) {
	d := start(t, func(d *daemon) { d.server.public = "https://wapi.example.com" })
	d.wants(d.post("/api/whatsapp/session", `{"sessionId":"main"}`), http.StatusOK, "")
	if r := d.post("/api/whatsapp/session/main/pairing-link", ""); !strings.Contains(r.body, `"url":"https://wapi.example.com/pair/`) {
		t.Errorf("answers %s", r.body)
	}
}

func TestValidHost(t *testing.T) {
	for _, good := range []string{"localhost", "127.0.0.1:8080", "[::1]:8080", "[::1]", "wapi.example.com", "wapi_1.local:80", "example.com."} {
		if !validHost(good) {
			t.Errorf("%s is refused", good)
		}
	}
	for _, bad := range []string{"", ":80", "a b", "a/b", "user@host", "host:port", "host:99999", "a..b", "-a", `a"b`, "[fe80::1%25eth0]:80", "<x>"} {
		if validHost(bad) {
			t.Errorf("%s is taken", bad)
		}
	}
}
