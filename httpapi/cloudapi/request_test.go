package cloudapi

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wapid/engine"
)

// TestRequestsBecomeMessages holds what each request is read as against the file beside
// it. go test -update writes them anew.
func TestRequestsBecomeMessages(t *testing.T) {
	files, err := filepath.Glob("testdata/messages/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no requests", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r, err := Decode(body, engine.ParseRecipient)
			if err != nil {
				t.Fatal(err)
			}
			shown := map[string]any{"request": r}
			if r.Message != nil {
				shown["answer"] = r.Message.Accept("3EB0B430A8B7F6C1D2E3")
			}
			got, err := json.MarshalIndent(shown, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			compareGolden(t, strings.TrimSuffix(file, ".json")+".golden", append(got, '\n'))
		})
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	envelope := func(rest string) string {
		return `{"messaging_product":"whatsapp","to":"919876543210",` + rest + `}`
	}
	interactive := func(kind, rest string) string {
		return envelope(`"type":"interactive","interactive":{"type":"` + kind + `","body":{"text":"b"},` + rest + `}`)
	}
	row := `{"id":"1","title":"t"}`
	for name, c := range map[string]struct {
		body string
		code Code
		says string
	}{
		"no product":          {`{"to":"919876543210","text":{"body":"a"}}`, 100, "messaging_product is required"},
		"another product":     {`{"messaging_product":"sms"}`, 100, "must be one of"},
		"no recipient":        {`{"messaging_product":"whatsapp","text":{"body":"a"}}`, 131008, "to is required"},
		"a word":              {`{"messaging_product":"whatsapp","to":"you","text":{"body":"a"}}`, 131009, "phone number"},
		"a list as recipient": {`{"messaging_product":"whatsapp","to":["919876543210"],"text":{"body":"a"}}`, 100, "to must be a string"},
		"a group as person":   {`{"messaging_product":"whatsapp","to":"120363000000000000@g.us","text":{"body":"a"}}`, 131009, "phone number"},
		"a person as group":   {envelope(`"recipient_type":"group","to":"919876543210@s.whatsapp.net","text":{"body":"a"}`), 131009, "id of a group"},
		"other recipient":     {envelope(`"recipient_type":"broadcast","text":{"body":"a"}`), 131009, "individual or group"},
		"bad user id":         {`{"messaging_product":"whatsapp","recipient":"123","text":{"body":"a"}}`, 131009, "user id"},
		"unknown type":        {envelope(`"type":"hologram"`), 100, "type must be one of"},
		"order":               {envelope(`"type":"order","order":{}`), 131051, "can't be sent"},
		"no text":             {envelope(`"type":"text"`), 131008, "text is required"},
		"text null":           {envelope(`"type":"text","text":null`), 131008, "text is required"},
		"text a string":       {envelope(`"type":"text","text":"hello"`), 100, "text must be an object"},
		"blank body":          {envelope(`"text":{"body":" "}`), 131008, "text.body is required"},
		"body an object":      {envelope(`"text":{"body":{}}`), 100, "text.body must be a string"},
		"long body":           {envelope(`"text":{"body":"` + strings.Repeat("ä", 4097) + `"}`), 100, "at most 4096 characters"},
		"preview a number":    {envelope(`"text":{"body":"a","preview_url":7}`), 100, "true or false"},
		"no file":             {envelope(`"type":"image","image":{}`), 131008, "image.id or image.link"},
		"two files":           {envelope(`"type":"image","image":{"id":"1","link":"https://a.example"}`), 131009, "exclude"},
		"no link":             {envelope(`"type":"image","image":{"link":"ftp://a.example"}`), 131009, "image.link must be"},
		"long caption":        {envelope(`"type":"video","video":{"id":"1","caption":"` + strings.Repeat("a", 1025) + `"}`), 100, "video.caption"},
		"long name":           {envelope(`"type":"document","document":{"id":"1","filename":"` + strings.Repeat("a", 241) + `"}`), 100, "document.filename"},
		"no latitude":         {envelope(`"type":"location","location":{"longitude":1}`), 131008, "location.latitude is required"},
		"far latitude":        {envelope(`"type":"location","location":{"latitude":91,"longitude":1}`), 131009, "from -90 to 90"},
		"latitude NaN":        {envelope(`"type":"location","location":{"latitude":"NaN","longitude":1}`), 131009, "location.latitude"},
		"no contacts":         {envelope(`"type":"contacts","contacts":[]`), 131008, "contacts"},
		"contacts an object":  {envelope(`"type":"contacts","contacts":{}`), 100, "contacts must be a list"},
		"nameless contact":    {envelope(`"type":"contacts","contacts":[{"phones":[{"phone":"1"}]}]`), 131008, "contacts[0].name is required"},
		"a contact of null":   {envelope(`"type":"contacts","contacts":[null]`), 100, "contacts[0] must be an object"},
		"empty phone":         {envelope(`"type":"contacts","contacts":[{"name":{"formatted_name":"A"},"phones":[{}]}]`), 131008, "phones[0].phone"},
		"no target":           {envelope(`"type":"reaction","reaction":{"emoji":"👍"}`), 131008, "reaction.message_id"},
		"bad target":          {envelope(`"type":"reaction","reaction":{"message_id":"wamid.x","emoji":"👍"}`), 131009, "reaction.message_id"},
		"no emoji":            {envelope(`"type":"reaction","reaction":{"message_id":"A"}`), 131008, "reaction.emoji"},
		"a long emoji":        {envelope(`"type":"reaction","reaction":{"message_id":"A","emoji":"` + strings.Repeat("x", 65) + `"}`), 131009, "single emoji"},
		"reaction as reply":   {envelope(`"type":"reaction","context":{"message_id":"A"},"reaction":{"message_id":"A","emoji":"👍"}`), 100, "can't be a reply"},
		"empty context":       {envelope(`"text":{"body":"a"},"context":{}`), 131008, "context.message_id"},
		"long callback":       {envelope(`"text":{"body":"a"},"biz_opaque_callback_data":"` + strings.Repeat("x", 513) + `"`), 100, "biz_opaque"},
		"template nameless":   {envelope(`"type":"template","template":{"language":{"code":"en"}}`), 131008, "template.name"},
		"template speechless": {envelope(`"type":"template","template":{"name":"a"}`), 131008, "template.language"},

		"flow":                {interactive("flow", `"action":{}`), 131051, "flow"},
		"product":             {interactive("product_list", `"action":{}`), 131051, "product_list"},
		"unknown interactive": {interactive("hologram", `"action":{}`), 100, "interactive.type"},
		"no action":           {interactive("button", `"x":1`), 131008, "interactive.action"},
		"no buttons":          {interactive("button", `"action":{"buttons":[]}`), 131008, "buttons"},
		"four buttons":        {interactive("button", `"action":{"buttons":[{},{},{},{}]}`), 100, "at most 3"},
		"button of a kind":    {interactive("button", `"action":{"buttons":[{"type":"url","reply":{"id":"1","title":"t"}}]}`), 131009, "type must be reply"},
		"button twice": {interactive("button", `"action":{"buttons":[{"reply":{"id":"1","title":"t"}},{"reply":{"id":"1","title":"u"}}]}`),
			131009, "id is there twice"},
		"title twice": {interactive("button", `"action":{"buttons":[{"reply":{"id":"1","title":"t"}},{"reply":{"id":"2","title":"t"}}]}`),
			131009, "title is there twice"},
		"long title":      {interactive("button", `"action":{"buttons":[{"reply":{"id":"1","title":"`+strings.Repeat("t", 21)+`"}}]}`), 100, "at most 20"},
		"list in a image": {interactive("list", `"header":{"type":"image","image":{"id":"1"}},"action":{}`), 131009, "must be text"},
		"no sections":     {interactive("list", `"action":{"button":"b"}`), 131008, "sections"},
		"no rows":         {interactive("list", `"action":{"button":"b","sections":[{}]}`), 131008, "rows"},
		"untitled sections": {interactive("list", `"action":{"button":"b","sections":[{"rows":[`+row+`]},{"rows":[`+row+`]}]}`),
			131008, "sections[0].title"},
		"a row twice": {interactive("list", `"action":{"button":"b","sections":[{"rows":[`+row+`,`+row+`]}]}`), 131009, "id is there twice"},
		"bad link":    {interactive("cta_url", `"action":{"parameters":{"display_text":"d","url":"javascript:alert(1)"}}`), 131009, "url must be"},

		"other status":   {`{"messaging_product":"whatsapp","status":"played","message_id":"A"}`, 100, "status must be read"},
		"read nothing":   {`{"messaging_product":"whatsapp","status":"read"}`, 131008, "message_id"},
		"typing a voice": {`{"messaging_product":"whatsapp","status":"read","message_id":"A","typing_indicator":{"type":"audio"}}`, 100, "typing_indicator"},
	} {
		_, err := Decode([]byte(c.body), engine.ParseRecipient)
		e, own := errors.AsType[*Error](err)
		if !own || e.Code != c.code || !strings.Contains(e.Details, c.says) {
			t.Errorf("%s: %v, want %d about %q", name, err, c.code, c.says)
		}
	}
}

func TestErrorsHaveMetasForm(t *testing.T) {
	for want, e := range map[string]*Error{
		`{"error":{"message":"(#131009) Parameter value is not valid","type":"OAuthException","code":131009,"error_data":{"messaging_product":"whatsapp","details":"to must be"},"fbtrace_id":"R1"}}`:                                                                                                                                                   Errorf(CodeParameterValue, "to must be"),
		`{"error":{"message":"Unsupported post request. Object with ID '7' does not exist, cannot be loaded due to missing permissions, or does not support this operation. Please read the Graph API documentation at https://developers.facebook.com/docs/graph-api","type":"GraphMethodException","code":100,"error_subcode":33,"fbtrace_id":"R1"}}`: Missing("POST", "7"),
		`{"error":{"message":"Invalid OAuth access token - Cannot parse access token","type":"OAuthException","code":190,"fbtrace_id":"R1"}}`:                                                                                                                                                                                                           ErrorOf(engine.Errorf(engine.CodeUnauthorized, "x"), 401),
	} {
		got, err := json.Marshal(e.Answer().(Failure).Traced("R1"))
		if err != nil || string(got) != want {
			t.Errorf("%v is %s, %v\nwant %s", e, got, err, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/messages/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := Decode(body, engine.ParseRecipient)
		if err != nil {
			if _, own := errors.AsType[*Error](err); !own {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		if (r.Message == nil) == (r.Read == nil) {
			t.Errorf("%q is %+v", body, r)
		}
		if m := r.Message; m != nil && (m.Outgoing.To == "" || m.Template == nil && m.Outgoing.Kind == "" || m.Outgoing.Kind.HasMedia() != (m.Media != nil)) {
			t.Errorf("%q is %+v", body, m)
		}
	})
}
