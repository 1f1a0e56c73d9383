package httpapi

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wapid/engine"
	"wapid/store"
)

// selfSigned makes a certificate for 127.0.0.1 and wapid.example.com, and the roots
// that know it.
func selfSigned(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"wapid.example.com"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, roots
}

// startTLS is start for a server that speaks TLS.
func startTLS(t testing.TB, prepare ...func(*daemon)) *daemon {
	t.Helper()
	cert, roots := selfSigned(t)
	return start(t, append(prepare, func(d *daemon) {
		d.roots = roots
		d.server.tls = &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1", protocolACME}, Certificates: []tls.Certificate{cert}}
	})...)
}

// dialTLS opens a connection and shakes hands.
func (d *daemon) dialTLS(change func(*tls.Config)) (*tls.Conn, error) {
	d.t.Helper()
	config := &tls.Config{RootCAs: d.roots, ServerName: "wapid.example.com"}
	if change != nil {
		change(config)
	}
	conn, err := tls.Dial("tcp", strings.TrimPrefix(d.url, "https://"), config)
	if err != nil {
		return nil, err
	}
	d.t.Cleanup(func() { _ = conn.Close() })
	return conn, conn.SetDeadline(time.Now().Add(15 * time.Second))
}

// exchange sends a request and reads the answer.
func exchange(conn net.Conn, request string) (*http.Response, string, error) {
	if _, err := io.WriteString(conn, request); err != nil {
		return nil, "", err
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res, string(body), err
}

func TestTLS(t *testing.T) {
	d := startTLS(t, func(d *daemon) { d.server.strict = []string{"wapid.example.com"} })
	d.wants(d.get("/api/whatsapp/sessions"), http.StatusOK, "")

	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		_, err := d.dialTLS(func(c *tls.Config) { c.MinVersion, c.MaxVersion = version, version })
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
	conn, err := d.dialTLS(func(c *tls.Config) { c.NextProtos = []string{"h2", "http/1.1"} })
	if err != nil {
		t.Fatal(err)
	}
	if got := conn.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("speaks %q", got)
	}
	for host, want := range map[string]string{"wapid.example.com": hsts, "WAPID.example.com:8443": hsts, "127.0.0.1": "", "other.example.com": ""} {
		res, _, err := exchange(conn, "GET /healthz HTTP/1.1\r\nHost: "+host+"\r\n\r\n")
		if err != nil || res.StatusCode != http.StatusOK || res.Header.Get(headerHSTS) != want {
			t.Errorf("asked as %s it answers %+v, %v", host, res, err)
		}
	}
	d.wants(d.post("/api/whatsapp/session", `{"sessionId":"main"}`), http.StatusOK, "")
	if r := d.post("/api/whatsapp/session/main/pairing-link", ""); !strings.Contains(r.body, `"url":"`+d.url+"/pair/") {
		t.Errorf("the link is %s", r.body)
	}
}

func TestPlainHTTPIsToldToSpeakTLS(t *testing.T) {
	d := startTLS(t)
	for _, method := range []string{"GET", "POST", "PUT", "DELETE", "OPTIONS"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(d.url, "https://"))
		if err != nil {
			t.Fatal(err)
		}
		res, body, err := exchange(conn, method+" /healthz HTTP/1.1\r\nHost: x\r\nX-API-Key: "+d.key+"\r\n\r\n")
		if err != nil || res.StatusCode != http.StatusBadRequest || !strings.Contains(body, "speaks HTTPS only") {
			t.Errorf("%s is answered with %+v %s, %v", method, res, body, err)
		}
		_ = conn.Close()
	}
}

// TestChallengeEndsWithItsHandshake shakes hands as a certificate authority does.
func TestChallengeEndsWithItsHandshake(t *testing.T) {
	d := startTLS(t)
	conn, err := d.dialTLS(func(c *tls.Config) { c.NextProtos = []string{protocolACME} })
	if err != nil {
		t.Fatal(err)
	}
	if res, _, err := exchange(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err == nil {
		t.Errorf("a request is answered with %+v", res)
	}
}

// TestPlacesAreLimitedOverTLS fills every place with connections that don't shake
// hands, that do and then ask nothing, or that wait after an answer.
func TestPlacesAreLimitedOverTLS(t *testing.T) {
	const places = 4
	d := startTLS(t, func(d *daemon) { d.server.most = places })
	d.client.CloseIdleConnections()
	const request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	first, err := d.dialTLS(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := exchange(first, request); err != nil {
		t.Fatal(err)
	}
	for round := range places / 2 {
		silent, err := net.Dial("tcp", strings.TrimPrefix(d.url, "https://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = silent.Close() })
		if _, err := d.dialTLS(nil); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		conn, err := d.dialTLS(nil)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if res, _, err := exchange(conn, request); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("round %d answers %+v, %v", round, res, err)
		}
	}
	if n := d.openConns(); n > places {
		t.Errorf("%d connections are open", n)
	}
	if n, err := first.Read(make([]byte, 1)); err == nil {
		t.Errorf("the connection that idled longest is still open, and brings %d bytes", n)
	}
}

// TestRefusalReachesWhoIsStillSendingOverTLS sends a long body that is refused by its head.
func TestRefusalReachesWhoIsStillSendingOverTLS(t *testing.T) {
	d := startTLS(t)
	conn, err := d.dialTLS(nil)
	if err != nil {
		t.Fatal(err)
	}
	body := strings.Repeat("x", 2<<20)
	res, text, err := exchange(conn, fmt.Sprintf("POST /api/whatsapp/session HTTP/1.1\r\nHost: x\r\nX-API-Key: wrong\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
	if err != nil || res.StatusCode != http.StatusUnauthorized || !strings.Contains(text, string(engine.CodeUnauthorized)) {
		t.Errorf("answers %+v %s, %v", res, text, err)
	}
}

// TestStreamsOverTLS follows events both ways, hangs up on one stream and shuts down
// under the others.
func TestStreamsOverTLS(t *testing.T) {
	d := startTLS(t)
	events := d.follow(d.key, streamPath, "")
	leaving := d.follow(d.key, streamPath, "")
	conn, _, err := websocket.Dial(t.Context(), d.url+socketPath, &websocket.DialOptions{
		HTTPClient: d.client, HTTPHeader: http.Header{"Authorization": {"Bearer " + d.key}}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	socket := &socket{t: t, conn: conn}
	d.logEvents(store.DefaultTenant, "main/qr", "main/ready")
	for name, got := range map[string]string{"the stream": events.names(2), "the other": leaving.names(2), "the socket": socket.names(2)} {
		if got != "main/qr main/ready" {
			t.Errorf("%s brings %s", name, got)
		}
	}
	if err := leaving.body.Close(); err != nil {
		t.Fatal(err)
	}
	d.awaitStreams(2)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := d.server.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if event, data, err := events.next(); err != nil || event != "end" || data != `{"reason":"stopping"}` {
		t.Errorf("the stream ends with %s %s, %v", event, data, err)
	}
}
