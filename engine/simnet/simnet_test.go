package simnet

import (
	"testing"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

const (
	owner    = "15550001001"
	customer = "15550002002"
)

func TestPairSendReceiveAndLogInAgain(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	peer.SetPushName("Customer")
	c := linkedClient(t, net, phone)

	sent, err := c.SendMessage(ctx, peer.JID(), &waE2E.Message{Conversation: proto.String("hello there")})
	if err != nil {
		t.Fatal(err)
	}
	got, err := peer.Await(ctx, withText("hello there"))
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != sent.ID || got.FromPN != phone.JID() || got.Copies != 1 || got.FromMe {
		t.Errorf("peer received %+v", got)
	}
	if own, err := phone.Await(ctx, withText("hello there")); err != nil || !own.FromMe || own.Chat != peer.JID() {
		t.Errorf("own phone received %+v, %v", own, err)
	}
	await(c, receiptOf(sent.ID, types.ReceiptTypeDelivered))

	id, err := peer.SendText(ctx, phone.JID(), "hello yourself")
	if err != nil {
		t.Fatal(err)
	}
	answer := await(c, text("hello yourself"))
	if answer.Info.ID != id || answer.Info.Sender.User != peer.JID().User && answer.Info.SenderAlt.User != peer.JID().User {
		t.Errorf("client received %+v", answer.Info)
	}
	if answer.Info.PushName != "Customer" {
		t.Errorf("push name %q", answer.Info.PushName)
	}
	if _, err = peer.AwaitSent(ctx, func(m Outgoing) bool { return m.ID == id && len(m.Delivered) == 2 }); err != nil {
		t.Errorf("the companion and the phone should both confirm: %v, %+v", err, peer.Sent())
	}

	again := c.reopen()
	again.connect()
	if _, err = peer.SendText(ctx, phone.LID(), "still there?"); err != nil {
		t.Fatal(err)
	}
	await(again, text("still there?"))
	if n := count[*events.UndecryptableMessage](again, nil); n > 0 {
		t.Errorf("%d undecryptable messages", n)
	}
}
