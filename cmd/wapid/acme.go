package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// acmeDir holds account and certificates, within the data directory.
const acmeDir = "acme"

// authority gets certificates from a certificate authority by ACME and renews them. The
// daemon itself answers the authority's questions: on the API's own address by
// TLS-ALPN-01, and where there is a listener for plain HTTP by HTTP-01 as well.
type authority struct {
	domains []string
	config  *certmagic.Config
	issuer  *certmagic.ACMEIssuer
	cache   *certmagic.Cache
	stop    sync.Once
}

// authorityConfig says which names to certify, and by whom.
type authorityConfig struct {
	Domains   []string
	Email     string // for the authority's account; may be empty
	Directory string // URL
	Roots     string // PEM file that the directory's own certificate is checked with; "" for the system's
	Dir       string // data directory
	API       *net.TCPAddr
	Redirect  *net.TCPAddr // nil for none
	Log       *zap.Logger
}

// openAuthority reads what is kept of earlier lives; nothing is asked for before Run.
// close must be called, also without a Run.
func openAuthority(c authorityConfig) (*authority, error) {
	roots, err := readRoots(c.Roots)
	if err != nil {
		return nil, err
	}
	a := &authority{domains: c.Domains}
	a.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return a.config, nil },
		Logger:           c.Log,
	})
	a.config = certmagic.New(a.cache, certmagic.Config{
		Storage:           &certmagic.FileStorage{Path: filepath.Join(c.Dir, acmeDir)}, // for its user alone
		DefaultServerName: c.Domains[0],                                                // for who asks by address, as this machine's own commands do
		OCSP:              certmagic.OCSPConfig{DisableStapling: true},                 // authorities have given it up
		Logger:            c.Log,
	})
	// certmagic looks whether these addresses are taken, and leaves the answer to who has them.
	issuer := certmagic.ACMEIssuer{
		CA: c.Directory, Email: c.Email, Agreed: true, TrustedRoots: roots, Logger: c.Log,
		AltTLSALPNPort: c.API.Port, DisableHTTPChallenge: c.Redirect == nil,
	}
	if !c.API.IP.IsUnspecified() {
		issuer.ListenHost = c.API.IP.String()
	}
	if c.Redirect != nil {
		issuer.AltHTTPPort = c.Redirect.Port
	}
	a.issuer = certmagic.NewACMEIssuer(a.config, issuer)
	a.config.Issuers = []certmagic.Issuer{a.issuer}
	return a, nil
}

// readRoots reads a file of root certificates; nil stands for the system's.
func readRoots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--acme-roots: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("--acme-roots: %s holds no certificate", path)
	}
	return roots, nil
}

// Run gets what certificates are missing and renews all in time, until ctx ends. A
// failure is tried again with growing pauses, and is told in the log.
func (a *authority) Run(ctx context.Context) error {
	defer a.close()
	if err := a.config.ManageAsync(ctx, a.domains); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// close stops the renewals.
func (a *authority) close() { a.stop.Do(a.cache.Stop) }

// tls is that of a server with these certificates. As long as there are none, or none
// for the name that a client asks for, handshakes fail.
func (a *authority) tls() *tls.Config {
	return serverTLS(a.config.GetCertificate, "acme-tls/1")
}

// challenges answers the authority on plain HTTP, and hands everything else to next.
func (a *authority) challenges(next http.Handler) http.Handler {
	return a.issuer.HTTPChallengeHandler(next)
}

// tcpAddr is the address of a listener of ours.
func tcpAddr(ln net.Listener) (*net.TCPAddr, error) {
	addr, ok := ln.Addr().(*net.TCPAddr)
	if !ok {
		return nil, errors.New("the listener has no port")
	}
	return addr, nil
}
