package httpapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"wapid/engine"
)

// officialBody asks for a session of the official API. extra comes behind the fields.
func officialBody(session, extra string) string {
	return fmt.Sprintf(`{"sessionId":"%s","cloud":{"phoneNumberId":"123456789012345","accessToken":"EAAsecret","appSecret":"0123456789abcdef","verifyToken":"my token","wabaId":"54321"%s}}`, session, extra)
}

// TestOfficialSession: a session is made of credentials, which are never shown, and shows
// what is to be entered at Meta.
func TestOfficialSession(t *testing.T) {
	d := start(t)
	d.link("main")
	made := d.do(call{method: http.MethodPost, path: "/api/whatsapp/session", key: d.key, body: officialBody("official", "")})
	want := `{"success":true,"sessionId":"official","isNew":true,"status":"initializing","network":"cloud","cloud":{"phoneNumberId":"123456789012345","wabaId":"54321","baseUrl":"https://graph.facebook.com/v23.0","webhookUrl":"` + d.url + `/api/webhook"}}`
	if made.status != http.StatusOK || made.body != want {
		t.Fatalf("%d %s\nwant %s", made.status, made.body, want)
	}
	status := d.do(call{method: http.MethodGet, path: "/api/whatsapp/session/official/status", key: d.key})
	if !strings.Contains(status.body, `"network":"cloud","cloud":{"phoneNumberId":"123456789012345"`) {
		t.Errorf("the status is %s", status.body)
	}
	list := d.do(call{method: http.MethodGet, path: "/api/whatsapp/sessions", key: d.key})
	if strings.Count(list.body, `"network":"cloud"`) != 1 {
		t.Errorf("the list is %s", list.body)
	}
	for _, r := range []reply{made, status, list} {
		for _, secret := range []string{"EAAsecret", "0123456789abcdef", "my token"} {
			if strings.Contains(r.body, secret) {
				t.Errorf("%q is shown: %s", secret, r.body)
			}
		}
	}
	if again := d.do(call{method: http.MethodPost, path: "/api/whatsapp/session", key: d.key, body: officialBody("official", "")}); again.status != http.StatusOK ||
		!strings.Contains(again.body, `"isNew":false`) {
		t.Errorf("credentials given again: %d %s", again.status, again.body)
	}
	other := strings.Replace(officialBody("official", ""), "123456789012345", "99999", 1)
	for name, c := range map[string]struct {
		call
		code engine.Code
	}{
		"another number":       {call{method: http.MethodPost, path: "/api/whatsapp/session", body: other}, engine.CodeAlreadyLinked},
		"a linked phone":       {call{method: http.MethodPost, path: "/api/whatsapp/session", body: officialBody("main", "")}, engine.CodeAlreadyLinked},
		"a proxy":              {call{method: http.MethodPost, path: "/api/whatsapp/session", body: strings.Replace(officialBody("o2", ""), `"cloud"`, `"proxy":"socks5h://proxy.example:1080","cloud"`, 1)}, engine.CodeNotSupported},
		"a proxy later":        {call{method: http.MethodPatch, path: "/api/whatsapp/session/official", body: `{"proxy":"socks5h://proxy.example:1080"}`}, engine.CodeNotSupported},
		"a pairing code":       {call{method: http.MethodPost, path: "/api/whatsapp/session/official/pairing-code", body: `{"phone":"919876543210"}`}, engine.CodeNotSupported},
		"a pairing link":       {call{method: http.MethodPost, path: "/api/whatsapp/session/official/pairing-link"}, engine.CodeNotSupported},
		"an address inside":    {call{method: http.MethodPost, path: "/api/whatsapp/session", body: officialBody("o2", `,"baseUrl":"http://10.0.0.1/v23.0"`)}, engine.CodeEgressRefused},
		"a base with a query":  {call{method: http.MethodPost, path: "/api/whatsapp/session", body: officialBody("o2", `,"baseUrl":"https://example.com/?a=b"`)}, engine.CodeInvalid},
		"a phone number":       {call{method: http.MethodPost, path: "/api/whatsapp/session", body: strings.Replace(officialBody("o2", ""), "123456789012345", "+1 555 0100", 1)}, engine.CodeInvalid},
		"a token with a space": {call{method: http.MethodPost, path: "/api/whatsapp/session", body: strings.Replace(officialBody("o2", ""), "EAAsecret", "EAA secret", 1)}, engine.CodeInvalid},
		"no verify token":      {call{method: http.MethodPost, path: "/api/whatsapp/session", body: strings.Replace(officialBody("o2", ""), "my token", "", 1)}, engine.CodeInvalid},
	} {
		c.key = d.key
		if r := d.do(c.call); !strings.Contains(r.body, `"code":"`+string(c.code)+`"`) {
			t.Errorf("%s: %d %s, want %s", name, r.status, r.body, c.code)
		}
	}
	if all, err := d.store.ListTenantCloudNumbers(t.Context(), "default"); err != nil || len(all) != 1 {
		t.Errorf("%d numbers are kept (%v), want 1", len(all), err)
	}
}

// TestOfficialWebhook: nobody without a session's verify token or app secret gets
// anything in.
func TestOfficialWebhook(t *testing.T) {
	d := start(t)
	d.do(call{method: http.MethodPost, path: "/api/whatsapp/session", key: d.key, body: officialBody("official", "")})
	for query, want := range map[string]int{
		"?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=my%20token": http.StatusOK,
		"?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=my+toke":    http.StatusForbidden,
		"?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=":           http.StatusForbidden,
		"?hub.mode=subscribe&hub.challenge=1158201444":                             http.StatusForbidden,
		"?hub.mode=other&hub.challenge=1158201444&hub.verify_token=my%20token":     http.StatusForbidden,
		"?hub.mode=subscribe&hub.verify_token=my%20token":                          http.StatusForbidden,
		"": http.StatusForbidden,
	} {
		r := d.do(call{method: http.MethodGet, path: pathOfficialWebhook + query})
		if r.status != want || want == http.StatusOK && r.body != "1158201444" {
			t.Errorf("%s: %d %s", query, r.status, r.body)
		}
	}
	body := `{"object":"whatsapp_business_account","entry":[{"id":"54321","changes":[{"field":"messages","value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":"15550100","phone_number_id":"%s"},"messages":[{"from":"919876543211","id":"wamid.A","timestamp":"1708243200","type":"text","text":{"body":"%s"}}]}}]}]}`
	message := func(text string) string { return fmt.Sprintf(body, "123456789012345", text) }
	sign := func(secret, body string) map[string]string {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(body))
		return map[string]string{"X-Hub-Signature-256": "sha256=" + hex.EncodeToString(mac.Sum(nil)), "Content-Type": "application/json"}
	}
	const secret = "0123456789abcdef"
	long := message(strings.Repeat("a", 1<<20))
	for name, c := range map[string]struct {
		body   string
		header map[string]string
		want   int
	}{
		"a session that is not ready": {message("hi"), sign(secret, message("hi")), http.StatusServiceUnavailable},
		"a long one":                  {long, sign(secret, long), http.StatusServiceUnavailable},
		"too long a one":              {strings.Repeat(" ", 4<<20), sign(secret, ""), http.StatusRequestEntityTooLarge},
		"another secret":              {message("hi"), sign("wrong", message("hi")), http.StatusUnauthorized},
		"another body":                {message("hi"), sign(secret, message("ho")), http.StatusUnauthorized},
		"no signature":                {message("hi"), nil, http.StatusUnauthorized},
		"another number":              {fmt.Sprintf(body, "777", "hi"), sign(secret, fmt.Sprintf(body, "777", "hi")), http.StatusUnauthorized},
		"not JSON":                    {"{", sign(secret, "{"), http.StatusBadRequest},
		"another object":              {`{"object":"page"}`, sign(secret, `{"object":"page"}`), http.StatusBadRequest},
		"nothing of messages":         {`{"object":"whatsapp_business_account","entry":[{"changes":[{"field":"account_update","value":{}}]}]}`, nil, http.StatusOK},
		"nothing":                     {"", nil, http.StatusBadRequest},
	} {
		r := d.do(call{method: http.MethodPost, path: pathOfficialWebhook, body: c.body, header: c.header})
		if r.status != c.want {
			t.Errorf("%s: %d %.200s, want %d", name, r.status, r.body, c.want)
		}
	}
	if events, err := d.store.ListEvents(t.Context(), "default", "", 100); err != nil || strings.Contains(fmt.Sprint(events), "wamid.A") {
		t.Errorf("something was stored: %v (%v)", events, err)
	}
}
