package httpapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v4"

	"wapid/engine"
	"wapid/store"
)

// strangers fill a path's parameters with ids that are well formed and that
// nobody has, except for the session, which exists and is ready.
var strangers = map[string]string{
	"id":        "main",
	"messageId": "3EB0B430A8B7F6C1D2E3",
	"jobId":     "65f1a2b3c4d5e6f7a8b9c0d1",
	"keyId":     "01HZZZZZZZZZZZZZZZZZZZZZZZ",
	"tenantId":  "nobody-a1b2c3",
	"groupId":   "120363000000000000",
	"chat":      "919876543299",
	"contact":   "919876543299",
	"phone":     "919876543299",
	"file":      "nothing.js",
	"token":     strings.Repeat("a", 43),

	"objectId":      "100000000000001",
	"templateId":    "01HZZZZZZZZZZZZZZZZZZZZZZZ",
	"templateName":  "nothing_like_it",
	"mediaId":       "00000000-0000-4000-8000-000000000000",
	"contactId":     "00000000-0000-4000-8000-000000000000",
	"publicationId": "aaaaaaaaaaaaaaaaaaaaaaaaaa",
	"partnerId":     "partner",
	"channelId":     "nobody",
	"waId":          "12",

	"number": "919876543299",
	"device": "7",
	"fault":  "fault-99",

	"webhookId":  "01HZZZZZZZZZZZZZZZZZZZZZZZ",
	"deliveryId": "1",
}

// operation is what the OpenAPI document says of a route's body.
type operation struct {
	takes    bool // a JSON body
	required bool
	example  map[string]any
	schema   map[string]any
}

// TestEveryRouteRefuses walks the server's table of routes: whatever is wrong with a
// request, it is told so in the documented form, changes nothing, and never looks
// like a defect. How a request is well formed is read from the document.
func TestEveryRouteRefuses(t *testing.T) {
	d := start(t)
	d.link("main")
	keys := map[store.Scope]string{}
	for _, scope := range []store.Scope{store.ScopeRead, store.ScopeSend} {
		keys[scope] = d.keyFor(scope, nil)
	}
	elsewhere := d.keyFor(store.ScopeManage, []engine.SessionID{"elsewhere"})
	before := d.state()
	visitor := d.browser(`{"apiKey":"` + d.key + `"}`)
	for _, r := range d.server.routes() {
		t.Run(r.method+r.path, func(t *testing.T) {
			op, good := operationOf(t, r), wellFormed(t, r)
			d.server.rates.strangers.Purge() // all routes together try more wrong keys than an address may
			good.key = d.key
			d := *d
			d.t = t
			if dialectOf(r.path) != nil && r.tenant != nil {
				d.refuseInDialect(r, good, op, keys, elsewhere)
				return
			}
			if dialectOf(r.path) != nil {
				return // it takes anything, and needs no key
			}
			switch {
			case r.tenant != nil:
				d.refuseKeys(good)
				d.refuseScopes(r, good, keys)
				d.refuseStrangers(r, good, elsewhere)
			case r.operator != nil:
				d.refuseAdminKeys(good)
				good.key, good.header = "", map[string]string{headerAdminKey: testAdminKey}
				d.refuseTenants(r, good)
			case r.browser != nil:
				d.refuseCookies(r, good, visitor)
				good.key, good.header = "", visitor.header()
			}
			if !r.anyQuery {
				d.refuseQuery(good)
			}
			if op.takes {
				d.refuseBodies(good, op)
			}
		})
	}
	if after := d.state(); after != before {
		t.Errorf("refused requests changed something:\n%s\nwas\n%s", after, before)
	}
}

// theDocument is the OpenAPI document as plain values.
var theDocument = sync.OnceValues(func() (doc map[string]any, err error) {
	err = yaml.Unmarshal(openAPI, &doc)
	return doc, err
})

// operationOf reads what the document says of a route.
func operationOf(t *testing.T, r route) operation {
	t.Helper()
	doc, err := theDocument()
	if err != nil {
		t.Fatal(err)
	}
	path := regexp.MustCompile(`:(\w+)`).ReplaceAllString(r.path, "{$1}")
	found := at(doc, doc, "paths", path, strings.ToLower(r.method))
	if found == nil {
		t.Fatal("the route is not in the document")
	}
	body := at(doc, found, "requestBody")
	media := at(doc, body, "content", "application/json")
	if media == nil {
		return operation{}
	}
	op := operation{takes: true, schema: resolved(doc, at(doc, media, "schema"))}
	op.required, _ = body["required"].(bool)
	op.example, _ = media["example"].(map[string]any)
	if op.example == nil {
		// The first by name, so that each run takes the same.
		if all := at(doc, media, "examples"); len(all) > 0 {
			first := slices.Min(slices.Collect(maps.Keys(all)))
			op.example = at(doc, all, first, "value")
		}
	}
	if op.example == nil {
		op.example, _ = op.schema["example"].(map[string]any)
	}
	if op.example == nil && at(doc, op.schema, "properties") == nil {
		op.example = map[string]any{} // there is nothing to say
	}
	if op.example == nil {
		t.Fatal("the document has no example of the body")
	}
	return op
}

// wellFormed is a call of a route as the document's example has it, about the
// session "main", still without a key.
func wellFormed(t *testing.T, r route) call {
	t.Helper()
	c := call{method: r.method, path: fillPath(t, r.path, "main")}
	if op := operationOf(t, r); op.takes {
		c.body = encode(t, op.example)
	}
	return c
}

// at descends into a part of the document; a part that is missing is nil.
func at(doc, from map[string]any, keys ...string) map[string]any {
	for _, k := range keys {
		next, _ := resolved(doc, from)[k].(map[string]any)
		from = next
	}
	return resolved(doc, from)
}

// resolved follows references within the document.
func resolved(doc, part map[string]any) map[string]any {
	for range 8 {
		ref, ok := part["$ref"].(string)
		if !ok {
			return part
		}
		part = doc
		for _, k := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
			part, _ = part[k].(map[string]any)
		}
	}
	return part
}

func encode(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// fillPath puts ids into a route's path.
func fillPath(t testing.TB, path, session string) string {
	t.Helper()
	return regexp.MustCompile(`:(\w+)`).ReplaceAllStringFunc(path, func(p string) string {
		value, known := strangers[p[1:]]
		if !known {
			t.Fatalf("no value for the parameter %s: name it as others are, or add it here", p)
		}
		if p == ":id" {
			return session
		}
		return value
	})
}

// keyFor issues a key of the default tenant.
func (d *daemon) keyFor(scope store.Scope, sessions []engine.SessionID) string {
	d.t.Helper()
	_, plain, err := d.store.CreateKey(d.t.Context(), store.Origin{By: store.ActorOperator}, store.DefaultTenant,
		store.KeyGrant{Name: "walk", Scope: scope, Sessions: sessions})
	if err != nil {
		d.t.Fatal(err)
	}
	return plain
}

// state is what a refused request must not change.
func (d *daemon) state() string {
	d.t.Helper()
	var b strings.Builder
	for _, path := range []string{"/api/whatsapp/messages", "/api/whatsapp/sessions", "/api/whatsapp/bulk-jobs", "/api/account/api-keys",
		"/api/whatsapp/opt-outs", "/api/account/opt-out-words", "/api/account/webhooks"} {
		r := d.get(path)
		d.wants(r, http.StatusOK, "")
		fmt.Fprintln(&b, path, r.body)
	}
	// When a key was last used is not what this is about.
	return regexp.MustCompile(`,?"lastUsedAt":"[^"]*"`).ReplaceAllString(b.String(), "")
}

func (d *daemon) refuseKeys(good call) {
	d.t.Helper()
	for _, key := range []string{"", "wrong", d.key + "x", d.key[:len(d.key)-1], d.key[:len(d.key)-1] + "!", strings.ToUpper(d.key),
		d.key + ", " + d.otherKey, strings.Repeat("k", 4000)} {
		bad := good
		bad.key = key
		d.wants(d.do(bad), http.StatusUnauthorized, engine.CodeUnauthorized)
	}
}

func (d *daemon) refuseAdminKeys(good call) {
	d.t.Helper()
	for _, key := range []string{"", "wrong", testAdminKey + "x", testAdminKey[1:], strings.ToUpper(testAdminKey), d.key} {
		bad := good // with a tenant's key, which is none of the operator's
		bad.header = map[string]string{headerAdminKey: key}
		d.wants(d.do(bad), http.StatusUnauthorized, engine.CodeUnauthorized)
	}
}

// refuseTenants names tenants and keys that there are not.
func (d *daemon) refuseTenants(r route, good call) {
	d.t.Helper()
	if !strings.Contains(r.path, ":tenantId") {
		return
	}
	d.wants(d.do(good), http.StatusNotFound, engine.CodeNotFound)
	for _, id := range []string{"Not_An_Id", "a%20b"} {
		bad := good
		bad.path = strings.Replace(good.path, strangers["tenantId"], id, 1)
		d.wants(d.do(bad), http.StatusBadRequest, engine.CodeInvalid)
	}
	if strings.Contains(r.path, ":keyId") {
		bad := good
		bad.path = strings.Replace(good.path, strangers["tenantId"], "other", 1)
		d.wants(d.do(bad), http.StatusNotFound, engine.CodeNotFound)
	}
}

// refuseScopes tries keys that may do less than the route needs.
func (d *daemon) refuseScopes(r route, good call, keys map[store.Scope]string) {
	d.t.Helper()
	for scope, key := range keys {
		if scope.Allows(r.scope) {
			continue
		}
		bad := good
		bad.key = key
		d.wants(d.do(bad), http.StatusForbidden, engine.CodeForbidden)
	}
	if !slices.Contains([]store.Scope{store.ScopeRead, store.ScopeSend, store.ScopeManage}, r.scope) {
		d.t.Errorf("the route has the scope %q", r.scope)
	}
}

// refuseStrangers names what is not the caller's.
func (d *daemon) refuseStrangers(r route, good call, elsewhere string) {
	d.t.Helper()
	if !strings.Contains(r.path, ":id") {
		if strings.Contains(r.path, ":") {
			d.wants(d.do(good), http.StatusNotFound, "")
			foreign := good
			foreign.key = d.otherKey
			d.wants(d.do(foreign), http.StatusNotFound, "")
		}
		return
	}
	unknown := good
	unknown.path = fillPath(d.t, r.path, "nobody")
	d.wants(d.do(unknown), http.StatusNotFound, engine.CodeSessionNotFound)
	for _, key := range []string{d.otherKey, elsewhere} {
		foreign := good
		foreign.key = key
		d.wants(d.do(foreign), http.StatusNotFound, engine.CodeSessionNotFound)
	}
	invalid := good
	invalid.path = fillPath(d.t, r.path, "a%20b")
	d.wants(d.do(invalid), http.StatusBadRequest, engine.CodeInvalid)
}

func (d *daemon) refuseQuery(good call) {
	d.t.Helper()
	bad := good
	bad.path += "?unheardOf=1"
	d.wants(d.do(bad), http.StatusBadRequest, engine.CodeInvalid)
}

func (d *daemon) refuseBodies(good call, op operation) {
	d.t.Helper()
	bodies := []string{
		`{`, `[]`, `"text"`, good.body + "x", good.body + good.body, `{"unheardOf":1}`,
		strings.Replace(good.body, `{`, `{"unheardOf":1,`, 1),
		"{\"to\":\"\xff\"}", `{"to":"\u0000","sessionId":"\u0000","url":"\u0000"}`,
		strings.Repeat("[", 100_000),
	}
	if op.required {
		bodies = append(bodies, " ", "{}", "null")
	}
	for _, body := range bodies {
		d.refuses(good, body)
	}
	properties := at(op.schema, op.schema, "properties")
	for name, property := range properties {
		d.refuseTypes(good, op, name, property)
	}
	if required, _ := op.schema["required"].([]any); required != nil {
		for _, name := range required {
			without := map[string]any{}
			for k, v := range op.example {
				if k != name {
					without[k] = v
				}
			}
			d.refuses(good, encode(d.t, without))
		}
	}
	if op.required {
		empty := good
		empty.body = ""
		d.wants(d.do(empty), http.StatusBadRequest, engine.CodeInvalid)
	}
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

// refuses sends a body that must not be taken.
func (d *daemon) refuses(good call, body string) {
	d.t.Helper()
	bad := good
	bad.body = body
	if r := d.do(bad); r.status != http.StatusBadRequest {
		d.t.Errorf("%.200s is answered with %d %s", body, r.status, r.body)
	}
}

// refuseTypes gives a field values of every type that is not its own.
func (d *daemon) refuseTypes(good call, op operation, name string, property any) {
	d.t.Helper()
	schema, _ := property.(map[string]any)
	own := fmt.Sprint(schema["type"])
	if own == "<nil>" { // of several types, or a reference
		return
	}
	for kind, value := range map[string]any{
		"string": "text", "integer": 1, "boolean": true, "object": map[string]any{"a": 1}, "array": []any{map[string]any{}, 7.5},
	} {
		if strings.Contains(own, kind) || kind == "integer" && strings.Contains(own, "number") {
			continue
		}
		wrong := map[string]any{}
		for k, v := range op.example {
			wrong[k] = v
		}
		wrong[name] = value
		bad := good
		bad.body = encode(d.t, wrong)
		r := d.do(bad)
		if r.status != http.StatusBadRequest || !strings.Contains(r.body, name) {
			d.t.Errorf("a %s for %s is answered with %d %s", kind, name, r.status, r.body)
		}
	}
}
