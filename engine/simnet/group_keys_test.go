package simnet

import (
	"testing"

	"go.mau.fi/libsignal/protocol"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// TestGroupMembersComeAndGo checks who gets the sender keys.
func TestGroupMembersComeAndGo(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer, third, late := net.Phone(owner), net.Phone(customer), net.Phone(friend), net.Phone(stranger)
	c := linkedClient(t, net, phone)
	group, err := peer.CreateGroup(ctx, "Team", third.JID(), phone.JID())
	succeed(t, err)
	await[*events.JoinedGroup](c, nil)
	_, err = peer.SendText(ctx, group, "before")
	succeed(t, err)
	await(c, text("before"))
	c.sendText(group, "also before")
	sees(t, third, group, "also before")

	lateClient := linkedClient(t, net, late)
	succeed(t, peer.AddMembers(ctx, group, late.JID()))
	added := await(c, func(e *events.GroupInfo) bool { return len(e.Join) == 1 })
	if added.Join[0] != late.LID() {
		t.Errorf("joined %v", added.Join)
	}
	if got := await[*events.JoinedGroup](lateClient, nil); got.JID != group || len(got.Participants) != 4 {
		t.Errorf("late member joined %+v", got)
	}
	_, err = peer.SendText(ctx, group, "welcome")
	succeed(t, err)
	await(lateClient, text("welcome"))
	await(c, text("welcome"))
	c.sendText(group, "hello late one")
	sees(t, late, group, "hello late one")
	await(lateClient, text("hello late one"))
	lateClient.sendText(group, "hello all")
	await(c, text("hello all"))
	sees(t, third, group, "hello all")

	succeed(t, peer.RemoveMembers(ctx, group, late.JID()))
	await(c, func(e *events.GroupInfo) bool { return len(e.Leave) == 1 && e.Leave[0] == late.LID() })
	await(lateClient, func(e *events.GroupInfo) bool { return len(e.Leave) == 1 })
	_, err = peer.SendText(ctx, group, "among us")
	succeed(t, err)
	await(c, text("among us"))
	c.sendText(group, "indeed")
	sees(t, third, group, "indeed")
	if n := count(lateClient, text("among us")) + count(lateClient, text("indeed")); n > 0 {
		t.Error("who was removed reads on")
	}
	if _, err = late.SendText(ctx, group, "let me in"); err == nil {
		t.Error("who was removed writes on")
	}
	succeed(t, third.LeaveGroup(ctx, group))
	left := await(c, func(e *events.GroupInfo) bool { return len(e.Leave) == 1 && e.Leave[0] == third.LID() })
	if left.Sender == nil || *left.Sender != third.LID() {
		t.Errorf("left %+v", left)
	}
	for _, cl := range []*client{c, lateClient} {
		if n := count[*events.UndecryptableMessage](cl, nil); n > 0 {
			t.Errorf("%d undecryptable messages", n)
		}
	}
}

// TestGroupRetries loses keys on both sides.
func TestGroupRetries(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	c := linkedClient(t, net, phone)
	group, err := peer.CreateGroup(ctx, "Retry", phone.JID())
	succeed(t, err)
	await[*events.JoinedGroup](c, nil)

	// The phone believes that the companion has its sender key.
	companion := types.JID{User: phone.LID().User, Device: c.Store.ID.Device, Server: types.HiddenUserServer}
	peer.mu.Lock()
	peer.shared = map[types.JID]map[types.JID]struct{}{group: {companion: {}}}
	peer.mu.Unlock()
	id, err := peer.SendText(ctx, group, "can you read this?")
	succeed(t, err)
	await[*events.UndecryptableMessage](c, nil)
	await(c, text("can you read this?"))
	if _, err = peer.AwaitSent(ctx, func(m Outgoing) bool { return m.ID == id && m.Retries > 0 }); err != nil {
		t.Error(err)
	}
	_, err = peer.SendText(ctx, group, "and this?")
	succeed(t, err)
	await(c, text("and this?"))

	sent := c.sendText(group, "once more, please")
	sees(t, peer, group, "once more, please")
	succeed(t, peer.RequestRetry(ctx, sent))
	got, err := peer.Await(ctx, func(r Received) bool { return r.ID == sent && r.Copies > 1 && r.Message != nil })
	succeed(t, err)
	if got.Text != "once more, please" {
		t.Errorf("the second copy says %q", got.Text)
	}
}

// TestGroupKeyChangesWithTheDevices checks that a device that was unlinked does
// not keep a key that opens what follows.
func TestGroupKeyChangesWithTheDevices(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	c := settledClient(t, net, phone)
	group, err := peer.CreateGroup(ctx, "Keys", phone.JID())
	succeed(t, err)
	keyID := func() uint32 {
		t.Helper()
		peer.mu.Lock()
		defer peer.mu.Unlock()
		raw, err := peer.keys.distribution(group, peer.LID())
		succeed(t, err)
		msg, err := protocol.NewSenderKeyDistributionMessageFromBytes(raw, wireFormat().SenderKeyDistributionMessage)
		succeed(t, err)
		return msg.ID()
	}
	for _, words := range []string{"one", "two"} {
		_, err = peer.SendText(ctx, group, words)
		succeed(t, err)
		await(c, text(words))
	}
	before := keyID()
	_, err = peer.SendText(ctx, group, "three")
	succeed(t, err)
	if keyID() != before {
		t.Error("the key changed without a reason")
	}
	succeed(t, phone.Unlink(ctx, *c.Store.ID))
	await[*events.LoggedOut](c, nil)
	_, err = peer.SendText(ctx, group, "four")
	succeed(t, err)
	sees(t, phone, group, "four")
	if keyID() == before {
		t.Error("the key outlived the device")
	}
}
