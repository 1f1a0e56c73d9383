package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"wapid/engine/whatsapp"
	"wapid/webhooks"
)

// visitsAtOnce is how many proxies, or hosts of webhooks, are tried at a time.
const visitsAtOnce = 32

// visitor opens a network of its own for the doctor, with an empty device store that is
// thrown away: it is no device of anybody.
func (p *patient) visitor(ctx context.Context) (n *whatsapp.Network, closeIt func(), err error) {
	dir, err := os.MkdirTemp("", "wapid-doctor-*")
	if err != nil {
		return nil, nil, err
	}
	n, err = whatsapp.Open(ctx, whatsapp.Options{DataDir: dir, Endpoint: p.endpoint, Log: zap.NewNop(), ProxyDial: p.guard().DialContext})
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return n, func() { _ = errors.Join(n.Close(), os.RemoveAll(dir)) }, nil // it is of no further use
}

// guard is the daemon's. Ranges that can't be read are told by checkSettings.
func (p *patient) guard() *webhooks.Guard {
	allowed, err := webhooks.ParsePrefixes(p.EgressAllow)
	if err != nil {
		allowed = nil
	}
	return webhooks.NewGuard(allowed)
}

// checkNetwork does what a new session would, up to its QR code, and asks the hosts of
// pages and files.
func checkNetwork(ctx context.Context, p *patient) []remark {
	n, done, err := p.visitor(ctx)
	if err != nil {
		return []remark{fail("network", "look at the system's directory for temporary files", "the client can't be opened: %s", plainly(err))}
	}
	defer done()
	const advice = "let the machine reach web.whatsapp.com, g.whatsapp.net and mmg.whatsapp.net on port 443"
	var wg sync.WaitGroup
	var media, greeting, accepted, clock remark
	wg.Go(func() {
		media = well("media host", "answers")
		if err := n.VisitMedia(ctx); err != nil {
			media = fail("media host", advice, "it can't be reached: %s", reason(err))
		}
	})
	wg.Go(func() {
		at, err := n.Visit(ctx)
		switch skew := time.Since(at).Abs(); {
		case err != nil:
			clock = skipped("clock skew", "no web server was reached")
		case at.IsZero():
			clock = skipped("clock skew", "the web server does not tell the time")
		case skew > mostSkew:
			clock = fail("clock skew", "set the clock, by NTP", "it is %v from WhatsApp's", skew.Round(time.Second))
		default:
			clock = well("clock skew", "within %v of WhatsApp's", mostSkew)
		}
	})
	wg.Go(func() {
		version := n.Info().Version
		connected, outdated, err := n.Greet(ctx)
		switch {
		case !connected:
			greeting = fail("network", advice, "WhatsApp can't be reached: %s", reason(err))
			accepted = skipped("client version", "WhatsApp was not reached")
		case outdated:
			greeting = well("network", "WhatsApp answers")
			accepted = fail("client version", "install a newer wapid", "WhatsApp refuses version %s as outdated", version)
		case err != nil:
			greeting = well("network", "WhatsApp answers")
			accepted = warn("client version", "look whether sessions can be linked", "WhatsApp gave no code to a device with version %s: %s", version, reason(err))
		default:
			greeting = well("network", "WhatsApp answers, with its handshake")
			accepted = well("client version", "WhatsApp gives a code to a device with version %s", version)
		}
	})
	wg.Wait()
	return []remark{greeting, media, accepted, clock}
}

// reason tells why a host was not reached, without its address.
func reason(err error) string {
	var dns *net.DNSError
	var record tls.RecordHeaderError
	var certificate *tls.CertificateVerificationError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		return "its name is not found"
	case webhooks.Refused(err):
		return "its address is private, and --egress-allow does not let it be reached"
	case errors.As(err, &certificate):
		return "its certificate is not to be trusted"
	case errors.As(err, &record):
		return "it does not speak TLS"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "it does not answer in time"
	case strings.Contains(err.Error(), "connection refused"):
		return "the connection is refused"
	}
	return plainly(err)
}

// checkProxies tries each proxy of a session, as the API does before one is set.
func checkProxies(ctx context.Context, p *patient) []remark {
	own, err := p.inspection()
	if err != nil {
		return []remark{skipped("proxies", "sessions can't be read (%s)", why(err))}
	}
	var proxies []string
	unreadable := 0
	for _, s := range own.Sessions {
		if s.Unreadable {
			unreadable++
		} else if proxy := s.Options.Proxy; proxy != "" && !slices.Contains(proxies, proxy) {
			proxies = append(proxies, proxy)
		}
	}
	if unreadable > 0 {
		return []remark{fail("proxies", "set the options of these sessions anew", "the options of %d sessions can't be read", unreadable)}
	}
	if len(proxies) == 0 {
		return []remark{skipped("proxies", "no session has one")}
	}
	n, done, err := p.visitor(ctx)
	if err != nil {
		return []remark{fail("proxies", "look at the system's directory for temporary files", "the client can't be opened: %s", plainly(err))}
	}
	defer done()
	var dead atomic.Int64
	var g errgroup.Group
	g.SetLimit(visitsAtOnce)
	for _, proxy := range proxies {
		g.Go(func() error {
			if n.TryProxy(ctx, proxy) != nil {
				dead.Add(1)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return []remark{fail("proxies", "", "%s", plainly(err))}
	}
	if dead.Load() > 0 {
		return []remark{warn("proxies", "POST /api/whatsapp/proxy/test tells of one", "%d of %d don't lead to WhatsApp", dead.Load(), len(proxies))}
	}
	return []remark{well("proxies", "all %d lead to WhatsApp", len(proxies))}
}

// checkWebhooks connects to the host of each enabled webhook, and posts nothing.
func checkWebhooks(ctx context.Context, p *patient) []remark {
	const name = "webhooks"
	if !p.Webhooks {
		return []remark{skipped(name, "as asked for")}
	}
	own, err := p.inspection()
	if err != nil {
		return []remark{skipped(name, "they can't be read (%s)", why(err))}
	}
	if len(own.Endpoints) == 0 {
		return []remark{skipped(name, "there is none that is enabled")}
	}
	guard := p.guard()
	bad := make([]*remark, len(own.Endpoints))
	var g errgroup.Group
	g.SetLimit(visitsAtOnce)
	for i, e := range own.Endpoints {
		g.Go(func() error {
			if err := dialWebhook(ctx, guard, e.URL); err != nil {
				f := warn(name, "its deliveries wait and are tried again", "%s of %s can't be reached: %s", e.ID, e.Tenant, reason(err))
				bad[i] = &f
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return []remark{fail(name, "", "%s", plainly(err))}
	}
	var all []remark
	for _, f := range bad {
		if f != nil {
			all = append(all, *f)
		}
	}
	if len(all) == 0 {
		return []remark{well(name, "the hosts of all %d can be connected to", len(own.Endpoints))}
	}
	return all
}

// dialWebhook connects to where a webhook is, over TLS if it is there by https.
func dialWebhook(ctx context.Context, guard *webhooks.Guard, raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return errors.New("its URL can't be read")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	conn, err := guard.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return err
	}
	defer conn.Close()
	if u.Scheme != "https" {
		return nil
	}
	secure := tls.Client(conn, &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("TLS: %w", err)
	}
	return nil
}
