package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"wapid/engine/simnet"
)

// hubReceiver is the receiver of WhatsApp Hub's documentation: it looks for an event's
// name and, of messages that came in, for who wrote what.
type hubReceiver struct {
	*httptest.Server

	mu     sync.Mutex
	got    []hubPost
	broken []string
}

// hubPost is one delivery.
type hubPost struct {
	event string
	data  map[string]any
	raw   string
}

func startHubReceiver(t *testing.T) *hubReceiver {
	t.Helper()
	verify, err := standardwebhooks.NewWebhook(hookSecret)
	if err != nil {
		t.Fatal(err)
	}
	h := &hubReceiver{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return // the daemon went away in the middle of it
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if err := verify.Verify(raw, r.Header); err != nil {
			h.broken = append(h.broken, "a signature: "+err.Error())
		}
		h.handle(raw)
		_, _ = io.WriteString(w, `{"status":"ok"}`)
	}))
	t.Cleanup(func() {
		h.Close()
		for _, what := range h.broken {
			t.Error(what)
		}
	})
	return h
}

// handle is the documentation's handle_webhook, whose data['event'] and message['text']
// fail where there is none. The caller holds mu.
func (h *hubReceiver) handle(raw []byte) {
	var data map[string]any
	if err := json.Unmarshal(raw, &data); err != nil {
		h.broken = append(h.broken, "a body: "+err.Error())
		return
	}
	event, _ := data["event"].(string)
	message, isObject := data["data"].(map[string]any)
	_, isTime := data["timestamp"].(float64)
	if event == "" || !isObject || !isTime {
		h.broken = append(h.broken, "not an event: "+string(raw))
		return
	}
	if event == "message.received" {
		from, hasFrom := message["from"].(string)
		_, hasText := message["text"].(string)
		if !hasFrom || !hasText || !strings.HasPrefix(from, "+") {
			h.broken = append(h.broken, "not a message: "+string(raw))
		}
	}
	h.got = append(h.got, hubPost{event, message, string(raw)})
}

// await waits for a delivery of an event whose data has some values.
func (h *hubReceiver) await(t *testing.T, event string, want map[string]any) (found hubPost) {
	t.Helper()
	eventually(t, event+" is told", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, p := range h.got {
			matches := p.event == event
			for key, value := range want {
				matches = matches && p.data[key] == value
			}
			if matches {
				found = p
				return true
			}
		}
		return false
	})
	return found
}

// hub sends a request as the documentation's curl calls do.
func (a *api) hub(t *testing.T, code int, method, path, body string) map[string]any {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, a.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+a.key)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := a.http().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	answer := map[string]any{}
	if err := json.Unmarshal(raw, &answer); err != nil || resp.StatusCode != code {
		t.Fatalf("%s %s answered %d, expected %d: %s (%v)", method, path, resp.StatusCode, code, raw, err)
	}
	return answer
}

// page fetches what a stranger sees.
func (a *api) page(t *testing.T, code int, address string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := a.http().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != code {
		t.Fatalf("%s answered %d, expected %d: %s (%v)", address, resp.StatusCode, code, raw, err)
	}
	return string(raw)
}

// TestWhatsAppHub makes the calls of WhatsApp Hub's documentation: text and template
// arrive at a phone, what the phone says and sees is told to the documentation's
// receiver, contacts know the person, and a conversation can be shown to everybody.
func TestWhatsAppHub(t *testing.T) {
	network, receiver := startNetwork(t), startHubReceiver(t)
	a := startApp(t, network, t.TempDir(), nil)
	mine, asha := network.Phone("447700900123"), network.Phone("9999999999")
	asha.SetPushName("Asha Kumar")
	a.must(t, 201, "POST", "/api/account/webhooks", map[string]any{"url": receiver.URL, "secret": hookSecret, "format": "hub"})
	a.pair(t, "main", mine)

	sent := a.hub(t, 200, "POST", "/api/v1/messages/send", `{
"to": "+9999999999",
"message": "Hello! Welcome to WhatsApp Hub",
"type": "text"
}`)
	got, err := arrive(t, asha, func(m simnet.Received) bool { return m.Text == "Hello! Welcome to WhatsApp Hub" })
	if err != nil {
		t.Fatal(err)
	}
	if err := asha.MarkRead(t.Context(), mine.JID(), got.ID); err != nil {
		t.Fatal(err)
	}
	if sent["success"] != true || sent["status"] != "queued" || sent["to"] != "+9999999999" {
		t.Errorf("sending answered %v", sent)
	}
	for _, event := range []string{"message.delivered", "message.read"} {
		receiver.await(t, event, map[string]any{"message_id": sent["message_id"], "to": "+9999999999"})
	}

	a.hub(t, 201, "POST", "/api/v1/templates/create", `{"name":"order_confirmation","body":"Order {{order_id}} over {{amount}} is confirmed."}`)
	receiver.await(t, "template.approved", map[string]any{"name": "order_confirmation"})
	a.hub(t, 200, "POST", "/api/v1/messages/send", `{
"to": "+9999999999",
"template": "order_confirmation",
"variables": {
"order_id": "ORD-12345",
"amount": "$99.99"
}
}`)
	if _, err := arrive(t, asha, func(m simnet.Received) bool { return m.Text == "Order ORD-12345 over $99.99 is confirmed." }); err != nil {
		t.Fatal(err)
	}
	if list := a.hub(t, 200, "GET", "/api/v1/templates/list", ""); list["total"] != 1.0 {
		t.Errorf("the templates are %v", list)
	}

	// She answers, also without words: text is a text then too.
	if _, err := asha.SendText(t.Context(), mine.JID(), "Ring me at +91 98765 43210 <script>alert(1)</script>"); err != nil {
		t.Fatal(err)
	}
	received := receiver.await(t, "message.received", map[string]any{"from": "+9999999999", "type": "text"})
	if !strings.HasPrefix(received.raw, `{"event":"message.received","timestamp":1`) || received.data["text"] != "Ring me at +91 98765 43210 <script>alert(1)</script>" || received.data["name"] != "Asha Kumar" {
		t.Errorf("told was %s", received.raw)
	}
	known := receiver.await(t, "contact.updated", map[string]any{"phone": "+9999999999", "action": "new", "push_name": "Asha Kumar"})
	location, err := asha.SendLocation(t.Context(), mine.JID(), simnet.Place{Latitude: 1.5, Longitude: 2.5})
	if err != nil {
		t.Fatal(err)
	}
	if told := receiver.await(t, "message.received", map[string]any{"type": "location"}); told.data["text"] != "" {
		t.Errorf("the location %s was told as %s", location, told.raw)
	}
	asha.SetPushName("Asha K")
	if _, err := asha.Reply(t.Context(), mine.JID(), got.ID, "Thanks"); err != nil {
		t.Fatal(err)
	}
	receiver.await(t, "message.received", map[string]any{"text": "Thanks", "reply_to": sent["message_id"]})
	receiver.await(t, "contact.updated", map[string]any{"contact_id": known.data["contact_id"], "action": "updated", "push_name": "Asha K"})

	// Reading, editing, answering, and what the log and the contacts book say.
	read := url.PathEscape(received.data["message_id"].(string))
	a.hub(t, 200, "PUT", "/api/v1/messages/"+read, `{"status":"read"}`)
	a.hub(t, 200, "PUT", "/api/v1/messages/"+url.PathEscape(sent["message_id"].(string)), `{"message":"Hello again"}`)
	if _, err := arrive(t, asha, func(m simnet.Received) bool { return m.Text == "Hello again" }); err != nil {
		t.Fatal(err)
	}
	history := a.hub(t, 200, "GET", "/api/v1/messages/history?contact=%2B9999999999&direction=inbound&limit=2", "")
	if list := history["messages"].([]any); history["total"] != 3.0 || history["pages"] != 2.0 || len(list) != 2 || list[0].(map[string]any)["text"] != "Thanks" {
		t.Errorf("the history is %v", history)
	}
	contact := a.hub(t, 200, "GET", "/api/v1/contacts/+9999999999/", "")
	if contact["id"] != known.data["contact_id"] || contact["push_name"] != "Asha K" {
		t.Errorf("the contact is %v", contact)
	}
	if days := a.hub(t, 200, "GET", "/api/v1/analytics/messages", "")["total"].(map[string]any); days["received"] != 3.0 {
		t.Errorf("counted are %v", days)
	}

	// Shown to everybody, with neither numbers nor names, until it is taken back.
	shown := a.must(t, 200, "POST", "/api/conversations", map[string]any{"sessionId": "main", "chat": "+9999999999"})
	page := a.page(t, 200, shown.text("embedUrl"))
	for _, want := range []string{"Hello again", "Ring me at &#43;•• ••••• ••••• &lt;script&gt;", "A. K.", "Location", "Thanks"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %q:\n%s", want, page)
		}
	}
	for _, bad := range []string{"98765", "43210", "9999999999", "<script", "Asha", "Welcome to WhatsApp Hub"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page shows %q:\n%s", bad, page)
		}
	}
	embed := a.base + "/oembed/?url=" + url.QueryEscape(shown.text("url")) + "&maxwidth=500&maxheight=400"
	if o := a.page(t, 200, embed); !strings.HasPrefix(o, `{"type":"rich","version":"1.0","title":"WhatsApp Conversation","html":"<iframe src=`) || !strings.Contains(o, `"width":500,"height":400`) {
		t.Errorf("described as %s", o)
	}
	a.must(t, 200, "DELETE", "/api/conversations/"+shown.text("id"), nil)
	a.page(t, 404, shown.text("embedUrl"))
	a.page(t, 404, embed)
}
