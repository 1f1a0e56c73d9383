package whatsapp

import (
	"testing"
	"time"

	"wapid/engine"
)

// BenchmarkCompose builds a message, and what the log keeps of it: the texts that
// most messages are, a reply with a mention in a disappearing chat, and a picture.
func BenchmarkCompose(b *testing.B) {
	_, peer, _ := testPeople()
	quoted := &engine.MessageRef{ID: "3EB0AA", Chat: peer.Phone, Sender: peer, Kind: engine.KindText, Text: "When?"}
	for _, c := range []struct {
		name string
		m    engine.Outgoing
	}{
		{"text", engine.Outgoing{Kind: engine.KindText, Text: "The order 4711 is on its way."}},
		{"reply", engine.Outgoing{Kind: engine.KindText, Text: "Now, @4915100000002.", Mentions: []engine.JID{peer.Phone}, Quoted: quoted,
			Expiration: 24 * time.Hour}},
		{"image", engine.Outgoing{Kind: engine.KindImage, Text: "the parcel",
			Attachment: uploaded(b, engine.KindImage, func(a *engine.Attachment) { a.Thumbnail = make([]byte, 3000) })}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := testSetting(string(peer.LID), true)
			b.ReportAllocs()
			for b.Loop() {
				message, err := composeMessage(c.m, s)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := payloadOf(message); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
