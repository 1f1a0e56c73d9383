package simnet

import (
	"slices"
	"testing"
	"time"

	"wapid/engine/simnet/baileys"
)

func TestBaileysUnderFaults(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := patientContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	b, _, state := linkedBaileys(t, net, phone)
	set := func(fault Fault) string {
		t.Helper()
		id, err := net.Faults().Set(fault)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}

	// A restricted account can't write to a stranger, and learns why.
	lock := set(Fault{Kind: FaultTimelock, Number: owner, Expire: time.Hour})
	refused := b.Do(baileys.Command{Do: "text", To: peer.JID().String(), Text: "hello, stranger"})
	b.Await("timelock", func(e baileys.Event) bool { return e.On })
	status := b.Await("status", func(e baileys.Event) bool { return e.ID == refused.ID && e.Status == baileys.StatusError })
	if !slices.Contains(status.Stubs, "463") {
		t.Errorf("refused with %v", status.Stubs)
	}
	if told := b.Do(baileys.Command{Do: "timelock"}); !told.On {
		t.Error("Baileys is told that the account is not restricted")
	}
	net.Faults().Clear(lock)
	if told := b.Do(baileys.Command{Do: "timelock"}); told.On {
		t.Error("Baileys is told that the account is still restricted")
	}
	accepted := b.Do(baileys.Command{Do: "text", To: peer.JID().String(), Text: "hello again"})
	if _, err := peer.Await(ctx, withID(accepted.ID)); err != nil {
		t.Fatal(err)
	}
	if list := net.Ledger().Message(refused.ID); len(list) != 0 {
		t.Errorf("the refused message went to %+v", list)
	}

	// A broken connection and a refused login each tell what they are.
	set(Fault{Kind: FaultClose, Number: owner, Times: 1})
	b.Await("close", func(e baileys.Event) bool { return e.Code != baileys.CloseRestart })
	b.Quit()

	for code, fault := range map[int]Fault{
		405: {Kind: FaultOutdated, Number: owner, Times: 1},
		402: {Kind: FaultTempBan, Number: owner, Times: 1, Expire: time.Hour},
		503: {Kind: FaultLoginFailure, Number: owner, Times: 1, Code: 503},
	} {
		set(fault)
		b = startBaileys(t, net, state)
		b.Await("close", func(e baileys.Event) bool { return e.Code == code })
		b.Quit()
	}
	b = startBaileys(t, net, state)
	b.Await("caughtUp", nil)
	b.Quit()
}

// withID matches a message on a phone by its id.
func withID(id string) func(Received) bool {
	return func(r Received) bool { return r.ID == id }
}
