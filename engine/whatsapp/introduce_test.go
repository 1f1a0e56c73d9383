package whatsapp

import (
	"testing"

	"wapid/engine"
	"wapid/engine/enginetest"
	"wapid/engine/simnet"
)

// TestIntroduction: others see the account's name beside what is sent, as soon as
// the phone has told it, after a change, and on every later connection; and nobody
// is shown as online by that.
func TestIntroduction(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	p.SetPushName("Meera")
	p.SetOnline(false)
	s, _ := enginetest.Link(t, n, p, "a")
	name := func() string {
		t.Helper()
		id, err := sendText(t, n, s, peer.Person().Phone, "hello")
		if err != nil {
			t.Fatal(err)
		}
		got, err := peer.Await(t.Context(), func(r simnet.Received) bool { return r.ID == string(id) })
		if err != nil {
			t.Fatal(err)
		}
		return got.PushName
	}
	soon(t, "the first name is seen", func() bool { return name() == "Meera" })
	p.SetPushName("Meera's shop")
	soon(t, "the new name is seen", func() bool { return name() == "Meera's shop" })
	p.Cut(t)
	enginetest.Await[engine.SignalDropped](t, s)
	s.ComeBack(t)
	if got := name(); got != "Meera's shop" {
		t.Errorf("after a reconnection the name is %q", got)
	}
	if peer.SeesOnline(p.JID()) {
		t.Error("the account is shown as online")
	}
	// One that was shown as online stays so when its name changes.
	if err := able[engine.Presence](t, s).SetAvailable(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	p.SetPushName("Meera again")
	soon(t, "the newest name is seen", func() bool { return name() == "Meera again" })
	if !peer.SeesOnline(p.JID()) {
		t.Error("the account is no longer shown as online")
	}
}
