package simnet

import (
	"testing"

	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types/events"
)

// TestNewDeviceIsWelcomed checks what a phone sends after linking, with a
// client that verifies all of it.
func TestNewDeviceIsWelcomed(t *testing.T) {
	net := startNetwork(t, Config{})
	phone := net.Phone(owner)
	phone.SetPushName("Owner")
	c := linkedClient(t, net, phone)
	for _, name := range appstate.AllPatchNames {
		await(c, func(e *events.AppStateSyncComplete) bool { return e.Name == name })
	}
	if c.Store.PushName != "Owner" {
		t.Errorf("push name %q after linking", c.Store.PushName)
	}
	for _, kind := range []waHistorySync.HistorySync_HistorySyncType{
		waHistorySync.HistorySync_INITIAL_BOOTSTRAP, waHistorySync.HistorySync_PUSH_NAME, waHistorySync.HistorySync_RECENT,
	} {
		await(c, func(e *events.HistorySync) bool { return e.Data.GetSyncType() == kind })
	}

	phone.SetPushName("Owner, renamed")
	await(c, func(e *events.PushNameSetting) bool { return e.Action.GetName() == "Owner, renamed" })

	second := linkedClient(t, net, phone)
	await(second, func(e *events.AppStateSyncComplete) bool { return e.Name == appstate.WAPatchCriticalBlock })
	if second.Store.PushName != "Owner, renamed" {
		t.Errorf("push name %q on the second device", second.Store.PushName)
	}

	// A companion renames the account; its sibling and its phone follow.
	if err := c.SendAppState(testContext(t), appstate.BuildSettingPushName("Third name")); err != nil {
		t.Fatal(err)
	}
	await(second, func(e *events.PushNameSetting) bool { return e.Action.GetName() == "Third name" })
	if got := phone.account.name(); got != "Third name" {
		t.Errorf("the phone calls itself %q", got)
	}
	phone.SetPushName("Fourth name")
	await(second, func(e *events.PushNameSetting) bool { return e.Action.GetName() == "Fourth name" })
	if n := count[*events.AppStateSyncError](c, nil) + count[*events.AppStateSyncError](second, nil); n > 0 {
		t.Errorf("%d patches refused", n)
	}
}

// TestPhoneAnswersItsDevice lets a client lose a session: its own phone has the
// message too and hands over a copy.
func TestPhoneAnswersItsDevice(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	c := newClient(t, net)
	c.AutomaticMessageRerequestFromPhone, c.SynchronousAck = true, true
	c.link(phone)
	_, err := peer.SendText(ctx, phone.JID(), "first")
	succeed(t, err)
	await(c, text("first"))
	c.sendText(peer.JID(), "answered") // From here on the peer sends no more prekey messages.
	_, err = peer.Await(ctx, withText("answered"))
	succeed(t, err)
	succeed(t, c.Store.Sessions.DeleteSession(ctx, peer.LID().SignalAddress().String()))

	id, err := peer.SendText(ctx, phone.JID(), "lost on the way")
	succeed(t, err)
	handed := await(c, func(m *events.Message) bool { return m.UnavailableRequestID != "" })
	if handed.Info.ID != id || handed.Message.GetConversation() != "lost on the way" || handed.Info.IsFromMe {
		t.Errorf("handed over %+v: %v", handed.Info, handed.Message)
	}
	await(c, func(m *events.Message) bool { return m.Info.ID == id && m.UnavailableRequestID == "" })
}
