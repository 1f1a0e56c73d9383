package main

import (
	"bufio"
	"net"
	"net/textproto"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// postbox is a mail server that takes every mail and keeps it.
type postbox struct {
	listener net.Listener
	serving  sync.WaitGroup

	mu    sync.Mutex
	mails []string
}

// openPostbox serves until the test ends.
func openPostbox(t *testing.T) *postbox {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &postbox{listener: l}
	p.serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			p.serving.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.serving.Wait()
	})
	return p
}

// serve speaks as much SMTP as a client needs that neither logs in nor encrypts.
func (p *postbox) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	text := textproto.NewConn(conn)
	_ = text.PrintfLine("220 postbox")
	for {
		line, err := text.ReadLine()
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		switch verb {
		case "DATA":
			_ = text.PrintfLine("354 go on")
			mail, err := text.ReadDotBytes()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.mails = append(p.mails, string(mail))
			p.mu.Unlock()
			_ = text.PrintfLine("250 kept")
		case "QUIT":
			_ = text.PrintfLine("221 bye")
			return
		default:
			_ = text.PrintfLine("250 postbox")
		}
	}
}

// link waits for a mail to an address, and returns the link in it.
func (p *postbox) link(t *testing.T, to string) string {
	t.Helper()
	pattern := regexp.MustCompile(`http://\S+#/\S+`)
	var found string
	eventually(t, "a mail to "+to, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, mail := range p.mails {
			if strings.Contains(mail, to) {
				found = pattern.FindString(unfold(mail))
			}
		}
		return found != ""
	})
	return found
}

// unfold joins the lines that quoted-printable has cut.
func unfold(mail string) string {
	var b strings.Builder
	for scan := bufio.NewScanner(strings.NewReader(mail)); scan.Scan(); {
		if line, cut := strings.CutSuffix(scan.Text(), "="); cut {
			b.WriteString(line)
		} else {
			b.WriteString(line + "\n")
		}
	}
	return strings.ReplaceAll(b.String(), "=3D", "=")
}

// browserSignsUp makes an account by mail, uses its key, and logs in with the
// password.
func browserSignsUp(t *testing.T, b *browser) {
	tab := b.open(t)
	tab.pardon("/dashboard/session")
	tab.do("open the page", chromedp.Navigate(b.sandbox.base+"/#/register"))
	tab.fill(named("register-name"), "Corner Bakery")
	tab.fill(named("register-email"), "baker@example.com")
	tab.fill(named("register-password"), "a long enough password")
	tab.click(named("register-submit"))
	tab.awaitText(named("register-sent"), "baker@example.com")
	tab.do("open the mail's link", chromedp.Navigate(b.postbox.link(t, "baker@example.com")))
	tab.fill(named("verify-password"), "a long enough password")
	tab.click(named("verify-submit"))
	tab.await("the key", `document.querySelector('[data-test="register-key"]')?.value.length > 20`)
	made := api{base: b.sandbox.base, key: find[string](tab, `document.querySelector('[data-test="register-key"]').value`)}
	defer made.closeIdle()
	made.must(t, 200, "GET", "/api/whatsapp/sessions", nil)
	tab.click(named("register-done"))
	tab.awaitText(named("whoami"), "Corner Bakery")
	tab.click(named("logout"))
	tab.pardon("401 (Unauthorized) " + b.sandbox.base + "/api/") // asked for while the login ended
	tab.click(named("login-with-email"))
	tab.fill(named("login-email"), "baker@example.com")
	tab.fill(named("login-password"), "a long enough password")
	tab.click(named("login-submit"))
	tab.awaitText(named("whoami"), "Corner Bakery")
}
