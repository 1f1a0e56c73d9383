package httpapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"wapid/engine"
	"wapid/store"
)

func TestGraphPhoneNumbers(t *testing.T) {
	d := start(t)
	d.link("main")
	phone, waba := d.phoneID(), d.wabaID(store.DefaultTenant)
	show := func(path string) reply { return d.graphCall(http.MethodGet, "/graph/"+path, d.key) }
	const node = `{"verified_name":"main","code_verification_status":"VERIFIED","display_phone_number":"+91 98765 43210","quality_rating":"GREEN","platform_type":"CLOUD_API","throughput":{"level":"STANDARD"},"id":"`
	d.says(show(phone), http.StatusOK, node+phone+`"}`)
	d.says(show(phone+"?fields=status,unheard_of,display_phone_number,throughput{level}"), http.StatusOK,
		`{"display_phone_number":"+91 98765 43210","throughput":{"level":"STANDARD"},"id":"`+phone+`","status":"CONNECTED"}`)
	d.says(show(waba+"/phone_numbers"), http.StatusOK, `{"data":[`+node+phone+`"}],"paging":{"cursors":{"before":"`+phone+`","after":"`+phone+`"}}}`)
	d.says(show(waba+"/phone_numbers?after="+phone), http.StatusOK, `{"data":[]}`)
	for _, path := range []string{phone + "/phone_numbers", waba + "/phone_numbers?limit=0", waba + "/phone_numbers?limit=x", "100000000000001", "main", "-1"} {
		d.refusedAs(show(path), http.StatusBadRequest, 100)
	}
	elsewhere := d.keyFor(store.ScopeRead, []engine.SessionID{"elsewhere"})
	d.says(d.graphCall(http.MethodGet, "/graph/"+waba+"/phone_numbers", elsewhere), http.StatusOK, `{"data":[]}`)
	d.refusedAs(d.graphCall(http.MethodGet, "/graph/"+phone, elsewhere), http.StatusForbidden, 10)
	for _, path := range []string{phone, waba, waba + "/phone_numbers"} {
		d.refusedAs(d.graphCall(http.MethodGet, "/graph/"+path, d.otherKey), http.StatusBadRequest, 100)
	}
	for _, step := range []string{"register", "deregister", "request_code", "verify_code"} {
		r := d.graphPost("/graph/"+phone+"/"+step, `{"messaging_product":"whatsapp","pin":"123456"}`)
		if d.refusedAs(r, http.StatusBadRequest, 100); !strings.Contains(r.body, "QR code") {
			t.Errorf("%s: %s", step, r.body)
		}
	}

	d.network.conn(mainKey).handler.Signal(engine.SignalDropped{Cause: engine.DropLoggedOut})
	d.awaitStatus("main", engine.StatusDisconnected)
	d.says(show(phone+"?fields=status"), http.StatusOK, `{"id":"`+phone+`","status":"PENDING"}`)
	d.says(show(waba+"/phone_numbers"), http.StatusOK, `{"data":[]}`)
	d.wants(d.do(call{method: http.MethodDelete, path: mainPath, key: d.key}), http.StatusOK, "")
	d.says(show(phone+"?fields=status,quality_rating"), http.StatusOK, `{"quality_rating":"UNKNOWN","id":"`+phone+`","status":"DELETED"}`)
}

func TestGraphAccountsAndTokens(t *testing.T) {
	d := start(t)
	waba := d.wabaID(store.DefaultTenant)
	tenant, err := d.store.FindTenant(t.Context(), store.DefaultTenant)
	if err != nil {
		t.Fatal(err)
	}
	app, err := d.store.App(t.Context(), store.DefaultTenant)
	if err != nil {
		t.Fatal(err)
	}
	name, id := encode(t, tenant.Name), formatGraphID(app.ID)
	show := func(path string) reply { return d.graphCall(http.MethodGet, "/graph/"+path, d.key) }
	d.says(show(waba+"?fields=id,name"), http.StatusOK, `{"id":"`+waba+`","name":`+name+`}`)
	d.says(show("me"), http.StatusOK, `{"name":`+name+`,"id":"`+id+`"}`)
	d.says(show(id), http.StatusOK, `{"name":`+name+`,"id":"`+id+`"}`)
	d.says(show("debug_token?input_token="+d.keyFor(store.ScopeSend, nil)), http.StatusOK,
		`{"data":{"app_id":"`+id+`","type":"SYSTEM_USER","application":`+name+`,"data_access_expires_at":0,"expires_at":0,"is_valid":true,`+
			`"scopes":["whatsapp_business_messaging"],"granular_scopes":[{"scope":"whatsapp_business_messaging","target_ids":["`+waba+`"]}],"user_id":"`+id+`"}}`)
	for _, token := range []string{"wrong", d.otherKey} {
		d.says(show("debug_token?input_token="+token), http.StatusOK, `{"data":{"is_valid":false,"scopes":[],"error":{"code":190,"message":"Invalid OAuth access token."}}}`)
	}
	d.refusedAs(show("debug_token"), http.StatusBadRequest, 131008)
	unheard := call{method: http.MethodGet, path: "/graph/" + waba + "/unheard_of", header: bearer(d.key), undocumented: true}
	d.refusedAs(d.do(unheard), http.StatusBadRequest, 2500)
}

func TestTheAppIsShownAndRotated(t *testing.T) {
	d := start(t)
	d.link("main")
	read := func(r reply) (a appResponse) {
		t.Helper()
		if err := json.Unmarshal([]byte(r.body), &a); err != nil || r.status != http.StatusOK {
			t.Fatalf("answers %d %s", r.status, r.body)
		}
		return a
	}
	first := read(d.get("/api/account/app"))
	phones := []appPhone{{PhoneNumberID: d.phoneID(), PhoneNumber: "919876543210", SessionID: "main"}}
	if first.WABAID != d.wabaID(store.DefaultTenant) || len(first.Phones) != 1 || first.Phones[0] != phones[0] || len(first.AppSecret) != 32 || len(first.AppID) != 15 {
		t.Errorf("the app is %+v", first)
	}
	turned := read(d.post("/api/account/app/rotate", ""))
	if turned.AppID != first.AppID || turned.AppSecret == first.AppSecret || turned.VerifyToken == first.VerifyToken {
		t.Errorf("rotated it is %+v", turned)
	}
	if again := read(d.get("/api/account/app")); again.AppSecret != turned.AppSecret {
		t.Errorf("then it is %+v", again)
	}
	other := read(d.do(call{method: http.MethodGet, path: "/api/account/app", key: d.otherKey}))
	if other.AppID == first.AppID || other.AppSecret == turned.AppSecret || len(other.Phones) != 0 {
		t.Errorf("another tenant's is %+v", other)
	}
	bound := d.keyFor(store.ScopeManage, []engine.SessionID{"main"})
	d.wants(d.do(call{method: http.MethodGet, path: "/api/account/app", key: bound}), http.StatusForbidden, engine.CodeForbidden)
	log, err := d.store.ListAudit(t.Context(), store.AuditFilter{Tenant: store.DefaultTenant, Action: store.ActionAppRotate, Limit: 5})
	if err != nil || len(log) != 1 || !strings.HasPrefix(string(log[0].By), "key:") {
		t.Errorf("the audit log has %+v, %v", log, err)
	}
}
