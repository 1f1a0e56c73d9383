package whatsapp

import (
	"testing"
	"time"

	"wapid/engine"
	"wapid/engine/enginetest"
	"wapid/engine/simnet"
)

// TestTimerOfAGroup: a group's timer counts also if it was set before the device was
// linked, which nobody tells the device. The session learns it with the first
// message, and is told once.
func TestTimerOfAGroup(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	group, err := peer.CreateGroup(t.Context(), "Team", p.JID())
	if err != nil {
		t.Fatal(err)
	}
	set := func(after time.Duration) {
		t.Helper()
		if err := peer.SetGroupTimer(t.Context(), group, after); err != nil {
			t.Fatal(err)
		}
	}
	set(24 * time.Hour)
	s, _ := enginetest.Link(t, n, p, "a")
	chat := engine.JID(group.String())
	expiration := func(known time.Duration) uint32 {
		t.Helper()
		id := n.NewMessageID()
		_, err := s.Conn.Send(t.Context(), engine.Outgoing{ID: id, To: chat, Kind: engine.KindText, Text: "hi", Expiration: known})
		if err != nil {
			t.Fatal(err)
		}
		got, err := peer.Await(t.Context(), func(r simnet.Received) bool { return r.ID == string(id) })
		if err != nil {
			t.Fatal(err)
		}
		return got.Message.GetExtendedTextMessage().GetContextInfo().GetExpiration()
	}
	if got := expiration(0); got != 86400 {
		t.Errorf("the first message disappears after %d s, want 86400", got)
	}
	told := s.AwaitNotice(t, func(n engine.Notice) bool { return n.Timer != nil })
	if want := (engine.ChatTimer{Chat: chat, After: 24 * time.Hour}); *told.Timer != want || told.Group != nil {
		t.Errorf("told %+v, want %+v", told.Timer, want)
	}
	// From here on the session knows better.
	if got := expiration(time.Hour); got != 3600 {
		t.Errorf("the second message disappears after %d s, want 3600", got)
	}
	// What was missed is found with the next connection.
	p.Cut(t)
	enginetest.Await[engine.SignalDropped](t, s)
	s.ComeBack(t)
	if got := expiration(time.Hour); got != 86400 {
		t.Errorf("after a reconnection a message disappears after %d s, want 86400", got)
	}
}
