package main

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"wapid/engine/simnet"
)

// create makes a session on the page of sessions, and goes to it.
func (tab *tab) create(id string) {
	tab.t.Helper()
	tab.show("#/sessions")
	if !tab.holds(`document.querySelector('[data-test="session-id"]')`) {
		tab.click(named("session-new"))
	}
	tab.fill(named("session-id"), id)
	tab.click(named("session-create"))
	tab.await("its QR code", `document.querySelector('[data-test="session-qr"]')?.naturalWidth > 0`)
}

// phone opens the virtual phone beside the page, as that of a number.
func (tab *tab) phone(number string) {
	tab.t.Helper()
	if !tab.holds(`document.querySelector('[data-test="phone-pane"]')`) {
		tab.click(named("phone-toggle"))
	}
	if !tab.holds(`[...(document.querySelector('[data-test="phone-choose"]')?.options ?? [])].some((o) => o.value === ` + quoteJS(number) + `)`) {
		tab.choose(named("phone-choose"), "")
		tab.fill(named("phone-number"), number)
		tab.do("take it", chromedp.SendKeys(named("phone-number"), kb.Enter))
	} else {
		tab.choose(named("phone-choose"), number)
	}
	tab.await("the phone", `document.querySelector('[data-test="phone"][data-number="`+number+`"][data-online]')`)
}

// connected waits until the page of a session says that it is.
func (tab *tab) connected() {
	tab.t.Helper()
	tab.await("the session is connected", `document.querySelector('[data-test="session-status"][data-state="ready"], [data-test="session-status"] [data-state="ready"]')`)
}

// browserPairs clicks from the one-time link to a session that is connected, and
// looks whether the QR code is announced and goes away.
func browserPairs(t *testing.T, b *browser) {
	tab := b.open(t)
	tab.enter()
	tab.create("clicks")
	if n := tab.text(named("session-qr-attempt")); n == "" {
		t.Error("the attempt is not told")
	}
	tab.phone("919876543210")
	tab.click(named("phone-scan"))
	tab.connected()
	tab.await("the code goes away", `!document.querySelector('[data-test="session-qr"]')`)
	tab.click(named("phone-tab-link"))
	tab.await("the phone lists its device", `document.querySelectorAll('[data-test="phone-device"]').length === 1`)
	if devices := b.network.Phone("919876543210").Devices(); len(devices) != 1 {
		t.Errorf("the phone has the devices %v", devices)
	}
	settle(t, b.network, b.network.Phone("919876543210"))
	// Unlinked on the phone: the page says so.
	tab.click(named("phone-unlink"))
	tab.click(named("ask-yes"))
	tab.await("the session is told", `document.querySelector('[data-state="disconnected"]')`)
}

// browserPairsByCode links by typing what the page shows.
func browserPairsByCode(t *testing.T, b *browser) {
	tab := b.open(t)
	tab.enter()
	tab.create("typed")
	tab.click(named("session-by-number") + " summary")
	tab.fill(named("pairing-phone"), "+91 98765 40002")
	tab.click(named("pairing-code-ask"))
	code := tab.text(named("pairing-code"))
	tab.phone("919876540002")
	tab.click(named("phone-tab-link"))
	tab.fill(named("phone-code"), code)
	tab.click(named("phone-code-enter"))
	tab.connected()
}

// browserPairsWithPasskey links an account whose owner has a passkey.
func browserPairsWithPasskey(t *testing.T, b *browser) {
	if _, err := b.network.Faults().Set(simnet.Fault{Kind: simnet.FaultPasskey, Number: "919876540003", Times: 1}); err != nil {
		t.Fatal(err)
	}
	tab := b.open(t)
	tab.enter()
	tab.create("proved")
	tab.phone("919876540003")
	tab.click(named("phone-tab-link"))
	tab.click(named("phone-scan"))
	tab.click(named("phone-passkey"))
	tab.connected()
}

// browserPairsByKeyboard does the same without a mouse: Tab and Enter alone reach
// everything on the way.
func browserPairsByKeyboard(t *testing.T, b *browser) {
	tab := b.open(t)
	tab.enter()
	if !tab.holds(`document.querySelector('[data-test="session-id"]')`) {
		tab.walk("session-new")
		tab.press(kb.Enter)
	}
	tab.walk("session-id")
	tab.press("keys")
	tab.press(kb.Enter)
	tab.await("its QR code", `document.querySelector('[data-test="session-qr"]')?.naturalWidth > 0`)
	tab.walk("phone-toggle")
	tab.press(kb.Enter)
	tab.await("the phone", `document.querySelector('[data-test="phone"][data-online]')`)
	tab.walk("phone-tab-link")
	tab.press(kb.Enter)
	tab.await("the code can be scanned", `document.querySelector('[data-test="phone-scan"]:enabled')`)
	tab.walk("phone-scan")
	tab.press(kb.Enter)
	tab.connected()
}

// walk presses Tab until the focus is on the element with a name, which must be
// seen to have it.
func (tab *tab) walk(name string) {
	tab.t.Helper()
	const most = 120 // stops on a page
	for range most {
		if tab.holds(`document.activeElement?.dataset?.test === ` + quoteJS(name)) {
			if !tab.holds(`(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle !== "none" && s.outlineWidth !== "0px" || s.boxShadow !== "none" })()`) {
				tab.t.Errorf("nobody sees that the focus is on %s", name)
			}
			return
		}
		tab.press(kb.Tab)
	}
	tab.t.Fatalf("the Tab key does not reach %s", name)
}

func (tab *tab) press(keys string) {
	tab.t.Helper()
	tab.do("press a key", chromedp.KeyEvent(keys))
}

// browserSeesTrouble restricts and bans an account on its phone, and looks at what
// the session's page says.
func browserSeesTrouble(t *testing.T, b *browser) {
	const number = "919876545001"
	tab := b.open(t)
	tab.linked("troubled", number)
	tab.enter()
	tab.show("#/sessions/troubled")
	tab.connected()
	tab.phone(number)
	tab.click(named("phone-tab-trouble"))
	tab.click(named("phone-restrict"))
	tab.await("the restriction is told", `document.querySelector('[data-test="session-restrictions"]')`)
	tab.click(named("phone-ban"))
	tab.await("the ban is told", `document.querySelector('[data-state="disconnected"]')`)
	tab.awaitText("main", "banned")
	tab.await("on the phone as well", `document.querySelectorAll('[data-test="phone-fault-end"]').length === 2`)
	tab.click(named("phone-fault-end"))
	tab.await("one of them has ended", `document.querySelectorAll('[data-test="phone-fault-end"]').length === 1`)
}
