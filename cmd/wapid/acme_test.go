package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
)

// pebble is Let's Encrypt's own ACME server for tests, in this process. It really asks
// the daemon: over TLS and HTTP, at the address that its own DNS server gives for every
// name, which is this machine's.
type pebble struct {
	directory string
	roots     string         // file with the root of the directory's own certificate
	issued    *x509.CertPool // roots of what it issues
	log       *lockedBuffer
}

// startPebble runs one until the test ends. It asks at these ports.
func startPebble(t *testing.T, httpPort, tlsPort int) *pebble {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	p := &pebble{log: &lockedBuffer{}}
	logger := log.New(p.log, "", 0)
	memory := db.NewMemoryStore()
	issuer := ca.New(logger, memory, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {ValidityPeriod: 90 * 86400}})
	asker := va.New(logger, httpPort, tlsPort, false, startNames(t), memory)
	front := wfe.New(logger, memory, asker, issuer, nil, false, false, 0, 0)
	server := httptest.NewTLSServer(front.Handler())
	t.Cleanup(func() {
		server.Close()
		if t.Failed() {
			t.Logf("pebble's log:\n%s", tail(p.log.String(), 60))
		}
	})
	p.directory = server.URL + wfe.DirectoryPath
	p.roots = filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(p.roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	p.issued = x509.NewCertPool()
	p.issued.AddCert(issuer.GetRootCert(0).Cert)
	return p
}

// startNames runs a DNS server that knows every name as one of this machine, and
// returns its address.
func startNames(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: ln, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, question *dns.Msg) {
		answer := new(dns.Msg).SetReply(question)
		for _, q := range question.Question {
			if q.Qtype == dns.TypeA {
				answer.Answer = append(answer.Answer, &dns.A{A: net.IPv4(127, 0, 0, 1),
					Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET}})
			}
		}
		_ = w.WriteMsg(answer) // the asker may have gone
	})}
	served := make(chan error)
	go func() { served <- server.ActivateAndServe() }()
	t.Cleanup(func() {
		_ = ln.Close()
		<-served
	})
	return ln.Addr().String()
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// browse is a client that knows the roots of pebble and asks the daemon by its name.
func (p *pebble) browse(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.issued, ServerName: "wapid.test"}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// TestCertificatesByACME has the daemon get a certificate by TLS-ALPN-01, and use it
// again after a restart without asking anybody.
func TestCertificatesByACME(t *testing.T) {
	network, dir, listen := startNetwork(t), t.TempDir(), freeAddress(t)
	p := startPebble(t, portOf(t, freeAddress(t)), portOf(t, listen))
	args := []string{"--listen", listen, "--acme-domain", "wapid.test,two.wapid.test", "--acme-email", "operator@wapid.test",
		"--acme-directory", p.directory, "--acme-roots", p.roots}
	d := startDaemon(t, "", network, dir, args...)
	for !strings.HasPrefix(d.stdout.Text(), "Dashboard: ") && d.stdout.Scan() {
	}
	if link := d.stdout.Text(); !strings.HasPrefix(link, fmt.Sprintf("Dashboard: https://wapid.test:%d/", portOf(t, listen))) {
		t.Errorf("it says %q", link)
	}
	client := p.browse(t)
	fetch := func() (serial string, header http.Header) {
		t.Helper()
		eventually(t, "there is a certificate", func() bool {
			req, err := http.NewRequest("GET", d.base+"/healthz", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = "wapid.test"
			res, err := client.Do(req)
			if err != nil {
				return false
			}
			defer res.Body.Close()
			_, _ = io.Copy(io.Discard, res.Body)
			serial, header = res.TLS.PeerCertificates[0].SerialNumber.String(), res.Header
			return res.StatusCode == 200
		})
		return serial, header
	}
	first, header := fetch()
	if got := header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
		t.Errorf("HSTS is %q", got)
	}
	if out, err := program("", "health", "--data", dir).CombinedOutput(); err != nil {
		t.Errorf("health: %v %s", err, out)
	}
	if _, err := tls.Dial("tcp", listen, &tls.Config{ServerName: "other.test", InsecureSkipVerify: true}); err == nil {
		t.Error("another name gets a certificate, too")
	}
	err := filepath.Walk(filepath.Join(dir, acmeDir), func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().Perm()&0o077 != 0 && !strings.HasSuffix(path, ".lock") { // which come and go, and hold a time
			t.Errorf("others may look at %s: %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	client.CloseIdleConnections()
	d.stop(t)
	before := p.log.String()
	d = startDaemon(t, "", network, dir, args...)
	if again, _ := fetch(); again != first {
		t.Errorf("after a restart the certificate is %s and not %s", again, first)
	}
	if since := p.log.String()[len(before):]; strings.Contains(since, "order") {
		t.Errorf("the restart has ordered a certificate: %s", since)
	}
}

// TestCertificatesByHTTP has an authority that reaches only the address of plain HTTP.
func TestCertificatesByHTTP(t *testing.T) {
	plain := freeAddress(t)
	p := startPebble(t, portOf(t, plain), portOf(t, freeAddress(t)))
	d := startDaemon(t, "", startNetwork(t), t.TempDir(), "--http-redirect-listen", plain,
		"--acme-domain", "wapid.test", "--acme-directory", p.directory, "--acme-roots", p.roots)
	client := p.browse(t)
	eventually(t, "there is a certificate", func() bool {
		res, err := client.Get(d.base + "/healthz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		_, _ = io.Copy(io.Discard, res.Body)
		return res.StatusCode == 200
	})
	if !strings.Contains(p.log.String(), "Attempting to validate w/ HTTP") {
		t.Error("it was not asked by HTTP")
	}
	d.stop(t)
}
