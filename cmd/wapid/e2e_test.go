package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wapid/engine/simnet"
)

// buildBinary compiles the program as a user would.
func buildBinary(t testing.TB) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "wapid")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// TestPairSendReceive is the whole journey with the real binary: pair, send,
// receive, with every signature checked, then a restart without a QR code.
func TestPairSendReceive(t *testing.T) {
	network := startNetwork(t)
	receiver := startHooks(t)
	binary, dir := buildBinary(t), t.TempDir()
	d := startDaemon(t, binary, network, dir)
	if !strings.Contains(strings.Join(d.banner, "\n"), "simulated") {
		t.Errorf("the banner does not say that the network is simulated: %q", d.banner)
	}
	if health := d.must(t, 200, "GET", "/healthz", nil); health.text("network") != "simulated" {
		t.Errorf("/healthz: %s", health.raw)
	}
	receiver.subscribe(t, &d.api)

	mine, theirs := network.Phone("919876543210"), network.Phone("919876543211")
	created := d.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "main", "name": "Sales"})
	if want := `{"success":true,"sessionId":"main","isNew":true,"status":"initializing"}`; created.raw != want {
		t.Errorf("create answered %s, expected %s", created.raw, want)
	}
	d.scan(t, "main", mine)
	ready := d.awaitStatus(t, "main", "ready")
	if !strings.HasPrefix(ready.raw, `{"status":"ready","connected":true,"phoneNumber":"919876543210"`) {
		t.Errorf("ready status: %s", ready.raw)
	}
	if again := d.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "main"}); again.body["isNew"] != false {
		t.Errorf("creating it again: %s", again.raw)
	}
	for _, event := range []string{"qr", "ready"} {
		receiver.awaitEvent(t, "main", event)
	}

	const text = "Grüße 👋🏽 \u2028 <b>&</b>\n\"second\" line"
	sent := d.must(t, 200, "POST", sessionPath("main")+"/send",
		map[string]any{"to": "+91 98765-43211", "message": text, "header": "Order", "footer": "Shop"})
	want := "*Order*\n\n" + text + "\n\n_Shop_"
	got, err := arrive(t, theirs, func(r simnet.Received) bool { return r.ID == sent.text("messageId") })
	if err != nil {
		t.Fatal(err)
	}
	if got.Text != want {
		t.Errorf("the phone decrypted %q, expected %q", got.Text, want)
	}
	if ts, _ := sent.body["timestamp"].(float64); time.Since(time.Unix(int64(ts), 0)).Abs() > time.Minute {
		t.Errorf("timestamp %v is not now, in seconds", sent.body["timestamp"])
	}

	id, err := theirs.SendText(t.Context(), mine.JID(), text)
	if err != nil {
		t.Fatal(err)
	}
	in := receiver.await(t, "the answer", func(h hook) bool { return h.Event == "message" && h.Data.ID == id })
	if in.Data.Body != text || in.Data.From != "919876543211@s.whatsapp.net" || in.Data.FromLID != theirs.LID().String() ||
		in.Data.Type != "text" || in.Data.IsGroup || in.Data.HasMedia || in.TenantID != "default" || in.SessionID != "main" {
		t.Errorf("message webhook: %s", in.Raw)
	}

	d.stop(t)
	d = startDaemon(t, binary, network, dir)
	d.awaitStatus(t, "main", "ready")
	if d.send(t, "main", "919876543211", "after the restart"); t.Failed() {
		return
	}
	if _, err := arrive(t, theirs, func(r simnet.Received) bool { return r.Text == "after the restart" }); err != nil {
		t.Fatal(err)
	}

	d.must(t, 200, "DELETE", sessionPath("main"), nil)
	d.must(t, 404, "GET", sessionPath("main")+"/status", nil)
	eventually(t, "the phone shows no linked device", func() bool { return len(mine.Devices()) == 0 })
	d.stop(t)
}
