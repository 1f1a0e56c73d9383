package whatsapp

import (
	"bytes"
	"image"
	"image/png"
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"wapid/engine"
	"wapid/engine/enginetest"
	"wapid/engine/simnet"
)

// told is the outline of a message.
type told struct {
	kind  engine.Kind
	text  string
	media bool
}

func TestKindsOverTheWire(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	media := func(m simnet.Media) func() (string, error) {
		return func() (string, error) { return peer.SendMedia(t.Context(), p.JID(), m) }
	}
	message := func(m *waE2E.Message) func() (string, error) {
		return func() (string, error) { return peer.Send(t.Context(), p.JID(), m) }
	}
	for name, c := range map[string]struct {
		send func() (string, error)
		want told
	}{
		"image":    {media(simnet.Media{Kind: simnet.MediaImage, Data: picture.Bytes(), Caption: "look"}), told{engine.KindImage, "look", true}},
		"voice":    {media(simnet.Media{Kind: simnet.MediaAudio, Data: []byte("OggS"), Voice: true}), told{engine.KindVoice, "", true}},
		"document": {media(simnet.Media{Kind: simnet.MediaDocument, Data: []byte("%PDF"), FileName: "bill.pdf", Caption: "the bill"}), told{engine.KindDocument, "the bill", true}},
		"disappearing": {message(&waE2E.Message{EphemeralMessage: wrapped(&waE2E.Message{
			ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String("psst")}})}), told{engine.KindText, "psst", false}},
	} {
		id, err := c.send()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		m := s.AwaitMessage(t, engine.MessageID(id))
		if got := (told{m.Kind, m.Text, m.HasMedia}); got != c.want || m.Sender != peer.Person() {
			t.Errorf("%s: received %+v, want %+v", name, m, c.want)
		}
	}
}

// TestMissingAddressIsFilledIn: a stanza names a person by one address only.
func TestMissingAddressIsFilledIn(t *testing.T) {
	sim := simulate(t)
	n, p := sim.open(t, nil), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	l := s.Conn.(*conn).readyLink()
	lid, pn := types.NewJID("77001", types.HiddenUserServer), types.NewJID("4917000001", types.DefaultUserServer)
	if err := l.device.LIDs.PutLIDMapping(t.Context(), lid, pn); err != nil {
		t.Fatal(err)
	}
	both := engine.Person{Phone: "4917000001@s.whatsapp.net", LID: "77001@lid"}
	stranger := types.NewJID("77002", types.HiddenUserServer)
	for name, c := range map[string]struct {
		addresses []types.JID
		want      engine.Person
	}{
		"by LID":           {[]types.JID{{User: "77001", Device: 5, Server: types.HiddenUserServer}}, both},
		"by number":        {[]types.JID{{User: "4917000001", Device: 5, Server: types.DefaultUserServer}}, both},
		"by both":          {[]types.JID{lid, pn}, both},
		"a LID never seen": {[]types.JID{stranger}, engine.Person{LID: "77002@lid"}},
	} {
		if got, err := l.person(c.addresses...); err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, c.want)
		}
	}
}
