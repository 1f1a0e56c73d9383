package webhooks

import (
	"net/url"
	"strings"
	"testing"

	"wapid/engine"
)

func TestParseURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://example.com":                  "https://example.com",
		" https://example.com/a?b=c#frag ":     "https://example.com/a?b=c",
		"HTTP://example.com:8080/":             "http://example.com:8080/",
		"http://[::1]:9/x":                     "http://[::1]:9/x",
		"":                                     "",
		"example.com":                          "",
		"//example.com":                        "",
		"ftp://example.com":                    "",
		"javascript:alert(1)":                  "",
		"http:example.com":                     "",
		"http://":                              "",
		"http://:80/":                          "",
		"http://user@example.com":              "",
		"http://user:pass@example.com":         "",
		"http://@example.com":                  "",
		"http://example.com:0/":                "",
		"http://example.com:65536/":            "",
		"http://example.com:99999999999999999": "",
		"http://exa mple.com/":                 "",
		"http://example.com/\nX: y":            "",
		"http://example.com/%zz":               "",
		"http://e.com/" + strings.Repeat("a", MaxURLLength): "",
		"http://e.com/" + strings.Repeat("ü", 700):          "",
	} {
		got, err := ParseURL(in)
		if got != want {
			t.Errorf("%.60q: got %q, want %q", in, got, want)
		}
		if wantCode := engine.CodeInvalid; want == "" && engine.CodeOf(err) != wantCode || want != "" && err != nil {
			t.Errorf("%.60q: error %v", in, err)
		}
	}
}

func TestCheckSecret(t *testing.T) {
	if err := CheckSecret(strings.Repeat("a", MaxSecretLength)); err != nil {
		t.Error(err)
	}
	if err := CheckSecret(strings.Repeat("a", MaxSecretLength+1)); engine.CodeOf(err) != engine.CodeInvalid {
		t.Errorf("got %v", err)
	}
}

func FuzzParseURL(f *testing.F) {
	f.Add("https://example.com/a?b=c#d")
	f.Add("http://[fe80::1%25eth0]:80/")
	f.Add("http://a@b")
	f.Fuzz(func(t *testing.T, in string) {
		out, err := ParseURL(in)
		if err != nil {
			if engine.CodeOf(err) != engine.CodeInvalid || out != "" {
				t.Fatalf("%q: %q, %v", in, out, err)
			}
			return
		}
		u, err := url.Parse(out)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil ||
			u.Fragment != "" || len(out) > MaxURLLength {
			t.Fatalf("%q became %q", in, out)
		}
		if again, err := ParseURL(out); err != nil || again != out {
			t.Fatalf("%q became %q and then %q, %v", in, out, again, err)
		}
	})
}

func TestParseTypes(t *testing.T) {
	for _, c := range []struct {
		in []string
		ok bool
	}{
		{[]string{"message"}, true}, {[]string{"*"}, true}, {[]string{"call", "message.status", "group", "test"}, true},
		{nil, false}, {[]string{}, false}, {[]string{""}, false}, {[]string{"Message"}, false}, {[]string{"*", "message"}, false},
		{[]string{"message", "message"}, false}, {[]string{"message,call"}, false}, {[]string{"%"}, false},
	} {
		types, err := ParseTypes(c.in)
		if c.ok != (err == nil) || !c.ok && engine.CodeOf(err) != engine.CodeInvalid || c.ok && len(types) != len(c.in) {
			t.Errorf("%q: %v, %v", c.in, types, err)
		}
	}
	if got := (Endpoint{}).Wants(); len(got) != 5 {
		t.Errorf("an endpoint that asks for nothing gets %v", got)
	}
}
