package simnet

import (
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/appstate"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

func TestAccountQueries(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	c := linkedClient(t, net, phone)

	if settings := c.GetPrivacySettings(ctx); settings.LastSeen != types.PrivacySettingAll {
		t.Errorf("privacy %+v", settings)
	}
	if _, err := c.SetPrivacySetting(ctx, types.PrivacySettingTypeLastSeen, types.PrivacySettingNone); err != nil {
		t.Error(err)
	}
	if fresh, err := c.TryFetchPrivacySettings(ctx, true); err != nil || fresh.LastSeen != types.PrivacySettingNone {
		t.Errorf("privacy after the change: %+v %v", fresh, err)
	}

	info, err := c.GetUserInfo(ctx, []types.JID{peer.JID()})
	if err != nil || info[peer.JID()].LID != peer.LID() || len(info[peer.JID()].Devices) != 1 {
		t.Errorf("user info %+v %v", info, err)
	}
	list, err := c.UpdateBlocklist(ctx, peer.JID(), events.BlocklistChangeActionBlock)
	if err != nil || len(list.JIDs) != 1 || list.JIDs[0] != peer.LID() {
		t.Errorf("blocklist %+v %v", list, err)
	}
	if _, err = peer.SendText(ctx, phone.JID(), "blocked"); err != nil {
		t.Errorf("the blocked one must not notice: %v", err)
	}
	if list, err = c.UpdateBlocklist(ctx, peer.JID(), events.BlocklistChangeActionUnblock); err != nil || len(list.JIDs) != 0 {
		t.Errorf("blocklist %+v %v", list, err)
	}
	if _, err = peer.SendText(ctx, phone.JID(), "unblocked"); err != nil {
		t.Fatal(err)
	}
	await(c, text("unblocked"))
	if n := count(c, text("blocked")); n > 0 {
		t.Error("a blocked number came through")
	}
	if _, err = c.GetProfilePictureInfo(ctx, peer.JID(), nil); err != whatsmeow.ErrProfilePictureNotSet {
		t.Logf("picture: %v", err)
	}
	if err = c.SetStatusMessage(ctx, types.SetStatusInput{}); err != nil {
		t.Error(err)
	}
}

func TestPresence(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer := net.Phone(owner), net.Phone(customer)
	phone.SetPushName("Owner")
	c := linkedClient(t, net, phone)
	await(c, func(e *events.AppStateSyncComplete) bool { return e.Name == appstate.WAPatchCriticalBlock })
	if err := c.SendPresence(ctx, types.PresenceAvailable); err != nil {
		t.Fatal(err)
	}
	if err := c.SubscribePresence(ctx, peer.JID()); err != nil {
		t.Fatal(err)
	}
	await(c, func(e *events.Presence) bool { return e.Unavailable })
	if _, err := peer.SendText(ctx, phone.JID(), "here I am"); err != nil {
		t.Fatal(err)
	}
	peer.SetOnline(true)
	await(c, func(e *events.Presence) bool { return !e.Unavailable })
	c.forget()
	peer.SetOnline(false)
	await(c, func(e *events.Presence) bool { return e.Unavailable })

	// What is sent to a phone without a network waits.
	if _, err := c.SendMessage(ctx, peer.JID(), hello("when you are back")); err != nil {
		t.Fatal(err)
	}
	if len(peer.Inbox()) > 0 {
		t.Error("a phone without a network received")
	}
	peer.SetOnline(true)
	if _, err := peer.Await(ctx, withText("when you are back")); err != nil {
		t.Error(err)
	}
}

func TestUnlinkedSocketsCanBeCut(t *testing.T) {
	net := startNetwork(t, Config{})
	c := newClient(t, net)
	if err := c.Connect(); err != nil {
		t.Fatal(err)
	}
	if qr := await[*events.QR](c, nil); len(qr.Codes) != refCount {
		t.Errorf("%d codes", len(qr.Codes))
	}
	setFault(t, net, Fault{Kind: FaultClose, Number: Unlinked})
	await[*events.Disconnected](c, nil)
}
