package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
)

// graphCall is a request with the key of the default tenant as a bearer token.
func (d *daemon) graphCall(method, path, key string) reply {
	d.t.Helper()
	return d.do(call{method: method, path: path, header: map[string]string{"Authorization": "Bearer " + key}})
}

// phoneID is the decimal id of the number that a session of the default tenant has.
func (d *daemon) phoneID() string {
	d.t.Helper()
	id, err := d.store.GraphID(d.t.Context(), store.DefaultTenant, store.GraphPhone, paperIdentity.Person.Phone.User())
	if err != nil {
		d.t.Fatal(err)
	}
	return formatGraphID(id)
}

// upload sends a form to the library of a number.
func (d *daemon) upload(path, key string, parts ...formPart) reply {
	d.t.Helper()
	body, contentType := makeForm(d.t, "boundary", parts...)
	return d.do(call{method: http.MethodPost, path: path, body: body,
		header: map[string]string{"Authorization": "Bearer " + key, "Content-Type": contentType}})
}

func (d *daemon) idOf(r reply) string {
	d.t.Helper()
	var body graphIDBody
	if err := json.Unmarshal([]byte(r.body), &body); err != nil || r.status != http.StatusOK || len(body.ID) != 15 {
		d.t.Fatalf("answers %d %s", r.status, r.body)
	}
	return body.ID
}

// kept is how many files lie in the library's directory.
func (d *daemon) kept() int {
	d.t.Helper()
	dir, _, _ := strings.Cut(d.library.Locate("x"), "/x")
	entries, err := os.ReadDir(strings.TrimSuffix(dir, "/x"))
	if err != nil {
		d.t.Fatal(err)
	}
	return len(entries)
}

// refusedAs wants a status and a code of Meta's.
func (d *daemon) refusedAs(r reply, status, code int) {
	d.t.Helper()
	if r.status != status || !strings.Contains(r.body, fmt.Sprintf(`"code":%d,`, code)) {
		d.t.Errorf("answers %d %s, want %d with the code %d", r.status, r.body, status, code)
	}
}

func TestGraphMedia(t *testing.T) {
	d := start(t)
	d.link("main")
	phone, picture := d.phoneID(), testPNG(t)
	file := formPart{name: "file", file: "dot.png", mime: "image/png", value: picture}
	r := d.upload("/graph/"+phone+"/media", d.key, file, formPart{name: "messaging_product", value: "whatsapp"})
	id := d.idOf(r)

	var shown graphMediaBody
	r = d.graphCall(http.MethodGet, "/graph/"+id+"?phone_number_id="+phone, d.key)
	if err := json.Unmarshal([]byte(r.body), &shown); err != nil || r.status != http.StatusOK {
		t.Fatalf("answers %d %s", r.status, r.body)
	}
	sum := sha256.Sum256([]byte(picture))
	want := graphMediaBody{Product: "whatsapp", URL: shown.URL, MIME: "image/png", SHA256: hex.EncodeToString(sum[:]), Size: int64(len(picture)), ID: id}
	if shown != want {
		t.Errorf("shows %+v, want %+v", shown, want)
	}
	path, ours := strings.CutPrefix(shown.URL, d.url)
	if !ours || !strings.HasPrefix(path, "/graph/media/") {
		t.Fatalf("the URL is %s", shown.URL)
	}
	// With the key, without one, and with one that means nothing.
	for _, key := range []string{d.key, "", "another"} {
		c := call{method: http.MethodGet, path: path, undocumented: true}
		if key != "" {
			c.header = map[string]string{"Authorization": "Bearer " + key}
		}
		r := d.do(c)
		if r.status != http.StatusOK || r.body != picture || r.header.Get("Content-Type") != "image/png" || r.header.Get("Cache-Control") != "private, no-store" {
			t.Errorf("answers %d with %v", r.status, r.header)
		}
	}
	for _, bad := range []string{path + "A", path[:len(path)-1], "/graph/media/AAAA"} {
		d.refusedAs(d.do(call{method: http.MethodGet, path: bad}), http.StatusNotFound, 100)
	}

	// Nobody else's key finds it, nor one of the tenant that is for another number.
	elsewhere := d.keyFor(store.ScopeManage, []engine.SessionID{"elsewhere"})
	for _, key := range []string{d.otherKey, elsewhere} {
		d.refusedAs(d.graphCall(http.MethodGet, "/graph/"+id, key), http.StatusBadRequest, 100)
		d.refusedAs(d.graphCall(http.MethodDelete, "/graph/"+id, key), http.StatusBadRequest, 100)
	}
	if r := d.upload("/graph/"+phone+"/media", d.otherKey, file); r.status != http.StatusBadRequest {
		t.Errorf("another tenant uploads: %d %s", r.status, r.body)
	}
	if r := d.upload("/graph/"+phone+"/media", elsewhere, file); r.status != http.StatusForbidden {
		t.Errorf("another number's key uploads: %d %s", r.status, r.body)
	}

	// A URL that was given before is good for nothing while the tenant is suspended.
	for _, suspended := range []bool{true, false} {
		if _, err := d.store.SuspendTenant(t.Context(), store.Origin{By: store.ActorOperator}, store.DefaultTenant, suspended); err != nil {
			t.Fatal(err)
		}
		if r := d.do(call{method: http.MethodGet, path: path, undocumented: true}); (r.status == http.StatusOK) == suspended {
			t.Errorf("suspended %v, the URL is answered with %d", suspended, r.status)
		}
	}

	if r := d.graphCall(http.MethodDelete, "/graph/"+id, d.key); r.status != http.StatusOK || r.body != `{"success":true}` {
		t.Errorf("answers %d %s", r.status, r.body)
	}
	r = d.graphCall(http.MethodGet, "/graph/"+id, d.key)
	d.refusedAs(r, http.StatusBadRequest, 100)
	if !strings.Contains(r.body, `"error_subcode":33`) {
		t.Errorf("answers %s", r.body)
	}
	d.refusedAs(d.do(call{method: http.MethodGet, path: path}), http.StatusNotFound, 100)
	if n := d.kept(); n != 0 {
		t.Errorf("%d files are left", n)
	}
}

// What a form may say, and what is not kept.
func TestGraphUploads(t *testing.T) {
	d := start(t)
	d.link("main")
	path, picture := "/graph/"+d.phoneID()+"/media", testPNG(t)
	for _, c := range []struct {
		name   string
		query  string
		parts  []formPart
		mime   string
		status int
	}{
		{name: "the part's type", query: "?messaging_product=whatsapp", parts: []formPart{{name: "file", file: "a", mime: "image/png", value: picture}}, mime: "image/png"},
		{name: "the field's type", parts: []formPart{{name: "type", value: "application/pdf"}, {name: "file", file: "a", mime: "application/octet-stream", value: "%PDF-1.4"}}, mime: "application/pdf"},
		{name: "no type", parts: []formPart{{name: "file", file: "a", value: picture}}, mime: "image/png"},
		{name: "a family", parts: []formPart{{name: "type", value: "image"}, {name: "file", file: "a", mime: "image/png", value: picture}}, mime: "image/png"},
		{name: "another type", parts: []formPart{{name: "type", value: "video/mp4"}, {name: "file", file: "a", value: picture}}, status: http.StatusBadRequest},
		{name: "no file", parts: []formPart{{name: "type", value: "image/png"}}, status: http.StatusBadRequest},
		{name: "an empty file", parts: []formPart{{name: "file", file: "a", value: ""}}, status: http.StatusBadRequest},
		{name: "two files", parts: []formPart{{name: "file", file: "a", value: picture}, {name: "file", file: "b", value: picture}}, status: http.StatusBadRequest},
		{name: "a long head", parts: []formPart{{name: "file", file: strings.Repeat("a", 4*maxPartHead), value: picture}}, status: http.StatusBadRequest},
		{name: "a long head behind a file", parts: []formPart{{name: "file", file: "a", value: strings.Repeat("x", 4*maxPartHead)},
			{name: strings.Repeat("a", 4*maxPartHead), value: "x"}}, status: http.StatusBadRequest},
		{name: "a long file", parts: []formPart{{name: "file", file: "a", mime: "text/plain", value: strings.Repeat("x", 4*maxPartHead)}, {name: "x", value: "x"}}, mime: "text/plain"},
		{name: "a long field", parts: []formPart{{name: "file", file: "a", value: picture}, {name: "x", value: strings.Repeat("x", maxMediaField+1)}}, status: http.StatusBadRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := *d
			d.t = t
			before := d.kept()
			r := d.upload(path+c.query, d.key, c.parts...)
			if c.status != 0 {
				if r.status != c.status || d.kept() != before {
					t.Errorf("answers %d %s, and %d files are kept of %d", r.status, r.body, d.kept(), before)
				}
				return
			}
			id := d.idOf(r)
			if r := d.graphCall(http.MethodGet, "/graph/"+id, d.key); !strings.Contains(r.body, `"mime_type":"`+c.mime+`"`) {
				t.Errorf("shows %s", r.body)
			}
		})
	}
	if r := d.do(call{method: http.MethodPost, path: path, body: "{}", header: map[string]string{"Authorization": "Bearer " + d.key}}); r.status != http.StatusUnsupportedMediaType {
		t.Errorf("JSON is answered with %d %s", r.status, r.body)
	}
}

// A name is kept as a message would carry it: of any length it would go round the limit of
// the library, and into a header that no client reads.
func TestGraphUploadNames(t *testing.T) {
	d := start(t)
	d.link("main")
	path := "/graph/" + d.phoneID() + "/media"
	id := d.idOf(d.upload(path, d.key, formPart{name: "file", file: strings.Repeat("n", 10_000) + ".txt", mime: "text/plain", value: "x"}))
	var shown graphMediaBody
	if err := json.Unmarshal([]byte(d.graphCall(http.MethodGet, "/graph/"+id, d.key).body), &shown); err != nil {
		t.Fatal(err)
	}
	r := d.do(call{method: http.MethodGet, path: strings.TrimPrefix(shown.URL, d.url), undocumented: true})
	want := "attachment; filename=" + strings.Repeat("n", 251) + ".txt"
	if got := r.header.Get("Content-Disposition"); r.status != http.StatusOK || got != want {
		t.Errorf("the file comes back with %d %.300s, want %s", r.status, got, want)
	}
}

// A body without a length, and one that breaks off.
func TestGraphUploadStreams(t *testing.T) {
	d := start(t)
	d.link("main")
	body, contentType := makeForm(t, "boundary", formPart{name: "file", file: "a", mime: "text/plain", value: strings.Repeat("0123456789abcdef", 8<<10)})
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"whole":      {body, http.StatusOK},
		"broken off": {body[:len(body)-20], http.StatusBadRequest},
	} {
		before := d.kept()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.url+"/graph/"+d.phoneID()+"/media", io.MultiReader(strings.NewReader(c.body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", contentType)
		req.Header.Set("Authorization", "Bearer "+d.key)
		res, err := d.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != c.status || err != nil {
			t.Errorf("%s: answers %d %s, %v", name, res.StatusCode, answer, err)
		}
		if kept := d.kept() - before; kept != 0 && c.status != http.StatusOK {
			t.Errorf("%s: %d files are kept", name, kept)
		}
	}
}

// A tenant keeps as much as it may, and another's room is its own.
func TestLibraryBudget(t *testing.T) {
	d := start(t, func(d *daemon) { d.server.maxLibrary = 100 })
	d.link("main")
	path := "/graph/" + d.phoneID() + "/media"
	file := formPart{name: "file", file: "a", mime: "text/plain", value: strings.Repeat("x", 60)}
	id := d.idOf(d.upload(path, d.key, file))
	d.refusedAs(d.upload(path, d.key, file), http.StatusBadRequest, 131053)
	if n := d.kept(); n != 1 {
		t.Errorf("%d files are kept", n)
	}
	d.graphCall(http.MethodDelete, "/graph/"+id, d.key)
	d.idOf(d.upload(path, d.key, file))
}

// The file of a message has an id too, and goes on to others by it.
func TestGraphMediaOfMessages(t *testing.T) {
	d := start(t)
	d.link("main")
	key := engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}
	m := engine.LoggedMessage{Session: key, ID: "IMG", Direction: engine.Inbound, Chat: "919876543211@s.whatsapp.net",
		Peer: engine.Person{Phone: "919876543211@s.whatsapp.net"}, Kind: engine.KindImage, Payload: []byte("picture"), CreatedAt: time.Now(),
		Details: engine.Details{Media: &engine.MediaInfo{MimeType: "image/jpeg", Size: 7, SHA256: "abcd"}}}
	data, err := engine.Canonical(engine.MessageData{ID: m.ID})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.store.BeginIncoming(t.Context(), m, engine.Event{ID: "e", Session: key, Type: engine.EventMessage, At: time.Now(), Data: data})(); err != nil {
		t.Fatal(err)
	}
	number, err := d.store.GraphID(t.Context(), store.DefaultTenant, store.GraphMedia, store.MessageMediaRef(m).String())
	if err != nil {
		t.Fatal(err)
	}
	id := formatGraphID(number)
	r := d.graphCall(http.MethodGet, "/graph/"+id, d.key)
	var shown graphMediaBody
	if err := json.Unmarshal([]byte(r.body), &shown); err != nil || shown.MIME != "image/jpeg" || shown.SHA256 != "abcd" || shown.Size != 7 {
		t.Fatalf("answers %d %s", r.status, r.body)
	}
	got := d.do(call{method: http.MethodGet, path: strings.TrimPrefix(shown.URL, d.url), undocumented: true})
	if got.status != http.StatusOK || got.body != "picture" || got.header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("answers %d %s", got.status, got.body)
	}
	if r := d.graphCall(http.MethodDelete, "/graph/"+id, d.key); r.status != http.StatusOK {
		t.Errorf("answers %d %s", r.status, r.body)
	}
	d.refusedAs(d.graphCall(http.MethodGet, "/graph/"+id, d.key), http.StatusBadRequest, 100)
}
