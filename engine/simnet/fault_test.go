package simnet

import (
	"errors"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

func setFault(t *testing.T, net *network, fault Fault) string {
	t.Helper()
	id, err := net.Faults().Set(fault)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func hello(words string) *waE2E.Message { return &waE2E.Message{Conversation: proto.String(words)} }

func TestDropsAroundTheAck(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	c := linkedClient(t, net, phone)
	// Whoever waits for whatsmeow's next connection says so in a flag without a lock:
	// the send is to be the only one. So nothing else is under way that follows a
	// first contact, and whatsmeow's own reconnection, which waits too, is off.
	if _, err := c.SendMessage(ctx, peer.JID(), hello("first contact")); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return peer.TrustedBy(phone.JID()) })
	c.EnableAutoReconnect = false
	c.AddEventHandler(func(evt any) {
		if _, lost := evt.(*events.Disconnected); lost {
			if err := c.Connect(); err != nil {
				t.Error(err)
			}
		}
	})
	for _, tc := range []struct {
		kind   FaultKind
		copies int
	}{
		{FaultDropBeforeRelay, 1}, // lost, then sent again by the client itself
		{FaultDropBeforeAck, 2},   // arrived, but the client can't know
		{FaultDropAfterAck, 1},
	} {
		setFault(t, net, Fault{Kind: tc.kind, Number: owner, Times: 1})
		c.forget()
		if _, err := c.SendMessage(ctx, peer.JID(), hello(string(tc.kind))); err != nil {
			t.Errorf("%s: %v", tc.kind, err)
		}
		await[*events.Connected](c, nil)
		got, err := peer.Await(ctx, func(r Received) bool { return r.Text == string(tc.kind) && r.Copies == tc.copies })
		if err != nil {
			t.Errorf("%s: %v, inbox %+v", tc.kind, err, peer.Inbox())
		}
		_ = got
	}
}

func TestLoginFailures(t *testing.T) {
	net := startNetwork(t, Config{})
	phone := net.Phone(owner)
	c := linkedClient(t, net, phone)

	ban := setFault(t, net, Fault{Kind: FaultTempBan, Number: owner, Code: 102, Expire: time.Hour})
	banned := await[*events.TemporaryBan](c, nil) // the client reconnects by itself
	if banned.Code != 102 || banned.Expire <= 59*time.Minute {
		t.Errorf("ban %+v", banned)
	}
	net.Faults().Clear(ban)
	c = c.reopen()
	c.connect()

	old := setFault(t, net, Fault{Kind: FaultOutdated, Number: owner})
	await[*events.ClientOutdated](c, nil)
	net.Faults().Clear(old)
	c = c.reopen()
	c.connect()
}

func TestStreamErrors(t *testing.T) {
	net := startNetwork(t, Config{})
	phone := net.Phone(owner)
	c := settledClient(t, net, phone)

	c.forget()
	setFault(t, net, Fault{Kind: FaultRestart, Number: owner})
	await[*events.Connected](c, nil)

	c.forget()
	setFault(t, net, Fault{Kind: FaultClose, Number: owner})
	await[*events.Disconnected](c, nil)
	await[*events.Connected](c, nil)

	setFault(t, net, Fault{Kind: FaultReplaced, Number: owner})
	await[*events.StreamReplaced](c, nil)

	c = c.reopen()
	c.connect()
	setFault(t, net, Fault{Kind: FaultLogout, Number: owner})
	await[*events.LoggedOut](c, nil)
}

func TestSecondLoginReplacesTheFirst(t *testing.T) {
	net := startNetwork(t, Config{})
	c := linkedClient(t, net, net.Phone(owner))
	device, err := c.db.GetFirstDevice(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	other := &client{t: t, db: c.db, net: net}
	other.open(device)
	other.connect()
	await[*events.StreamReplaced](c, nil)
	eventually(t, func() bool { return net.Connections() == 1 })
}

func TestRefusedConnections(t *testing.T) {
	net := startNetwork(t, Config{})
	c := linkedClient(t, net, net.Phone(owner))
	c = c.reopen()
	everyone := setFault(t, net, Fault{Kind: FaultRefuse, Number: Everyone})
	if err := c.Connect(); err == nil {
		t.Error("connected although everybody is refused")
	}
	net.Faults().Clear(everyone)
	c.connect()
	// By number the connection ends at login, and the client tries again.
	setFault(t, net, Fault{Kind: FaultRefuse, Number: owner, Times: 1})
	c.forget()
	setFault(t, net, Fault{Kind: FaultClose, Number: owner})
	await[*events.Connected](c, nil)
	if left := net.Faults().List(); len(left) > 0 {
		t.Errorf("fault not used: %+v", left)
	}
}

func TestAckErrorsAndTimelock(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	c := linkedClient(t, net, phone)
	setFault(t, net, Fault{Kind: FaultAckError, Number: owner, Code: 479, Times: 1})
	if _, err := c.SendMessage(ctx, peer.JID(), hello("refused")); !errors.Is(err, whatsmeow.ErrServerReturnedError) {
		t.Errorf("ack error: %v", err)
	}

	known := net.Phone("15550003003")
	if _, err := c.SendMessage(ctx, known.JID(), hello("before")); err != nil {
		t.Fatal(err)
	}
	lock := setFault(t, net, Fault{Kind: FaultTimelock, Number: owner, Expire: time.Hour})
	on := await[*events.NotifyAccountReachoutTimelock](c, nil)
	if !on.IsActive || time.Until(on.TimeEnforcementEnds.Time) < 59*time.Minute {
		t.Errorf("timelock %+v", on)
	}
	if _, err := c.SendMessage(ctx, peer.JID(), hello("stranger")); !errors.Is(err, whatsmeow.ErrServerReturnedError) {
		t.Errorf("first contact: %v", err)
	}
	if _, err := c.SendMessage(ctx, known.JID(), hello("still allowed")); err != nil {
		t.Errorf("known contact: %v", err)
	}
	c.forget()
	net.Faults().Clear(lock)
	if off := await[*events.NotifyAccountReachoutTimelock](c, nil); off.IsActive {
		t.Errorf("timelock %+v", off)
	}
	if _, err := c.SendMessage(ctx, peer.JID(), hello("stranger no more")); err != nil {
		t.Errorf("after the timelock: %v", err)
	}
}

func TestDeafAndLate(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	c := linkedClient(t, net, phone)
	if _, err := c.SendMessage(ctx, peer.JID(), hello("first")); err != nil {
		t.Fatal(err)
	}
	if _, err := peer.Await(ctx, withText("first")); err != nil {
		t.Fatal(err)
	}
	deaf := setFault(t, net, Fault{Kind: FaultDeaf, Number: owner})
	_, err := c.SendMessage(ctx, peer.JID(), hello("anybody?"), whatsmeow.SendRequestExtra{Timeout: 300 * time.Millisecond})
	if err == nil {
		t.Error("a deaf server answered")
	}
	if len(peer.Inbox()) > 1 {
		t.Error("a deaf server relayed")
	}
	net.Faults().Clear(deaf)
	c = c.reopen()
	c.connect()

	if _, err = c.SendMessage(ctx, peer.JID(), hello("prompt")); err != nil {
		t.Fatal(err)
	}
	late := setFault(t, net, Fault{Kind: FaultLatency, Number: owner, Delay: 200 * time.Millisecond})
	start := time.Now()
	if _, err = c.SendMessage(ctx, peer.JID(), hello("late")); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 200*time.Millisecond {
		t.Errorf("answered after %v", took)
	}
	net.Faults().Clear(late)
}

func TestAbsentAndWithoutPreKeys(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone := net.Phone(owner)
	net.SetAbsent("15550009009")
	c := linkedClient(t, net, phone)
	found, err := c.IsOnWhatsApp(ctx, []string{"+15550009009", "+" + customer})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if want := f.Query == "+"+customer; f.IsIn != want {
			t.Errorf("%s: on WhatsApp %t", f.Query, f.IsIn)
		}
	}
	if len(found) != 2 {
		t.Errorf("%d answers", len(found))
	}
	if _, err = c.SendMessage(ctx, net.Phone("15550009009").JID(), hello("nobody")); err == nil {
		t.Error("sent to a number that is not on WhatsApp")
	}
	setFault(t, net, Fault{Kind: FaultNoPreKeys, Number: customer})
	if _, err = c.SendMessage(ctx, net.Phone(customer).JID(), hello("no keys")); err != nil {
		t.Errorf("whatsmeow leaves such a device out: %v", err)
	}
	if len(net.Phone(customer).Inbox()) > 0 {
		t.Error("a message without a ciphertext arrived")
	}
}

func TestFaultsAreChecked(t *testing.T) {
	net := startNetwork(t, Config{})
	for _, fault := range []Fault{
		{Kind: "nonsense"},
		{Kind: FaultLatency},
		{Kind: FaultAckError},
		{Kind: FaultMediaGone, Code: 500},
		{Kind: FaultTempBan},
		{Kind: FaultDeaf, Number: "abc"},
		{Kind: FaultDeaf, Times: -1},
	} {
		if _, err := net.Faults().Set(fault); !errors.Is(err, errBadFault) {
			t.Errorf("%+v: %v", fault, err)
		}
	}
	if left := net.Faults().List(); len(left) > 0 {
		t.Errorf("faults left: %+v", left)
	}
}
