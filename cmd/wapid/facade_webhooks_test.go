package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine/simnet"
)

// metaReceiver is a receiver as Meta's documentation has one: it answers the challenge of
// who knows its verify token, and takes what is signed with the app's secret.
type metaReceiver struct {
	*httptest.Server
	token string

	mu        sync.Mutex
	secret    string
	challenge string // what is answered in the place of a challenge; "" for that itself
	failing   bool
	asked     []string
	got       []metaPost
	broken    []string
}

// metaPost is one delivery. Of messages and statuses there is one.
type metaPost struct {
	id, raw  string
	metadata struct{ Phone, ID string }
	from     string
	message  map[string]any
	status   map[string]any
	field    string
}

func startMetaReceiver(t *testing.T, secret string) *metaReceiver {
	t.Helper()
	m := &metaReceiver{token: "the token of a receiver", secret: secret}
	m.Server = httptest.NewServer(http.HandlerFunc(m.serve))
	t.Cleanup(func() {
		m.Close()
		for _, what := range m.broken {
			t.Error(what)
		}
	})
	return m
}

func (m *metaReceiver) serve(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if q := r.URL.Query(); r.Method == http.MethodGet {
		if q.Get("hub.mode") != "subscribe" || q.Get("hub.verify_token") != m.token {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		m.asked = append(m.asked, q.Get("hub.challenge"))
		text := m.challenge
		if text == "" {
			text = q.Get("hub.challenge")
		}
		fmt.Fprint(w, text)
		return
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if m.failing {
		w.WriteHeader(http.StatusInternalServerError)
	}
	m.take(r, raw)
}

// take keeps a delivery, and notes what a receiver of Meta's would not have.
func (m *metaReceiver) take(r *http.Request, raw []byte) {
	mac := hmac.New(sha256.New, []byte(m.secret))
	mac.Write(raw)
	if want := "sha256=" + hex.EncodeToString(mac.Sum(nil)); !hmac.Equal([]byte(r.Header.Get("X-Hub-Signature-256")), []byte(want)) {
		m.broken = append(m.broken, "a wrong signature over "+string(raw))
	}
	for _, c := range raw {
		if c < ' ' || c > '~' {
			m.broken = append(m.broken, "a body that is no ASCII: "+string(raw))
			break
		}
	}
	var in struct {
		Entry []struct {
			Changes []struct {
				Field string
				Value struct {
					Metadata struct {
						Phone string `json:"display_phone_number"`
						ID    string `json:"phone_number_id"`
					}
					Contacts []struct {
						WAID string `json:"wa_id"`
					}
					Messages, Statuses []map[string]any
				}
			}
		}
	}
	if err := json.Unmarshal(raw, &in); err != nil || len(in.Entry) != 1 || len(in.Entry[0].Changes) != 1 {
		m.broken = append(m.broken, "not an envelope: "+string(raw))
		return
	}
	change := in.Entry[0].Changes[0]
	p := metaPost{id: r.Header.Get("Webhook-Id"), raw: string(raw), field: change.Field}
	p.metadata.Phone, p.metadata.ID = change.Value.Metadata.Phone, change.Value.Metadata.ID
	if len(change.Value.Contacts) == 1 {
		p.from = change.Value.Contacts[0].WAID
	}
	if len(change.Value.Messages) == 1 {
		p.message = change.Value.Messages[0]
	}
	if len(change.Value.Statuses) == 1 {
		p.status = change.Value.Statuses[0]
	}
	m.got = append(m.got, p)
}

func (m *metaReceiver) all() []metaPost {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]metaPost(nil), m.got...)
}

func (m *metaReceiver) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

// await waits for a delivery that matches.
func (m *metaReceiver) await(t *testing.T, what string, match func(metaPost) bool) metaPost {
	t.Helper()
	return awaitOne(t, "Meta's webhook: "+what, m.all, match)
}

// message waits for an incoming message of a type.
func (m *metaReceiver) message(t *testing.T, kind string, match func(content map[string]any) bool) metaPost {
	t.Helper()
	return m.await(t, kind, func(p metaPost) bool {
		content, _ := p.message[kind].(map[string]any)
		return p.message["type"] == kind && content != nil && match(content)
	})
}

// graph calls the Graph API as its clients do.
func (a *api) graph(t *testing.T, code int, method, path string, body any) answer {
	t.Helper()
	caller := &api{base: a.base + "/v23.0", client: a.http()}
	path += map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "access_token=" + a.key
	return caller.must(t, code, method, path, body)
}

// graphIDs are the ids of the tenant's app, account and numbers, as a client finds them.
func (a *api) graphIDs(t *testing.T) (app, waba string, phones map[string]string) {
	t.Helper()
	app = a.graph(t, 200, "GET", "/me", nil).text("id")
	debug := a.graph(t, 200, "GET", "/debug_token?input_token="+a.key, nil)
	var token struct {
		Data struct {
			Granular []struct {
				Targets []string `json:"target_ids"`
			} `json:"granular_scopes"`
		}
	}
	if err := json.Unmarshal([]byte(debug.raw), &token); err != nil || len(token.Data.Granular) == 0 {
		t.Fatalf("the token is %s, %v", debug.raw, err)
	}
	waba = token.Data.Granular[0].Targets[0]
	var list struct {
		Data []struct {
			ID      string
			Display string `json:"display_phone_number"`
		}
	}
	if err := json.Unmarshal([]byte(a.graph(t, 200, "GET", "/"+waba+"/phone_numbers", nil).raw), &list); err != nil {
		t.Fatal(err)
	}
	phones = map[string]string{}
	for _, p := range list.Data {
		phones[strings.NewReplacer("+", "", " ", "", "-", "").Replace(p.Display)] = p.ID
	}
	return app, waba, phones
}

// TestMetasWebhooks: a receiver that subscribes as Meta's documentation says gets what
// Meta would post, from the nearest of the three places, and the same bytes again.
func TestMetasWebhooks(t *testing.T) {
	network := startNetwork(t)
	a := startApp(t, network, t.TempDir(), nil)
	mine, other, theirs := network.Phone("919876543210"), network.Phone("919876543212"), network.Phone("919876543211")
	theirs.SetPushName("Asha")
	a.pair(t, "main", mine)
	a.pair(t, "other", other)
	settle(t, network, mine)
	app, waba, phones := a.graphIDs(t)
	secret := a.must(t, 200, "GET", "/api/account/app", nil).text("appSecret")

	atApp, atWABA, atPhone := startMetaReceiver(t, secret), startMetaReceiver(t, secret), startMetaReceiver(t, secret)

	// A callback that does not know its token, or answers something else, is not taken.
	set := map[string]any{"object": "whatsapp_business_account", "callback_url": atApp.URL + "/hook?to=app", "verify_token": "wrong", "fields": "messages"}
	for _, wrong := range []func(){func() {}, func() { set["verify_token"] = atApp.token; atApp.set(func() { atApp.challenge = "0" }) }} {
		wrong()
		refused := a.graph(t, 400, "POST", "/"+app+"/subscriptions", set)
		if e, _ := refused.body["error"].(map[string]any); e["code"] != 2200.0 {
			t.Errorf("an unverified callback answers %s", refused.raw)
		}
	}
	if list := a.graph(t, 200, "GET", "/"+app+"/subscriptions", nil); list.raw != `{"data":[]}` {
		t.Errorf("subscriptions %s", list.raw)
	}
	atApp.set(func() { atApp.challenge = "" })
	a.graph(t, 200, "POST", "/"+app+"/subscriptions", set)
	if list := a.graph(t, 200, "GET", "/"+app+"/subscriptions", nil).raw; !strings.Contains(list, `"active":true,"fields":[{"name":"messages"`) {
		t.Errorf("subscriptions %s", list)
	}

	ctx, to := t.Context(), mine.JID()
	say := func(id types.MessageID, err error) types.MessageID {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}

	// What somebody says, and what is said to them.
	hello := say(theirs.SendText(ctx, to, "Ärger mit <b> & 👍"))
	text := atApp.message(t, "text", func(c map[string]any) bool { return c["body"] == "Ärger mit <b> & 👍" })
	if text.from != "919876543211" || text.message["from"] != "919876543211" || text.metadata.Phone != "919876543210" || text.metadata.ID != phones["919876543210"] {
		t.Errorf("a text is %s", text.raw)
	}
	sent := a.graph(t, 200, "POST", "/"+phones["919876543210"]+"/messages", map[string]any{"messaging_product": "whatsapp", "to": "+91 98765 43211",
		"text": map[string]any{"body": "how are you?"}, "biz_opaque_callback_data": "order=4711"})
	messages, _ := sent.body["messages"].([]any)
	first, _ := messages[0].(map[string]any)
	wamid, _ := first["id"].(string)
	got, err := arrive(t, theirs, func(r simnet.Received) bool { return r.Text == "how are you?" })
	if err != nil {
		t.Fatal(err)
	}
	var statuses []string
	for _, want := range []string{"sent", "delivered"} {
		s := atApp.await(t, want, func(p metaPost) bool { return p.status["id"] == wamid && p.status["status"] == want })
		if s.status["recipient_id"] != "919876543211" || s.status["biz_opaque_callback_data"] != "order=4711" || !strings.Contains(s.raw, `"billable":false`) {
			t.Errorf("%s is %s", want, s.raw)
		}
	}
	for _, p := range atApp.all() {
		if s, told := p.status["status"].(string); told {
			statuses = append(statuses, s)
		}
	}
	if fmt.Sprint(statuses[:2]) != "[sent delivered]" {
		t.Errorf("statuses came as %v", statuses)
	}

	// A reply and a reaction name what they are about, as its sender knows it.
	say(theirs.Reply(ctx, to, got.ID, "fine"))
	reply := atApp.message(t, "text", func(c map[string]any) bool { return c["body"] == "fine" })
	if about, _ := reply.message["context"].(map[string]any); about["id"] != wamid || about["from"] != "919876543210" {
		t.Errorf("a reply is %s, want it about %s", reply.raw, wamid)
	}
	say(theirs.React(ctx, to, got.ID, "👍"))
	atApp.message(t, "reaction", func(c map[string]any) bool { return c["message_id"] == wamid && c["emoji"] == "👍" })
	say(theirs.React(ctx, to, hello, "👍"))
	atApp.message(t, "reaction", func(c map[string]any) bool { return c["message_id"] == text.message["id"] })

	// The id of a file shows it.
	content := []byte("the bytes of a picture")
	say(theirs.SendMedia(ctx, to, simnet.Media{Kind: simnet.MediaImage, Caption: "look", Data: content}))
	picture := atApp.message(t, "image", func(c map[string]any) bool { return c["caption"] == "look" }).message["image"].(map[string]any)
	shown := a.graph(t, 200, "GET", "/"+picture["id"].(string), nil)
	if sum := sha256.Sum256(content); shown.text("sha256") != hex.EncodeToString(sum[:]) || shown.text("mime_type") != picture["mime_type"] {
		t.Errorf("the file %v is shown as %s", picture, shown.raw)
	}

	// The nearest place gets an event, and no other.
	a.graph(t, 200, "POST", "/"+waba+"/subscribed_apps", map[string]any{"override_callback_uri": atWABA.URL, "verify_token": atWABA.token})
	a.graph(t, 200, "POST", "/"+phones["919876543210"], map[string]any{"webhook_configuration": map[string]any{"override_callback_uri": atPhone.URL, "verify_token": atPhone.token}})
	say(theirs.SendText(ctx, to, "to the number"))
	say(theirs.SendText(ctx, other.JID(), "to the account"))
	near := func(m *metaReceiver, body string) metaPost {
		t.Helper()
		return m.message(t, "text", func(c map[string]any) bool { return c["body"] == body })
	}
	near(atPhone, "to the number")
	if p := near(atWABA, "to the account"); p.metadata.ID != phones["919876543212"] {
		t.Errorf("of the other number: %s", p.raw)
	}
	listed := a.graph(t, 200, "GET", "/"+phones["919876543210"]+"?fields=webhook_configuration", nil)
	if want := fmt.Sprintf(`"webhook_configuration":{"phone_number":"%s","whatsapp_business_account":"%s","application":"%s/hook?to=app"}`, atPhone.URL, atWABA.URL, atApp.URL); !strings.Contains(listed.raw, want) {
		t.Errorf("the number is %s, want %s", listed.raw, want)
	}
	if raw := a.graph(t, 200, "GET", "/"+waba+"/subscribed_apps", nil).raw; !strings.Contains(raw, `"id":"`+app+`"`) || !strings.Contains(raw, atWABA.URL) {
		t.Errorf("subscribed apps %s", raw)
	}
	a.graph(t, 200, "POST", "/"+phones["919876543210"], map[string]any{"webhook_configuration": map[string]any{"override_callback_uri": ""}})
	a.graph(t, 200, "DELETE", "/"+waba+"/subscribed_apps", nil)
	a.graph(t, 200, "POST", "/"+waba+"/subscribed_apps", nil)
	say(theirs.SendText(ctx, to, "to the app again"))
	near(atApp, "to the app again")
	for m, bodies := range map[*metaReceiver][]string{atApp: {"to the number", "to the account"}, atWABA: {"to the number", "to the app again"}, atPhone: {"to the account", "to the app again"}} {
		for _, p := range m.all() {
			if body, _ := p.message["text"].(map[string]any); body != nil && (body["body"] == bodies[0] || body["body"] == bodies[1]) {
				t.Errorf("it was for another place: %s", p.raw)
			}
		}
	}

	// They are among the account's webhooks. What is delivered again is the same.
	var hooks struct {
		Webhooks []struct{ WebhookID, Format, Origin string }
	}
	if err := json.Unmarshal([]byte(a.must(t, 200, "GET", "/api/account/webhooks", nil).raw), &hooks); err != nil || len(hooks.Webhooks) != 1 ||
		hooks.Webhooks[0].Origin != "app" || hooks.Webhooks[0].Format != "meta" {
		t.Fatalf("webhooks %+v, %v", hooks, err)
	}
	hook := "/api/account/webhooks/" + hooks.Webhooks[0].WebhookID
	a.must(t, 200, "POST", hook+"/redeliver", map[string]any{"eventIds": []string{text.id, reply.id}})
	for _, before := range []metaPost{text, reply} {
		eventually(t, "it came again", func() bool {
			n := 0
			for _, p := range atApp.all() {
				if p.id == before.id {
					n++
					if p.raw != before.raw {
						t.Fatalf("it came again as\n%s\nand was\n%s", p.raw, before.raw)
					}
				}
			}
			return n == 2
		})
	}

	// The app's new secret signs from then on, and a test is Meta's sample.
	secret = a.must(t, 200, "POST", "/api/account/app/rotate", nil).text("appSecret")
	atApp.set(func() { atApp.secret = secret })
	a.must(t, 400, "POST", hook+"/rotate-secret", nil)
	a.must(t, 200, "POST", hook+"/test", nil)
	if p := near(atApp, "this is a text message"); p.message["from"] != "16315551181" {
		t.Errorf("a test is %s", p.raw)
	}
	a.graph(t, 200, "DELETE", "/"+app+"/subscriptions", nil)
	if raw := a.must(t, 200, "GET", "/api/account/webhooks", nil).raw; raw != `{"webhooks":[]}` {
		t.Errorf("webhooks %s", raw)
	}
}
