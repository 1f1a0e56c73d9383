package httpapi

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"wapid/engine"
)

// with is a copy of headers with one more.
func with(headers map[string]string, name, value string) map[string]string {
	out := map[string]string{name: value}
	maps.Copy(out, headers)
	return out
}

func TestAnswersTellNothingOfTheRequest(t *testing.T) {
	d := start(t)
	d.link("main")
	for _, body := range []string{
		`{"to":"919876543210","message":1}`, `{"to":"00000","message":"Hi"}`, `{"to":"alice@example.com","message":"Hi"}`,
	} {
		if r := d.post("/api/whatsapp/session/main/send", body); strings.Contains(r.body, "919876543210") || strings.Contains(r.body, "alice") {
			t.Errorf("%s is answered with %s", body, r.body)
		}
	}
}

func TestPathsAndMethods(t *testing.T) {
	d := start(t)
	for _, c := range []struct {
		method, path string
		status       int
		code         engine.Code
		allow        string
	}{
		{http.MethodGet, "/index.html", 404, engine.CodeNotFound, ""},
		{http.MethodGet, "/api", 404, engine.CodeNotFound, ""},
		{http.MethodGet, "/API/whatsapp/sessions", 404, engine.CodeNotFound, ""},
		{http.MethodGet, "/api/whatsapp/session//status", 404, engine.CodeNotFound, ""},
		{http.MethodGet, "/api/whatsapp/session/a/b/status", 404, engine.CodeNotFound, ""},
		{http.MethodGet, "/<script>", 404, engine.CodeNotFound, ""},
		{http.MethodGet, "/api/whatsapp/session", 405, CodeMethodNotAllowed, "POST"},
		{http.MethodPost, "/api/whatsapp/sessions", 405, CodeMethodNotAllowed, "GET, HEAD"},
		{http.MethodPut, "/api/whatsapp/session/main", 405, CodeMethodNotAllowed, "DELETE, PATCH"},
		{http.MethodPost, "/api/account/webhook", 405, CodeMethodNotAllowed, "DELETE, GET, HEAD, PUT"},
		{http.MethodOptions, "/healthz", 405, CodeMethodNotAllowed, "GET, HEAD"},
		{http.MethodPatch, "/readyz", 405, CodeMethodNotAllowed, "GET, HEAD"},
		{"BREW", "/healthz", 405, CodeMethodNotAllowed, ""},
		{"get", "/healthz", 405, CodeMethodNotAllowed, ""},
	} {
		r := d.do(call{method: c.method, path: c.path, key: d.key, undocumented: true})
		d.wants(r, c.status, c.code)
		allow := strings.Split(r.header.Get("Allow"), ", ")
		slices.Sort(allow)
		if got := strings.Join(allow, ", "); got != c.allow {
			t.Errorf("%s %s allows %q, want %q", c.method, c.path, got, c.allow)
		}
	}
}
