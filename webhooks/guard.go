package webhooks

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"wapid/engine"
)

// Guard is the one place through which URLs that callers give are dialled. It
// judges the address that a connection is about to be made to, after name
// resolution, so that a name which changes its mind between check and use gains
// nothing. It is safe for concurrent use.
type Guard struct{ allow []netip.Prefix }

// refused holds what is no public unicast address in IPv4 (IANA's special
// purpose registry), and Azure's metadata host, which sits in public space.
// Other clouds' metadata hosts are link-local, private or CGNAT addresses.
var refused = prefixes(
	"0.0.0.0/8",         // this network, and unspecified
	"10.0.0.0/8",        // private
	"100.64.0.0/10",     // carrier-grade NAT
	"127.0.0.0/8",       // loopback
	"169.254.0.0/16",    // link-local, metadata
	"172.16.0.0/12",     // private
	"192.0.0.0/24",      // protocol assignments
	"192.0.2.0/24",      // documentation
	"192.88.99.0/24",    // 6to4 relays
	"192.168.0.0/16",    // private
	"198.18.0.0/15",     // benchmarks
	"198.51.100.0/24",   // documentation
	"203.0.113.0/24",    // documentation
	"224.0.0.0/4",       // multicast
	"240.0.0.0/4",       // reserved, broadcast
	"168.63.129.16/32",  // Azure
	"2001::/23",         // protocol assignments: Teredo, ORCHID, benchmarks
	"2001:db8::/32",     // documentation
	"2002::/16",         // 6to4: carries any IPv4 address
	"3fff::/20",         // documentation
	"2620:4f:8000::/48", // AS112
)

// unicast is what of IPv6 is handed out to the public. All else is refused:
// loopback, mapped, NAT64 (64:ff9b::), unique local, link-local, multicast.
var unicast = netip.MustParsePrefix("2000::/3")

func prefixes(all ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(all))
	for i, s := range all {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// NewGuard makes a guard that lets through public addresses and those in allow.
func NewGuard(allow []netip.Prefix) *Guard {
	g := &Guard{}
	for _, p := range allow {
		g.allow = append(g.allow, plainPrefix(p))
	}
	return g
}

// ParsePrefixes reads a comma-separated list of CIDRs; an address without a
// length stands for itself alone, and the empty text for nothing. It returns
// CodeInvalid.
func ParsePrefixes(s string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, field := range strings.Split(s, ",") {
		field = strings.TrimSpace(field)
		if field == "" {
			continue
		}
		p, err := netip.ParsePrefix(field)
		if a, addrErr := netip.ParseAddr(field); err != nil && addrErr == nil && a.Zone() == "" {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, engine.Errorf(engine.CodeInvalid, "%q is not an address range such as 10.0.0.0/8 or ::1/128", field)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// plainPrefix turns a range of IPv4-mapped addresses into the IPv4 range.
func plainPrefix(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked()
}

// Permits tells whether a connection to an address may be made.
func (g *Guard) Permits(a netip.Addr) bool {
	// ::ffff:10.0.0.1 reaches 10.0.0.1 and is judged as that.
	a = a.Unmap().WithZone("")
	for _, p := range g.allow {
		if p.Contains(a) {
			return true
		}
	}
	if !a.IsValid() || a.Is6() && !unicast.Contains(a) {
		return false
	}
	for _, p := range refused {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// CheckURL refuses a URL whose host is an address, or localhost, that would be
// refused when dialled: so that a caller learns of it at once. Names are judged
// only when they are dialled. It returns CodeEgressRefused.
func (g *Guard) CheckURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return engine.Errorf(engine.CodeInvalid, "url is not a valid URL")
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		host = "127.0.0.1"
	}
	if a, err := netip.ParseAddr(host); err == nil && !g.Permits(a) {
		return errRefused()
	}
	return nil
}

// errRefused names no address: a caller must not learn what a name resolves to here,
// nor whether it is known here at all.
func errRefused() error {
	return engine.Errorf(engine.CodeEgressRefused, "the URL has no address that this server may connect to")
}

// discreet makes one error of a name that does not exist and of one whose address is
// refused, so that nobody learns which names there are inside.
func discreet(dial func(ctx context.Context, network, addr string) (net.Conn, error)) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if _, unknown := errors.AsType[*net.DNSError](err); unknown {
			return nil, errRefused()
		}
		return conn, err
	}
}

// control is called with the address that the socket is about to connect to.
func (g *Guard) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !strings.HasPrefix(network, "tcp") || !g.Permits(to.Addr()) {
		return errRefused()
	}
	return nil
}

// DialContext connects to an address that a caller has given, for protocols other
// than HTTP. Its errors hold CodeEgressRefused for an address that is refused.
func (g *Guard) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, ControlContext: g.control}
	return dialer.DialContext(ctx, network, addr)
}

// Client makes an HTTP client whose every connection passes the guard. timeout
// bounds a whole request with its body. It knows no proxy and no cookies and
// follows at most maxRedirects redirects, never from https to http; with 0 the
// redirect itself is the answer. A name that does not exist is refused as an address
// is. The caller closes its idle connections.
func (g *Guard) Client(timeout time.Duration, maxRedirects int) *http.Client {
	dialer := &net.Dialer{Timeout: min(timeout, 10*time.Second), ControlContext: g.control}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext:           discreet(dialer.DialContext),
			ForceAttemptHTTP2:     true,
			TLSHandshakeTimeout:   min(timeout, 10*time.Second),
			ResponseHeaderTimeout: timeout,
			IdleConnTimeout:       30 * time.Second,
			MaxIdleConns:          64,
			MaxIdleConnsPerHost:   4,
			// No limit of connections to a host: many tenants may share one, and
			// whoever hangs there on purpose would use it up. Callers bound how
			// much they have under way. A dead connection of HTTP/2, which carries
			// many requests, is found out by pings.
			HTTP2:                  &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true,
		},
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return http.ErrUseLastResponse
			}
			if next.URL.Scheme != "https" && via[len(via)-1].URL.Scheme == "https" {
				return errRefused()
			}
			return nil
		},
	}
}

// Refused tells whether a request failed because the guard refused an address.
func Refused(err error) bool {
	e, ok := errors.AsType[*engine.Error](err)
	return ok && e.Code == engine.CodeEgressRefused
}
