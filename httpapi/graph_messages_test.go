package httpapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"wapid/engine"
	"wapid/httpapi/cloudapi"
	"wapid/store"
)

// graphPost sends a body with the key of the default tenant.
func (d *daemon) graphPost(path, body string) reply {
	d.t.Helper()
	return d.do(call{method: http.MethodPost, path: path, body: body, header: bearer(d.key)})
}

func bearer(key string) map[string]string { return map[string]string{"Authorization": "Bearer " + key} }

// sentAs is the network's own id of a message that was taken.
func (d *daemon) sentAs(r reply) engine.MessageID {
	d.t.Helper()
	var body cloudapi.Accepted
	if err := json.Unmarshal([]byte(r.body), &body); err != nil || r.status != http.StatusOK || len(body.Messages) != 1 {
		d.t.Fatalf("answers %d %s", r.status, r.body)
	}
	w, ok := cloudapi.ParseWAMID(body.Messages[0].ID)
	if !ok || !w.Outgoing {
		d.t.Fatalf("the id is %s", body.Messages[0].ID)
	}
	return w.ID
}

// awaitSent waits until a message has reached the network.
func (d *daemon) awaitSent(id engine.MessageID) (m engine.Outgoing) {
	d.t.Helper()
	d.await("/healthz", func(reply) bool {
		for _, m = range d.network.all() {
			if m.ID == id {
				return true
			}
		}
		return false
	})
	return m
}

// message is a body of POST /{phone}/messages to the friend.
func graphMessage(rest string) string {
	return `{"messaging_product":"whatsapp","to":"+91 98765 43211",` + rest + `}`
}

func TestGraphMessagesAreSent(t *testing.T) {
	d := start(t)
	d.link("main")
	path := "/graph/" + d.phoneID() + "/messages"
	d.receive(engine.Incoming{ID: "A1", Chat: paperFriend.Phone, Sender: paperFriend, Text: "Hello?"})
	file := d.idOf(d.upload("/graph/"+d.phoneID()+"/media", d.key, formPart{name: "file", file: "dot.png", mime: "image/png", value: testPNG(t)}))
	asked := cloudapi.WAMID{User: "919876543211", ID: "A1"}.String()
	for name, c := range map[string]struct {
		body  string
		check func(engine.Outgoing) bool
	}{
		"text": {`"text":{"body":"Hello"},"biz_opaque_callback_data":"7"`, func(m engine.Outgoing) bool {
			return m.Kind == engine.KindText && m.Text == "Hello" && m.CallbackData == "7" && m.To == paperFriend.Phone
		}},
		"reply": {`"text":{"body":"Yes"},"context":{"message_id":"` + asked + `"}`, func(m engine.Outgoing) bool {
			return m.Quoted != nil && m.Quoted.ID == "A1" && m.Quoted.Sender == paperFriend && m.Quoted.Text == "Hello?"
		}},
		"reply by the network's own id": {`"text":{"body":"Yes"},"context":{"message_id":"A1"}`, func(m engine.Outgoing) bool {
			return m.Quoted != nil && m.Quoted.ID == "A1"
		}},
		"reply to what was never here": {`"text":{"body":"Yes"},"context":{"message_id":"` + cloudapi.WAMID{User: "919876543211", ID: "GONE"}.String() + `"}`,
			func(m engine.Outgoing) bool { return m.Quoted == nil && m.Text == "Yes" }},
		"reaction": {`"type":"reaction","reaction":{"message_id":"` + asked + `","emoji":"👍"}`, func(m engine.Outgoing) bool {
			return m.Kind == engine.KindReaction && m.Text == "👍" && m.Target != nil && m.Target.ID == "A1" && !m.Target.FromMe
		}},
		"image": {`"type":"image","image":{"id":"` + file + `","caption":"Look"}`, func(m engine.Outgoing) bool {
			return m.Kind == engine.KindImage && m.Text == "Look" && m.Attachment != nil && m.Attachment.MIME == "image/png"
		}},
		"location": {`"type":"location","location":{"latitude":"1.5","longitude":2}`, func(m engine.Outgoing) bool {
			return m.Location != nil && m.Location.Latitude == 1.5 && m.Location.Longitude == 2
		}},
		"contacts": {`"type":"contacts","contacts":[{"name":{"formatted_name":"Ana"},"phones":[{"phone":"+34 600 000 001"}]}]`, func(m engine.Outgoing) bool {
			return len(m.Contacts) == 1 && strings.Contains(m.Contacts[0].VCard, "+34 600 000 001")
		}},
		"buttons": {`"type":"interactive","interactive":{"type":"button","body":{"text":"Well?"},"action":{"buttons":[{"type":"reply","reply":{"id":"y","title":"Yes"}}]}}`,
			func(m engine.Outgoing) bool { return m.Choices != nil && strings.Contains(m.Text, "Well?") }},
	} {
		m := d.awaitSent(d.sentAs(d.graphPost(path, graphMessage(c.body))))
		if !c.check(m) {
			t.Errorf("%s: %+v", name, m)
		}
	}
	r := d.graphPost(path, `{"messaging_product":"whatsapp","recipient_type":"group","to":"120363025246125486","text":{"body":"All"}}`)
	if m := d.awaitSent(d.sentAs(r)); m.To != paperGroup.ID {
		t.Errorf("to a group: %+v", m)
	}
	r = d.graphPost(path, `{"messaging_product":"whatsapp","recipient":"IN.323456789012345","text":{"body":"You"}}`)
	if m := d.awaitSent(d.sentAs(r)); m.To != paperHidden.LID || !strings.Contains(r.body, `"user_id":"IN.323456789012345"`) {
		t.Errorf("to somebody without a number: %+v %s", m, r.body)
	}
	// Paths with a version and without, and the parameter instead of the header.
	for _, path := range []string{"/v23.0/" + d.phoneID() + "/messages", "/" + d.phoneID() + "/messages?access_token=" + d.key} {
		header := bearer(d.key)
		if strings.Contains(path, "?") {
			header = nil
		}
		d.sentAs(d.do(call{method: http.MethodPost, path: path, body: graphMessage(`"text":{"body":"a"}`), header: header, undocumented: true}))
	}
}

// The Graph API takes forms wherever it takes JSON: what stands in an object then is JSON
// in a value.
func TestGraphTakesForms(t *testing.T) {
	d := start(t)
	d.link("main")
	waba, err := d.store.GraphID(t.Context(), store.DefaultTenant, store.GraphWABA, "")
	if err != nil {
		t.Fatal(err)
	}
	post := func(path string, form url.Values) reply {
		header := bearer(d.key)
		header["Content-Type"] = "application/x-www-form-urlencoded"
		return d.do(call{method: http.MethodPost, path: path, body: form.Encode(), header: header, undocumented: true})
	}
	path := "/graph/" + d.phoneID() + "/messages"
	r := post(path, url.Values{"messaging_product": {"whatsapp"}, "to": {"+91 98765 43211"}, "type": {"text"}, "text": {`{"body":"1 & 2"}`}})
	if m := d.awaitSent(d.sentAs(r)); m.Text != "1 & 2" || m.To != paperFriend.Phone {
		t.Errorf("the message is %+v", m)
	}
	r = post("/graph/"+formatGraphID(waba)+"/message_templates", url.Values{"name": {"hello"}, "language": {"en_US"}, "category": {"UTILITY"},
		"components": {`[{"type":"BODY","text":"Hello"}]`}})
	d.idOf(r)
	r = post(path, url.Values{"messaging_product": {"whatsapp"}, "to": {"919876543211"}, "type": {"template"},
		"template": {`{"name":"hello","language":{"code":"en_US"}}`}})
	if m := d.awaitSent(d.sentAs(r)); m.Text != "Hello" {
		t.Errorf("the template is %+v", m)
	}
	d.refusedAs(post(path, url.Values{"messaging_product": {"whatsapp"}, "to": {"919876543211"}, "text": {`{"body":`}}), http.StatusBadRequest, 100)
}

func TestGraphTemplatesAreSent(t *testing.T) {
	d := start(t)
	d.link("main")
	path := "/graph/" + d.phoneID() + "/messages"
	waba, err := d.store.GraphID(t.Context(), store.DefaultTenant, store.GraphWABA, "")
	if err != nil {
		t.Fatal(err)
	}
	d.idOf(d.graphPost("/graph/"+formatGraphID(waba)+"/message_templates", `{"name":"order_ready","language":"en_US","category":"UTILITY","components":[
		{"type":"BODY","text":"Hi {{1}}, order {{2}} is ready.","example":{"body_text":[["Ana","7"]]}}]}`))
	send := func(template string) reply {
		return d.graphPost(path, graphMessage(`"type":"template","template":`+template))
	}
	r := send(`{"name":"order_ready","language":{"code":"en_US"},"components":[{"type":"body","parameters":[{"type":"text","text":"Ana"},{"type":"text","text":"9"}]}]}`)
	if m := d.awaitSent(d.sentAs(r)); m.Text != "Hi Ana, order 9 is ready." || !strings.Contains(r.body, `"message_status":"accepted"`) {
		t.Errorf("the template is %+v, answered with %s", m, r.body)
	}
	d.refusedAs(send(`{"name":"order_ready","language":{"code":"de"}}`), http.StatusNotFound, 132001)
	d.refusedAs(send(`{"name":"order_ready","language":{"code":"en_US"},"components":[{"type":"body","parameters":[{"type":"text","text":"Ana"}]}]}`), http.StatusBadRequest, 132000)
	d.refusedAs(send(`{"name":"order_ready","language":{"code":"en_US"},"components":[{"type":"body","parameters":[{"type":"text","text":"a"},{"type":"image","image":{"id":"1"}}]}]}`),
		http.StatusBadRequest, 132012)
}

func TestGraphMessagesAreRefused(t *testing.T) {
	d := start(t)
	d.link("main")
	path, text := "/graph/"+d.phoneID()+"/messages", graphMessage(`"text":{"body":"a"}`)
	sentBefore := len(d.network.all())
	for body, code := range map[string]int{
		`{"messaging_product":"whatsapp","to":"919876543210","text":{"body":"a"}}`:              131021,
		`{"messaging_product":"whatsapp","recipient":"IN.123456789012345","text":{"body":"a"}}`: 131021,
		graphMessage(`"type":"image","image":{"id":"100000000000001"}`):                         100,
		graphMessage(`"type":"image","image":{"id":"` + d.phoneID() + `"}`):                     100,
		graphMessage(`"type":"image","image":{"id":"x"}`):                                       100,
		graphMessage(`"type":"image","image":{"link":"http://127.0.0.1:1/a.png"}`):              131053,
		graphMessage(`"type":"interactive","interactive":{"type":"flow"}`):                      131051,
		graphMessage(`"text":{"body":"a"},"context":{"message_id":"nothing"}`):                  131009,
		graphMessage(`"type":"reaction","reaction":{"message_id":"nothing","emoji":"👍"}`):       131009,
		`{"messaging_product":"whatsapp","status":"read","message_id":"nothing"}`:               100,
		`{"messaging_product":"whatsapp","to":"1","text":{"body":"a"}}`:                         131009,
		`{`: 100,
	} {
		d.refusedAs(d.graphPost(path, body), http.StatusBadRequest, code)
	}
	call := func(path, key string) reply {
		return d.do(call{method: http.MethodPost, path: path, body: text, header: bearer(key)})
	}
	r := call("/graph/100000000000001/messages", d.key)
	d.refusedAs(r, http.StatusBadRequest, 100)
	if !strings.Contains(r.body, `"error_subcode":33`) || !strings.Contains(r.body, "GraphMethodException") || !strings.Contains(r.body, r.header.Get("X-Request-Id")) {
		t.Errorf("a number that is not there: %s", r.body)
	}
	d.refusedAs(call(path, d.otherKey), http.StatusBadRequest, 100) // another tenant's
	d.refusedAs(call(path, d.keyFor(store.ScopeManage, []engine.SessionID{"elsewhere"})), http.StatusForbidden, 10)
	d.refusedAs(call(path, d.keyFor(store.ScopeRead, nil)), http.StatusForbidden, 10)
	d.refusedAs(call(path, "wapid_wrong"), http.StatusUnauthorized, 190)
	revoked, plain, err := d.store.CreateKey(t.Context(), store.Origin{By: store.ActorOperator}, store.DefaultTenant, store.KeyGrant{Name: "k", Scope: store.ScopeSend})
	if err != nil {
		t.Fatal(err)
	}
	d.awaitSent(d.sentAs(call(path, plain))) // behind whatever a refused one might have left
	if n := len(d.network.all()) - sentBefore; n != 1 {
		t.Errorf("%d messages were sent, one of which was accepted", n)
	}
	if err := d.store.DeleteKey(t.Context(), store.Origin{By: store.ActorOperator}, store.DefaultTenant, revoked.ID); err != nil {
		t.Fatal(err)
	}
	d.refusedAs(call(path, plain), http.StatusUnauthorized, 190)

	limit := 1
	d.change(store.TenantChange{DailyLimit: &limit})
	d.refusedAs(call(path, d.key), http.StatusTooManyRequests, 80007)
	d.change(store.TenantChange{RateLimit: &limit, DailyLimit: new(int)})
	call(path, d.key)
	r = call(path, d.key)
	d.refusedAs(r, http.StatusTooManyRequests, 80007)
	if r.header.Get("Retry-After") == "" {
		t.Error("nobody is told how long to wait")
	}
	d.change(store.TenantChange{RateLimit: new(int)})
	if _, err := d.store.SuspendTenant(t.Context(), store.Origin{By: store.ActorOperator}, store.DefaultTenant, true); err != nil {
		t.Fatal(err)
	}
	d.refusedAs(call(path, d.key), http.StatusForbidden, 131031)
}

// change changes the default tenant.
func (d *daemon) change(c store.TenantChange) {
	d.t.Helper()
	if _, err := d.store.ChangeTenant(d.t.Context(), store.Origin{By: store.ActorOperator}, store.DefaultTenant, c); err != nil {
		d.t.Fatal(err)
	}
}

// What a session can't do for good is refused, and what it can't do just now waits.
func TestGraphMessagesOfASessionThatIsAway(t *testing.T) {
	d := start(t)
	d.link("main")
	path, text := "/graph/"+d.phoneID()+"/messages", graphMessage(`"text":{"body":"a"}`)
	if _, err := d.engine.Stop(t.Context(), mainKey); err != nil {
		t.Fatal(err)
	}
	d.awaitStatus("main", engine.StatusDisconnected)
	id := d.sentAs(d.graphPost(path, text))
	d.refusedAs(d.graphPost(path, `{"messaging_product":"whatsapp","status":"read","message_id":"nothing"}`), http.StatusBadRequest, 100)
	if _, err := d.engine.Start(t.Context(), mainKey); err != nil {
		t.Fatal(err)
	}
	d.awaitSent(id)

	d.network.conn(mainKey).handler.Signal(engine.SignalDropped{Cause: engine.DropLoggedOut})
	d.awaitStatus("main", engine.StatusDisconnected)
	d.refusedAs(d.graphPost(path, text), http.StatusBadRequest, 133010)
	d.wants(d.do(call{method: http.MethodDelete, path: mainPath, key: d.key}), http.StatusOK, "")
	d.refusedAs(d.graphPost(path, text), http.StatusBadRequest, 33)
	d.link("main") // the same number once more
	d.sentAs(d.graphPost(path, text))
}

func TestGraphMessagesAreIdempotent(t *testing.T) {
	d := start(t)
	d.link("main")
	path := "/graph/" + d.phoneID() + "/messages"
	send := func(body string) reply {
		header := bearer(d.key)
		header[headerIdempotencyKey] = "order-7"
		return d.do(call{method: http.MethodPost, path: path, body: graphMessage(body), header: header})
	}
	first, again := send(`"text":{"body":"a"}`), send(`"text":{"body":"a"}`)
	if first.body != again.body {
		t.Errorf("repeated it is %s, not %s", again.body, first.body)
	}
	d.awaitSent(d.sentAs(first))
	d.refusedAs(send(`"text":{"body":"b"}`), http.StatusBadRequest, 100)
	if n := len(d.network.all()); n != 1 {
		t.Errorf("%d messages were sent", n)
	}
}

func TestGraphMarksAsRead(t *testing.T) {
	d := start(t)
	d.link("main")
	path := "/graph/" + d.phoneID() + "/messages"
	d.receive(
		engine.Incoming{ID: "A1", Chat: paperFriend.Phone, Sender: paperFriend},
		engine.Incoming{ID: "A2", Chat: paperFriend.Phone, Sender: paperFriend},
		engine.Incoming{ID: "A3", Chat: paperFriend.Phone, Sender: paperFriend},
		engine.Incoming{ID: "A2", Chat: paperGroup.ID, Sender: paperHidden, IsGroup: true}, // the same id elsewhere
	)
	read := func(w cloudapi.WAMID, more string) reply {
		return d.graphPost(path, `{"messaging_product":"whatsapp","status":"read","message_id":"`+w.String()+`"`+more+`}`)
	}
	second := cloudapi.WAMID{User: "919876543211", ID: "A2"}
	d.says(read(second, ""), http.StatusOK, `{"success":true}`)
	d.asks("read [A2 A1] of 919876543211@s.whatsapp.net in 919876543211@s.whatsapp.net, played false")
	d.says(read(second, ""), http.StatusOK, `{"success":true}`)
	d.asks()
	d.says(read(cloudapi.WAMID{User: "323456789012345", ID: "A2"}, ""), http.StatusOK, `{"success":true}`)
	d.asks("read [A2] of 323456789012345@lid in 120363025246125486@g.us, played false")
	d.says(read(cloudapi.WAMID{User: "919876543211", ID: "A3"}, `,"typing_indicator":{"type":"text"}`), http.StatusOK, `{"success":true}`)
	d.asks("read [A3] of 919876543211@s.whatsapp.net in 919876543211@s.whatsapp.net, played false", "available true",
		"typing in 919876543211@s.whatsapp.net")
	// The answer ends it, whatever its address.
	d.sentAs(d.graphPost(path, graphMessage(`"text":{"body":"Here it is"}`)))
	var asked []string
	d.await("/healthz", func(reply) bool {
		asked = append(asked, d.network.world.log()...)
		return len(asked) == 2
	})
	if strings.Join(asked, ", ") != "paused in 919876543211@s.whatsapp.net, available false" {
		t.Errorf("after the answer: %q", asked)
	}
	for _, w := range []cloudapi.WAMID{{User: "919876543211", ID: "A9"}, {User: "919876543299", ID: "A1"}, {User: "919876543211", Outgoing: true, ID: "A1"}} {
		d.refusedAs(read(w, ""), http.StatusBadRequest, 100)
	}
	d.asks()
	d.network.world.fail(engine.Errorf(engine.CodeSessionNotReady, "the session is not connected"))
	d.refusedAs(read(cloudapi.WAMID{User: "919876543211", ID: "A3"}, ""), http.StatusInternalServerError, 131016)
}
