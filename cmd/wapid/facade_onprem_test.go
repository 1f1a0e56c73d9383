package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"wapid/engine/simnet"
)

// d360 is a client of 360dialog's On-Premises API, with the key of one number.
type d360 struct {
	api *inProcess
	key string
}

// do sends a request and wants a status.
func (d d360) do(t *testing.T, status int, method, path, contentType string, body []byte) (raw []byte, header http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, d.api.base+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("D360-API-KEY", d.key)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := d.api.http().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if raw, err = io.ReadAll(res.Body); err != nil || res.StatusCode != status {
		t.Fatalf("%s %s answered %d %s, %v; want %d", method, path, res.StatusCode, raw, err, status)
	}
	return raw, res.Header
}

func (d d360) json(t *testing.T, status int, method, path, body string) string {
	t.Helper()
	raw, _ := d.do(t, status, method, path, "application/json", []byte(body))
	return string(raw)
}

// idIn reads the id in the first list of an answer.
func idIn(t *testing.T, answer string) string {
	t.Helper()
	var body map[string]json.RawMessage
	if err := json.Unmarshal([]byte(answer), &body); err != nil {
		t.Fatal(err)
	}
	for _, list := range []string{"messages", "media"} {
		var named []struct{ ID string }
		if raw, found := body[list]; found && json.Unmarshal(raw, &named) == nil && len(named) == 1 && named[0].ID != "" {
			return named[0].ID
		}
	}
	t.Fatalf("no id in %s", answer)
	return ""
}

// d360Hooks is a receiver of 360dialog's webhooks, which knows itself by a header.
type d360Hooks struct {
	*httptest.Server
	mu  sync.Mutex
	got []string
}

const d360Token = "Basic dGVzdHVzZXI6dGVzdHBhc3M="

func startD360Hooks(t *testing.T) *d360Hooks {
	t.Helper()
	h := &d360Hooks{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Authorization") != d360Token || r.Header.Get("Webhook-Signature") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.got = append(h.got, string(raw))
	}))
	t.Cleanup(h.Close)
	return h
}

// await waits for a body that holds all of some texts.
func (h *d360Hooks) await(t *testing.T, parts ...string) (found string) {
	t.Helper()
	eventually(t, fmt.Sprintf("a webhook with %q", parts), func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		i := slices.IndexFunc(h.got, func(body string) bool {
			return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(body, part) })
		})
		if i >= 0 {
			found = h.got[i]
		}
		return i >= 0
	})
	return found
}

// TestOnPremises is what a program of 360dialog's does from its first key on: it asks who
// is on WhatsApp, sends, is told what became of it and what comes in, fetches the files,
// marks as read and blocks.
func TestOnPremises(t *testing.T) {
	network, dir := startNetwork(t), t.TempDir()
	a := startApp(t, network, dir, nil)
	receiver := startD360Hooks(t)
	mine, theirs := network.Phone("447700900160"), network.Phone("447700900161")
	network.SetAbsent("447700900162")
	theirs.SetPushName("Asha")
	a.pair(t, "main", mine)
	settle(t, network, mine)
	key := a.must(t, 201, "POST", "/api/v2/partners/somePA/channels/main/api_keys", nil).text("api_key")
	d := d360{a, key}
	d.json(t, 200, "POST", "/v1/configs/webhook/", `{"url":"`+receiver.URL+`/in","headers":{"Authorization":"`+d360Token+`"}}`)

	if got, want := d.json(t, 200, "POST", "/v1/contacts", `{"blocking":"wait","contacts":["+44 7700 900161","447700900162","you"],"force_check":true}`),
		`{"contacts":[{"input":"+44 7700 900161","status":"valid","wa_id":"447700900161"},{"input":"447700900162","status":"invalid"},{"input":"you","status":"invalid"}],"meta":{"api_status":"stable","version":"2.53.1"}}`; got != want {
		t.Errorf("the numbers are %s, want %s", got, want)
	}

	const to = `"recipient_type":"individual","to":"447700900161",`
	arrives := func(id string) simnet.Received {
		t.Helper()
		stanza, _ := strings.CutSuffix(id, "-o")
		got, err := arrive(t, theirs, func(r simnet.Received) bool { return string(r.ID) == stanza })
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		return got
	}
	sent := idIn(t, d.json(t, 201, "POST", "/v1/messages/", `{`+to+`"type":"text","text":{"body":"Shipped"}}`))
	if got := arrives(sent); got.Text != "Shipped" {
		t.Errorf("the phone shows %q", got.Text)
	}
	for _, status := range []string{"sent", "delivered"} {
		receiver.await(t, `{"statuses":[{"id":"`+sent+`","recipient_id":"447700900161","status":"`+status+`","timestamp":"`)
	}

	photo := picture(t)
	raw, _ := d.do(t, 201, "POST", "/v1/media", "image/png", photo)
	file := idIn(t, string(raw))
	shown := arrives(idIn(t, d.json(t, 201, "POST", "/v1/messages", `{`+to+`"type":"image","image":{"id":"`+file+`","caption":"A dot"}}`)))
	if bytes, _, _, err := theirs.File(t.Context(), shown.ID); err != nil || string(bytes) != string(photo) || shown.Text != "A dot" {
		t.Errorf("the phone shows %q with %d bytes, %v", shown.Text, len(bytes), err)
	}

	owner := d360{a, a.key} // the tenant's own key does for its only number
	owner.json(t, 201, "POST", "/v1/configs/templates", `{"name":"order_sent","language":"en","category":"UTILITY","components":[{"type":"BODY","text":"Your order {{1}} is on its way."}]}`)
	template := idIn(t, d.json(t, 201, "POST", "/v1/messages", `{`+to+`"type":"template","template":{"namespace":"any","name":"order_sent","language":{"policy":"deterministic","code":"en"},"components":[{"type":"body","parameters":[{"type":"text","text":"1234"}]}]}}`))
	if got := arrives(template); got.Text != "Your order 1234 is on its way." {
		t.Errorf("the phone shows %q", got.Text)
	}

	says := func(id string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	stanza, _ := strings.CutSuffix(sent, "-o")
	said := says(theirs.Reply(t.Context(), mine.JID(), stanza, "Thanks"))
	in := receiver.await(t, `"id":"`+said+`-`)
	if want := `{"contacts":[{"profile":{"name":"Asha"},"wa_id":"447700900161"}],"messages":[{"context":{"from":"447700900160","id":"` + sent + `"},"from":"447700900161","id":"` + said; !strings.HasPrefix(in, want) ||
		!strings.HasSuffix(in, `"type":"text","text":{"body":"Thanks"}}]}`) {
		t.Errorf("told %s, want it to begin with %s", in, want)
	}
	for kind, media := range map[string]simnet.Media{
		"image": {Kind: simnet.MediaImage, Data: photo, Caption: "Look"},
		"voice": {Kind: simnet.MediaAudio, Data: []byte("OggS…"), Voice: true},
	} {
		id := says(theirs.SendMedia(t.Context(), mine.JID(), media))
		body := receiver.await(t, `"id":"`+id+`-`, `"type":"`+kind+`","`+kind+`":{`)
		_, rest, _ := strings.Cut(body[strings.Index(body, `"`+kind+`":{`):], `"id":"`)
		fileID, _, _ := strings.Cut(rest, `"`)
		bytes, header := d.do(t, 200, "GET", "/v1/media/"+fileID, "", nil)
		if string(bytes) != string(media.Data) || !strings.Contains(body, `"mime_type":"`+header.Get("Content-Type")+`"`) {
			t.Errorf("%d bytes of %s, of what was told as %s", len(bytes), header.Get("Content-Type"), body)
		}
	}

	_, id, _ := strings.Cut(in, `"id":"`+said)
	suffix, _, _ := strings.Cut(id, `"`)
	d.json(t, 200, "PUT", "/v1/messages/"+said+suffix, `{"status":"read"}`)
	eventually(t, "the message is read", func() bool {
		return slices.ContainsFunc(theirs.Sent(), func(s simnet.Outgoing) bool { return s.ID == said && len(s.Read) > 0 })
	})
	d.json(t, 403, "POST", "/v1/contacts/447700900161/block", `{}`)
	owner.json(t, 200, "POST", "/v1/contacts/+447700900161/block", `{"reason":"spam"}`)
	if got := mine.Blocked(); !slices.Equal(got, []string{"447700900161"}) {
		t.Errorf("blocked are %v", got)
	}
	owner.json(t, 200, "POST", "/v1/contacts/447700900161/unblock", ``)
	if got := mine.Blocked(); len(got) > 0 {
		t.Errorf("blocked are %v", got)
	}
	if got := d.json(t, 403, "GET", "/v1/users/login", ""); !strings.Contains(got, `"developerMessage":"This URL /v1/users/login is blocked","success":false`) {
		t.Errorf("answers %s", got)
	}

	// What a crash left half is removed at the next start, and what was kept is there.
	a.stop()
	half := filepath.Join(dir, mediaDir, "HALFOFAFILE")
	if err := os.WriteFile(half, photo[:10], 0o600); err != nil {
		t.Fatal(err)
	}
	a = startApp(t, network, dir, nil)
	d.api = a
	if _, err := os.Stat(half); !os.IsNotExist(err) {
		t.Errorf("half of a file is still there: %v", err)
	}
	if bytes, _ := d.do(t, 200, "GET", "/v1/media/"+file, "", nil); string(bytes) != string(photo) {
		t.Errorf("%d bytes are left of the file", len(bytes))
	}
	d.json(t, 200, "DELETE", "/v1/media/"+file, "")
	d.json(t, 404, "GET", "/v1/media/"+file, "")
	if left, err := os.ReadDir(filepath.Join(dir, mediaDir)); err != nil || len(left) > 0 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
}
