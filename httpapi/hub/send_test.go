package hub

import (
	"fmt"
	"strings"
	"testing"

	"wapid/engine"
)

func TestDecodeSend(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"the documentation's": {`{"to":"+9999999999","message":"Hello! Welcome to WhatsApp Hub","type":"text"}`,
			"text 9999999999@s.whatsapp.net Hello! Welcome to WhatsApp Hub"},
		"its template": {`{"to":"+9999999999","template":"order_confirmation","variables":{"order_id":"ORD-12345","amount":"$99.99"}}`,
			" 9999999999@s.whatsapp.net  template=order_confirmation map[amount:$99.99 order_id:ORD-12345]"},
		"without a type, with strangers": {`{"to":"919876543211","message":"Hi","unheard":{"a":[1]},"template":null,"caption":null}`, "text 919876543211@s.whatsapp.net Hi"},
		"values of other types":          {`{"to":"+919876543211","template":"t","variables":{"n":1.50,"b":true,"z":null}}`, " 919876543211@s.whatsapp.net  template=t map[b:true n:1.50]"},
		"a list of values":               {`{"to":"+919876543211","type":"template","template":"t","language":"en","variables":["a",2]}`, " 919876543211@s.whatsapp.net  template=t map[1:a 2:2] en"},
		"a photo":                        {`{"to":"+919876543211","type":"image","media_url":"https://a.example/x","caption":"Look"}`, "image 919876543211@s.whatsapp.net Look https://a.example/x"},
		"a caption in message":           {`{"to":"+919876543211","media_url":"https://a.example/x.PDF?a=.jpg","message":"Look","filename":"bill.pdf"}`, "document 919876543211@s.whatsapp.net Look https://a.example/x.PDF?a=.jpg bill.pdf"},
		"a photo by its ending":          {`{"to":"+919876543211","media_url":"https://a.example/x.JPG?a=1#b"}`, "image 919876543211@s.whatsapp.net  https://a.example/x.JPG?a=1#b"},
		"a place":                        {`{"to":"+919876543211","type":"location","latitude":1.5,"longitude":-2,"name":"N","address":"A"}`, "location 919876543211@s.whatsapp.net  {1.5 -2 N A false}"},
		"a group":                        {`{"to":"123456789012@g.us","message":"Hi","session":"main"}`, "text 123456789012@g.us Hi session=main"},
		"from a number":                  {`{"to":"+919876543211","message":"Hi","from":"+91 98765-43210","reply_to":"wamid.x"}`, "text 919876543211@s.whatsapp.net Hi from=919876543210 reply=wamid.x"},

		"nobody":               {`{"message":"Hi"}`, "to is required"},
		"no number":            {`{"to":"12","message":"Hi"}`, "recipient must be a phone number of 7 to 15 digits that begins with its country code"},
		"nothing":              {`{"to":"+919876543211"}`, "message is required"},
		"a number as number":   {`{"to":919876543211,"message":"Hi"}`, "to must be a text"},
		"a list as message":    {`{"to":"+919876543211","message":["Hi"]}`, "message must be a text"},
		"a type":               {`{"to":"+919876543211","type":"poll","message":"Hi"}`, "type must be text, image, video, document, audio, voice, sticker, location or template"},
		"a file without":       {`{"to":"+919876543211","type":"image"}`, "media_url is required with the type image"},
		"a text with a file":   {`{"to":"+919876543211","type":"text","message":"Hi","media_url":"https://a.example"}`, "media_url and caption do not go with the type text"},
		"a sticker with text":  {`{"to":"+919876543211","type":"sticker","message":"Hi","media_url":"https://a.example"}`, "message and caption do not go with the type sticker"},
		"two captions":         {`{"to":"+919876543211","type":"image","message":"Hi","caption":"Ho","media_url":"https://a.example"}`, "give either message or caption"},
		"no template":          {`{"to":"+919876543211","type":"template"}`, "template is required with the type template"},
		"a template as photo":  {`{"to":"+919876543211","type":"image","template":"t"}`, "type must be template where a template is given"},
		"a value that is none": {`{"to":"+919876543211","template":"t","variables":{"a":{}}}`, "the values in variables must be texts or numbers"},
		"variables as text":    {`{"to":"+919876543211","template":"t","variables":"a"}`, "variables must be an object"},
		"two senders":          {`{"to":"+919876543211","message":"Hi","session":"main","from":"+919876543210"}`, "give either session or from"},
		"a sender":             {`{"to":"+919876543211","message":"Hi","from":"main"}`, "from must be the phone number of one of your sessions, with its country code"},
		"a place off the map":  {`{"to":"+919876543211","type":"location","latitude":91,"longitude":0}`, "latitude must be from -90 to 90 degrees, and longitude from -180 to 180"},
		"half a place":         {`{"to":"+919876543211","type":"location","latitude":9}`, "latitude and longitude are required with the type location"},
		"too long":             {`{"to":"+919876543211","message":"` + strings.Repeat("a", engine.MaxTextLength+1) + `"}`, "message is longer than 65536 bytes"},
	} {
		s, err := DecodeSend([]byte(c.body))
		got := strings.TrimPrefix(fmt.Sprint(err), "INVALID_REQUEST: ")
		if err == nil {
			got = tellSend(s)
		} else if engine.CodeOf(err) != engine.CodeInvalid {
			t.Errorf("%s: the code is %s", name, engine.CodeOf(err))
		}
		if got != c.want {
			t.Errorf("%s is read as %q, want %q", name, got, c.want)
		}
	}
}

func tellSend(s Send) string {
	parts := []string{string(s.Message.Kind), string(s.Message.To), s.Message.Text}
	if s.Message.Location != nil {
		parts = append(parts, fmt.Sprint(*s.Message.Location))
	}
	if s.Template != "" {
		parts = append(parts, "template="+s.Template, fmt.Sprint(s.Variables))
	}
	for _, p := range []struct{ name, value string }{{"", s.MediaURL}, {"", s.FileName}, {"", s.Language}, {"session=", string(s.Session)}, {"from=", s.From}, {"reply=", s.ReplyTo}} {
		if p.value != "" {
			parts = append(parts, p.name+p.value)
		}
	}
	return strings.Join(parts, " ")
}

func TestDecodeChange(t *testing.T) {
	for body, want := range map[string]string{
		`{"status":"read"}`:                  `{true  }`,
		`{"message":"New","session":"main"}`: `{false New main}`,
		`{"status":"delivered"}`:             "status must be read",
		`{"status":"read","message":"New"}`:  "give either status or message",
		`{}`:                                 "status or message is required",
		`{"message":" "}`:                    "status or message is required",
		`{"status":"read","session":"a b!"}`: "?",
		`{"status":1}`:                       "status must be a text",
		`[]`:                                 "the body must be an object",
	} {
		c, err := DecodeChange([]byte(body))
		got := strings.TrimPrefix(fmt.Sprint(err), "INVALID_REQUEST: ")
		if err == nil {
			got = fmt.Sprint(c)
		}
		if got != want && (want != "?" || engine.CodeOf(err) != engine.CodeInvalid) {
			t.Errorf("%s is read as %q, want %q", body, got, want)
		}
	}
}

// Whatever is sent, it is understood or refused as the caller's mistake.
func FuzzDecodeSend(f *testing.F) {
	for _, body := range []string{
		`{"to":"+9999999999","message":"Hello","type":"text"}`,
		`{"to":"+9999999999","template":"t","variables":{"a":"b","1":2,"c":null}}`,
		`{"to":"+9999999999","template":"t","variables":[1,"a",true]}`,
		`{"to":"+9999999999","type":"location","latitude":1e3,"longitude":-0.0}`,
		`{"to":"+9999999999","media_url":"https://a.example/%zz.jpg?x"}`, `{"variables":[null]}`, `[]`, `null`, ``,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := DecodeSend(body)
		if err != nil {
			if engine.CodeOf(err) != engine.CodeInvalid {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		switch {
		case s.Message.To == "":
			t.Fatalf("%q goes to nobody", body)
		case s.Template == "" && s.Message.Kind.HasMedia() != (s.MediaURL != ""):
			t.Fatalf("%q is a %s of %q", body, s.Message.Kind, s.MediaURL)
		case s.Session != "" && s.From != "":
			t.Fatalf("%q has two senders", body)
		}
		_, _ = DecodeChange(body)
		_, _ = DecodeContact(body)
		_, _ = DecodeTemplate(body)
	})
}
