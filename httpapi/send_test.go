package httpapi

import (
	"reflect"
	"strings"
	"testing"

	"wapid/engine"
)

func TestOutgoing(t *testing.T) {
	const number, jid = "919876543210", "919876543210@s.whatsapp.net"
	longest := strings.Repeat("x", engine.MaxTextLength)
	for name, c := range map[string]struct {
		in   sendRequest
		want engine.Outgoing
		code engine.Code
		says string
	}{
		"plain":            {in: sendRequest{To: number, Message: "Hi"}, want: engine.Outgoing{To: jid, Kind: engine.KindText, Text: "Hi"}},
		"typed":            {in: sendRequest{To: "+91 98765-43210", Message: "Hi", Type: "text"}, want: engine.Outgoing{To: jid, Kind: engine.KindText, Text: "Hi"}},
		"group":            {in: sendRequest{To: "120363025246125486@g.us", Message: "Hi"}, want: engine.Outgoing{To: "120363025246125486@g.us", Kind: engine.KindText, Text: "Hi"}},
		"header":           {in: sendRequest{To: number, Header: "H", Message: "M"}, want: engine.Outgoing{To: jid, Kind: engine.KindText, Text: "*H*\n\nM"}},
		"footer":           {in: sendRequest{To: number, Message: "M", Footer: "F"}, want: engine.Outgoing{To: jid, Kind: engine.KindText, Text: "M\n\n_F_"}},
		"both":             {in: sendRequest{To: number, Header: "H", Message: "M", Footer: "F"}, want: engine.Outgoing{To: jid, Kind: engine.KindText, Text: "*H*\n\nM\n\n_F_"}},
		"space is kept":    {in: sendRequest{To: number, Message: " a\n"}, want: engine.Outgoing{To: jid, Kind: engine.KindText, Text: " a\n"}},
		"longest":          {in: sendRequest{To: number, Message: longest}, want: engine.Outgoing{To: jid, Kind: engine.KindText, Text: longest}},
		"too long":         {in: sendRequest{To: number, Message: longest + "x"}, code: engine.CodeInvalid, says: "longer than 65536 bytes"},
		"too long in all":  {in: sendRequest{To: number, Message: longest, Footer: "F"}, code: engine.CodeInvalid, says: "longer than 65536 bytes"},
		"no recipient":     {in: sendRequest{Message: "Hi"}, code: engine.CodeInvalid, says: "to is required"},
		"blank recipient":  {in: sendRequest{To: " ", Message: "Hi"}, code: engine.CodeInvalid, says: "to is required"},
		"bad recipient":    {in: sendRequest{To: "bob", Message: "Hi"}, code: engine.CodeInvalid, says: "recipient must be"},
		"no message":       {in: sendRequest{To: number}, code: engine.CodeInvalid, says: "message is required"},
		"blank message":    {in: sendRequest{To: number, Message: " \n\t"}, code: engine.CodeInvalid, says: "message is required"},
		"header only":      {in: sendRequest{To: number, Header: "H"}, code: engine.CodeInvalid, says: "message is required"},
		"image":            {in: sendRequest{To: number, Type: "image", MediaURL: "https://example.com/invoice.jpg"}, code: engine.CodeNotSupported, says: "type image can't be sent yet"},
		"poll":             {in: sendRequest{To: number, Type: "poll", Message: "?"}, code: engine.CodeNotSupported, says: "type poll"},
		"unknown type":     {in: sendRequest{To: number, Type: "fax", Message: "M"}, code: engine.CodeInvalid, says: "type must be"},
		"type in capitals": {in: sendRequest{To: number, Type: "TEXT", Message: "M"}, code: engine.CodeInvalid, says: "type must be"},
		"text with media":  {in: sendRequest{To: number, Message: "M", MediaBase64: "aGk="}, code: engine.CodeInvalid, says: "mediaBase64 does not go with type text"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.in.outgoing()
			if engine.CodeOf(err) != c.code || c.code != "" && !strings.Contains(err.Error(), c.says) {
				t.Fatalf("error %v, want %s with %q", err, c.code, c.says)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v", got)
			}
		})
	}
}
