package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/httpapi/hub"
	"wapid/store"
)

// hub is do in WhatsApp Hub's API, for the default tenant.
func (d *daemon) hub(method, path, body string) reply {
	d.t.Helper()
	return d.hubAs(d.key, method, path, body)
}

func (d *daemon) hubAs(key, method, path, body string) reply {
	d.t.Helper()
	return d.do(call{method: method, path: "/api/v1/" + path, body: body, header: map[string]string{"Authorization": "Bearer " + key}})
}

// refusesHub wants an error in that API's form.
func (d *daemon) refusesHub(r reply, status int, code engine.Code) {
	d.t.Helper()
	var f struct {
		Success *bool
		Error   string
		Code    engine.Code
	}
	if err := json.Unmarshal([]byte(r.body), &f); err != nil || r.status != status || f.Code != code || f.Error == "" || f.Success == nil || *f.Success {
		d.t.Errorf("answers %d %s, want %d %s", r.status, r.body, status, code)
	}
}

func readReply[T any](t *testing.T, r reply, status int) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), &v); err != nil || r.status != status {
		t.Fatalf("answers %d %s, want %d (%v)", r.status, r.body, status, err)
	}
	return v
}

// awaitNth waits until so many messages were sent, and returns the last.
func (d *daemon) awaitNth(n int) engine.Outgoing {
	d.t.Helper()
	d.await("/api/whatsapp/sessions", func(reply) bool { return len(d.network.all()) >= n })
	all := d.network.all()
	return all[n-1]
}

func TestHubSends(t *testing.T) {
	d := start(t)
	d.refusesHub(d.hub("POST", "messages/send", `{"to":"+919876543211","message":"Hi"}`), http.StatusConflict, engine.CodeSessionNotReady)
	d.link("main")
	sent := readReply[hub.Sent](t, d.hub("POST", "messages/send", `{"to":"+919876543211","message":"Hello! Welcome to WhatsApp Hub","type":"text"}`), http.StatusOK)
	if !sent.Success || sent.Status != "queued" || sent.To != "+919876543211" || !strings.HasPrefix(sent.MessageID, "wamid.") {
		t.Errorf("answered %+v", sent)
	}
	if m := d.awaitNth(1); m.Text != "Hello! Welcome to WhatsApp Hub" || m.To != paperFriend.Phone {
		t.Errorf("sent %+v", m)
	}
	// With a slash at the end, and a session by its number.
	d.do(call{method: "POST", path: "/api/v1/messages/send/", undocumented: true, body: `{"to":"+919876543211","message":"two","from":"+91 98765 43210","reply_to":"` + sent.MessageID + `"}`,
		header: map[string]string{"Authorization": "Bearer " + d.key}})
	if m := d.awaitNth(2); m.Text != "two" || m.Quoted == nil || m.Quoted.Text != "Hello! Welcome to WhatsApp Hub" {
		t.Errorf("sent %+v", m)
	}
	for body, want := range map[string]engine.Code{
		`{"to":"+919876543211","message":"Hi","session":"nobody"}`:               engine.CodeSessionNotFound,
		`{"to":"+919876543211","message":"Hi","from":"+49301234567"}`:            engine.CodeSessionNotFound,
		`{"to":"+919876543211","message":"Hi","reply_to":"wamid.nothing"}`:       engine.CodeNotFound,
		`{"to":"+919876543211","template":"nothing_like_it"}`:                    engine.CodeNotFound,
		`{"to":"+919876543211","type":"image","media_url":"http://127.0.0.1/a"}`: engine.CodeEgressRefused,
		`{"to":"nobody","message":"Hi"}`:                                         engine.CodeInvalid,
	} {
		status := http.StatusNotFound
		if want == engine.CodeEgressRefused || want == engine.CodeInvalid {
			status = http.StatusBadRequest
		}
		d.refusesHub(d.hub("POST", "messages/send", body), status, want)
	}
	if n := len(d.network.all()); n != 2 {
		t.Errorf("%d messages were sent", n)
	}
	// Another tenant, and a key for another session, have nothing to send from.
	d.refusesHub(d.hubAs(d.otherKey, "POST", "messages/send", `{"to":"+919876543211","message":"Hi"}`), http.StatusConflict, engine.CodeSessionNotReady)
	d.refusesHub(d.hubAs(d.keyFor(store.ScopeSend, []engine.SessionID{"elsewhere"}), "POST", "messages/send", `{"to":"+919876543211","message":"Hi","session":"main"}`),
		http.StatusNotFound, engine.CodeSessionNotFound)
}

func TestHubTemplates(t *testing.T) {
	d := start(t)
	d.link("main")
	made := readReply[hubTemplateAnswer](t, d.hub("POST", "templates/create", `{"name":"order_confirmation","category":"utility","header":"Thanks","body":"Order {{order_id}} over {{amount}}","footer":"Bye"}`), http.StatusCreated).Template
	if made.Language != "en" || made.Status != "approved" || !slices.Equal(made.Variables, []string{"order_id", "amount"}) || len(made.Components) != 3 {
		t.Errorf("made %+v", made)
	}
	d.refusesHub(d.hub("POST", "templates/create", `{"name":"order_confirmation","body":"x"}`), http.StatusBadRequest, engine.CodeInvalid)
	d.refusesHub(d.hub("POST", "templates/create", `{"name":"Not A Name","body":"x"}`), http.StatusBadRequest, engine.CodeInvalid)
	d.refusesHub(d.hub("POST", "templates/create", `{"name":"empty"}`), http.StatusBadRequest, engine.CodeInvalid)
	readReply[hub.Sent](t, d.hub("POST", "messages/send", `{"to":"+919876543211","template":"order_confirmation","variables":{"order_id":"ORD-12345","amount":"$99.99","extra":1}}`), http.StatusOK)
	if m := d.awaitNth(1); m.Text != "*Thanks*\n\nOrder ORD-12345 over $99.99\n\n_Bye_" {
		t.Errorf("sent %q", m.Text)
	}
	r := d.hub("POST", "messages/send", `{"to":"+919876543211","template":"order_confirmation","variables":{"order_id":"ORD-12345"}}`)
	d.refusesHub(r, http.StatusBadRequest, engine.CodeInvalid)
	if !strings.Contains(r.body, "amount") {
		t.Errorf("%s does not name the variable", r.body)
	}
	changed := readReply[hubTemplateAnswer](t, d.hub("PUT", "templates/order_confirmation", `{"body":"Now {{1}}","header":""}`), http.StatusOK).Template
	if changed.ID != made.ID || changed.Body != "Now {{1}}" || changed.Header != "" || changed.Footer != "Bye" {
		t.Errorf("changed to %+v", changed)
	}
	readReply[hub.Sent](t, d.hub("POST", "messages/send", `{"to":"+919876543211","template":"`+made.ID+`","variables":{"1":"it is"}}`), http.StatusOK)
	if m := d.awaitNth(2); m.Text != "Now it is\n\n_Bye_" {
		t.Errorf("sent %q", m.Text)
	}
	d.refusesHub(d.hub("PUT", "templates/"+made.ID, `{"name":"another"}`), http.StatusBadRequest, engine.CodeInvalid)
	readReply[hubTemplateAnswer](t, d.hub("POST", "templates/create", `{"name":"order_confirmation","language":"de","body":"Danke"}`), http.StatusCreated)
	list := readReply[hubTemplateList](t, d.hub("GET", "templates/list?limit=1", ""), http.StatusOK)
	if len(list.Templates) != 1 || list.Total != 2 || list.Next == "" || list.Templates[0].Language != "de" {
		t.Errorf("listed %+v", list)
	}
	for query, want := range map[string]string{"?limit=1&page=2": "en of 2 on 2", "?limit=1&page=3": " of 2 on 2", "?language=de": "de of 1 on 1", "?name=other": " of 0 on 0"} {
		got := readReply[hubTemplateList](t, d.hub("GET", "templates/list"+query, ""), http.StatusOK)
		var languages []string
		for _, one := range got.Templates {
			languages = append(languages, one.Language)
		}
		if found := fmt.Sprint(strings.Join(languages, ", "), " of ", got.Total, " on ", got.Pages); found != want {
			t.Errorf("%s lists %q, want %q", query, found, want)
		}
	}
	d.refusesHub(d.hub("GET", "templates/list?page=0", ""), http.StatusBadRequest, engine.CodeInvalid)
	if rest := readReply[hubTemplateList](t, d.hub("GET", "templates/list?after="+list.Next, ""), http.StatusOK); len(rest.Templates) != 1 || rest.Next != "" {
		t.Errorf("behind it %+v", rest)
	}
	for _, key := range []string{d.otherKey} {
		d.refusesHub(d.hubAs(key, "PUT", "templates/"+made.ID, `{"body":"x"}`), http.StatusNotFound, engine.CodeNotFound)
		d.refusesHub(d.hubAs(key, "DELETE", "templates/order_confirmation", ""), http.StatusNotFound, engine.CodeNotFound)
	}
	readReply[hubSuccess](t, d.hub("DELETE", "templates/order_confirmation?language=de", ""), http.StatusOK)
	if list := readReply[hubTemplateList](t, d.hub("GET", "templates/list", ""), http.StatusOK); list.Total != 1 {
		t.Errorf("left are %+v", list)
	}
	readReply[hubSuccess](t, d.hub("DELETE", "templates/"+made.ID, ""), http.StatusOK)
	d.refusesHub(d.hub("DELETE", "templates/"+made.ID, ""), http.StatusNotFound, engine.CodeNotFound)
}

func TestHubHistory(t *testing.T) {
	d := start(t)
	d.link("main")
	d.receive(
		engine.Incoming{ID: "A1", Chat: paperFriend.Phone, Sender: paperFriend, PushName: "Asha", Text: "first", Timestamp: time.Unix(1708243200, 0)},
		engine.Incoming{ID: "G1", Chat: paperGroup.ID, Sender: paperHidden, IsGroup: true, Text: "to all", Timestamp: time.Unix(1708243201, 0)},
	)
	sent := readReply[hub.Sent](t, d.hub("POST", "messages/send", `{"to":"+919876543211","message":"second"}`), http.StatusOK)
	d.awaitNth(1)
	texts := func(query string) string {
		t.Helper()
		var all []string
		h := readReply[hub.History](t, d.hub("GET", "messages/history"+query, ""), http.StatusOK)
		for _, m := range h.Messages {
			all = append(all, m.Text)
		}
		if query == "?limit=2&page=2" && (h.Total != 3 || h.Pages != 2 || h.Page != 2) {
			t.Errorf("a page is %+v", h)
		}
		return strings.Join(all, ", ")
	}
	contact := readReply[hubContactList](t, d.hub("GET", "contacts/list", ""), http.StatusOK).Contacts[0]
	for query, want := range map[string]string{
		"": "second, to all, first", "?limit=2": "second, to all", "?limit=2&page=2": "first", "?direction=inbound": "to all, first", "?direction=outbound": "second",
		"?contact=%2B919876543211": "second, first", "?contact=" + contact.ID: "second, first", "?contact=" + url.QueryEscape(string(paperGroup.ID)): "to all",
		"?contact=%2B919876543211&direction=inbound": "first", "?status=received": "to all, first", "?since=4000000000": "", "?since=2020-01-01&session=main": "second, to all, first",
		"?session=other": "", "?unheard=of": "second, to all, first",
	} {
		if got := texts(query); got != want {
			t.Errorf("%s lists %q, want %q", query, got, want)
		}
	}
	all := readReply[hub.History](t, d.hub("GET", "messages/history", ""), http.StatusOK).Messages
	if all[0].MessageID != sent.MessageID || all[0].To != "+919876543211" || all[0].From != "+919876543210" || all[2].From != "+919876543211" || all[2].Name != "Asha" || all[1].To != string(paperGroup.ID) {
		t.Errorf("listed %+v", all)
	}
	for _, bad := range []string{"?page=0", "?limit=1000", "?direction=up", "?status=lost", "?since=yesterday", "?contact=12", "?session=a%20b"} {
		d.refusesHub(d.hub("GET", "messages/history"+bad, ""), http.StatusBadRequest, engine.CodeInvalid)
	}
	if h := readReply[hub.History](t, d.hubAs(d.otherKey, "GET", "messages/history", ""), http.StatusOK); len(h.Messages) != 0 {
		t.Errorf("another tenant sees %+v", h)
	}
	if h := readReply[hub.History](t, d.hubAs(d.keyFor(store.ScopeRead, []engine.SessionID{"elsewhere"}), "GET", "messages/history?session=main", ""), http.StatusOK); len(h.Messages) != 0 {
		t.Errorf("another session's key sees %+v", h)
	}

	// Marking as read, and editing.
	d.network.world.log()
	read := readReply[hub.Sent](t, d.hub("PUT", "messages/"+url.PathEscape(all[2].MessageID), `{"status":"read"}`), http.StatusOK)
	if got := d.network.world.log(); read.Status != "read" || read.To != "+919876543211" || len(got) != 1 || !strings.Contains(got[0], "A1") {
		t.Errorf("read %+v, and did %q", read, got)
	}
	// The paper network's messages were sent years ago.
	late := d.hub("PUT", "messages/"+url.PathEscape(sent.MessageID), `{"message":"second thoughts"}`)
	d.refusesHub(late, http.StatusBadRequest, engine.CodeInvalid)
	if !strings.Contains(late.body, "20 minutes") {
		t.Errorf("a late edit is answered %s", late.body)
	}
	for _, c := range []struct {
		id, body string
		status   int
		code     engine.Code
	}{
		{all[2].MessageID, `{"message":"not mine"}`, http.StatusBadRequest, engine.CodeInvalid},
		{sent.MessageID, `{"status":"read"}`, http.StatusBadRequest, engine.CodeInvalid},
		{sent.MessageID, `{"status":"delivered"}`, http.StatusBadRequest, engine.CodeInvalid},
		{"wamid.x", `{"status":"read"}`, http.StatusNotFound, engine.CodeNotFound},
		{"a b", `{"status":"read"}`, http.StatusNotFound, engine.CodeNotFound},
		{"A1", `{"status":"read","session":"other"}`, http.StatusNotFound, engine.CodeNotFound},
	} {
		d.refusesHub(d.hub("PUT", "messages/"+url.PathEscape(c.id), c.body), c.status, c.code)
	}
	readReply[hub.Sent](t, d.hub("PUT", "messages/A1", `{"status":"read","session":"main"}`), http.StatusOK)
	for _, key := range []string{d.otherKey, d.keyFor(store.ScopeSend, []engine.SessionID{"elsewhere"})} {
		d.refusesHub(d.hubAs(key, "PUT", "messages/"+url.PathEscape(sent.MessageID), `{"message":"x"}`), http.StatusNotFound, engine.CodeNotFound)
	}

	day := readReply[hub.Analytics](t, d.hub("GET", "analytics/messages", ""), http.StatusOK)
	if day.Total.Received != 2 || day.Total.Sent != 1 || len(day.Days) != 30 || day.Days[29].Received != 2 {
		t.Errorf("counted %+v", day.Total)
	}
	if other := readReply[hub.Analytics](t, d.hubAs(d.otherKey, "GET", "analytics/messages?from=2026-01-01&to=2026-01-02", ""), http.StatusOK); other.Total != (hub.Counts{}) || len(other.Days) != 2 {
		t.Errorf("another tenant counts %+v", other)
	}
	for _, bad := range []string{"?from=x", "?from=2026-02-01&to=2026-01-01", "?from=2020-01-01&to=2026-01-01"} {
		d.refusesHub(d.hub("GET", "analytics/messages"+bad, ""), http.StatusBadRequest, engine.CodeInvalid)
	}
}

func TestHubContacts(t *testing.T) {
	d := start(t)
	d.link("main")
	made := readReply[hubContactAnswer](t, d.hub("POST", "contacts/create", `{"phone":"+91 98765 43211","name":"Asha","tags":["vip","vip"],"custom":{"age":42,"city":"Delhi"}}`), http.StatusOK).Contact
	if made.Phone != "+919876543211" || made.Name != "Asha" || fmt.Sprint(made.Tags, made.Custom) != "[vip] map[age:42 city:Delhi]" {
		t.Errorf("made %+v", made)
	}
	d.receive(engine.Incoming{ID: "A1", Chat: paperFriend.Phone, Sender: paperFriend, PushName: "Asha K", Text: "Hi"})
	d.receive(engine.Incoming{ID: "A2", Chat: paperHidden.LID, Sender: paperHidden, PushName: "Ravi", Text: "Hi"})
	for _, name := range []string{made.ID, "+919876543211", "919876543211", string(paperFriend.LID)} {
		if got := readReply[hub.Contact](t, d.hub("GET", "contacts/"+url.PathEscape(name), ""), http.StatusOK); got.ID != made.ID || got.PushName != "Asha K" || got.LID != paperFriend.LID {
			t.Errorf("%s is %+v", name, got)
		}
	}
	again := readReply[hubContactAnswer](t, d.hub("POST", "contacts/create", `{"phone":"+919876543211","name":"A"}`), http.StatusOK).Contact
	if again.ID != made.ID || again.Name != "A" || len(again.Tags) != 1 {
		t.Errorf("entered again as %+v", again)
	}
	changed := readReply[hubContactAnswer](t, d.hub("PUT", "contacts/"+made.ID, `{"tags":[],"custom":null}`), http.StatusOK).Contact
	if len(changed.Tags) != 0 || len(changed.Custom) != 2 || changed.Name != "A" {
		t.Errorf("changed to %+v", changed)
	}
	names := func(query string) string {
		t.Helper()
		var all []string
		list := readReply[hubContactList](t, d.hub("GET", "contacts/list"+query, ""), http.StatusOK)
		for _, c := range list.Contacts {
			all = append(all, c.PushName)
		}
		return fmt.Sprint(strings.Join(all, ", "), " of ", list.Total, " on ", list.Pages)
	}
	for query, want := range map[string]string{
		"": "Ravi, Asha K of 2 on 1", "?limit=1&page=2": "Asha K of 2 on 2", "?search=asha": "Asha K of 1 on 1", "?search=43211": "Asha K of 1 on 1", "?tag=vip": " of 0 on 0",
	} {
		if got := names(query); got != want {
			t.Errorf("%s lists %q, want %q", query, got, want)
		}
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		code               engine.Code
	}{
		{"POST", "contacts/create", `{"name":"Asha"}`, http.StatusBadRequest, engine.CodeInvalid},
		{"POST", "contacts/create", `{"phone":"+919876543215","custom":{"a":[]}}`, http.StatusBadRequest, engine.CodeInvalid},
		{"POST", "contacts/create", `{"phone":"+919876543215","name":"a\nb"}`, http.StatusBadRequest, engine.CodeInvalid},
		{"PUT", "contacts/" + made.ID, `{"phone":"+919876543215"}`, http.StatusBadRequest, engine.CodeInvalid},
		{"GET", "contacts/919876543215", "", http.StatusNotFound, engine.CodeNotFound},
		{"GET", "contacts/120363025246125486@g.us", "", http.StatusNotFound, engine.CodeNotFound},
		{"GET", "contacts/list?page=0", "", http.StatusBadRequest, engine.CodeInvalid},
	} {
		d.refusesHub(d.hub(c.method, c.path, c.body), c.status, c.code)
	}
	for method, body := range map[string]string{"GET": "", "PUT": `{"name":"x"}`, "DELETE": ""} {
		d.refusesHub(d.hubAs(d.otherKey, method, "contacts/"+made.ID, body), http.StatusNotFound, engine.CodeNotFound)
		d.refusesHub(d.hubAs(d.keyFor(store.ScopeManage, []engine.SessionID{"main"}), method, "contacts/"+made.ID, body), http.StatusForbidden, engine.CodeForbidden)
	}
	readReply[hubSuccess](t, d.hub("DELETE", "contacts/"+made.ID, ""), http.StatusOK)
	d.refusesHub(d.hub("GET", "contacts/"+made.ID, ""), http.StatusNotFound, engine.CodeNotFound)
}

// Beyond the hour's requests comes 429 with when to go on; another key has its own.
func TestHubRate(t *testing.T) {
	d := start(t, func(d *daemon) { d.server.hubRate = newHourly(3) })
	for i := range 3 {
		r := d.hub("GET", "templates/list", "")
		if r.status != http.StatusOK || r.header.Get("X-RateLimit-Limit") != "3" || r.header.Get("X-RateLimit-Remaining") != fmt.Sprint(2-i) || r.header.Get("X-RateLimit-Reset") == "" || r.header.Get("RateLimit") != "" {
			t.Errorf("request %d answers %d with %v", i, r.status, r.header)
		}
	}
	r := d.hub("GET", "templates/list", "")
	d.refusesHub(r, http.StatusTooManyRequests, engine.CodeRateLimited)
	if wait := r.header.Get("Retry-After"); wait != "3600" && wait != "3599" || r.header.Get("X-RateLimit-Remaining") != "0" {
		t.Errorf("one too many answers with %v", r.header)
	}
	if r := d.hubAs(d.otherKey, "GET", "templates/list", ""); r.status != http.StatusOK {
		t.Errorf("another key is answered %d", r.status)
	}
	if r := d.get("/api/whatsapp/sessions"); r.status != http.StatusOK || r.header.Get("X-RateLimit-Limit") == "3" {
		t.Errorf("our own API answers %d with %v", r.status, r.header)
	}
}
