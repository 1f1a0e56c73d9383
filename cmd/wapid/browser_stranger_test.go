package main

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"wapid/engine/simnet"
)

// A script that runs gives the page another title. The mark is what a page holds of
// markup that was taken for such.
const (
	strangersScript = `document.title = "taken"`
	strangersWords  = `<img class=stranger src=/x onerror='` + strangersScript + `'><script>` + strangersScript + `</script> javascript:alert(1) https://e.example/"onmouseover="x`
)

// browserShowsAStranger lets a phone write what a page might take for markup, wherever a
// stranger's words are shown, and opens the files that it sends. Nothing of it runs.
func browserShowsAStranger(t *testing.T, b *browser) {
	const number, stranger = "919876546001", "919876546002"
	tab := b.open(t)
	tab.linked("strange", number)
	from, to := b.network.Phone(stranger), b.network.Phone(number).JID()
	from.SetPushName(strangersWords[:60])
	send := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	_, err := from.SendText(t.Context(), to, strangersWords)
	send("a text", err)
	_, err = from.SendLocation(t.Context(), to, simnet.Place{Name: strangersWords, Address: strangersWords})
	send("a place", err)
	_, err = from.SendPoll(t.Context(), to, strangersWords, []string{strangersWords, "no"}, 1)
	send("a poll", err)
	page := []byte(`<html><body>file<script>` + strangersScript + `</script></body></html>`)
	_, err = from.SendMedia(t.Context(), to, simnet.Media{Kind: simnet.MediaDocument, MIME: "text/html", FileName: strangersWords + ".html", Caption: strangersWords, Data: page})
	send("a page", err)
	drawing := []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>` + strangersScript + `</script></svg>`)
	_, err = from.SendMedia(t.Context(), to, simnet.Media{Kind: simnet.MediaImage, MIME: "image/svg+xml", Caption: "last <b>", Data: drawing})
	send("a drawing", err)

	tab.enter()
	tab.show("#/inbox/strange")
	tab.awaitText(named("inbox-chat"), "last <b>")
	tab.click(named("inbox-chat"))
	tab.awaitText(named("inbox-messages"), "onmouseover")
	tab.await("the drawing", `[...document.querySelectorAll('[data-test="bubble-image"]')].some((i) => i.naturalWidth > 0)`)
	unharmed := func(where string) {
		t.Helper()
		if tab.holds(`document.title === "taken" || document.querySelector(".stranger, main script, [onerror], [onmouseover]") !== null`) {
			t.Errorf("%s: a stranger's words are markup", where)
		}
		if tab.holds(`[...document.querySelectorAll("main a")].some((a) => !["http:", "https:", "geo:", "blob:"].includes(a.protocol))`) {
			t.Errorf("%s: a stranger's words are a link that runs", where)
		}
	}
	unharmed("the inbox")
	tab.show("#/overview")
	unharmed("the overview")
	tab.show("#/sessions/strange")
	unharmed("the session")

	// In a frame, as in a tab, they would be of our own origin.
	tab.show("#/inbox/strange")
	tab.click(named("inbox-chat"))
	tab.await("the files", `document.querySelectorAll('[data-test="bubble-download"]').length === 1 && document.querySelector('[data-test="bubble-image"]')`)
	for _, of := range []string{`[data-test="bubble-download"]`, `a:has([data-test="bubble-image"])`} {
		address := find[string](tab, `document.querySelector(`+quoteJS(of)+`).href`)
		if !strings.HasPrefix(address, b.sandbox.base+"/api/") {
			t.Fatalf("the file is at %s", address)
		}
		policy := find[string](tab, `(() => { const r = new XMLHttpRequest(); r.open("GET", `+quoteJS(address)+`, false); r.send();
			return [r.status, r.getResponseHeader("Content-Security-Policy"), r.getResponseHeader("Content-Disposition").split(";")[0], r.getResponseHeader("X-Content-Type-Options")].join(" | "); })()`)
		if policy != "200 | default-src 'none'; sandbox | attachment | nosniff" {
			t.Errorf("a stranger's file comes as %s", policy)
		}
		tab.do("take the file", chromedp.Click(of))
		unharmed("a file that was opened")
	}
}
