package webhooks

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"wapid/engine"
)

func TestGuardPermits(t *testing.T) {
	allow, err := ParsePrefixes("10.1.0.0/16, fd00::/8,192.168.1.7")
	if err != nil {
		t.Fatal(err)
	}
	g := NewGuard(allow)
	for addr, want := range map[string]bool{
		"8.8.8.8":          true,
		"1.1.1.1":          true,
		"172.15.255.255":   true,
		"172.32.0.0":       true,
		"100.63.255.255":   true,
		"100.128.0.0":      true,
		"2606:4700::1111":  true,
		"::ffff:8.8.8.8":   true,
		"0.0.0.0":          false,
		"0.1.2.3":          false,
		"127.0.0.1":        false,
		"127.9.9.9":        false,
		"10.0.0.1":         false,
		"100.64.0.1":       false,
		"100.100.100.200":  false,
		"169.254.169.254":  false,
		"168.63.129.16":    false,
		"172.16.0.1":       false,
		"172.31.255.255":   false,
		"192.0.0.192":      false,
		"192.0.2.1":        false,
		"192.168.1.1":      false,
		"198.19.0.1":       false,
		"198.51.100.9":     false,
		"203.0.113.5":      false,
		"224.0.0.1":        false,
		"239.255.255.250":  false,
		"255.255.255.255":  false,
		"::":               false,
		"::1":              false,
		"::7f00:1":         false, // IPv4-compatible
		"::ffff:127.0.0.1": false,
		"::ffff:10.0.0.1":  false,
		"64:ff9b::7f00:1":  false,
		"64:ff9b::808:808": false,
		"64:ff9b:1::1":     false,
		"2002:7f00:1::":    false,
		"2001:0:1::1":      false,
		"2001:db8::1":      false,
		"3fff::1":          false,
		"fe80::1":          false,
		"fe80::1%eth0":     false,
		"fc00::1":          false,
		"ff02::1":          false,
		"100::1":           false,
		"10.1.2.3":         true, // allowed by the operator
		"::ffff:10.1.2.3":  true,
		"192.168.1.7":      true,
		"fd00:ec2::254":    true,
	} {
		if got := g.Permits(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: got %v, want %v", addr, got, want)
		}
	}
	if g.Permits(netip.Addr{}) {
		t.Error("no address at all is permitted")
	}
}

func TestParsePrefixes(t *testing.T) {
	got, err := ParsePrefixes("127.0.0.1/8,::1/128, 10.0.0.5 ,")
	if err != nil || len(got) != 3 || got[0].String() != "127.0.0.0/8" || got[1].String() != "::1/128" || got[2].String() != "10.0.0.5/32" {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := ParsePrefixes(""); len(got) != 0 || err != nil {
		t.Errorf("empty: %v, %v", got, err)
	}
	for _, bad := range []string{"10.0.0.0/33", "localhost", "fe80::1%eth0", "10.0.0.0/8;::1"} {
		if _, err := ParsePrefixes(bad); engine.CodeOf(err) != engine.CodeInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestCheckURL(t *testing.T) {
	g := NewGuard(nil)
	for raw, want := range map[string]engine.Code{
		"https://example.com":          "",
		"http://8.8.8.8/":              "",
		"http://localhost:80/":         engine.CodeEgressRefused,
		"http://LOCALHOST./":           engine.CodeEgressRefused,
		"http://a.localhost":           engine.CodeEgressRefused,
		"http://127.0.0.1":             engine.CodeEgressRefused,
		"http://[::ffff:127.0.0.1]:1/": engine.CodeEgressRefused,
	} {
		if got := engine.CodeOf(g.CheckURL(raw)); got != want {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
	}
}

// The address counts, not the spelling: every one of these reaches loopback.
func TestClientRefusesLoopbackHoweverItIsSpelled(t *testing.T) {
	reached := false
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer srv.Close()
	port := srv.URL[strings.LastIndex(srv.URL, ":"):]
	client := NewGuard(nil).Client(5*time.Second, 0)
	defer client.CloseIdleConnections()
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::1]", "0.0.0.0", "[::]"} {
		resp, err := client.Get("http://" + host + port)
		if err == nil {
			resp.Body.Close()
			t.Errorf("%s was reached", host)
			continue
		}
		if !Refused(err) {
			t.Errorf("%s: %v", host, err)
		}
		if describe(err) != wordNoAddress {
			t.Errorf("%s is described as %q", host, describe(err))
		}
	}
	// Resolvers differ in whether they understand these; none may get through.
	for _, host := range []string{"127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost."} {
		if resp, err := client.Get("http://" + host + port); err == nil {
			resp.Body.Close()
			t.Errorf("%s was reached", host)
		}
	}
	if reached {
		t.Error("a request arrived")
	}
}

func TestClientIgnoresTheProxyOfTheEnvironment(t *testing.T) {
	proxied := false
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { proxied = true }))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	client := NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}).Client(5*time.Second, 0)
	defer client.CloseIdleConnections()
	if client.Transport.(*http.Transport).Proxy != nil {
		t.Error("the transport asks for a proxy")
	}
	if resp, err := client.Get("http://127.77.0.1:1/"); err == nil {
		resp.Body.Close()
		t.Error("a refused address answered")
	}
	if proxied {
		t.Error("the request went through the proxy")
	}
}

func TestClientRedirects(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/ok", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	mux.Handle("/once", http.RedirectHandler("/ok", http.StatusTemporaryRedirect))
	mux.Handle("/inside", http.RedirectHandler("http://127.0.0.2:1/", http.StatusTemporaryRedirect))
	srv := httptest.NewServer(mux)
	defer srv.Close()
	g := NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")})
	get := func(path string, maxRedirects int) (int, error) {
		client := g.Client(5*time.Second, maxRedirects)
		defer client.CloseIdleConnections()
		resp, err := client.Get(srv.URL + path)
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		return resp.StatusCode, nil
	}
	if status, err := get("/once", 0); status != 307 || err != nil {
		t.Errorf("not to be followed: %d, %v", status, err)
	}
	if status, err := get("/once", 1); status != 204 || err != nil {
		t.Errorf("to be followed once: %d, %v", status, err)
	}
	if status, err := get("/inside", 1); !Refused(err) {
		t.Errorf("redirect to a refused address: %d, %v", status, err)
	}
}
