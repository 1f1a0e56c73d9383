package whatsapp

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/proxy"

	"wapid/engine"
)

// proxyTimeout bounds what a proxy may take to answer once it is connected to,
// with all that it does at the far side.
const proxyTimeout = 20 * time.Second

// proxyAnswer bounds what a proxy may say before its tunnel begins: all of it is
// kept in memory until then.
const proxyAnswer = 64 << 10 // bytes

// proxyPorts are the ports of proxies whose URL names none: the usual ones of
// their kind.
var proxyPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}

// throughProxy returns a way that leads through a proxy, or nowhere: what fails
// is never tried directly. It returns CodeInvalid for a URL that names no proxy.
func (n *Network) throughProxy(raw string) (dialFunc, error) {
	u, err := engine.ParseProxy(raw)
	if err != nil {
		return nil, err
	}
	p := &proxied{url: u, dial: n.opts.ProxyDial, roots: n.opts.ProxyRoots}
	if u.Scheme == "http" || u.Scheme == "https" {
		return p.connect, nil
	}
	return p.socks, nil
}

// proxied is a way through one proxy.
type proxied struct {
	url   *url.URL
	dial  dialFunc       // to the proxy itself
	roots *x509.CertPool // who vouches for an https proxy; nil for the system's
}

// address is the proxy's own.
func (p *proxied) address() string {
	port := p.url.Port()
	if port == "" {
		port = proxyPorts[p.url.Scheme]
	}
	return net.JoinHostPort(p.url.Hostname(), port)
}

// reach connects to the proxy. What it returns is closed when ctx ends before
// done is called, so that a silent proxy holds nobody up.
func (p *proxied) reach(ctx context.Context) (conn net.Conn, done func() bool, err error) {
	if conn, err = p.dial(ctx, "tcp", p.address()); err != nil {
		return nil, nil, fmt.Errorf("the session's proxy can't be reached: %w", err)
	}
	return conn, context.AfterFunc(ctx, func() { conn.Close() }), nil
}

// connect asks an HTTP proxy for a tunnel to addr (RFC 9110, 9.3.6).
func (p *proxied) connect(ctx context.Context, _, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, proxyTimeout)
	defer cancel()
	conn, done, err := p.reach(ctx)
	if err != nil {
		return nil, err
	}
	if p.url.Scheme == "https" {
		secured := tls.Client(conn, &tls.Config{ServerName: p.url.Hostname(), RootCAs: p.roots, MinVersion: tls.VersionTLS12})
		if err := secured.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, fmt.Errorf("the session's proxy: %w", err)
		}
		conn = secured
	}
	tunnel, err := p.tunnel(conn, addr)
	if !done() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("the session's proxy: %w", err)
	}
	return tunnel, nil
}

// tunnel speaks the CONNECT request. What the far side has sent behind the
// proxy's answer is not lost.
func (p *proxied) tunnel(conn net.Conn, addr string) (net.Conn, error) {
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: make(http.Header)}
	if user := p.url.User; user != nil {
		password, _ := user.Password()
		login := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		req.Header.Set("Proxy-Authorization", "Basic "+login)
	}
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	answer := &io.LimitedReader{R: conn, N: proxyAnswer}
	br := bufio.NewReader(answer)
	resp, err := http.ReadResponse(br, req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %d", resp.StatusCode)
	}
	if br.Buffered() == 0 {
		return conn, nil
	}
	answer.N = math.MaxInt64 // more than a connection ever carries
	return &tunnelled{Conn: conn, ahead: br}, nil
}

// tunnelled is a connection of which something was read ahead.
type tunnelled struct {
	net.Conn
	ahead *bufio.Reader
}

func (t *tunnelled) Read(b []byte) (int, error) { return t.ahead.Read(b) }

// socks asks a SOCKS5 proxy for a connection to addr. With socks5 the name in
// addr is looked up here, with socks5h by the proxy.
func (p *proxied) socks(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, proxyTimeout)
	defer cancel()
	if p.url.Scheme == "socks5" {
		resolved, err := resolve(ctx, addr)
		if err != nil {
			return nil, err
		}
		addr = resolved
	}
	var login *proxy.Auth
	if user := p.url.User; user != nil {
		password, _ := user.Password()
		login = &proxy.Auth{User: user.Username(), Password: password}
	}
	dialer, err := proxy.SOCKS5("tcp", p.address(), login, forward{p})
	if err != nil {
		return nil, fmt.Errorf("the session's proxy: %w", err)
	}
	able, ok := dialer.(proxy.ContextDialer)
	if !ok {
		return nil, errors.New("the SOCKS5 dialer takes no context")
	}
	conn, err := able.DialContext(ctx, network, addr)
	if err != nil {
		return nil, fmt.Errorf("the session's proxy: %w", err)
	}
	return conn, nil
}

// resolve looks the host of an address up.
func resolve(ctx context.Context, addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	if net.ParseIP(host) != nil {
		return addr, nil
	}
	found, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(found[0], port), nil
}

// forward is how the SOCKS5 dialer reaches the proxy.
type forward struct{ p *proxied }

func (f forward) Dial(network, addr string) (net.Conn, error) {
	return f.DialContext(context.Background(), network, addr)
}

func (f forward) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := f.p.dial(ctx, network, addr)
	if err != nil {
		return nil, fmt.Errorf("it can't be reached: %w", err)
	}
	return conn, nil
}
