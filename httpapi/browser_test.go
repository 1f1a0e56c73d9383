package httpapi

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"

	"wapid/engine"
	"wapid/store"
)

// browser is one that is logged in.
type browser struct {
	cookie string // name=token
	webSessionResponse
}

// header is what our own page sends with everything.
func (b browser) header() map[string]string {
	return map[string]string{"Cookie": b.cookie, headerCSRF: b.CSRF, headerFetchSite: "same-origin"}
}

// replacing is header with another value of one; "" leaves it out.
func replacing(header map[string]string, name, value string) map[string]string {
	out := maps.Clone(header)
	out[name] = value
	return out
}

// browser logs in.
func (d *daemon) browser(body string) (b browser) {
	d.t.Helper()
	r := d.do(call{method: http.MethodPost, path: "/dashboard/login", body: body})
	d.wants(r, http.StatusOK, "")
	if err := json.Unmarshal([]byte(r.body), &b); err != nil {
		d.t.Fatal(err)
	}
	b.cookie, _, _ = strings.Cut(r.header.Get("Set-Cookie"), ";")
	return b
}

// as is do for a browser.
func (d *daemon) as(b browser, method, path, body string) reply {
	d.t.Helper()
	return d.do(call{method: method, path: path, body: body, header: b.header()})
}

// refuseCookies tries a route for browsers with everything but what it needs.
func (d *daemon) refuseCookies(r route, good call, b browser) {
	d.t.Helper()
	d.wants(d.do(good), http.StatusUnauthorized, engine.CodeUnauthorized) // with a key
	good.key = ""
	d.wants(d.do(good), http.StatusUnauthorized, engine.CodeUnauthorized)
	for _, cookie := range []string{b.cookie + "x", b.cookie[:len(b.cookie)-1], "wapid_session=", "wapid_session=x", strings.Replace(b.cookie, "wapid", "other", 1)} {
		bad := good
		bad.header = replacing(b.header(), "Cookie", cookie)
		d.wants(d.do(bad), http.StatusUnauthorized, engine.CodeUnauthorized)
	}
	if r.method != http.MethodGet {
		bad := good
		bad.header = replacing(b.header(), headerCSRF, "")
		d.wants(d.do(bad), http.StatusForbidden, engine.CodeForbidden)
	}
}

// TestACookieStandsInForTheKey is a table of what a browser may and may not.
func TestACookieStandsInForTheKey(t *testing.T) {
	d := start(t)
	d.link("main")
	tenant := d.browser(`{"apiKey":"` + d.key + `"}`)
	again := d.browser(`{"apiKey":"` + d.key + `"}`)
	other := d.browser(`{"apiKey":"` + d.otherKey + `"}`)
	reader := d.browser(`{"apiKey":"` + d.keyFor(store.ScopeRead, nil) + `"}`)
	elsewhere := d.browser(`{"apiKey":"` + d.keyFor(store.ScopeManage, []engine.SessionID{"elsewhere"}) + `"}`)
	operator := d.browser(`{"adminKey":"` + testAdminKey + `"}`)
	const status, rename = "/api/whatsapp/session/main/status", "/api/whatsapp/session/main"
	for name, c := range map[string]struct {
		method, path, body string
		header             map[string]string
		key                string
		status             int
		code               engine.Code
	}{
		"looks":                  {http.MethodGet, status, "", tenant.header(), "", 200, ""},
		"looks without csrf":     {http.MethodGet, status, "", map[string]string{"Cookie": tenant.cookie}, "", 200, ""},
		"typed the address":      {http.MethodGet, status, "", map[string]string{"Cookie": tenant.cookie, headerFetchSite: "none"}, "", 200, ""},
		"no cookie":              {http.MethodGet, status, "", replacing(tenant.header(), "Cookie", ""), "", 401, engine.CodeUnauthorized},
		"a wrong cookie":         {http.MethodGet, status, "", replacing(tenant.header(), "Cookie", tenant.cookie+"x"), "", 401, engine.CodeUnauthorized},
		"changes":                {http.MethodPatch, rename, `{"name":"New"}`, tenant.header(), "", 200, ""},
		"without csrf":           {http.MethodPatch, rename, `{"name":"X"}`, replacing(tenant.header(), headerCSRF, ""), "", 403, engine.CodeForbidden},
		"with a wrong csrf":      {http.MethodPatch, rename, `{"name":"X"}`, replacing(tenant.header(), headerCSRF, tenant.CSRF[1:]), "", 403, engine.CodeForbidden},
		"with another's csrf":    {http.MethodPatch, rename, `{"name":"X"}`, replacing(tenant.header(), headerCSRF, again.CSRF), "", 403, engine.CodeForbidden},
		"from another site":      {http.MethodPatch, rename, `{"name":"X"}`, replacing(tenant.header(), headerFetchSite, "cross-site"), "", 403, engine.CodeForbidden},
		"from a sister site":     {http.MethodPatch, rename, `{"name":"X"}`, replacing(tenant.header(), headerFetchSite, "same-site"), "", 403, engine.CodeForbidden},
		"looks from elsewhere":   {http.MethodGet, status, "", replacing(tenant.header(), headerFetchSite, "cross-site"), "", 403, engine.CodeForbidden},
		"from a foreign origin":  {http.MethodPatch, rename, `{"name":"X"}`, replacing(replacing(tenant.header(), headerFetchSite, ""), "Origin", "http://evil.example"), "", 403, engine.CodeForbidden},
		"from its own origin":    {http.MethodPatch, rename, `{"name":"New"}`, replacing(replacing(tenant.header(), headerFetchSite, ""), "Origin", d.url), "", 200, ""},
		"an opaque origin":       {http.MethodPatch, rename, `{"name":"X"}`, replacing(replacing(tenant.header(), headerFetchSite, ""), "Origin", "null"), "", 403, engine.CodeForbidden},
		"a key counts instead":   {http.MethodPatch, rename, `{"name":"X"}`, other.header(), d.key, 200, ""},
		"a wrong key counts too": {http.MethodGet, status, "", tenant.header(), "wrong", 401, engine.CodeUnauthorized},
		"another tenant's id":    {http.MethodGet, status, "", other.header(), "", 404, engine.CodeSessionNotFound},
		"another session":        {http.MethodGet, status, "", elsewhere.header(), "", 404, engine.CodeSessionNotFound},
		"reads with scope read":  {http.MethodGet, status, "", reader.header(), "", 200, ""},
		"more than its scope":    {http.MethodPatch, rename, `{"name":"X"}`, reader.header(), "", 403, engine.CodeForbidden},
		"the operator's":         {http.MethodGet, "/api/admin/tenants", "", tenant.header(), "", 403, engine.CodeForbidden},
		"the operator looks":     {http.MethodGet, "/api/admin/tenants", "", operator.header(), "", 200, ""},
		"the operator changes":   {http.MethodPatch, "/api/admin/tenants/other", `{"name":"Other"}`, operator.header(), "", 200, ""},
		"operator without csrf":  {http.MethodPatch, "/api/admin/tenants/other", `{"name":"X"}`, replacing(operator.header(), headerCSRF, ""), "", 403, engine.CodeForbidden},
		"the operator's account": {http.MethodGet, status, "", operator.header(), "", 403, engine.CodeForbidden},
		"a socket":               {http.MethodGet, "/api/whatsapp/events/ws", "", tenant.header(), "", 401, engine.CodeUnauthorized},
		"the whole account":      {http.MethodPatch, "/api/account", `{"name":"X"}`, elsewhere.header(), "", 403, engine.CodeForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			d := *d
			d.t = t
			d.wants(d.do(call{method: c.method, path: c.path, body: c.body, header: c.header, key: c.key}), c.status, c.code)
		})
	}
}

func TestLoggingInAndOut(t *testing.T) {
	d := start(t)
	b := d.browser(`{"apiKey":"` + d.key + `"}`)
	if b.Role != roleTenant || b.Tenant == nil || b.Tenant.ID != store.DefaultTenant || b.Scope != store.ScopeManage || len(b.CSRF) < 40 {
		t.Errorf("it is %+v", b)
	}
	r := d.do(call{method: http.MethodPost, path: "/dashboard/login", body: `{"apiKey":"` + d.key + `"}`})
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "path=/", "max-age=604800"} {
		if got := r.header.Get("Set-Cookie"); !strings.Contains(strings.ToLower(got), strings.ToLower(want)) || strings.Contains(got, "secure") {
			t.Errorf("the cookie is %q, without %s", got, want)
		}
	}
	r = d.as(b, http.MethodGet, "/dashboard/session", "")
	d.wants(r, http.StatusOK, "")
	if !strings.Contains(r.body, `"csrf":"`+b.CSRF+`"`) {
		t.Errorf("the session is %s", r.body)
	}
	for body, want := range map[string]struct {
		status int
		code   engine.Code
	}{
		`{"apiKey":"wrong"}`:                {401, engine.CodeUnauthorized},
		`{"adminKey":"` + d.key + `"}`:      {401, engine.CodeUnauthorized},
		`{"apiKey":"` + testAdminKey + `"}`: {401, engine.CodeUnauthorized},
		`{"link":"nothing"}`:                {410, CodeLinkExpired},
		`{}`:                                {400, engine.CodeInvalid},
		`{"email":"a@example.com","password":"0123456789"}`:        {400, engine.CodeInvalid},
		`{"apiKey":"` + d.key + `","link":"x"}`:                    {400, engine.CodeInvalid},
		`{"apiKey":"` + d.key + `","adminKey":"` + d.key + `"}`:    {400, engine.CodeInvalid},
		`{"apiKey":"` + d.key + `","email":"x","password":"yyyy"}`: {400, engine.CodeInvalid},
	} {
		d.wants(d.do(call{method: http.MethodPost, path: "/dashboard/login", body: body}), want.status, want.code)
	}
	d.wants(d.do(call{method: http.MethodPost, path: "/dashboard/login", body: `{"apiKey":"` + d.key + `"}`,
		header: map[string]string{headerFetchSite: "cross-site"}}), http.StatusForbidden, engine.CodeForbidden)

	// Logging in again ends what the browser was before.
	next := d.do(call{method: http.MethodPost, path: "/dashboard/login", body: `{"apiKey":"` + d.otherKey + `"}`, header: b.header()})
	d.wants(next, http.StatusOK, "")
	d.wants(d.as(b, http.MethodGet, "/dashboard/session", ""), http.StatusUnauthorized, engine.CodeUnauthorized)

	b = d.browser(`{"apiKey":"` + d.key + `"}`)
	r = d.as(b, http.MethodPost, "/dashboard/logout", "")
	d.wants(r, http.StatusOK, "")
	if got := r.header.Get("Set-Cookie"); !strings.HasPrefix(got, "wapid_session=;") || !strings.Contains(got, "1970") {
		t.Errorf("the cookie is %q", got)
	}
	d.wants(d.as(b, http.MethodGet, "/dashboard/session", ""), http.StatusUnauthorized, engine.CodeUnauthorized)
	d.wants(d.as(b, http.MethodGet, "/api/whatsapp/sessions", ""), http.StatusUnauthorized, engine.CodeUnauthorized)
}

// TestALoginEndsWithItsKey takes away what logins stand on.
func TestALoginEndsWithItsKey(t *testing.T) {
	d := start(t)
	key := d.keyFor(store.ScopeManage, nil)
	b := d.browser(`{"apiKey":"` + key + `"}`)
	main := d.browser(`{"apiKey":"` + d.key + `"}`)
	second := d.browser(`{"apiKey":"` + d.key + `"}`)

	var keys struct {
		Keys []struct{ KeyID, Name string }
	}
	r := d.as(main, http.MethodGet, "/api/account/api-keys", "")
	if err := json.Unmarshal([]byte(r.body), &keys); err != nil {
		t.Fatal(err)
	}
	for _, k := range keys.Keys {
		if k.Name == "walk" {
			d.wants(d.as(b, http.MethodDelete, "/api/account/api-keys/"+k.KeyID, ""), http.StatusBadRequest, engine.CodeInvalid)
			d.wants(d.as(main, http.MethodDelete, "/api/account/api-keys/"+k.KeyID, ""), http.StatusOK, "")
		}
	}
	d.wants(d.as(b, http.MethodGet, "/dashboard/session", ""), http.StatusUnauthorized, engine.CodeUnauthorized)

	// Who replaces the key stays; who is logged in by it elsewhere does not.
	d.wants(d.as(main, http.MethodPost, "/api/account/api-key/reset", ""), http.StatusOK, "")
	d.wants(d.as(main, http.MethodGet, "/dashboard/session", ""), http.StatusOK, "")
	d.wants(d.as(second, http.MethodGet, "/dashboard/session", ""), http.StatusUnauthorized, engine.CodeUnauthorized)
	d.wants(d.admin(http.MethodPost, "/api/admin/tenants/default/api-key/reset", ""), http.StatusOK, "")
	d.wants(d.as(main, http.MethodGet, "/dashboard/session", ""), http.StatusUnauthorized, engine.CodeUnauthorized)

	other := d.browser(`{"apiKey":"` + d.otherKey + `"}`)
	d.wants(d.admin(http.MethodPost, "/api/admin/tenants/other/suspend", ""), http.StatusOK, "")
	d.wants(d.as(other, http.MethodGet, "/dashboard/session", ""), http.StatusForbidden, engine.CodeTenantSuspended)
	d.wants(d.as(other, http.MethodGet, "/api/whatsapp/sessions", ""), http.StatusForbidden, engine.CodeTenantSuspended)
	d.wants(d.do(call{method: http.MethodPost, path: "/dashboard/login", body: `{"apiKey":"` + d.otherKey + `"}`}), http.StatusForbidden, engine.CodeTenantSuspended)
	d.wants(d.as(other, http.MethodPost, "/dashboard/logout", ""), http.StatusOK, "")
}

func TestALinkLogsInOnce(t *testing.T) {
	d := start(t)
	r := d.admin(http.MethodPost, "/api/admin/tenants/other/login-link", "")
	d.wants(r, http.StatusOK, "")
	_, rest, _ := strings.Cut(r.body, loginPath)
	token, _, _ := strings.Cut(rest, `"`)
	body := `{"link":"` + token + `"}`
	d.wants(d.admin(http.MethodPost, "/api/admin/tenants/other/suspend", ""), http.StatusOK, "")
	d.wants(d.do(call{method: http.MethodPost, path: "/dashboard/login", body: body}), http.StatusForbidden, engine.CodeTenantSuspended)
	d.wants(d.admin(http.MethodPost, "/api/admin/tenants/other/resume", ""), http.StatusOK, "")
	b := d.browser(body)
	if b.Tenant == nil || b.Tenant.ID != "other" || b.Scope != store.ScopeManage {
		t.Errorf("it is %+v", b)
	}
	d.wants(d.do(call{method: http.MethodPost, path: "/dashboard/login", body: body}), http.StatusGone, CodeLinkExpired)
	d.wants(d.as(b, http.MethodGet, "/api/whatsapp/sessions", ""), http.StatusOK, "")
	d.wants(d.as(b, http.MethodGet, "/api/account", ""), http.StatusOK, "")
	// It stands on no key, so that a new one does not end it.
	d.wants(d.as(b, http.MethodPost, "/api/account/api-key/reset", ""), http.StatusOK, "")
	d.wants(d.as(b, http.MethodGet, "/dashboard/session", ""), http.StatusOK, "")
	log := d.admin(http.MethodGet, "/api/admin/audit?tenantId=other", "").body
	for _, want := range []string{`"actor":"web:`, `"action":"login.link"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log is %s", log)
		}
	}
}

// TestACookieStaysWithTLSThatAProxySpeaks is about a proxy that nobody has named a
// trusted one: the browser says by what its page came.
func TestACookieStaysWithTLSThatAProxySpeaks(t *testing.T) {
	d := start(t, func(d *daemon) { d.server.public = "https://wapi.example.com" })
	for origin, want := range map[string]bool{
		"https://wapi.example.com": true, strings.Replace(d.url, "http:", "https:", 1): true, "https://evil.example": false, d.url: false, "": false,
	} {
		header := map[string]string{headerFetchSite: "same-origin", "Origin": origin}
		r := d.do(call{method: http.MethodPost, path: "/dashboard/login", body: `{"apiKey":"` + d.key + `"}`, header: header})
		d.wants(r, http.StatusOK, "")
		if got := r.header.Get("Set-Cookie"); strings.Contains(got, "; secure") != want {
			t.Errorf("for a page of %q the cookie is %q", origin, got)
		}
	}
}
