package main

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// linked gives the tab a session that is connected, made without the browser.
func (tab *tab) linked(id, number string) {
	tab.t.Helper()
	a := tab.b.sandbox
	a.pair(tab.t, id, tab.b.network.Phone(number))
}

// status is the condition that the message with a text has come so far.
func status(list, text, want string) string {
	return `[...document.querySelectorAll(` + quoteJS(list) + `)].some((e) => e.innerText.includes(` + quoteJS(text) + `) && ` +
		`[e, ...e.querySelectorAll("[data-status]")].some((s) => s.dataset.status === ` + quoteJS(want) + `))`
}

// browserSends writes to a phone, which lies beside the page, and follows the
// message until it was read there.
func browserSends(t *testing.T, b *browser) {
	const number, friend = "919876541001", "919876541002"
	tab := b.open(t)
	tab.linked("sender", number)
	b.network.Phone(friend).SetOnline(false)
	tab.enter()
	tab.phone(friend)
	tab.show("#/send/sender")
	tab.awaitValue(named("session-pick"), "sender")
	tab.fill(named("send-to"), "+91 98765 41002")
	tab.fill(named("send-message"), "Hello")
	tab.awaitText(named("send-preview"), "Hello")
	tab.click(named("send-submit"))
	tab.await("it is sent", `document.querySelector('[data-test="send-result"][data-status="sent"]')`)
	tab.await("the phone is off", `document.querySelector('[data-test="phone"][data-online="false"]')`)
	tab.click(named("phone-tab-trouble"))
	tab.click(named("phone-online"))
	tab.await("it is delivered", `document.querySelector('[data-test="send-result"][data-status="delivered"]')`)
	tab.click(named("phone-tab-chats"))
	tab.click(`[data-test="phone-chat"][data-chat="` + number + `"]`)
	tab.awaitText(named("phone-message"), "Hello")
	tab.await("it is read", `document.querySelector('[data-test="send-result"][data-status="read"]')`)
}

// browserReceives lets a phone write, and answers from the inbox.
func browserReceives(t *testing.T, b *browser) {
	const number, friend = "919876542001", "919876542002"
	tab := b.open(t)
	tab.linked("inbox", number)
	tab.enter()
	tab.show("#/inbox/inbox")
	tab.phone(friend)
	tab.fill(named("phone-to"), number)
	tab.click(named("phone-to-open"))
	tab.fill(named("phone-text"), "Are you open today?")
	tab.click(named("phone-send"))
	tab.awaitText(named("inbox-chat"), "Are you open today?")
	tab.click(named("inbox-chat"))
	tab.awaitText(named("inbox-messages"), "Are you open today?")
	tab.fill(named("inbox-text"), "Until six")
	tab.do("send it", chromedp.SendKeys(named("inbox-text"), kb.Enter))
	tab.awaitText(named("phone-message"), "Until six")
	tab.await("the tick says that it was read", status(`[data-test="bubble"]`, "Until six", "read"))
	tab.click(named("phone-picture-send"))
	tab.await("the picture is shown", `[...document.querySelectorAll('[data-test="inbox-messages"] img')].some((i) => i.naturalWidth > 0)`)
	tab.await("on the phone as well", `document.querySelector('[data-test="phone-picture"]')?.naturalWidth > 0`)
}

// browserRunsJob pastes numbers, of which one is nobody's, and watches the job to
// its end.
func browserRunsJob(t *testing.T, b *browser) {
	const number, nobody = "919876543001", "919876543999"
	b.network.SetAbsent(nobody)
	tab := b.open(t)
	tab.linked("bulk", number)
	tab.enter()
	tab.show("#/bulk/new")
	tab.choose(named("session-pick"), "bulk")
	tab.fill(named("bulk-recipients"), "919876543002;Asha\n919876543003;Ben\n"+nobody+";Nobody")
	tab.fill(named("send-message"), "Dear {{name}}")
	tab.awaitText(named("send-preview"), "Dear Asha")
	tab.fill(named("bulk-delay-min"), "0")
	tab.fill(named("bulk-delay-max"), "0")
	tab.click(named("bulk-start"))
	tab.await("the job ends", `document.querySelector('[data-test="bulk-job"]')?.dataset.status === "completed"`)
	tab.await("what became of it", `document.querySelector('[data-test="bulk-succeeded"]')?.innerText === "2" &&
		document.querySelector('[data-test="bulk-progress"]').dataset.done === "3"`)
	tab.awaitText(named("bulk-item"), "not on WhatsApp")
	for _, who := range []string{"919876543002", "919876543003"} {
		if inbox := b.network.Phone(who).Inbox(); len(inbox) != 1 {
			t.Errorf("%s has got %d messages", who, len(inbox))
		}
	}
}

// awaitValue waits until a field or a select has a value.
func (tab *tab) awaitValue(selector, value string) {
	tab.t.Helper()
	tab.await(selector+" is "+value, `document.querySelector(`+quoteJS(selector)+`)?.value === `+quoteJS(value))
}
