package enginetest

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"wapid/engine"
)

// Shown is what the owner of a phone sees of a message. A field that the kind has
// no use for is empty.
type Shown struct {
	Kind     engine.Kind
	Text     string
	About    engine.MessageID // of reactions, edits and revocations
	Quoted   engine.MessageID
	Mentions []engine.JID // by phone number
	Options  []string     // of a poll
	Place    [2]float64   // latitude and longitude
	Contacts []string     // the names on the cards
	File     []byte       // downloaded and decrypted
	ViewOnce bool
}

// sendsEveryKind sends what a network may support; a kind that it does not support
// must be refused as such.
func sendsEveryKind(t *testing.T, h Harness) {
	n, peer := h.Open(t), h.Phone(t)
	p := h.Phone(t)
	s, _ := Link(t, n, p, "a")
	to := peer.Person().Phone
	heard, err := peer.SendText(t.Context(), p.Person().Phone, "a question")
	if err != nil {
		t.Fatal(err)
	}
	question := refTo(s.AwaitMessage(t, heard))
	own := engine.MessageRef{Chat: to, FromMe: true, Kind: engine.KindText, Text: "words"}

	picture := []byte("not really a picture")
	for _, c := range []struct {
		name string
		m    engine.Outgoing
		want Shown
	}{
		{"text", engine.Outgoing{Kind: engine.KindText, Text: "words"}, Shown{Text: "words"}},
		{"reply", engine.Outgoing{Kind: engine.KindText, Text: "an answer", Quoted: &question}, Shown{Text: "an answer", Quoted: heard}},
		{"mention", engine.Outgoing{Kind: engine.KindText, Text: "look, all", Mentions: []engine.JID{to}}, Shown{Text: "look, all", Mentions: []engine.JID{to}}},
		{"image", engine.Outgoing{Kind: engine.KindImage, Text: "look"}, Shown{Text: "look", File: picture}},
		{"image to be viewed once", engine.Outgoing{Kind: engine.KindImage, ViewOnce: true}, Shown{File: picture, ViewOnce: true}},
		{"video", engine.Outgoing{Kind: engine.KindVideo, Text: "watch"}, Shown{Text: "watch", File: picture}},
		{"audio", engine.Outgoing{Kind: engine.KindAudio}, Shown{File: picture}},
		{"voice", engine.Outgoing{Kind: engine.KindVoice}, Shown{File: picture}},
		{"document", engine.Outgoing{Kind: engine.KindDocument, Text: "read"}, Shown{Text: "read", File: picture}},
		{"sticker", engine.Outgoing{Kind: engine.KindSticker}, Shown{File: picture}},
		{"poll", engine.Outgoing{Kind: engine.KindPoll, Poll: &engine.Poll{Question: "Tea?", Options: []string{"yes", "no"}, Selectable: 1}},
			Shown{Text: "Tea?", Options: []string{"yes", "no"}}},
		{"location", engine.Outgoing{Kind: engine.KindLocation, Location: &engine.Location{Latitude: 52.5, Longitude: -13.25, Name: "Café"}},
			Shown{Text: "Café", Place: [2]float64{52.5, -13.25}}},
		{"contact", engine.Outgoing{Kind: engine.KindContact, Contacts: []engine.Contact{{Name: "Eve", Phone: "4915100000009"}}},
			Shown{Contacts: []string{"Eve"}}},
		{"reaction", engine.Outgoing{Kind: engine.KindReaction, Text: "👍", Target: &question}, Shown{Text: "👍", About: heard}},
		{"edit", engine.Outgoing{Kind: engine.KindEdit, Text: "better words", Target: &own}, Shown{Text: "better words"}},
		{"revocation", engine.Outgoing{Kind: engine.KindRevoke, Target: &own}, Shown{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.m.ID, c.m.To, c.want.Kind = n.NewMessageID(), to, c.m.Kind
			if c.m.Kind.HasMedia() {
				c.m.Attachment = attach(t, s, c.m, picture)
			}
			if c.m.Target == &own {
				c.want.About = own.ID
			}
			sent, err := s.Conn.Send(t.Context(), c.m)
			if engine.CodeOf(err) == engine.CodeNotSupported {
				t.Skipf("the network does not support it: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.name == "text" {
				own.ID, own.Payload = c.m.ID, sent.Payload
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if got, err := peer.AwaitShown(ctx, c.m.ID); err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("the phone shows %+v (%v), want %+v", got, err, c.want)
			}
		})
	}
}

// attach uploads a file for a message.
func attach(t *testing.T, s *Session, m engine.Outgoing, data []byte) *engine.Attachment {
	t.Helper()
	media, ok := s.Conn.(engine.Media)
	if !ok {
		t.Skip("the network moves no files")
	}
	up, err := media.Upload(t.Context(), m, bytes.NewReader(data))
	if err != nil {
		t.Fatalf("upload: %v", err)
	}
	if len(up.Ref) == 0 {
		t.Error("an upload without a reference")
	}
	return &engine.Attachment{Size: int64(len(data)), Upload: &up}
}

// movesFiles fetches what was received and what was sent.
func movesFiles(t *testing.T, h Harness) {
	n, p, peer := h.Open(t), h.Phone(t), h.Phone(t)
	s, _ := Link(t, n, p, "a")
	media, ok := s.Conn.(engine.Media)
	if !ok {
		t.Skip("the network moves no files")
	}
	data := bytes.Repeat([]byte("0123456789"), 10_000)
	id, err := peer.SendFile(t.Context(), p.Person().Phone, data)
	if err != nil {
		t.Fatal(err)
	}
	in := s.AwaitMessage(t, id)
	if !in.HasMedia || len(in.Payload) == 0 {
		t.Fatalf("a file came as %+v", in)
	}
	fetch := func(what string, ref engine.MessageRef) {
		t.Helper()
		file, err := os.Create(filepath.Join(t.TempDir(), "file"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if err := media.Download(t.Context(), ref, file); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got, err := io.ReadAll(file); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes of %d, %v", what, len(got), len(data), err)
		}
	}
	fetch("received", refTo(in))
	m := engine.Outgoing{ID: n.NewMessageID(), To: peer.Person().Phone, Kind: engine.KindDocument}
	m.Attachment = attach(t, s, m, data)
	sent, err := s.Conn.Send(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	fetch("sent", engine.MessageRef{ID: m.ID, Chat: m.To, FromMe: true, Kind: m.Kind, Payload: sent.Payload})

	if _, err := media.Upload(t.Context(), engine.Outgoing{Kind: engine.KindText, To: m.To}, bytes.NewReader(data)); engine.CodeOf(err) != engine.CodeInvalid {
		t.Errorf("uploading a text gives %v, want %s", err, engine.CodeInvalid)
	}
	s.Close()
	if _, err := media.Upload(t.Context(), m, bytes.NewReader(data)); engine.CodeOf(err) != engine.CodeSessionNotReady {
		t.Errorf("uploading on a closed connection gives %v, want %s", err, engine.CodeSessionNotReady)
	}
}

// refTo refers to a received message as the engine does from its log.
func refTo(in engine.Incoming) engine.MessageRef {
	return engine.MessageRef{ID: in.ID, Chat: in.Chat, Sender: in.Sender, Kind: in.Kind, Text: in.Text, Payload: in.Payload}
}
