package httpapi

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

// callback answers challenges as it is told.
type callback struct {
	*httptest.Server
	answer func(w http.ResponseWriter, r *http.Request)
	asked  []*http.Request
}

func startCallback(t *testing.T) *callback {
	t.Helper()
	c := &callback{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.asked = append(c.asked, r)
		c.answer(w, r)
	}))
	t.Cleanup(c.Close)
	return c
}

func echo(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Query().Get("hub.challenge")) }

// withLoopback lets the server connect to receivers on this machine.
func withLoopback(d *daemon) {
	guard := webhooks.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	d.server.guard, d.server.challenger = guard, newChallenger(guard)
}

func (d *daemon) appID(tenant engine.TenantID) string {
	d.t.Helper()
	a, err := d.store.App(d.t.Context(), tenant)
	if err != nil {
		d.t.Fatal(err)
	}
	return formatGraphID(a.ID)
}

// Whatever is wrong with a callback, it is not taken, the error is 2200, and nothing of
// what it answers is shown.
func TestCallbacksAreVerified(t *testing.T) {
	d := start(t, withLoopback)
	c := startCallback(t)
	waba := "/graph/" + d.wabaID(store.DefaultTenant) + "/subscribed_apps"
	subscribe := func(url string) reply {
		t.Helper()
		return d.graphBody(http.MethodPost, waba, d.key, fmt.Sprintf(`{"override_callback_uri":%q,"verify_token":"a&b=c"}`, url))
	}
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request){
		"something else": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "internal secret") },
		"nothing":        func(http.ResponseWriter, *http.Request) {},
		"more":           func(w http.ResponseWriter, r *http.Request) { echo(w, r); fmt.Fprint(w, "\n") },
		"quotes":         func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "%q", r.URL.Query().Get("hub.challenge")) },
		"not found":      func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404); echo(w, r) },
		"created":        func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(201); echo(w, r) },
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/other?"+r.URL.RawQuery, http.StatusFound)
		},
		"much": func(w http.ResponseWriter, r *http.Request) {
			echo(w, r)
			fmt.Fprint(w, strings.Repeat(" ", 1<<20))
		},
	} {
		c.answer = answer
		r := subscribe(c.URL)
		d.refusedAs(r, http.StatusBadRequest, 2200)
		if strings.Contains(r.body, "secret") {
			t.Errorf("%s: the answer is shown: %s", name, r.body)
		}
	}
	for _, url := range []string{"", "ftp://example.com", "http://10.0.0.1/", "http://169.254.169.254/", "https://user:pass@example.com", "http://127.0.0.1:1/", "no url"} {
		if r := subscribe(url); url != "" {
			d.refusedAs(r, http.StatusBadRequest, 2200)
		}
	}
	if r := d.get(hooksPath); r.body != `{"webhooks":[]}` {
		t.Errorf("an unverified callback is there: %s", r.body)
	}

	// Its own parameters stay, ours are escaped.
	c.answer, c.asked = echo, nil
	d.says(subscribe(c.URL+"/hook?a=1&hub.mode=x"), http.StatusOK, `{"success":true}`)
	q := c.asked[0].URL.Query()
	if q.Get("a") != "1" || fmt.Sprint(q["hub.mode"]) != "[subscribe]" || q.Get("hub.verify_token") != "a&b=c" || len(q.Get("hub.challenge")) != 10 {
		t.Errorf("asked with %v", q)
	}
	if e := decodeReply[struct {
		Webhooks []struct{ URL, Format, Origin string }
	}](t, d.get(hooksPath)); len(e.Webhooks) != 1 || e.Webhooks[0].URL != c.URL+"/hook?a=1&hub.mode=x" || e.Webhooks[0].Origin != "waba" {
		t.Errorf("the webhook is %+v", e)
	}
}

// Parameters come in the query, as a form, or as JSON. Without a token the app's is used.
func TestSubscriptionsTakeForms(t *testing.T) {
	d := start(t, withLoopback)
	c := startCallback(t)
	c.answer = echo
	app := "/graph/" + d.appID(store.DefaultTenant) + "/subscriptions"
	a, err := d.store.App(t.Context(), store.DefaultTenant)
	if err != nil {
		t.Fatal(err)
	}
	send := func(query, body, contentType string) {
		t.Helper()
		c.asked = nil
		r := d.do(call{method: http.MethodPost, path: app + query, body: body, header: map[string]string{"Authorization": "Bearer " + d.key, "Content-Type": contentType}})
		d.says(r, http.StatusOK, `{"success":true}`)
		if len(c.asked) != 1 || c.asked[0].URL.Query().Get("hub.verify_token") != a.VerifyToken {
			t.Errorf("asked %v", c.asked)
		}
	}
	send("?object=whatsapp_business_account&fields=messages&callback_url="+c.URL, "", "")
	send("", "object=whatsapp_business_account&fields=messages&callback_url="+c.URL, "application/x-www-form-urlencoded")
	body, contentType := makeForm(t, "boundary", formPart{name: "object", value: "whatsapp_business_account"}, formPart{name: "callback_url", value: c.URL}, formPart{name: "fields", value: "messages"})
	send("", body, contentType)
	send("", fmt.Sprintf(`{"callback_url":%q,"fields":["messages"],"unknown":{}}`, c.URL), "application/json")
	d.says(d.graphCall(http.MethodGet, app, d.key), http.StatusOK,
		`{"data":[{"object":"whatsapp_business_account","callback_url":"`+c.URL+`","active":true,"fields":[{"name":"messages","version":"v23.0"}]}]}`)
	for _, bad := range []string{`{}`, `{"callback_url":""}`, `{"callback_url":"` + c.URL + `","fields":"security"}`, `{"callback_url":"` + c.URL + `","object":"page"}`} {
		d.refusedAs(d.graphBody(http.MethodPost, app, d.key, bad), http.StatusBadRequest, 100)
	}
}

// Receivers that know messages alone fail at the rest: they get that only if the app asks for it.
func TestOverridesHaveTheAppsFields(t *testing.T) {
	d := start(t, withLoopback)
	c := startCallback(t)
	c.answer = echo
	waba, app := "/graph/"+d.wabaID(store.DefaultTenant)+"/subscribed_apps", "/graph/"+d.appID(store.DefaultTenant)+"/subscriptions"
	override := fmt.Sprintf(`{"override_callback_uri":%q,"verify_token":"x"}`, c.URL)
	templates := func() (told int) {
		for _, e := range decodeReply[struct{ Webhooks []struct{ Events []string } }](t, d.get(hooksPath)).Webhooks {
			if slices.Contains(e.Events, "template") {
				told++
			}
		}
		return told
	}
	d.says(d.graphBody(http.MethodPost, waba, d.key, override), http.StatusOK, `{"success":true}`)
	d.says(d.graphBody(http.MethodPost, app, d.key, fmt.Sprintf(`{"callback_url":%q}`, c.URL)), http.StatusOK, `{"success":true}`)
	if n := templates(); n != 0 {
		t.Errorf("%d callbacks are told of templates that asked for nothing", n)
	}
	both := fmt.Sprintf(`{"callback_url":%q,"fields":"messages,message_template_status_update"}`, c.URL)
	d.says(d.graphBody(http.MethodPost, app, d.key, both), http.StatusOK, `{"success":true}`)
	d.says(d.graphBody(http.MethodPost, waba, d.key, override), http.StatusOK, `{"success":true}`)
	if n := templates(); n != 2 {
		t.Errorf("%d callbacks are told of templates, after the app has asked for them", n)
	}
}

// A number, an account and an app are their tenant's, and a key that is limited to other
// numbers changes none of them.
func TestSubscriptionsAreTheirTenants(t *testing.T) {
	d := start(t, withLoopback)
	d.link("main")
	c := startCallback(t)
	c.answer = echo
	waba, app, phone := d.wabaID(store.DefaultTenant), d.appID(store.DefaultTenant), d.phoneID()
	elsewhere := d.keyFor(store.ScopeManage, []engine.SessionID{"elsewhere"})
	set := fmt.Sprintf(`{"override_callback_uri":%q,"verify_token":"x"}`, c.URL)
	bodies := map[string]string{
		"/graph/" + waba + "/subscribed_apps": set,
		"/graph/" + app + "/subscriptions":    fmt.Sprintf(`{"callback_url":%q}`, c.URL),
		"/graph/" + phone:                     `{"webhook_configuration":` + set + `}`,
	}
	for path, body := range bodies {
		r := d.graphBody(http.MethodPost, path, d.otherKey, body)
		if d.refusedAs(r, http.StatusBadRequest, 100); !strings.Contains(r.body, `"error_subcode":33`) {
			t.Errorf("%s of another tenant: %s", path, r.body)
		}
		d.refusedAs(d.graphBody(http.MethodPost, path, elsewhere, body), http.StatusForbidden, 10)
	}
	for _, body := range []string{`{}`, `{"webhook_configuration":5}`, `{"webhook_configuration":{}}`, `{"webhook_configuration":{"override_callback_uri":5}}`} {
		d.refusedAs(d.graphBody(http.MethodPost, "/graph/"+phone, d.key, body), http.StatusBadRequest, 100)
	}
	if len(c.asked) != 0 {
		t.Error("a callback was asked for nobody")
	}
	for path, body := range bodies {
		d.says(d.graphBody(http.MethodPost, path, d.key, body), http.StatusOK, `{"success":true}`)
	}
	want := fmt.Sprintf(`{"id":%q,"webhook_configuration":{"phone_number":%q,"whatsapp_business_account":%q,"application":%q}}`, phone, c.URL, c.URL, c.URL)
	d.says(d.graphCall(http.MethodGet, "/graph/"+phone+"?fields=webhook_configuration", d.key), http.StatusOK, want)
	d.says(d.graphBody(http.MethodPost, "/graph/"+phone, d.key, `{"webhook_configuration":{"override_callback_uri":""}}`), http.StatusOK, `{"success":true}`)
	d.says(d.graphCall(http.MethodDelete, "/graph/"+waba+"/subscribed_apps", d.key), http.StatusOK, `{"success":true}`)
	d.says(d.graphCall(http.MethodGet, "/graph/"+waba+"/subscribed_apps", d.key), http.StatusOK, `{"data":[]}`)
	if r := d.graphCall(http.MethodGet, "/graph/"+app+"/subscriptions", d.key); !strings.Contains(r.body, `"active":false`) {
		t.Errorf("the app's callback is %s", r.body)
	}
	d.says(d.graphCall(http.MethodDelete, "/graph/"+app+"/subscriptions", d.key), http.StatusOK, `{"success":true}`)
	if r := d.get(hooksPath); r.body != `{"webhooks":[]}` {
		t.Errorf("left: %s", r.body)
	}
}

// A webhook of ours may have any format, and asks for what that can tell.
func TestEndpointsHaveFormats(t *testing.T) {
	d := start(t)
	type formatted struct {
		WebhookID, Format string
		Events            []string
	}
	make := func(more string) (f formatted) {
		t.Helper()
		r := d.post(hooksPath, `{"url":"https://example.com"`+more+`}`)
		d.wants(r, http.StatusCreated, "")
		return decodeReply[formatted](t, r)
	}
	for more, want := range map[string]string{
		"": "wapiconnect [message qr ready disconnected test]", `,"format":"standard"`: "standard [message qr ready disconnected test]",
		`,"format":"meta"`: "meta [message message.status test]", `,"format":"meta","events":["*"]`: "meta [message message.status template test]", `,"format":"onprem","events":["*"]`: "onprem [message message.status test]",
		`,"format":"hub","events":["message"]`: "hub [message]",
	} {
		if f := make(more); fmt.Sprint(f.Format, " ", f.Events) != want {
			t.Errorf("%s: %+v, want %s", more, f, want)
		}
	}
	for _, more := range []string{`,"format":""`, `,"format":"json"`, `,"format":7`, `,"format":"meta","events":["qr"]`, `,"origin":"app"`} {
		d.wants(d.post(hooksPath, `{"url":"https://example.com"`+more+`}`), http.StatusBadRequest, engine.CodeInvalid)
	}
	path := hooksPath + "/" + make(`,"events":["qr"]`).WebhookID
	for _, change := range []struct{ body, want string }{
		{`{"format":"meta"}`, "meta [message message.status test]"}, {`{"events":["message"]}`, "meta [message]"},
		{`{"format":"meta"}`, "meta [message]"}, {`{"format":"standard","events":["qr"]}`, "standard [qr]"}, {`{"format":"wapiconnect"}`, "wapiconnect [message qr ready disconnected test]"},
	} {
		r := d.patch(path, change.body)
		if f := decodeReply[formatted](t, r); r.status != http.StatusOK || fmt.Sprint(f.Format, " ", f.Events) != change.want {
			t.Errorf("%s: %s, want %s", change.body, r.body, change.want)
		}
	}
	d.wants(d.patch(path, `{"format":"meta","events":["qr"]}`), http.StatusBadRequest, engine.CodeInvalid)
}

// What a session tells that never had a number can't be told in Meta's format, and a
// message of one that lost it goes on under its id.
func TestMetasFactsOfAnEvent(t *testing.T) {
	d := start(t)
	d.link("main")
	formats := NewEventFormats(d.store)
	event := engine.Event{ID: "01J", Session: engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}, Type: engine.EventMessage, At: time.Now(),
		Data: []byte(`{"id":"A","from":"919876543299@s.whatsapp.net","body":"hi","type":"image","isGroup":false,"hasMedia":true,"chat":"919876543299@s.whatsapp.net","timestamp":1,"media":{"mimeType":"image/png"}}`)}
	meta := webhooks.Endpoint{Tenant: store.DefaultTenant, Format: webhooks.FormatMeta}
	first, err := formats.Encode(t.Context(), meta, event)
	if err != nil || first.Nothing || !strings.Contains(string(first.Body), `"phone_number_id":"`+d.phoneID()+`"`) {
		t.Fatalf("%s, %v", first.Body, err)
	}
	if again, err := formats.Encode(t.Context(), meta, event); err != nil || string(again.Body) != string(first.Body) {
		t.Errorf("again it is %s, %v", again.Body, err)
	}
	event.Session.ID = "never"
	if _, err := formats.Encode(t.Context(), meta, event); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("of a session without a number: %v", err)
	}
	event.Session.ID, event.Data = "main", []byte(`{"unreadable":true}`)
	if _, err := formats.Encode(t.Context(), meta, event); engine.CodeOf(err) != engine.CodeInternal {
		t.Errorf("of a damaged event: %v", err)
	}
	if _, err := formats.Encode(t.Context(), webhooks.Endpoint{Format: "wapiconnect"}, event); engine.CodeOf(err) != engine.CodeInternal {
		t.Errorf("of our own format: %v", err)
	}
}
