package media

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/webhooks"
)

// serve runs a web server on an address of this machine.
func serve(t *testing.T, address string, h http.HandlerFunc) string {
	t.Helper()
	ln, err := net.Listen("tcp", address+":0")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Listener.Close()
	s.Listener = ln
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

// guarded is the daemon's client, which may reach one address here.
func guarded(t *testing.T, timeout time.Duration) *http.Client {
	t.Helper()
	c := webhooks.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}).Client(timeout, 5)
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func TestFetch(t *testing.T) {
	var inside string
	site := serve(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/a.jpg":
			w.Header().Set("Content-Type", "image/jpeg; q=1")
			_, _ = io.WriteString(w, "bytes")
		case "/hop":
			http.Redirect(w, r, "/a.jpg", http.StatusFound)
		case "/inside":
			http.Redirect(w, r, inside, http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/large":
			w.Header().Set("Content-Length", "1000000")
			_, _ = w.Write(make([]byte, 1000000))
		case "/unsaid":
			_, _ = io.Copy(w, io.LimitReader(endless{}, 1000000))
		case "/short":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "few")
		default:
			http.NotFound(w, r)
		}
	})
	inside = serve(t, "127.0.0.2", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "secret") })
	const gone = "http://127.0.0.1:1/" // nobody listens on port 1
	const failed = "the URL could not be fetched"
	const refused = "the URL has no address that this server may connect to"
	for url, c := range map[string]struct {
		code engine.Code
		says string
	}{
		site + "/a.jpg":    {},
		site + "/hop":      {},
		site + "/nothing":  {engine.CodeMediaInvalid, failed},
		site + "/round":    {engine.CodeMediaInvalid, failed},
		site + "/file":     {engine.CodeMediaInvalid, failed},
		site + "/short":    {engine.CodeMediaInvalid, failed},
		gone:               {engine.CodeMediaInvalid, failed},
		site + "/large":    {engine.CodeMediaInvalid, "the file is larger than the 1000 bytes that it may have"},
		site + "/unsaid":   {engine.CodeMediaInvalid, "the file is larger than the 1000 bytes that it may have"},
		site + "/inside":   {engine.CodeEgressRefused, refused},
		inside:             {engine.CodeEgressRefused, refused},
		"http://[::1]/":    {engine.CodeEgressRefused, refused},
		"ftp://127.0.0.1/": {engine.CodeMediaInvalid, "the URL must be a complete http or https URL"},
		"a.jpg":            {engine.CodeMediaInvalid, "the URL must be a complete http or https URL"},
		"http://":          {engine.CodeMediaInvalid, "the URL must be a complete http or https URL"},
		"http://a b/":      {engine.CodeMediaInvalid, "the URL must be a complete http or https URL"},
	} {
		s := openSpool(t)
		got, err := s.Fetch(t.Context(), guarded(t, 20*time.Second), url, 1000)
		if c.code == "" {
			if err != nil || got.Size != 5 || got.Type != "image/jpeg" || got.Name != strings.TrimPrefix(strings.TrimPrefix(url, site), "/") && got.Name != "" {
				t.Errorf("%s: %+v, %v", url, got, err)
			}
			continue
		}
		e, ok := err.(*engine.Error)
		if !ok || e.Code != c.code || e.Message != c.says {
			t.Errorf("%s: %v, want %s %q", url, err, c.code, c.says)
		}
		if left := files(t, s); len(left) != 0 {
			t.Errorf("%s leaves %v", url, left)
		}
	}
}

// TestFetchEnds asks servers that never come to an end.
func TestFetchEnds(t *testing.T) {
	drip := serve(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		beat := time.NewTicker(5 * time.Millisecond)
		defer beat.Stop()
		for {
			select {
			case <-r.Context().Done():
				return
			case <-beat.C:
				fmt.Fprint(w, "x")
				w.(http.Flusher).Flush()
			}
		}
	})
	s := openSpool(t)
	if _, err := s.Fetch(t.Context(), guarded(t, 200*time.Millisecond), drip, 1000000); engine.CodeOf(err) != engine.CodeMediaInvalid {
		t.Errorf("a body without end: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.Fetch(ctx, guarded(t, time.Minute), drip, 1000000); err != context.DeadlineExceeded {
		t.Errorf("whoever asked has gone: %v", err)
	}
	if left := files(t, s); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestPreview(t *testing.T) {
	photo := asJPEG(t, halves(400, 200))
	site := serve(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		head, ok := map[string]string{
			"/og":     `<title>Plain</title><meta property="og:title" content="Shop &amp; more"><meta property="og:description" content="All ` + "\n" + `of it"><meta property="og:image" content="/p.jpg"/>`,
			"/plain":  `<title> Plain </title><meta name="description" content="D">`,
			"/none":   `<meta name="description" content="D">`,
			"/broken": `<title>T</title><meta property="og:image" content="/og">`,
			"/inside": `<title>T</title><meta property="og:image" content="http://127.0.0.2/p.jpg">`,
			"/latin":  "<title>Caf\xe9</title>",
			"/body":   `</head><body><title>In the body</title>`,
			"/long":   "<title>" + strings.Repeat("ä", 400) + "</title>",
		}[r.URL.Path]
		switch {
		case r.URL.Path == "/p.jpg":
			_, _ = w.Write(photo)
		case r.URL.Path == "/latin":
			w.Header().Set("Content-Type", "text/html; charset=iso-8859-1")
			_, _ = io.WriteString(w, head)
		case ok:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, "<!doctype html><html><head>"+head)
		case r.URL.Path == "/pdf":
			w.Header().Set("Content-Type", "application/pdf")
			_, _ = io.WriteString(w, "<title>T</title>")
		default:
			http.NotFound(w, r)
		}
	})
	for name, c := range map[string]struct {
		text string
		want *engine.LinkPreview
		pic  bool
	}{
		"no link":          {text: "hello"},
		"og":               {text: "See " + site + "/og. Now", want: &engine.LinkPreview{URL: site + "/og", Title: "Shop & more", Description: "All of it"}, pic: true},
		"plain":            {text: "(" + site + "/plain)", want: &engine.LinkPreview{URL: site + "/plain", Title: "Plain", Description: "D"}},
		"no title":         {text: site + "/none"},
		"broken picture":   {text: site + "/broken", want: &engine.LinkPreview{URL: site + "/broken", Title: "T"}},
		"refused picture":  {text: site + "/inside", want: &engine.LinkPreview{URL: site + "/inside", Title: "T"}},
		"latin-1":          {text: site + "/latin", want: &engine.LinkPreview{URL: site + "/latin", Title: "Café"}},
		"title in body":    {text: site + "/body"},
		"not found":        {text: site + "/nothing"},
		"no page":          {text: site + "/pdf"},
		"refused":          {text: "http://127.0.0.2/"},
		"a very long name": {text: site + "/long", want: &engine.LinkPreview{URL: site + "/long", Title: strings.Repeat("ä", 126) + "…"}},
	} {
		s := openSpool(t)
		got := s.Preview(t.Context(), guarded(t, 10*time.Second), c.text)
		if got != nil {
			if (got.Thumbnail != nil) != c.pic {
				t.Errorf("%s: a thumbnail of %d bytes", name, len(got.Thumbnail))
			}
			got.Thumbnail = nil
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v", name, got)
		}
		if left := files(t, s); len(left) != 0 {
			t.Errorf("%s leaves %v", name, left)
		}
	}
}
