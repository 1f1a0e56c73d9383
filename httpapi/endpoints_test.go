package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

const hooksPath = "/api/account/webhooks"

// made is what the answers of the tests' webhooks hold.
type made struct {
	WebhookID, Secret, SecretHint, OldSecretUntil, URL, SignatureMode, Name string
	Main, Enabled, HasSecret                                                bool
	Events, Sessions                                                        []string
	Headers                                                                 map[string]string
	Circuit                                                                 struct{ State string }
}

func decodeReply[T any](t testing.TB, r reply) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	return v
}

// hook makes a webhook of the default tenant.
func (d *daemon) hook(body string) made {
	d.t.Helper()
	r := d.post(hooksPath, body)
	d.wants(r, http.StatusCreated, "")
	return decodeReply[made](d.t, r)
}

func (d *daemon) patch(path, body string) reply {
	d.t.Helper()
	return d.do(call{method: http.MethodPatch, path: path, key: d.key, body: body})
}

func (d *daemon) remove(path string) reply {
	d.t.Helper()
	return d.do(call{method: http.MethodDelete, path: path, key: d.key})
}

func TestEndpointsAreMadeShownAndChanged(t *testing.T) {
	d := start(t)
	if r := d.get(hooksPath); r.body != `{"webhooks":[]}` {
		t.Errorf("none: %s", r.body)
	}
	first := d.hook(`{"url":"https://example.com/a"}`)
	if !first.Main || !first.Enabled || !strings.HasPrefix(first.Secret, "whsec_") || len(first.Secret) != len("whsec_")+44 ||
		first.SignatureMode != "both" || first.Circuit.State != "closed" || fmt.Sprint(first.Events) != "[message qr ready disconnected test]" {
		t.Errorf("the first: %+v", first)
	}
	second := d.hook(`{"url":"https://example.com/b","name":"CRM","secret":"correct horse","events":["*"],"sessions":["main","main","b.2"],
		"headers":{"Authorization":"Basic topsecret","X-A":""},"signatureMode":"header","enabled":false}`)
	if second.Main || second.Enabled || second.Secret != "correct horse" || second.Name != "CRM" || fmt.Sprint(second.Sessions) != "[main b.2]" ||
		second.Headers["Authorization"] != "***" || second.SignatureMode != "header" || second.SecretHint != "" {
		t.Errorf("the second: %+v", second)
	}
	path := hooksPath + "/" + second.WebhookID
	for _, r := range []reply{d.get(hooksPath), d.get(path)} {
		if r.status != 200 || strings.Contains(r.body, "horse") || strings.Contains(r.body, "topsecret") || strings.Contains(r.body, first.Secret) {
			t.Errorf("a secret is shown: %s", r.body)
		}
	}
	// What is not named stays; a masked header keeps its value.
	r := d.patch(path, `{"headers":{"Authorization":"***","X-B":"2"},"sessions":[],"enabled":true}`)
	got := decodeReply[made](t, r)
	if r.status != 200 || !got.Enabled || len(got.Sessions) != 0 || len(got.Headers) != 2 || got.Name != "CRM" || got.SignatureMode != "header" {
		t.Errorf("changed: %d %s", r.status, r.body)
	}
	e, err := d.store.FindEndpointByID(t.Context(), store.DefaultTenant, webhooks.EndpointID(second.WebhookID))
	if err != nil || e.Headers["Authorization"] != "Basic topsecret" || e.Headers["X-B"] != "2" || e.Secret != "correct horse" {
		t.Errorf("stored %+v, %v", e, err)
	}
	for _, body := range []string{`{"headers":{"X-New":"***"}}`, `{"url":"ftp://example.com"}`, `{"signatureMode":"none"}`, `{}`,
		`{"events":[]}`, `{"sessions":["a b"]}`, `{"secret":"x"}`, `{"name":"a\u0007"}`, `{"enabled":null}`} {
		d.wants(d.patch(path, body), http.StatusBadRequest, engine.CodeInvalid)
	}
	d.wants(d.patch(path, `{"url":"http://169.254.169.254/"}`), http.StatusBadRequest, engine.CodeEgressRefused)
	d.wants(d.remove(path), http.StatusOK, "")
	d.wants(d.remove(path), http.StatusNotFound, engine.CodeNotFound)
	d.wants(d.get(path), http.StatusNotFound, engine.CodeNotFound)
}

func TestEndpointsRefuse(t *testing.T) {
	d := start(t)
	for _, more := range []string{
		`"secret":""`, `"secret":"` + strings.Repeat("x", 257) + `"`, `"headers":{"Host":"a"}`, `"headers":{"content-length":"1"}`,
		`"headers":{"Webhook-Id":"a"}`, `"headers":{"x-webhook-signature":"a"}`, `"headers":{"a b":"c"}`, `"headers":{"A":"b\r\nC: d"}`,
		`"headers":{"A":" b"}`, `"headers":{"A":"***"}`, `"headers":{"x-a":"1","X-A":"2"}`, `"headers":{"A":1}`, `"headers":[]`,
		`"headers":{"Transfer-Encoding":"chunked"}`, `"headers":{"":"x"}`, `"headers":{"A":"` + strings.Repeat("x", 8<<10) + `"}`,
		`"signatureMode":""`, `"events":["nothing"]`, `"events":[]`, `"sessions":[""]`, `"enabled":"yes"`,
		`"name":"` + strings.Repeat("x", 101) + `"`, `"main":true`,
	} {
		d.wants(d.post(hooksPath, `{"url":"https://example.com",`+more+`}`), http.StatusBadRequest, engine.CodeInvalid)
	}
	d.wants(d.post(hooksPath, `{"url":"http://localhost/"}`), http.StatusBadRequest, engine.CodeEgressRefused)
	if r := d.get(hooksPath); r.body != `{"webhooks":[]}` {
		t.Errorf("a refused webhook is there: %s", r.body)
	}
	for range webhooks.MaxEndpoints {
		d.hook(`{"url":"https://example.com"}`)
	}
	r := d.post(hooksPath, `{"url":"https://example.com"}`)
	d.wants(r, http.StatusBadRequest, engine.CodeInvalid)
	if !strings.Contains(r.body, "20 webhooks") {
		t.Errorf("the limit is not told: %s", r.body)
	}
}

// The document's single webhook is the first of them, and nobody else's webhook
// changes when it does.
func TestTheSingleWebhookIsTheFirst(t *testing.T) {
	d := start(t)
	const single = "/api/account/webhook"
	put := func(body string) {
		d.wants(d.do(call{method: http.MethodPut, path: single, key: d.key, body: body}), http.StatusOK, "")
	}
	first := d.hook(`{"url":"https://example.com/a","headers":{"X-A":"1"},"signatureMode":"body"}`)
	second := d.hook(`{"url":"https://example.com/b"}`)
	if r := d.get(single); !strings.Contains(r.body, "https://example.com/a") {
		t.Errorf("the single one: %s", r.body)
	}
	put(`{"url":"https://example.com/c"}`)
	got := decodeReply[made](t, d.get(hooksPath+"/"+first.WebhookID))
	if got.URL != "https://example.com/c" || got.HasSecret || got.Headers["X-A"] != "***" || got.SignatureMode != "body" {
		t.Errorf("after the PUT: %+v", got)
	}
	d.wants(d.remove(single), http.StatusOK, "")
	d.wants(d.get(single), http.StatusNotFound, engine.CodeNotFound)
	d.wants(d.remove(single), http.StatusNotFound, engine.CodeNotFound)
	if got := decodeReply[made](t, d.get(hooksPath+"/"+second.WebhookID)); got.Main || got.URL != "https://example.com/b" {
		t.Errorf("the other: %+v", got)
	}
	if third := d.hook(`{"url":"https://example.com/d"}`); third.Main {
		t.Error("a later one became the single one")
	}
	put(`{"url":"https://example.com/e"}`)
	list := decodeReply[struct{ Webhooks []made }](t, d.get(hooksPath)).Webhooks
	if len(list) != 3 || !list[0].Main || list[0].URL != "https://example.com/e" || list[1].URL != "https://example.com/b" {
		t.Errorf("in the end: %+v", list)
	}
}

func TestRotateSecret(t *testing.T) {
	d := start(t)
	h := d.hook(`{"url":"https://example.com/a","secret":"one"}`)
	path := hooksPath + "/" + h.WebhookID + "/rotate-secret"
	stored := func() webhooks.Endpoint {
		e, err := d.store.FindEndpointByID(t.Context(), store.DefaultTenant, webhooks.EndpointID(h.WebhookID))
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	r := d.post(path, "")
	got := decodeReply[made](t, r)
	if r.status != 200 || !strings.HasPrefix(got.Secret, "whsec_") || got.OldSecretUntil == "" || !strings.HasSuffix(got.Secret, strings.TrimPrefix(got.SecretHint, "…")) {
		t.Errorf("rotated: %d %s", r.status, r.body)
	}
	if e := stored(); e.Secret != got.Secret || e.OldSecret != "one" {
		t.Errorf("stored %+v", e)
	}
	d.wants(d.post(path, `{"secret":"two","overlapSeconds":0}`), http.StatusOK, "")
	if e := stored(); e.Secret != "two" || e.OldSecret != "" {
		t.Errorf("without an overlap: %+v", e)
	}
	for _, body := range []string{`{"secret":""}`, `{"overlapSeconds":-1}`, `{"overlapSeconds":604801}`, `{"overlapSeconds":1.5}`} {
		d.wants(d.post(path, body), http.StatusBadRequest, engine.CodeInvalid)
	}
	if e := stored(); e.Secret != "two" {
		t.Errorf("a refused rotation changed it: %+v", e)
	}
}

// Another tenant's webhooks, deliveries and events are not found, and nothing of
// them changes.
func TestEndpointsAreTheirTenantsOwn(t *testing.T) {
	d := start(t)
	h := d.hook(`{"url":"https://example.com/a","secret":"one"}`)
	d.tell("main", engine.EventMessage)
	path := hooksPath + "/" + h.WebhookID
	list := decodeReply[deliveryListResponse](t, d.get(path+"/deliveries"))
	if len(list.Deliveries) != 1 {
		t.Fatalf("%+v", list)
	}
	one := list.Deliveries[0]
	foreign := func(method, path, body string) reply {
		return d.do(call{method: method, path: path, key: d.otherKey, body: body})
	}
	for _, c := range []struct{ method, path, body string }{
		{http.MethodGet, path, ""}, {http.MethodPatch, path, `{"enabled":false}`}, {http.MethodDelete, path, ""},
		{http.MethodPost, path + "/rotate-secret", `{}`}, {http.MethodPost, path + "/test", ""},
		{http.MethodGet, path + "/deliveries", ""}, {http.MethodGet, fmt.Sprint(path, "/deliveries/", one.DeliveryID), ""},
		{http.MethodPost, path + "/redeliver", `{"state":"dead"}`},
		{http.MethodPost, path + "/redeliver", fmt.Sprintf(`{"deliveryIds":[%d]}`, one.DeliveryID)},
	} {
		d.wants(foreign(c.method, c.path, c.body), http.StatusNotFound, engine.CodeNotFound)
	}
	// Their own webhook does not reach our events either.
	r := foreign(http.MethodPost, hooksPath, `{"url":"https://example.com/o"}`)
	d.wants(r, http.StatusCreated, "")
	theirs := hooksPath + "/" + decodeReply[made](t, r).WebhookID
	d.wants(foreign(http.MethodPost, theirs+"/redeliver", `{"eventIds":["`+string(one.EventID)+`"]}`), http.StatusNotFound, engine.CodeNotFound)
	d.wants(foreign(http.MethodPost, theirs+"/redeliver", fmt.Sprintf(`{"deliveryIds":[%d]}`, one.DeliveryID)), http.StatusNotFound, engine.CodeNotFound)
	d.wants(foreign(http.MethodGet, fmt.Sprint(theirs, "/deliveries/", one.DeliveryID), ""), http.StatusNotFound, engine.CodeNotFound)
	if r := foreign(http.MethodPost, theirs+"/redeliver", `{"from":"2020-01-01","to":"2090-01-01"}`); r.body != `{"success":true,"queued":0}` {
		t.Errorf("their range: %s", r.body)
	}
	if got := decodeReply[made](t, d.get(path)); !got.Enabled {
		t.Errorf("ours has changed: %+v", got)
	}
}

// tell logs an event of the default tenant.
func (d *daemon) tell(session engine.SessionID, kind engine.EventType) {
	d.t.Helper()
	err := d.store.AppendEvent(d.t.Context(), engine.Event{
		Session: engine.SessionKey{Tenant: store.DefaultTenant, ID: session}, Type: kind, Data: []byte(`{}`)})
	if err != nil {
		d.t.Fatal(err)
	}
}

// A key that is limited to sessions looks at what they have to do with, and
// changes nothing.
func TestBoundKeysAndEndpoints(t *testing.T) {
	d := start(t)
	all, mine, others := d.hook(`{"url":"https://example.com/all"}`), d.hook(`{"url":"https://example.com/mine","sessions":["a","b"]}`),
		d.hook(`{"url":"https://example.com/others","sessions":["b"]}`)
	d.tell("a", engine.EventMessage)
	d.tell("b", engine.EventMessage)
	key := d.keyFor(store.ScopeManage, []engine.SessionID{"a"})
	as := func(method, path, body string) reply {
		return d.do(call{method: method, path: path, key: key, body: body})
	}

	list := decodeReply[struct{ Webhooks []made }](t, as(http.MethodGet, hooksPath, "")).Webhooks
	if len(list) != 2 || list[0].WebhookID != all.WebhookID || list[1].WebhookID != mine.WebhookID || fmt.Sprint(list[1].Sessions) != "[a]" {
		t.Errorf("sees %+v", list)
	}
	d.wants(as(http.MethodGet, hooksPath+"/"+others.WebhookID, ""), http.StatusNotFound, engine.CodeNotFound)
	d.wants(as(http.MethodGet, hooksPath+"/"+others.WebhookID+"/deliveries", ""), http.StatusNotFound, engine.CodeNotFound)
	path := hooksPath + "/" + all.WebhookID
	seen := decodeReply[deliveryListResponse](t, as(http.MethodGet, path+"/deliveries", "")).Deliveries
	if len(seen) != 1 || seen[0].SessionID != "a" {
		t.Errorf("sees %+v", seen)
	}
	if r := as(http.MethodGet, path+"/deliveries?sessionId=b", ""); r.body != `{"deliveries":[]}` {
		t.Errorf("sees %s", r.body)
	}
	for _, one := range decodeReply[deliveryListResponse](t, d.get(path+"/deliveries")).Deliveries {
		want := http.StatusOK
		if one.SessionID != "a" {
			want = http.StatusNotFound
		}
		d.wants(as(http.MethodGet, fmt.Sprint(path, "/deliveries/", one.DeliveryID), ""), want, "")
	}
	for _, c := range []struct{ method, path, body string }{
		{http.MethodPost, hooksPath, `{"url":"https://example.com"}`}, {http.MethodPatch, hooksPath + "/" + mine.WebhookID, `{"enabled":false}`},
		{http.MethodDelete, hooksPath + "/" + mine.WebhookID, ""}, {http.MethodPost, hooksPath + "/" + mine.WebhookID + "/rotate-secret", ""},
		{http.MethodPost, hooksPath + "/" + mine.WebhookID + "/test", ""},
		{http.MethodPost, hooksPath + "/" + mine.WebhookID + "/redeliver", `{"state":"dead"}`},
	} {
		d.wants(as(c.method, c.path, c.body), http.StatusForbidden, engine.CodeForbidden)
	}
	const main = "/api/account/webhook" // is all's
	d.wants(as(http.MethodGet, main, ""), http.StatusOK, "")
	d.patch(path, `{"sessions":["b"]}`)
	d.wants(as(http.MethodGet, main, ""), http.StatusNotFound, engine.CodeNotFound)
}

// TestOldSecretIsShownWhileItSigns reads an endpoint during the overlap and after it.
func TestOldSecretIsShownWhileItSigns(t *testing.T) {
	e := webhooks.Endpoint{Secret: "new", OldSecret: "old", OldSecretUntil: time.Now().Add(time.Hour)}
	if shown := describeEndpoint(store.Principal{}, e).OldSecretTill; shown == "" {
		t.Error("the time until when the old secret signs is not shown")
	}
	e.OldSecretUntil = time.Now().Add(-time.Second)
	if shown := describeEndpoint(store.Principal{}, e).OldSecretTill; shown != "" {
		t.Errorf("an old secret that signs no more is shown until %s", shown)
	}
}
