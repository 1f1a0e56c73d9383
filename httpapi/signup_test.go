package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/alexedwards/argon2id"

	"wapid/engine"
)

// letters is where mails arrive.
type letters chan Mail

// signingUp lets people sign up, with passwords that are cheap to hash.
func signingUp(box letters) func(*daemon) {
	return func(d *daemon) {
		d.server.public = "https://wapi.example.com"
		d.server.signUp = newSignUp(d.server, func(_ context.Context, m Mail) error { box <- m; return nil })
		d.server.signUp.passwords.cost = &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
		patient := pace{1000, 1}
		d.server.signUp.logins, d.server.signUp.mails = newAttempts(patient, patient), newAttempts(patient, patient)
	}
}

// token waits for the next mail, which must go to an address, and returns the token of
// the link in it, "" if there is none.
func (box letters) token(t *testing.T, to, subject string) string {
	t.Helper()
	select {
	case m := <-box:
		if m.To != to || m.Subject != subject || !strings.Contains(m.Text, "https://wapi.example.com/#/") || strings.Contains(m.Text, "%") {
			t.Errorf("the mail is %+v", m)
		}
		found := regexp.MustCompile(`(?:token|reset)=([A-Za-z0-9_-]{43})\n`).FindStringSubmatch(m.Text)
		if found == nil {
			return ""
		}
		return found[1]
	case <-t.Context().Done():
		t.Fatal("no mail came")
	}
	return ""
}

// ask is do without any key.
func (d *daemon) ask(path, body string) reply {
	d.t.Helper()
	return d.do(call{method: http.MethodPost, path: path, body: body})
}

const registration = `{"email":" Me@Example.com","password":"correct horse","name":"My Shop"}`

func TestSigningUp(t *testing.T) {
	box := make(letters, 100)
	d := start(t, signingUp(box))
	first := d.ask("/dashboard/register", registration)
	d.wants(first, http.StatusAccepted, "")
	older := box.token(t, "me@example.com", inviteSubject)
	d.wants(d.ask("/dashboard/register", registration), http.StatusAccepted, "")
	token := box.token(t, "me@example.com", inviteSubject)

	d.wants(d.ask("/dashboard/login", `{"email":"me@example.com","password":"correct horse"}`), http.StatusUnauthorized, engine.CodeUnauthorized)
	d.wants(d.ask("/dashboard/verify", `{"token":"`+token[1:]+`","password":"correct horse"}`), http.StatusGone, CodeLinkExpired)
	// Whoever opens the mail is not let into an account that somebody else has chosen the password of.
	d.wants(d.ask("/dashboard/verify", `{"token":"`+token+`","password":"correct house"}`), http.StatusUnauthorized, engine.CodeUnauthorized)
	r := d.ask("/dashboard/verify", `{"token":"`+token+`","password":"correct horse"}`)
	d.wants(r, http.StatusCreated, "")
	var made verifyResponse
	if err := json.Unmarshal([]byte(r.body), &made); err != nil || made.Tenant == nil || made.Tenant.Name != "My Shop" ||
		!strings.HasPrefix(string(made.Tenant.ID), "my-shop-") || made.Scope != "manage" {
		t.Fatalf("%s, %v", r.body, err)
	}
	cookie, _, _ := strings.Cut(r.header.Get("Set-Cookie"), ";")
	fresh := browser{cookie, made.webSessionResponse}
	d.wants(d.as(fresh, http.MethodGet, "/dashboard/session", ""), http.StatusOK, "")
	d.wants(d.do(call{method: http.MethodGet, path: "/api/account", key: made.APIKey}), http.StatusOK, "")
	for _, used := range []string{token, older} { // another of the same address is worth nothing either
		d.wants(d.ask("/dashboard/verify", `{"token":"`+used+`","password":"correct horse"}`), http.StatusGone, CodeLinkExpired)
	}

	// The answer for an address with an account is the same, the mail is not.
	again := d.ask("/dashboard/register", registration)
	if again.status != first.status || again.body != first.body {
		t.Errorf("first %d %s, then %d %s", first.status, first.body, again.status, again.body)
	}
	if got := box.token(t, "me@example.com", knownSubject); got != "" {
		t.Errorf("a token for an address that is known: %s", got)
	}

	in := d.browser(`{"email":"ME@example.com","password":"correct horse"}`)
	if in.Tenant.ID != made.Tenant.ID {
		t.Errorf("logged in as %+v", in.Tenant)
	}
	for _, body := range []string{
		`{"email":"me@example.com","password":"correct horsf"}`, `{"email":"nobody@example.com","password":"correct horse"}`,
		`{"email":"me@example.com","password":"short"}`,
	} {
		r := d.ask("/dashboard/login", body)
		d.wants(r, http.StatusUnauthorized, engine.CodeUnauthorized)
		if !strings.Contains(r.body, "the e-mail address or the password is not right") {
			t.Errorf("%s tells more than another: %s", body, r.body)
		}
	}

	// Another password ends the logins by the old one, and no others.
	byKey := d.browser(`{"apiKey":"` + made.APIKey + `"}`)
	forgot := d.ask("/dashboard/forgot", `{"email":"me@example.com"}`)
	token = box.token(t, "me@example.com", resetSubject)
	if unknown := d.ask("/dashboard/forgot", `{"email":"nobody@example.com"}`); unknown.status != forgot.status || unknown.body != forgot.body {
		t.Errorf("known %d %s, unknown %d %s", forgot.status, forgot.body, unknown.status, unknown.body)
	}
	d.wants(d.ask("/dashboard/reset", `{"token":"`+token+`","password":"too short"}`), http.StatusBadRequest, engine.CodeInvalid)
	d.wants(d.ask("/dashboard/reset", `{"token":"`+token+`","password":"battery staple"}`), http.StatusOK, "")
	d.wants(d.ask("/dashboard/reset", `{"token":"`+token+`","password":"battery staple"}`), http.StatusGone, CodeLinkExpired)
	for _, b := range []browser{fresh, in} {
		d.wants(d.as(b, http.MethodGet, "/dashboard/session", ""), http.StatusUnauthorized, engine.CodeUnauthorized)
	}
	d.wants(d.as(byKey, http.MethodGet, "/dashboard/session", ""), http.StatusOK, "")
	d.wants(d.ask("/dashboard/login", `{"email":"me@example.com","password":"correct horse"}`), http.StatusUnauthorized, engine.CodeUnauthorized)
	in = d.browser(`{"email":"me@example.com","password":"battery staple"}`)

	tenant := string(in.Tenant.ID)
	log := d.admin(http.MethodGet, "/api/admin/audit?tenantId="+tenant, "").body
	if !strings.Contains(log, `"actor":"visitor"`) || !strings.Contains(log, `"tenant.signup"`) || !strings.Contains(log, `"password.reset"`) || strings.Contains(log, "@") {
		t.Errorf("the log is %s", log)
	}
	d.wants(d.admin(http.MethodDelete, "/api/admin/tenants/"+tenant, ""), http.StatusAccepted, "")
	d.wants(d.as(in, http.MethodGet, "/dashboard/session", ""), http.StatusUnauthorized, engine.CodeUnauthorized)
	d.wants(d.ask("/dashboard/login", `{"email":"me@example.com","password":"battery staple"}`), http.StatusUnauthorized, engine.CodeUnauthorized)
	if len(box) > 0 {
		t.Errorf("%d mails too many", len(box))
	}
	for _, entry := range d.log.All() {
		if text := entry.Message + encode(t, entry.ContextMap()); strings.Contains(text, "example.com") || strings.Contains(text, "horse") {
			t.Errorf("the log tells %s", text)
		}
	}
}

func TestSigningUpRefuses(t *testing.T) {
	box := make(letters, 100)
	d := start(t, signingUp(box))
	for _, body := range []string{
		`{"email":"me","password":"correct horse","name":"x"}`,
		`{"email":"Me <me@example.com>","password":"correct horse","name":"x"}`,
		`{"email":"me@example.com, you@example.com","password":"correct horse","name":"x"}`,
		`{"email":"m\u00fc@example.com","password":"correct horse","name":"x"}`,
		`{"email":"me@example.com\r\nBcc: you@example.com","password":"correct horse","name":"x"}`,
		`{"email":"root@localhost","password":"correct horse","name":"x"}`,
		`{"email":"root@mail.localhost","password":"correct horse","name":"x"}`,
		`{"email":"me@[10.0.0.1]","password":"correct horse","name":"x"}`,
		`{"email":"me@10.0.0.1","password":"correct horse","name":"x"}`,
		`{"email":"me@example.com.","password":"correct horse","name":"x"}`,
		`{"email":"you%example.com@example.org","password":"correct horse","name":"x"}`,
		`{"email":"` + strings.Repeat("a", 250) + `@example.com","password":"correct horse","name":"x"}`,
		`{"email":"me@example.com","password":"123456789","name":"x"}`,
		`{"email":"me@example.com","password":"` + strings.Repeat("ü", 201) + `","name":"x"}`,
		`{"email":"me@example.com","password":"correct horse","name":" "}`,
	} {
		d.wants(d.ask("/dashboard/register", body), http.StatusBadRequest, engine.CodeInvalid)
	}
	d.wants(d.ask("/dashboard/register", `{"email":"me@example.com","password":"`+strings.Repeat("ü", 200)+`","name":"x"}`), http.StatusAccepted, "")
	d.wants(d.ask("/dashboard/login", `{"email":"me@example.com"}`), http.StatusBadRequest, engine.CodeInvalid)
	d.wants(d.do(call{method: http.MethodPost, path: "/dashboard/register", body: registration, header: map[string]string{headerFetchSite: "cross-site"}}),
		http.StatusForbidden, engine.CodeForbidden)
	box.token(t, "me@example.com", inviteSubject)
	if !strings.Contains(d.get("/dashboard/info").body, `"signup":true`) {
		t.Error("the page is not told that people may sign up")
	}
}

func TestNobodySignsUpUnlessTheOperatorSaysSo(t *testing.T) {
	d := start(t)
	for path, body := range map[string]string{
		"/dashboard/register": registration, "/dashboard/verify": `{"token":"x","password":"correct horse"}`,
		"/dashboard/forgot": `{"email":"me@example.com"}`, "/dashboard/reset": `{"token":"x","password":"correct horse"}`,
	} {
		d.wants(d.ask(path, body), http.StatusForbidden, engine.CodeForbidden)
	}
	if !strings.Contains(d.get("/dashboard/info").body, `"signup":false`) {
		t.Error("the page is told that people may sign up")
	}
}

// TestTriesAreLimited uses the paces of the daemon. All requests come from one address.
func TestTriesAreLimited(t *testing.T) {
	box := make(letters, 100)
	d := start(t, signingUp(box), func(d *daemon) {
		d.server.signUp.logins, d.server.signUp.mails = newAttempts(loginPaces()), newAttempts(mailPaces())
	})
	limited := func(path, body string, want int) {
		t.Helper()
		for n := range want {
			if r := d.ask(path, body); r.status == http.StatusTooManyRequests {
				t.Fatalf("%s is limited after %d", path, n)
			}
		}
		r := d.ask(path, body)
		d.wants(r, http.StatusTooManyRequests, engine.CodeRateLimited)
		if wait, err := strconv.Atoi(r.header.Get("Retry-After")); err != nil || wait < 1 {
			t.Errorf("%s: Retry-After is %q", path, r.header.Get("Retry-After"))
		}
	}
	limited("/dashboard/register", registration, 3)
	limited("/dashboard/forgot", `{"email":"other@example.com"}`, 3)
	limited("/dashboard/login", `{"email":"me@example.com","password":"wrong password"}`, 10)
	d.wants(d.ask("/dashboard/login", `{"email":"nobody@example.com","password":"wrong password"}`), http.StatusUnauthorized, engine.CodeUnauthorized)
	d.wants(d.ask("/dashboard/login", `{"apiKey":"`+d.key+`"}`), http.StatusOK, "")
}

// TestAMailThatFailsIsToldWithoutItsAddress also has the next one sent.
func TestAMailThatFailsIsToldWithoutItsAddress(t *testing.T) {
	box := make(letters, 10)
	d := start(t, signingUp(box), func(d *daemon) {
		failed := false
		d.server.signUp.send = func(_ context.Context, m Mail) error {
			if !failed {
				failed = true
				return engine.Errorf(engine.CodeInternal, "no route")
			}
			box <- m
			return nil
		}
	})
	d.wants(d.ask("/dashboard/register", registration), http.StatusAccepted, "")
	d.wants(d.ask("/dashboard/register", registration), http.StatusAccepted, "")
	box.token(t, "me@example.com", inviteSubject)
	told := d.log.FilterMessage("a mail could not be sent").All()
	if len(told) != 1 || strings.Contains(encode(t, told[0].ContextMap()), "example.com") {
		t.Errorf("the log tells %v", told)
	}
}
