package engine

import "testing"

func TestParseProxy(t *testing.T) {
	for _, good := range []string{
		"http://proxy", "http://proxy:3128", "https://user:secret@proxy.example.com/", "socks5://10.0.0.1:1080",
		"socks5h://us%20er:p%3Aw@[2001:db8::1]:1080", "HTTP://proxy",
	} {
		if _, err := ParseProxy(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "proxy:3128", "ftp://proxy", "socks4://proxy", "http://", "http://:3128", "http://proxy:", "http://proxy:0", "http://proxy:99999",
		"http://proxy/path", "http://proxy?x", "http://proxy?", "http://proxy#x", "http:proxy", "http://us er@proxy", "http://proxy\n",
	} {
		if _, err := ParseProxy(bad); CodeOf(err) != CodeInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestRedactProxy(t *testing.T) {
	for raw, want := range map[string]string{
		"": "", "http://proxy:3128": "http://proxy:3128", "socks5://user:secret@proxy": "socks5://user@proxy", "http://:secret@proxy": "http://@proxy",
	} {
		if got := RedactProxy(raw); got != want {
			t.Errorf("%s is shown as %s, want %s", raw, got, want)
		}
	}
}
