package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"wapid/engine/simnet"
)

// sink is a receiver that keeps what it gets and answers as it is told.
type sink struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	got    []delivered
}

type delivered struct {
	header http.Header
	body   []byte
}

func startSink(t *testing.T) *sink {
	t.Helper()
	s := &sink{status: http.StatusOK}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		w.WriteHeader(s.status)
		fmt.Fprint(w, "seen")
		s.got = append(s.got, delivered{r.Header.Clone(), body})
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *sink) answer(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

func (s *sink) all() []delivered {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]delivered(nil), s.got...)
}

// await waits until so many have come, and returns the last of them.
func (s *sink) await(t *testing.T, n int) delivered {
	t.Helper()
	eventually(t, fmt.Sprint("the receiver has got ", n), func() bool { return len(s.all()) >= n })
	return s.all()[n-1]
}

func (d delivered) acceptedWith(t *testing.T, secret string) bool {
	t.Helper()
	wh, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	return wh.Verify(d.body, d.header) == nil
}

// TestSeveralWebhooks: two endpoints with filters and headers, the rotation of a
// secret, one that is gone and comes back, and what it gets again, also from
// before it was there.
func TestSeveralWebhooks(t *testing.T) {
	network := startNetwork(t)
	a := startApp(t, network, t.TempDir(), nil)
	mine, other, theirs := network.Phone("919876543210"), network.Phone("919876543212"), network.Phone("919876543211")
	a.pair(t, "main", mine)
	a.pair(t, "other", other)
	write := func(to *simnet.Phone, text string) {
		t.Helper()
		if _, err := theirs.SendText(t.Context(), to.JID(), text); err != nil {
			t.Fatal(err)
		}
	}
	logged := func(n int) {
		t.Helper()
		eventually(t, fmt.Sprint(n, " messages are logged"), func() bool {
			list, _ := a.must(t, 200, "GET", "/api/whatsapp/events?type=message", nil).body["events"].([]any)
			return len(list) == n
		})
	}
	write(mine, "before")
	logged(1)

	plain, strict := startHooks(t), startSink(t)
	plain.subscribe(t, &a.api)
	made := a.must(t, 201, "POST", "/api/account/webhooks", map[string]any{"url": strict.URL, "name": "strict", "events": []string{"message"},
		"sessions": []string{"main"}, "headers": map[string]string{"Authorization": "Basic dTpw"}, "signatureMode": "header"})
	path, secret := "/api/account/webhooks/"+made.text("webhookId"), made.text("secret")

	// Each gets what it wants, signed as it wants.
	write(other, "to the other")
	write(mine, "one")
	plain.await(t, "of the other session", func(h hook) bool { return h.Event == "message" && h.Data.Body == "to the other" })
	first := plain.await(t, "of the first session", func(h hook) bool { return h.Event == "message" && h.Data.Body == "one" })
	d := strict.await(t, 1)
	if d.header.Get("Authorization") != "Basic dTpw" || d.header.Get("Webhook-Id") != first.ID || inBody.Match(d.body) || !d.acceptedWith(t, secret) {
		t.Errorf("got %v %s", d.header, d.body)
	}

	// In the overlap either secret is good.
	next := a.must(t, 200, "POST", path+"/rotate-secret", map[string]any{"overlapSeconds": 3600}).text("secret")
	write(mine, "two")
	if d = strict.await(t, 2); !d.acceptedWith(t, secret) || !d.acceptedWith(t, next) {
		t.Errorf("while rotating: %v", d.header)
	}
	a.must(t, 200, "POST", path+"/rotate-secret", map[string]any{"secret": hookSecret, "overlapSeconds": 0})
	tested := a.must(t, 200, "POST", path+"/test", nil)
	if d = strict.await(t, 3); d.acceptedWith(t, next) || !d.acceptedWith(t, hookSecret) {
		t.Errorf("after the rotation: %v", d.header)
	}
	if way, _ := tested.body["delivery"].(map[string]any); way["state"] != "delivered" || way["body"] != "seen" {
		t.Errorf("the test answers %s", tested.raw)
	}

	// Gone: it is disabled, and the rest goes on.
	strict.answer(http.StatusGone)
	write(mine, "three")
	eventually(t, "the endpoint is disabled", func() bool {
		return a.must(t, 200, "GET", path, nil).text("disabledReason") == "gone"
	})
	write(mine, "four")
	plain.await(t, "what came while the other was disabled", func(h hook) bool { return h.Data.Body == "four" })
	if n := len(strict.all()); n != 4 {
		t.Errorf("%d requests to the one that is gone, expected 4", n)
	}

	// It comes back: what failed goes on, and a range brings all that it never got.
	strict.answer(http.StatusOK)
	a.must(t, 200, "PATCH", path, map[string]any{"enabled": true})
	again := a.must(t, 200, "POST", path+"/redeliver", map[string]any{"from": "2020-01-01T00:00:00Z", "to": "2090-01-01T00:00:00Z"})
	if n, _ := again.body["queued"].(float64); n < 4 {
		t.Errorf("redelivering the range answers %s", again.raw)
	}
	want := []string{"before", "one", "two", "three", "four"}
	eventually(t, "all of the session's messages came again", func() bool { return len(missing(strict.all()[4:], want)) == 0 })

	// Every try is listed.
	var list []any
	eventually(t, "all are listed as delivered", func() bool {
		list, _ = a.must(t, 200, "GET", path+"/deliveries?state=delivered&type=message", nil).body["deliveries"].([]any)
		return len(list) == len(want)
	})
	for _, one := range list {
		id := one.(map[string]any)["deliveryId"]
		tries, _ := a.must(t, 200, "GET", fmt.Sprintf("%s/deliveries/%.0f", path, id), nil).body["attempts"].([]any)
		if len(tries) == 0 {
			t.Errorf("delivery %v has no tries", id)
		}
	}
	settle(t, network, mine)
	settle(t, network, other)
}

// missing are the texts that are in none of the deliveries.
func missing(got []delivered, texts []string) (out []string) {
	for _, text := range texts {
		found := false
		for _, d := range got {
			found = found || bodyOf(d) == text
		}
		if !found {
			out = append(out, text)
		}
	}
	return out
}

// bodyOf is the text of the message that a delivery tells of.
func bodyOf(d delivered) string {
	var in struct {
		Data struct {
			Body string `json:"body"`
		} `json:"data"`
	}
	if err := json.Unmarshal(d.body, &in); err != nil {
		return ""
	}
	return in.Data.Body
}
