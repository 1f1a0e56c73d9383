package simnet

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"testing"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// awaitView asks a control until its answer is as wanted.
func awaitView(t *testing.T, net *network, path string, want func(map[string]any) bool) map[string]any {
	t.Helper()
	ctx := testContext(t)
	for {
		if answer := must(t, net, "GET", path, nil); want(answer) {
			return answer
		} else if !sleep(ctx, 5e6) {
			t.Fatalf("GET %s stays %v", path, answer)
		}
	}
}

// lines reads the messages of an answer.
func lines(answer map[string]any) (list []map[string]any) {
	for _, one := range answer["messages"].([]any) {
		list = append(list, one.(map[string]any))
	}
	return list
}

// TestControlShowsChats looks at a chat from both ends while it goes on: the
// account's phone, for which a linked device writes, and the customer's.
func TestControlShowsChats(t *testing.T) {
	net := startNetwork(t, Config{})
	c := settledClient(t, net, net.Phone(owner))
	sent, err := c.SendMessage(testContext(t), types.NewJID(customer, types.DefaultUserServer), hello("Hello"))
	if err != nil {
		t.Fatal(err)
	}
	here, there := "/phones/"+owner+"/chats/"+customer, "/phones/"+customer+"/chats/"+owner
	status := func(want string) func(map[string]any) bool {
		return func(a map[string]any) bool { l := lines(a); return len(l) > 0 && l[0]["status"] == want }
	}
	first := lines(awaitView(t, net, here, status("delivered")))[0]
	if first["id"] != sent.ID || first["fromMe"] != true || first["text"] != "Hello" || first["number"] != owner {
		t.Errorf("the account's own message is %v", first)
	}
	chats := must(t, net, "GET", "/phones/"+customer+"/chats", nil)["chats"].([]any)
	if one := chats[0].(map[string]any); len(chats) != 1 || one["unread"] != 1.0 || one["number"] != owner {
		t.Errorf("the customer's chats are %v", chats)
	}
	must(t, net, "POST", "/phones/"+customer+"/read", map[string]any{"chat": owner, "ids": []string{sent.ID}})
	awaitView(t, net, here, status("read"))
	if chat := must(t, net, "GET", "/phones/"+customer+"/chats", nil)["chats"].([]any)[0].(map[string]any); chat["unread"] != 0.0 {
		t.Errorf("read, and yet %v", chat)
	}

	must(t, net, "POST", "/phones/"+customer+"/typing", map[string]any{"to": owner, "on": true})
	awaitView(t, net, here, func(a map[string]any) bool { return a["typing"] == true })
	must(t, net, "POST", "/phones/"+customer+"/act", map[string]any{"kind": "react", "to": owner, "id": sent.ID, "text": "👍"})
	must(t, net, "POST", "/phones/"+customer+"/send", map[string]string{"to": owner, "text": "Hello back"})
	m := await(c, text("Hello back"))
	answered := awaitView(t, net, here, func(a map[string]any) bool { return len(lines(a)) == 2 && a["typing"] == false })
	if reactions := lines(answered)[0]["reactions"]; reactions == nil || lines(answered)[1]["text"] != "Hello back" {
		t.Errorf("the chat is %v", answered)
	}
	if err := c.MarkRead(testContext(t), []types.MessageID{m.Info.ID}, m.Info.Timestamp, m.Info.Chat, m.Info.Sender); err != nil {
		t.Fatal(err)
	}
	// The account's phone learns that its linked device read it; so does the author.
	awaitView(t, net, "/phones/"+owner+"/chats", func(a map[string]any) bool {
		return a["chats"].([]any)[0].(map[string]any)["unread"] == 0.0
	})
	awaitView(t, net, there, func(a map[string]any) bool { return lines(a)[1]["status"] == "read" })
	if l := lines(must(t, net, "GET", there+"?limit=1", nil)); len(l) != 1 || l[0]["text"] != "Hello back" {
		t.Errorf("the latest one is %v", l)
	}
}

// TestControlShowsPhones looks at who is there, offline and in trouble.
func TestControlShowsPhones(t *testing.T) {
	net := startNetwork(t, Config{})
	must(t, net, "POST", "/phones/"+customer+"/settings", map[string]any{"online": false, "pushName": "Asha"})
	must(t, net, "POST", "/phones/"+owner+"/send", map[string]string{"to": customer, "text": "Hello?"})
	phones := must(t, net, "GET", "/phones", nil)["phones"].([]any)
	if len(phones) != 2 {
		t.Fatalf("phones: %v", phones)
	}
	if p := phones[1].(map[string]any); p["number"] != customer || p["online"] != false || p["waiting"] != 1.0 || p["pushName"] != "Asha" {
		t.Errorf("the phone that is off is %v", p)
	}
	if only := must(t, net, "GET", "/phones?number="+owner, nil); only["count"] != 1.0 {
		t.Errorf("one of them: %v", only)
	}
	setFault(t, net, Fault{Kind: FaultLatency, Number: Everyone, Delay: 1})
	id := must(t, net, "POST", "/faults", map[string]any{"kind": "temp_ban", "number": owner, "expire": 60})["id"]
	faults := must(t, net, "GET", "/phones/"+owner, nil)["faults"].([]any)
	if len(faults) != 1 {
		t.Fatalf("faults: %v", faults)
	}
	if f := faults[0].(map[string]any); f["id"] != id || f["kind"] != "temp_ban" || f["left"].(float64) > 60 || f["left"].(float64) < 1 {
		t.Errorf("the phone's own trouble is %v", f)
	}
}

// TestControlHandsOutFiles fetches what was sent as the phones would show it.
func TestControlHandsOutFiles(t *testing.T) {
	net := startNetwork(t, Config{})
	c := settledClient(t, net, net.Phone(owner))
	for _, tc := range []struct{ kind, mime, media, disposition string }{
		{"image", "image/png", "image/png", "inline"},
		{"image", "image/svg+xml", "application/octet-stream", "attachment"},
		{"document", "text/html", "application/octet-stream", `attachment; filename=page.html`},
		{"audio", "audio/ogg; codecs=opus", "audio/ogg", "inline"},
	} {
		media := map[string]any{"kind": tc.kind, "mime": tc.mime, "data": base64.StdEncoding.EncodeToString([]byte("the file"))}
		if tc.kind == "document" {
			media["fileName"] = "page.html"
		}
		id := must(t, net, "POST", "/phones/"+customer+"/send", map[string]any{"to": owner, "media": media})["id"]
		await(c, func(m *events.Message) bool { return m.Info.ID == id })
		if _, err := net.Phone(owner).Await(testContext(t), func(r Received) bool { return r.ID == id }); err != nil {
			t.Fatal(err)
		}
		for _, number := range []string{owner, customer} {
			path := fmt.Sprintf("/phones/%s/files/%s", number, id)
			response, err := http.Get(net.Describe().Control + path)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			_ = response.Body.Close()
			h := response.Header
			if err != nil || string(body) != "the file" || h.Get("Content-Type") != tc.media || h.Get("Content-Disposition") != tc.disposition ||
				h.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s %s on %s: %d %v %q", tc.kind, tc.mime, number, response.StatusCode, h, body)
			}
		}
	}
	if status, answer := call(t, net, "GET", "/phones/"+owner+"/files/none", nil); status != http.StatusNotFound {
		t.Errorf("no such message: %d %v", status, answer)
	}
}
