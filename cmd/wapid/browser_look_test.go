package main

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// tenantPages are the pages of a tenant with a session "shown".
func tenantPages() []string {
	return []string{"#/sessions", "#/sessions/shown", "#/send", "#/bulk", "#/bulk/new", "#/inbox", "#/webhooks", "#/overview", "#/settings"}
}

// browserFits shows every page on the smallest phone, light and dark: nothing must
// be wider than the screen, and every control must have a name.
func browserFits(t *testing.T, b *browser) {
	tab := b.open(t)
	tab.linked("shown", "919876544001")
	tab.do("be small", chromedp.EmulateViewport(360, 740))
	tab.enter()
	for _, theme := range []string{"dark", "light"} {
		find[string](tab, `window.wapidTheme.choose(`+quoteJS(theme)+`) ?? ""`)
		tab.await("the theme is "+theme, `document.documentElement.dataset.bsTheme === `+quoteJS(theme))
		for _, page := range tenantPages() {
			tab.show(page)
			tab.inspect(page)
		}
	}
	operator := b.open(t)
	operator.do("be small", chromedp.EmulateViewport(360, 740))
	operator.operate()
	for _, page := range []string{"#/admin", "#/admin/audit", "#/admin/tenants/default"} {
		operator.show(page)
		operator.inspect(page)
	}
}

// inspect looks at the page that is shown once it has come to rest.
func (tab *tab) inspect(name string) {
	tab.t.Helper()
	tab.await("the page "+name+" is loaded", `!document.querySelector("main [role=status] .spinner-border")`)
	if wide := find[string](tab, `document.documentElement.scrollWidth <= innerWidth ? "" : [...document.querySelectorAll("body *")]
		.filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".table-responsive, .offcanvas, .offscreen"))
		.map((e) => e.tagName + "." + e.className).slice(0, 5).join(", ") || "something"`); wide != "" {
		tab.t.Errorf("%s is wider than the screen: %s", name, wide)
	}
	nameless := find[[]string](tab, `[...document.querySelectorAll("main button, main a, main input:not([type=hidden]), main select, main textarea, nav button, aside button, aside input")]
		.filter((e) => e.checkVisibility() && !(e.innerText || "").trim() && !e.getAttribute("aria-label") && !e.getAttribute("aria-labelledby") && !e.labels?.length && !e.title)
		.map((e) => e.outerHTML.slice(0, 120))`)
	if len(nameless) > 0 {
		tab.t.Errorf("on %s these have no name:\n%s", name, strings.Join(nameless, "\n"))
	}
	if !tab.holds(`!document.querySelector('[data-test="page-missing"], [data-test="page-broken"]')`) {
		tab.t.Errorf("%s is not there", name)
	}
}
