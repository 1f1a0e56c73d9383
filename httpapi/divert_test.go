package httpapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"testing/iotest"

	"wapid/engine"
)

// divertAll is divert with a body that arrives in one piece or byte by byte.
func divertAll(body string, slowly bool) (rest, text string, err error) {
	var out bytes.Buffer
	in := strings.NewReader(body)
	var b []byte
	if slowly {
		b, err = divert(iotest.OneByteReader(in), -1, "f", &out, 1000)
	} else {
		b, err = divert(in, in.Len(), "f", &out, 1000)
	}
	return string(b), out.String(), err
}

func TestDivert(t *testing.T) {
	for body, want := range map[string]struct{ rest, text string }{
		``:                              {``, ``},
		`{}`:                            {`{}`, ``},
		`{"f":"abc"}`:                   {`{"f":"-"}`, `abc`},
		`{"f":""}`:                      {`{"f":""}`, ``},
		`{"a":"f","f" : "abc","b":[1]}`: {`{"a":"f","f" : "-","b":[1]}`, `abc`},
		`{"\u0066":"a\/b\u002B\n"}`:     {`{"\u0066":"-"}`, "a/b+\n"},
		`{"a":{"f":"abc"}}`:             {`{"a":{"f":"abc"}}`, ``},
		`{"a":["f","abc"]}`:             {`{"a":["f","abc"]}`, ``},
		`["f","abc"]`:                   {`["f","abc"]`, ``},
		`{"f":7,"g":"f"}`:               {`{"f":7,"g":"f"}`, ``},
		`{"f":null,"a":"x"}`:            {`{"f":null,"a":"x"}`, ``},
		`{"f":"a","f":"b"}`:             {`{"f":"-","f":"b"}`, `a`},
		`{"a\"f":"x","f":"y"}`:          {`{"a\"f":"x","f":"-"}`, `y`},
		`{"a":"\\","f":"y"}`:            {`{"a":"\\","f":"-"}`, `y`},
		`{"f":"unended`:                 {`{"f":"`, `unended`},
		`{"f":{"f":"x"}}`:               {`{"f":{"f":"x"}}`, ``},
		`}{"f":"x"}`:                    {`}{"f":"x"}`, ``},
		`{"a":"x"`:                      {`{"a":"x"`, ``},
		`{"a":"ä"}`:                     {`{"a":"ä"}`, ``},
	} {
		for _, slowly := range []bool{false, true} {
			rest, text, err := divertAll(body, slowly)
			if err != nil || rest != want.rest || text != want.text {
				t.Errorf("%s leaves %s and gives %q, %v", body, rest, text, err)
			}
		}
	}
	for _, body := range []string{`{"f":"\u00e4"}`, `{"f":"\ud83d"}`, `{"f":"\x"}`, "{\"f\":\"a\nb\"}", `{"f":"\u00zz"}`} {
		if _, _, err := divertAll(body, false); engine.CodeOf(err) != engine.CodeInvalid {
			t.Errorf("%s: %v", body, err)
		}
	}
	if _, _, err := divertAll(`{"a":"`+strings.Repeat("x", 1000), false); engine.CodeOf(err) != CodePayloadTooLarge {
		t.Errorf("too long: %v", err)
	}
}

// FuzzDivert holds the walk over JSON against encoding/json: what is valid stays
// valid and says the same, but for the field.
func FuzzDivert(f *testing.F) {
	for _, s := range []string{`{"f":"abc","a":[{"f":"x"}]}`, `{"\u0066":"a\/b"}`, `{"f":1}`, `[]`, `{"f":"`, `{"a":"\\\"","f":"QQ=="}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		rest, text, err := divertAll(body, false)
		if err != nil {
			return
		}
		// However it arrives, short bodies without the field among them.
		if slow, slowText, err := divertAll(body, true); err != nil || slow != rest || slowText != text {
			t.Fatalf("%s becomes %s at once and %s byte by byte, with %q and %q, %v", body, rest, slow, text, slowText, err)
		}
		var before, after map[string]json.RawMessage
		if json.Unmarshal([]byte(body), &before) != nil {
			return
		}
		if err := json.Unmarshal([]byte(rest), &after); err != nil {
			t.Fatalf("%s became %s: %v", body, rest, err)
		}
		if len(before) != len(after) {
			t.Fatalf("%s became %s", body, rest)
		}
		var was string
		if text != "" && strings.Count(body, "f") == 1 {
			if err := json.Unmarshal(before["f"], &was); err != nil || strings.Map(spaces, was) != strings.Map(spaces, text) {
				t.Fatalf("%s gave %q", body, text)
			}
		}
	})
}

// spaces makes one of the control characters that escapes stand for.
func spaces(r rune) rune {
	if r == '\r' || r == '\t' || r == '\b' || r == '\f' {
		return '\n'
	}
	return r
}

// FuzzBase64 decodes in pieces what encoding/base64 decodes as a whole.
func FuzzBase64(f *testing.F) {
	for _, s := range []string{"aGk=", "aGk", "data:image/png;base64,aGk=", "a-_b", "YQ==\r\n", "data:,x", "dat", "data:", "\xff\xff"} {
		f.Add(s, uint8(3))
	}
	f.Fuzz(func(t *testing.T, s string, piece uint8) {
		var out bytes.Buffer
		w := &base64Writer{to: &out}
		err := writePieces(w, s, int(piece)+1)
		plain := s
		if len(s) >= 5 && strings.EqualFold(s[:5], "data:") {
			_, plain, _ = strings.Cut(s, ",")
		}
		plain = strings.NewReplacer("-", "+", "_", "/", "\n", "", "\r", "", " ", "", "\t", "").Replace(plain)
		want, wantErr := base64.StdEncoding.DecodeString(plain)
		if wantErr != nil {
			want, wantErr = base64.RawStdEncoding.DecodeString(plain)
		}
		switch {
		case err != nil && engine.CodeOf(err) != engine.CodeInvalid:
			t.Fatal(err)
		case err == nil && (wantErr != nil || out.String() != string(want)):
			t.Fatalf("%q gave %q, want %q, %v", s, out.String(), want, wantErr)
		case err != nil && wantErr == nil && !strings.HasPrefix(strings.ToLower(s), "data:"):
			t.Fatalf("%q is refused: %v", s, err)
		}
	})
}

func writePieces(w *base64Writer, s string, piece int) error {
	for len(s) > 0 {
		n := min(piece, len(s))
		if _, err := w.Write([]byte(s[:n])); err != nil {
			return err
		}
		s = s[n:]
	}
	return w.finish()
}

// FuzzSendRequest parses any body: nothing panics, what is refused is refused as
// the caller's mistake, and what is accepted makes a message with all that its
// kind needs.
func FuzzSendRequest(f *testing.F) {
	for _, s := range []string{
		`{"to":"919876543210","header":"H","message":"M","footer":"F","mentions":["1@lid"]}`,
		`{"to":"919876543210","type":"image","mediaBase64":"aGk=","viewOnce":true}`,
		`{"to":"919876543210","type":"poll","message":"Q","options":["a","b"],"selectableCount":0}`,
		`{"to":"1@lid","type":"location","latitude":-1e1,"longitude":180}`,
		`{"to":"1-2@g.us","type":"contact","contacts":[{"vcard":"BEGIN:VCARD\nFN:A\nEND:VCARD"}]}`,
		`{"to":"919876543210","type":"reaction","messageId":"3EB0","emoji":""}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var file bytes.Buffer
		decoder := &base64Writer{to: &file}
		rest, err := divert(bytes.NewReader(body), len(body), "mediaBase64", decoder, DefaultMaxBody)
		var r sendRequest
		if err == nil {
			err = parseJSON(rest, &r)
		}
		var m engine.Outgoing
		if err == nil {
			m, err = r.outgoing()
		}
		if err != nil {
			if code := engine.CodeOf(err); code != engine.CodeInvalid && code != CodePayloadTooLarge {
				t.Fatal(err)
			}
			return
		}
		if m.To == "" || len(m.Text) > engine.MaxTextLength {
			t.Fatalf("%+v", m)
		}
		complete := map[engine.Kind]bool{
			engine.KindText: m.Text != "", engine.KindEdit: m.Text != "" && m.Target != nil, engine.KindPoll: m.Poll != nil,
			engine.KindLocation: m.Location != nil, engine.KindContact: len(m.Contacts) > 0, engine.KindReaction: m.Target != nil, engine.KindRevoke: m.Target != nil,
		}
		if ok, known := complete[m.Kind]; !ok && (known || !m.Kind.HasMedia()) {
			t.Fatalf("%s became %+v", body, m)
		}
		_ = m.Details()
	})
}
