package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine/simnet"
)

// TestLinkByPairingCode: the phone's owner types a code, and nobody scans.
func TestLinkByPairingCode(t *testing.T) {
	network := startNetwork(t)
	a := startApp(t, network, t.TempDir(), nil)
	mine, theirs := network.Phone("447700900123"), network.Phone("447700900124")
	a.must(t, 404, "POST", sessionPath("main")+"/pairing-code", map[string]any{"phone": mine.Number()})
	a.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "main"})
	asked := a.must(t, 200, "POST", sessionPath("main")+"/pairing-code", map[string]any{"phone": "+" + mine.Number()})
	code := asked.text("code")
	if len(code) != 8 || asked.text("formatted") != code[:4]+"-"+code[4:] {
		t.Fatalf("the answer is %s", asked.raw)
	}
	if status := a.awaitStatus(t, "main", "qr_ready"); status.text("pairingCode") != code || status.body["pairingCodeExpiresAt"] != asked.body["expiresAt"] {
		t.Errorf("the status is %s", status.raw)
	}
	if _, err := mine.EnterCode(t.Context(), asked.text("formatted")); err != nil {
		t.Fatal(err)
	}
	a.awaitStatus(t, "main", "ready")
	settle(t, network, mine)
	a.send(t, "main", theirs.Number(), "linked by code")
	if _, err := arrive(t, theirs, func(r simnet.Received) bool { return r.Text == "linked by code" }); err != nil {
		t.Fatal(err)
	}
	a.must(t, 409, "POST", sessionPath("main")+"/pairing-code", map[string]any{"phone": mine.Number()})
}

// TestLinkWithPasskey: the challenge goes out, the authenticator's answer comes in.
func TestLinkWithPasskey(t *testing.T) {
	network := startNetwork(t)
	a := startApp(t, network, t.TempDir(), nil)
	phone := network.Phone("447700900123")
	if _, err := network.Faults().Set(simnet.Fault{Kind: simnet.FaultPasskey, Number: phone.Number(), Times: 1}); err != nil {
		t.Fatal(err)
	}
	a.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "main"})
	qr := a.awaitStatus(t, "main", "qr_ready").text("qr")
	scanned := make(chan error, 1)
	go func() {
		_, err := phone.ScanQR(t.Context(), qr)
		scanned <- err
	}()
	asked := a.awaitStatus(t, "main", "passkey_required")
	var status struct{ Passkey types.WebAuthnPublicKey }
	if err := json.Unmarshal([]byte(asked.raw), &status); err != nil {
		t.Fatal(err)
	}
	answer, err := phone.SignPasskey(&status.Passkey)
	if err != nil {
		t.Fatal(err)
	}
	a.must(t, 409, "POST", sessionPath("main")+"/pairing-code", map[string]any{"phone": phone.Number()})
	a.must(t, 400, "POST", sessionPath("main")+"/passkey", map[string]any{"credential": map[string]any{}})
	a.must(t, 200, "POST", sessionPath("main")+"/passkey", map[string]any{"credential": answer})
	if err := <-scanned; err != nil {
		t.Fatal(err)
	}
	a.awaitStatus(t, "main", "ready")
	settle(t, network, phone)
}

// TestPairingLinkEndsWithTheLinking: the page tells that it is done, and is over.
func TestPairingLinkEndsWithTheLinking(t *testing.T) {
	network := startNetwork(t)
	a := startApp(t, network, t.TempDir(), nil)
	phone := network.Phone("447700900123")
	a.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "main"})
	path := strings.TrimPrefix(a.must(t, 200, "POST", sessionPath("main")+"/pairing-link", nil).text("url"), a.base)
	stranger := &api{base: a.base}
	defer stranger.closeIdle()
	state := func() string { return stranger.must(t, 200, "GET", path+"/status", nil).text("state") }
	eventually(t, "the page shows a code", func() bool { return state() == "scan" })
	a.scan(t, "main", phone)
	eventually(t, "the page says that the device is linked", func() bool { return state() == "linked" })
	resp, err := stranger.http().Get(a.base + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusGone {
		t.Errorf("afterwards the page answers %d", resp.StatusCode)
	}
	settle(t, network, phone)
}

// TestEventsFollowALinkingAndEndWithTheDaemon: nobody has to poll, and a stream
// does not hold a shutdown up.
func TestEventsFollowALinkingAndEndWithTheDaemon(t *testing.T) {
	network := startNetwork(t)
	a := startApp(t, network, t.TempDir(), nil)
	phone := network.Phone("447700900123")
	a.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "main"})
	req, err := http.NewRequestWithContext(t.Context(), "GET", a.base+sessionPath("main")+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-API-Key", a.key)
	resp, err := a.http().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	next := func() (event string, data map[string]any) {
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatalf("the stream ends with %v", err)
			}
			if name, ok := strings.CutPrefix(line, "event: "); ok {
				event = strings.TrimSpace(name)
			}
			if text, ok := strings.CutPrefix(line, "data: "); ok {
				if err := json.Unmarshal([]byte(text), &data); err != nil {
					t.Fatal(err)
				}
				return event, data
			}
		}
	}
	until := func(status string) map[string]any {
		for {
			event, data := next()
			if event != "status" {
				t.Fatalf("%s %v before %s", event, data, status)
			}
			if data["status"] == status {
				return data
			}
		}
	}
	qr, _ := until("qr_ready")["qr"].(string)
	if _, err := phone.ScanQR(t.Context(), qr); err != nil {
		t.Fatal(err)
	}
	until("ready")
	settle(t, network, phone)
	begun := time.Now()
	a.stop()
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("stopping took %s", took)
	}
	if event, data := next(); event != "end" || data["reason"] != "stopping" {
		t.Errorf("the last event is %s %v", event, data)
	}
	if _, err := io.ReadAll(lines); err != nil {
		t.Errorf("the stream is cut: %v", err)
	}
}
