package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"wapid/engine"
	"wapid/webhooks"
)

// expiryWarning is how long before its end a certificate should be renewed.
const expiryWarning = 14 * 24 * time.Hour

// redacted replaces what looks like a phone number.
func redacted(text string) string { return engine.Redact(text) }

// checkListen looks whether the API's address can be had.
func checkListen(ctx context.Context, p *patient) []remark {
	const name = "API address"
	if p.running {
		return []remark{skipped(name, "the daemon has it")}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", p.Listen)
	if err != nil {
		return []remark{fail(name, "name another one with --listen, or stop what has it", "%s can't be listened on: %s", p.Listen, plainly(err))}
	}
	if err := l.Close(); err != nil {
		return []remark{fail(name, "", "%s", plainly(err))}
	}
	return []remark{well(name, "%s is free", p.Listen)}
}

// checkTLS reads the certificate that the API would show.
func checkTLS(_ context.Context, p *patient) []remark {
	const name = "TLS"
	switch {
	case len(p.ACMEDomains) > 0:
		return []remark{well(name, "certificates for %d names come by ACME", len(p.ACMEDomains))}
	case p.TLSCert == "":
		return p.checkPlain()
	}
	pair, err := tls.LoadX509KeyPair(p.TLSCert, p.TLSKey)
	if err != nil {
		return []remark{fail(name, "look at --tls-cert and --tls-key", "%s", plainly(err))}
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return []remark{fail(name, "look at --tls-cert", "the certificate can't be read")}
	}
	now := p.env.clock()
	left := leaf.NotAfter.Sub(now)
	switch {
	case left <= 0:
		return []remark{fail(name, "renew it", "the certificate ended on %s", leaf.NotAfter.Format(time.DateOnly))}
	case now.Before(leaf.NotBefore):
		return []remark{fail(name, "look at the clock", "the certificate begins on %s", leaf.NotBefore.Format(time.DateOnly))}
	case left < expiryWarning:
		return []remark{warn(name, "renew it; the daemon reads the file again when it changes", "the certificate ends on %s", leaf.NotAfter.Format(time.DateOnly))}
	}
	if info, err := os.Stat(p.TLSKey); err == nil && info.Mode().Perm()&0o007 != 0 {
		return []remark{warn(name, "chmod 600 "+p.TLSKey, "everybody on this machine may read the certificate's key")}
	}
	return []remark{well(name, "the certificate is good until %s", leaf.NotAfter.Format(time.DateOnly))}
}

// checkPlain judges an API without TLS of its own.
func (p *patient) checkPlain() []remark {
	host, _, err := net.SplitHostPort(p.Listen)
	if err != nil {
		return []remark{skipped("TLS", "--listen can't be read")}
	}
	addr, err := netip.ParseAddr(host)
	if host == "localhost" || err == nil && addr.IsLoopback() {
		return []remark{skipped("TLS", "the API is for this machine only, or for a proxy on it")}
	}
	if p.TrustedProxies != "" {
		return []remark{skipped("TLS", "a proxy stands in front")}
	}
	return []remark{warn("TLS", "give --tls-cert or --acme-domain, or put a proxy in front and name it with --trusted-proxies", "keys and messages can be read on the way to %s", p.Listen)}
}

// checkSettings looks for settings that work and should not be so.
func checkSettings(_ context.Context, p *patient) []remark {
	const name = "settings"
	var all []remark
	for _, key := range []struct{ flag, text string }{{"--admin-key", p.AdminKey}, {"--api-key", p.APIKey}} {
		if key.text != "" && guessableKey(key.text) {
			all = append(all, warn(name, "leave it out: the first start makes one", "%s can be guessed", key.flag))
		}
	}
	if p.PublicURL != "" {
		u, err := url.Parse(p.PublicURL)
		switch {
		case err != nil || u.Host == "":
			all = append(all, fail(name, "give it as https://wapid.example.com", "--public-url is no URL"))
		case u.Scheme != "https" && u.Hostname() != "localhost" && !strings.HasPrefix(u.Hostname(), "127."):
			all = append(all, warn(name, "give it with https://", "--public-url is not https: links with secrets in them go unencrypted"))
		}
	}
	ranges, err := webhooks.ParsePrefixes(p.EgressAllow)
	if err != nil {
		all = append(all, fail(name, "give CIDRs with commas between them", "--egress-allow can't be read"))
	}
	for _, r := range ranges {
		if tooWide(r) {
			all = append(all, warn(name, "name the hosts that are meant", "--egress-allow %s lets callers reach much of what is private", r))
		}
	}
	if p.LogLevel == "debug" {
		all = append(all, warn(name, "use info", "--log-level debug writes phone numbers into the log"))
	}
	if p.Synchronous == "normal" {
		all = append(all, warn(name, "leave it out", "--synchronous normal: a power cut takes back what was acknowledged"))
	}
	if len(all) == 0 {
		return []remark{well(name, "nothing to remark")}
	}
	return all
}

// tooWide tells of a range with more in it than a network that somebody looks after.
func tooWide(r netip.Prefix) bool {
	if r.Addr().IsLoopback() {
		return false // a choice, and of this machine
	}
	if r.Addr().Is4() {
		return r.Bits() < 12
	}
	return r.Bits() < 32
}

// guessableKey tells that a key is short, a word that is tried first, or one sign over
// and over.
func guessableKey(key string) bool {
	lower := strings.ToLower(key)
	usual := []string{"changeme", "change-me", "secret", "password", "admin", "apikey", "api-key", "default", "example", "wapid", "test"}
	if slices.ContainsFunc(usual, func(word string) bool { return strings.Trim(lower, "0123456789-_!") == word }) {
		return true
	}
	seen := map[rune]bool{}
	for _, r := range key {
		seen[r] = true
	}
	return len(key) < 20 || len(seen) < 8
}
