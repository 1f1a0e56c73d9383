package httpapi

import (
	"reflect"
	"strings"
	"testing"

	"wapid/engine"
)

func pointer[T any](v T) *T { return &v }

func TestOutgoing(t *testing.T) {
	const number, jid = "919876543210", "919876543210@s.whatsapp.net"
	longest := strings.Repeat("x", engine.MaxTextLength)
	ref := &engine.MessageRef{ID: "3EB0"}
	text := func(s string) engine.Outgoing { return engine.Outgoing{To: jid, Kind: engine.KindText, Text: s} }
	poll := func(options []string, selectable int) engine.Outgoing {
		return engine.Outgoing{To: jid, Kind: engine.KindPoll, Text: "Q?", Poll: &engine.Poll{Question: "Q?", Options: options, Selectable: selectable}}
	}
	for name, c := range map[string]struct {
		in   sendRequest
		want engine.Outgoing
		says string // of the error, which is CodeInvalid
	}{
		"plain":               {in: sendRequest{Message: "Hi"}, want: text("Hi")},
		"typed":               {in: sendRequest{Message: "Hi", Type: "text"}, want: text("Hi")},
		"group":               {in: sendRequest{To: "120363025246125486@g.us", Message: "Hi"}, want: engine.Outgoing{To: "120363025246125486@g.us", Kind: engine.KindText, Text: "Hi"}},
		"header":              {in: sendRequest{Header: "H", Message: "M"}, want: text("*H*\n\nM")},
		"footer":              {in: sendRequest{Message: "M", Footer: "F"}, want: text("M\n\n_F_")},
		"both":                {in: sendRequest{Header: "H", Message: "M", Footer: "F"}, want: text("*H*\n\nM\n\n_F_")},
		"space is kept":       {in: sendRequest{Message: " a\n"}, want: text(" a\n")},
		"longest":             {in: sendRequest{Message: longest}, want: text(longest)},
		"too long":            {in: sendRequest{Message: longest + "x"}, says: "longer than 65536 bytes"},
		"too long in all":     {in: sendRequest{Message: longest, Footer: "F"}, says: "longer than 65536 bytes"},
		"no recipient":        {in: sendRequest{To: "-", Message: "Hi"}, says: "recipient must be"},
		"blank recipient":     {in: sendRequest{To: " ", Message: "Hi"}, says: "to is required"},
		"bad recipient":       {in: sendRequest{To: "bob", Message: "Hi"}, says: "recipient must be"},
		"no message":          {in: sendRequest{}, says: "message is required"},
		"blank message":       {in: sendRequest{Message: " \n\t"}, says: "message is required"},
		"header only":         {in: sendRequest{Header: "H"}, says: "message is required"},
		"unknown type":        {in: sendRequest{Type: "fax", Message: "M"}, says: "type must be"},
		"type in capitals":    {in: sendRequest{Type: "TEXT", Message: "M"}, says: "type must be"},
		"type of the engine":  {in: sendRequest{Type: "voice", MediaBase64: "-"}, says: "type must be"},
		"reply with mentions": {in: sendRequest{Message: "@1", QuotedMessageID: "3EB0", Mentions: []string{"+91 98765 43210", jid, "7@lid"}}, want: engine.Outgoing{To: jid, Kind: engine.KindText, Text: "@1", Quoted: ref, Mentions: []engine.JID{jid, "7@lid"}}},
		"mention of a group":  {in: sendRequest{Message: "M", Mentions: []string{"120363025246125486@g.us"}}, says: "mentions[0] must be"},
		"quoted nonsense":     {in: sendRequest{Message: "M", QuotedMessageID: "a b"}, says: "quotedMessageId must be"},

		"image":           {in: sendRequest{Type: "image", MediaURL: "https://example.com/a.jpg"}, want: engine.Outgoing{To: jid, Kind: engine.KindImage}},
		"captioned":       {in: sendRequest{Type: "video", MediaBase64: "-", Header: "H", Message: "M", Footer: "F", ViewOnce: true}, want: engine.Outgoing{To: jid, Kind: engine.KindVideo, Text: "*H*\n\nM\n\n_F_", ViewOnce: true}},
		"header as text":  {in: sendRequest{Type: "image", hasFile: true, Header: "H"}, want: engine.Outgoing{To: jid, Kind: engine.KindImage, Text: "*H*"}},
		"document":        {in: sendRequest{Type: "document", MediaBase64: "-", FileName: "a.pdf", MediaMimeType: "application/pdf"}, want: engine.Outgoing{To: jid, Kind: engine.KindDocument}},
		"audio":           {in: sendRequest{Type: "audio", MediaBase64: "-", Message: "M", QuotedMessageID: "3EB0"}, want: engine.Outgoing{To: jid, Kind: engine.KindAudio, Text: "M", Quoted: ref}},
		"audio titled":    {in: sendRequest{Type: "audio", MediaBase64: "-", Header: "H", Message: "M", Footer: "F"}, want: engine.Outgoing{To: jid, Kind: engine.KindAudio, Text: "*H*\n\nM\n\n_F_"}},
		"voice":           {in: sendRequest{Type: "audio", MediaBase64: "-", PTT: true, ViewOnce: true}, want: engine.Outgoing{To: jid, Kind: engine.KindVoice, ViewOnce: true}},
		"sticker":         {in: sendRequest{Type: "sticker", MediaBase64: "-"}, want: engine.Outgoing{To: jid, Kind: engine.KindSticker}},
		"no file":         {in: sendRequest{Type: "image", Message: "M"}, says: "needs mediaUrl, mediaBase64 or a file"},
		"two files":       {in: sendRequest{Type: "image", MediaURL: "https://example.com/", MediaBase64: "-"}, says: "exclude each other"},
		"three files":     {in: sendRequest{Type: "image", MediaURL: "https://example.com/", MediaBase64: "-", hasFile: true}, says: "exclude each other"},
		"long URL":        {in: sendRequest{Type: "image", MediaURL: "https://" + strings.Repeat("x", 9000)}, says: "longer than 8192 bytes"},
		"caption of none": {in: sendRequest{Type: "sticker", MediaBase64: "-", Message: "M"}, says: "message does not go with type sticker"},
		"once without":    {in: sendRequest{Type: "audio", MediaBase64: "-", ViewOnce: true}, says: "viewOnce goes with audio only if"},

		"text with media": {in: sendRequest{Message: "M", MediaBase64: "-"}, says: "mediaBase64 does not go with type text"},
		"text with file":  {in: sendRequest{Message: "M", hasFile: true}, says: "file does not go with type text"},
		"image as ptt":    {in: sendRequest{Type: "image", MediaBase64: "-", PTT: true}, says: "ptt does not go with type image"},
		"image preview":   {in: sendRequest{Type: "image", MediaBase64: "-", LinkPreview: true}, says: "linkPreview does not go with type image"},
		"once a document": {in: sendRequest{Type: "document", MediaBase64: "-", ViewOnce: true}, says: "viewOnce does not go with type document"},
		"text options":    {in: sendRequest{Message: "M", Options: []string{"a", "b"}}, says: "options does not go with type text"},
		"text place":      {in: sendRequest{Message: "M", Latitude: pointer(0.0)}, says: "latitude does not go with type text"},
		"text emoji":      {in: sendRequest{Message: "M", Emoji: pointer("")}, says: "emoji does not go with type text"},
		"text target":     {in: sendRequest{Message: "M", MessageID: "3EB0"}, says: "messageId does not go with type text"},
		"place footer":    {in: sendRequest{Type: "location", Latitude: pointer(0.0), Longitude: pointer(0.0), Footer: "F"}, says: "footer does not go with type location"},

		"poll":             {in: sendRequest{Type: "poll", Message: "Q?", Options: []string{"a", "b"}}, want: poll([]string{"a", "b"}, 1)},
		"poll for any":     {in: sendRequest{Type: "poll", Message: "Q?", Options: []string{"a", "b"}, SelectableCount: pointer(0)}, want: poll([]string{"a", "b"}, 0)},
		"poll titled":      {in: sendRequest{Type: "poll", Header: "H", Message: "Q?", Footer: "F", Options: []string{"a", "b"}}, want: engine.Outgoing{To: jid, Kind: engine.KindPoll, Text: "*H*\n\nQ?\n\n_F_", Poll: &engine.Poll{Question: "*H*\n\nQ?\n\n_F_", Options: []string{"a", "b"}, Selectable: 1}}},
		"long poll in all": {in: sendRequest{Type: "poll", Message: strings.Repeat("ä", 253), Header: "H", Options: []string{"a", "b"}}, says: "longer than 255 characters"},
		"poll without":     {in: sendRequest{Type: "poll", Options: []string{"a", "b"}}, says: "it is the poll's question"},
		"long question":    {in: sendRequest{Type: "poll", Message: strings.Repeat("ä", 256), Options: []string{"a", "b"}}, says: "longer than 255 characters"},
		"one option":       {in: sendRequest{Type: "poll", Message: "Q?", Options: []string{"a"}}, says: "2 to 12 entries"},
		"many options":     {in: sendRequest{Type: "poll", Message: "Q?", Options: strings.Split("abcdefghijklm", "")}, says: "2 to 12 entries"},
		"same options":     {in: sendRequest{Type: "poll", Message: "Q?", Options: []string{"a", "b", "a"}}, says: "options[2] is there twice"},
		"empty option":     {in: sendRequest{Type: "poll", Message: "Q?", Options: []string{"a", " "}}, says: "options[1] is empty"},
		"long option":      {in: sendRequest{Type: "poll", Message: "Q?", Options: []string{"a", strings.Repeat("ä", 101)}}, says: "options[1] is longer"},
		"select too many":  {in: sendRequest{Type: "poll", Message: "Q?", Options: []string{"a", "b"}, SelectableCount: pointer(3)}, says: "selectableCount must be"},
		"select less":      {in: sendRequest{Type: "poll", Message: "Q?", Options: []string{"a", "b"}, SelectableCount: pointer(-1)}, says: "selectableCount must be"},
		"location":         {in: sendRequest{Type: "location", Latitude: pointer(0.0), Longitude: pointer(-180.0), LocationName: "N", LocationAddress: "A"}, want: engine.Outgoing{To: jid, Kind: engine.KindLocation, Location: &engine.Location{Longitude: -180, Name: "N", Address: "A"}}},
		"commented":        {in: sendRequest{Type: "location", Latitude: pointer(0.0), Longitude: pointer(0.0), Message: "Here"}, want: engine.Outgoing{To: jid, Kind: engine.KindLocation, Text: "Here", Location: &engine.Location{}}},
		"no latitude":      {in: sendRequest{Type: "location", Longitude: pointer(1.0)}, says: "latitude is required"},
		"no longitude":     {in: sendRequest{Type: "location", Latitude: pointer(1.0)}, says: "longitude is required"},
		"beyond the pole":  {in: sendRequest{Type: "location", Latitude: pointer(90.1), Longitude: pointer(1.0)}, says: "latitude must be"},
		"round the world":  {in: sendRequest{Type: "location", Latitude: pointer(1.0), Longitude: pointer(180.1)}, says: "longitude must be"},
		"contact":          {in: sendRequest{Type: "contact", Contacts: []sendContact{{Name: "Asha", Phone: "+91 98765 43210"}}}, want: engine.Outgoing{To: jid, Kind: engine.KindContact, Contacts: []engine.Contact{{Name: "Asha", Phone: number}}}},
		"card":             {in: sendRequest{Type: "contact", Contacts: []sendContact{{VCard: "BEGIN:VCARD\nFN;CHARSET=UTF-8:Asha\nEND:VCARD\n"}}}, want: engine.Outgoing{To: jid, Kind: engine.KindContact, Contacts: []engine.Contact{{Name: "Asha", VCard: "BEGIN:VCARD\nFN;CHARSET=UTF-8:Asha\nEND:VCARD"}}}},
		"no contact":       {in: sendRequest{Type: "contact"}, says: "contacts must have 1 to 100"},
		"nameless":         {in: sendRequest{Type: "contact", Contacts: []sendContact{{Phone: number}}}, says: "contacts[0].name is required"},
		"nameless card":    {in: sendRequest{Type: "contact", Contacts: []sendContact{{VCard: "BEGIN:VCARD\nEND:VCARD"}}}, says: "contacts[0].name is required, as"},
		"phone and card":   {in: sendRequest{Type: "contact", Contacts: []sendContact{{Name: "A", Phone: number, VCard: "x"}}}, says: "contacts[0] needs either"},
		"a lid as phone":   {in: sendRequest{Type: "contact", Contacts: []sendContact{{Name: "A", Phone: "7@lid"}}}, says: "contacts[0].phone must be"},
		"no card":          {in: sendRequest{Type: "contact", Contacts: []sendContact{{Name: "A", VCard: "FN:A"}}}, says: "contacts[0].vcard must be"},
		"a name of lines":  {in: sendRequest{Type: "contact", Contacts: []sendContact{{Name: "A\r\nTEL:1", Phone: number}}}, says: "contacts[0].name must be one short line"},
		"reaction":         {in: sendRequest{Type: "reaction", MessageID: "3EB0", Emoji: pointer("👍")}, want: engine.Outgoing{To: jid, Kind: engine.KindReaction, Text: "👍", Target: ref}},
		"taken back":       {in: sendRequest{Type: "reaction", MessageID: "3EB0", Emoji: pointer("")}, want: engine.Outgoing{To: jid, Kind: engine.KindReaction, Target: ref}},
		"no emoji":         {in: sendRequest{Type: "reaction", MessageID: "3EB0"}, says: "emoji is required"},
		"long emoji":       {in: sendRequest{Type: "reaction", MessageID: "3EB0", Emoji: pointer(strings.Repeat("👍", 17))}, says: "single emoji"},
		"reaction to none": {in: sendRequest{Type: "reaction", Emoji: pointer("👍")}, says: "messageId is required"},
		"edit":             {in: sendRequest{Type: "edit", MessageID: "3EB0", Message: "M", Footer: "F"}, want: engine.Outgoing{To: jid, Kind: engine.KindEdit, Text: "M\n\n_F_", Target: ref}},
		"edit to nothing":  {in: sendRequest{Type: "edit", MessageID: "3EB0"}, says: "message is required"},
		"revoke":           {in: sendRequest{Type: "revoke", MessageID: "3EB0"}, want: engine.Outgoing{To: jid, Kind: engine.KindRevoke, Target: ref}},
		"revoke text":      {in: sendRequest{Type: "revoke", MessageID: "3EB0", Message: "M"}, says: "message does not go with type revoke"},
		"a long id":        {in: sendRequest{Type: "revoke", MessageID: strings.Repeat("x", 129)}, says: "messageId must be"},
		"choices": {in: sendRequest{Message: "M", Header: "H", Footer: "F", Choices: []sendChoice{{ID: "a", Title: "A", Description: "D"}}},
			want: engine.Outgoing{To: jid, Kind: engine.KindText, Text: "M", Choices: &engine.Choices{Style: engine.StyleButton,
				Header: "H", Footer: "F", Options: []engine.Choice{{ID: "a", Title: "A", Description: "D"}}}}},
		"a list": {in: sendRequest{Message: "M", ChoicesStyle: "list", Choices: []sendChoice{{ID: "a", Title: "A"}}},
			want: engine.Outgoing{To: jid, Kind: engine.KindText, Text: "M", Choices: &engine.Choices{Style: engine.StyleList,
				Options: []engine.Choice{{ID: "a", Title: "A"}}}}},
		"a style of nothing": {in: sendRequest{Message: "M", ChoicesStyle: "list"}, says: "choicesStyle goes with choices only"},
		"an unknown style":   {in: sendRequest{Message: "M", ChoicesStyle: "menu", Choices: []sendChoice{{ID: "a", Title: "A"}}}, says: "style of choices"},
		"a choice twice":     {in: sendRequest{Message: "M", Choices: []sendChoice{{ID: "a", Title: "A"}, {ID: "a", Title: "B"}}}, says: "there twice"},
		"choices of a poll":  {in: sendRequest{Type: "poll", Message: "M", Options: []string{"a", "b"}, Choices: []sendChoice{{ID: "a", Title: "A"}}}, says: "choices does not go with type poll"},
		"callback data":      {in: sendRequest{Message: "M", CallbackData: strings.Repeat("ä", 512)}, want: engine.Outgoing{To: jid, Kind: engine.KindText, Text: "M", CallbackData: strings.Repeat("ä", 512)}},
		"long callback data": {in: sendRequest{Message: "M", CallbackData: strings.Repeat("x", 513)}, says: "callbackData must not be longer than 512"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.in.To == "" {
				c.in.To = number
			}
			got, err := c.in.outgoing()
			if c.says != "" {
				if engine.CodeOf(err) != engine.CodeInvalid || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("error %v, want %q", err, c.says)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestEveryFieldHasItsType holds the table of fields against the request's own.
func TestEveryFieldHasItsType(t *testing.T) {
	placed := map[string]bool{"to": true, "type": true, "callbackData": true}
	for _, kind := range []string{"text", "image", "video", "document", "audio", "poll", "sticker", "location", "contact", "reaction", "edit", "revoke"} {
		for _, name := range fieldsOf(kind) {
			placed[name] = true
			if _, known := fieldType(reflect.TypeFor[sendRequest](), name); !known && name != "file" {
				t.Errorf("%s of %s is no field", name, kind)
			}
		}
	}
	for f := range reflect.TypeFor[sendRequest]().Fields() {
		if name := f.Tag.Get("json"); name != "" && !placed[name] {
			t.Errorf("%s goes with no type", name)
		}
	}
	full := sendRequest{Message: "x", Header: "x", Footer: "x", MediaURL: "x", MediaBase64: "x", MediaMimeType: "x", FileName: "x", PTT: true,
		Options: []string{"x"}, SelectableCount: pointer(1), Latitude: pointer(0.0), Longitude: pointer(0.0), LocationName: "x", LocationAddress: "x",
		Contacts: []sendContact{{}}, Emoji: pointer(""), MessageID: "x", QuotedMessageID: "x", Mentions: []string{"x"}, LinkPreview: true, ViewOnce: true, hasFile: true,
		Choices: []sendChoice{{}}, ChoicesStyle: "x"}
	if got, want := len(full.given()), len(placed)-3; got != want {
		t.Errorf("%d fields are given, of %d", got, want)
	}
}
