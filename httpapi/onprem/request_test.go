package onprem

import (
	"errors"
	"strings"
	"testing"

	"wapid/engine"
)

// refused wants an error of a code that says something.
func refused(t *testing.T, err error, code Code, says string) {
	t.Helper()
	e, own := errors.AsType[*Error](err)
	if !own || e.Code != code || !strings.Contains(e.Details, says) {
		t.Errorf("%v, want %d with %q", err, code, says)
	}
}

func TestMessagesThatAreRefused(t *testing.T) {
	to := func(rest string) string { return `{"to":"919876543210",` + rest + `}` }
	for name, c := range map[string]struct {
		body string
		code Code
		says string
	}{
		"nobody":           {`{"type":"text","text":{"body":"a"}}`, CodeMissing, "to is required"},
		"a word":           {`{"to":"you","text":{"body":"a"}}`, CodeValue, "phone number"},
		"a list":           {`{"to":[1],"text":{"body":"a"}}`, CodeValue, "to must be a string"},
		"another kind":     {to(`"recipient_type":"list","text":{"body":"a"}`), CodeRecipientType, "individual or group"},
		"no group":         {`{"recipient_type":"group","to":"x","text":{"body":"a"}}`, CodeValue, "group"},
		"no text":          {to(`"type":"text"`), CodeMissing, "text is required"},
		"blank":            {to(`"text":{"body":" "}`), CodeMissing, "text.body is required"},
		"long":             {to(`"text":{"body":"` + strings.Repeat("ä", 4097) + `"}`), CodeTooLong, "4096"},
		"unknown type":     {to(`"type":"hologram"`), CodeValue, "type must be one of"},
		"no file":          {to(`"type":"image","image":{}`), CodeMissing, "image.id"},
		"two files":        {to(`"type":"image","image":{"id":"1","link":"https://a.example"}`), CodeValue, "exclude"},
		"no link":          {to(`"type":"video","video":{"link":"file:///etc/passwd"}`), CodeValue, "video.link"},
		"nowhere":          {to(`"type":"location","location":{"latitude":91,"longitude":0}`), CodeValue, "location.latitude"},
		"no cards":         {to(`"type":"contacts","contacts":[]`), CodeMissing, "contacts"},
		"no emoji":         {to(`"type":"reaction","reaction":{"message_id":"A-o"}`), CodeMissing, "emoji"},
		"an id of paths":   {to(`"type":"reaction","reaction":{"message_id":"a/b","emoji":"x"}`), CodeValue, "not the id"},
		"reaction replies": {to(`"type":"reaction","reaction":{"message_id":"A-o","emoji":"x"},"context":{"message_id":"A-o"}`), CodeValue, "reaction"},
		"empty context":    {to(`"text":{"body":"a"},"context":{}`), CodeMissing, "context.message_id"},
		"a flow":           {to(`"type":"interactive","interactive":{"type":"flow","body":{"text":"b"}}`), CodeValue, "can't be shown"},
		"four buttons": {to(`"type":"interactive","interactive":{"type":"button","body":{"text":"b"},"action":{"buttons":[` +
			strings.TrimSuffix(strings.Repeat(`{"reply":{"id":"1","title":"t"}},`, 4), ",") + `]}}`), CodeValue, "at most 3"},
		"no template name": {to(`"type":"template","template":{"language":{"code":"en"}}`), CodeMissing, "template.name"},
		"no language":      {to(`"type":"template","template":{"name":"a"}`), CodeMissing, "template.language"},
		"bad components":   {to(`"type":"template","template":{"name":"a","language":{"code":"en"},"components":{}}`), CodeValue, "components"},
		"empty hsm value":  {to(`"type":"hsm","hsm":{"element_name":"a","language":{"code":"en"},"localizable_params":[{}]}`), CodeMissing, "default"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeMessage([]byte(c.body), engine.ParseRecipient)
			refused(t, err, c.code, c.says)
		})
	}
}

func TestOtherBodies(t *testing.T) {
	check, err := DecodeCheck([]byte(`{"blocking":"wait","contacts":["+49 151",4915],"force_check":true}`))
	if err != nil || !check.Wait || strings.Join(check.Contacts, " ") != "+49 151 4915" {
		t.Errorf("%+v, %v", check, err)
	}
	for body, code := range map[string]Code{
		`{}`: CodeMissing, `{"contacts":[]}`: CodeValue, `{"contacts":"+49"}`: CodeValue, `{"contacts":[{}]}`: CodeValue,
		`{"contacts":["+49"],"blocking":"maybe"}`: CodeValue, `{"contacts":[` + strings.Repeat(`"1",`, MaxCheck) + `"1"]}`: CodeValue,
	} {
		_, err := DecodeCheck([]byte(body))
		refused(t, err, code, "")
	}
	w, err := DecodeWebhook([]byte(`{"url":"https://a.example","headers":{"Authorization":"Basic x","X-Null":null}}`))
	if err != nil || w.URL != "https://a.example" || len(w.Headers) != 1 || w.Headers["Authorization"] != "Basic x" {
		t.Errorf("%+v, %v", w, err)
	}
	for _, body := range []string{`{"headers":{}}`, `{"url":""}`} {
		_, err := DecodeWebhook([]byte(body))
		refused(t, err, CodeMissing, "url")
	}
	_, err = DecodeWebhook([]byte(`{"url":"https://a.example","headers":["x"]}`))
	refused(t, err, CodeValue, "headers")
	refused(t, DecodeStatus([]byte(`{"status":"delivered"}`)), CodeValue, "read")
	refused(t, DecodeStatus([]byte(`{}`)), CodeMissing, "status")
	refused(t, DecodeBlock([]byte(`{"reason":"`+strings.Repeat("x", 61)+`"}`)), CodeTooLong, "reason")
	if err := DecodeBlock(nil); err != nil {
		t.Error(err)
	}
	if on, err := DecodeApplication([]byte(`{"sent_status":false,"callback_persist":true}`)); on || err != nil {
		t.Error(on, err)
	}
	_, err = DecodeApplication([]byte(`{"callback_persist":true}`))
	refused(t, err, CodeMissing, "sent_status")
	made, err := DecodeTemplate([]byte(`{"name":"order","language":"en","category":"TRANSACTIONAL","components":[{"type":"BODY","text":"Hi {{1}}"}]}`))
	if err != nil || made.Category != "UTILITY" || made.Status != "APPROVED" {
		t.Errorf("%+v, %v", made, err)
	}
	_, err = DecodeTemplate([]byte(`{"name":"order","language":"en"}`))
	refused(t, err, CodeMissing, "components")
	_, err = DecodeTemplate([]byte(`{"name":"O r","language":"en","components":[{"type":"BODY","text":"Hi"}]}`))
	refused(t, err, CodeValue, "name")
}

// Ids are read back as they were written, hold nothing that a path takes apart, and tell
// senders apart.
func TestIDs(t *testing.T) {
	for _, message := range []engine.MessageID{"3EB0B430A8B7F6C1D2E3", "A-o", "b64_x", "A/B=.", "é", "-", "AC.1"} {
		for _, id := range []ID{SentID(message), ReceivedID(message, "99@lid")} {
			text := id.String()
			if got, ok := ParseID(text); !ok || got != id {
				t.Errorf("%+v is written %q and read as %+v", id, text, got)
			}
			if strings.ContainsAny(text, "/?#%. ") {
				t.Errorf("%q does not go into a path", text)
			}
		}
	}
	if SentID("A") == ReceivedID("A", "") || ReceivedID("A", "1@lid") == ReceivedID("A", "2@lid") {
		t.Error("ids don't tell messages apart")
	}
	if id, ok := ParseID("3EB0"); !ok || id != (ID{Message: "3EB0"}) {
		t.Errorf("%+v", id)
	}
	for _, bad := range []string{"", "a/b", "a b", "b64_!-o", "b64_-o", "ü", strings.Repeat("A", longestID+1)} {
		if id, ok := ParseID(bad); ok {
			t.Errorf("%q is read as %+v", bad, id)
		}
	}
	for _, n := range []int64{1, 100_000_000_000_000, 1<<53 - 1} {
		text := ReceivedMediaID(n)
		if got, ok := ParseReceivedMediaID(text); !ok || got != n || len(text) != 36 || text[14] != '8' || text[19] != '8' {
			t.Errorf("%d is written %s and read as %d", n, text, got)
		}
	}
	for _, bad := range []string{"", "5f3c1a52-3a0b-4a7e-9d3e-0c8f6f0f7e11", ReceivedMediaID(0), ReceivedMediaID(7)[1:], ReceivedMediaID(7) + "0", receivedHead + "00g-000000000001"} {
		if n, ok := ParseReceivedMediaID(bad); ok {
			t.Errorf("%q is read as %d", bad, n)
		}
	}
}

// Every code of the engine has a number of the API, and no status of its own defects is
// told as the caller's.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		code   engine.Code
		status int
		want   string
		http   int
	}{
		{engine.CodeInvalid, 400, `{"errors":[{"code":1009,"title":"Parameter value is not valid","details":"x"}],"meta":{"api_status":"stable","version":"2.53.1","httpCode":400,"developerMessage":"Parameter value is not valid: x","success":false,"http_code":400,"developer_message":"Parameter value is not valid: x"}}`, 400},
		{engine.CodeRateLimited, 429, `"code":1015`, 429},
		{engine.CodeSentLimit, 429, `"code":1015`, 429},
		{engine.CodeSessionNotReady, 409, `"code":1011`, 412},
		{engine.CodeStopping, 503, `"http_code":503,"developer_message":"Service not ready: x"`, 503},
		{engine.CodeSessionNotFound, 404, `"code":1006`, 404},
		{engine.CodeForbidden, 403, `"code":1005`, 403},
		{engine.CodeNotOnWhatsApp, 400, `"code":1013`, 400},
		{engine.CodeInternal, 500, `"code":1014`, 500},
		{engine.CodeUnauthorized, 401, `{"meta":{"httpCode":401,"developerMessage":"Invalid api_key or token expired","success":false,"http_code":401,"developer_message":"Invalid api_key or token expired"}}`, 401},
		{"PAYLOAD_TOO_LARGE", 413, `"code":1000`, 413},
		{"ANYTHING", 502, `"code":1014`, 502},
	} {
		e := ErrorOf(engine.Errorf(c.code, "x"), c.status)
		body, err := engine.Canonical(e.Answer())
		if err != nil || !strings.Contains(string(body), c.want) || e.HTTPStatus() != c.http {
			t.Errorf("%s is %d %s, %v", c.code, e.HTTPStatus(), body, err)
		}
	}
	if g := Blocked("/v1/users/login\n"); g.HTTPStatus() != 403 || g.Message != "This URL /v1/users/login%0A is blocked" {
		t.Errorf("%+v", g)
	}
}

func FuzzDecodeMessage(f *testing.F) {
	f.Add([]byte(`{"to":"919876543210","type":"interactive","interactive":{"type":"list","action":{"sections":[{"rows":[{}]}]}}}`))
	f.Add([]byte(`{"to":1,"type":"hsm","hsm":{"localizable_params":[{"default":"x","currency":null}]}}`))
	f.Add([]byte(`{"to":"919876543210","type":"contacts","contacts":[{"name":{"formatted_name":"a\nb"},"phones":[{"phone":"1"}]}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := DecodeMessage(raw, engine.ParseRecipient)
		if err != nil {
			if _, own := errors.AsType[*Error](err); !own {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		if m.Outgoing.To == "" || m.Template == nil && m.Outgoing.Kind == "" {
			t.Fatalf("%s becomes %+v", raw, m)
		}
		for _, c := range m.Outgoing.Contacts {
			if strings.Count(c.VCard, "BEGIN:VCARD") < 1 || strings.Contains(c.VCard, "\r") {
				t.Fatalf("%s becomes the card %q", raw, c.VCard)
			}
		}
	})
}

func FuzzParseID(f *testing.F) {
	for _, seed := range []string{"3EB0-o", "b64_QS9C-o", "A-abcdefgh", "-", "b64_"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, ok := ParseID(text)
		if !ok || id.Suffix == "" {
			return
		}
		if again, ok := ParseID(id.String()); !ok || again != id {
			t.Fatalf("%q is %+v, and then %+v", text, id, again)
		}
		ParseReceivedMediaID(text)
	})
}
