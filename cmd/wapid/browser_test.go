package main

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// TestBrowser uses the dashboard as people do, in Debian's Chromium beside a
// sandbox. The tests share one browser and one daemon, each with what it makes for
// itself; a file has one subject. A page that complains in its console, that
// breaks its policy or that asks another host for anything fails the test.
func TestBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes a while")
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is not on this machine, and nothing may be left out here")
		}
		t.Skip("chromium is not on this machine")
	}
	b := startBrowser(t, path)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *browser)
	}{
		{"pairing by clicking", browserPairs},
		{"pairing with a code", browserPairsByCode},
		{"pairing with a passkey", browserPairsWithPasskey},
		{"pairing by keyboard", browserPairsByKeyboard},
		{"trouble", browserSeesTrouble},
		{"sending", browserSends},
		{"receiving and answering", browserReceives},
		{"a stranger", browserShowsAStranger},
		{"a bulk job", browserRunsJob},
		{"redelivering", browserRedelivers},
		{"logging in and out", browserLogsIn},
		{"being sent a link", browserIsSentALink},
		{"signing up", browserSignsUp},
		{"the operator", browserOperates},
		{"a small screen, dark and light", browserFits},
		{"changing keys", browserChangesKeys}, // last: others use the main key
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, b) })
	}
}

// browser is a running Chromium and the sandbox that it looks at.
type browser struct {
	sandbox *inProcess
	network *simulated
	postbox *postbox
	ctx     context.Context // of the browser; tabs are made of it
}

// startBrowser starts both until the test ends.
func startBrowser(t *testing.T, path string) *browser {
	t.Helper()
	b := &browser{network: startControlledNetwork(t), postbox: openPostbox(t)}
	b.sandbox = startAppWith(t, b.network, t.TempDir(), nil, func(c *appConfig) {
		controls := newControls(b.network.Describe().Control)
		t.Cleanup(controls.close)
		c.Sandbox = controls.ask
		c.AdminKey = browserAdminKey
		// The mails' links lead here: where that is must be known before.
		c.Listen = freeAddress(t)
		c.PublicURL = "http://" + c.Listen
		mails := b.postbox.listener.Addr().(*net.TCPAddr)
		c.SignUp, c.SMTPHost, c.SMTPPort, c.SMTPTLS, c.SMTPFrom = true, mails.IP.String(), mails.Port, "none", "wapid <no-reply@example.com>"
	})
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 800),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("lang", "en-GB"))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	var closeBrowser context.CancelFunc
	b.ctx, closeBrowser = chromedp.NewContext(allocator)
	t.Cleanup(func() {
		closeBrowser() // waits until the process has ended
		stop()
	})
	if err := chromedp.Do(b.ctx); err != nil {
		t.Fatalf("the browser does not start: %v", err)
	}
	return b
}

// browserAdminKey is the operator's key of the browser's sandbox.
const browserAdminKey = "admin-key-of-the-browser-tests"

// tab is one page of the browser, and what it has complained of.
type tab struct {
	t   *testing.T
	b   *browser
	ctx context.Context

	mu        sync.Mutex
	complains []string
	pardoned  []string // parts of complaints that the test expects
}

// open opens an empty tab with cookies of its own, until the test ends. Then it
// must have complained of nothing.
func (b *browser) open(t *testing.T) *tab {
	t.Helper()
	tab := &tab{t: t, b: b}
	var closeTab context.CancelFunc
	tab.ctx, closeTab = chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(tab.listen))
	t.Cleanup(func() {
		if t.Failed() {
			tab.describe()
		}
		closeTab()
		tab.verdict()
	})
	// What the policy stops is told to the page alone.
	const confess = `addEventListener("securitypolicyviolation", (e) => console.error("policy: " + e.violatedDirective + " " + e.blockedURI))`
	err := chromedp.Do(tab.ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, logging := cdp.Call(ctx, target, log.Enable, cdp.Empty{})
		_, speaking := cdp.Call(ctx, target, runtime.Enable, cdp.Empty{})
		_, asking := cdp.Call(ctx, target, network.Enable, network.EnableParams{})
		_, watching := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: confess})
		return errors.Join(logging, speaking, asking, watching)
	}))
	if err != nil {
		t.Fatalf("a tab does not open: %v", err)
	}
	return tab
}

// listen runs in the browser's goroutine, in the order of what happens.
func (tab *tab) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			text := "console"
			for _, arg := range e.Args {
				text += " " + string(arg.Value) + arg.Description
			}
			tab.complain(text)
		}
	case *runtime.EventExceptionThrown:
		tab.complain((&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			tab.complain("log " + e.Entry.Text + " " + e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		tab.hold(e.Request.URL)
	case *network.EventWebSocketCreated:
		tab.hold(e.URL)
	}
}

// hold complains of a request that leaves the host.
func (tab *tab) hold(address string) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme+"://"+u.Host != tab.b.sandbox.base && u.Scheme != "data" && u.Scheme != "blob" && address != "about:blank") {
		tab.complain("request to " + address)
	}
}

func (tab *tab) complain(what string) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	tab.complains = append(tab.complains, what)
}

// pardon lets a complaint pass that has the text in it: browsers log each answer
// from 400 on, also one that the test is about.
func (tab *tab) pardon(text string) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	tab.pardoned = append(tab.pardoned, text)
}

func (tab *tab) verdict() {
	tab.mu.Lock()
	defer tab.mu.Unlock()
next:
	for _, what := range tab.complains {
		for _, text := range tab.pardoned {
			if strings.Contains(what, text) {
				continue next
			}
		}
		tab.t.Errorf("the page complains: %s", what)
	}
}

// describe shows what stood on the page when a test failed.
func (tab *tab) describe() {
	ctx, cancel := context.WithTimeout(tab.ctx, 5*time.Second)
	defer cancel()
	if text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + (document.body?.innerText ?? "")`)); err == nil {
		tab.t.Logf("what stands on the page:\n%s", tail(text, 60))
	}
}

// do runs actions one after the other within the tests' patience.
func (tab *tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, browserPatience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		tab.t.Fatalf("%s: %v", what, err)
	}
}

// browserPatience is how long a page may take for what is done in an instant.
const browserPatience = 20 * time.Second

// named is the selector of elements by the name that they have for tests.
func named(name string) string { return `[data-test="` + name + `"]` }

// click waits until an element can be clicked, has come to rest and has nothing
// before it, and clicks it with the mouse.
func (tab *tab) click(selector string) {
	tab.t.Helper()
	tab.await(selector+" can be clicked", `((e) => {
		if (!e || e.disabled || !e.checkVisibility()) return false;
		e.scrollIntoView({block: "center", behavior: "instant"});
		const {left, top, width, height} = e.getBoundingClientRect();
		const place = [left, top, width, height].join();
		const still = e.restsAt === place;
		e.restsAt = place;
		const hit = document.elementFromPoint(left + width / 2, top + height / 2);
		return still && (e === hit || e.contains(hit));
	})(document.querySelector(`+quoteJS(selector)+`))`)
	tab.do("click "+selector, chromedp.Click(selector, chromedp.NodeVisible))
}

// fill puts a text into a field as typing does, in place of what is there.
func (tab *tab) fill(selector, text string) {
	tab.t.Helper()
	tab.do("find "+selector, chromedp.WaitVisible(selector))
	// A page that is drawn anew between two keys may lose them: people type again, too.
	for range 3 {
		find[string](tab, `((e) => { e.focus(); e.select(); return e.value })(document.querySelector(`+quoteJS(selector)+`))`)
		tab.do("fill "+selector, chromedp.KeyEvent(text))
		if tab.holds(`document.querySelector(` + quoteJS(selector) + `)?.value === ` + quoteJS(text)) {
			return
		}
	}
}

// choose picks an entry of a select.
func (tab *tab) choose(selector, value string) {
	tab.t.Helper()
	tab.do("find "+selector, chromedp.WaitVisible(selector))
	if !tab.holds(`((e) => { e.value = ` + quoteJS(value) + `; e.dispatchEvent(new Event("input", {bubbles: true}));
		e.dispatchEvent(new Event("change", {bubbles: true})); return e.value === ` + quoteJS(value) + ` })(document.querySelector(` + quoteJS(selector) + `))`) {
		tab.t.Fatalf("%s has no entry %s", selector, value)
	}
}

// find runs JavaScript for what comes of it.
func find[T any](tab *tab, expression string) T {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, browserPatience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		tab.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// holds tells whether a condition in JavaScript is true now.
func (tab *tab) holds(condition string) bool {
	tab.t.Helper()
	return find[bool](tab, `Boolean(`+condition+`)`)
}

// await waits until a condition in JavaScript is true.
func (tab *tab) await(what, condition string) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, browserPatience)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Poll[bool](`Boolean(`+condition+`)`, chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(0)))
	if err != nil {
		tab.t.Fatalf("waited in vain: %s (%s): %v", what, condition, err)
	}
}

// awaitText waits until an element says something.
func (tab *tab) awaitText(selector, text string) {
	tab.t.Helper()
	tab.await(selector+" says "+text, `[...document.querySelectorAll(`+quoteJS(selector)+`)].some((e) => e.innerText.includes(`+quoteJS(text)+`))`)
}

// text is what an element says.
func (tab *tab) text(selector string) string {
	tab.t.Helper()
	tab.do("find "+selector, chromedp.WaitVisible(selector))
	return find[string](tab, `document.querySelector(`+quoteJS(selector)+`).innerText`)
}

// show goes to a page of the dashboard by its hash, and waits until it stands there.
func (tab *tab) show(hash string) {
	tab.t.Helper()
	name, _, _ := strings.Cut(strings.TrimPrefix(hash, "#/"), "/")
	find[string](tab, `location.hash = `+quoteJS(hash))
	tab.await("the page "+hash, `document.querySelector("main")?.dataset.page === `+quoteJS(name)+` && document.querySelector("main h1")`)
}

// enter logs in as the default tenant by a one-time link, as a first start offers it.
func (tab *tab) enter() {
	tab.t.Helper()
	link, err := tab.b.sandbox.app.api.LoginLink(tab.t.Context(), tab.b.sandbox.base)
	if err != nil {
		tab.t.Fatal(err)
	}
	tab.pardon("/dashboard/session") // 401 before the login
	tab.do("open the link", chromedp.Navigate(link))
	tab.await("logged in", `document.querySelector('[data-test="whoami"]')`)
	tab.await("the sessions", `document.querySelector("main")?.dataset.page === "sessions" && document.querySelector("main h1")`)
}

// quoteJS writes a text as JavaScript has it.
func quoteJS(text string) string {
	r := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "<", `\x3c`)
	return `"` + r.Replace(text) + `"`
}
