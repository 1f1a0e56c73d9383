package cloudapi

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"wapid/httpapi/metabody"
)

// texts are what encoders of JSON disagree about.
func texts() map[string]string {
	return map[string]string{
		"plain":       "Hello! I need help with my order.",
		"markup":      "<b>Tom & Jerry</b> > 1 && 2 < 3",
		"address":     "https://example.com/a/b?x=1&y=2%20#me@here",
		"quotes":      `say "hi" \ C:\tmp \/ \u00e9 \\u00e9`,
		"controls":    "\x00\x01\b\t\n\x0b\f\r\x1f|\x7f|\u0080\u009f",
		"separators":  "line\u2028sep\u2029par",
		"latin":       "déjà vu – ñandú ß",
		"hindi":       "नमस्ते, आपका ऑर्डर",
		"rightToLeft": "مرحبا \u200f\u202e",
		"emoji":       "😀👍🏽👨‍👩‍👧‍👦 🇮🇳",
		"marks":       "\ufeffBOM\u200dZWJ\u00a0NBSP",
		"specials":    "\uffff \ufffe \ufffd",
		"empty":       "",
		"json":        `{"signature":"x"}`,
		"number":      "+919876543210",
		"badUTF8":     "a\xffb\xc3",
	}
}

// escapedAgain is how receivers write a body before they check its signature who think
// that the body was sent unescaped: everything behind ~ as the escape of its UTF-16.
func escapedAgain(body string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(body)) {
		if unit <= '~' {
			b.WriteByte(byte(unit))
			continue
		}
		fmt.Fprintf(&b, `\u%04x`, unit)
	}
	return b.String()
}

func macOf(body string) []byte {
	h := hmac.New(sha256.New, []byte("secret"))
	h.Write([]byte(body))
	return h.Sum(nil)
}

// Whatever a message holds, its body is ASCII, says the same as the text, and has the same
// signature for those who check the raw bytes and for those who escape them first.
func TestBodiesAreASCII(t *testing.T) {
	for name, text := range texts() {
		body, err := ASCII(map[string]string{"body": text})
		if err != nil {
			t.Fatal(err)
		}
		checkASCII(t, name, text, body)
	}
	got, err := ASCII(metabody.Text{Body: "ä/<%@\x7f😀>&"})
	if want := `{"body":"\u00e4\/\u003C\u0025\u0040\u007f\ud83d\ude00>&"}`; err != nil || string(got) != want {
		t.Errorf("got %s, want %s, %v", got, want, err)
	}
}

func checkASCII(t *testing.T, name, text string, body []byte) {
	t.Helper()
	for _, c := range body {
		if c < ' ' || c > '~' {
			t.Fatalf("%s holds the byte %#x: %q", name, c, body)
		}
	}
	var back map[string]string
	if err := json.Unmarshal(body, &back); err != nil || back["body"] != strings.ToValidUTF8(text, "\ufffd") && utf8.ValidString(text) {
		t.Errorf("%s came back as %q, want %q, %v", name, back["body"], text, err)
	}
	if !hmac.Equal(macOf(string(body)), macOf(escapedAgain(string(body)))) {
		t.Errorf("%s has another signature once it is escaped again: %s", name, body)
	}
	if bytes.ContainsAny(body, "<%@") {
		t.Errorf("%s is not escaped as Meta does: %s", name, body)
	}
}

func FuzzASCII(f *testing.F) {
	for _, text := range texts() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		body, err := ASCII(map[string]string{"body": text})
		if err != nil {
			t.Fatal(err)
		}
		checkASCII(t, "the text", text, body)
		plain, err := json.Marshal(map[string]string{"body": text})
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if json.Unmarshal(body, &a) != nil || json.Unmarshal(plain, &b) != nil || fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%s says something else than %s", body, plain)
		}
	})
}
