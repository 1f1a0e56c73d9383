package httpapi

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

// d360 is a request with a key where 360dialog's clients put it.
func (d *daemon) d360(method, path, key, body string) reply {
	d.t.Helper()
	return d.do(call{method: method, path: path, body: body, header: map[string]string{headerD360Key: key}})
}

// answersWith wants a status and a part of the body.
func (d *daemon) answersWith(r reply, status int, part string) {
	d.t.Helper()
	if r.status != status || !strings.Contains(r.body, part) {
		d.t.Errorf("answers %d %s, want %d with %s", r.status, r.body, status, part)
	}
}

const textBody = `{"to":"919876543211","type":"text","text":{"body":"Hi"}}`

// A key stands for one number: it is limited to that, or there is no other.
func TestOnPremKeysStandForNumbers(t *testing.T) {
	d := start(t)
	d.answersWith(d.d360("POST", "/v1/messages", d.key, textBody), 404, `"code":1006`)
	d.wants(d.post("/api/whatsapp/session", `{"sessionId":"main"}`), http.StatusOK, "")
	d.answersWith(d.d360("POST", "/v1/messages", d.key, textBody), 412, `"code":1011,"title":"Service not ready"`)
	d.awaitStatus("main", engine.StatusQRReady)
	if err := d.network.scan(t.Context(), engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}); err != nil {
		t.Fatal(err)
	}
	d.awaitStatus("main", engine.StatusReady)
	d.answersWith(d.d360("POST", "/v1/messages/", d.key, textBody), 201, `-o"}],"meta":{"api_status":"stable","version":"2.53.1"}}`)

	d.wants(d.post("/api/whatsapp/session", `{"sessionId":"second"}`), http.StatusOK, "")
	d.answersWith(d.d360("POST", "/v1/messages", d.key, textBody), 403, "the key reaches 2 numbers: use a key that is limited to one")
	mine := d.keyFor(store.ScopeSend, []engine.SessionID{"main"})
	d.answersWith(d.d360("POST", "/v1/messages", mine, textBody), 201, `"messages":[{"id":"`)
	other := d.keyFor(store.ScopeSend, []engine.SessionID{"second"})
	d.answersWith(d.d360("POST", "/v1/messages", other, textBody), 412, `"code":1011`)
	d.answersWith(d.d360("POST", "/v1/messages", d.keyFor(store.ScopeRead, []engine.SessionID{"main"}), textBody), 403, `"code":1005`)
	d.answersWith(d.d360("POST", "/v1/messages", "", textBody), 401, `{"meta":{"httpCode":401,"developerMessage":"Invalid api_key or token expired","success":false,"http_code":401,"developer_message":"Invalid api_key or token expired"}}`)
	d.answersWith(d.d360("POST", "/v1/messages", mine, `{"to":"`+paperIdentity.Person.Phone.User()+`","text":{"body":"me"}}`), 400, `"code":1021`)
	r := d.do(call{method: "GET", path: "/v1/settings/backup?x=1", undocumented: true, header: map[string]string{headerD360Key: mine}})
	d.answersWith(r, 403, `"developerMessage":"This URL /v1/settings/backup is blocked"`)
	d.answersWith(d.d360("GET", "/v1/health", mine, ""), 200, `"gateway_status":"connected"`)
	d.answersWith(d.d360("GET", "/v1/settings/profile/about", mine, ""), 200, `{"settings":{"profile":{"about":{"text":"At the shop"}}},`)
}

// How often numbers may be asked for is limited, and told as a rate.
func TestOnPremChecksAreLimited(t *testing.T) {
	d := start(t)
	d.link("main")
	ask := func(from int) reply {
		numbers := make([]string, engine.MaxCheck)
		for i := range numbers {
			numbers[i] = "9198" + strings.Repeat("0", 3) + strings.TrimPrefix(time.Unix(0, int64(1_000_000+from+i)).UTC().Format(".000000000"), ".00")
		}
		raw, err := json.Marshal(map[string]any{"blocking": "wait", "contacts": numbers})
		if err != nil {
			t.Fatal(err)
		}
		return d.d360("POST", "/v1/contacts", d.key, string(raw))
	}
	d.answersWith(ask(0), 200, `"status":"`)
	r := ask(engine.MaxCheck)
	d.answersWith(r, 429, `"code":1015,"title":"Too many requests"`)
	if r.header.Get("Retry-After") == "" {
		t.Error("it does not say when to ask again")
	}
	d.answersWith(ask(0), 200, `"status":"`) // they are remembered
}

// The library is the number's: by raw bytes in and out.
func TestOnPremMedia(t *testing.T) {
	d := start(t)
	d.link("main")
	upload := func(key, kind, body string) reply {
		t.Helper()
		return d.do(call{method: "POST", path: "/v1/media", body: body, header: map[string]string{headerD360Key: key, "Content-Type": kind}})
	}
	picture := testPNG(t)
	r := upload(d.key, "image/png", picture)
	var kept struct{ Media []struct{ ID string } }
	if err := json.Unmarshal([]byte(r.body), &kept); err != nil || r.status != 201 || len(kept.Media) != 1 {
		t.Fatalf("answers %d %s", r.status, r.body)
	}
	path := "/v1/media/" + kept.Media[0].ID
	got := d.do(call{method: "GET", path: path, undocumented: true, header: map[string]string{headerD360Key: d.key}})
	if got.status != 200 || got.body != picture || got.header.Get("Content-Type") != "image/png" || !strings.Contains(got.header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("answers %d with %v", got.status, got.header)
	}
	for _, key := range []string{d.otherKey, d.keyFor(store.ScopeManage, []engine.SessionID{"elsewhere"})} {
		d.answersWith(d.d360("GET", path, key, ""), 404, `"code":1006`)
		d.answersWith(d.d360("DELETE", path, key, ""), 404, `"code":1006`)
	}
	for name, c := range map[string]struct{ kind, body, says string }{
		"another type": {"video/mp4", picture, `"code":1009`}, "no type": {"", picture, `"code":1008`},
		"a form": {"multipart/form-data; boundary=x", picture, `"code":1009`}, "nothing": {"image/png", "", `"code":1009`},
	} {
		before := d.kept()
		if c.kind == "" {
			continue // the client of Go always sends one
		}
		r := upload(d.key, c.kind, c.body)
		if r.status != 400 || !strings.Contains(r.body, c.says) || d.kept() != before {
			t.Errorf("%s: answers %d %s, %d files are kept of %d", name, r.status, r.body, d.kept(), before)
		}
	}
	image := `{"to":"919876543211","type":"image","image":{"id":"` + kept.Media[0].ID + `"}}`
	d.answersWith(d.d360("POST", "/v1/messages", d.key, image), 201, `"id":"`)
	d.answersWith(d.d360("DELETE", path, d.key, ""), 200, `{}`)
	d.answersWith(d.d360("GET", path, d.key, ""), 404, `"code":1006`)
	d.answersWith(d.d360("POST", "/v1/messages", d.key, image), 400, "the id of the file is not that of uploaded media")
	if n := d.kept(); n != 0 {
		t.Errorf("%d files are left", n)
	}
}

// A number has one webhook, whose headers are secrets.
func TestOnPremWebhook(t *testing.T) {
	d := start(t)
	d.link("main")
	d.answersWith(d.d360("GET", "/v1/configs/webhook", d.key, ""), 200, `{"url":""}`)
	for _, url := range []string{"https://a.example/1", "https://a.example/2"} {
		d.answersWith(d.d360("POST", "/v1/configs/webhook", d.key, `{"url":"`+url+`","headers":{"Authorization":"Basic x"}}`), 200,
			`{"url":"`+url+`","headers":{"Authorization":"Basic x"}}`)
	}
	d.answersWith(d.d360("GET", "/v1/configs/webhook", d.key, ""), 200, `{"url":"https://a.example/2","headers":{"Authorization":"Basic x"}}`)
	d.answersWith(d.d360("GET", "/v1/configs/webhook", d.keyFor(store.ScopeRead, nil), ""), 200, `"Authorization":"***"`)
	list, err := d.store.ListEndpoints(t.Context(), store.DefaultTenant)
	if err != nil || len(list) != 1 || list[0].Format != webhooks.FormatOnPrem || list[0].Origin != webhooks.OriginD360(paperIdentity.Person.Phone.User()) || list[0].Main {
		t.Fatalf("%+v, %v", list, err)
	}
	d.answersWith(d.do(call{method: "GET", path: "/api/account/webhooks", key: d.key}), 200, `"origin":"d360:`+paperIdentity.Person.Phone.User()+`"`)
	d.answersWith(d.d360("POST", "/v1/configs/webhook", d.key, `{"url":"http://127.0.0.1/x"}`), 400, `"code":1009`)
	d.answersWith(d.d360("POST", "/v1/configs/webhook", d.key, `{"url":"https://a.example","headers":{"Host":"b.example"}}`), 400, `"code":1009`)
	d.answersWith(d.d360("POST", "/v1/configs/webhook", d.keyFor(store.ScopeRead, nil), `{"url":"https://a.example"}`), 403, `"code":1005`)
	d.answersWith(d.d360("DELETE", "/v1/configs/webhook", d.key, ""), 200, `{}`)
	d.answersWith(d.d360("DELETE", "/v1/configs/webhook", d.key, ""), 200, `{}`)
	d.answersWith(d.d360("GET", "/v1/configs/webhook", d.key, ""), 200, `{"url":""}`)

	d.answersWith(d.d360("GET", "/v1/settings/application", d.key, ""), 200, `"sent_status":true`)
	d.answersWith(d.d360("PATCH", "/v1/settings/application", d.key, `{"sent_status":false}`), 200, `{}`)
	d.answersWith(d.d360("GET", "/v1/settings/application", d.key, ""), 200, `"sent_status":false`)
	sent, err := engine.Canonical(engine.MessageStatusData{ID: "A", To: paperFriend.Phone, Status: engine.MessageSent, Timestamp: 1})
	if err != nil {
		t.Fatal(err)
	}
	post, err := NewEventFormats(d.store).Encode(t.Context(), webhooks.Endpoint{Format: webhooks.FormatOnPrem},
		engine.Event{Session: engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}, Type: engine.EventMessageStatus, Data: sent})
	if err != nil || !post.Nothing {
		t.Errorf("that a message was sent is told as %s, %v", post.Body, err)
	}
}

func TestOnPremTemplates(t *testing.T) {
	d := start(t)
	const order = `{"name":"order","language":"en","category":"UTILITY","components":[{"type":"BODY","text":"Hi {{1}}","example":{"body_text":[["x"]]}}]}`
	d.answersWith(d.d360("POST", "/v1/configs/templates", d.key, order), 201, `"status":"approved","category":"UTILITY"`)
	d.answersWith(d.d360("POST", "/v1/configs/templates", d.key, order), 400, `"code":1004`)
	r := d.d360("GET", "/v1/configs/templates?limit=1&offset=0&sort=name", d.key, "")
	d.answersWith(r, 200, `"count":1,"total":1,"limit":1,"offset":0`)
	d.answersWith(r, 200, `{"waba_templates":[{"name":"order","namespace":"`)
	d.answersWith(d.d360("GET", "/v1/configs/templates?offset=1", d.key, ""), 200, `{"waba_templates":[],"count":0,"total":1`)
	d.answersWith(d.d360("GET", "/v1/configs/templates?limit=x", d.key, ""), 400, `"code":1009`)
	d.answersWith(d.d360("GET", "/v1/configs/templates", d.otherKey, ""), 200, `"total":0`)
	d.answersWith(d.d360("DELETE", "/v1/configs/templates/order", d.otherKey, ""), 404, `"code":1006`)
	d.link("main")
	template := func(rest string) string {
		return `{"to":"919876543211","type":"template","template":{"name":"order","language":{"code":"en"},` + rest + `}}`
	}
	body := func(values string) string {
		return template(`"components":[{"type":"body","parameters":[` + values + `]}]`)
	}
	d.answersWith(d.d360("POST", "/v1/messages", d.key, body(`{"type":"text","text":"Ann"}`)), 201, `"id":"`)
	d.answersWith(d.d360("POST", "/v1/messages", d.key, body(`{"type":"text","text":"Ann"},{"type":"text","text":"Lee"}`)), 400, `"code":2000`)
	d.answersWith(d.d360("POST", "/v1/messages", d.key, `{"to":"919876543211","type":"hsm","hsm":{"element_name":"order","language":{"policy":"fallback","code":"en"},"localizable_params":[{"default":"Ann"}]}}`), 201, `"id":"`)
	d.answersWith(d.d360("DELETE", "/v1/configs/templates/order", d.key, ""), 200, `{}`)
	d.answersWith(d.d360("POST", "/v1/messages", d.key, body(`{"type":"text","text":"Ann"}`)), 400, `"code":2001`)
}

// A partner's key is for one channel, and its maker has all of the account.
func TestPartnerKeys(t *testing.T) {
	d := start(t)
	d.link("main")
	const path = "/api/v2/partners/xPA/channels/"
	for _, channel := range []string{"main", d.phoneID()} {
		r := d.do(call{method: "POST", path: path + channel + "/api_keys", header: map[string]string{"Authorization": "Bearer " + d.key}})
		var made struct {
			Key  string `json:"api_key"`
			At   string `json:"address"`
			Keys []struct {
				Key string `json:"api_key"`
			} `json:"api_keys"`
		}
		if err := json.Unmarshal([]byte(r.body), &made); err != nil || r.status != 201 || made.At != d.url || len(made.Keys) != 1 || made.Keys[0].Key != made.Key {
			t.Fatalf("answers %d %s", r.status, r.body)
		}
		d.answersWith(d.d360("POST", "/v1/messages", made.Key, textBody), 201, `"id":"`)
		d.answersWith(d.d360("POST", path+"main/api_keys", made.Key, ""), 403, `"code":1005`)
	}
	r := d.d360("GET", path+"main/api_keys", d.key, "")
	if r.status != 200 || strings.Count(r.body, `"app_id":"main"`) != 2 || strings.Contains(r.body, "_0") && len(r.body) > 600 {
		t.Errorf("answers %d %s", r.status, r.body)
	}
	d.answersWith(d.d360("POST", path+"main/api_keys", d.key, `{"scope":"manage"}`), 201, `"api_key":"wapid_`)
	d.answersWith(d.d360("POST", path+"main/api_keys", d.key, `{"scope":"all"}`), 400, `"code":1009`)
	d.answersWith(d.d360("POST", path+"main/api_keys", d.otherKey, ""), 404, `"code":1006`)
	d.answersWith(d.d360("POST", path+"main/api_keys", d.keyFor(store.ScopeManage, []engine.SessionID{"main"}), ""), 403, `"code":1005`)
}

// Marking a message as read reaches those before it, and blocking the network.
func TestOnPremReadsAndBlocks(t *testing.T) {
	d := start(t)
	d.link("main")
	d.network.world.log()
	for i, id := range []string{"A1", "A2", "A3"} {
		key := engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}
		m := engine.LoggedMessage{Session: key, ID: engine.MessageID(id), Direction: engine.Inbound, Chat: paperFriend.LID, Peer: paperFriend, Kind: engine.KindText,
			Text: id, Status: engine.MessageReceived, CreatedAt: time.Unix(1708243200+int64(i), 0)}
		if _, err := d.store.BeginIncoming(t.Context(), m, engine.Event{ID: engine.EventID("e" + id), Session: key, Type: engine.EventMessage, At: m.CreatedAt, Data: []byte("{}")})(); err != nil {
			t.Fatal(err)
		}
	}
	second := onpremID(engine.LoggedMessage{ID: "A2", Direction: engine.Inbound, Chat: paperFriend.LID, Peer: paperFriend})
	d.answersWith(d.d360("PUT", "/v1/messages/"+second.String()+"/", d.key, `{"status":"read"}`), 200, `{}`)
	if got := d.network.world.log(); len(got) != 1 || !strings.Contains(got[0], "read [A2 A1] of") {
		t.Errorf("the network was asked %q", got)
	}
	for _, id := range []string{"A2-o", "A2-aaaaaaaa", "B1"} {
		d.answersWith(d.d360("PUT", "/v1/messages/"+id, d.key, `{"status":"read"}`), 404, `"code":1006`)
	}
	d.answersWith(d.d360("PUT", "/v1/messages/A2", d.key, `{"status":"delivered"}`), 400, `"code":1009`)
	d.answersWith(d.d360("POST", "/v1/contacts/+919876543211/block", d.key, `{"reason":"spam"}`), 200, `{}`)
	d.answersWith(d.d360("DELETE", "/v1/contacts/919876543211/block", d.key, ""), 200, `{}`)
	if got := strings.Join(d.network.world.log(), ", "); got != "block 919876543211@s.whatsapp.net true, block 919876543211@s.whatsapp.net false" {
		t.Errorf("the network was asked %q", got)
	}
}

// Files that nobody can reach any more don't come back with their ids: a file whose
// bytes are missing is told so.
func TestMediaWithoutBytes(t *testing.T) {
	d := start(t)
	d.link("main")
	r := d.do(call{method: "POST", path: "/v1/media", body: "hello", header: map[string]string{headerD360Key: d.key, "Content-Type": "text/plain"}})
	id := strings.TrimPrefix(strings.Split(r.body, `","`)[0], `{"media":[{"id":"`)
	id, _, _ = strings.Cut(id, `"`)
	entries, err := filepath.Glob(d.library.Locate("*"))
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
	if err := os.Remove(entries[0]); err != nil {
		t.Fatal(err)
	}
	d.answersWith(d.d360("GET", "/v1/media/"+id, d.key, ""), 404, `"code":1006`)
	d.answersWith(d.d360("DELETE", "/v1/media/"+id, d.key, ""), 200, `{}`)
}
