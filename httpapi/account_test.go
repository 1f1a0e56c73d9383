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
)

// field reads one text member of an answer.
func (r reply) field(t testing.TB, name string) string {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		t.Fatalf("%s: %v", r.body, err)
	}
	text, _ := body[name].(string)
	return text
}

// newKey makes a key of the default tenant.
func (d *daemon) newKey(body string) (id, key string) {
	d.t.Helper()
	r := d.post("/api/account/api-keys", body)
	d.wants(r, http.StatusCreated, "")
	return r.field(d.t, "keyId"), r.field(d.t, "apiKey")
}

func TestAccountTellsItsLimitsAndItsKey(t *testing.T) {
	d := start(t)
	r := d.get("/api/account")
	d.wants(r, http.StatusOK, "")
	if !strings.HasPrefix(r.body, `{"tenantId":"default","name":"Default","dailyLimit":null,"maxSessions":null,"rateLimit":300000,"timeZone":"UTC","retentionDays":null,"sessions":0,"usage":{"day":"`) ||
		!strings.Contains(r.body, `"sent":0,"limit":null},"key":{"keyId":"`) || !strings.Contains(r.body, `"scope":"manage"}`) {
		t.Errorf("got %s", r.body)
	}
	r = d.do(call{method: http.MethodPatch, path: "/api/account", key: d.key, body: `{"name":" Größe "}`})
	if d.wants(r, http.StatusOK, ""); r.field(t, "name") != "Größe" {
		t.Errorf("got %s", r.body)
	}
	for _, body := range []string{`{}`, `{"name":""}`, `{"name":null}`, `{"timeZone":"Asia/Kolkata"}`, `{"name":"` + strings.Repeat("x", 101) + `"}`} {
		d.wants(d.do(call{method: http.MethodPatch, path: "/api/account", key: d.key, body: body}), http.StatusBadRequest, engine.CodeInvalid)
	}
	d.wants(d.admin(http.MethodPatch, "/api/admin/tenants/other", `{"dailyLimit":100,"maxSessions":2,"rateLimit":60,"retentionDays":30,"timeZone":"Asia/Kolkata"}`), http.StatusOK, "")
	r = d.do(call{method: http.MethodGet, path: "/api/account", key: d.otherKey})
	if !strings.HasPrefix(r.body, `{"tenantId":"other","name":"Other","dailyLimit":100,"maxSessions":2,"rateLimit":60,"timeZone":"Asia/Kolkata","retentionDays":30,`) {
		t.Errorf("got %s", r.body)
	}
}

func TestKeysAreMadeListedAndEnded(t *testing.T) {
	d := start(t)
	expires := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	id, key := d.newKey(`{"name":"Shop","scope":"send","sessions":["main","main","b"],"expiresAt":"` + expires + `"}`)
	r := d.get("/api/account/api-keys")
	var list keyListResponse
	if err := json.Unmarshal([]byte(r.body), &list); err != nil || len(list.Keys) != 2 {
		t.Fatalf("%s: %v", r.body, err)
	}
	first, shop := list.Keys[0], list.Keys[1]
	if !first.Main || first.Scope != store.ScopeManage || first.LastUsedAt == "" || !strings.HasPrefix(d.key, first.Prefix+"_") {
		t.Errorf("the first key is %+v", first)
	}
	if string(shop.KeyID) != id || shop.Main || shop.LastUsedAt != "" || len(shop.Sessions) != 2 || shop.ExpiresAt == "" || !strings.HasPrefix(key, shop.Prefix+"_") {
		t.Errorf("the new key is %+v", shop)
	}
	if strings.Contains(r.body, key) || strings.Contains(r.body, d.key) {
		t.Error("the list shows a key")
	}
	for _, body := range []string{
		`{"name":"x"}`, `{"scope":"send"}`, `{"name":"x","scope":"root"}`, `{"name":" ","scope":"send"}`, `{"name":"x","scope":"send","sessions":[]}`,
		`{"name":"x","scope":"send","sessions":["a b"]}`, `{"name":"x","scope":"send","sessions":"main"}`,
		`{"name":"x","scope":"send","expiresAt":"2020-01-01T00:00:00Z"}`, `{"name":"x","scope":"send","expiresAt":"tomorrow"}`,
		`{"name":"` + strings.Repeat("x", 101) + `","scope":"send"}`, `{"name":"a\nb","scope":"send"}`,
	} {
		d.wants(d.post("/api/account/api-keys", body), http.StatusBadRequest, engine.CodeInvalid)
	}
	remove := func(id, key string) reply {
		return d.do(call{method: http.MethodDelete, path: "/api/account/api-keys/" + id, key: key})
	}
	d.wants(remove(id, d.otherKey), http.StatusNotFound, engine.CodeNotFound)
	d.wants(remove("nobody", d.key), http.StatusNotFound, engine.CodeNotFound)
	d.wants(remove(string(first.KeyID), d.key), http.StatusBadRequest, engine.CodeInvalid)
	d.wants(d.do(call{method: http.MethodGet, path: "/api/account", key: key}), http.StatusOK, "")
	d.wants(remove(id, d.key), http.StatusOK, "")
	d.wants(d.do(call{method: http.MethodGet, path: "/api/account", key: key}), http.StatusUnauthorized, engine.CodeUnauthorized)
	d.wants(remove(id, d.key), http.StatusNotFound, engine.CodeNotFound)
}

func TestTenantsHaveABoundedNumberOfKeys(t *testing.T) {
	d := start(t)
	for i := 1; i < store.MaxKeys; i++ {
		if _, _, err := d.store.IssueKey(t.Context(), store.DefaultTenant, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	d.wants(d.post("/api/account/api-keys", `{"name":"x","scope":"read"}`), http.StatusBadRequest, engine.CodeInvalid)
}

func TestResetReplacesTheMainKeyAtOnce(t *testing.T) {
	d := start(t)
	_, second := d.newKey(`{"name":"second","scope":"manage"}`)
	r := d.post("/api/account/api-key/reset", "")
	d.wants(r, http.StatusOK, "")
	fresh := r.field(t, "apiKey")
	if want := fmt.Sprintf(`{"success":true,"apiKey":%q}`, fresh); r.body != want {
		t.Errorf("got %s, want %s", r.body, want)
	}
	d.wants(d.get("/api/account"), http.StatusUnauthorized, engine.CodeUnauthorized)
	d.key = fresh
	d.wants(d.get("/api/account"), http.StatusOK, "")
	d.wants(d.do(call{method: http.MethodGet, path: "/api/account", key: second}), http.StatusOK, "")
	// Another key may reset the main one as well.
	r = d.do(call{method: http.MethodPost, path: "/api/account/api-key/reset", key: second})
	d.wants(r, http.StatusOK, "")
	d.wants(d.get("/api/account"), http.StatusUnauthorized, engine.CodeUnauthorized)
	d.wants(d.do(call{method: http.MethodGet, path: "/api/account", key: r.field(t, "apiKey")}), http.StatusOK, "")
}

// A key that is limited to sessions sees no other session, and changes nothing of
// the account.
func TestSessionsOfKeysHold(t *testing.T) {
	d := start(t)
	d.link("main")
	d.link("b")
	_, limited := d.newKey(`{"name":"limited","scope":"manage","sessions":["b"]}`)
	for _, route := range d.server.routes() {
		if route.tenant == nil {
			continue
		}
		if strings.HasPrefix(route.path, accountPaths) && route.scope == store.ScopeManage {
			c := wellFormed(t, route)
			c.key = limited
			d.wants(d.do(c), http.StatusForbidden, engine.CodeForbidden)
		}
	}
	d.wants(d.do(call{method: http.MethodPost, path: "/api/whatsapp/session", key: limited, body: `{"sessionId":"c"}`}), http.StatusForbidden, engine.CodeForbidden)
	r := d.do(call{method: http.MethodGet, path: "/api/whatsapp/sessions", key: limited})
	if d.wants(r, http.StatusOK, ""); strings.Contains(r.body, `"main"`) || !strings.Contains(r.body, `"b"`) {
		t.Errorf("got %s", r.body)
	}
	d.wants(d.do(call{method: http.MethodGet, path: "/api/whatsapp/session/b/status", key: limited}), http.StatusOK, "")
	d.wants(d.do(call{method: http.MethodGet, path: "/api/account", key: limited}), http.StatusOK, "")
}

func TestKeysComeInEitherHeader(t *testing.T) {
	d := start(t)
	ask := func(apiKey, authorization string) reply {
		return d.do(call{method: http.MethodGet, path: "/api/account", key: apiKey, header: map[string]string{"Authorization": authorization}})
	}
	for _, good := range []string{"Bearer " + d.key, "bearer " + d.key, "BEARER  " + d.key + " "} {
		d.wants(ask("", good), http.StatusOK, "")
	}
	for _, bad := range []string{d.key, "Basic " + d.key, "Bearer", "Bearer ", "Bearer x", "Bearer" + d.key} {
		d.wants(ask("", bad), http.StatusUnauthorized, engine.CodeUnauthorized)
	}
	// X-API-Key counts where both are given.
	if r := ask(d.key, "Bearer "+d.otherKey); r.field(t, "tenantId") != "default" {
		t.Errorf("got %s", r.body)
	}
	d.wants(ask(d.key, "Bearer wrong"), http.StatusOK, "")
	d.wants(ask("wrong", "Bearer "+d.key), http.StatusUnauthorized, engine.CodeUnauthorized)
}

func TestUsageCountsEveryDay(t *testing.T) {
	d := start(t)
	d.link("main")
	d.wants(d.post("/api/whatsapp/session/main/send", `{"to":"919876543211","message":"Hi"}`), http.StatusOK, "")
	today := time.Now().UTC().Format(time.DateOnly)
	r := d.get("/api/account/usage")
	var u usageResponse
	if err := json.Unmarshal([]byte(r.body), &u); err != nil || len(u.Days) != defaultUsageDays {
		t.Fatalf("%s: %v", r.body, err)
	}
	if last := u.Days[len(u.Days)-1]; last.Day != today || last.Sent != 1 || u.Total != 1 || u.To != today || u.TimeZone != "UTC" {
		t.Errorf("today is %+v of %s", last, r.body)
	}
	if r := d.get("/api/account/usage?from=2020-02-28&to=2020-03-01"); !strings.Contains(r.body, `"total":0,"days":[{"day":"2020-02-28","sent":0,"limit":null},{"day":"2020-02-29",`) {
		t.Errorf("got %s", r.body)
	}
	for _, query := range []string{"from=x", "to=2026-13-01", "from=2026-03-02&to=2026-03-01", "from=2024-01-01&to=2026-01-01", "from=", "to=0001-01-01"} {
		d.wants(d.get("/api/account/usage?"+query), http.StatusBadRequest, engine.CodeInvalid)
	}
	if r := d.do(call{method: http.MethodGet, path: "/api/account/usage", key: d.otherKey}); !strings.Contains(r.body, `"total":0`) {
		t.Errorf("another tenant is told %s", r.body)
	}
	r = d.admin(http.MethodGet, "/api/admin/usage?from="+today+"&to="+today, "")
	if want := fmt.Sprintf(`{"from":%q,"to":%q,"total":1,"tenants":[{"tenantId":"default","sent":1}]}`, today, today); r.body != want {
		t.Errorf("got %s, want %s", r.body, want)
	}
}
