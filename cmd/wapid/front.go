package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/idna"
	"golang.org/x/sync/errgroup"

	"wapid/httpapi"
)

// frontSettings are those of what stands between the daemon and its clients.
type frontSettings struct {
	TrustedProxies string   `help:"Proxies in front whose X-Forwarded-For, -Proto and -Host are believed (CIDRs, comma separated)." name:"trusted-proxies" env:"WAPID_TRUSTED_PROXIES" placeholder:"CIDRS"`
	TLSCert        string   `help:"Speak TLS with the certificate chain in this PEM file; read again when it changes." name:"tls-cert" env:"WAPID_TLS_CERT" placeholder:"FILE"`
	TLSKey         string   `help:"The certificate's key, a PEM file." name:"tls-key" env:"WAPID_TLS_KEY" placeholder:"FILE"`
	ACMEDomains    []string `help:"Speak TLS with certificates for these names, got and renewed by ACME; accepts the authority's terms." name:"acme-domain" env:"WAPID_ACME_DOMAIN" placeholder:"NAME"`
	ACMEEmail      string   `help:"Where the certificate authority writes to." name:"acme-email" env:"WAPID_ACME_EMAIL" placeholder:"ADDRESS"`
	ACMEDirectory  string   `help:"The certificate authority (default ${default})." name:"acme-directory" default:"https://acme-v02.api.letsencrypt.org/directory" env:"WAPID_ACME_DIRECTORY" placeholder:"URL"`
	ACMERoots      string   `help:"Check the authority's own server with the roots in this PEM file instead of the system's." name:"acme-roots" env:"WAPID_ACME_ROOTS" placeholder:"FILE"`
	RedirectListen string   `help:"Where browsers that come by plain HTTP are led to HTTPS, and ACME's HTTP-01 is answered (usual: :80)." name:"http-redirect-listen" env:"WAPID_HTTP_REDIRECT_LISTEN" placeholder:"HOST:PORT"`

	ShutdownTimeout time.Duration `help:"How long the daemon may take to stop; then it ends at once (default ${default})." name:"shutdown-timeout" default:"40s" env:"WAPID_SHUTDOWN_TIMEOUT" placeholder:"DURATION"`
}

// Validate refuses settings that contradict each other or can't be read.
func (f frontSettings) Validate() error {
	if _, err := httpapi.ParseProxies(f.TrustedProxies); err != nil {
		return fmt.Errorf("--trusted-proxies: %s", oneLine(err))
	}
	switch {
	case f.ShutdownTimeout < time.Second:
		return errors.New("--shutdown-timeout may not be below 1s")
	case (f.TLSCert == "") != (f.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key go together")
	case f.TLSCert != "" && len(f.ACMEDomains) > 0:
		return errors.New("either --tls-cert or --acme-domain says where certificates come from")
	case len(f.ACMEDomains) == 0 && (f.ACMEEmail != "" || f.ACMERoots != ""):
		return errors.New("--acme-email and --acme-roots need --acme-domain")
	case f.RedirectListen != "" && !f.speaksTLS():
		return errors.New("--http-redirect-listen needs TLS: --tls-cert or --acme-domain")
	}
	for _, domain := range f.ACMEDomains {
		if err := checkDomain(domain); err != nil {
			return err
		}
	}
	if u, err := url.Parse(f.ACMEDirectory); len(f.ACMEDomains) > 0 && (err != nil || u.Scheme != "https" || u.Host == "") {
		return errors.New("--acme-directory must be an https:// URL")
	}
	return nil
}

func (f frontSettings) speaksTLS() bool { return f.TLSCert != "" || len(f.ACMEDomains) > 0 }

// checkDomain refuses what an authority can't certify by asking the daemon.
func checkDomain(domain string) error {
	_, addrErr := netip.ParseAddr(domain)
	name, err := idna.Lookup.ToASCII(domain)
	switch {
	case strings.Contains(domain, "*"):
		return fmt.Errorf("--acme-domain: %s would need a challenge by DNS, which the daemon can't answer: get that certificate with another program and give it by --tls-cert", domain)
	case addrErr == nil || err != nil || !strings.Contains(name, ".") || slices.Contains(strings.Split(name, "."), "") || name != strings.ToLower(domain):
		return fmt.Errorf("--acme-domain: %q is not a name such as wapid.example.com", domain)
	}
	return nil
}

// front is what stands between the daemon and its clients. Each part may be missing.
type front struct {
	tls       *tls.Config // nil for plain HTTP
	strict    []string    // names that are to be reached by TLS only
	file      *fileCertificate
	authority *authority
	redirect  *redirect
}

// open makes ready what the settings ask for. public is the base URL that clients
// know, perhaps empty; api is where the API listens. close must be called, also after an
// error.
func (f *front) open(c appConfig, dir, public string, api *net.TCPAddr) error {
	if !c.speaksTLS() {
		return nil
	}
	var err error
	var plain *net.TCPAddr
	if c.RedirectListen != "" {
		if f.redirect, err = openRedirect(c.RedirectListen, httpsOnly(public), api); err != nil {
			return err
		}
		if plain, err = tcpAddr(f.redirect.listener); err != nil {
			return err
		}
	}
	f.strict = strictHosts(c.ACMEDomains, public)
	if c.TLSCert != "" {
		if f.file, err = openCertificate(c.TLSCert, c.TLSKey, c.Log.Named("tls")); err != nil {
			return err
		}
		f.tls = f.file.config()
		return nil
	}
	f.authority, err = openAuthority(authorityConfig{
		Domains: c.ACMEDomains, Email: c.ACMEEmail, Directory: c.ACMEDirectory, Roots: c.ACMERoots,
		Dir: dir, API: api, Redirect: plain, Log: c.Log.Named("acme"),
	})
	if err != nil {
		return err
	}
	f.tls = f.authority.tls()
	if f.redirect != nil {
		f.redirect.answerFirst(f.authority.challenges)
	}
	return nil
}

// httpsOnly is a base URL if it is one of HTTPS.
func httpsOnly(public string) string {
	if !strings.HasPrefix(public, "https://") {
		return ""
	}
	return public
}

// strictHosts are the names by which the daemon will always be reached by TLS: those
// that it gets certificates for, and that of its public URL. A browser that was told so
// lets nobody pass who has no valid certificate, so that names of a local network and
// addresses are not among them.
func strictHosts(domains []string, public string) []string {
	var hosts []string
	for _, domain := range domains {
		hosts = append(hosts, strings.ToLower(domain))
	}
	if u, err := url.Parse(httpsOnly(public)); err == nil {
		name := strings.ToLower(u.Hostname())
		_, addrErr := netip.ParseAddr(name)
		local := slices.ContainsFunc([]string{".local", ".internal", ".localhost", ".lan", ".home.arpa", ".test"},
			func(suffix string) bool { return strings.HasSuffix(name, suffix) })
		if strings.Contains(name, ".") && addrErr != nil && !local {
			hosts = append(hosts, name)
		}
	}
	return hosts
}

// Run runs the parts until ctx ends or one fails. ready waits until the API answers,
// which is when an authority may ask; it is false if ctx ended first.
func (f *front) Run(ctx context.Context, ready func(context.Context) bool) error {
	group, ctx := errgroup.WithContext(ctx)
	if f.file != nil {
		group.Go(func() error { return f.file.Run(ctx) })
	}
	if f.redirect != nil {
		group.Go(func() error { return f.redirect.Run(ctx) })
	}
	if f.authority != nil {
		group.Go(func() error {
			if !ready(ctx) {
				return nil
			}
			return f.authority.Run(ctx)
		})
	}
	return group.Wait()
}

// visitURL is where a browser on this machine finds the API: by the name that its
// certificate is for, if the daemon gets that itself.
func (a *app) visitURL() string {
	if a.front.authority == nil {
		return reachableURL(a.scheme(), a.listener.Addr())
	}
	host := a.front.authority.domains[0]
	if api, err := tcpAddr(a.listener); err == nil && api.Port != 443 {
		host = net.JoinHostPort(host, strconv.Itoa(api.Port))
	}
	return "https://" + host
}

// close gives back what open took.
func (f *front) close() error {
	if f.authority != nil {
		f.authority.close()
	}
	if f.redirect != nil {
		return f.redirect.close()
	}
	return nil
}
