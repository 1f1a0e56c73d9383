package httpapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/textproto"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"wapid/engine"
	"wapid/webhooks"
)

// paperUpload is a file that the paper network was given.
type paperUpload struct {
	kind  engine.Kind
	bytes string
}

// Upload implements engine.Media.
func (c *paperConn) Upload(_ context.Context, m engine.Outgoing, plain io.ReadSeeker) (engine.Upload, error) {
	b, err := io.ReadAll(plain)
	if err != nil {
		return engine.Upload{}, err
	}
	c.network.mu.Lock()
	defer c.network.mu.Unlock()
	c.network.uploads = append(c.network.uploads, paperUpload{m.Kind, string(b)})
	return engine.Upload{Ref: []byte("ref")}, nil
}

// Download implements engine.Media: the payload is the file.
func (c *paperConn) Download(_ context.Context, m engine.MessageRef, to *os.File) error {
	c.network.mu.Lock()
	fail := c.network.fail
	c.network.mu.Unlock()
	if fail != nil {
		return fail
	}
	if _, err := to.Write(m.Payload); err != nil {
		return err
	}
	_, err := to.Seek(0, io.SeekStart)
	return err
}

func testPNG(t testing.TB) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 30, 20))); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// formPart is one part of a form; a file has a name.
type formPart struct{ name, file, mime, value string }

func makeForm(t testing.TB, boundary string, parts ...formPart) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.SetBoundary(boundary); err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		h := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name=%q`, p.name)}}
		if p.file != "" {
			h.Set("Content-Disposition", fmt.Sprintf(`form-data; name=%q; filename=%q`, p.name, p.file))
		}
		if p.mime != "" {
			h.Set("Content-Type", p.mime)
		}
		out, err := w.CreatePart(h)
		if err == nil {
			_, err = io.WriteString(out, p.value)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}

func (d *daemon) form(path string, parts ...formPart) reply {
	d.t.Helper()
	body, contentType := makeForm(d.t, "bound", parts...)
	return d.do(call{method: http.MethodPost, path: path, key: d.key, body: body, header: map[string]string{"Content-Type": contentType}})
}

// lastSent returns the newest message, and the newest file.
func (d *daemon) lastSent() (engine.Outgoing, paperUpload) {
	d.t.Helper()
	d.network.mu.Lock()
	defer d.network.mu.Unlock()
	if len(d.network.sent) == 0 || len(d.network.uploads) == 0 {
		d.t.Fatal("nothing was sent")
	}
	return d.network.sent[len(d.network.sent)-1], d.network.uploads[len(d.network.uploads)-1]
}

// sent counts the messages that were sent.
func (d *daemon) sent() int {
	d.network.mu.Lock()
	defer d.network.mu.Unlock()
	return len(d.network.sent)
}

// spooled counts the files in the spool.
func (d *daemon) spooled() int {
	d.t.Helper()
	f, err := d.spool.Empty()
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	dir := f.Name()[:strings.LastIndexByte(f.Name(), '/')]
	if err := os.Remove(f.Name()); err != nil {
		d.t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		d.t.Fatal(err)
	}
	return len(entries)
}

// reaching lets a daemon fetch from this machine.
func reaching(d *daemon) {
	d.server.guard = webhooks.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")})
	d.server.fetcher = newFetcher(d.server.guard)
}

const sendPath = "/api/whatsapp/session/main/send"

func TestFilesAreSent(t *testing.T) {
	d := start(t, reaching)
	d.link("main")
	var served atomic.Pointer[string]
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/a/photo.png" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain") // as servers do; the bytes decide
		_, _ = io.WriteString(w, *served.Load())
	}))
	defer site.Close()
	to := `"to":"919876543210"`
	for name, c := range map[string]struct {
		send func(photo, encoded string) reply
		want engine.Attachment
		text string
	}{
		"by URL": {func(photo, encoded string) reply {
			return d.post(sendPath, `{`+to+`,"type":"image","mediaUrl":"`+site.URL+`/a/photo.png","message":"M","footer":"F"}`)
		}, engine.Attachment{MIME: "image/png", Width: 30}, "M\n\n_F_"},
		"in base64": {func(photo, encoded string) reply {
			return d.post(sendPath, `{`+to+`,"type":"image","mediaBase64":"`+encoded+`"}`)
		}, engine.Attachment{MIME: "image/png", Width: 30}, ""},
		"as data": {func(photo, encoded string) reply {
			return d.post(sendPath, `{"mediaBase64":"data:image/png;base64,`+encoded+`","type":"image",`+to+`}`)
		}, engine.Attachment{MIME: "image/png", Width: 30}, ""},
		"escaped": {func(photo, encoded string) reply {
			return d.post(sendPath, `{`+to+`,"type":"image","mediaBase64":"`+strings.NewReplacer("/", `\/`, "+", `\u002B`, "=", `\u003d`).Replace(encoded)+`"}`)
		}, engine.Attachment{MIME: "image/png", Width: 30}, ""},
		"URL letters": {func(photo, encoded string) reply {
			return d.post(sendPath, `{`+to+`,"type":"image","mediaBase64":"`+base64.RawURLEncoding.EncodeToString([]byte(photo))+`"}`)
		}, engine.Attachment{MIME: "image/png", Width: 30}, ""},
		"in a form": {func(photo, encoded string) reply {
			return d.form(sendPath, formPart{name: "to", value: "919876543210"}, formPart{name: "type", value: "image"}, formPart{"file", "p.png", "image/png", photo}, formPart{name: "message", value: "M"})
		}, engine.Attachment{MIME: "image/png", Width: 30}, "M"},
		"as media": {func(photo, encoded string) reply {
			return d.form(sendPath, formPart{"media", "p.png", "application/octet-stream", photo}, formPart{name: "to", value: "919876543210"}, formPart{name: "type", value: "image"})
		}, engine.Attachment{MIME: "image/png", Width: 30}, ""},
		"a document": {func(photo, encoded string) reply {
			return d.form(sendPath, formPart{"file", "p.png", "image/png", photo}, formPart{name: "to", value: "919876543210"}, formPart{name: "type", value: "document"})
		}, engine.Attachment{MIME: "image/png", FileName: "p.png"}, ""},
		"renamed": {func(photo, encoded string) reply {
			return d.post(sendPath, `{`+to+`,"type":"document","mediaUrl":"`+site.URL+`/a/photo.png","fileName":"x.png","mediaMimeType":"image/png"}`)
		}, engine.Attachment{MIME: "image/png", FileName: "x.png"}, ""},
		"of a URL": {func(photo, encoded string) reply {
			return d.post(sendPath, `{`+to+`,"type":"document","mediaUrl":"`+site.URL+`/a/photo.png"}`)
		}, engine.Attachment{MIME: "text/plain", FileName: "photo.png"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			photo := testPNG(t) + name // of its own, so that it is uploaded
			served.Store(&photo)
			r := c.send(photo, base64.StdEncoding.EncodeToString([]byte(photo)))
			d.wants(r, http.StatusOK, "")
			if !strings.HasPrefix(r.body, `{"success":true,"messageId":"`) || !strings.HasSuffix(r.body, `","timestamp":1708243200}`) {
				t.Errorf("answers %s", r.body)
			}
			m, file := d.lastSent()
			a := m.Attachment
			if file.bytes != photo || a == nil || a.MIME != c.want.MIME || a.FileName != c.want.FileName || c.want.Width > 0 && a.Width != c.want.Width || m.Text != c.text {
				t.Errorf("sent %+v with %+v and %d bytes", m, a, len(file.bytes))
			}
			if n := d.spooled(); n != 0 {
				t.Errorf("%d files are left", n)
			}
		})
	}
}

func TestFilesAreRefused(t *testing.T) {
	d := start(t, reaching, func(d *daemon) { d.server.maxMedia = 100_000 })
	d.link("main")
	photo := testPNG(t)
	encoded := base64.StdEncoding.EncodeToString([]byte(photo))
	large := strings.Repeat("A", 140_000)
	site := httptest.NewServer(http.NotFoundHandler())
	defer site.Close()
	to := formPart{name: "to", value: "919876543210"}
	kind := formPart{name: "type", value: "image"}
	file := formPart{"file", "p.png", "image/png", photo}
	json := func(fields string) func() reply {
		return func() reply { return d.post(sendPath, `{"to":"919876543210",`+fields+`}`) }
	}
	form := func(parts ...formPart) func() reply { return func() reply { return d.form(sendPath, parts...) } }
	for name, c := range map[string]struct {
		send func() reply
		code engine.Code
		says string
	}{
		"not base64":       {json(`"type":"image","mediaBase64":"!!!!"`), engine.CodeInvalid, "not valid base64"},
		"cut base64":       {json(`"type":"image","mediaBase64":"AAAAA"`), engine.CodeInvalid, "not valid base64"},
		"bad padding":      {json(`"type":"image","mediaBase64":"AA==A"`), engine.CodeInvalid, "not valid base64"},
		"the document's":   {json(`"type":"document","mediaBase64":"JVBERi0xLjQ..."`), engine.CodeInvalid, "not valid base64"},
		"only a prefix":    {json(`"type":"image","mediaBase64":"data:image/png;base64,"`), engine.CodeInvalid, "holds no bytes"},
		"data, not base64": {json(`"type":"image","mediaBase64":"data:text/plain,hello"`), engine.CodeInvalid, "not base64"},
		"empty base64":     {json(`"type":"image","mediaBase64":""`), engine.CodeInvalid, "needs mediaUrl"},
		"a number":         {json(`"type":"image","mediaBase64":7`), engine.CodeInvalid, "mediaBase64"},
		"twice":            {json(`"type":"image","mediaBase64":"` + encoded + `","mediaBase64":"` + encoded + `"`), engine.CodeInvalid, "given twice"},
		"a line break":     {json("\"type\":\"image\",\"mediaBase64\":\"AAAA\nAAAA\""), engine.CodeInvalid, "not valid JSON"},
		"umlauts":          {json(`"type":"image","mediaBase64":"\u00e4"`), engine.CodeInvalid, "not base64"},
		"deeper":           {json(`"type":"image","contacts":[{"mediaBase64":"` + encoded + `"}]`), engine.CodeInvalid, "unknown field"},
		"broken off":       {func() reply { return d.post(sendPath, `{"to":"919876543210","type":"image","mediaBase64":"AAAA`) }, engine.CodeInvalid, "not valid JSON"},
		"too large":        {json(`"type":"image","mediaBase64":"` + large + `"`), engine.CodeMediaInvalid, "larger than the 100000 bytes"},
		"no picture":       {json(`"type":"image","mediaBase64":"aGVsbG8="`), engine.CodeMediaInvalid, "an image must be"},
		"another type":     {json(`"type":"image","mediaBase64":"` + encoded + `","mediaMimeType":"application/pdf"`), engine.CodeMediaInvalid, "of another type than it is sent as"},
		"a text's":         {json(`"type":"text","message":"M","mediaBase64":"` + encoded + `"`), engine.CodeInvalid, "does not go with type text"},
		"no such page":     {json(`"type":"image","mediaUrl":"` + site.URL + `"`), engine.CodeMediaInvalid, "could not be fetched"},
		"inside":           {json(`"type":"image","mediaUrl":"http://10.1.2.3/"`), engine.CodeEgressRefused, "no address that this server may connect to"},
		"localhost":        {json(`"type":"image","mediaUrl":"http://[::1]:80/"`), engine.CodeEgressRefused, "no address that this server may connect to"},
		"another scheme":   {json(`"type":"image","mediaUrl":"file:///etc/passwd"`), engine.CodeMediaInvalid, "http or https"},
		"mp3 as voice":     {json(`"type":"audio","ptt":true,"mediaBase64":"//uQAAAAAAAAAAAA"`), engine.CodeMediaInvalid, "must be Opus in an Ogg file"},
		"two files":        {form(to, kind, file, file), engine.CodeInvalid, "more than one file"},
		"an unknown field": {form(to, kind, file, formPart{name: "colour", value: "red"}), engine.CodeInvalid, `unknown field \"colour\"`},
		"a field twice":    {form(to, to, kind, file), engine.CodeInvalid, "given twice"},
		"not a boolean":    {form(to, kind, file, formPart{name: "viewOnce", value: "yes"}), engine.CodeInvalid, "must be a boolean"},
		"a wrong array":    {form(to, kind, file, formPart{name: "mentions", value: "[1]"}), engine.CodeInvalid, "mentions[0]"},
		"bytes as text":    {form(to, kind, file, formPart{name: "message", value: "\xff"}), engine.CodeInvalid, "UTF-8"},
		"file and base64":  {form(to, kind, file, formPart{name: "mediaBase64", value: encoded}), engine.CodeInvalid, "exclude each other"},
		"a large file":     {form(to, kind, formPart{"file", "p", "", large}), engine.CodeMediaInvalid, "larger than the 100000 bytes"},
		"nameless":         {form(to, kind, file, formPart{value: "x"}), engine.CodeInvalid, "has no name"},
		"an unclosed form": {func() reply {
			return d.do(call{method: "POST", path: sendPath, key: d.key, body: "--b\r\nContent-Disposition: form-data; name=to\r\n\r\nx", header: map[string]string{"Content-Type": "multipart/form-data; boundary=b"}})
		}, engine.CodeInvalid, "not a valid multipart form"},
		"no boundary": {func() reply {
			return d.do(call{method: "POST", path: sendPath, key: d.key, body: "x", header: map[string]string{"Content-Type": "multipart/form-data"}})
		}, engine.CodeInvalid, "no boundary"},
		"ttl while waiting": {func() reply { return d.post(sendPath+"?ttl=5", `{"to":"919876543210","message":"M"}`) }, engine.CodeInvalid, "ttl goes with wait=false"},
		"an endless ttl": {func() reply {
			return d.post(sendPath+"?wait=false&ttl=99999999", `{"to":"919876543210","message":"M"}`)
		}, engine.CodeInvalid, "ttl must be"},
		"a strange key": {func() reply {
			return d.do(call{method: "POST", path: sendPath, key: d.key, body: `{"to":"919876543210","message":"M"}`, header: map[string]string{"Idempotency-Key": strings.Repeat("k", 300)}})
		}, engine.CodeInvalid, "Idempotency-Key must be"},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.send()
			d.wants(r, http.StatusBadRequest, c.code)
			if !strings.Contains(r.body, c.says) {
				t.Errorf("answers %s, want %q", r.body, c.says)
			}
			if n := d.spooled(); n != 0 {
				t.Errorf("%d files are left", n)
			}
		})
	}
	if rows, err := d.store.ListMessages(t.Context(), engine.SessionKey{Tenant: "default", ID: "main"}, 10); err != nil || len(rows) != 0 {
		t.Errorf("the log holds %d messages, %v", len(rows), err)
	}
}

// TestRepeatedRequests are the same whatever their form's boundary, and not the
// same if anything else differs.
func TestRepeatedRequests(t *testing.T) {
	d := start(t)
	d.link("main")
	photo := testPNG(t)
	try := func(key, boundary, path, message string) reply {
		body, contentType := makeForm(t, boundary, formPart{name: "to", value: "919876543210"}, formPart{name: "type", value: "image"},
			formPart{"file", "p.png", "image/png", photo}, formPart{name: "message", value: message})
		return d.do(call{method: http.MethodPost, path: path, key: d.key, body: body,
			header: map[string]string{"Content-Type": contentType, "Idempotency-Key": key}})
	}
	first := try("k", "one", sendPath, "M")
	d.wants(first, http.StatusOK, "")
	if again := try("k", "two", sendPath, "M"); again.status != http.StatusOK || again.body != first.body {
		t.Errorf("again: %d %s, first %s", again.status, again.body, first.body)
	}
	d.wants(try("k", "one", sendPath, "N"), http.StatusConflict, engine.CodeConflict)
	d.wants(try("k", "one", sendPath+"?wait=false", "M"), http.StatusConflict, engine.CodeConflict)
	if other := try("l", "one", sendPath, "M"); other.status != http.StatusOK || other.body == first.body {
		t.Errorf("another key: %d %s", other.status, other.body)
	}
	if sent := d.sent(); sent != 2 {
		t.Errorf("%d messages were sent", sent)
	}
	if n := d.spooled(); n != 0 {
		t.Errorf("%d files are left", n)
	}
}

// TestRepeatedRequestsFetchNothing: what the log answers needs no file, whose URL
// may be gone by then.
func TestRepeatedRequestsFetchNothing(t *testing.T) {
	d := start(t, reaching)
	d.link("main")
	fetched := 0
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fetched++; fetched > 1 {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, testPNG(t))
	}))
	defer site.Close()
	for _, query := range []string{"", "?wait=false"} {
		fetched = 0
		try := func() reply {
			return d.do(call{method: http.MethodPost, path: sendPath + query, key: d.key, header: map[string]string{"Idempotency-Key": "k" + query},
				body: `{"to":"919876543210","type":"image","mediaUrl":"` + site.URL + `/p.png"}`})
		}
		first := try()
		if first.status != http.StatusOK && first.status != http.StatusAccepted {
			t.Fatalf("answers %d %s", first.status, first.body)
		}
		if again := try(); again.status != first.status || again.body != first.body {
			t.Errorf("again: %d %s, first %s", again.status, again.body, first.body)
		}
		if fetched != 1 {
			t.Errorf("the file was fetched %d times", fetched)
		}
	}
}

// TestQueuedFiles stay until they are sent.
func TestQueuedFiles(t *testing.T) {
	d := start(t)
	d.link("main")
	r := d.post(sendPath+"?wait=false&ttl=60", `{"to":"919876543210","type":"document","fileName":"a.txt","mediaBase64":"aGVsbG8="}`)
	d.wants(r, http.StatusAccepted, "")
	if !strings.HasPrefix(r.body, `{"success":true,"messageId":"`) || !strings.HasSuffix(r.body, `","status":"queued"}`) {
		t.Errorf("answers %s", r.body)
	}
	d.await("/healthz", func(reply) bool { return d.sent() == 1 && d.spooled() == 0 })
	if m, file := d.lastSent(); file.bytes != "hello" || m.Attachment.FileName != "a.txt" {
		t.Errorf("sent %+v with %q", m, file.bytes)
	}
}
