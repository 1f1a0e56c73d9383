package cloudapi

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/engine/enginetest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got any) {
	t.Helper()
	raw, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	raw = append(raw, '\n')
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != string(raw) {
		t.Errorf("%s: got %s\nwant %s (%v)", name, raw, want, err)
	}
}

var noon = time.Unix(1708250000, 0).UTC()

// ours stands in for the store: messages whose wamid ends in OURS are our own.
func ours(wamid string) (engine.MessageID, bool, error) {
	if id, ok := strings.CutSuffix(wamid, ".OURS"); ok {
		return engine.MessageID("3EB0" + strings.TrimPrefix(id, "wamid.")), true, nil
	}
	return engine.MessageID(wamid), false, nil
}

// TestConvert: messages as Meta's pages show them.
func TestConvert(t *testing.T) {
	for name, message := range map[string]string{
		"text":        `{"type":"text","text":{"body":"Grüße 👋"}}`,
		"reply":       `{"type":"text","text":{"body":"yes"},"context":{"from":"15550100","id":"wamid.A.OURS"}}`,
		"forwarded":   `{"type":"text","text":{"body":"pass it on"},"context":{"frequently_forwarded":true}}`,
		"image":       `{"type":"image","image":{"caption":"look","mime_type":"image/jpeg","sha256":"n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=","id":"4711","url":"https://lookaside.fbsbx.com/x"}}`,
		"video":       `{"type":"video","video":{"mime_type":"video/mp4","sha256":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","id":"4712"}}`,
		"audio":       `{"type":"audio","audio":{"mime_type":"audio/mpeg","sha256":"?","id":"4713","voice":false}}`,
		"voice":       `{"type":"audio","audio":{"mime_type":"audio/ogg; codecs=opus","id":"4714","voice":true}}`,
		"document":    `{"type":"document","document":{"filename":"plan.pdf","caption":"the plan","mime_type":"application/pdf","id":"4715"}}`,
		"sticker":     `{"type":"sticker","sticker":{"mime_type":"image/webp","animated":true,"id":"4716"}}`,
		"location":    `{"type":"location","location":{"latitude":-33.45,"longitude":-70.66,"name":"Café","address":"Main St"}}`,
		"contacts":    `{"type":"contacts","contacts":[{"name":{"formatted_name":"Eve, M.","first_name":"Eve"},"phones":[{"phone":"+49 151 00000009","type":"CELL","wa_id":"4915100000009"}]}]}`,
		"reaction":    `{"type":"reaction","reaction":{"message_id":"wamid.A.OURS","emoji":"👍"}}`,
		"unreaction":  `{"type":"reaction","reaction":{"message_id":"wamid.B"}}`,
		"button":      `{"type":"button","button":{"text":"Stop","payload":"stop-1"},"context":{"from":"15550100","id":"wamid.A.OURS"}}`,
		"buttonreply": `{"type":"interactive","interactive":{"type":"button_reply","button_reply":{"id":"y","title":"Yes"}},"context":{"from":"15550100","id":"wamid.A.OURS"}}`,
		"listreply":   `{"type":"interactive","interactive":{"type":"list_reply","list_reply":{"id":"r1","title":"Red","description":"like wine"}}}`,
		"flow":        `{"type":"interactive","interactive":{"type":"nfm_reply","nfm_reply":{"name":"flow","body":"Sent","response_json":"{}"}}}`,
		"system":      `{"type":"system","system":{"body":"changed","type":"user_changed_number","wa_id":"4915100000002"}}`,
		"unsupported": `{"type":"unsupported","errors":[{"code":131051,"title":"Message type unknown"}]}`,
		"order":       `{"type":"order","order":{"catalog_id":"1"}}`,
		"notype":      `{}`,
		"broken":      `{"type":"text","text":"not an object"}`,
		"group":       `{"type":"text","text":{"body":"hi"},"group_id":"abc"}`,
	} {
		t.Run(name, func(t *testing.T) {
			raw := strings.Replace(message, "{", `{"from":"4915100000001","id":"wamid.IN","timestamp":"1708243200",`, 1)
			raw = strings.Replace(raw, ",}", "}", 1)
			var v value
			if err := json.Unmarshal([]byte(`{"contacts":[{"profile":{"name":"Ana"},"wa_id":"4915100000001"}]}`), &v); err != nil {
				t.Fatal(err)
			}
			m, ok, err := convert(json.RawMessage(raw), v, noon, ours)
			if err != nil || !ok {
				t.Fatalf("not taken: %v", err)
			}
			golden(t, name+".json", struct {
				Event   engine.MessageData
				Payload json.RawMessage
			}{m.Data(), m.Payload})
		})
	}
}

// TestWhoWrote: people whom Meta names by an id of their own, and what nobody wrote.
func TestWhoWrote(t *testing.T) {
	for _, c := range []struct {
		message, contacts string
		from              engine.JID
		name              string
	}{
		{`{"id":"wamid.A","from_user_id":"US.13491208655302741918","type":"text"}`, `[{"user_id":"US.13491208655302741918","profile":{"name":"Pablo"}}]`, "US.13491208655302741918@bsuid", "Pablo"},
		{`{"id":"wamid.A","type":"text"}`, `[{"user_id":"US.ENT.11815799212886844830","profile":{"name":"Pablo"}}]`, "US.ENT.11815799212886844830@bsuid", "Pablo"},
		{`{"id":"wamid.A","from":"4915100000001","from_user_id":"DE.1","type":"text"}`, `[]`, "4915100000001@s.whatsapp.net", ""},
		{`{"id":"wamid.A","from":"4915100000001","type":"text"}`, `[{"wa_id":"1"},{"wa_id":"4915100000001","profile":{"name":"Ana"}}]`, "4915100000001@s.whatsapp.net", "Ana"},
		{`{"id":"wamid.A","from":"nobody","type":"text"}`, `[]`, "", ""},
		{`{"id":"wamid.A","from_user_id":"x@y","type":"text"}`, `[]`, "", ""},
		{`{"from":"4915100000001","type":"text"}`, `[]`, "", ""},
		{`"text"`, `[]`, "", ""},
	} {
		var v value
		if err := json.Unmarshal([]byte(`{"contacts":`+c.contacts+`}`), &v); err != nil {
			t.Fatal(err)
		}
		m, ok, err := convert(json.RawMessage(c.message), v, noon, ours)
		if err != nil || ok != (c.from != "") || ok && (m.Chat != c.from || m.Sender.Preferred() != c.from || m.PushName != c.name || !m.Timestamp.Equal(noon)) {
			t.Errorf("%s: %+v, %t, %v", c.message, m, ok, err)
		}
	}
	failing := errors.New("the store failed")
	_, ok, err := convert(json.RawMessage(`{"id":"wamid.A","from":"4915100000001","type":"text","context":{"id":"wamid.B"}}`), value{}, noon,
		func(string) (engine.MessageID, bool, error) { return "", false, failing })
	if ok || !errors.Is(err, failing) {
		t.Errorf("a message whose context can't be looked up: %t, %v", ok, err)
	}
}

func TestStatuses(t *testing.T) {
	for _, c := range []struct {
		raw    string
		ok     bool
		status engine.MessageStatus
		code   engine.Code
	}{
		{`{"id":"wamid.A","status":"sent","timestamp":"1708243200","recipient_id":"4915100000001","biz_opaque_callback_data":"3EB0"}`, true, engine.MessageSent, ""},
		{`{"id":"wamid.A","status":"delivered","timestamp":1708243200}`, true, engine.MessageDelivered, ""},
		{`{"id":"wamid.A","status":"read"}`, true, engine.MessageRead, ""},
		{`{"id":"wamid.A","status":"played"}`, true, engine.MessagePlayed, ""},
		{`{"id":"wamid.A","status":"failed","errors":[{"code":131047,"title":"Re-engagement message"}]}`, true, engine.MessageFailed, engine.CodeWindowClosed},
		{`{"id":"wamid.A","status":"failed","errors":[{"code":131026}]}`, true, engine.MessageFailed, engine.CodeUndeliverable},
		{`{"id":"wamid.A","status":"failed"}`, true, engine.MessageFailed, engine.CodeSendRejected},
		{`{"id":"wamid.A","status":"deleted"}`, false, "", ""},
		{`{"status":"sent"}`, false, "", ""},
		{`{"id":"wamid.A","status":"sent","timestamp":"soon"}`, true, engine.MessageSent, ""},
		{`[]`, false, "", ""},
	} {
		_, r, ok := parseStatus(json.RawMessage(c.raw), noon)
		if ok != c.ok || r.Status != c.status && ok || r.Code != c.code || ok && r.At.IsZero() {
			t.Errorf("%s: %+v, %t", c.raw, r, ok)
		}
	}
}

func TestParseWebhook(t *testing.T) {
	change := func(id string) string {
		return fmt.Sprintf(`{"field":"messages","value":{"metadata":{"phone_number_id":"%s"}}}`, id)
	}
	body := func(changes ...string) string {
		return `{"object":"whatsapp_business_account","entry":[{"changes":[` + strings.Join(changes, ",") + `]}]}`
	}
	var many []string
	for i := range maxNumbers + 1 {
		many = append(many, change(fmt.Sprint(i+1)))
	}
	for name, c := range map[string]struct {
		body    string
		numbers int
		code    engine.Code
	}{
		"one":             {body(change("1")), 1, ""},
		"two of one":      {body(change("1"), change("1")), 1, ""},
		"two numbers":     {body(change("1"), change("2")), 2, ""},
		"as many as may":  {body(many[:maxNumbers]...), maxNumbers, ""},
		"too many":        {body(many...), 0, engine.CodeInvalid},
		"no number":       {body(change("")), 0, engine.CodeInvalid},
		"its status":      {body(`{"field":"messages","value":{"statuses":[{}]}}`), 1, ""},
		"its message":     {body(`{"field":"messages","value":{"statuses":[{}],"messages":[{}]}}`), 0, engine.CodeInvalid},
		"its long status": {body(`{"field":"messages","value":{"statuses":["` + strings.Repeat("x", maxNameless) + `"]}}`), 0, engine.CodeInvalid},
		"no object":       {`{}`, 0, engine.CodeInvalid},
		"another field":   {body(`{"field":"calls","value":[1]}`), 0, ""},
		"a broken value":  {body(`{"field":"messages","value":[1]}`), 0, engine.CodeInvalid},
		"empty":           {``, 0, engine.CodeInvalid},
		"without entries": {`{"object":"whatsapp_business_account"}`, 0, ""},
	} {
		found, err := parseWebhook([]byte(c.body))
		if engine.CodeOf(err) != c.code || err == nil && len(found) != c.numbers {
			t.Errorf("%s: %d numbers, %v", name, len(found), err)
		}
	}
}

func TestSignatures(t *testing.T) {
	body := []byte(`{"a":"\u00e4"}`)
	good := signatureOf(fakeSecret, body)
	for signature, want := range map[string]bool{
		good: true, strings.ToUpper(good[7:]): false, "sha256=" + strings.ToUpper(good[7:]): true,
		"": false, "sha256=": false, good[:len(good)-2]: false, good + "00": false, "sha1=" + good[7:]: false,
		signatureOf("another", body): false, signatureOf(fakeSecret, body[1:]): false,
	} {
		if got := signedBy(fakeSecret, body, signature); got != want {
			t.Errorf("%q: %t", signature, got)
		}
	}
	if signedBy("", body, signatureOf("", body)) {
		t.Error("an empty secret signs")
	}
}

// TestDeliverToSeveral: each session hears of its own number, by its own secret, and none
// waits for another that is stopped.
func TestDeliverToSeveral(t *testing.T) {
	m := newMeta(t)
	a := m.account()
	first, _ := enginetest.Link(t, m.net, a, "first")
	n, err := m.store.FindCloudNumber(t.Context(), first.Key)
	if err != nil {
		t.Fatal(err)
	}
	stopped, thief := n, n
	stopped.Session, stopped.Device = engine.SessionKey{Tenant: "other", ID: "stopped"}, NewDevice()
	thief.Session, thief.Device, thief.AppSecret = engine.SessionKey{Tenant: "thief", ID: "s"}, NewDevice(), "the thief's own secret"
	m.store.put(stopped)
	m.store.put(thief)
	message := func(id, wamid string) map[string]any {
		return map[string]any{"metadata": map[string]any{"phone_number_id": id}, "messages": []any{map[string]any{"id": wamid, "from": "4915100000009", "type": "text", "text": map[string]any{"body": wamid}}}}
	}
	envelope := func(values ...map[string]any) []byte {
		changes := []any{}
		for _, v := range values {
			changes = append(changes, map[string]any{"field": "messages", "value": v})
		}
		raw, err := json.Marshal(map[string]any{"object": "whatsapp_business_account", "entry": []any{map[string]any{"changes": changes[:1]}, map[string]any{"changes": changes[1:]}}})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	body := envelope(message(a.id, "wamid.1"), message(a.id, "wamid.2"), message("999", "wamid.3"))
	if err := m.net.Deliver(t.Context(), body, signatureOf(fakeSecret, body)); err != nil {
		t.Errorf("not taken: %v", err)
	}
	first.AwaitMessage(t, "wamid.1")
	first.AwaitMessage(t, "wamid.2")
	if err := m.net.Deliver(t.Context(), body, signatureOf(thief.AppSecret, body)); engine.CodeOf(err) != engine.CodeSessionNotReady {
		t.Errorf("the thief's own session: %v", err) // it is signed for a session that is not connected
	}
	first.Close()
	if err := m.net.Deliver(t.Context(), body, signatureOf(fakeSecret, body)); engine.CodeOf(err) != engine.CodeSessionNotReady {
		t.Errorf("with nobody to take it: %v", err)
	}
	for token, want := range map[string]bool{"verify " + a.id: true, "verify": false, "": false} {
		if known, err := m.net.Verify(t.Context(), token); err != nil || known != want {
			t.Errorf("the token %q: %t, %v", token, known, err)
		}
	}
}

// TestNamelessStatus: a status may say of no number that it is about, as Whatomate's
// documentation shows it; whose app secret signs it is told.
func TestNamelessStatus(t *testing.T) {
	m := newMeta(t)
	s, _ := enginetest.Link(t, m.net, m.account(), "first")
	if _, _, err := m.store.BeginCloudMessage(t.Context(), s.Key, "SENT", "1234567890@s.whatsapp.net"); err != nil {
		t.Fatal(err)
	}
	if err := m.store.FinishCloudMessage(t.Context(), s.Key, "SENT", "wamid.xxx"); err != nil {
		t.Fatal(err)
	}
	body := []byte(`{ "object": "whatsapp_business_account", "entry": [ { "changes": [ { "value": { "statuses": [ { "id": "wamid.xxx", "status": "delivered", "timestamp": "1234567890", "recipient_id": "1234567890" } ] }, "field": "messages" } ] } ]}`)
	if err := m.net.Deliver(t.Context(), body, signatureOf("another", body)); engine.CodeOf(err) != engine.CodeUnauthorized {
		t.Errorf("signed by a stranger: %v", err)
	}
	if err := m.net.Deliver(t.Context(), body, signatureOf(fakeSecret, body)); err != nil {
		t.Errorf("not taken: %v", err)
	}
	s.AwaitReceipt(t, func(r engine.Receipt) bool { return r.IDs[0] == "SENT" && r.Chat == "1234567890@s.whatsapp.net" })
}

// FuzzWebhook: whatever comes, it is refused or understood, and what is understood can be told.
func FuzzWebhook(f *testing.F) {
	for _, value := range []string{
		`{"messages":[{"from":"4915100000001","id":"wamid.A","timestamp":"1","type":"text","text":{"body":"x"}}]}`,
		`{"contacts":[{"user_id":"US.1"}],"messages":[{"id":"wamid.A","type":"interactive","interactive":{"type":"list_reply","list_reply":{}},"context":{"id":"wamid.B.OURS"}}]}`,
		`{"messages":[{"from":"1","id":"a","type":"contacts","contacts":[{"phones":[{"wa_id":"x"}]}]},null,1,{"from":"1","id":"b","type":"image","image":{"sha256":"x"}}]}`,
		`{"statuses":[{"id":"wamid.A","status":"failed","errors":[{"code":131026}]},{"status":null}]}`,
	} {
		f.Add([]byte(`{"object":"whatsapp_business_account","entry":[{"changes":[{"field":"messages","value":` + strings.Replace(value, "{", `{"metadata":{"phone_number_id":"1"},`, 1) + `}]}]}`))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		changes, err := parseWebhook(body)
		if err != nil {
			if engine.CodeOf(err) != engine.CodeInvalid {
				t.Fatalf("%v", err)
			}
			return
		}
		for _, values := range changes {
			for _, v := range values {
				for _, raw := range v.Messages {
					m, ok, err := convert(raw, v, noon, ours)
					if err != nil {
						t.Fatalf("%v", err)
					}
					if !ok {
						continue
					}
					if m.ID == "" || m.Chat == "" || m.Kind == "" || m.Timestamp.IsZero() || !json.Valid(m.Payload) {
						t.Fatalf("understood as %+v", m)
					}
					if _, err := engine.Canonical(m.Data()); err != nil {
						t.Fatalf("can't be told: %v", err)
					}
				}
				for _, raw := range v.Statuses {
					if _, r, ok := parseStatus(raw, noon); ok && (r.Status == "" || r.At.IsZero()) {
						t.Fatalf("understood as %+v", r)
					}
				}
			}
		}
	})
}

// TestStrangersTakeNoRoom: a body that nobody has signed is not read, however much it
// would hold.
func TestStrangersTakeNoRoom(t *testing.T) {
	store := newMemory()
	n := New(Options{Store: store})
	store.put(Number{Session: engine.SessionKey{Tenant: "one", ID: "a"}, PhoneNumberID: "1001", AppSecret: "secret"})
	const about = `{"metadata":{"phone_number_id":"1001"},"contacts":[`
	for what, c := range map[string]struct{ begin, each, end string }{
		"entries":  {`{"object":"whatsapp_business_account","entry":[`, `{},`, `{}]}`},
		"changes":  {`{"object":"whatsapp_business_account","entry":[{"changes":[`, `{},`, `{}]}]}`},
		"contacts": {`{"object":"whatsapp_business_account","entry":[{"changes":[{"field":"messages","value":` + about, `{},`, `{}]}}]}]}`},
		"numbers":  {`{"object":"whatsapp_business_account","entry":[`, about + `]},`, `{}]}`},
	} {
		body := []byte(c.begin + strings.Repeat(c.each, (MaxWebhook-len(c.begin)-len(c.end))/len(c.each)) + c.end)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := n.Deliver(t.Context(), body, "sha256="+strings.Repeat("00", 32))
		runtime.ReadMemStats(&after)
		if engine.CodeOf(err) != engine.CodeUnauthorized {
			t.Errorf("%s: %v", what, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > MaxWebhook {
			t.Errorf("%s: %d bytes of memory were taken for %d", what, took, len(body))
		}
	}
}

// TestNumbersIn: the ids are found without reading the body, whatever white space it has.
func TestNumbersIn(t *testing.T) {
	ids, err := numbersIn([]byte(`{"phone_number_id":"1","a":{"phone_number_id" :
 "22"},"phone_number_id":"1","phone_number_id":3,
		"phone_number_id":"","phone_number_id":"x","phone_number_id":"123456789012345678901","phone_number_id"`))
	if err != nil || !slices.Equal(ids, []string{"1", "22"}) {
		t.Errorf("found %v, %v", ids, err)
	}
	var many strings.Builder
	for i := range maxNumbers + 1 {
		fmt.Fprintf(&many, `"phone_number_id":"%d"`, i+1)
	}
	if _, err := numbersIn([]byte(many.String())); engine.CodeOf(err) != engine.CodeInvalid {
		t.Errorf("of too many: %v", err)
	}
}
