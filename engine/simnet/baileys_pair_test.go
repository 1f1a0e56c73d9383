package simnet

import (
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"wapid/engine/simnet/baileys"
)

// tell sends a text with whatsmeow.
func tell(t *testing.T, c *client, to *Phone, words string) string {
	t.Helper()
	sent, err := c.SendMessage(patientContext(t), to.JID(), &waE2E.Message{Conversation: proto.String(words)})
	if err != nil {
		t.Fatal(err)
	}
	return sent.ID
}

// TestBaileysMeetsWhatsmeow puts two clients into one conversation that share
// nothing: what one of them makes, the other must understand, with the network
// as the only thing between them.
func TestBaileysMeetsWhatsmeow(t *testing.T) {
	net := startNetwork(t, Config{})
	phone, peer := net.Phone(owner), net.Phone(customer)
	c := linkedClient(t, net, phone)
	b, theirs, state := linkedBaileys(t, net, peer)

	id := tell(t, c, peer, "1: "+poem)
	got := b.Await("message", about(id))
	if got.Text != "1: "+poem || got.FromMe {
		t.Errorf("Baileys got %+v", got)
	}
	await(c, func(r *events.Receipt) bool {
		return len(r.MessageIDs) == 1 && r.MessageIDs[0] == id && r.Sender.Device == theirs.Device
	})
	for _, to := range []string{got.Chat, got.ChatAlt} {
		answer := b.Do(baileys.Command{Do: "text", To: to, Text: to + ": " + poem})
		heard := await(c, text(to+": "+poem))
		numbers := []string{heard.Info.Sender.User, heard.Info.SenderAlt.User}
		if heard.Info.ID != answer.ID || numbers[0] != peer.LID().User && numbers[1] != peer.LID().User ||
			numbers[0] != customer && numbers[1] != customer {
			t.Errorf("whatsmeow got %+v", heard.Info)
		}
	}

	// whatsmeow loses its session with Baileys and asks it to encrypt again.
	for _, form := range []types.JID{peer.LID(), peer.JID()} {
		if err := c.Store.Sessions.DeleteAllSessions(patientContext(t), form.SignalAddressUser()); err != nil {
			t.Fatal(err)
		}
	}
	again := b.Do(baileys.Command{Do: "text", To: got.Chat, Text: "after whatsmeow forgot"})
	if heard := await(c, text("after whatsmeow forgot")); heard.Info.ID != again.ID {
		t.Errorf("whatsmeow got %+v", heard.Info)
	}
	undecryptable := count(c, func(u *events.UndecryptableMessage) bool { return u.Info.ID == again.ID })
	if undecryptable == 0 {
		t.Error("whatsmeow did not have to ask: its session was still there")
	}

	// Now Baileys loses all of its sessions while it is away.
	b.Quit()
	baileys.ForgetSessions(t, state)
	id = tell(t, c, peer, "after Baileys forgot")
	b = startBaileys(t, net, state)
	if got = b.Await("message", saying("after Baileys forgot")); got.ID != id {
		t.Errorf("Baileys got %+v", got)
	}
	b.Await("message", func(e baileys.Event) bool { return e.ID == id && e.Stub == baileys.StubCiphertext })
	b.Quit()
}

// TestBaileysBesideWhatsmeow links both clients to one phone.
func TestBaileysBesideWhatsmeow(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := patientContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	phone.SetPushName("Owner")
	c := linkedClient(t, net, phone)
	b, device, _ := linkedBaileys(t, net, phone)

	id, err := peer.SendText(ctx, phone.JID(), "for all of you")
	if err != nil {
		t.Fatal(err)
	}
	chat := b.Await("message", about(id)).Chat
	await(c, text("for all of you"))
	if _, err = peer.AwaitSent(ctx, func(m Outgoing) bool { return m.ID == id && len(m.Delivered) == 3 }); err != nil {
		t.Errorf("phone and companions should confirm: %v, %+v", err, peer.Sent())
	}

	// The client may miss the new device once; the ack's phash then tells it.
	tell(t, c, peer, "perhaps unheard")
	id = tell(t, c, peer, "from whatsmeow")
	if own := b.Await("message", about(id)); own.Text != "from whatsmeow" || !own.FromMe {
		t.Errorf("Baileys got %+v", own)
	}
	sent := b.Do(baileys.Command{Do: "text", To: chat, Text: "from Baileys"})
	if own := await(c, text("from Baileys")); own.Info.ID != sent.ID || !own.Info.IsFromMe {
		t.Errorf("whatsmeow got %+v", own.Info)
	}
	if heard, err := peer.Await(ctx, withID(sent.ID)); err != nil || heard.Text != "from Baileys" {
		t.Errorf("the peer heard %+v, %v", heard, err)
	}

	// What one renames, the other learns through the app state.
	b.Do(baileys.Command{Do: "rename", Text: "Renamed 🎩"})
	await(c, func(e *events.PushNameSetting) bool { return e.Action.GetName() == "Renamed 🎩" })

	if err = phone.Unlink(ctx, device); err != nil {
		t.Fatal(err)
	}
	b.Await("close", func(e baileys.Event) bool { return e.Code == baileys.CloseLoggedOut })
	b.Quit()
	tell(t, c, peer, "alone again")
	if _, err = peer.Await(ctx, withText("alone again")); err != nil {
		t.Fatal(err)
	}
}
