package httpapi

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// protocolACME is what a certificate authority negotiates to see that a name leads
// here (RFC 8737): the handshake is the whole conversation.
const protocolACME = "acme-tls/1"

// headerHSTS and its value: browsers that have seen it use HTTPS only, for a year.
const (
	headerHSTS = fiber.HeaderStrictTransportSecurity
	hsts       = "max-age=31536000"
)

// encrypted is a listener whose connections speak TLS. What counts and limits
// connections lies below it, so that a handshake takes a place, too.
type encrypted struct {
	net.Listener
	config *tls.Config
}

func (l encrypted) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &secured{tls.Server(conn, l.config)}, nil
}

// secured is a TLS connection over a guest. fasthttp has it shake hands before it
// reads the first request, within headTimeout.
type secured struct{ *tls.Conn }

// Handshake makes the connection idle again behind it, as one without TLS is until
// a request begins. Who speaks plain HTTP is told so.
func (c *secured) Handshake() error {
	err := c.Conn.Handshake()
	if err == nil {
		if g := guestOf(c); g != nil {
			g.settle()
		}
		return nil
	}
	if plain, ok := errors.AsType[tls.RecordHeaderError](err); ok && plain.Conn != nil && startsHTTP(plain.RecordHeader) {
		lingerOn(c)
		_, _ = io.WriteString(plain.Conn, "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"+
			`{"error":"this address speaks HTTPS only","code":"INVALID_REQUEST"}`) // who has gone misses nothing
	}
	return err
}

// Read ends the idling: a byte of a request saves from being dismissed.
func (c *secured) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if g := guestOf(c); n > 0 && g != nil {
		g.wake()
	}
	return n, err
}

// startsHTTP tells whether the first bytes of a connection are those of a request
// without TLS.
func startsHTTP(head [5]byte) bool {
	return slices.ContainsFunc(fiber.DefaultMethods, func(method string) bool {
		return strings.HasPrefix(method+" /  ", string(head[:]))
	})
}

// guestOf finds what counts a connection; nil for one that is not counted.
func guestOf(conn net.Conn) *guest {
	if c, ok := conn.(*secured); ok {
		conn = c.NetConn()
	}
	g, _ := conn.(*guest)
	return g
}

// encrypt prepares the server for TLS.
func encrypt(server *fasthttp.Server) {
	server.NextProto(protocolACME, func(net.Conn) error { return nil }) // closed behind the handshake
}

// insistOnTLS tells browsers to come over TLS only, if the daemon speaks it itself and
// was asked by a name for which it always will.
func (s *Server) insistOnTLS(c *fiber.Ctx) {
	if len(s.strict) == 0 || !c.Context().IsTLS() {
		return
	}
	host := strings.ToLower(string(c.Request().Header.Host()))
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if slices.Contains(s.strict, host) {
		c.Set(headerHSTS, hsts)
	}
}
