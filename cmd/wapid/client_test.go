package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"wapid/engine/simnet"
)

// api is a client of the daemon's API, as a tenant would write it.
type api struct {
	base, key string
	admin     string // the operator's key; empty leaves it out
	client    *http.Client
}

// answer is a decoded response.
type answer struct {
	code int
	body map[string]any
	raw  string
}

func (a answer) text(key string) string { s, _ := a.body[key].(string); return s }

// call sends a request. A nil answer body means that the connection failed.
func (a *api) call(method, path string, body any) (answer, error) {
	var payload io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequest(method, a.base+path, payload)
	if err != nil {
		return answer{}, err
	}
	if a.key != "" {
		req.Header.Set("X-API-Key", a.key)
	}
	if a.admin != "" {
		req.Header.Set("X-Admin-Key", a.admin)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := a.http().Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	ans := answer{code: resp.StatusCode, raw: string(raw)}
	if err := json.Unmarshal(raw, &ans.body); err != nil {
		return answer{}, fmt.Errorf("%s %s answered %d with %q", method, path, resp.StatusCode, raw)
	}
	return ans, nil
}

// http makes the client at its first use; an api is used by one goroutine until then.
func (a *api) http() *http.Client {
	if a.client == nil {
		a.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}, Timeout: 2 * patience}
	}
	return a.client
}

func (a *api) closeIdle() {
	if a.client != nil {
		a.client.CloseIdleConnections()
	}
}

// must sends a request and expects a status.
func (a *api) must(t testing.TB, code int, method, path string, body any) answer {
	t.Helper()
	ans, err := a.call(method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	if ans.code != code {
		t.Fatalf("%s %s answered %d, expected %d: %s", method, path, ans.code, code, ans.raw)
	}
	return ans
}

func sessionPath(id string) string { return "/api/whatsapp/session/" + id }

func (a *api) status(t testing.TB, id string) answer {
	t.Helper()
	return a.must(t, 200, "GET", sessionPath(id)+"/status", nil)
}

// awaitStatus waits until a session has a status, and returns the whole answer.
func (a *api) awaitStatus(t testing.TB, id, status string) answer {
	t.Helper()
	var last answer
	eventually(t, fmt.Sprintf("session %s is %s", id, status), func() bool {
		last = a.status(t, id)
		return last.text("status") == status
	})
	return last
}

// pair creates a session and lets a phone scan its code.
func (a *api) pair(t testing.TB, id string, phone *simnet.Phone) {
	t.Helper()
	a.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": id})
	a.scan(t, id, phone)
	a.awaitStatus(t, id, "ready")
}

// settle waits until an account has told its newest device all that it tells a
// new one. The client goes on working on that after it says that it is ready,
// and does not expect to be unlinked meanwhile.
func settle(t testing.TB, network *simulated, phone *simnet.Phone) {
	t.Helper()
	eventually(t, "the phone has nothing more to tell its new device", func() bool {
		devices := phone.Devices()
		return len(devices) > 0 && len(network.Ledger().Acked(devices[len(devices)-1])) >= 4
	})
}

// scan lets a phone scan the code of a session that waits for it.
func (a *api) scan(t testing.TB, id string, phone *simnet.Phone) {
	t.Helper()
	qr := a.awaitStatus(t, id, "qr_ready").text("qr")
	if _, err := phone.ScanQR(t.Context(), qr); err != nil {
		t.Fatalf("scanning: %v", err)
	}
}

func (a *api) send(t testing.TB, id, to, text string) answer {
	t.Helper()
	return a.must(t, 200, "POST", sessionPath(id)+"/send", map[string]any{"to": to, "message": text})
}

// arrive waits until a phone has got a message.
func arrive(t testing.TB, phone *simnet.Phone, match func(simnet.Received) bool) (simnet.Received, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return phone.Await(ctx, match)
}
