package httpapi

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"wapid/engine"
	"wapid/webhooks"
)

// What a proxy in front of the daemon says of a client is believed only where the
// operator trusts that proxy: anybody can send these headers. RFC 7239's Forwarded is
// not looked at, as hardly a proxy sends it unless told to.

// ParseProxies reads the addresses of trusted proxies: CIDRs and single addresses,
// comma separated. It returns CodeInvalid, also for a range of all addresses, behind
// which every client could choose its own.
func ParseProxies(list string) ([]netip.Prefix, error) {
	proxies, err := webhooks.ParsePrefixes(list)
	if err != nil {
		return nil, err
	}
	for i, p := range proxies {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		if p.Bits() == 0 {
			return nil, engine.Errorf(engine.CodeInvalid, "%s would trust everybody: name the proxies' own addresses", p)
		}
		proxies[i] = p
	}
	return proxies, nil
}

// clientAddress is where a request comes from: the other end of its connection or,
// where that is a trusted proxy, the address that the proxy names.
func (s *Server) clientAddress(c *fiber.Ctx) netip.Addr { return s.addressOf(c.Context()) }

// addressOf is clientAddress for a request that has no route yet.
func (s *Server) addressOf(rc *fasthttp.RequestCtx) netip.Addr {
	peer := peerOf(rc)
	if !s.trusts(peer) {
		return peer
	}
	return forwardedFor(peer, rc.Request.Header.PeekAll(fiber.HeaderXForwardedFor), s.trusts)
}

// secure tells whether the client's own connection is encrypted: to a trusted proxy,
// as that says, else to the daemon.
func (s *Server) secure(c *fiber.Ctx) bool {
	if s.trusts(peerOf(c.Context())) {
		if scheme := lastOf(c.Request().Header.PeekAll(fiber.HeaderXForwardedProto)); scheme != "" {
			return strings.EqualFold(scheme, "https")
		}
	}
	return c.Context().IsTLS()
}

// publicHost is the host, perhaps with a port, that the client has asked for. It is as
// the client or a trusted proxy has sent it: validHost tells whether it is one.
func (s *Server) publicHost(c *fiber.Ctx) string {
	if s.trusts(peerOf(c.Context())) {
		if host := lastOf(c.Request().Header.PeekAll(fiber.HeaderXForwardedHost)); host != "" {
			return host
		}
	}
	return string(c.Request().Header.Host())
}

// trusts tells whether an address is that of a proxy whose word counts.
func (s *Server) trusts(address netip.Addr) bool {
	return slices.ContainsFunc(s.proxies, func(p netip.Prefix) bool { return p.Contains(address) })
}

// peerOf is the other end of a request's connection.
func peerOf(rc *fasthttp.RequestCtx) netip.Addr {
	address, _ := netip.AddrFromSlice(rc.RemoteIP())
	return address.Unmap()
}

// forwardedFor finds the client in the X-Forwarded-For headers of a trusted peer. Each
// proxy adds at the end whom it was called by, so that the list is read from there: what
// stands before the first address that is no trusted proxy was sent by that one, and may
// be invented. What is no address ends the search at the proxy that has passed it on.
func forwardedFor(peer netip.Addr, headers [][]byte, trusts func(netip.Addr) bool) netip.Addr {
	client := peer
	for _, header := range slices.Backward(headers) {
		entries := bytes.Split(header, []byte(","))
		for _, entry := range slices.Backward(entries) {
			address, ok := parseForwarded(string(bytes.TrimSpace(entry)))
			if !ok {
				return client
			}
			client = address
			if !trusts(client) {
				return client
			}
		}
	}
	return client
}

// parseForwarded reads an entry of X-Forwarded-For. Some proxies add the port.
func parseForwarded(entry string) (netip.Addr, bool) {
	address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(entry, "["), "]"))
	if err != nil {
		withPort, err := netip.ParseAddrPort(entry)
		if err != nil {
			return netip.Addr{}, false
		}
		address = withPort.Addr()
	}
	return address.WithZone("").Unmap(), true
}

// lastOf is the last entry of a header's lists: that of the proxy which has called us.
func lastOf(headers [][]byte) string {
	if len(headers) == 0 {
		return ""
	}
	last := headers[len(headers)-1]
	if comma := bytes.LastIndexByte(last, ','); comma >= 0 {
		last = last[comma+1:]
	}
	return string(bytes.TrimSpace(last))
}
