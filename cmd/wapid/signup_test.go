package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"wapid/httpapi"
)

// postOffice is an SMTP server that asks for TLS and a password, and keeps the mails.
type postOffice struct {
	addr string
	cert string // file of the certificate that it shows
	box  chan letter
}

// letter is a mail as it came over the wire.
type letter struct{ from, to, subject, text string }

func startPostOffice(t *testing.T) *postOffice {
	t.Helper()
	files := keepFiles(t)
	cert, key := certificateFiles(t, 1, 1<<50)
	files.write(cert, key)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &postOffice{addr: ln.Addr().String(), cert: files.cert, box: make(chan letter, 10)}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &counter{office: o}, nil }))
	server.Domain, server.TLSConfig = "mail.example.com", &tls.Config{Certificates: []tls.Certificate{pair}}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := server.Serve(ln); err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			t.Errorf("SMTP: %v", err)
		}
	})
	t.Cleanup(func() {
		_ = server.Close()
		wg.Wait()
	})
	return o
}

// counter serves one connection of a post office.
type counter struct {
	office   *postOffice
	known    bool
	from, to string
}

func (c *counter) AuthMechanisms() []string { return []string{sasl.Plain} }

func (c *counter) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "wapid" || password != "stamp" {
			return smtp.ErrAuthFailed
		}
		c.known = true
		return nil
	}), nil
}

func (c *counter) Mail(from string, _ *smtp.MailOptions) error {
	if !c.known {
		return smtp.ErrAuthRequired
	}
	c.from = from
	return nil
}

func (c *counter) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasPrefix(to, "nobody@") {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no mailbox " + to}
	}
	c.to = to
	return nil
}

func (c *counter) Data(r io.Reader) error {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	var body io.Reader = m.Body
	if m.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	c.office.box <- letter{c.from, c.to, m.Header.Get("Subject"), string(text)}
	return err
}

func (c *counter) Reset()        {}
func (c *counter) Logout() error { return nil }

// flags are the daemon's, to send its mails here.
func (o *postOffice) flags(t *testing.T) []string {
	t.Helper()
	host, port, err := net.SplitHostPort(o.addr)
	if err != nil {
		t.Fatal(err)
	}
	return []string{"--signup", "--public-url", "https://wapi.example.com/x/", "--smtp-host", host, "--smtp-port", port,
		"--smtp-user", "wapid", "--smtp-password", "stamp", "--smtp-from", "wapid <no-reply@example.com>"}
}

// link waits for a mail to an address and returns the token of its link.
func (o *postOffice) link(t *testing.T, to string) string {
	t.Helper()
	got := <-o.box
	found := regexp.MustCompile(`https://wapi\.example\.com/x/#/\w+\?\w+=([A-Za-z0-9_-]{43})\r?\n`).FindStringSubmatch(got.text)
	if got.to != to || got.from != "no-reply@example.com" || got.subject == "" || found == nil {
		t.Fatalf("the mail is %+v", got)
	}
	return found[1]
}

// TestSignUpToFirstMessage is the document's first step, as a process with a real SMTP
// server does it: register, open the link of the mail, and use the key.
func TestSignUpToFirstMessage(t *testing.T) {
	network, office := startNetwork(t), startPostOffice(t)
	cmd := program("", append([]string{"serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--network", network.file}, office.flags(t)...)...)
	cmd.Env = append(cmd.Env, "SSL_CERT_FILE="+office.cert) // whom it trusts
	d, err := launch(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.kill)
	d.key = ""
	if info := d.must(t, 200, "GET", "/dashboard/info", nil); info.body["signup"] != true {
		t.Errorf("the page is told %s", info.raw)
	}
	register := map[string]any{"email": "me@example.com", "password": "correct horse", "name": "My Shop"}
	d.must(t, 202, "POST", "/dashboard/register", register)
	made := d.must(t, 201, "POST", "/dashboard/verify", map[string]any{"token": office.link(t, "me@example.com"), "password": "correct horse"})

	tenant := &api{base: d.base, key: made.text("apiKey")}
	t.Cleanup(tenant.closeIdle)
	mine, theirs := network.Phone("919876543210"), network.Phone("919876543211")
	tenant.must(t, 200, "POST", "/api/whatsapp/session", map[string]any{"sessionId": "main"})
	tenant.scan(t, "main", mine)
	tenant.awaitStatus(t, "main", "ready")
	tenant.must(t, 200, "POST", sessionPath("main")+"/send", map[string]any{"to": theirs.Number(), "message": "The first"})

	d.must(t, 200, "POST", "/dashboard/login", map[string]any{"email": "me@example.com", "password": "correct horse"})
	d.must(t, 202, "POST", "/dashboard/forgot", map[string]any{"email": "me@example.com"})
	d.must(t, 200, "POST", "/dashboard/reset", map[string]any{"token": office.link(t, "me@example.com"), "password": "battery staple"})
	d.must(t, 401, "POST", "/dashboard/login", map[string]any{"email": "me@example.com", "password": "correct horse"})
	d.must(t, 200, "POST", "/dashboard/login", map[string]any{"email": "me@example.com", "password": "battery staple"})

	// A mail that is refused is told without the address, and the next one is sent.
	for _, email := range []string{"nobody@example.org", "you@example.com"} {
		register["email"] = email
		d.must(t, 202, "POST", "/dashboard/register", register)
	}
	office.link(t, "you@example.com")
	log := d.stderr.String()
	if !strings.Contains(log, "a mail could not be sent") || !strings.Contains(log, "550 5.1.1") {
		t.Errorf("the log does not tell of the mail that was refused:\n%s", log)
	}
	for _, secret := range []string{"nobody@", "me@example.com", "you@example.com", "correct horse", "stamp"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// TestMailsNeedACertificate: without STARTTLS, or with a certificate that nobody knows,
// neither a password nor a mail leaves the daemon.
func TestMailsNeedACertificate(t *testing.T) {
	office := startPostOffice(t)
	var c signUpSettings
	parseFlags(t, &c, office.flags(t))
	err := c.send(context.Background(), httpapi.Mail{To: "me@example.com", Subject: "x", Text: "x"})
	if err == nil || strings.Contains(err.Error(), "example.com") || len(office.box) > 0 {
		t.Errorf("with a certificate of nobody: %v", err)
	}
	office.addr = "127.0.0.1:1"
	parseFlags(t, &c, office.flags(t))
	if err := c.send(context.Background(), httpapi.Mail{To: "me@example.com"}); err == nil || strings.Contains(err.Error(), "me@") {
		t.Errorf("to nobody: %v", err)
	}
}

func parseFlags(t *testing.T, into *signUpSettings, flags []string) {
	t.Helper()
	*into = signUpSettings{SMTPTLS: "starttls"}
	values := url.Values{}
	for i := 1; i+1 < len(flags); i += 2 {
		values.Set(flags[i], flags[i+1])
	}
	into.SignUp, into.SMTPHost, into.SMTPFrom = true, values.Get("--smtp-host"), values.Get("--smtp-from")
	into.SMTPUser, into.SMTPPassword = values.Get("--smtp-user"), values.Get("--smtp-password")
	var err error
	if into.SMTPPort, err = strconv.Atoi(values.Get("--smtp-port")); err != nil {
		t.Fatal(err)
	}
}

func TestSignUpSettings(t *testing.T) {
	good := signUpSettings{SignUp: true, SMTPHost: "mail.example.com", SMTPFrom: "wapid <a@example.com>", SMTPTLS: "starttls", SMTPUser: "u", SMTPPassword: "p"}
	for name, c := range map[string]struct {
		change func(*signUpSettings)
		public string
		says   string
	}{
		"good":            {func(*signUpSettings) {}, "https://x", ""},
		"no public URL":   {func(*signUpSettings) {}, "", "--public-url"},
		"no host":         {func(s *signUpSettings) { s.SMTPHost = "" }, "https://x", "--smtp-host"},
		"no sender":       {func(s *signUpSettings) { s.SMTPFrom = "" }, "https://x", "--smtp-from"},
		"a bad sender":    {func(s *signUpSettings) { s.SMTPFrom = "wapid" }, "https://x", "--smtp-from"},
		"half a login":    {func(s *signUpSettings) { s.SMTPPassword = "" }, "https://x", "--smtp-password"},
		"in the clear":    {func(s *signUpSettings) { s.SMTPTLS = "none" }, "https://x", "in the clear"},
		"no port":         {func(s *signUpSettings) { s.SMTPPort = 70000 }, "https://x", "--smtp-port"},
		"switched off":    {func(s *signUpSettings) { *s = signUpSettings{SMTPTLS: "starttls"} }, "", ""},
		"off, half login": {func(s *signUpSettings) { s.SignUp, s.SMTPUser = false, "" }, "", "--smtp-user"},
	} {
		t.Run(name, func(t *testing.T) {
			s := good
			c.change(&s)
			err := s.Validate(c.public)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("it says %v", err)
			}
		})
	}
}
