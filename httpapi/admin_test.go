package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"wapid/engine"
	"wapid/store"
)

func TestTenantIsCreatedWhole(t *testing.T) {
	d := start(t)
	r := d.admin(http.MethodPost, "/api/admin/tenants",
		`{"name":"My Business","dailyLimit":100,"maxSessions":1,"webhookUrl":"https://example.com/hook","webhookSecret":"s3cret"}`)
	d.wants(r, http.StatusCreated, "")
	id, key := r.field(t, "tenantId"), r.field(t, "apiKey")
	if !regexp.MustCompile(`^my-business-[a-z0-9]{6}$`).MatchString(id) || !strings.HasPrefix(r.body, fmt.Sprintf(`{"success":true,"tenantId":%q,"apiKey":%q,`, id, key)) {
		t.Errorf("got %s", r.body)
	}
	if r := d.do(call{method: http.MethodGet, path: "/api/account", key: key}); r.field(t, "tenantId") != id || !strings.Contains(r.body, `"dailyLimit":100,"maxSessions":1,`) {
		t.Errorf("the account is %s", r.body)
	}
	if r := d.do(call{method: http.MethodGet, path: "/api/account/webhook", key: key}); r.field(t, "url") != "https://example.com/hook" || !strings.Contains(r.body, `"hasSecret":true`) {
		t.Errorf("the webhook is %s", r.body)
	}
	for _, body := range []string{
		`{"name":""}`, `{"name":"x","dailyLimit":-1}`, `{"name":"x","dailyLimit":1.5}`, `{"name":"x","dailyLimit":"5"}`, `{"name":"x","maxSessions":{}}`,
		`{"name":"x","rateLimit":1000000001}`, `{"name":"x","retentionDays":40000}`, `{"name":"x","timeZone":"Mars/Base"}`, `{"name":"x","tenantId":"Not An Id"}`,
		`{"name":"x","tenantId":"other"}`, `{"name":"x","webhookUrl":"ftp://x"}`, `{"name":"x","webhookSecret":"y"}`,
		`{"name":"x","webhookUrl":"https://example.com","webhookSecret":"` + strings.Repeat("x", 257) + `"}`,
	} {
		d.wants(d.admin(http.MethodPost, "/api/admin/tenants", body), http.StatusBadRequest, engine.CodeInvalid)
	}
	d.wants(d.admin(http.MethodPost, "/api/admin/tenants", `{"name":"x","webhookUrl":"http://127.0.0.1:1/"}`), http.StatusBadRequest, engine.CodeEgressRefused)
	if r := d.admin(http.MethodPost, "/api/admin/tenants", `{"name":"x","dailyLimit":1.5}`); !strings.Contains(r.body, "dailyLimit") {
		t.Errorf("the answer does not name the field: %s", r.body)
	}
	r = d.admin(http.MethodPost, "/api/admin/tenants", `{"name":"x","tenantId":"chosen","dailyLimit":null,"maxSessions":0,"timeZone":null}`)
	if d.wants(r, http.StatusCreated, ""); !strings.Contains(r.body, `"tenantId":"chosen"`) || !strings.Contains(r.body, `"dailyLimit":null,"maxSessions":null`) {
		t.Errorf("got %s", r.body)
	}
	r = d.admin(http.MethodGet, "/api/admin/tenants", "")
	if d.wants(r, http.StatusOK, ""); !strings.Contains(r.body, `"total":4}`) {
		t.Errorf("refused requests have left tenants: %s", r.body)
	}
}

func TestTenantsAreListedInPages(t *testing.T) {
	d := start(t)
	for i := range 5 {
		d.wants(d.admin(http.MethodPost, "/api/admin/tenants", fmt.Sprintf(`{"name":"x","tenantId":"t%d"}`, i)), http.StatusCreated, "")
	}
	var seen []string
	for cursor, pages := "", 0; pages < 9; pages++ {
		r := d.admin(http.MethodGet, "/api/admin/tenants?limit=3&cursor="+cursor, "")
		var page tenantListResponse
		if err := json.Unmarshal([]byte(r.body), &page); err != nil || page.Total != 7 {
			t.Fatalf("%s: %v", r.body, err)
		}
		for _, one := range page.Tenants {
			seen = append(seen, string(one.TenantID))
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if got := strings.Join(seen, " "); got != "default other t0 t1 t2 t3 t4" {
		t.Errorf("seen %s", got)
	}
	for _, query := range []string{"limit=0", "limit=201", "limit=x", "limit="} {
		d.wants(d.admin(http.MethodGet, "/api/admin/tenants?"+query, ""), http.StatusBadRequest, engine.CodeInvalid)
	}
}

func TestTenantIsChanged(t *testing.T) {
	d := start(t)
	patch := func(body string) reply { return d.admin(http.MethodPatch, "/api/admin/tenants/other", body) }
	r := patch(`{"dailyLimit":5,"timeZone":"Asia/Kolkata","name":"New"}`)
	if d.wants(r, http.StatusOK, ""); !strings.Contains(r.body, `"name":"New","status":"active","dailyLimit":5,"maxSessions":null,"rateLimit":null,"timeZone":"Asia/Kolkata"`) {
		t.Errorf("got %s", r.body)
	}
	if r = patch(`{"maxSessions":3}`); !strings.Contains(r.body, `"dailyLimit":5,"maxSessions":3`) {
		t.Errorf("what was left out has changed: %s", r.body)
	}
	if r = patch(`{"dailyLimit":null,"maxSessions":0}`); !strings.Contains(r.body, `"dailyLimit":null,"maxSessions":null`) {
		t.Errorf("null and 0 don't end a limit: %s", r.body)
	}
	for _, body := range []string{`{}`, `{"name":null}`, `{"name":" "}`, `{"timeZone":""}`, `{"dailyLimit":true}`, `{"suspended":true}`} {
		d.wants(patch(body), http.StatusBadRequest, engine.CodeInvalid)
	}
}

func TestSuspensionStopsRequestsOnly(t *testing.T) {
	d := start(t)
	d.link("main")
	const tenant = "/api/admin/tenants/default"
	r := d.admin(http.MethodPost, tenant+"/suspend", "")
	if d.wants(r, http.StatusOK, ""); r.field(t, "status") != "suspended" || r.field(t, "suspendedAt") == "" {
		t.Errorf("got %s", r.body)
	}
	for _, c := range []call{
		{method: http.MethodGet, path: "/api/account"}, {method: http.MethodGet, path: "/api/whatsapp/session/main/status"},
		{method: http.MethodPost, path: "/api/whatsapp/session/main/send", body: `{"to":"919876543210","message":"Hi"}`},
	} {
		c.key = d.key
		d.wants(d.do(c), http.StatusForbidden, engine.CodeTenantSuspended)
	}
	if r := d.admin(http.MethodGet, tenant, ""); r.field(t, "status") != "suspended" || !strings.Contains(r.body, `"sessions":1`) {
		t.Errorf("got %s", r.body)
	}
	snap, err := d.engine.Snapshot(engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"})
	if err != nil || snap.State.Status != engine.StatusReady {
		t.Errorf("the session is %+v, %v", snap.State, err)
	}
	d.wants(d.do(call{method: http.MethodGet, path: "/api/account", key: d.otherKey}), http.StatusOK, "")
	d.wants(d.admin(http.MethodPost, tenant+"/suspend", ""), http.StatusOK, "")
	r = d.admin(http.MethodPost, tenant+"/resume", "")
	if d.wants(r, http.StatusOK, ""); r.field(t, "status") != "active" || r.field(t, "suspendedAt") != "" {
		t.Errorf("got %s", r.body)
	}
	d.wants(d.get("/api/account"), http.StatusOK, "")
}

func TestDeletionBeginsTheErasure(t *testing.T) {
	told := make(chan struct{}, 4)
	d := start(t, func(d *daemon) { d.server.erase = func() { told <- struct{}{} } })
	d.wants(d.admin(http.MethodDelete, "/api/admin/tenants/default", ""), http.StatusBadRequest, engine.CodeInvalid)
	if len(told) != 0 {
		t.Error("a refused deletion is told")
	}
	for range 2 {
		r := d.admin(http.MethodDelete, "/api/admin/tenants/other", "")
		if d.wants(r, http.StatusAccepted, ""); r.body != `{"success":true,"tenantId":"other","status":"erasing"}` {
			t.Errorf("got %s", r.body)
		}
		<-told
	}
	d.wants(d.do(call{method: http.MethodGet, path: "/api/account", key: d.otherKey}), http.StatusUnauthorized, engine.CodeUnauthorized)
	for _, c := range []call{
		{method: http.MethodPatch, path: "/api/admin/tenants/other", body: `{"name":"x"}`},
		{method: http.MethodPost, path: "/api/admin/tenants/other/resume"},
		{method: http.MethodPost, path: "/api/admin/tenants/other/api-key/reset"},
		{method: http.MethodPost, path: "/api/admin/tenants/other/api-keys", body: `{"name":"x","scope":"read"}`},
	} {
		d.wants(d.admin(c.method, c.path, c.body), http.StatusNotFound, engine.CodeNotFound)
	}
	if r := d.admin(http.MethodGet, "/api/admin/tenants/other", ""); r.field(t, "status") != "erasing" {
		t.Errorf("got %s", r.body)
	}
}

func TestEverythingIsAudited(t *testing.T) {
	d := start(t, func(d *daemon) {
		d.server = New(Options{Engine: d.engine, Store: d.store, Network: d.network.Info(), ShellKey: "the-shell's-own-key"})
	})
	as := map[string]string{headerAdminKey: testAdminKey, headerRequestID: "mine"}
	d.wants(d.do(call{method: http.MethodPost, path: "/api/admin/tenants", body: `{"name":"x","tenantId":"t","webhookUrl":"https://example.com/","webhookSecret":"hush-hush"}`, header: as}), http.StatusCreated, "")
	as[headerAdminKey] = "the-shell's-own-key"
	d.wants(d.do(call{method: http.MethodPatch, path: "/api/admin/tenants/t", body: `{"dailyLimit":7}`, header: as}), http.StatusOK, "")
	as[headerAdminKey] = "the-shell's-own-keY"
	d.wants(d.do(call{method: http.MethodPatch, path: "/api/admin/tenants/t", body: `{"dailyLimit":8}`, header: as}), http.StatusUnauthorized, engine.CodeUnauthorized)
	for _, path := range []string{"suspend", "resume", "api-key/reset"} {
		d.wants(d.admin(http.MethodPost, "/api/admin/tenants/t/"+path, ""), http.StatusOK, "")
	}
	r := d.admin(http.MethodPost, "/api/admin/tenants/t/api-keys", `{"name":"Mine","scope":"manage"}`)
	d.wants(r, http.StatusCreated, "")
	id, key := r.field(t, "keyId"), r.field(t, "apiKey")
	d.wants(d.do(call{method: http.MethodPatch, path: "/api/account", key: key, body: `{"name":"y"}`}), http.StatusOK, "")
	d.wants(d.admin(http.MethodDelete, "/api/admin/tenants/t/api-keys/"+id, ""), http.StatusOK, "")
	d.wants(d.admin(http.MethodDelete, "/api/admin/tenants/t", ""), http.StatusAccepted, "")

	r = d.admin(http.MethodGet, "/api/admin/audit?tenantId=t", "")
	var log auditResponse
	if err := json.Unmarshal([]byte(r.body), &log); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range log.Entries {
		got = append(got, fmt.Sprintf("%s %s", e.Actor, e.Action))
	}
	want := []string{"operator tenant.delete", "operator key.delete", "key:" + id + " tenant.update", "operator key.create", "operator key.reset",
		"operator tenant.resume", "operator tenant.suspend", "shell tenant.update", "operator tenant.create"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if first := log.Entries[len(log.Entries)-1]; first.RequestID != "mine" || first.Target != "t" || first.At == "" {
		t.Errorf("the first entry is %+v", first)
	}
	if strings.Contains(r.body, "hush") || strings.Contains(r.body, key) || strings.Contains(r.body, "wapid_") {
		t.Errorf("the log holds a secret: %s", r.body)
	}
	r = d.admin(http.MethodGet, "/api/admin/audit?tenantId=t&action=tenant.update&limit=1", "")
	cursor := r.field(t, "nextCursor")
	if !strings.Contains(r.body, `"actor":"key:`) || cursor == "" {
		t.Errorf("got %s", r.body)
	}
	r = d.admin(http.MethodGet, "/api/admin/audit?tenantId=t&action=tenant.update&limit=1&cursor="+cursor, "")
	if !strings.Contains(r.body, `"actor":"shell"`) || r.field(t, "nextCursor") != "" {
		t.Errorf("got %s", r.body)
	}
	for _, query := range []string{"action=tenant.explode", "action=", "tenantId=A", "cursor=x", "limit=0"} {
		d.wants(d.admin(http.MethodGet, "/api/admin/audit?"+query, ""), http.StatusBadRequest, engine.CodeInvalid)
	}
}

func TestSessionLimitIsAHardOne(t *testing.T) {
	d := start(t)
	d.wants(d.admin(http.MethodPatch, "/api/admin/tenants/default", `{"maxSessions":2}`), http.StatusOK, "")
	type outcome struct {
		id string
		r  reply
	}
	made := make(chan outcome)
	for i := range 6 {
		id := fmt.Sprintf("s%d", i)
		go func() {
			made <- outcome{id, d.post("/api/whatsapp/session", `{"sessionId":"`+id+`"}`)}
		}()
	}
	var there, refused []outcome
	for range 6 {
		if o := <-made; o.r.status == http.StatusOK {
			there = append(there, o)
		} else {
			refused = append(refused, o)
		}
	}
	if len(there) != 2 {
		t.Fatalf("%d sessions were made, the limit is 2", len(there))
	}
	for _, o := range refused {
		d.wants(o.r, http.StatusForbidden, engine.CodeSessionLimit)
		if !strings.Contains(o.r.body, `"limit":2,"used":2`) {
			t.Errorf("got %s", o.r.body)
		}
	}
	d.wants(d.post("/api/whatsapp/session", `{"sessionId":"`+there[0].id+`"}`), http.StatusOK, "")
	d.wants(d.admin(http.MethodPatch, "/api/admin/tenants/default", `{"maxSessions":1}`), http.StatusOK, "")
	d.wants(d.post("/api/whatsapp/session", `{"sessionId":"`+there[1].id+`"}`), http.StatusOK, "")
	for _, o := range there {
		d.wants(d.do(call{method: http.MethodDelete, path: "/api/whatsapp/session/" + o.id, key: d.key}), http.StatusOK, "")
	}
	d.wants(d.post("/api/whatsapp/session", `{"sessionId":"new"}`), http.StatusOK, "")
}
