package simnet

import (
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

func TestOfflineQueueIsRedeliveredUntilAcked(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	c := linkedClient(t, net, phone)
	device := phone.Devices()[0]
	c.Disconnect()

	var ids []types.MessageID
	for _, words := range []string{"one", "two", "three"} {
		id, err := peer.SendText(ctx, phone.JID(), words)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if pending := net.Ledger().Pending(device); len(pending) != 3 || !pending[0].Sent.IsZero() {
		t.Fatalf("pending while offline: %+v", pending)
	}
	again := c.reopen()
	again.connect()
	preview := await[*events.OfflineSyncPreview](again, nil)
	if preview.Messages != 3 {
		t.Errorf("preview %+v", preview)
	}
	for _, words := range []string{"one", "two", "three"} {
		await(again, text(words))
	}
	await[*events.OfflineSyncCompleted](again, nil)
	for _, id := range ids {
		eventually(t, func() bool { e := net.Ledger().Message(id).Acked(device); return len(e) == 1 })
	}
	if left := net.directory.byNumber[owner].device(device.Device).waiting(); len(left) > 0 {
		t.Errorf("%d stanzas left in the queue", len(left))
	}
}

func TestMessageWithoutAckComesAgain(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	c := newClient(t, net)
	c.SynchronousAck = true
	c.EnableDecryptedEventBuffer = true
	c.link(phone)
	refuse := true
	c.AddEventHandlerWithSuccessStatus(func(event any) bool {
		_, isMessage := event.(*events.Message)
		return !isMessage || !refuse
	})
	if _, err := peer.SendText(ctx, phone.JID(), "keep me"); err != nil {
		t.Fatal(err)
	}
	await(c, text("keep me"))
	again := c.reopen()
	again.EnableDecryptedEventBuffer = true
	again.connect()
	await(again, text("keep me"))
	eventually(t, func() bool { return len(net.Ledger().Pending(phone.Devices()[0])) == 0 })
}

func TestRetryInBothDirections(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	c := linkedClient(t, net, phone)
	sent, err := c.SendMessage(ctx, peer.JID(), &waE2E.Message{Conversation: proto.String("say again")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = peer.Await(ctx, withText("say again")); err != nil {
		t.Fatal(err)
	}
	if err = peer.RequestRetry(ctx, sent.ID); err != nil {
		t.Fatal(err)
	}
	if _, err = peer.Await(ctx, func(r Received) bool { return r.ID == sent.ID && r.Copies >= 2 && r.Text == "say again" }); err != nil {
		t.Fatalf("the client did not encrypt again: %v %+v", err, peer.Inbox())
	}

	// Now the client loses its session with the peer.
	if err = c.Store.Sessions.DeleteSession(ctx, peer.LID().SignalAddress().String()); err != nil {
		t.Fatal(err)
	}
	id, err := peer.SendText(ctx, phone.JID(), "can you read this?")
	if err != nil {
		t.Fatal(err)
	}
	await(c, text("can you read this?"))
	if m, err := peer.AwaitSent(ctx, func(m Outgoing) bool { return m.ID == id && m.Retries > 0 }); err != nil {
		t.Errorf("no retry came: %v %+v", err, m)
	}
}

func TestReadReceiptsAndTyping(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	c := linkedClient(t, net, phone)
	sent, err := c.SendMessage(ctx, peer.JID(), &waE2E.Message{Conversation: proto.String("read me")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = peer.Await(ctx, withText("read me")); err != nil {
		t.Fatal(err)
	}
	if err = peer.MarkRead(ctx, phone.JID(), sent.ID); err != nil {
		t.Fatal(err)
	}
	await(c, receiptOf(sent.ID, types.ReceiptTypeRead))
	if err = peer.MarkPlayed(ctx, phone.JID(), sent.ID); err != nil {
		t.Fatal(err)
	}
	await(c, receiptOf(sent.ID, types.ReceiptTypePlayed))
	if err = peer.Typing(ctx, phone.JID(), true); err != nil {
		t.Fatal(err)
	}
	await(c, func(e *events.ChatPresence) bool { return e.State == types.ChatPresenceComposing })

	id, err := peer.SendText(ctx, phone.JID(), "and you?")
	if err != nil {
		t.Fatal(err)
	}
	m := await(c, text("and you?"))
	if err = c.MarkRead(ctx, []types.MessageID{id}, time.Now(), m.Info.Chat, m.Info.Sender); err != nil {
		t.Fatal(err)
	}
	if _, err = peer.AwaitSent(ctx, func(m Outgoing) bool { return m.ID == id && len(m.Read) == 1 }); err != nil {
		t.Errorf("read receipt: %v", err)
	}
}

func TestNewCompanionIsAnnounced(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	c := linkedClient(t, net, phone)
	if _, err := c.SendMessage(ctx, peer.JID(), &waE2E.Message{Conversation: proto.String("first")}); err != nil {
		t.Fatal(err)
	}
	second := linkedClient(t, net, peer)
	// The client may miss the new device once; the ack's phash then tells it.
	for _, words := range []string{"second", "third"} {
		if _, err := c.SendMessage(ctx, peer.JID(), &waE2E.Message{Conversation: proto.String(words)}); err != nil {
			t.Fatal(err)
		}
	}
	await(second, text("third"))

	own := linkedClient(t, net, phone)
	if _, err := c.SendMessage(ctx, peer.JID(), &waE2E.Message{Conversation: proto.String("fourth")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SendMessage(ctx, peer.JID(), &waE2E.Message{Conversation: proto.String("fifth")}); err != nil {
		t.Fatal(err)
	}
	fifth := await(own, text("fifth"))
	if !fifth.Info.IsFromMe {
		t.Errorf("sibling sees %+v", fifth.Info)
	}
}

func TestPreKeysRunLow(t *testing.T) {
	net := startNetwork(t, Config{})
	phone := net.Phone(owner)
	c := linkedClient(t, net, phone)
	dev := net.directory.byNumber[owner].device(phone.Devices()[0].Device)
	notes := func() int {
		n := 0
		for _, e := range dev.waiting() {
			if attrText(e.node, "type") == "encrypt" {
				n++
			}
		}
		return n
	}
	c.Disconnect()
	eventually(t, func() bool { return dev.connection() == nil })
	for dev.preKeyCount() >= lowPreKeys {
		if notes() > 0 {
			t.Fatal("asked for prekeys too early")
		}
		if _, err := net.fetchBundle(dev.jid(types.HiddenUserServer)); err != nil {
			t.Fatal(err)
		}
	}
	for range 8 {
		if _, err := net.fetchBundle(dev.jid(types.HiddenUserServer)); err != nil {
			t.Fatal(err)
		}
	}
	if n := notes(); n != 1 {
		t.Errorf("asked %d times for prekeys", n)
	}
	c.reopen().connect()
	eventually(t, func() bool { return dev.preKeyCount() >= 50 && notes() == 0 })
}

// eventually waits for a condition that no event announces.
// TestMessageToOneself: whatsmeow lists every device twice then.
func TestMessageToOneself(t *testing.T) {
	net := startNetwork(t, Config{})
	phone := net.Phone(owner)
	c, other := linkedClient(t, net, phone), linkedClient(t, net, phone)
	for _, words := range []string{"first note", "second note"} {
		sent, err := c.SendMessage(testContext(t), phone.JID(), hello(words))
		if err != nil {
			t.Fatal(err)
		}
		got, err := phone.Await(testContext(t), withText(words))
		if err != nil {
			t.Fatal(err)
		}
		if got.ID != sent.ID || !got.FromMe || got.Chat != phone.JID() || got.Copies != 1 {
			t.Errorf("%s: the phone shows %+v", words, got)
		}
		if m := await(other, text(words)); !m.Info.IsFromMe {
			t.Errorf("%s: the other device shows %+v", words, m.Info)
		}
		if n := len(net.Ledger().Message(sent.ID)); n != 2 {
			t.Errorf("%s: %d deliveries", words, n)
		}
	}
}

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatal("condition never came true")
		}
		<-tick.C
	}
}
