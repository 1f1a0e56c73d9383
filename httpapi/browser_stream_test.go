package httpapi

import (
	"bufio"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
)

// watch opens a stream as a browser does it, which can add no header.
func (d *daemon) watch(b browser, path string) *listener {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.url+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Cookie", b.cookie)
	req.Header.Set(headerFetchSite, "same-origin")
	res, err := d.client.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		d.t.Fatalf("%s answers %s", path, res.Status)
	}
	return &listener{t: d.t, body: res.Body, lines: bufio.NewReader(res.Body), res: res}
}

func TestStreamsEndWithTheLogin(t *testing.T) {
	for name, end := range map[string]func(d *daemon, b browser){
		"logout": func(d *daemon, b browser) {
			d.wants(d.as(b, http.MethodPost, "/dashboard/logout", ""), http.StatusOK, "")
		},
		"another login": func(d *daemon, b browser) {
			d.wants(d.do(call{method: http.MethodPost, path: "/dashboard/login", body: `{"apiKey":"` + d.otherKey + `"}`, header: b.header()}), http.StatusOK, "")
		},
		"a new key": func(d *daemon, _ browser) {
			d.wants(d.post("/api/account/api-key/reset", ""), http.StatusOK, "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := start(t, quick)
			d.link("main")
			b := d.browser(`{"apiKey":"` + d.key + `"}`)
			log, status := d.watch(b, streamPath), d.watch(b, "/api/whatsapp/session/main/events")
			d.logEvents(store.DefaultTenant, "main/qr")
			log.until("qr", "")
			status.until("status", `"ready"`)
			end(d, b)
			for _, l := range []*listener{log, status} {
				if got := l.until("end", ""); got != `{"reason":"unauthorized"}` {
					t.Errorf("the end says %s", got)
				}
			}
			d.awaitStreams(0)
		})
	}
}

// A ticket that a browser asks for stands on its login.
func TestATicketEndsWithTheLogin(t *testing.T) {
	d := start(t)
	b := d.browser(`{"apiKey":"` + d.key + `"}`)
	r := d.as(b, http.MethodPost, "/api/whatsapp/events/ticket", "")
	d.wants(r, http.StatusOK, "")
	_, rest, _ := strings.Cut(r.body, `"ticket":"`)
	ticket, _, _ := strings.Cut(rest, `"`)
	d.wants(d.as(b, http.MethodPost, "/dashboard/logout", ""), http.StatusOK, "")
	d.wants(d.do(call{method: http.MethodGet, path: streamPath + "?ticket=" + ticket}), http.StatusUnauthorized, engine.CodeUnauthorized)
}

// Bodies that are read for those only whom we know are read for a browser.
func TestABrowserSendsLongBodies(t *testing.T) {
	d := start(t)
	d.link("main")
	b := d.browser(`{"apiKey":"` + d.key + `"}`)
	body := `{"to":"919876543211","message":"` + strings.Repeat("long ", 2000) + `"}`
	d.wants(d.as(b, http.MethodPost, "/api/whatsapp/session/main/send", body), http.StatusOK, "")
	stranger := b
	stranger.cookie += "x"
	d.wants(d.as(stranger, http.MethodPost, "/api/whatsapp/session/main/send", body), http.StatusUnauthorized, engine.CodeUnauthorized)
	d.wants(d.do(call{method: http.MethodPost, path: "/api/whatsapp/session/main/send", body: body, header: replacing(b.header(), headerCSRF, "x")}),
		http.StatusForbidden, engine.CodeForbidden)
}

// Wrong keys, cookies and links that are tried here count as others do. A link that was
// made opens all the same: nobody guesses it, and behind a proxy many share an address.
func TestGuessesAreLimitedForLogins(t *testing.T) {
	d := start(t)
	link, err := d.server.LoginLink(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	bucket := d.server.rates.strangerAt(netip.MustParseAddr("127.0.0.1"))
	bucket.SetLimit(0)
	left := bucket.Tokens()
	guesses := []call{
		{method: http.MethodPost, path: "/dashboard/login", body: `{"apiKey":"wrong"}`},
		{method: http.MethodPost, path: "/dashboard/login", body: `{"adminKey":"wrong"}`},
		{method: http.MethodPost, path: "/dashboard/login", body: `{"link":"wrong"}`},
		{method: http.MethodGet, path: "/dashboard/session", header: map[string]string{"Cookie": webCookie + "=wrong"}},
	}
	for _, guess := range guesses {
		if r := d.do(guess); r.status != http.StatusUnauthorized && r.status != http.StatusGone {
			t.Errorf("%s is answered with %d %s", guess.body, r.status, r.body)
		}
	}
	if now := bucket.Tokens(); now != left-float64(len(guesses)) {
		t.Errorf("of %g guesses %g are left", left, now)
	}
	bucket.AllowN(time.Now(), int(bucket.Tokens()))
	for _, guess := range guesses {
		d.wants(d.do(guess), http.StatusTooManyRequests, engine.CodeRateLimited)
	}
	d.browser(`{"link":"` + strings.TrimPrefix(link, loginPath) + `"}`)
}
