package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/standard-webhooks/standard-webhooks/libraries/go"

	"wapid/engine/simnet"
)

const receiverSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// TestReceiversOfTheDocs runs the receivers in docs/receivers as they stand there: they
// answer "ping" once, however often it is delivered, and refuse what was not signed.
func TestReceiversOfTheDocs(t *testing.T) {
	network := startNetwork(t)
	d := startDaemon(t, "", network, t.TempDir(), "--admin-key", sampleAdminKey)
	b := &sampleBench{network: network, daemon: d, operator: api{base: d.base, admin: sampleAdminKey}}
	b.operator.http() // its use is parallel
	t.Cleanup(b.operator.closeIdle)
	// The group waits for its parallel members before the daemon ends.
	t.Run("all", func(t *testing.T) {
		for i, s := range []sample{
			{file: "receiver.js", tool: "node", args: []string{"{}"}},
			{file: "receiver.py", tool: "/usr/bin/python3", args: []string{"{}"}},
			{file: "receiver.php", tool: "php", args: []string{"-S", "127.0.0.1:PORT", "{}"}},
			{file: "receiver.go.txt", tool: "go", args: []string{"run", "{}"}},
		} {
			t.Run(s.file, func(t *testing.T) {
				t.Parallel()
				s.needs(t)
				b.runDocsReceiver(t, s, i)
			})
		}
	})
}

func (b *sampleBench) runDocsReceiver(t *testing.T, s sample, i int) {
	t.Helper()
	port, dir := freePort(t), t.TempDir()
	file := filepath.Join(dir, strings.TrimSuffix(s.file, ".txt"))
	raw, err := os.ReadFile(filepath.Join("../../docs/receivers", s.file))
	if err == nil {
		err = os.WriteFile(file, raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	at := "http://127.0.0.1:" + port + "/"
	key, phone := b.tenant(t, fmt.Sprintf("1555400%04d", i), "")
	client := api{base: b.daemon.base, key: key}
	t.Cleanup(client.closeIdle)
	made := client.must(t, 201, "POST", "/api/account/webhooks", map[string]any{"url": at, "secret": receiverSecret})

	args := make([]string, len(s.args))
	for i, a := range s.args {
		args[i] = strings.NewReplacer("{}", file, "PORT", port).Replace(a)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, s.tool, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+receiverSecret, "WAPID_URL="+b.daemon.base, "WAPID_KEY="+key, "PORT="+port)
	out := startListener(t, cmd, port)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the receiver printed:\n%s", out)
		}
	})

	refuseForgeries(t, at)
	friend := b.network.Phone(fmt.Sprintf("1555500%04d", i))
	ping, err := friend.SendText(t.Context(), phone.JID(), "ping")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := friend.Await(t.Context(), func(r simnet.Received) bool { return r.Text == "pong" }); err != nil {
		t.Fatalf("no answer to %s: %v", ping, err)
	}
	deliveries := fmt.Sprintf("/api/account/webhooks/%s/deliveries?type=message&state=delivered", made.text("webhookId"))
	eventually(t, "the delivery is acknowledged", func() bool {
		return strings.Contains(client.must(t, 200, "GET", deliveries, nil).raw, `"state":"delivered"`)
	})
	seen, err := os.ReadDir(filepath.Join(dir, "seen"))
	if err != nil || len(seen) == 0 {
		t.Fatalf("the receiver remembers %v, %v", seen, err)
	}
	again := fmt.Sprintf("/api/account/webhooks/%s/redeliver", made.text("webhookId"))
	client.must(t, 200, "POST", again, map[string]any{"from": "2020-01-01T00:00:00Z", "to": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
	all := fmt.Sprintf("/api/account/webhooks/%s/deliveries", made.text("webhookId"))
	eventually(t, "all of it is acknowledged again", func() bool {
		now := client.must(t, 200, "GET", all, nil).raw
		return strings.Count(now, `"state":"delivered"`) >= 3 && !strings.Contains(now, `"state":"pending"`) && !strings.Contains(now, `"state":"sending"`)
	})
	pongs := 0
	for _, r := range friend.Inbox() {
		if r.Text == "pong" {
			pongs++
		}
	}
	if pongs != 1 {
		t.Errorf("ping was answered %d times", pongs)
	}
}

// refuseForgeries posts what wapid did not sign, or not just now.
func refuseForgeries(t *testing.T, at string) {
	t.Helper()
	body := []byte(`{"tenantId":"x","event":"message","sessionId":"main","timestamp":1,"data":{"chat":"15550000000@s.whatsapp.net","body":"ping"}}`)
	signer, err := standardwebhooks.NewWebhook(strings.TrimPrefix(receiverSecret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	now, old := time.Now(), time.Now().Add(-time.Hour)
	for name, c := range map[string]struct {
		id   string
		at   time.Time
		sign bool
		body []byte
	}{
		"not signed":          {"01FORGED", now, false, body},
		"signed an hour ago":  {"01FORGED", old, true, body},
		"another body":        {"01FORGED", now, true, append([]byte(" "), body...)},
		"a path for an id":    {"../../etc/passwd", now, true, body},
		"nothing of a header": {"", now, false, body},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at, bytes.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if c.id != "" {
			req.Header.Set("webhook-id", c.id)
			req.Header.Set("webhook-timestamp", fmt.Sprint(c.at.Unix()))
			req.Header.Set("webhook-signature", "v1,AAAA")
		}
		if c.sign {
			signature, err := signer.Sign(c.id, c.at, body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("webhook-signature", signature)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: status %d", name, res.StatusCode)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}
