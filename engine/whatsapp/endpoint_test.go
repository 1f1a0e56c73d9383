package whatsapp

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// issue makes a certificate for names, signed by parent or by itself.
func issue(t *testing.T, parent *x509.Certificate, signer *ecdsa.PrivateKey, names ...string) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: parent == nil, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	if parent == nil {
		parent, signer = template, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func TestReadEndpoint(t *testing.T) {
	ca, _ := issue(t, nil, nil)
	good := map[string]any{
		"address":      "127.0.0.1:9443",
		"ca":           string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})),
		"noiseRootKey": strings.Repeat("0a", 32),
		"control":      "http://127.0.0.1:9444",
	}
	with := func(key string, value any) string {
		file := map[string]any{}
		for k, v := range good {
			file[k] = v
		}
		file[key] = value
		raw, _ := json.Marshal(file)
		return string(raw)
	}
	for name, c := range map[string]struct {
		file, defect string
	}{
		"good":                 {with("address", "127.0.0.1:9443"), ""},
		"a name":               {with("address", "sim.example:443"), ""},
		"no control":           {with("control", ""), ""},
		"no JSON":              {"address: x", "not the expected JSON"},
		"fields for others":    {with("media", "x"), ""},
		"more than one":        {with("control", "") + "{}", "behind the JSON object"},
		"no address":           {with("address", ""), "is not host:port"},
		"address without port": {with("address", "127.0.0.1"), "is not host:port"},
		"port 0":               {with("address", "127.0.0.1:0"), "is not host:port"},
		"no host":              {with("address", ":9443"), "is not host:port"},
		"no certificate":       {with("ca", "x"), "no PEM certificate"},
		"short key":            {with("noiseRootKey", "0a"), "64 hexadecimal digits"},
		"key of other digits":  {with("noiseRootKey", strings.Repeat("xy", 32)), "64 hexadecimal digits"},
		"odd control":          {with("control", "127.0.0.1:9444"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "network.json")
			if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			e, err := ReadEndpoint(path)
			if c.defect == "" {
				if err != nil || e.NoiseRootKey != [32]byte(bytes.Repeat([]byte{10}, 32)) {
					t.Errorf("got %+v, %v", e, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.defect) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want the path and %q", err, c.defect)
			}
		})
	}
	if _, err := ReadEndpoint(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("read a file that does not exist")
	}
}

func TestDialAddress(t *testing.T) {
	e := &Endpoint{Address: "10.1.2.3:9443"}
	for asked, want := range map[string]string{
		"web.whatsapp.com:443": "10.1.2.3:9443",
		"mmg.whatsapp.net:443": "10.1.2.3:9443",
		"example.org:80":       "10.1.2.3:9443",
		"localhost:5000":       "10.1.2.3:9443",
		"127.0.0.1:5000":       "127.0.0.1:5000",
		"[::1]:5000":           "[::1]:5000",
		"157.240.0.1:443":      "10.1.2.3:9443",
		"[2a03:2880::1]:443":   "10.1.2.3:9443",
	} {
		if got := e.dialAddress(asked); got != want {
			t.Errorf("%s is dialled at %s, want %s", asked, got, want)
		}
	}
}

func TestVerifyLeaf(t *testing.T) {
	ca, key := issue(t, nil, nil)
	other, _ := issue(t, nil, nil)
	web, _ := issue(t, ca, key, "*.whatsapp.com")
	local, _ := issue(t, ca, key, "127.0.0.1")
	trust := func(c *x509.Certificate) *x509.CertPool {
		pool := x509.NewCertPool()
		pool.AddCert(c)
		return pool
	}
	for name, c := range map[string]struct {
		leaf  *x509.Certificate
		roots *x509.CertPool
		hosts []string
		ok    bool
	}{
		"for the host asked for":   {web, trust(ca), []string{"web.whatsapp.com", "127.0.0.1"}, true},
		"for the endpoint's host":  {local, trust(ca), []string{"web.whatsapp.com", "127.0.0.1"}, true},
		"for neither":              {web, trust(ca), []string{"mmg.whatsapp.net", "127.0.0.1"}, false},
		"of another authority":     {web, trust(other), []string{"web.whatsapp.com"}, false},
		"of a public one, perhaps": {web, x509.NewCertPool(), []string{"web.whatsapp.com"}, false},
	} {
		if err := verifyLeaf([]*x509.Certificate{c.leaf}, c.roots, c.hosts...); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := verifyLeaf(nil, trust(ca), "x"); err == nil {
		t.Error("no certificate at all is accepted")
	}
}

func TestRealNetworkVerifiesAsUsual(t *testing.T) {
	transport := newTransport(nil, nil)
	if transport.TLSClientConfig != nil || transport.DialTLSContext != nil {
		t.Error("the real network is not verified by crypto/tls alone")
	}
}
