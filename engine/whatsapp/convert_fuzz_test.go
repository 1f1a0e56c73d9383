package whatsapp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"wapid/engine"
)

// FuzzConvert: whatever a sender puts into a message, it is either left out or
// told in JSON that every receiver's parser prints as it was signed, and what is
// kept of it can be read again.
func FuzzConvert(f *testing.F) {
	for _, m := range arrivals() {
		raw, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, true)
		f.Add(raw, false)
	}
	f.Fuzz(func(t *testing.T, raw []byte, group bool) {
		message := &waE2E.Message{}
		if proto.Unmarshal(raw, message) != nil {
			return
		}
		evt := received(message)
		evt.Info.ID, evt.Info.Timestamp = "3EB0", time.Unix(1_700_000_000, 0)
		if group {
			evt.Info.Chat = types.NewJID("12036", types.GroupServer)
		}
		if _, timer := timerOf(evt.Message); timer || !isForTenant(evt) {
			return
		}
		m, err := acquainted().incoming(evt, &waE2E.PollVoteMessage{SelectedOptions: [][]byte{raw, nil}})
		if err != nil {
			t.Fatal(err)
		}
		if m.Kind == "" || m.HasMedia != (m.Details.Media != nil) || m.HasMedia && !m.Kind.HasMedia() && m.Kind != engine.KindEdit {
			t.Errorf("converted to %+v", m)
		}
		told, err := engine.Canonical(m.Data())
		if err != nil {
			t.Fatal(err)
		}
		if again := stringified(t, told); again != string(told) {
			t.Errorf("told   %s\nparsed %s", told, again)
		}
		if _, err := contentOfPayload(m.Payload); err != nil {
			t.Error(err)
		}
		if _, err := json.Marshal(m.Details); err != nil {
			t.Error(err)
		}
	})
}

// stringified parses JSON and prints it as JavaScript's JSON.stringify does
// (ECMA-262, 25.5.2), without any code of encoding/json's printer.
func stringified(t *testing.T, raw []byte) string {
	t.Helper()
	if !utf8.Valid(raw) {
		t.Errorf("not UTF-8: %q", raw)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	var out strings.Builder
	var value func()
	value = func() {
		token, err := d.Token()
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		switch v := token.(type) {
		case json.Delim:
			out.WriteString(v.String())
			for i := 0; d.More(); i++ {
				if i > 0 {
					out.WriteByte(',')
				}
				value()
				if v == '{' {
					out.WriteByte(':')
					value()
				}
			}
			end, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(&out, end)
		case string:
			out.WriteString(quotedInJS(v))
		case float64:
			out.WriteString(numberInJS(v))
		default:
			fmt.Fprint(&out, v)
		}
	}
	value()
	return out.String()
}

func quotedInJS(s string) string {
	short := map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range s {
		switch escaped, ok := short[r]; {
		case ok:
			out.WriteString(escaped)
		case r < ' ':
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// numberInJS prints what is neither tiny nor huge; a number that would need an
// exponent is printed so that it differs from any.
func numberInJS(f float64) string {
	if f != 0 && (f < 1e-6 && f > -1e-6) || f >= 1e21 || f <= -1e21 {
		return "exponent"
	}
	return strconv.FormatFloat(f+0, 'f', -1, 64)
}
