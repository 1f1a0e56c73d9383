package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wapid/engine/simnet"
)

// TestTemplatesOverMetasAPI: a template is made, told of, listed, sent, and deleted as
// clients of the Cloud API do. The phone shows it as text, or as a picture with a caption,
// and what is answered comes back as the template's button.
func TestTemplatesOverMetasAPI(t *testing.T) {
	network := startNetwork(t)
	a := startApp(t, network, t.TempDir(), nil)
	mine, theirs := network.Phone("447700900123"), network.Phone("447700900124")
	a.pair(t, "main", mine)
	settle(t, network, mine)
	app, waba, phones := a.graphIDs(t)
	phone := phones["447700900123"]
	secret := a.must(t, 200, "GET", "/api/account/app", nil).text("appSecret")
	receiver := startMetaReceiver(t, secret)
	a.graph(t, 200, "POST", "/"+app+"/subscriptions", map[string]any{"object": "whatsapp_business_account", "callback_url": receiver.URL,
		"verify_token": receiver.token, "fields": "messages,message_template_status_update"})
	photo := string(picture(t))
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, photo) }))
	defer site.Close()

	made := a.graph(t, 200, "POST", "/"+waba+"/message_templates", map[string]any{
		"name": "order_ready", "language": "en_US", "category": "UTILITY", "parameter_format": "NAMED",
		"components": []any{
			map[string]any{"type": "HEADER", "format": "IMAGE"},
			map[string]any{"type": "BODY", "text": "Hi {{first_name}}, order {{order}} is ready."},
			map[string]any{"type": "FOOTER", "text": "Lucky Shrub"},
			map[string]any{"type": "BUTTONS", "buttons": []any{
				map[string]any{"type": "QUICK_REPLY", "text": "I'm coming"}, map[string]any{"type": "QUICK_REPLY", "text": "Later"},
				map[string]any{"type": "URL", "text": "Map", "url": "https://x.example/{{1}}"},
			}},
		}})
	id := made.text("id")
	told := receiver.await(t, "a template is made", func(p metaPost) bool { return p.field == "message_template_status_update" })
	for _, want := range []string{`"event":"APPROVED"`, `"message_template_name":"order_ready"`, id} {
		if !strings.Contains(told.raw, want) {
			t.Errorf("%s is not told in %s", want, told.raw)
		}
	}

	message := func(components ...any) map[string]any {
		return map[string]any{"messaging_product": "whatsapp", "to": "447700900124", "type": "template",
			"template": map[string]any{"name": "order_ready", "language": map[string]any{"code": "en_US"}, "components": components}}
	}
	body := map[string]any{"type": "body", "parameters": []any{
		map[string]any{"type": "text", "parameter_name": "first_name", "text": "Asha"}, map[string]any{"type": "text", "parameter_name": "order", "text": "4711"}}}
	header := map[string]any{"type": "header", "parameters": []any{map[string]any{"type": "image", "image": map[string]any{"link": site.URL + "/p.png"}}}}
	button := map[string]any{"type": "button", "sub_type": "url", "index": "2", "parameters": []any{map[string]any{"type": "text", "text": "shop-7"}}}
	payload := map[string]any{"type": "button", "sub_type": "quick_reply", "index": 0, "parameters": []any{map[string]any{"type": "payload", "payload": "coming:4711"}}}

	send := func(m map[string]any, text string) simnet.Received {
		t.Helper()
		sent := a.graph(t, 200, "POST", "/"+phone+"/messages", m)
		if !strings.Contains(sent.raw, `"message_status":"accepted"`) {
			t.Errorf("sent as %s", sent.raw)
		}
		got, err := arrive(t, theirs, func(r simnet.Received) bool {
			return r.Text == text || r.Message.GetImageMessage().GetCaption() == text
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	const caption = "Hi Asha, order 4711 is ready.\n\nMap: https://x.example/shop-7\n\n1. I'm coming\n2. Later\n\n_Lucky Shrub_"
	got := send(message(header, body, button, payload), caption)
	if file, err := theirs.Download(t.Context(), got); err != nil || string(file) != photo {
		t.Errorf("the picture has %d bytes, %v", len(file), err)
	}
	if _, err := theirs.SendText(t.Context(), mine.JID(), "1"); err != nil {
		t.Fatal(err)
	}
	answer := receiver.await(t, "a template's button", func(p metaPost) bool { return p.message["type"] == "button" })
	if b, _ := answer.message["button"].(map[string]any); b["payload"] != "coming:4711" || b["text"] != "I'm coming" {
		t.Errorf("the answer is %s", answer.raw)
	}

	// What does not fit is told by its number, and nothing goes out.
	for code, m := range map[float64]map[string]any{
		132000: message(header, map[string]any{"type": "body"}, button),
		132012: message(body, button),
		131008: message(header, body),
		132001: {"messaging_product": "whatsapp", "to": "447700900124", "type": "template", "template": map[string]any{"name": "order_ready", "language": map[string]any{"code": "en"}}},
	} {
		refused, err := (&api{base: a.base + "/v23.0", client: a.http()}).call("POST", "/"+phone+"/messages?access_token="+a.key, m)
		if err != nil {
			t.Fatal(err)
		}
		if e, _ := refused.body["error"].(map[string]any); refused.code < 400 || refused.code > 499 || e["code"] != code {
			t.Errorf("%v is refused with %d %s", code, refused.code, refused.raw)
		}
	}

	// A file that was uploaded ahead takes the place of the link.
	upload := a.graphUpload(t, phone, "p.png", photo)
	header["parameters"] = []any{map[string]any{"type": "image", "image": map[string]any{"id": upload}}}
	body["parameters"].([]any)[1].(map[string]any)["text"] = "4712"
	got = send(message(header, body, button), strings.Replace(caption, "4711", "4712", 1))
	if file, err := theirs.Download(t.Context(), got); err != nil || string(file) != photo {
		t.Errorf("the uploaded picture has %d bytes, %v", len(file), err)
	}

	var list struct{ Data []struct{ ID, Status string } }
	if err := json.Unmarshal([]byte(a.graph(t, 200, "GET", "/"+waba+"/message_templates?fields=status", nil).raw), &list); err != nil || len(list.Data) != 1 || list.Data[0].ID != id {
		t.Errorf("listed as %+v, %v", list, err)
	}
	a.graph(t, 200, "DELETE", "/"+waba+"/message_templates?name=order_ready", nil)
	a.graph(t, 404, "POST", "/"+phone+"/messages", message(header, body, button))
}

// TestProfileAndBlockListOverMetasAPI: a number shows and changes what its account has, and
// keeps people away.
func TestProfileAndBlockListOverMetasAPI(t *testing.T) {
	network := startNetwork(t)
	a := startApp(t, network, t.TempDir(), nil)
	mine, theirs := network.Phone("447700900125"), network.Phone("447700900126")
	a.pair(t, "main", mine)
	settle(t, network, mine)
	_, _, phones := a.graphIDs(t)
	profile, blocked := "/"+phones["447700900125"]+"/whatsapp_business_profile", "/"+phones["447700900125"]+"/block_users"

	a.graph(t, 200, "POST", profile, map[string]any{"messaging_product": "whatsapp", "about": "At the shop"})
	if got := mine.About(); got != "At the shop" {
		t.Errorf("about is %q", got)
	}
	a.graph(t, 400, "POST", profile, map[string]any{"address": "1 Way"})
	mine.SetBusiness(&simnet.Business{Category: "Shopping & retail"})
	a.graph(t, 200, "POST", profile, map[string]any{"address": "1 Way", "websites": []string{"https://x.example"}})
	if got := a.graph(t, 200, "GET", profile+"?fields=about,address,websites,vertical", nil).raw; got !=
		`{"data":[{"about":"At the shop","address":"1 Way","websites":["https://x.example"],"vertical":"RETAIL","messaging_product":"whatsapp"}]}` {
		t.Errorf("the profile is %s", got)
	}

	people := map[string]any{"messaging_product": "whatsapp", "block_users": []any{map[string]any{"user": "+44 7700 900126"}}}
	if got := a.graph(t, 200, "POST", blocked, people).raw; !strings.Contains(got, `"added_users":[{"input":"+44 7700 900126","wa_id":"447700900126"}]`) {
		t.Errorf("blocked: %s", got)
	}
	if got := mine.Blocked(); len(got) != 1 || got[0] != theirs.Number() {
		t.Errorf("the phone has blocked %v", got)
	}
	if got := a.graph(t, 200, "GET", blocked, nil).raw; !strings.Contains(got, `{"messaging_product":"whatsapp","wa_id":"447700900126"}`) {
		t.Errorf("listed: %s", got)
	}
	a.graph(t, 200, "DELETE", blocked, people)
	if got := mine.Blocked(); len(got) != 0 {
		t.Errorf("the phone still blocks %v", got)
	}
}

// graphUpload gives a picture to the library of a number, and returns its id.
func (a *api) graphUpload(t *testing.T, phone, name, file string) string {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreatePart(map[string][]string{"Content-Disposition": {`form-data; name="file"; filename="` + name + `"`}, "Content-Type": {"image/png"}})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write([]byte(file)) // a buffer takes everything
	if err := errors.Join(form.WriteField("messaging_product", "whatsapp"), form.Close()); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.base+"/v23.0/"+phone+"/media", &body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+a.key)
	req.Header.Set("Content-Type", form.FormDataContentType())
	res, err := a.http().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct{ ID string }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != http.StatusOK || answer.ID == "" {
		t.Fatalf("uploaded with %d %+v, %v", res.StatusCode, answer, err)
	}
	return answer.ID
}
