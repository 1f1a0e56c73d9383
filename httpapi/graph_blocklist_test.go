package httpapi

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"wapid/engine"
	"wapid/store"
)

func TestGraphBlocklist(t *testing.T) {
	d := start(t)
	d.link("main")
	path := "/graph/" + d.phoneID() + "/block_users"
	r := d.graphBody(http.MethodPost, path, d.key, `{"messaging_product":"whatsapp","block_users":[{"user":"+91 98765 43210"},{"user":"nobody"},{"user_id":"ZZ.123456789012345"}]}`)
	if want := `{"messaging_product":"whatsapp","block_users":{"added_users":[{"input":"+91 98765 43210","wa_id":"919876543210"},{"input":"ZZ.123456789012345","user_id":"ZZ.123456789012345"}],` +
		`"failed_users":[{"input":"nobody","errors":[{"message":"(#131009) Parameter value is not valid","code":131009,"error_data":{"details":"user must be a phone number with its country code"}}]}]},` +
		`"errors":{"message":"(#139100) Failed to block/unblock users","type":"OAuthException","code":139100,"error_data":{"details":"Failed to block or unblock some users, see the block_users response list for details"}}}`; r.body != want {
		t.Errorf("%s\nwant %s", r.body, want)
	}
	r = d.graphBody(http.MethodDelete, path, d.key, `{"block_users":[{"user":"919876543210"}]}`)
	if want := `{"messaging_product":"whatsapp","block_users":{"removed_users":[{"input":"919876543210","wa_id":"919876543210"}]}}`; r.body != want {
		t.Errorf("%s\nwant %s", r.body, want)
	}
	if got, want := d.network.world.log(), []string{"block 919876543210@s.whatsapp.net true", "block 123456789012345@lid true",
		"block 919876543210@s.whatsapp.net false"}; !reflect.DeepEqual(got, want) {
		t.Errorf("the network was asked for %q", got)
	}
	if r := d.graphBody(http.MethodPost, path, d.key, `{"messaging_product":"whatsapp","block_users":[]}`); !strings.Contains(r.body, `{"added_users":[]}`) {
		t.Errorf("nobody: %s", r.body)
	}

	for code, status := range map[engine.Code]int{engine.CodeNotOnWhatsApp: http.StatusOK, engine.CodeSessionNotReady: http.StatusInternalServerError, engine.CodeRateLimited: http.StatusTooManyRequests} {
		d.network.world.fail(engine.Errorf(code, "no"))
		r := d.graphBody(http.MethodPost, path, d.key, `{"block_users":[{"user":"919876543210"}]}`)
		if r.status != status || strings.Contains(r.body, `"failed_users":[{"input":"919876543210","wa_id":"919876543210","errors":[{"message":"(#131026) Message undeliverable"`) != (status == http.StatusOK) {
			t.Errorf("%s: %d %s", code, r.status, r.body)
		}
	}
	d.network.world.fail(nil)

	// What comes in between does not hide who was blocked by then.
	r = d.graphBody(http.MethodPost, path, d.key, `{"block_users":[{"user":"919876543210"},{"user":"919876543218"},{"user":"919876543212"}]}`)
	if r.status != http.StatusOK || !strings.Contains(r.body, `"added_users":[{"input":"919876543210","wa_id":"919876543210"}]`) || strings.Count(r.body, `"code":130429`) != 2 {
		t.Errorf("in part: %d %s", r.status, r.body)
	}
	if r := d.graphBody(http.MethodPost, path, d.key, `{"block_users":[{"user":"919876543218"}]}`); r.status != http.StatusTooManyRequests {
		t.Errorf("not at all: %d %s", r.status, r.body)
	}

	many := strings.TrimSuffix(strings.Repeat(`{"user":"919876543210"},`, 101), ",")
	for body, code := range map[string]int{`{"messaging_product":"x","block_users":[]}`: 100, `{}`: 131008, `{"block_users":[{}]}`: 131008, `{"block_users":[` + many + `]}`: 100} {
		d.refusedAs(d.graphBody(http.MethodPost, path, d.key, body), http.StatusBadRequest, code)
	}
	for _, call := range []reply{
		d.graphCall(http.MethodGet, path, d.otherKey),
		d.graphBody(http.MethodPost, path, d.otherKey, `{"block_users":[{"user":"919876543210"}]}`),
		d.graphCall(http.MethodGet, "/graph/"+d.wabaID(store.DefaultTenant)+"/block_users", d.key),
	} {
		d.refusedAs(call, http.StatusBadRequest, 100)
	}
	elsewhere := d.keyFor(store.ScopeManage, []engine.SessionID{"elsewhere"})
	d.refusedAs(d.graphBody(http.MethodPost, path, elsewhere, `{"block_users":[{"user":"919876543210"}]}`), http.StatusForbidden, 10)
}

func TestGraphBlockedPages(t *testing.T) {
	d := start(t)
	d.link("main")
	_ = d.network.world.with(func() error {
		d.network.world.blocked = []engine.Person{
			{Phone: "919876543212@s.whatsapp.net"}, {LID: "123456789012345@lid"}, {Phone: "919876543211@s.whatsapp.net", LID: "9@lid"},
			{Phone: "919876543213@s.whatsapp.net"}, {Phone: "919876543214@s.whatsapp.net"},
		}
		return nil
	})
	type page struct {
		Data []struct {
			WaID   string `json:"wa_id"`
			UserID string `json:"user_id"`
		}
		Paging struct{ Next, Previous string }
	}
	get := func(path string) (p page, who string) {
		t.Helper()
		r := d.graphCall(http.MethodGet, strings.TrimPrefix(path, d.url), d.key)
		if err := json.Unmarshal([]byte(r.body), &p); err != nil || r.status != http.StatusOK {
			t.Fatalf("%s answers %d %s", path, r.status, r.body)
		}
		for _, one := range p.Data {
			who += strings.TrimPrefix(one.WaID, "91987654321") + strings.TrimSuffix(one.UserID, "23456789012345") + " "
		}
		return p, who
	}
	path := "/graph/" + d.phoneID() + "/block_users"
	if p, who := get(path); who != "ZZ.1 1 2 3 4 " || p.Paging.Next != "" || p.Paging.Previous != "" {
		t.Errorf("all: %q %+v", who, p.Paging)
	}
	p, who := get(path + "?limit=2")
	if who != "ZZ.1 1 " {
		t.Fatalf("first: %q", who)
	}
	p, who = get(p.Paging.Next)
	if who != "2 3 " {
		t.Fatalf("second: %q", who)
	}
	last, who := get(p.Paging.Next)
	if who != "4 " || last.Paging.Next != "" {
		t.Errorf("last: %q %+v", who, last.Paging)
	}
	back, who := get(p.Paging.Previous)
	if who != "ZZ.1 1 " || back.Paging.Previous != "" || back.Paging.Next == "" {
		t.Errorf("back: %q %+v", who, back.Paging)
	}
	for _, query := range []string{"?limit=0", "?limit=x", "?after=%21", "?before=eA"} {
		d.refusedAs(d.graphCall(http.MethodGet, path+query, d.key), http.StatusBadRequest, 100)
	}
}
