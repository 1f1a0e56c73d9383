package webhooks

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"wapid/engine"
)

// Each format is asked for what it can tell, and for nothing else.
func TestFormatsHaveTheirTypes(t *testing.T) {
	for _, format := range Formats() {
		if got, err := ParseFormat(string(format)); err != nil || got != format {
			t.Errorf("%s: %s, %v", format, got, err)
		}
		types := format.Types()
		if !slices.Contains(types, engine.EventMessage) || !slices.Contains(types, engine.EventTest) {
			t.Errorf("%s tells %v", format, types)
		}
		e := Endpoint{Format: format}
		if err := e.Settle(); err != nil || !slices.Equal(e.Wants(), format.Defaults()) {
			t.Errorf("%s wants %v, %v", format, e.Wants(), err)
		}
		e = Endpoint{Format: format, Types: []engine.EventType{AllTypes}}
		if err := e.Settle(); err != nil || format.IsForeign() && !slices.Equal(e.Types, types) || !format.IsForeign() && !slices.Equal(e.Types, []engine.EventType{AllTypes}) {
			t.Errorf("%s with all types wants %v, %v", format, e.Types, err)
		}
		e = Endpoint{Format: format, Types: []engine.EventType{engine.EventMessage, engine.EventQR}}
		if err := e.Settle(); (engine.CodeOf(err) == engine.CodeInvalid) != format.IsForeign() {
			t.Errorf("%s with a QR code: %v", format, err)
		}
	}
	for _, bad := range []string{"", "Meta", "json"} {
		if _, err := ParseFormat(bad); engine.CodeOf(err) != engine.CodeInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if e := (Endpoint{}); e.Settle() != nil || e.Format != "" && e.Types != nil {
		t.Error("the default is not the default")
	}
}

// The nearest place gets an event, and whoever has no place always.
func TestNearest(t *testing.T) {
	for name, c := range map[string]struct {
		phone   string
		origins []Origin
		want    []bool
	}{
		"independent":   {"49151", []Origin{OriginNone, OriginNone}, []bool{true, true}},
		"app":           {"49151", []Origin{OriginApp, OriginNone}, []bool{true, true}},
		"account":       {"49151", []Origin{OriginApp, OriginWABA, OriginNone}, []bool{false, true, true}},
		"number":        {"49151", []Origin{OriginApp, OriginWABA, OriginPhone("49151")}, []bool{false, false, true}},
		"other number":  {"49151", []Origin{OriginApp, OriginPhone("49152")}, []bool{true, false}},
		"other alone":   {"49151", []Origin{OriginPhone("49152")}, []bool{false}},
		"of no number":  {"", []Origin{OriginApp, OriginPhone("49152"), OriginPhone("")}, []bool{true, false, false}},
		"nobody at all": {"", nil, []bool{}},
	} {
		if got := Nearest(c.phone, c.origins); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if OriginPhone("49151").Phone() != "49151" || OriginApp.Phone() != "" {
		t.Error("a number's place has another number")
	}
}

// posting is a sender to a real receiver, whose requests it collects.
func posting(t *testing.T, encode func(context.Context, Endpoint, engine.Event) (Post, error)) (s *sender, url string, got *[]*http.Request, bodies *[]string) {
	t.Helper()
	got, bodies = new([]*http.Request), new([]string)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		*got, *bodies = append(*got, r), append(*bodies, string(raw))
	}))
	t.Cleanup(srv.Close)
	client := NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}).Client(sendTimeout, 0)
	t.Cleanup(client.CloseIdleConnections)
	return &sender{client: client, userAgent: "wapid/1.2.3", encode: encode}, srv.URL, got, bodies
}

// A delivery in a foreign format carries that format's body as it is, its headers, and
// its signature: Meta's with the newest secret alone, as its receivers know one.
func TestForeignFormatsAreSigned(t *testing.T) {
	const body = `{"object":"whatsapp_business_account","text":"\u00e4\/"}`
	s, url, got, bodies := posting(t, func(context.Context, Endpoint, engine.Event) (Post, error) {
		return Post{Body: []byte(body), Header: http.Header{"X-Format": {"own"}, "User-Agent": {"facebookexternalua"}}}, nil
	})
	now := time.Now() // the library below refuses what is old
	event := engine.Event{ID: "01JNV3K8ZQ6Y0X4T5R7W9B2D1C", Type: engine.EventMessage, At: now, Data: []byte(`{"body":"hi"}`)}
	for i, format := range []Format{FormatMeta, FormatOnPrem, FormatHub, FormatStandard} {
		e := Endpoint{URL: url, Format: format, Secret: newSecret, OldSecret: oldSecret, OldSecretUntil: now.Add(time.Hour), SignatureMode: SignBody,
			Headers: map[string]string{"Authorization": "Basic dTpw", HeaderHubSignature: "forged"}}
		if r := s.post(t.Context(), e, event, func() time.Time { return now }); !r.delivered || r.unsent {
			t.Fatalf("%s: %+v", format, r)
		}
		h, raw := (*got)[i].Header, (*bodies)[i]
		want := body
		if format == FormatStandard {
			want = `{"type":"message","timestamp":"` + now.UTC().Format("2006-01-02T15:04:05.000Z") + `","data":{"body":"hi"}}`
		} else if h.Get("X-Format") != "own" || h.Get("User-Agent") != "facebookexternalua" {
			t.Errorf("%s has the headers %v", format, h)
		}
		if raw != want || h.Get("Authorization") != "Basic dTpw" || h.Get("Content-Type") != "application/json" {
			t.Errorf("%s posts %s with %v, want %s", format, raw, h, want)
		}
		for _, secret := range []string{newSecret, oldSecret} {
			wh, err := standardwebhooks.NewWebhook(secret)
			if err != nil {
				t.Fatal(err)
			}
			if err := wh.Verify([]byte(raw), h); err != nil {
				t.Errorf("%s: the library says %v", format, err)
			}
		}
		sum := hmac.New(sha256.New, []byte(newSecret))
		sum.Write([]byte(raw))
		if hub := h.Get(HeaderHubSignature); format == FormatMeta && hub != "sha256="+hex.EncodeToString(sum.Sum(nil)) {
			t.Errorf("Meta's signature is %s", hub)
		}
	}
	unsigned := Endpoint{URL: url, Format: FormatMeta}
	s.post(t.Context(), unsigned, event, time.Now)
	if h := (*got)[4].Header; h.Get(HeaderHubSignature) != "" || h.Get(HeaderSignature) != "" || h.Get(HeaderID) == "" {
		t.Errorf("without a secret: %v", h)
	}
}

// What a format has no words for is delivered without a request, and what can't be
// encoded is a failure: neither says anything of the receiver.
func TestNothingIsSentOfWhatCantBeTold(t *testing.T) {
	post, failure := Post{Nothing: true}, error(nil)
	s, url, got, _ := posting(t, func(context.Context, Endpoint, engine.Event) (Post, error) { return post, failure })
	e := Endpoint{URL: url, Format: FormatMeta, Secret: newSecret}
	event := engine.Event{ID: "01JNV3K8ZQ6Y0X4T5R7W9B2D1C", Type: engine.EventMessage, At: noon, Data: []byte(`{}`)}
	r := s.post(t.Context(), e, event, func() time.Time { return noon })
	if !r.delivered || !r.unsent || r.attempt.Status != 0 || r.attempt.Error != wordNothing {
		t.Errorf("nothing to tell is %+v", r)
	}
	post, failure = Post{}, engine.Errorf(engine.CodeInternal, "it is broken")
	r = s.post(t.Context(), e, event, func() time.Time { return noon })
	if r.delivered || !r.unsent || r.unencoded == nil || r.attempt.Error != wordUnencoded {
		t.Errorf("a broken event is %+v", r)
	}
	s.encode = nil
	if r = s.post(t.Context(), e, event, func() time.Time { return noon }); r.delivered || r.unencoded == nil {
		t.Errorf("without an encoder: %+v", r)
	}
	if len(*got) != 0 {
		t.Errorf("%d requests", len(*got))
	}
}

func TestStandardBodyIsJSON(t *testing.T) {
	for session, want := range map[engine.SessionID]string{
		"main": `{"type":"message.status","timestamp":"2026-03-08T12:00:00.120Z","sessionId":"main","data":{"id":"1"}}`,
		"":     `{"type":"message.status","timestamp":"2026-03-08T12:00:00.120Z","data":{"id":"1"}}`,
	} {
		at := time.Date(2026, 3, 8, 13, 0, 0, int(120*time.Millisecond), time.FixedZone("CET", 3600))
		body, err := StandardBody(engine.Event{Session: engine.SessionKey{Tenant: "t", ID: session}, Type: engine.EventMessageStatus, At: at, Data: []byte(`{"id":"1"}`)})
		if err != nil || string(body) != want || !json.Valid(body) {
			t.Errorf("got %s, want %s, %v", body, want, err)
		}
	}
	if err := CheckHeaders(map[string]string{strings.ToLower(HeaderHubSignature): "x"}); engine.CodeOf(err) != engine.CodeInvalid {
		t.Errorf("a header that is ours may be set: %v", err)
	}
}
