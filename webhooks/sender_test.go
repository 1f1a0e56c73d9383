package webhooks

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"wapid/engine"
)

// sent posts one event to a real receiver and returns what it got.
func sent(t *testing.T, e Endpoint, at time.Time) (http.Header, []byte) {
	t.Helper()
	var header http.Header
	var body []byte
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		header = r.Header.Clone()
		body, _ = io.ReadAll(r.Body)
	}))
	defer srv.Close()
	e.URL = srv.URL
	client := NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}).Client(sendTimeout, 0)
	defer client.CloseIdleConnections()
	s := &sender{client: client, userAgent: "wapid/1.2.3"}
	event := engine.Event{ID: "01JNV3K8ZQ6Y0X4T5R7W9B2D1C", Session: engine.SessionKey{Tenant: "default", ID: "main"},
		Type: engine.EventMessage, At: noon, Data: []byte(`{"body":"hi"}`)}
	r := s.post(context.Background(), e, event, func() time.Time { return at })
	if !r.delivered {
		t.Fatalf("%+v", r.attempt)
	}
	return header, body
}

const oldSecret, newSecret = "whsec_b2xkLXNlY3JldC1vbGQtc2VjcmV0LW9sZA==", "whsec_bmV3LXNlY3JldC1uZXctc2VjcmV0LW5ldw=="

// TestHeadersAreAsTheyWere holds what is sent, in every mode, against a file that
// was checked with another implementation of HMAC.
func TestHeadersAreAsTheyWere(t *testing.T) {
	var out bytes.Buffer
	for _, mode := range []SignatureMode{SignBoth, SignBody, SignHeader} {
		for _, secret := range []string{newSecret, "any other secret", ""} {
			e := Endpoint{Secret: secret, SignatureMode: mode, Headers: map[string]string{"Authorization": "Basic dTpw", "x-team": "blue"}}
			header, body := sent(t, e, noon)
			fmt.Fprintf(&out, "## %s %q\n", mode, secret)
			var names []string
			for name := range header {
				names = append(names, name)
			}
			slices.Sort(names)
			for _, name := range names {
				fmt.Fprintf(&out, "%s: %s\n", name, strings.Join(header[name], " | "))
			}
			fmt.Fprintf(&out, "\n%s\n\n", body)
		}
	}
	const golden = "testdata/headers.txt"
	if os.Getenv("WAPID_GOLDEN") != "" {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("got\n%s\nwant\n%s", out.Bytes(), want)
	}
}

// While secrets are rotated, receivers that have the old one and receivers that
// have the new one both accept, by the library that they use; afterwards only one.
func TestRotationIsVerifiedByTheStandardLibrary(t *testing.T) {
	now := time.Now()
	e := Endpoint{Secret: newSecret, OldSecret: oldSecret, OldSecretUntil: now.Add(time.Hour), SignatureMode: SignBoth}
	for name, c := range map[string]struct {
		until    time.Time
		mode     SignatureMode
		old, new bool
	}{
		"in the overlap":     {now.Add(time.Minute), SignBoth, true, true},
		"header alone":       {now.Add(time.Minute), SignHeader, true, true},
		"after it":           {now, SignBoth, false, true},
		"only in the body":   {now.Add(time.Minute), SignBody, false, false},
		"long after it":      {now.Add(-time.Hour), SignHeader, false, true},
		"there was no other": {time.Time{}, SignBoth, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			e := e
			e.OldSecretUntil, e.SignatureMode = c.until, c.mode
			header, body := sent(t, e, now)
			for secret, want := range map[string]bool{oldSecret: c.old, newSecret: c.new} {
				wh, err := standardwebhooks.NewWebhook(secret)
				if err != nil {
					t.Fatal(err)
				}
				if err := wh.Verify(body, header); (err == nil) != want {
					t.Errorf("%s: %v, want accepted %t", secret, err, want)
				}
			}
			if c.old && !strings.Contains(header.Get(HeaderSignature), " v1,") {
				t.Errorf("signatures %q", header.Get(HeaderSignature))
			}
			var in struct{ Signature string }
			if err := json.Unmarshal(body, &in); err != nil || (in.Signature != "") != (c.mode != SignHeader) {
				t.Errorf("body %s, %v", body, err)
			}
		})
	}
}

func TestCheckHeaders(t *testing.T) {
	many := map[string]string{}
	for i := range MaxHeaders {
		many[fmt.Sprint("X-", i)] = strings.Repeat("v", 100)
	}
	for _, good := range []map[string]string{nil, {"Authorization": "Basic x"}, {"x-a": ""}, {"User-Agent": "mine"}, {"X-A": "ümlaut"}, many} {
		if err := CheckHeaders(good); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
	more := map[string]string{"X-More": "1"}
	for k, v := range many {
		more[k] = v
	}
	for _, bad := range []map[string]string{more, {"X-A": strings.Repeat("v", MaxHeaderBytes)}, {"": "x"}, {"a:b": "c"}, {"X-A": "a\nb"}, {"X-A": "a\x00"},
		{"X-A": "a "}, {"X-A": "1", "x-a": "2"}, {"HOST": "a"}, {"connection": "close"}, {"Keep-Alive": "1"}, {"TE": "x"}, {"trailer": "x"},
		{"upgrade": "h2c"}, {"expect": "100-continue"}, {"proxy-authorization": "x"}, {"webhook-signature": "v1,x"}, {"webhook-new": "x"},
		{"content-type": "text/plain"}, {"content-encoding": "gzip"}, {"accept-encoding": "gzip"}} {
		err := CheckHeaders(bad)
		if engine.CodeOf(err) != engine.CodeInvalid {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if err := CheckHeaders(map[string]string{"X-A": "topsecret\n"}); err == nil || strings.Contains(err.Error(), "topsecret") {
		t.Errorf("the error is %v", err)
	}
}

func TestSecrets(t *testing.T) {
	a, b := NewSecret(), NewSecret()
	if a == b || len(a) != len(secretPrefix)+44 || len(standardKey(a)) != 32 || CheckSecret(a) != nil {
		t.Errorf("made %s and %s", a, b)
	}
	for secret, want := range map[string]string{"": "", "short": "", a: "…" + a[len(a)-4:], strings.Repeat("ü", 20): ""} {
		if got := (Endpoint{Secret: secret}).SecretHint(); got != want {
			t.Errorf("%q is hinted at as %q", secret, got)
		}
	}
}

// One word for all that is wrong with a name, whatever its reason.
func TestNamesInsideAreNotTold(t *testing.T) {
	client := NewGuard(nil).Client(5*time.Second, 0)
	defer client.CloseIdleConnections()
	for _, host := range []string{"localhost:1", "no-such-name.invalid:1"} {
		resp, err := client.Get("http://" + host)
		if err == nil {
			resp.Body.Close()
			t.Fatalf("%s was reached", host)
		}
		if got := describe(err); got != wordNoAddress {
			t.Errorf("%s is described as %q", host, got)
		}
		if !Refused(err) {
			t.Errorf("%s is told as %v", host, err) // by those who fetch files
		}
	}
}

// TestNobodyIsKeptByAnotherProtocol: a receiver that answers 101 and keeps the
// connection open has refused, at once.
func TestNobodyIsKeptByAnotherProtocol(t *testing.T) {
	left := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rest, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		defer close(left)
		_, _ = rest.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: patience\r\n\r\n")
		_ = rest.Flush()
		_, _ = io.Copy(io.Discard, conn) // until the sender hangs up
	}))
	defer srv.Close()
	client := NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}).Client(sendTimeout, 0)
	defer client.CloseIdleConnections()
	event := engine.Event{ID: "01JNV3K8ZQ6Y0X4T5R7W9B2D1C", Type: engine.EventMessage, At: noon, Data: []byte(`{}`)}
	done := make(chan result, 1)
	go func() {
		s := &sender{client: client}
		done <- s.post(context.Background(), Endpoint{URL: srv.URL}, event, time.Now)
	}()
	select {
	case r := <-done:
		if r.delivered || r.attempt.Status != http.StatusSwitchingProtocols || r.attempt.Body != "" {
			t.Errorf("%+v", r)
		}
	case <-time.After(2 * answerTimeout):
		srv.CloseClientConnections()
		t.Fatal("the receiver keeps the sender")
	}
	<-left
}
