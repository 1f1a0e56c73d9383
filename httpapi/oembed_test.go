package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/httpapi/hub"
	"wapid/store"
)

// look asks as a stranger does.
func (d *daemon) look(path string) reply {
	d.t.Helper()
	return d.do(call{method: http.MethodGet, path: path})
}

func TestPublishedConversations(t *testing.T) {
	d := start(t)
	d.link("main")
	d.receive(
		engine.Incoming{ID: "A1", Chat: paperFriend.Phone, Sender: paperFriend, PushName: `Asha <script>alert(1)</script>`, Text: `<img src=x onerror=alert(1)> call +91 98765 43211`},
		engine.Incoming{ID: "B1", Chat: paperHidden.LID, Sender: paperHidden, PushName: "Ravi", Text: "somebody else's secret"},
	)
	made := readReply[publicationBody](t, d.post("/api/conversations", `{"sessionId":"main","chat":"+91 98765 43211","title":"<b>Call 9876543210</b>"}`), http.StatusOK)
	if made.URL != d.url+"/conversation/"+string(made.ID) || made.EmbedURL != d.url+"/embed/conversation/"+string(made.ID)+"/" || made.Chat != paperFriend.Phone {
		t.Errorf("published at %+v", made)
	}
	embed := strings.TrimSuffix(strings.TrimPrefix(made.EmbedURL, d.url), "/")
	for _, path := range []string{embed + "?fbclid=x", "/conversation/" + string(made.ID)} {
		r := d.look(path)
		if r.status != http.StatusOK || !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") {
			t.Fatalf("%s answers %d %s", path, r.status, r.body)
		}
		for _, bad := range []string{"<img", "<script", "<b>", "98765", "43211", "secret", "Ravi", "Asha", "919876543210"} {
			if strings.Contains(r.body, bad) {
				t.Errorf("%s shows %q:\n%s", path, bad, r.body)
			}
		}
		if !strings.Contains(r.body, "&lt;img src=x onerror=alert(1)&gt; call &#43;•• ••••• •••••") {
			t.Errorf("%s does not show the message:\n%s", path, r.body)
		}
		csp := r.header.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") || strings.Contains(csp, "unsafe") || strings.HasSuffix(csp, "frame-ancestors *") != strings.HasPrefix(path, "/embed") ||
			r.header.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(r.header.Get("X-Robots-Tag"), "noindex") || r.header.Get("X-Frame-Options") != "" {
			t.Errorf("%s answers with %v", path, r.header)
		}
	}
	if r := d.do(call{method: http.MethodGet, path: embed + "/", undocumented: true}); r.status != http.StatusOK {
		t.Errorf("with a slash at its end it is answered %d", r.status)
	}
	page := d.look("/conversation/" + string(made.ID)).body
	describe := "/oembed?format=json&url=" + url.QueryEscape(made.URL)
	if !strings.Contains(page, `type="application/json&#43;oembed"`) && !strings.Contains(page, `type="application/json+oembed"`) || !strings.Contains(page, d.url+"/oembed/?format=json&amp;url=") {
		t.Errorf("the page does not name its description:\n%s", page)
	}
	o := readReply[hub.OEmbed](t, d.look(describe+"&maxwidth=300&maxheight=99999&dnt=1"), http.StatusOK)
	if o.Type != "rich" || o.Version != "1.0" || o.Title != "<b>Call ••••••••••</b>" || o.Width != 300 || o.Height != 1600 || !strings.HasPrefix(o.HTML, `<iframe src="`+made.EmbedURL+`" title="&lt;b&gt;`) {
		t.Errorf("described as %+v", o)
	}
	d.wants(d.look(strings.Replace(describe, "json", "xml", 1)), http.StatusNotImplemented, engine.CodeNotSupported)
	for _, address := range []string{d.url + "/conversation/demo", d.url + "/conversation/" + strings.Repeat("a", 26), "https://elsewhere.example/conversation/" + string(made.ID), "x"} {
		d.wants(d.look("/oembed?url="+url.QueryEscape(address)), http.StatusNotFound, engine.CodeNotFound)
	}
	for _, query := range []string{"", "?url=", "?format=yaml&url=x", "?maxwidth=0&url=x", "?maxheight=a&url=x", "?maxwidth=-5&url=x"} {
		d.wants(d.look("/oembed"+query), http.StatusBadRequest, engine.CodeInvalid)
	}
	for _, id := range []string{"demo", strings.Repeat("a", 26), strings.ToUpper(string(made.ID)), "919876543211"} {
		d.wants(d.look("/embed/conversation/"+id), http.StatusNotFound, engine.CodeNotFound)
	}

	// Only its own account, and keys that reach the session, see or change what is published.
	elsewhere := d.keyFor(store.ScopeManage, []engine.SessionID{"elsewhere"})
	for _, key := range []string{d.otherKey, elsewhere} {
		if list := readReply[publicationListResponse](t, d.do(call{method: "GET", path: "/api/conversations", key: key}), http.StatusOK); len(list.Conversations) != 0 {
			t.Errorf("another key lists %+v", list)
		}
		d.wants(d.do(call{method: "DELETE", path: "/api/conversations/" + string(made.ID), key: key}), http.StatusNotFound, engine.CodeNotFound)
		d.wants(d.do(call{method: "POST", path: "/api/conversations", key: key, body: `{"sessionId":"main","chat":"919876543211"}`}), http.StatusNotFound, engine.CodeSessionNotFound)
	}
	for _, body := range []string{`{"chat":"919876543211"}`, `{"sessionId":"main"}`, `{"sessionId":"main","chat":"1"}`, `{"sessionId":"main","chat":"1234567@newsletter"}`,
		`{"sessionId":"main","chat":"919876543211","title":"a\nb"}`, `{"sessionId":"main","chat":"919876543211","title":"` + strings.Repeat("a", 121) + `"}`} {
		d.wants(d.post("/api/conversations", body), http.StatusBadRequest, engine.CodeInvalid)
	}
	again := readReply[publicationBody](t, d.post("/api/conversations", `{"sessionId":"main","chat":"`+string(paperFriend.LID)+`"}`), http.StatusOK)
	list := readReply[publicationListResponse](t, d.get("/api/conversations"), http.StatusOK)
	if again.ID != made.ID || len(list.Conversations) != 1 {
		t.Errorf("published again as %+v, listed are %+v", again, list)
	}

	// What its sender takes back is gone from the page too; and taken back it is gone at once.
	d.receive(engine.Incoming{ID: "A2", Chat: paperFriend.Phone, Sender: paperFriend, Kind: engine.KindRevoke, Details: engine.Details{Revoke: &engine.TargetInfo{MessageID: "A1"}}})
	if r := d.look(embed); strings.Contains(r.body, "onerror") || !strings.Contains(r.body, "There are no messages yet") {
		t.Errorf("a message that was taken back is shown:\n%s", r.body)
	}
	d.wants(d.do(call{method: "DELETE", path: "/api/conversations/" + string(made.ID), key: d.key}), http.StatusOK, "")
	d.wants(d.look(embed), http.StatusNotFound, engine.CodeNotFound)
	d.wants(d.look(describe), http.StatusNotFound, engine.CodeNotFound)
	d.wants(d.do(call{method: "DELETE", path: "/api/conversations/" + string(made.ID), key: d.key}), http.StatusNotFound, engine.CodeNotFound)
}

func TestStrangersAreSlowedDown(t *testing.T) {
	d := start(t, func(d *daemon) { d.server.visitors = newAttempts(pace{3, time.Hour}, pace{}) })
	for range 3 {
		d.wants(d.look("/embed/conversation/"+strings.Repeat("a", 26)), http.StatusNotFound, engine.CodeNotFound)
	}
	for _, path := range []string{"/embed/conversation/x", "/conversation/x", "/oembed?url=x"} {
		r := d.look(path)
		d.wants(r, http.StatusTooManyRequests, engine.CodeRateLimited)
		if r.header.Get("Retry-After") == "" {
			t.Errorf("%s says not how long to wait", path)
		}
	}
	if r := d.get("/api/whatsapp/sessions"); r.status != http.StatusOK {
		t.Errorf("a key is answered %d", r.status)
	}
}

// A session that is removed shows nothing any more, whoever takes its id next.
func TestPublicationsEndWithTheirSession(t *testing.T) {
	d := start(t)
	d.link("main")
	made := readReply[publicationBody](t, d.post("/api/conversations", `{"sessionId":"main","chat":"919876543211"}`), http.StatusOK)
	embed := fmt.Sprint("/embed/conversation/", made.ID)
	d.wants(d.look(embed), http.StatusOK, "")
	d.wants(d.do(call{method: "DELETE", path: "/api/whatsapp/session/main", key: d.key}), http.StatusOK, "")
	d.await("/api/whatsapp/sessions", func(r reply) bool { return !strings.Contains(r.body, `"main"`) })
	d.wants(d.look(embed), http.StatusNotFound, engine.CodeNotFound)
	d.link("main")
	d.wants(d.look(embed), http.StatusNotFound, engine.CodeNotFound)
}
