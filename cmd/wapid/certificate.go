package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// certificateLook is how often the files of a certificate are read again. They are a
// few kilobytes, and reading them finds every way in which files are replaced, also
// Kubernetes' and certbot's symbolic links.
const certificateLook = 10 * time.Second

// fileCertificate is a certificate that others keep in two files. It goes over to a new
// one for new connections and leaves those that are open alone. Files that don't belong
// together, as they are between the writing of the two, change nothing.
type fileCertificate struct {
	cert, key string // paths, PEM
	log       *zap.Logger
	current   atomic.Pointer[tls.Certificate]

	// What the files held at the last look; only open and look use it.
	certRaw, keyRaw []byte
	unreadable      bool // the last look could not read them
}

// openCertificate reads the certificate for the first time. The daemon does not start
// with one that can't be used.
func openCertificate(cert, key string, log *zap.Logger) (*fileCertificate, error) {
	c := &fileCertificate{cert: cert, key: key, log: log}
	certRaw, keyRaw, err := c.read()
	if err != nil {
		return nil, err
	}
	pair, err := c.pair(certRaw, keyRaw)
	if err != nil {
		return nil, err
	}
	c.certRaw, c.keyRaw = certRaw, keyRaw
	c.adopt("certificate in use", pair)
	return c, nil
}

// Run looks at the files until ctx ends.
func (c *fileCertificate) Run(ctx context.Context) error {
	again := time.NewTicker(certificateLook)
	defer again.Stop()
	for {
		select {
		case <-again.C:
			c.look()
		case <-ctx.Done():
			return nil
		}
	}
}

// look takes what the files hold if it is new and fits. It logs once of each content
// that can't be used.
func (c *fileCertificate) look() {
	certRaw, keyRaw, err := c.read()
	if err != nil {
		if !c.unreadable {
			c.log.Error("the certificate's files can't be read: the one in use stays", zap.Error(err))
		}
		c.unreadable = true
		return
	}
	c.unreadable = false
	if bytes.Equal(certRaw, c.certRaw) && bytes.Equal(keyRaw, c.keyRaw) {
		return
	}
	c.certRaw, c.keyRaw = certRaw, keyRaw
	pair, err := c.pair(certRaw, keyRaw)
	if err != nil {
		c.log.Error("the new certificate can't be used: the one in use stays", zap.Error(err))
		return
	}
	c.adopt("new certificate in use", pair)
}

func (c *fileCertificate) read() (certRaw, keyRaw []byte, err error) {
	if certRaw, err = os.ReadFile(c.cert); err != nil {
		return nil, nil, fmt.Errorf("--tls-cert: %w", err)
	}
	if keyRaw, err = os.ReadFile(c.key); err != nil {
		return nil, nil, fmt.Errorf("--tls-key: %w", err)
	}
	return certRaw, keyRaw, nil
}

// pair puts the two together. Its errors name the files, not what is in them.
func (c *fileCertificate) pair(certRaw, keyRaw []byte) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(certRaw, keyRaw)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", c.cert, c.key, err)
	}
	return &pair, nil
}

// adopt uses a certificate from here on. One that has run out is used all the same, as
// there is no better one, and told.
func (c *fileCertificate) adopt(what string, pair *tls.Certificate) {
	c.current.Store(pair)
	fields := []zap.Field{zap.Strings("names", pair.Leaf.DNSNames), zap.Time("expires", pair.Leaf.NotAfter)}
	if time.Now().After(pair.Leaf.NotAfter) {
		c.log.Error(what+", which has expired", fields...)
		return
	}
	c.log.Info(what, fields...)
}

// config is the TLS of a server with this certificate.
func (c *fileCertificate) config() *tls.Config {
	return serverTLS(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil })
}

// serverTLS is what both kinds of certificates share: TLS 1.2 and newer with Go's own
// choice of ciphers, and HTTP/1.1, which is what fasthttp speaks.
func serverTLS(get func(*tls.ClientHelloInfo) (*tls.Certificate, error), protocols ...string) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: append([]string{"http/1.1"}, protocols...), GetCertificate: get}
}
