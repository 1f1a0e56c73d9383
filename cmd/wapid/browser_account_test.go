package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
)

// browserRedelivers adds a webhook whose receiver is broken at first, and has it
// told again what it missed. Then it gets another secret, and another format.
func browserRedelivers(t *testing.T, b *browser) {
	var broken atomic.Bool
	var taken atomic.Int32
	broken.Store(true)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		taken.Add(1)
	}))
	defer receiver.Close()
	tab := b.open(t)
	tab.enter()
	tab.show("#/webhooks")
	tab.click(named("webhook-add"))
	tab.fill(named("webhook-url"), receiver.URL+"/hook")
	tab.fill(named("webhook-name"), "Shop")
	tab.click(named("webhook-form-submit"))
	first := tab.text(named("webhook-secret-text"))
	tab.click(named("webhook-secret-done"))
	tab.gone(".modal")
	tab.click(`[data-test="webhook"] a`)
	tab.click(named("webhook-test"))
	tab.await("the test has failed", `document.querySelector('[data-test="webhook-tested"]')?.dataset.state === "pending"`)
	tab.awaitText(named("delivery"), "500")
	broken.Store(false)
	tab.click(named("delivery-redeliver"))
	tab.await("it is delivered", `document.querySelector('[data-test="delivery"]')?.dataset.state === "delivered"`)
	if n := taken.Load(); n != 1 {
		t.Errorf("the receiver took %d deliveries", n)
	}
	tab.click(named("webhook-rotate"))
	tab.click(named("rotate-form-submit"))
	second := tab.text(named("webhook-secret-text"))
	tab.click(named("webhook-secret-done"))
	tab.gone(".modal")
	if first == second || len(second) < 20 {
		t.Errorf("the secrets are %q and %q", first, second)
	}
	// Another format asks for what it can tell.
	tab.click(named("webhook-edit"))
	tab.choose(named("webhook-format"), "meta")
	tab.gone(named("webhook-events") + ` input[value="qr"]`)
	tab.click(named("webhook-form-submit"))
	tab.awaitText(named("webhook-format-shown"), "Cloud API")
	tab.pardon("/deliveries?") // the log may be looked at once more while the webhook goes
	tab.click(named("webhook-delete"))
	tab.click(named("ask-yes"))
	tab.await("it is gone", `document.querySelector("main")?.dataset.page === "webhooks" && !document.querySelector('[data-test="webhook-detail"]')`)
}

// gone waits until nothing fits a selector any more.
func (tab *tab) gone(selector string) {
	tab.t.Helper()
	tab.await(selector+" is gone", `!document.querySelector(`+quoteJS(selector)+`)`)
}

// browserLogsIn comes in by a key, leaves, and finds the door shut; a wrong key is
// told to be one, and a used link to be used.
func browserLogsIn(t *testing.T, b *browser) {
	tab := b.open(t)
	tab.pardon("/dashboard/session")
	tab.pardon("/dashboard/login")
	tab.pardon("401 (Unauthorized) " + b.sandbox.base + "/api/") // asked for while the login ended
	tab.do("open the page", chromedp.Navigate(b.sandbox.base+"/"))
	tab.click(named("login-with-key"))
	tab.fill(named("login-key"), "wapid_nonsense")
	tab.click(named("login-submit"))
	tab.awaitText(named("error"), "key")
	tab.fill(named("login-key"), b.sandbox.key)
	tab.click(named("login-submit"))
	tab.await("the sessions", `document.querySelector("main")?.dataset.page === "sessions"`)
	if tab.holds(`document.cookie !== "" || localStorage.length > 0 || sessionStorage.length > 0`) {
		t.Error("scripts can read what the login left")
	}
	tab.click(named("logout"))
	tab.await("the login", `document.querySelector("main")?.dataset.page === "login"`)
	find[string](tab, `location.hash = "#/settings"`)
	tab.await("the login again", `document.querySelector("main")?.dataset.page === "login"`)

	link, err := b.sandbox.app.api.LoginLink(t.Context(), b.sandbox.base)
	if err != nil {
		t.Fatal(err)
	}
	tab.do("open the link", chromedp.Navigate(link))
	tab.await("logged in", `document.querySelector('[data-test="whoami"]')`)
	if tab.holds(`location.href.includes("link=")`) {
		t.Error("the link stays in the address bar")
	}
	other := b.open(t)
	other.pardon("/dashboard/session")
	other.pardon("/dashboard/login")
	other.do("open it once more", chromedp.Navigate(link))
	other.await("it is used", `document.querySelector('[data-test="login-link-failed"]')`)
}

// browserIsSentALink is logged in and opens links that somebody else may have sent: none
// logs it in anew, or is used up, before it has said so.
func browserIsSentALink(t *testing.T, b *browser) {
	tab := b.open(t)
	tab.operate()
	link, err := b.sandbox.app.api.LoginLink(t.Context(), b.sandbox.base)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		find[string](tab, `location.hash = `+quoteJS(link[strings.Index(link, "#"):]))
		tab.awaitText(named("leave"), "the operator")
		tab.click(named("leave-no"))
		tab.awaitText(named("whoami"), "Operator")
	}
	find[string](tab, `location.hash = "#/register?token=nonsense"`)
	tab.awaitText(named("leave"), "the operator")
	tab.click(named("leave-no"))
	find[string](tab, `location.hash = `+quoteJS(link[strings.Index(link, "#"):]))
	tab.click(named("leave-yes"))
	tab.await("the tenant", `document.querySelector('[data-test="whoami"]')?.innerText.trim() !== "Operator" && document.querySelector("main")?.dataset.page === "sessions"`)
}

// browserOffersNoMore comes in by a key that may only read, and finds no form for opt-outs,
// which it could not send.
func browserOffersNoMore(tab *tab, reader api) {
	tab.pardon("/dashboard/session")
	tab.do("open the page", chromedp.Navigate(reader.base+"/"))
	tab.click(named("login-with-key"))
	tab.awaitText("form", "api-key")
	tab.fill(named("login-key"), reader.key)
	tab.click(named("login-submit"))
	tab.await("the sessions", `document.querySelector("main")?.dataset.page === "sessions"`)
	tab.show("#/settings")
	tab.await("the list of opt-outs", `document.querySelector('[data-test="optouts"]')?.innerText.includes("opted out")`)
	if tab.holds(`!!document.querySelector('[data-test="optout-add"]')`) {
		tab.t.Error("a key that may only read is offered to put somebody on the list")
	}
}

// browserChangesKeys makes a key and deletes it, and then replaces the main key.
func browserChangesKeys(t *testing.T, b *browser) {
	tab := b.open(t)
	tab.enter()
	tab.show("#/settings")
	tab.click(named("key-add"))
	tab.fill(named("key-name"), "web shop")
	tab.choose(named("key-scope"), "read")
	tab.click(named("key-form-submit"))
	made := api{base: b.sandbox.base, key: tab.text(named("key-made-text"))}
	defer made.closeIdle()
	made.must(t, 200, "GET", "/api/whatsapp/sessions", nil)
	made.must(t, 403, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "no"})
	browserOffersNoMore(b.open(t), made)
	tab.click(named("key-made-done"))
	tab.gone(".modal")
	tab.click(`[data-test="key"] [aria-label="Delete the key web shop"]`)
	tab.click(named("ask-yes"))
	tab.await("it is deleted", `![...document.querySelectorAll('[data-test="key"]')].some((k) => k.innerText.includes("web shop"))`)
	made.must(t, 401, "GET", "/api/whatsapp/sessions", nil)

	before := api{base: b.sandbox.base, key: b.sandbox.key}
	defer before.closeIdle()
	tab.gone(".modal")
	tab.click(named("key-reset"))
	tab.click(named("ask-yes"))
	b.sandbox.key = tab.text(named("key-made-text"))
	tab.click(named("key-made-done"))
	tab.gone(".modal")
	before.must(t, 401, "GET", "/api/whatsapp/sessions", nil)
	b.sandbox.must(t, 200, "GET", "/api/whatsapp/sessions", nil)
	tab.show("#/webhooks") // whoever replaced it stays logged in
}

// browserOperates looks after tenants.
func browserOperates(t *testing.T, b *browser) {
	tab := b.open(t)
	tab.operate()
	tab.awaitText(named("admin-health"), "Ready")
	tab.click(named("tenant-add"))
	tab.fill(named("tenant-form")+" input", "Corner Shop")
	tab.click(named("tenant-form-submit"))
	tab.awaitText("body", "Corner Shop")
	if tab.holds(`document.querySelector('[data-test="key-made-done"]')`) {
		tab.click(named("key-made-done"))
	}
	tab.show("#/admin/audit")
	tab.awaitText(named("audit"), "tenant")
}

// operate logs in as the operator.
func (tab *tab) operate() {
	tab.t.Helper()
	tab.pardon("/dashboard/session")
	tab.do("open the page", chromedp.Navigate(tab.b.sandbox.base+"/"))
	tab.click(named("login-with-admin"))
	tab.fill(named("login-admin-key"), browserAdminKey)
	tab.click(named("login-submit"))
	tab.await("the administration", `document.querySelector("main")?.dataset.page === "admin" && document.querySelector("main h1")`)
}
