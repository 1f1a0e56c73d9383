package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// certificateFiles makes a certificate for wapid.test and 127.0.0.1 that signs itself,
// as PEM.
func certificateFiles(t testing.TB, serial int64, life time.Duration) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(life),
		DNSNames: []string{"wapid.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// keptFiles are the two files of a certificate.
type keptFiles struct {
	t         testing.TB
	cert, key string
}

func keepFiles(t testing.TB) keptFiles {
	dir := t.TempDir()
	return keptFiles{t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
}

func (k keptFiles) write(cert, key []byte) {
	k.t.Helper()
	for path, content := range map[string][]byte{k.cert: cert, k.key: key} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			k.t.Fatal(err)
		}
	}
}

func (c *fileCertificate) serial() int64 { return c.current.Load().Leaf.SerialNumber.Int64() }

func TestCertificateFollowsItsFiles(t *testing.T) {
	files := keepFiles(t)
	cert1, key1 := certificateFiles(t, 1, time.Hour)
	cert2, key2 := certificateFiles(t, 2, time.Hour)
	cert3, key3 := certificateFiles(t, 3, -time.Hour)
	files.write(cert1, key1)
	core, logs := observer.New(zap.InfoLevel)
	c, err := openCertificate(files.cert, files.key, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	told := func(want ...string) {
		t.Helper()
		var got []string
		for _, line := range logs.TakeAll() {
			got = append(got, line.Level.String()+" "+line.Message)
		}
		if !slices.Equal(got, want) {
			t.Errorf("logged %q, want %q", got, want)
		}
	}
	told("info certificate in use")
	steps := []struct {
		what      string
		cert, key []byte
		serial    int64
		log       []string
	}{
		{"nothing", cert1, key1, 1, nil},
		{"the new certificate beside the old key", cert2, key1, 1, []string{"error the new certificate can't be used: the one in use stays"}},
		{"the same again", cert2, key1, 1, nil},
		{"both", cert2, key2, 2, []string{"info new certificate in use"}},
		{"half a file", cert1[:len(cert1)/2], key1, 2, []string{"error the new certificate can't be used: the one in use stays"}},
		{"an empty file", nil, key1, 2, []string{"error the new certificate can't be used: the one in use stays"}},
		{"the old one back", cert1, key1, 1, []string{"info new certificate in use"}},
		{"one that has run out", cert3, key3, 3, []string{"error new certificate in use, which has expired"}},
	}
	for _, s := range steps {
		files.write(s.cert, s.key)
		c.look()
		if got := c.serial(); got != s.serial {
			t.Errorf("after %s the certificate %d is in use", s.what, got)
		}
		told(s.log...)
	}
	if err := os.Remove(files.key); err != nil {
		t.Fatal(err)
	}
	c.look()
	c.look()
	told("error the certificate's files can't be read: the one in use stays")
	files.write(cert1, key1)
	c.look()
	told("info new certificate in use")
}

func TestCertificateIsLookedAtNowAndThen(t *testing.T) {
	files := keepFiles(t)
	files.write(certificateFiles(t, 1, time.Hour))
	synctest.Test(t, func(t *testing.T) {
		c, err := openCertificate(files.cert, files.key, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.Run(ctx) }()
		files.write(certificateFiles(t, 2, time.Hour))
		time.Sleep(certificateLook - time.Second)
		if got := c.serial(); got != 1 {
			t.Errorf("too early the certificate is %d", got)
		}
		time.Sleep(2 * time.Second)
		if got := c.serial(); got != 2 {
			t.Errorf("the certificate is %d", got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestNewCertificateLeavesConnectionsAlone changes the certificate under an open connection.
func TestNewCertificateLeavesConnectionsAlone(t *testing.T) {
	files := keepFiles(t)
	files.write(certificateFiles(t, 1, time.Hour))
	c, err := openCertificate(files.cert, files.key, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", c.config())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	echoing := make(chan struct{})
	go func() {
		defer close(echoing)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn); conn.Close() }()
		}
	}()
	dial := func() *tls.Conn {
		conn, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	serial := func(conn *tls.Conn) int64 {
		t.Helper()
		if _, err := conn.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	old := dial()
	defer old.Close()
	if got := serial(old); got != 1 {
		t.Errorf("the first connection sees %d", got)
	}
	files.write(certificateFiles(t, 2, time.Hour))
	c.look()
	fresh := dial()
	defer fresh.Close()
	if a, b := serial(old), serial(fresh); a != 1 || b != 2 {
		t.Errorf("the old connection sees %d, the new one %d", a, b)
	}
	ln.Close()
	<-echoing
}
