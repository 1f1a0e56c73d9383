package whatsapp

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"
	"time"

	"wapid/engine"
	"wapid/engine/simnet/baileys"
)

// listener is a Baileys, a client that we did not write, on the account of a phone.
func (s *simulation) listener(t *testing.T, p *phone) *baileys.Client {
	t.Helper()
	b := baileys.Start(t, baileys.Network(s.Describe()), t.TempDir())
	device, err := p.ScanQR(t.Context(), b.Await("qr", nil).QR)
	if err != nil {
		t.Fatal(err)
	}
	b.Await("paired", nil)
	b.Await("open", nil)
	b.Await("caughtUp", nil)
	b.Await("history", nil)
	if err := p.Settle(t.Context(), deviceID(device)); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBaileysReadsUs sends every kind to somebody who reads it with Baileys.
func TestBaileysReadsUs(t *testing.T) {
	sim := simulate(t)
	s, peer := sim.speaker(t), sim.phone()
	b := sim.listener(t, peer)
	to := peer.Person().Phone
	shown := func(ref engine.MessageRef, kind string) baileys.Event {
		t.Helper()
		got := b.Await("message", func(e baileys.Event) bool { return e.ID == string(ref.ID) })
		if got.Type != kind || got.FromMe {
			t.Errorf("a %s is shown as %+v", ref.Kind, got)
		}
		return got
	}
	theirs := s.hears(t, peer, s.phone.Person().Phone, "a question")

	reply := s.say(t, engine.Outgoing{To: to, Kind: engine.KindText, Text: "an answer, @" + to.User(), Mentions: []engine.JID{to},
		Quoted: &theirs, Expiration: time.Hour})
	if got := shown(reply, "extendedTextMessage"); got.Text != "an answer, @"+peer.LID().User || got.Quoted != string(theirs.ID) ||
		got.QuotedType != "conversation" || !slices.Equal(got.Mentions, []string{peer.LID().String()}) || got.Expires != 3600 {
		t.Errorf("a reply is shown as %+v", got)
	}
	files := map[engine.Kind]string{
		engine.KindImage: "imageMessage", engine.KindVideo: "videoMessage", engine.KindAudio: "audioMessage", engine.KindVoice: "audioMessage",
		engine.KindDocument: "documentMessage", engine.KindSticker: "stickerMessage",
	}
	for kind, name := range files {
		m := engine.Outgoing{To: to, Kind: kind, ViewOnce: kind == engine.KindVideo || kind == engine.KindVoice}
		if hasCaption(kind) {
			m.Text = "caption of the " + string(kind)
		}
		data := drawn(20_001)
		m.Attachment = s.attach(t, kind, to, data)
		hash := sha256.Sum256(data)
		ref := s.say(t, m)
		if got := shown(ref, name); got.MediaSHA256 != hex.EncodeToString(hash[:]) || got.Text != m.Text ||
			got.Once != m.ViewOnce || got.Voice != (kind == engine.KindVoice) {
			t.Errorf("a %s is shown as %+v", kind, got)
		}
		if m.Text != "" && !m.ViewOnce {
			s.say(t, engine.Outgoing{To: to, Kind: engine.KindEdit, Text: "another " + m.Text, Target: &ref})
			b.Await("edited", func(e baileys.Event) bool { return e.ID == string(ref.ID) && e.Text == "another "+m.Text })
		}
	}
	place := s.say(t, engine.Outgoing{To: to, Kind: engine.KindLocation, Location: &engine.Location{Latitude: 52.5, Longitude: -13.25, Name: "Café"}})
	if got := shown(place, "locationMessage"); got.Place != "52.5 -13.25" || got.Text != "Café" {
		t.Errorf("a location is shown as %+v", got)
	}
	eve := engine.Contact{Name: "Eve", Phone: "4915100000009"}
	for n, kind := range map[int]string{1: "contactMessage", 2: "contactsArrayMessage"} {
		contacts := s.say(t, engine.Outgoing{To: to, Kind: engine.KindContact, Contacts: slices.Repeat([]engine.Contact{eve}, n)})
		if got := shown(contacts, kind); len(got.Cards) != n {
			t.Errorf("contacts are shown as %+v", got)
		}
	}
	poll := s.say(t, engine.Outgoing{To: to, Kind: engine.KindPoll, Poll: &engine.Poll{Question: "Tea?", Options: []string{"yes", "no 🙅"}, Selectable: 1}})
	if got := shown(poll, "pollCreationMessage"); got.Text != "Tea?" || !slices.Equal(got.Options, []string{"yes", "no 🙅"}) {
		t.Errorf("a poll is shown as %+v", got)
	}

	s.say(t, engine.Outgoing{To: to, Kind: engine.KindReaction, Text: "❤️", Target: &theirs})
	b.Await("reaction", func(e baileys.Event) bool { return e.ID == string(theirs.ID) && e.Text == "❤️" })
	s.say(t, engine.Outgoing{To: to, Kind: engine.KindEdit, Text: "a better answer", Target: &reply})
	b.Await("edited", func(e baileys.Event) bool { return e.ID == string(reply.ID) && e.Text == "a better answer" })
	s.say(t, engine.Outgoing{To: to, Kind: engine.KindRevoke, Target: &reply})
	b.Await("revoked", func(e baileys.Event) bool { return e.ID == string(reply.ID) })
	b.Quit()
}

// TestBaileysReadsUsInGroups: there, people are named by who they are in the group.
func TestBaileysReadsUsInGroups(t *testing.T) {
	sim := simulate(t)
	s, peer := sim.speaker(t), sim.phone()
	b := sim.listener(t, peer)
	made, err := s.phone.CreateGroup(t.Context(), "Group", peer.JID())
	if err != nil {
		t.Fatal(err)
	}
	group := engine.JID(made.String())
	theirs := s.hears(t, peer, group, "theirs")
	b.Await("message", func(e baileys.Event) bool { return e.ID == string(theirs.ID) })
	reply := s.say(t, engine.Outgoing{To: group, Kind: engine.KindText, Text: "hi @" + peer.JID().User, Mentions: []engine.JID{peer.Person().Phone}, Quoted: &theirs})
	got := b.Await("message", func(e baileys.Event) bool { return e.ID == string(reply.ID) })
	if got.Text != "hi @"+peer.LID().User || got.Quoted != string(theirs.ID) || !slices.Equal(got.Mentions, []string{peer.LID().String()}) {
		t.Errorf("a reply is shown as %+v", got)
	}
	s.say(t, engine.Outgoing{To: group, Kind: engine.KindReaction, Text: "👍", Target: &theirs})
	b.Await("reaction", func(e baileys.Event) bool { return e.ID == string(theirs.ID) && e.Text == "👍" })
	s.say(t, engine.Outgoing{To: group, Kind: engine.KindRevoke, Target: &theirs})
	b.Await("revoked", func(e baileys.Event) bool { return e.ID == string(theirs.ID) })
	b.Quit()
}
