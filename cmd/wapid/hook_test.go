package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// hookSecret is a secret in the form of Standard Webhooks.
const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// hook is one delivery that a receiver got.
type hook struct {
	ID        string // webhook-id
	TenantID  string `json:"tenantId"`
	Event     string `json:"event"`
	SessionID string `json:"sessionId"`
	Timestamp int64  `json:"timestamp"`
	Data      struct {
		ID       string `json:"id"`
		From     string `json:"from"`
		FromLID  string `json:"fromLid"`
		Chat     string `json:"chat"`
		Body     string `json:"body"`
		Type     string `json:"type"`
		IsGroup  bool   `json:"isGroup"`
		HasMedia bool   `json:"hasMedia"`
		PushName string `json:"pushName"`
		Reason   string `json:"reason"`
		Until    int64  `json:"until"`
		QR       string `json:"qr"`
		Status   string `json:"status"` // of message.status
		To       string `json:"to"`
		Action   string `json:"action"` // of group and call

		Participant string `json:"participant"`
	} `json:"data"`
	Raw string
}

// hooks is a webhook receiver that verifies every signature of everything it gets.
type hooks struct {
	server *httptest.Server
	verify *standardwebhooks.Webhook

	mu     sync.Mutex
	got    []hook
	broken []error
}

// startHooks runs a receiver until the test ends, and fails the test if a
// signature was wrong.
func startHooks(t testing.TB) *hooks {
	t.Helper()
	verify, err := standardwebhooks.NewWebhook(hookSecret)
	if err != nil {
		t.Fatal(err)
	}
	h := &hooks{verify: verify}
	h.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h.receive(r); err != nil {
			h.mu.Lock()
			h.broken = append(h.broken, err)
			h.mu.Unlock()
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(func() {
		h.server.Close()
		for _, err := range h.broken {
			t.Errorf("webhook: %v", err)
		}
	})
	return h
}

var inBody = regexp.MustCompile(`,"signature":"([0-9a-f]{64})"\}$`)

func (h *hooks) receive(r *http.Request) error {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil // the daemon was killed in the middle of it
	}
	if err := h.verify.Verify(raw, r.Header); err != nil {
		return fmt.Errorf("standard webhooks: %w", err)
	}
	match := inBody.FindSubmatchIndex(raw)
	if match == nil {
		return fmt.Errorf("no signature at the end of %s", raw)
	}
	base := append(bytes.Clone(raw[:match[0]]), '}')
	if got, want := string(raw[match[2]:match[3]]), hexMAC(base); got != want {
		return fmt.Errorf("in-body signature %s, expected %s", got, want)
	}
	if got, want := r.Header.Get("X-Webhook-Signature"), "sha256="+hexMAC(raw); got != want {
		return fmt.Errorf("X-Webhook-Signature %s, expected %s", got, want)
	}
	d := hook{ID: r.Header.Get("webhook-id"), Raw: string(raw)}
	if err := json.Unmarshal(raw, &d); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got = append(h.got, d)
	return nil
}

func hexMAC(b []byte) string {
	mac := hmac.New(sha256.New, []byte(hookSecret))
	mac.Write(b)
	return hex.EncodeToString(mac.Sum(nil))
}

// subscribe makes the receiver the tenant's webhook.
func (h *hooks) subscribe(t testing.TB, a *api) {
	t.Helper()
	a.must(t, 200, "PUT", "/api/account/webhook", map[string]any{"url": h.server.URL + "/hook", "secret": hookSecret})
}

// all returns what has arrived so far.
func (h *hooks) all() []hook {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]hook(nil), h.got...)
}

// await waits for a delivery that matches.
func (h *hooks) await(t testing.TB, what string, match func(hook) bool) hook {
	t.Helper()
	return awaitOne(t, "webhook: "+what, h.all, match)
}

// awaitOne waits for one of those that have come to match.
func awaitOne[T any](t testing.TB, what string, all func() []T, match func(T) bool) (found T) {
	t.Helper()
	eventually(t, what, func() bool {
		come := all()
		i := slices.IndexFunc(come, match)
		if i >= 0 {
			found = come[i]
		}
		return i >= 0
	})
	return found
}

func (h *hooks) awaitEvent(t testing.TB, session, event string) hook {
	t.Helper()
	return h.await(t, event+" of "+session, func(d hook) bool { return d.SessionID == session && d.Event == event })
}
