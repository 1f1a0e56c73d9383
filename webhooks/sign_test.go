package webhooks

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"wapid/engine"
)

// documented is the data of a message as the document shows it; the daemon's
// own has further members.
type documented struct {
	ID       string `json:"id"`
	From     string `json:"from"`
	Body     string `json:"body"`
	Type     string `json:"type"`
	IsGroup  bool   `json:"isGroup"`
	HasMedia bool   `json:"hasMedia"`
}

// The vectors were made with JSON.stringify, independently of this package.
func TestBodyMatchesVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/wapiconnect-signature.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Secret  string
		Vectors []struct {
			Case string
			Base []byte `json:"base_b64"`
			Body []byte `json:"body_b64"`
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) != 15 {
		t.Fatalf("%d vectors, want 15", len(file.Vectors))
	}
	for _, v := range file.Vectors {
		t.Run(v.Case, func(t *testing.T) {
			var in struct {
				TenantID  engine.TenantID
				Event     engine.EventType
				SessionID engine.SessionID
				Timestamp int64
				Data      documented
			}
			if err := json.Unmarshal(v.Base, &in); err != nil {
				t.Fatal(err)
			}
			data, err := engine.Canonical(in.Data)
			if err != nil {
				t.Fatal(err)
			}
			e := engine.Event{
				Session: engine.SessionKey{Tenant: in.TenantID, ID: in.SessionID},
				Type:    in.Event, At: time.UnixMilli(in.Timestamp), Data: data,
			}
			for secret, want := range map[string][]byte{file.Secret: v.Body, "": v.Base} {
				got, err := Body(e, secret)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want) {
					t.Errorf("secret %q\ngot  %s\nwant %s", secret, got, want)
				}
			}
		})
	}
}

func TestHeadersSatisfyTheOfficialLibrary(t *testing.T) {
	now := time.Now()
	body := []byte(`{"a":"ü"}`)
	raw32 := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	for name, c := range map[string]struct {
		secret string
		key    []byte // what the receiver hands to the library
	}{
		"whsec":                {"whsec_" + raw32, bytes.Repeat([]byte{7}, 32)},
		"own bytes":            {"my secret", []byte("my secret")},
		"base64 without whsec": {raw32, []byte(raw32)},
		"whsec with no base64": {"whsec_not base64!", []byte("whsec_not base64!")},
		"whsec with nothing":   {"whsec_", []byte("whsec_")},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			Sign(h, "01JEXAMPLE", now, body, c.secret)
			wh, err := standardwebhooks.NewWebhookRaw(c.key)
			if err != nil {
				t.Fatal(err)
			}
			if err := wh.Verify(body, h); err != nil {
				t.Errorf("the library refuses it: %v", err)
			}
			if err := wh.Verify(append(body, ' '), h); err == nil {
				t.Error("the library accepts another body")
			}
			if !regexp.MustCompile(`^sha256=[0-9a-f]{64}$`).MatchString(h.Get(HeaderRawSignature)) {
				t.Errorf("raw signature %q", h.Get(HeaderRawSignature))
			}
		})
	}
	// And once as a receiver does it who has only the text of the secret.
	h := http.Header{}
	Sign(h, "01JEXAMPLE", now, body, "whsec_"+raw32)
	wh, err := standardwebhooks.NewWebhook("whsec_" + raw32)
	if err != nil {
		t.Fatal(err)
	}
	if err := wh.Verify(body, h); err != nil {
		t.Error(err)
	}
}

func TestRawSignatureKnownAnswer(t *testing.T) {
	// printf '{"a":1}' | openssl dgst -sha256 -hmac 'key'
	const want = "sha256=88a67f24bbcdaed0e6c997404bb79a743baf44c6bab2f4c27328e3009d22e342"
	h := http.Header{}
	Sign(h, "id", time.Unix(1, 0), []byte(`{"a":1}`), "key")
	if got := h.Get(HeaderRawSignature); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestUnsignedDeliveryKeepsIDAndTimestamp(t *testing.T) {
	h := http.Header{}
	Sign(h, "id", time.Unix(1700000000, 999), []byte(`{}`), "")
	if len(h) != 2 || h.Get(HeaderID) != "id" || h.Get(HeaderTimestamp) != "1700000000" {
		t.Errorf("headers %v", h)
	}
}

// FuzzBodySplice checks the recipe that any language can follow: cut the
// signature out of the raw body, and what is left is what was signed.
func FuzzBodySplice(f *testing.F) {
	f.Add("hello", "secret", "main")
	f.Add(`","signature":"00"}`, "s", `a"b`)
	f.Add("\u2028\\\x00<&>", "whsec_AA==", "\xff")
	f.Fuzz(func(t *testing.T, text, secret, session string) {
		data, err := engine.Canonical(documented{Body: text, From: session})
		if err != nil {
			t.Fatal(err)
		}
		e := engine.Event{
			Session: engine.SessionKey{Tenant: "t", ID: engine.SessionID(session)},
			Type:    engine.EventMessage, At: time.UnixMilli(1700000000000), Data: data,
		}
		plain, err := Body(e, "")
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(plain) {
			t.Fatalf("not JSON: %s", plain)
		}
		if secret == "" {
			return
		}
		body, err := Body(e, secret)
		if err != nil {
			t.Fatal(err)
		}
		var parsed struct{ Signature string }
		if err := json.Unmarshal(body, &parsed); err != nil {
			t.Fatal(err)
		}
		at := bytes.LastIndex(body, []byte(signatureMember))
		cut := append(bytes.Clone(body[:at]), '}')
		if !bytes.Equal(cut, plain) {
			t.Fatalf("cut   %s\nplain %s", cut, plain)
		}
		if string(body[at:]) != signatureMember+parsed.Signature+`"}` {
			t.Fatalf("the signature is not the last member: %s", body[at:])
		}
	})
}
