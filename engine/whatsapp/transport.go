package whatsapp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// dialTimeout bounds a connection to the far side, or to a proxy.
const dialTimeout = 15 * time.Second

// httpClients are the three HTTP clients that all whatsmeow clients share. A
// whatsmeow client would otherwise make three transports of its own, each with
// its own connection pool.
type httpClients struct {
	websocket *http.Client // logged-in sockets
	preLogin  *http.Client // sockets of devices that are not linked yet
	media     *http.Client // uploads and downloads
}

// dialFunc connects to host:port, directly or on some other way.
type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// newHTTPClients dials the real network or, with an endpoint, the simulated one
// and nothing else. dial is the way there; nil is the direct one, or to the real
// network through the environment's proxy if there is one.
func newHTTPClients(e *Endpoint, dial dialFunc) *httpClients {
	socket := func() *http.Client {
		t := newTransport(e, dial)
		// A pooled connection could be handed to another session's handshake:
		// every socket is dialled for the session that asks for it.
		t.DisableKeepAlives = true
		return &http.Client{Transport: wiredTransport{t}}
	}
	media := newTransport(e, dial)
	media.MaxIdleConnsPerHost = 16
	media.IdleConnTimeout = 30 * time.Second
	return &httpClients{websocket: socket(), preLogin: socket(), media: &http.Client{Transport: media}}
}

// clientsFor returns the clients that all direct connections share, or ones of
// their own for a connection through a proxy, which closes them. It returns
// CodeInvalid for a URL that names no proxy.
func (n *Network) clientsFor(proxy string) (*httpClients, error) {
	if proxy == "" {
		return n.http, nil
	}
	way, err := n.throughProxy(proxy)
	if err != nil {
		return nil, err
	}
	return newHTTPClients(n.opts.Endpoint, way), nil
}

func (c *httpClients) close() {
	c.websocket.CloseIdleConnections()
	c.preLogin.CloseIdleConnections()
	c.media.CloseIdleConnections()
}

func newTransport(e *Endpoint, dial dialFunc) *http.Transport {
	direct := dial == nil
	if direct {
		dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	}
	t := &http.Transport{
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
	}
	if e == nil {
		if direct {
			t.Proxy = http.ProxyFromEnvironment
		}
		t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			return dialWired(ctx, dial, network, addr)
		}
		return t
	}
	t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		return dialWired(ctx, dial, network, e.dialAddress(addr))
	}
	t.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		raw, err := dialWired(ctx, dial, network, e.dialAddress(addr))
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, t.TLSHandshakeTimeout)
		defer cancel()
		conn := tls.Client(raw, endpointTLS(e, addr))
		if err := conn.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, err
		}
		return conn, nil
	}
	return t
}

// endpointTLS trusts the endpoint's authorities alone. The leaf must be valid
// for the host that was asked for or for the endpoint's own; the chain is
// verified always. crypto/tls has no "either" check of names, therefore its own
// check is replaced by VerifyConnection, not left out.
func endpointTLS(e *Endpoint, addr string) *tls.Config {
	asked, _, err := net.SplitHostPort(addr)
	if err != nil {
		asked = addr
	}
	return &tls.Config{
		ServerName:         asked,
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{"http/1.1"},
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection below verifies the chain and the name.
		VerifyConnection: func(cs tls.ConnectionState) error {
			return verifyLeaf(cs.PeerCertificates, e.Roots, asked, e.host())
		},
	}
}

// verifyLeaf checks a chain, leaf first, against roots, and the leaf's name
// against the given hosts, of which one has to match.
func verifyLeaf(chain []*x509.Certificate, roots *x509.CertPool, hosts ...string) error {
	if len(chain) == 0 {
		return errors.New("the server sent no certificate")
	}
	opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
	for _, c := range chain[1:] {
		opts.Intermediates.AddCert(c)
	}
	if _, err := chain[0].Verify(opts); err != nil {
		return err
	}
	var err error
	for _, host := range hosts {
		if err = chain[0].VerifyHostname(host); err == nil {
			return nil
		}
	}
	return fmt.Errorf("the simulated network's certificate: %w", err)
}
