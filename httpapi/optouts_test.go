package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"wapid/bulk"
	"wapid/engine"
	"wapid/store"
)

const optOutsPath = "/api/whatsapp/opt-outs"

func TestOptOuts(t *testing.T) {
	d := start(t)
	post := func(body string) reply {
		return d.do(call{method: "POST", path: optOutsPath, key: d.key, body: body})
	}
	r := post(`{"recipients":["+91 98765 43210","919876543210","nobody","100200300@lid","120363025246125486@g.us"]}`)
	d.wants(r, http.StatusOK, "")
	if want := `{"success":true,"added":2,"already":1,"invalid":[{"index":2,"recipient":"nobody","reason":"recipient must be a phone number with its country code, or a full JID"},` +
		`{"index":4,"recipient":"120363025246125486@g.us","reason":"the recipient must be a person: a phone number, or an address that ends in @s.whatsapp.net or @lid"}]}`; r.body != want {
		t.Errorf("the answer is %s", r.body)
	}
	d.wants(post(`{"phone":"4915112345678"}`), http.StatusOK, "")
	many := strings.TrimSuffix(strings.Repeat(`"4915112345678",`, maxOptOuts+1), ",")
	for _, bad := range []string{
		`{"phone":"nobody"}`, `{"phone":""}`, `{"recipients":[]}`, `{"recipients":["a","b"]}`, `{"phone":"4915112345679","recipients":["4915112345670"]}`,
		`{"phone":"4915112345679","recipients":[]}`, `{"recipients":[` + many + `]}`, `{"recipients":[4915112345678]}`,
	} {
		d.wants(post(bad), http.StatusBadRequest, engine.CodeInvalid)
	}
	var list struct {
		OptOuts    []struct{ ID, Phone, LID, Source string }
		NextBefore string
	}
	page := func(query string) (shown []string) {
		list.OptOuts, list.NextBefore = nil, ""
		r := d.get(optOutsPath + query)
		d.wants(r, http.StatusOK, "")
		if err := json.Unmarshal([]byte(r.body), &list); err != nil {
			t.Fatal(err)
		}
		for _, o := range list.OptOuts {
			shown = append(shown, o.Phone+o.LID)
		}
		return shown
	}
	if got := fmt.Sprint(page("?limit=2")); got != "[4915112345678 100200300@lid]" || list.NextBefore == "" {
		t.Errorf("the newest are %s, then %q", got, list.NextBefore)
	}
	if got := fmt.Sprint(page("?limit=2&before=" + list.NextBefore)); got != "[919876543210]" || list.NextBefore != "" {
		t.Errorf("what follows is %s, then %q", got, list.NextBefore)
	}
	if got := fmt.Sprint(page("?phone=91")); got != "[919876543210]" {
		t.Errorf("those that begin with 91 are %s", got)
	}
	for _, query := range []string{"?phone=", "?phone=%2B91", "?phone=1234567890123456", "?before=", "?before=0", "?before=x", "?limit=0", "?limit=1001"} {
		d.wants(d.get(optOutsPath+query), http.StatusBadRequest, engine.CodeInvalid)
	}
	for path, status := range map[string]int{
		"/919876543210": 200, "/%2B91%2098765%2043210": 200, "/919876543210@s.whatsapp.net": 200, "/100200300@lid": 200,
		"/919876543211": 404, "/nobody": 400, "/120363025246125486@g.us": 400,
	} {
		if r := d.get(optOutsPath + path); r.status != status {
			t.Errorf("%s is answered with %d %s", path, r.status, r.body)
		}
	}
	for _, status := range []int{http.StatusOK, http.StatusNotFound} {
		r := d.do(call{method: "DELETE", path: optOutsPath + "/919876543210", key: d.key})
		d.wants(r, status, "")
	}
	// The list is a tenant's own, and not for keys of one session.
	r = d.do(call{method: "GET", path: optOutsPath, key: d.otherKey})
	d.wants(r, http.StatusOK, "")
	if r.body != `{"optOuts":[]}` {
		t.Errorf("another tenant sees %s", r.body)
	}
	d.wants(d.do(call{method: "DELETE", path: optOutsPath + "/4915112345678", key: d.otherKey}), http.StatusNotFound, engine.CodeNotFound)
	bound := d.keyFor(store.ScopeManage, []engine.SessionID{"main"})
	for _, c := range []call{
		{method: "GET", path: optOutsPath}, {method: "GET", path: optOutsPath + "/4915112345678"}, {method: "DELETE", path: optOutsPath + "/4915112345678"},
		{method: "POST", path: optOutsPath, body: `{"phone":"4915112345679"}`},
		{method: "PUT", path: "/api/account/opt-out-words", body: `{"stop":[],"start":[]}`},
	} {
		c.key = bound
		d.wants(d.do(c), http.StatusForbidden, engine.CodeForbidden)
	}
	d.wants(d.get(optOutsPath+"/4915112345678"), http.StatusOK, "")
}

// A repetition tells of those whom its job has skipped, not of those whom a new one would.
func TestARepetitionTellsWhomItsJobSkipped(t *testing.T) {
	d := start(t)
	d.link("main")
	optOut := func(phone string) {
		d.wants(d.do(call{method: "POST", path: optOutsPath, key: d.key, body: `{"phone":"` + phone + `"}`}), http.StatusOK, "")
	}
	post := func() reply {
		return d.do(call{method: "POST", path: bulkPath, key: d.key, header: map[string]string{"Idempotency-Key": "one"},
			body: `{"recipients":["919876543210","919876543211","919876543212"],"message":"Hi","delayMin":0,"delayMax":0}`})
	}
	optOut("919876543211")
	first := post()
	d.awaitJob(d.startedBulk(first).JobID, bulk.StatusCompleted)
	optOut("919876543210")
	d.wants(d.do(call{method: "DELETE", path: optOutsPath + "/919876543211", key: d.key}), http.StatusOK, "")
	if again := post(); again.body != first.body || !strings.Contains(first.body, `"skipped":[{"index":1,`) {
		t.Errorf("answers %s, and then %s", first.body, again.body)
	}
}

func TestOptOutWords(t *testing.T) {
	d := start(t)
	const path = "/api/account/opt-out-words"
	put := func(body string) reply { return d.do(call{method: "PUT", path: path, key: d.key, body: body}) }
	r := put(`{"stop":["Nein, danke!","nein,  DANKE"],"start":[]}`)
	d.wants(r, http.StatusOK, "")
	if r.body != `{"success":true,"stop":["nein, danke"],"start":[]}` {
		t.Errorf("the answer is %s", r.body)
	}
	for _, bad := range []string{`{"stop":["a"]}`, `{"start":["a"]}`, `{"stop":null,"start":[]}`, `{"stop":["!"],"start":[]}`, `{"stop":["a"],"start":["A"]}`} {
		d.wants(put(bad), http.StatusBadRequest, engine.CodeInvalid)
	}
	if r := d.get(path); r.body != `{"stop":["nein, danke"],"start":[]}` {
		t.Errorf("then the words are %s", r.body)
	}
	if r := d.do(call{method: "GET", path: path, key: d.otherKey}); !strings.Contains(r.body, `"unsubscribe"`) {
		t.Errorf("another tenant has %s", r.body)
	}
}
