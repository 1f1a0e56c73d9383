package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"wapid/engine/simnet"
)

// largestPicture is how large a picture of the documentation may be, in bytes.
const largestPicture = 150 << 10

// TestPictures writes the pictures of the documentation into the directory that
// PICTURES names, as `make screenshots` asks for it.
func TestPictures(t *testing.T) {
	dir := os.Getenv("PICTURES")
	if dir == "" {
		t.Skip("PICTURES names no directory; see `make screenshots`")
	}
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal(err)
	}
	b := startBrowser(t, path)
	job := b.furnish(t)
	tab := b.open(t)
	tab.do("the window", chromedp.EmulateViewport(1280, 800))
	tab.pardon("/dashboard/session")
	tab.do("open the page", chromedp.Navigate(b.sandbox.base+"/"))
	tab.await("the login", `document.querySelector('[data-test="login-page"]')`)
	tab.picture(dir, "login")
	tab.do("sign up", chromedp.Navigate(b.sandbox.base+"/#/register"))
	tab.await("the form", `document.querySelector('[data-test="register-page"]')`)
	tab.picture(dir, "register")
	tab.enter()
	for _, page := range []struct{ name, hash, settled string }{
		{"sessions", "#/sessions", `document.querySelectorAll('[data-test="session-row"]').length === 2`},
		{"session", "#/sessions/sales", `document.querySelector('[data-state="ready"]')`},
		{"send", "#/send/sales", `document.querySelector('[data-test="send-message"]')`},
		{"bulk", "#/bulk", `document.querySelector('[data-test="bulk-row"]')`},
		{"bulk-new", "#/bulk/new", `document.querySelector('[data-test="bulk-recipients"]')`},
		{"bulk-job", "#/bulk/" + job, `document.querySelector('[data-test="bulk-item"]')`},
		{"webhooks", "#/webhooks", `document.querySelector('[data-test="webhook"]')`},
		{"overview", "#/overview", `document.querySelector(".u-wrap, .uplot")`},
		{"settings", "#/settings", `document.querySelector('[data-test="key"]')`},
	} {
		tab.show(page.hash)
		tab.await(page.name, page.settled)
		if page.name == "send" {
			tab.fill(named("send-to"), "+91 98765 43211")
			tab.fill(named("send-message"), "Your order *1042* is ready. We are open until six.")
		}
		tab.picture(dir, page.name)
	}
	tab.show("#/webhooks")
	tab.click(named("webhook-open"))
	tab.await("deliveries", `document.querySelector('[data-test="delivery"]')`)
	tab.picture(dir, "webhook")

	// The phone beside the pages: about to scan, and in a conversation.
	tab.show("#/sessions/support")
	tab.await("the code", `document.querySelector('[data-test="session-qr"]')?.naturalWidth > 0`)
	tab.phone("919876543212")
	tab.click(named("phone-tab-link"))
	tab.await("the code can be scanned", `document.querySelector('[data-test="phone-scan"]:enabled')`)
	tab.picture(dir, "link")
	tab.show("#/inbox/sales/919876543211@s.whatsapp.net")
	tab.phone("919876543211")
	tab.click(`[data-test="phone-chat"]`)
	tab.await("the chat on both sides", `document.querySelectorAll('[data-test="phone-message"]').length >= 4 && document.querySelectorAll('[data-test="bubble"]').length >= 4`)
	tab.await("its picture", `document.querySelector('[data-test="phone-picture"]')?.naturalWidth > 0`)
	tab.picture(dir, "inbox")
	tab.theme("dark")
	tab.picture(dir, "inbox-dark")
	tab.click(named("phone-toggle"))
	tab.show("#/overview")
	tab.await("the plots", `document.querySelector(".u-wrap, .uplot")`)
	tab.picture(dir, "overview-dark")
	tab.theme("light")
	tab.do("a phone's screen", chromedp.EmulateViewport(390, 844))
	tab.show("#/sessions")
	tab.await("the list", `document.querySelectorAll('[data-test="session-row"]').length === 2`)
	tab.picture(dir, "sessions-small")
	tab.show("#/inbox/sales/919876543211@s.whatsapp.net")
	tab.await("the chat", `document.querySelectorAll('[data-test="bubble"]').length >= 4`)
	tab.picture(dir, "inbox-small")

	operator := b.open(t)
	operator.do("the window", chromedp.EmulateViewport(1280, 800))
	operator.operate()
	operator.await("the tenants", `document.querySelectorAll('[data-test="tenant"]').length >= 2`)
	operator.picture(dir, "admin")
	operator.show("#/admin/audit")
	operator.await("the log", `document.querySelector('[data-test="audit-entry"]')`)
	operator.picture(dir, "audit")
}

// furnish makes what is to be seen: two sessions, a conversation, a job, a webhook
// and a further tenant. It returns the job's id.
func (b *browser) furnish(t *testing.T) (job string) {
	t.Helper()
	a, ctx := b.sandbox, t.Context()
	shop, friend := b.network.Phone("919876543210"), b.network.Phone("919876543211")
	shop.SetPushName("Meera's Shop")
	friend.SetPushName("Asha")
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(receiver.Close)
	a.must(t, 201, "POST", "/api/account/webhooks", map[string]any{"url": receiver.URL + "/orders", "name": "Orders", "events": []string{"*"}})
	a.pair(t, "sales", shop)
	a.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "sales", "name": "Sales"})
	a.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "support", "name": "Support"})
	for _, text := range []string{"Good morning! Is my order ready?", "The number is 1042."} {
		if _, err := friend.SendText(ctx, shop.JID(), text); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "both have come", func() bool {
		return strings.Contains(a.must(t, 200, "GET", sessionPath("sales")+"/chats", nil).raw, "1042")
	})
	sent := a.send(t, "sales", "919876543211", "Good morning, Asha. It is: we are open until six.")
	if _, err := arrive(t, friend, func(r simnet.Received) bool { return r.ID == sent.text("messageId") }); err != nil {
		t.Fatal(err)
	}
	if err := friend.MarkRead(ctx, shop.JID(), sent.text("messageId")); err != nil {
		t.Fatal(err)
	}
	picture, err := os.ReadFile(filepath.Join("testdata", "hills.png"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := friend.SendMedia(ctx, shop.JID(), simnet.Media{Kind: simnet.MediaImage, MIME: "image/png", Data: picture, Caption: "I am on my way"}); err != nil {
		t.Fatal(err)
	}
	b.network.SetAbsent("919876543999")
	recipients := []map[string]any{{"phone": "919876543999", "name": "Nobody"}}
	for i := range 4 {
		recipients = append(recipients, map[string]any{"phone": fmt.Sprintf("9198765450%02d", i), "name": fmt.Sprintf("Customer %d", i+1)})
	}
	job = a.must(t, 200, "POST", sessionPath("sales")+"/send-bulk", map[string]any{
		"recipients": recipients, "message": "Dear {{name}}, we are open on Sunday.", "delayMin": 0, "delayMax": 0,
	}).text("jobId")
	eventually(t, "the job has ended", func() bool {
		return a.must(t, 200, "GET", "/api/whatsapp/bulk-job/"+job, nil).text("status") == "completed"
	})
	operator := api{base: a.base, admin: browserAdminKey}
	defer operator.closeIdle()
	operator.must(t, 201, "POST", "/api/admin/tenants", map[string]any{"name": "Corner Bakery"})
	return job
}

// theme chooses the colours.
func (tab *tab) theme(name string) {
	tab.t.Helper()
	find[string](tab, `window.wapidTheme.choose(`+quoteJS(name)+`) ?? ""`)
	tab.await("the theme", `document.documentElement.dataset.bsTheme === `+quoteJS(name))
}

// picture writes what the window shows, once short news has gone from it.
func (tab *tab) picture(dir, name string) {
	tab.t.Helper()
	tab.await("the page is at rest", `!document.querySelector(".toast, main [role=status] .spinner-border")`)
	png, err := chromedp.Run(tab.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		tab.t.Fatal(err)
	}
	if len(png) > largestPicture {
		tab.t.Errorf("the picture %s has %d bytes", name, len(png))
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		tab.t.Fatal(err)
	}
}
