package simnet

import (
	"testing"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine/simnet/baileys"
)

// baileysClient starts a Baileys on a state directory.
func baileysClient(t *testing.T, net *network, state string) *baileys.Client {
	t.Helper()
	return baileys.Start(t, baileys.Network(net.Describe()), state)
}

// linkedBaileys lets a phone scan the QR code of a new Baileys and waits until
// it has logged in after the restart and taken in what the phone welcomes it with.
func linkedBaileys(t *testing.T, net *network, phone *Phone) (b *baileys.Client, state string) {
	t.Helper()
	state = t.TempDir()
	b = baileysClient(t, net, state)
	jid, err := phone.ScanQR(testContext(t), b.Await("qr", nil).QR)
	if err != nil {
		t.Fatal(err)
	}
	settleBaileys(t, net, b, jid)
	return b, state
}

func settleBaileys(t *testing.T, net *network, b *baileys.Client, jid types.JID) {
	t.Helper()
	b.Await("paired", nil)
	b.Await("close", func(e baileys.Event) bool { return e.Code == baileys.CloseRestart })
	open := b.Await("open", nil)
	if open.ID != jid.String() {
		t.Errorf("Baileys is %s, the phone linked %s", open.ID, jid)
	}
	b.Await("caughtUp", nil)
	b.Await("history", nil)
	eventually(t, func() bool {
		return len(net.Ledger().Acked(jid)) > 0 && len(net.Ledger().Pending(jid)) == 0
	})
}

// saying matches a message event by its words.
func saying(words string) func(baileys.Event) bool {
	return func(e baileys.Event) bool { return e.Text == words }
}

const poem = "Grüße 👋🏽 \u2028 <b>&</b>\n\"second\" line\n\n🧑‍🚀"

func TestBaileysPairsAndTalks(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	peer.SetPushName("Customer")
	b, _ := linkedBaileys(t, net, phone)

	id, err := peer.SendText(ctx, phone.JID(), poem)
	if err != nil {
		t.Fatal(err)
	}
	got := b.Await("message", saying(poem))
	if got.ID != id {
		t.Errorf("got %+v", got)
	}
	answer := b.Do(baileys.Command{Do: "text", To: got.Chat, Text: "answer: " + poem})
	heard, err := peer.Await(ctx, withText("answer: "+poem))
	if err != nil {
		t.Fatal(err)
	}
	if heard.ID != answer.ID {
		t.Errorf("heard %+v", heard)
	}
	b.Quit()
}
