package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"wapid/engine"
)

const mainPath = "/api/whatsapp/session/main"

// says checks the whole body of a success.
func (d *daemon) says(r reply, status int, body string) {
	d.t.Helper()
	if r.status != status || r.body != body {
		d.t.Errorf("answers %d %s\nwant    %d %s", r.status, r.body, status, body)
	}
}

// asks checks what the network was asked to change since the last call.
func (d *daemon) asks(want ...string) {
	d.t.Helper()
	if got := d.network.world.log(); !slices.Equal(got, want) {
		d.t.Errorf("the network is asked %q, want %q", got, want)
	}
}

func TestCheckNumbers(t *testing.T) {
	d := start(t)
	d.link("main")
	d.says(d.post(mainPath+"/check", `{"phones":["+91 98765-43211","4915100000001","tomorrow","120363025246125486@g.us","919876543211@s.whatsapp.net"]}`), http.StatusOK,
		`{"results":[{"phone":"+91 98765-43211","number":"919876543211","exists":true,"jid":"919876543211@s.whatsapp.net","lid":"9919876543211@lid"},`+
			`{"phone":"4915100000001","number":"4915100000001","exists":false},`+
			`{"phone":"tomorrow","exists":false,"error":"recipient must be a phone number with its country code, or a full JID","code":"INVALID_REQUEST"},`+
			`{"phone":"120363025246125486@g.us","exists":false,"error":"only phone numbers can be checked","code":"INVALID_REQUEST"},`+
			`{"phone":"919876543211@s.whatsapp.net","number":"919876543211","exists":true,"jid":"919876543211@s.whatsapp.net","lid":"9919876543211@lid"}]}`)
	if d.network.world.checked != 2 {
		t.Errorf("the network was asked for %d numbers, want 2", d.network.world.checked)
	}
	d.post(mainPath+"/check", `{"phones":["919876543211","4915100000001"]}`)
	if d.network.world.checked != 2 {
		t.Error("what is known was asked for again")
	}
	for _, body := range []string{`{}`, `{"phones":[]}`, `{"phones":null}`, `{"phones":[1]}`, `{"phones":"919876543211"}`,
		`{"phones":[` + strings.Repeat(`"1",`, engine.MaxCheck) + `"1"]}`} {
		d.wants(d.post(mainPath+"/check", body), http.StatusBadRequest, engine.CodeInvalid)
	}
	// Nothing to ask of a session that is not ready, and yet it is told.
	d.wants(d.post("/api/whatsapp/session", `{"sessionId":"unlinked"}`), http.StatusOK, "")
	d.wants(d.post("/api/whatsapp/session/unlinked/check", `{"phones":["tomorrow"]}`), http.StatusConflict, engine.CodeSessionNotReady)
}

func TestCheckNumbersIsThrottled(t *testing.T) {
	d := start(t)
	d.link("main")
	batch := func(from, count int) string {
		var phones []string
		for i := range count {
			phones = append(phones, fmt.Sprintf(`"49151%07d"`, 1_000_000+from+i))
		}
		return `{"phones":[` + strings.Join(phones, ",") + `]}`
	}
	d.wants(d.post(mainPath+"/check", batch(0, engine.MaxCheck)), http.StatusOK, "")
	r := d.post(mainPath+"/check", batch(engine.MaxCheck, 100))
	d.wants(r, http.StatusTooManyRequests, engine.CodeRateLimited)
	if after := r.header.Get("Retry-After"); after != "300" && after != "299" { // 100 numbers at 20 a minute
		t.Errorf("Retry-After is %q", after)
	}
	d.wants(d.post(mainPath+"/check", batch(0, engine.MaxCheck)), http.StatusOK, "")
}

func TestMeIsTheAccount(t *testing.T) {
	d := start(t)
	d.link("main")
	d.says(d.get(mainPath+"/me"), http.StatusOK, `{"phoneNumber":"919876543210","lid":"123456789012345@lid","pushName":"Meera",`+
		`"platform":"android","about":"At the shop","avatarUrl":"https://pps.example/me","businessName":"Meera's"}`)
}

func TestContactsInPages(t *testing.T) {
	d := start(t)
	d.link("main")
	const (
		asha   = `{"jid":"919876543211@s.whatsapp.net","phoneNumber":"919876543211","lid":"223456789012345@lid","name":"Asha Rao","pushName":"asha","businessName":"Asha's"}`
		bakery = `{"jid":"919876543219@s.whatsapp.net","phoneNumber":"919876543219","businessName":"Bakery"}`
		zoe    = `{"jid":"323456789012345@lid","lid":"323456789012345@lid","pushName":"zoe"}`
	)
	for query, want := range map[string]string{
		"":                `{"contacts":[` + asha + `,` + bakery + `,` + zoe + `],"total":3,"page":1,"pages":1}`,
		"?limit=2":        `{"contacts":[` + asha + `,` + bakery + `],"total":3,"page":1,"pages":2}`,
		"?limit=2&page=2": `{"contacts":[` + zoe + `],"total":3,"page":2,"pages":2}`,
		"?page=3":         `{"contacts":[],"total":3,"page":3,"pages":1}`,
	} {
		d.says(d.get(mainPath+"/contacts"+query), http.StatusOK, want)
	}
	for _, query := range []string{"?limit=0", "?limit=1001", "?page=0", "?page=-1", "?page=x", "?limit=", "?cursor=1", "?page=99999999999999999999"} {
		d.wants(d.get(mainPath+"/contacts"+query), http.StatusBadRequest, engine.CodeInvalid)
	}
}

func TestAvatarOfAContact(t *testing.T) {
	d := start(t)
	d.link("main")
	const friend = mainPath + "/contacts/%2B91%2098765-43211/avatar"
	d.says(d.get(friend), http.StatusOK, `{"url":"https://pps.example/false","id":"1708243200"}`)
	d.says(d.get(friend+"?preview=true"), http.StatusOK, `{"url":"https://pps.example/true","id":"1708243200"}`)
	d.says(d.get(mainPath+"/contacts/120363025246125486@g.us/avatar"), http.StatusOK, `{"url":"https://pps.example/false","id":"1708243200"}`)
	d.wants(d.get(mainPath+"/contacts/919876543299/avatar"), http.StatusNotFound, engine.CodeNotFound)
	for _, path := range []string{"/contacts/tomorrow/avatar", "/contacts/919876543211/avatar?preview=1x", "/contacts/a@b.c/avatar"} {
		d.wants(d.get(mainPath+path), http.StatusBadRequest, engine.CodeInvalid)
	}
}

func TestBlocklist(t *testing.T) {
	d := start(t)
	d.link("main")
	d.says(d.get(mainPath+"/blocklist"), http.StatusOK, `{"blocked":[]}`)
	d.network.world.blocked = []engine.Person{paperFriend, paperHidden}
	d.says(d.get(mainPath+"/blocklist"), http.StatusOK, `{"blocked":[{"jid":"919876543211@s.whatsapp.net","phoneNumber":"919876543211",`+
		`"lid":"223456789012345@lid"},{"jid":"323456789012345@lid","lid":"323456789012345@lid"}]}`)
	d.says(d.post(mainPath+"/blocklist", `{"action":"block","contact":"+91 98765 43211"}`), http.StatusOK, `{"success":true}`)
	d.says(d.post(mainPath+"/blocklist", `{"action":"unblock","contact":"323456789012345@lid"}`), http.StatusOK, `{"success":true}`)
	d.asks("block 919876543211@s.whatsapp.net true", "block 323456789012345@lid false")
	for _, body := range []string{`{"action":"block"}`, `{"contact":"919876543211"}`, `{"action":"mute","contact":"919876543211"}`,
		`{"action":"block","contact":"120363025246125486@g.us"}`, `{"action":"block","contact":" "}`} {
		d.wants(d.post(mainPath+"/blocklist", body), http.StatusBadRequest, engine.CodeInvalid)
	}
	d.asks()
}

// TestCapabilitiesTellWhatTheNetworkSays: each code of the network has its status
// on each of the routes.
func TestCapabilitiesTellWhatTheNetworkSays(t *testing.T) {
	d := start(t)
	d.link("main")
	for code, status := range map[engine.Code]int{
		engine.CodeNotFound: 404, engine.CodeForbidden: 403, engine.CodeRateLimited: 429, engine.CodeNetworkRefused: 500,
		engine.CodeSessionNotReady: 409, engine.CodeSendOutcomeUnknown: 500, engine.CodeNotOnWhatsApp: 400, engine.CodeNotSupported: 400,
	} {
		d.network.world.fail(&engine.Error{Code: code, Message: "so says the network", RetryAfter: time.Minute})
		for _, route := range d.server.routes() {
			if !capable(route.path) || strings.HasSuffix(route.path, "/check") && d.network.world.checked > 0 {
				continue
			}
			c := wellFormed(t, route)
			c.key = d.key
			r := d.do(c)
			d.wants(r, status, code)
			if r.header.Get("Retry-After") != "60" {
				t.Errorf("%s %s: Retry-After is %q", c.method, c.path, r.header.Get("Retry-After"))
			}
		}
	}
}

// capable tells the routes of what a connection can do beside sending. Chats are
// listed and read from the log, without a connection.
func capable(path string) bool {
	rest := strings.TrimPrefix(path, "/api/whatsapp/session/:id")
	if rest == "/chats" || strings.HasSuffix(rest, "/messages") {
		return false
	}
	return slices.ContainsFunc([]string{"/check", "/me", "/contacts", "/blocklist", "/groups", "/chats", "/presence"},
		func(group string) bool { return rest == group || strings.HasPrefix(rest, group+"/") })
}

// TestScopesOfCapabilities: reading, showing and changing need what they say.
func TestScopesOfCapabilities(t *testing.T) {
	d := start(t)
	d.link("main")
	d.network.world.groups = []engine.Group{paperGroup}
	_, read := d.newKey(`{"name":"reader","scope":"read"}`)
	_, send := d.newKey(`{"name":"sender","scope":"send"}`)
	for _, route := range d.server.routes() {
		method, path := route.method, route.path
		if !capable(path) {
			continue
		}
		least := "manage"
		switch {
		case method == http.MethodGet:
			least = "read"
		case strings.HasSuffix(path, "/check"), strings.HasSuffix(path, "/read"), strings.HasSuffix(path, "/presence"):
			least = "send"
		}
		one := wellFormed(t, route)
		for _, by := range []struct {
			key     string
			allowed bool
		}{{read, least == "read"}, {send, least != "manage"}, {d.key, true}} {
			one.key = by.key
			if r := d.do(one); by.allowed == (r.status == http.StatusForbidden) {
				t.Errorf("%s %s, which needs %s, answers %d %s", method, path, least, r.status, r.body)
			}
		}
	}
}
