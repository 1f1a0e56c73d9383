package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"wapid/engine/simnet"
)

// officialPair are two daemons: a process whose session speaks over Meta's official API,
// and one in this process that stands in for Meta, with a linked device behind it.
type officialPair struct {
	network      *simulated
	mine, theirs *simnet.Phone // the number, and a customer
	meta         *inProcess
	secret       string // of the app there
	phoneID      string
	waba         string
	dir          string
	daemon       *daemon
	receiver     *hooks // of the daemon's tenant
}

const officialVerifyToken = "my_secret_verify_token_2026"

func startOfficialPair(t *testing.T) *officialPair {
	t.Helper()
	network := startNetwork(t)
	p := &officialPair{network: network, mine: network.Phone("919876543210"), theirs: network.Phone("919876543211"), dir: t.TempDir()}
	p.theirs.SetPushName("Asha")
	p.meta = startApp(t, network, t.TempDir(), nil)
	p.meta.pair(t, "main", p.mine)
	settle(t, network, p.mine)
	var phones map[string]string
	_, p.waba, phones = p.meta.graphIDs(t)
	p.phoneID = phones[p.mine.Number()]
	p.secret = p.meta.must(t, 200, "GET", "/api/account/app", nil).text("appSecret")
	p.receiver = startHooks(t)
	p.daemon = startDaemon(t, "", network, p.dir)
	p.daemon.must(t, 200, "PUT", "/api/account/webhook", map[string]any{"url": p.receiver.server.URL, "secret": hookSecret,
		"events": []string{"message", "message.status", "ready", "disconnected"}})
	return p
}

// create gives the daemon's session these credentials.
func (p *officialPair) create(t *testing.T, token string) answer {
	t.Helper()
	return p.daemon.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "official", "cloud": map[string]any{
		"phoneNumberId": p.phoneID, "accessToken": token, "appSecret": p.secret, "verifyToken": officialVerifyToken,
		"baseUrl": p.meta.base + "/v23.0", "wabaId": p.waba}})
}

// subscribe has what happens to the number told to the daemon.
func (p *officialPair) subscribe(t *testing.T) {
	t.Helper()
	p.meta.graph(t, 200, "POST", "/"+p.waba+"/subscribed_apps", map[string]any{"override_callback_uri": p.daemon.base + "/api/webhook", "verify_token": officialVerifyToken})
}

func (p *officialPair) arrived(t *testing.T, what string, match func(simnet.Received) bool) simnet.Received {
	t.Helper()
	r, err := arrive(t, p.theirs, match)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return r
}

// send sends over the official session and returns the message's id.
func (p *officialPair) send(t *testing.T, fields map[string]any) string {
	t.Helper()
	fields["to"] = p.theirs.Number()
	return p.daemon.must(t, 200, "POST", sessionPath("official")+"/send", fields).text("messageId")
}

func (p *officialPair) heard(t *testing.T, what string, match func(hook) bool) hook {
	t.Helper()
	return p.receiver.await(t, what, func(h hook) bool { return h.Event == "message" && h.SessionID == "official" && match(h) })
}

// deliver posts a webhook as Meta does.
func (p *officialPair) deliver(t *testing.T, body []byte, secret string) int {
	t.Helper()
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.daemon.base+"/api/webhook", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	res, err := p.daemon.http().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode
}

// TestOfficialAPI: a session of Meta's official API sends and receives as every other one
// does. What stands in for Meta is this daemon's own Cloud API.
func TestOfficialAPI(t *testing.T) {
	p := startOfficialPair(t)
	key := p.meta.must(t, 201, "POST", "/api/account/api-keys", map[string]any{"name": "of the official session", "scope": "send"})
	token, keyID := key.text("apiKey"), key.text("keyId")
	if made := p.create(t, token); made.text("network") != "cloud" || strings.Contains(made.raw, token) || strings.Contains(made.raw, p.secret) {
		t.Errorf("created as %s", made.raw)
	}
	ready := p.daemon.awaitStatus(t, "official", "ready")
	if ready.text("phoneNumber") != p.mine.Number() || ready.text("network") != "cloud" {
		t.Errorf("ready as %s", ready.raw)
	}
	p.receiver.await(t, "ready", func(h hook) bool {
		return h.Event == "ready" && strings.Contains(h.Raw, `"phoneNumber":"919876543210"`)
	})
	p.subscribe(t)

	p.talk(t)
	p.sendsFiles(t)
	p.asks(t)
	p.takesOnce(t)
	p.survivesAKill(t)

	// The token is revoked, and a better one given.
	p.meta.must(t, 200, "DELETE", "/api/account/api-keys/"+keyID, nil)
	if refused := p.daemon.must(t, 409, "POST", sessionPath("official")+"/send", map[string]any{"to": p.theirs.Number(), "message": "lost"}); refused.text("code") != "SESSION_NOT_READY" {
		t.Errorf("with a revoked token: %s", refused.raw)
	}
	if gone := p.daemon.awaitStatus(t, "official", "disconnected"); gone.text("reason") != "logged_out" || !strings.Contains(gone.raw, "(190)") {
		t.Errorf("with a revoked token: %s", gone.raw)
	}
	p.create(t, p.meta.key)
	p.daemon.awaitStatus(t, "official", "ready")
	p.send(t, map[string]any{"message": "with another token"})
	p.arrived(t, "a text with another token", func(r simnet.Received) bool { return r.Text == "with another token" })

	p.daemon.must(t, 400, "POST", sessionPath("official")+"/pairing-code", map[string]any{"phone": p.mine.Number()})
	p.daemon.must(t, 400, "POST", sessionPath("official")+"/send", map[string]any{"to": p.theirs.Number(), "type": "poll",
		"message": "Tea?", "options": []string{"yes", "no"}})
	if removed := p.daemon.must(t, 200, "DELETE", sessionPath("official"), nil); removed.body["unlinked"] != true {
		t.Errorf("removed as %s", removed.raw)
	}
	if code := p.deliver(t, p.message("wamid.LATE", "too late"), p.secret); code != http.StatusUnauthorized {
		t.Errorf("a webhook of a number that nobody has answers %d", code)
	}
	if devices := p.mine.Devices(); len(devices) != 1 {
		t.Errorf("the number has %d linked devices, want that of the other daemon", len(devices))
	}
}

// talk sends and receives texts, replies and reactions, and follows their statuses.
func (p *officialPair) talk(t *testing.T) {
	ctx, to := t.Context(), p.mine.JID()
	id := p.send(t, map[string]any{"message": "Grüße 👋"})
	got := p.arrived(t, "a text", func(r simnet.Received) bool { return r.Text == "Grüße 👋" })
	for _, status := range []string{"sent", "delivered"} {
		p.receiver.await(t, status, func(h hook) bool {
			return h.Event == "message.status" && h.Data.ID == id && h.Data.Status == status
		})
	}
	written, err := p.theirs.Reply(ctx, to, got.ID, "and to you")
	if err != nil {
		t.Fatal(err)
	}
	reply := p.heard(t, "a reply", func(h hook) bool { return h.Data.Body == "and to you" })
	if reply.Data.From != "919876543211@s.whatsapp.net" || reply.Data.Type != "text" || reply.Data.PushName != "Asha" ||
		!strings.Contains(reply.Raw, `"quoted":{"messageId":"`+id+`"`) {
		t.Errorf("a reply is told as %s", reply.Raw)
	}
	if _, err := p.theirs.React(ctx, to, got.ID, "👍"); err != nil {
		t.Fatal(err)
	}
	p.heard(t, "a reaction", func(h hook) bool {
		return h.Data.Type == "reaction" && strings.Contains(h.Raw, `"reaction":{"messageId":"`+id+`","emoji":"👍","fromMe":true}`)
	})
	p.send(t, map[string]any{"message": "how nice", "quotedMessageId": reply.Data.ID})
	p.arrived(t, "an answer", func(r simnet.Received) bool {
		return r.Text == "how nice" && r.Message.GetExtendedTextMessage().GetContextInfo().GetQuotedMessage() != nil
	})
	p.send(t, map[string]any{"type": "reaction", "messageId": reply.Data.ID, "emoji": "❤️"})
	p.arrived(t, "a reaction", func(r simnet.Received) bool { return r.Message.GetReactionMessage().GetText() == "❤️" })
	p.daemon.must(t, 200, "POST", sessionPath("official")+"/chats/"+p.theirs.Number()+"/read", nil)
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := p.theirs.AwaitSent(waiting, func(m simnet.Outgoing) bool { return m.ID == written && len(m.Read) > 0 }); err != nil {
		t.Errorf("the customer does not see that it was read: %v", err)
	}
}

// sendsFiles sends a picture and gets one.
func (p *officialPair) sendsFiles(t *testing.T) {
	photo := picture(t)
	p.send(t, map[string]any{"type": "image", "message": "look", "mediaBase64": base64.StdEncoding.EncodeToString(photo)})
	shown := p.arrived(t, "a picture", func(r simnet.Received) bool { return r.Text == "look" })
	if b, err := p.theirs.Download(t.Context(), shown); err != nil || !bytes.Equal(b, photo) {
		t.Errorf("the picture arrived with %d bytes, %v", len(b), err)
	}
	data := bytes.Repeat([]byte("0123456789"), 5000)
	if _, err := p.theirs.SendMedia(t.Context(), p.mine.JID(), simnet.Media{Kind: "document", Data: data, MIME: "application/pdf", FileName: "plan.pdf", Caption: "the plan"}); err != nil {
		t.Fatal(err)
	}
	file := p.heard(t, "a document", func(h hook) bool { return h.Data.Body == "the plan" })
	if !file.Data.HasMedia || file.Data.Type != "document" || !strings.Contains(file.Raw, `"fileName":"plan.pdf"`) {
		t.Errorf("a document is told as %s", file.Raw)
	}
	if sum, size, _ := p.daemon.fetch(t, "official", url.PathEscape(file.Data.ID)); sum != sha256.Sum256(data) || size != int64(len(data)) {
		t.Errorf("%d bytes were fetched, want %d", size, len(data))
	}
}

// asks sends a question with buttons, of which one is chosen.
func (p *officialPair) asks(t *testing.T) {
	id := p.send(t, map[string]any{"message": "Shall we?", "choices": []map[string]any{{"id": "y", "title": "Yes"}, {"id": "n", "title": "No"}}})
	p.arrived(t, "a question", func(r simnet.Received) bool { return strings.HasPrefix(r.Text, "Shall we?") })
	if _, err := p.theirs.SendText(t.Context(), p.mine.JID(), "2"); err != nil {
		t.Fatal(err)
	}
	p.heard(t, "what was chosen", func(h hook) bool {
		return strings.Contains(h.Raw, `"choice":{"style":"button","id":"n","title":"No","messageId":"`+id+`"}`)
	})
}

// message is a webhook that tells of a text.
func (p *officialPair) message(wamid, text string) []byte {
	return fmt.Appendf(nil, `{"object":"whatsapp_business_account","entry":[{"id":"%s","changes":[{"field":"messages","value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":"919876543210","phone_number_id":"%s"},"contacts":[{"profile":{"name":"Asha"},"wa_id":"919876543211"}],"messages":[{"from":"919876543211","id":"%s","timestamp":"1708243200","type":"text","text":{"body":"%s"}}]}}]}]}`,
		p.waba, p.phoneID, wamid, text)
}

// takesOnce: a webhook that comes again tells nothing new, and one that is signed wrongly nothing.
func (p *officialPair) takesOnce(t *testing.T) {
	for range 3 {
		if code := p.deliver(t, p.message("wamid.ONCE", "once"), p.secret); code != http.StatusOK {
			t.Fatalf("a webhook answers %d", code)
		}
	}
	if code := p.deliver(t, p.message("wamid.FORGED", "forged"), "another secret"); code != http.StatusUnauthorized {
		t.Errorf("a webhook with a wrong signature answers %d", code)
	}
	if code := p.deliver(t, p.message("wamid.AFTER", "after"), p.secret); code != http.StatusOK {
		t.Fatalf("a webhook answers %d", code)
	}
	p.heard(t, "what came behind", func(h hook) bool { return h.Data.Body == "after" })
	count := map[string]int{}
	for _, h := range p.receiver.all() {
		count[h.Data.Body]++
	}
	if count["once"] != 1 || count["forged"] != 0 {
		t.Errorf("told %d times of what came three times, and %d times of what was forged", count["once"], count["forged"])
	}
}

// survivesAKill: what a customer writes while the daemon is dead comes when it is back.
func (p *officialPair) survivesAKill(t *testing.T) {
	address := strings.TrimPrefix(p.daemon.base, "http://")
	p.daemon.kill()
	if _, err := p.theirs.SendText(t.Context(), p.mine.JID(), "is anybody there?"); err != nil {
		t.Fatal(err)
	}
	again, err := launch(program("", "serve", "--listen", address, "--data", p.dir, "--network", p.network.file))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.kill)
	p.daemon = again
	p.daemon.awaitStatus(t, "official", "ready")
	p.heard(t, "what was written meanwhile", func(h hook) bool { return h.Data.Body == "is anybody there?" })
	p.send(t, map[string]any{"message": "here again"})
	p.arrived(t, "a text after the restart", func(r simnet.Received) bool { return r.Text == "here again" })
}
