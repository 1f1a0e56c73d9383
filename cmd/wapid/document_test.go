package main

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"wapid/engine/simnet"
)

// TestTheDocument does what the WapiConnect document tells its readers to do, in
// its order and with its words, and holds each answer against the body that is
// printed there: fields, their order, and their types. What wapid adds comes
// behind the document's fields.
func TestTheDocument(t *testing.T) {
	network := startNetwork(t)
	photo := picture(t)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(photo) }))
	defer site.Close()
	d := startDaemon(t, "", network, t.TempDir(), "--admin-key", sampleAdminKey)
	receiver := startHooks(t)
	operator := api{base: d.base, admin: sampleAdminKey}
	defer operator.closeIdle()
	made := operator.must(t, 201, "POST", "/api/admin/tenants", map[string]any{
		"name": "My Business", "dailyLimit": 11, "maxSessions": 1, "webhookUrl": receiver.server.URL + "/hook", "webhookSecret": hookSecret})
	tenant := made.text("tenantId")
	reads(t, "the tenant's id", tenant, `^my-business-[a-z0-9]{6}$`)
	a := &api{base: d.base, key: made.text("apiKey")}
	defer a.closeIdle()
	says := func(what string, code int, method, path string, body any, pattern string) answer {
		t.Helper()
		ans := a.must(t, code, method, path, body)
		reads(t, what, ans.raw, pattern)
		return ans
	}
	mine, friend := network.Phone("919876543299"), network.Phone("919876543210")

	// Sessions.
	session := map[string]any{"sessionId": "main", "name": "Sales Number"}
	says("create", 200, "POST", "/api/whatsapp/session", session, `^\{"success":true,"sessionId":"main","isNew":true,"status":"initializing"`)
	a.awaitStatus(t, "main", "qr_ready")
	waiting := says("while waiting", 200, "GET", sessionPath("main")+"/status", nil, `^\{"status":"qr_ready","qrCode":"data:image/png;base64,[A-Za-z0-9+/=]+"`)
	says("create again", 200, "POST", "/api/whatsapp/session", session, `^\{"success":true,"sessionId":"main","isNew":false,"status":"qr_ready"`)
	if _, err := mine.ScanQR(t.Context(), waiting.text("qr")); err != nil {
		t.Fatal(err)
	}
	a.awaitStatus(t, "main", "ready")
	says("connected", 200, "GET", sessionPath("main")+"/status", nil, `^\{"status":"ready","connected":true,"phoneNumber":"919876543299"`)
	says("list", 200, "GET", "/api/whatsapp/sessions", nil, `"sessionId":"main","name":"Sales Number","status":"ready"`)

	// Send message; media messages. Each counts against the limit of 11.
	const sent = `^\{"success":true,"messageId":"3EB0[0-9A-F]{16,}","timestamp":[0-9]{10}\}$`
	send := func(code int, pattern string, fields map[string]any) answer {
		t.Helper()
		body := map[string]any{"to": "919876543210"}
		maps.Copy(body, fields)
		return says(fmt.Sprint(fields["type"]), code, "POST", sessionPath("main")+"/send", body, pattern)
	}
	shown := func(fields map[string]any) simnet.Received {
		t.Helper()
		id := send(200, sent, fields).text("messageId")
		got, err := arrive(t, friend, func(r simnet.Received) bool { return r.ID == id })
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := shown(map[string]any{"message": "Your order #1234 has been shipped!"}); got.Text != "Your order #1234 has been shipped!" {
		t.Errorf("a simple text arrived as %q", got.Text)
	}
	got := shown(map[string]any{"type": "text", "header": "Order Update", "message": "It will arrive by Friday.", "footer": "WapiConnect Store"})
	if got.Text != "*Order Update*\n\nIt will arrive by Friday.\n\n_WapiConnect Store_" {
		t.Errorf("with header and footer it arrived as %q", got.Text)
	}
	shown(map[string]any{"to": "919876543210@s.whatsapp.net", "message": "By JID"})
	image := shown(map[string]any{"type": "image", "mediaUrl": site.URL + "/invoice.jpg", "message": "Your invoice for March 2026"}).Message.GetImageMessage()
	if image.GetCaption() != "Your invoice for March 2026" || image.GetMimetype() != "image/png" || image.GetWidth() == 0 {
		t.Errorf("the image arrived as %v", image)
	}
	pdf := base64.StdEncoding.EncodeToString([]byte("%PDF-1.4\n"))
	document := shown(map[string]any{"type": "document", "mediaBase64": pdf, "mediaMimeType": "application/pdf", "fileName": "invoice-march-2026.pdf"}).Message.GetDocumentMessage()
	if document.GetFileName() != "invoice-march-2026.pdf" || document.GetMimetype() != "application/pdf" {
		t.Errorf("the document arrived as %v", document)
	}
	film := base64.StdEncoding.EncodeToString([]byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom\x00\x00\x00\x08mdat"))
	if got := shown(map[string]any{"type": "video", "mediaBase64": film, "message": "Look"}).Message.GetVideoMessage(); got.GetCaption() != "Look" {
		t.Errorf("the video arrived as %v", got)
	}
	song := base64.StdEncoding.EncodeToString(append([]byte("\xff\xfb\x90\x00"), make([]byte, 400)...))
	if got := shown(map[string]any{"type": "audio", "mediaBase64": song, "message": "Listen"}).Message.GetAudioMessage(); got == nil || got.GetPTT() {
		t.Errorf("the audio arrived as %v", got)
	}
	poll := pollOf(shown(map[string]any{"type": "poll", "message": "Lunch?", "options": []string{"Yes", "No"}}).Message)
	if poll.GetName() != "Lunch?" || len(poll.GetOptions()) != 2 {
		t.Errorf("the poll arrived as %v", poll)
	}

	// Bulk broadcast: recipients are numbers or objects.
	network.Phone("919876543212")
	job := says("bulk", 200, "POST", sessionPath("main")+"/send-bulk", map[string]any{
		"recipients": []any{"919876543210", map[string]any{"phone": "919876543211", "name": "Asha"}, "919876543212"},
		"message":    "Flash sale! 30% off all products today only.", "delayMin": 10, "delayMax": 20,
	}, `^\{"jobId":"[0-9a-f]{24}","total":3`)
	progress := "/api/whatsapp/bulk-job/" + job.text("jobId")
	says("progress", 200, "GET", progress, nil, `^\{"status":"(pending|running|completed)","total":3,"succeeded":\d,"failed":0,"processed":\d`)
	eventually(t, "the job is completed", func() bool {
		return strings.HasPrefix(a.must(t, 200, "GET", progress, nil).raw, `{"status":"completed","total":3,"succeeded":3,"failed":0,"processed":3`)
	})

	// Errors: the daily limit is used up; what was refused before cost nothing.
	says("limit", 429, "POST", sessionPath("main")+"/send", map[string]any{"to": "919876543210", "message": "One too many"},
		`^\{"error":"Daily sent message limit reached","code":"SENT_LIMIT_EXCEEDED","limit":11,"used":11,"requestId":"[0-9A-Z]{26}"\}$`)
	const failed = `^\{"error":"[^"]+","code":"[A-Z_]+","requestId":"[0-9A-Z]{26}"\}$`
	says("bad request", 400, "POST", sessionPath("main")+"/send", map[string]any{"message": "To nobody"}, failed)
	says("not found", 404, "GET", sessionPath("another")+"/status", nil, failed)
	stranger := api{base: d.base}
	defer stranger.closeIdle()
	reads(t, "unauthorized", stranger.must(t, 401, "GET", "/api/whatsapp/sessions", nil).raw, failed)

	// Webhooks; the receiver verifies the signature in the body of each.
	id, err := friend.SendText(t.Context(), mine.JID(), "Hello! I need help with my order.")
	if err != nil {
		t.Fatal(err)
	}
	in := receiver.await(t, "a message", func(h hook) bool { return h.Event == "message" && h.Data.ID == id })
	reads(t, "the payload", in.Raw, `^\{"tenantId":"`+tenant+`","event":"message","sessionId":"main","timestamp":[0-9]{13},"data":\{"id":"`+id+
		`","from":"919876543210@s.whatsapp.net","body":"Hello! I need help with my order\.","type":"text","isGroup":false,"hasMedia":false,.*\},"signature":"[0-9a-f]{64}"\}$`)
	a.must(t, 200, "POST", "/api/account/webhook/test", nil)

	// Message logs.
	logs := says("logs", 200, "GET", "/api/whatsapp/messages?page=1&limit=5&direction=out", nil,
		`^\{"messages":\[\{"sessionId":"main","to":"\d+","message":"[^"]*","status":"(sent|delivered|read)","type":"text","createdAt":"[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z"`)
	reads(t, "its end", logs.raw, `\}\],"total":11,"page":1,"pages":3[,}]`)

	// The key is reset: the old one is dead at once.
	fresh := a.must(t, 200, "POST", "/api/account/api-key/reset", nil).text("apiKey")
	a.must(t, 401, "GET", "/api/whatsapp/sessions", nil)
	a.key = fresh

	// Disconnect a session.
	settle(t, network, mine)
	says("disconnect", 200, "DELETE", sessionPath("main"), nil, `^\{"success":true,`)
	receiver.await(t, "test", func(h hook) bool { return h.Event == "test" })
	for _, event := range []string{"qr", "ready", "disconnected"} {
		receiver.awaitEvent(t, "main", event)
	}
	if took := time.Since(time.UnixMilli(in.Timestamp)); took < 0 || took > time.Minute {
		t.Errorf("the event's time is %d", in.Timestamp)
	}
}

func reads(t *testing.T, what, got, pattern string) {
	t.Helper()
	if !regexp.MustCompile(pattern).MatchString(got) {
		t.Errorf("%s is\n%.500s\nwant %s", what, got, pattern)
	}
}
