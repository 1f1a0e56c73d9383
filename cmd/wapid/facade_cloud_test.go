package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
	"wapid/engine/simnet"
	"wapid/httpapi/cloudapi"
)

// cloudNumber is a phone number as a program for Meta's Cloud API uses it.
type cloudNumber struct {
	*api
	id string
}

// send posts a message to somebody and returns the network's own id of it.
func (n cloudNumber) send(t *testing.T, to string, message map[string]any) types.MessageID {
	t.Helper()
	message["messaging_product"], message["to"] = "whatsapp", to
	var got cloudapi.Accepted
	answer := n.graph(t, 200, "POST", "/"+n.id+"/messages", message)
	if err := json.Unmarshal([]byte(answer.raw), &got); err != nil || len(got.Messages) != 1 || got.Contacts[0].Input != to {
		t.Fatalf("answered with %s, %v", answer.raw, err)
	}
	w, ok := cloudapi.ParseWAMID(got.Messages[0].ID)
	if !ok || !w.Outgoing {
		t.Fatalf("the id is %s", got.Messages[0].ID)
	}
	return types.MessageID(w.ID)
}

// refused posts a message that must fail with a status and a code of Meta's.
func (n cloudNumber) refused(t *testing.T, status int, code float64, body map[string]any) {
	t.Helper()
	answer := n.graph(t, status, "POST", "/"+n.id+"/messages", body)
	if e, _ := answer.body["error"].(map[string]any); e["code"] != code {
		t.Errorf("answered with %s, want the code %v", answer.raw, code)
	}
}

// TestCloudMessages: what a program for Meta's Cloud API sends is what the phone shows,
// of every type.
func TestCloudMessages(t *testing.T) {
	network := startNetwork(t)
	a := startApp(t, network, t.TempDir(), nil)
	mine, asha := network.Phone("919876543210"), network.Phone("919876543211")
	mine.SetPushName("Shop") // without a name WhatsApp shows nobody that an account types
	a.pair(t, "main", mine)
	settle(t, network, mine)
	_, _, phones := a.graphIDs(t)
	number := cloudNumber{&a.api, phones["919876543210"]}
	photo := picture(t)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(photo) }))
	defer site.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	to := mine.JID()
	asked, err := asha.SendText(ctx, to, "Is it open?")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the question is in the log", func() bool {
		answer, err := a.call("GET", sessionPath("main")+"/messages/"+asked, nil)
		return err == nil && answer.code == 200
	})
	question := metaID("919876543211", asked)

	sent := func(message map[string]any) simnet.Received {
		t.Helper()
		id := number.send(t, "+91 98765 43211", message)
		got, err := arrive(t, asha, func(r simnet.Received) bool { return r.ID == id })
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := sent(map[string]any{"text": map[string]any{"body": "Hello"}}); got.Text != "Hello" {
		t.Errorf("a text is %+v", got)
	}
	reply := sent(map[string]any{"type": "text", "text": map[string]any{"body": "Yes"}, "context": map[string]any{"message_id": question}})
	if quoted := reply.Message.GetExtendedTextMessage().GetContextInfo(); quoted.GetStanzaID() != asked || quoted.GetQuotedMessage().GetConversation() != "Is it open?" {
		t.Errorf("a reply quotes %v", quoted)
	}
	if got := sent(map[string]any{"type": "reaction", "reaction": map[string]any{"message_id": question, "emoji": "👍"}}).Message.GetReactionMessage(); got.GetText() != "👍" || got.GetKey().GetID() != asked {
		t.Errorf("a reaction is %v", got)
	}
	image := sent(map[string]any{"type": "image", "image": map[string]any{"link": site.URL + "/a.png", "caption": "Look"}})
	if bytes, err := asha.Download(ctx, image); err != nil || string(bytes) != string(photo) || image.Text != "Look" {
		t.Errorf("an image of %d bytes says %q, %v", len(bytes), image.Text, err)
	}
	document := sent(map[string]any{"type": "document", "document": map[string]any{"link": site.URL + "/a.png", "filename": "plan.png"}})
	if got := document.Message.GetDocumentMessage(); got.GetFileName() != "plan.png" {
		t.Errorf("a document is %v", got)
	}
	if got := sent(map[string]any{"type": "location", "location": map[string]any{"latitude": "1.5", "longitude": -2, "name": "Shop"}}).Message.GetLocationMessage(); got.GetDegreesLatitude() != 1.5 || got.GetDegreesLongitude() != -2 || got.GetName() != "Shop" {
		t.Errorf("a location is %v", got)
	}
	card := sent(map[string]any{"type": "contacts", "contacts": []any{map[string]any{"name": map[string]any{"formatted_name": "Ana"}, "phones": []any{map[string]any{"phone": "+34 600 000 001"}}}}})
	if got := card.Message.GetContactMessage(); got.GetDisplayName() != "Ana" || !strings.Contains(got.GetVcard(), "+34 600 000 001") {
		t.Errorf("a contact is %v", got)
	}
	button := map[string]any{"type": "reply", "reply": map[string]any{"id": "y", "title": "Yes"}}
	buttons := sent(map[string]any{"type": "interactive", "interactive": map[string]any{"type": "button", "body": map[string]any{"text": "Well?"}, "action": map[string]any{"buttons": []any{button}}}})
	if buttons.Text != "Well?\n\n1. Yes" {
		t.Errorf("buttons are %q", buttons.Text)
	}
	link := sent(map[string]any{"type": "interactive", "interactive": map[string]any{"type": "cta_url", "body": map[string]any{"text": "Your order"},
		"action": map[string]any{"name": "cta_url", "parameters": map[string]any{"display_text": "Track it", "url": "https://example.com/7"}}}})
	if !strings.Contains(link.Text, "Your order") || !strings.Contains(link.Text, "https://example.com/7") {
		t.Errorf("a link is %q", link.Text)
	}

	// Marked as read, with typing that ends with the answer.
	a.graph(t, 200, "POST", "/"+number.id+"/messages", map[string]any{"messaging_product": "whatsapp", "status": "read", "message_id": question, "typing_indicator": map[string]any{"type": "text"}})
	eventually(t, "the question is read", func() bool {
		lines, err := asha.Lines(ctx, to)
		return err == nil && lines[0].ID == asked && lines[0].Status == simnet.ProgressRead
	})
	for _, state := range []string{"composing", "paused"} {
		if _, err := asha.AwaitChatState(ctx, func(s simnet.ChatState) bool { return s.State == state }); err != nil {
			t.Fatal(err)
		}
		if state == "composing" {
			sent(map[string]any{"text": map[string]any{"body": "Here it is"}})
		}
	}

	// A group, by its id.
	group, err := asha.CreateGroup(ctx, "Orders", to)
	if err != nil {
		t.Fatal(err)
	}
	id := number.send(t, group.User, map[string]any{"recipient_type": "group", "text": map[string]any{"body": "All of you"}})
	if got, err := arrive(t, asha, func(r simnet.Received) bool { return r.ID == id }); err != nil || got.Chat != group {
		t.Errorf("to a group it is %+v, %v", got, err)
	}
	number.refused(t, 400, 131021, map[string]any{"messaging_product": "whatsapp", "to": "919876543210", "text": map[string]any{"body": "a"}})
}

// metaID is a received message's id as Meta has it.
func metaID(user string, id types.MessageID) string {
	return cloudapi.WAMID{User: user, ID: engine.MessageID(id)}.String()
}

// TestCloudNumbersKeepTheirIDs: keys reach their own numbers, and a number has its id
// through logging out and linking again, under another session id too.
func TestCloudNumbersKeepTheirIDs(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	a := startApp(t, network, dir, nil)
	mine, asha := network.Phone("919876543210"), network.Phone("919876543211")
	a.pair(t, "main", mine)
	settle(t, network, mine)
	_, _, phones := a.graphIDs(t)
	text := func() map[string]any {
		return map[string]any{"messaging_product": "whatsapp", "to": "919876543211", "text": map[string]any{"body": "a"}}
	}
	key := func(sessions ...string) answer {
		return a.must(t, 201, "POST", "/api/account/api-keys", map[string]any{"name": "k", "scope": "send", "sessions": sessions})
	}
	own, other := key("main"), key("elsewhere")
	as := func(key string) cloudNumber {
		return cloudNumber{&api{base: a.base, key: key, client: a.http()}, phones["919876543210"]}
	}
	as(own.text("apiKey")).send(t, "919876543211", text())
	as(other.text("apiKey")).refused(t, 403, 10, text())
	as("wapid_nobodys").refused(t, 401, 190, text())
	a.must(t, 200, "DELETE", "/api/account/api-keys/"+own.text("keyId"), nil)
	as(own.text("apiKey")).refused(t, 401, 190, text())

	number := as(a.key)
	if err := mine.Unlink(t.Context(), mine.Devices()[0]); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the session is logged out", func() bool { return a.status(t, "main").text("reason") == "logged_out" })
	number.refused(t, 400, 133010, text())
	a.must(t, 200, "DELETE", sessionPath("main"), nil)
	number.refused(t, 400, 33, text())
	a.pair(t, "renamed", mine)
	id := number.send(t, "919876543211", text())
	if _, err := arrive(t, asha, func(r simnet.Received) bool { return r.ID == id }); err != nil {
		t.Fatal(err)
	}
	if _, _, again := a.graphIDs(t); again["919876543210"] != number.id {
		t.Errorf("linked again the number's id is %s, not %s", again["919876543210"], number.id)
	}
}
