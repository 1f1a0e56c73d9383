package whatsapp

import (
	"slices"
	"testing"

	"wapid/engine"
	"wapid/engine/enginetest"
	"wapid/engine/simnet"
)

// What a client asks for a message and waits for, in simnet.Question's words.
const (
	asksWho      = "usync business status picture devices lid" // SendMessage, of one number
	asksMany     = "usync contact business disappearing_mode username"
	asksDevices  = "usync devices"
	asksKeys     = "encrypt key"
	asksGroup    = "w:g2 query"
	asksDelivery = "message"
)

// questions are those that held up a message: each is a round trip. The rest is what a
// client asks beside its messages: it pings, reads its settings, and hands out a privacy
// token behind the first message to somebody.
func questions(w *simnet.Watch) (list []simnet.Question) {
	for _, q := range w.Take() {
		switch q.What {
		case "w:p", "w:sync:app:state sync", "privacy tokens":
		default:
			list = append(list, q)
		}
	}
	return list
}

func wantQuestions(t *testing.T, what string, w *simnet.Watch, want ...string) {
	t.Helper()
	var got []string
	for _, q := range questions(w) {
		got = append(got, q.What)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s asks %q, want %q", what, got, want)
	}
}

// A first message to somebody takes whatsmeow's own four round trips, one to somebody
// who was prepared two, and every other one.
func TestRoundTrips(t *testing.T) {
	sim := simulate(t)
	n, p := sim.open(t, nil), sim.phone()
	strangers := []*phone{sim.phone(), sim.phone(), sim.phone(), sim.phone(), sim.phone()}
	s, id := enginetest.Link(t, n, p, "a")
	send := func(to engine.JID) {
		t.Helper()
		if _, err := s.Conn.Send(t.Context(), engine.Outgoing{ID: n.NewMessageID(), To: to, Kind: engine.KindText, Text: "hi"}); err != nil {
			t.Fatal(err)
		}
	}
	prepare := func(to ...engine.JID) []engine.Registration {
		t.Helper()
		found, err := s.Conn.(engine.Preparer).Prepare(t.Context(), to)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	w := sim.Watch(p.Number())

	send(strangers[0].Person().Phone)
	wantQuestions(t, "a first message", w, asksWho, asksDevices, asksKeys, asksDelivery)
	send(strangers[0].Person().Phone)
	wantQuestions(t, "the second message", w, asksDelivery)
	send(strangers[0].Person().LID)
	wantQuestions(t, "a message to the LID", w, asksDelivery)

	var rest []engine.JID
	for _, stranger := range strangers[1:4] {
		rest = append(rest, stranger.Person().Phone)
	}
	rest = append(rest, strangers[4].Person().LID)
	if found := prepare(append(rest, strangers[0].Person().Phone)...); len(found) != 3 || !found[2].OnWhatsApp || found[2].Person != strangers[3].Person() {
		t.Errorf("found %+v", found)
	}
	asked := questions(w)
	if want := []simnet.Question{{What: asksMany, Users: 3}, {What: asksDevices, Users: 4}}; !slices.Equal(asked, want) {
		t.Errorf("preparing five, of whom one is known and one has a LID, asks %+v, want %+v", asked, want)
	}
	for _, to := range rest {
		send(to)
		wantQuestions(t, "a first message to one who is prepared", w, asksKeys, asksDelivery)
		send(to)
		wantQuestions(t, "the next", w, asksDelivery)
	}
	prepare(rest...)
	wantQuestions(t, "preparing those who are known", w)

	// A new connection has forgotten the devices, and asks for all of them at once.
	s.End(t)
	s = enginetest.NewSession("a")
	var err error
	if s.Conn, err = n.Open(t.Context(), engine.Line{Session: s.Key}, id.Device, s.Handler()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.End(t) })
	s.ComeBack(t)
	w.Take()
	prepare(rest...)
	wantQuestions(t, "preparing after a restart", w, asksDevices)
	for _, to := range rest {
		send(to)
		wantQuestions(t, "a message after a restart", w, asksDelivery)
	}
	send(strangers[0].Person().Phone)
	wantQuestions(t, "a message after a restart to one who was not prepared", w, asksDevices, asksDelivery)
}

// Whoever is not there is told so, and makes nothing of the others worse.
func TestPreparingTheAbsent(t *testing.T) {
	sim := simulate(t)
	n, p := sim.open(t, nil), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	here, gone := sim.phone(), sim.phone()
	sim.SetAbsent(gone.Number())
	w := sim.Watch(p.Number())
	found, err := s.Conn.(engine.Preparer).Prepare(t.Context(), []engine.JID{gone.Person().Phone, here.Person().Phone, "123456789012345@g.us"})
	if err != nil || len(found) != 2 || found[0].OnWhatsApp || !found[1].OnWhatsApp {
		t.Errorf("found %+v (%v)", found, err)
	}
	wantQuestions(t, "preparing", w, asksMany, asksDevices)
	if _, err := s.Conn.Send(t.Context(), engine.Outgoing{ID: n.NewMessageID(), To: here.Person().Phone, Kind: engine.KindText, Text: "hi"}); err != nil {
		t.Fatal(err)
	}
	wantQuestions(t, "the message", w, asksKeys, asksDelivery)
	for _, c := range []struct {
		to   engine.JID
		want engine.Code
	}{{"nonsense", engine.CodeInvalid}, {"@s.whatsapp.net", engine.CodeInvalid}} {
		if _, err := s.Conn.(engine.Preparer).Prepare(t.Context(), []engine.JID{c.to}); engine.CodeOf(err) != c.want {
			t.Errorf("%q gives %v, want %s", c.to, err, c.want)
		}
	}
}

// A group's members and timer are asked for once.
func TestRoundTripsOfGroups(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	group, _, err := s.Conn.(engine.Groups).CreateGroup(t.Context(), "Orders", []engine.JID{peer.Person().Phone})
	if err != nil {
		t.Fatal(err)
	}
	w := sim.Watch(p.Number())
	for i, want := range [][]string{{asksGroup, asksDevices, asksKeys, asksDelivery}, {asksDelivery}} {
		_, err := s.Conn.Send(t.Context(), engine.Outgoing{ID: n.NewMessageID(), To: group.ID, Kind: engine.KindText, Text: "hi"})
		if err != nil {
			t.Fatal(err)
		}
		wantQuestions(t, "message "+string(rune('1'+i))+" to a group", w, want...)
	}
}
