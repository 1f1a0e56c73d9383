package httpapi

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"wapid/engine"
)

// requests says how each route that needs a key is called well, with a body
// where it takes one.
var requests = map[string]string{
	"POST /api/whatsapp/session":                        `{"sessionId":"main"}`,
	"GET /api/whatsapp/sessions":                        "",
	"GET /api/whatsapp/session/:id/status":              "",
	"DELETE /api/whatsapp/session/:id":                  "",
	"POST /api/whatsapp/session/:id/send":               `{"to":"919876543210","message":"Hi"}`,
	"POST /api/whatsapp/session/:id/send-bulk":          `{"recipients":["919876543210"],"message":"Hi"}`,
	"GET /api/whatsapp/bulk-job/:jobId":                 "",
	"GET /api/whatsapp/bulk-job/:jobId/items":           "",
	"POST /api/whatsapp/bulk-job/:jobId/cancel":         "",
	"GET /api/whatsapp/bulk-jobs":                       "",
	"GET /api/whatsapp/messages":                        "",
	"GET /api/whatsapp/session/:id/messages/:messageId": "",
	"PUT /api/account/webhook":                          `{"url":"https://example.com/hook"}`,
	"GET /api/account/webhook":                          "",
	"DELETE /api/account/webhook":                       "",
	"GET /api/account":                                  "",
	"PATCH /api/account":                                `{"name":"Mine"}`,
	"GET /api/account/usage":                            "",
	"GET /api/account/api-keys":                         "",
	"POST /api/account/api-keys":                        `{"name":"Shop","scope":"send"}`,
	"DELETE /api/account/api-keys/:keyId":               "",
	"POST /api/account/api-key/reset":                   "",
	"POST /api/account/webhook/test":                    "",

	"POST /api/whatsapp/session/:id/check":                             `{"phones":["919876543210"]}`,
	"GET /api/whatsapp/session/:id/me":                                 "",
	"GET /api/whatsapp/session/:id/contacts":                           "",
	"GET /api/whatsapp/session/:id/contacts/:contact/avatar":           "",
	"GET /api/whatsapp/session/:id/blocklist":                          "",
	"POST /api/whatsapp/session/:id/blocklist":                         `{"action":"block","contact":"919876543211"}`,
	"GET /api/whatsapp/session/:id/groups":                             "",
	"POST /api/whatsapp/session/:id/groups":                            `{"subject":"Orders","participants":["919876543211"]}`,
	"GET /api/whatsapp/session/:id/groups/:groupId":                    "",
	"PATCH /api/whatsapp/session/:id/groups/:groupId":                  `{"subject":"Orders"}`,
	"POST /api/whatsapp/session/:id/groups/:groupId/participants":      `{"action":"add","participants":["919876543211"]}`,
	"POST /api/whatsapp/session/:id/groups/:groupId/leave":             "",
	"GET /api/whatsapp/session/:id/groups/:groupId/invite-link":        "",
	"POST /api/whatsapp/session/:id/groups/:groupId/invite-link/reset": "",
	"POST /api/whatsapp/session/:id/chats/:chat/read":                  "",
	"POST /api/whatsapp/session/:id/chats/:chat/presence":              `{"state":"typing"}`,
	"POST /api/whatsapp/session/:id/chats/:chat/archive":               `{"archive":true}`,
	"POST /api/whatsapp/session/:id/presence":                          `{"available":true}`,
	"GET /api/whatsapp/session/:id/messages/:messageId/media":          "",

	"PATCH /api/whatsapp/session/:id":                `{"name":"Shop"}`,
	"POST /api/whatsapp/session/:id/restart":         "",
	"GET /api/whatsapp/session/:id/events":           "",
	"POST /api/whatsapp/session/:id/pairing-code":    `{"phone":"919876543210"}`,
	"POST /api/whatsapp/session/:id/passkey":         `{"credential":` + someCredential + `}`,
	"POST /api/whatsapp/session/:id/passkey/confirm": "",
	"POST /api/whatsapp/session/:id/pairing-link":    "",
}

// inPath fills in what stands in a path beside the session.
var inPath = strings.NewReplacer(":contact", "919876543211", ":groupId", "120363025246125486", ":chat", "919876543211@s.whatsapp.net")

func TestEveryRouteRefuses(t *testing.T) {
	d := start(t)
	d.link("main")
	seen := 0
	for _, route := range d.server.routes() {
		if route.tenant == nil {
			continue
		}
		seen++
		body, known := requests[route.method+" "+route.path]
		if !known {
			t.Errorf("%s %s is not in the table", route.method, route.path)
			continue
		}
		t.Run(route.method+route.path, func(t *testing.T) {
			good := call{method: route.method, path: strings.ReplaceAll(inPath.Replace(route.path), ":id", "main"), key: d.key, body: body}
			refuseKeys(d, good)
			if strings.Contains(route.path, ":id") {
				unknown := good
				unknown.path = strings.ReplaceAll(inPath.Replace(route.path), ":id", "nobody")
				d.wants(d.do(unknown), http.StatusNotFound, engine.CodeSessionNotFound)
				foreign := good
				foreign.key = d.otherKey
				d.wants(d.do(foreign), http.StatusNotFound, engine.CodeSessionNotFound)
				invalid := good
				invalid.path = strings.ReplaceAll(inPath.Replace(route.path), ":id", "a%20b")
				d.wants(d.do(invalid), http.StatusBadRequest, engine.CodeInvalid)
			}
			if body != "" {
				refuseBodies(d, good)
			}
		})
	}
	if seen != len(requests) {
		t.Errorf("%d routes need a key, the table has %d", seen, len(requests))
	}
}

func refuseKeys(d *daemon, good call) {
	d.t.Helper()
	for _, key := range []string{"", "wrong", d.key + "x", d.key[:len(d.key)-1], d.key[:len(d.key)-1] + "!", strings.ToUpper(d.key),
		d.key + ", " + d.otherKey, strings.Repeat("k", 4000)} {
		bad := good
		bad.key = key
		d.wants(d.do(bad), http.StatusUnauthorized, engine.CodeUnauthorized)
	}
}

func refuseBodies(d *daemon, good call) {
	d.t.Helper()
	for _, body := range []string{
		" ", `{`, `[]`, `null`, `"text"`, `{}`, good.body + "x", good.body + good.body,
		`{"unheardOf":1}`,
		strings.Replace(good.body, `{"`, `{"unheardOf":1,"`, 1),
		strings.Replace(good.body, `":"`, `":null,"x":"`, 1),
		strings.Replace(good.body, `":"`, `":{"a":"`, 1) + "}",
		"{\"to\":\"\xff\"}", `{"to":"\u0000","sessionId":"\u0000","url":"\u0000"}`,
		strings.Repeat("[", 100_000),
	} {
		if body == good.body {
			continue // there was nothing to replace
		}
		bad := good
		bad.body = body
		d.wants(d.do(bad), http.StatusBadRequest, engine.CodeInvalid)
	}
	for _, field := range []string{"sessionId", "to", "message", "url", "name", "scope", "phones", "subject", "action", "contact", "state"} {
		if !strings.Contains(good.body, `"`+field+`":`) {
			continue
		}
		for _, value := range []string{"1", "true", "{}", "[]"} {
			bad := good
			bad.body = fmt.Sprintf(`{"%s":%s}`, field, value)
			r := d.do(bad)
			d.wants(r, http.StatusBadRequest, engine.CodeInvalid)
			if !strings.Contains(r.body, field) {
				d.t.Errorf("the answer does not name %s: %s", field, r.body)
			}
		}
	}
	empty := good
	empty.body = ""
	d.wants(d.do(empty), http.StatusBadRequest, engine.CodeInvalid)
	form := good
	form.header = with(good.header, "Content-Type", "application/x-www-form-urlencoded")
	d.wants(d.do(form), http.StatusUnsupportedMediaType, CodeUnsupportedMedia)
	zipped := good
	zipped.header = with(good.header, "Content-Encoding", "gzip")
	d.wants(d.do(zipped), http.StatusUnsupportedMediaType, CodeUnsupportedMedia)
	large, most := good, maxTestBody
	if strings.HasSuffix(good.path, "/send-bulk") {
		most *= bulkBodies
	}
	large.body = `{"to":"` + strings.Repeat("x", most) + `"}`
	d.wants(d.do(large), http.StatusRequestEntityTooLarge, CodePayloadTooLarge)
}

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
		{http.MethodGet, "/", 404, engine.CodeNotFound, ""},
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
