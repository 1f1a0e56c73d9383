package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestForwardedFor(t *testing.T) {
	proxies, err := ParseProxies("10.0.0.0/8, 2001:db8:ffff::/48, 192.0.2.7")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{proxies: proxies}
	const peer = "10.0.0.1"
	for name, c := range map[string]struct {
		headers []string
		want    string
	}{
		"no header":                   {nil, peer},
		"an empty header":             {[]string{""}, peer},
		"one client":                  {[]string{"203.0.113.9"}, "203.0.113.9"},
		"spaces":                      {[]string{"  203.0.113.9\t"}, "203.0.113.9"},
		"a client that invents":       {[]string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
		"behind two proxies":          {[]string{"198.51.100.1, 203.0.113.9, 10.3.3.3"}, "203.0.113.9"},
		"behind proxies of all kinds": {[]string{"203.0.113.9, 192.0.2.7, 2001:db8:ffff::9, 10.3.3.3"}, "203.0.113.9"},
		"a client among the proxies":  {[]string{"10.1.1.1, 10.3.3.3"}, "10.1.1.1"},
		"one header a proxy":          {[]string{"198.51.100.1", "203.0.113.9", "10.3.3.3"}, "203.0.113.9"},
		"a client with a port":        {[]string{"203.0.113.9:51234"}, "203.0.113.9"},
		"IPv6":                        {[]string{"2001:db8::1"}, "2001:db8::1"},
		"IPv6 in brackets":            {[]string{"[2001:db8::1]"}, "2001:db8::1"},
		"IPv6 with a port":            {[]string{"[2001:db8::1]:51234"}, "2001:db8::1"},
		"IPv6 with a zone":            {[]string{"fe80::1%eth0"}, "fe80::1"},
		"IPv4 as IPv6":                {[]string{"203.0.113.9, ::ffff:10.3.3.3"}, "203.0.113.9"},
		"garbage":                     {[]string{"unknown"}, peer},
		"garbage behind a proxy":      {[]string{"203.0.113.9, _hidden, 10.3.3.3"}, "10.3.3.3"},
		"garbage before a client":     {[]string{"<script>, 203.0.113.9"}, "203.0.113.9"},
		"commas":                      {[]string{",,,"}, peer},
		"a range":                     {[]string{"203.0.113.0/24"}, peer},
		"a long list":                 {[]string{strings.Repeat("10.2.2.2,", 500) + "203.0.113.9" + strings.Repeat(",10.2.2.2", 500)}, "203.0.113.9"},
	} {
		var headers [][]byte
		for _, h := range c.headers {
			headers = append(headers, []byte(h))
		}
		if got := forwardedFor(netip.MustParseAddr(peer), headers, s.trusts); got.String() != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

func FuzzForwardedFor(f *testing.F) {
	f.Add("203.0.113.9, 10.3.3.3")
	f.Add("[2001:db8::1]:51234")
	f.Add("fe80::1%eth0,,]")
	s := &Server{proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	f.Fuzz(func(t *testing.T, header string) {
		peer := netip.MustParseAddr("10.0.0.1")
		got := forwardedFor(peer, [][]byte{[]byte(header)}, s.trusts)
		if !got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Errorf("%q makes %v", header, got)
		}
		// Whatever a client invents in front changes nothing behind an untrusted address.
		if behind := forwardedFor(peer, [][]byte{[]byte(header + ",203.0.113.9")}, s.trusts); behind.String() != "203.0.113.9" {
			t.Errorf("%q in front makes %v", header, behind)
		}
	})
}

func TestParseProxies(t *testing.T) {
	for list, want := range map[string]string{
		"": "[]", "127.0.0.1": "[127.0.0.1/32]", "::1, 10.1.2.3/8": "[::1/128 10.0.0.0/8]", "::ffff:10.0.0.0/104": "[10.0.0.0/8]",
	} {
		if got, err := ParseProxies(list); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%q makes %v, %v", list, got, err)
		}
	}
	for _, list := range []string{"0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96", "10.0.0.0/8,0.0.0.0/0", "proxy.example.com", "10.0.0.0/33", "fe80::1%eth0", "10.0.0.1-10.0.0.9"} {
		if got, err := ParseProxies(list); err == nil {
			t.Errorf("%q makes %v", list, got)
		}
	}
}

// TestLinksBehindAProxy asks for pairing links as a proxy passes requests on.
func TestLinksBehindAProxy(t *testing.T) {
	cases := map[string]struct {
		header           map[string]string
		trusted, unknown string // base of the link, if the proxy is trusted and if it is not
	}{
		"nothing said": {nil, "http://HOST", "http://HOST"},
		"scheme and host": {map[string]string{"X-Forwarded-Proto": "https", "X-Forwarded-Host": "wapid.example.com"},
			"https://wapid.example.com", "http://HOST"},
		"scheme only":    {map[string]string{"X-Forwarded-Proto": "HTTPS"}, "https://HOST", "http://HOST"},
		"a port":         {map[string]string{"X-Forwarded-Host": "wapid.example.com:8443"}, "http://wapid.example.com:8443", "http://HOST"},
		"lists":          {map[string]string{"X-Forwarded-Proto": "https, http", "X-Forwarded-Host": "evil.example, good.example"}, "http://good.example", "http://HOST"},
		"another scheme": {map[string]string{"X-Forwarded-Proto": "javascript"}, "http://HOST", "http://HOST"},
		"no host":        {map[string]string{"X-Forwarded-Host": "evil.example/path"}, "", "http://HOST"},
	}
	for _, trusted := range []bool{true, false} {
		d := start(t, func(d *daemon) {
			if trusted {
				d.server.proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
			}
		})
		d.wants(d.post("/api/whatsapp/session", `{"sessionId":"main"}`), http.StatusOK, "")
		for name, c := range cases {
			want := c.unknown
			if trusted {
				want = c.trusted
			}
			want = strings.Replace(want, "HOST", strings.TrimPrefix(d.url, "http://"), 1)
			r := d.do(call{method: http.MethodPost, path: "/api/whatsapp/session/main/pairing-link", key: d.key, header: c.header})
			if want == "" {
				d.wants(r, http.StatusBadRequest, "INVALID_REQUEST")
				continue
			}
			var link pairingLinkResponse
			if err := json.Unmarshal([]byte(r.body), &link); err != nil || !strings.HasPrefix(link.URL, want+"/pair/") {
				t.Errorf("trusted %v, %s: answers %d %s, want %s/pair/…", trusted, name, r.status, r.body, want)
			}
		}
	}
}

// TestGuessesBehindAProxy tries wrong keys in the name of one client, until it has to
// wait: another behind the same proxy does not. Who is no trusted proxy can't choose.
func TestGuessesBehindAProxy(t *testing.T) {
	for _, trusted := range []bool{true, false} {
		d := start(t, func(d *daemon) {
			if trusted {
				d.server.proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
			}
		})
		try := func(client, key string) int {
			return d.do(call{method: http.MethodGet, path: "/api/whatsapp/sessions", key: key,
				header: map[string]string{"X-Forwarded-For": client}}).status
		}
		bucket := d.server.rates.strangerAt(netip.MustParseAddr("203.0.113.9"))
		if !trusted {
			bucket = d.server.rates.strangerAt(netip.MustParseAddr("127.0.0.1"))
		}
		for bucket.Allow() {
		}
		got := []int{try("203.0.113.9", "wrong"), try("198.51.100.1, 203.0.113.9", "wrong"), try("203.0.113.10", "wrong"), try("203.0.113.10", d.key)}
		want := []int{429, 429, 401, 200}
		if !trusted {
			want = []int{429, 429, 429, 429}
		}
		if !slices.Equal(got, want) {
			t.Errorf("trusted %v: answers %v, want %v", trusted, got, want)
		}
	}
}
