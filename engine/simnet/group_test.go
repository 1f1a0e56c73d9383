package simnet

import (
	"path/filepath"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

const (
	friend   = "15550003003"
	stranger = "15550004004"
)

func (c *client) sendText(to types.JID, words string) types.MessageID {
	c.t.Helper()
	sent, err := c.SendMessage(testContext(c.t), to, &waE2E.Message{Conversation: proto.String(words)})
	if err != nil {
		c.t.Fatal(err)
	}
	return sent.ID
}

// sees waits until a phone has a text in a group, exactly once.
func sees(t *testing.T, phone *Phone, group types.JID, words string) Received {
	t.Helper()
	got, err := phone.Await(testContext(t), withText(words))
	if err != nil {
		t.Fatalf("%s did not see %q: %v", phone.Number(), words, err)
	}
	if got.Chat != group || got.Copies != 1 {
		t.Errorf("%s saw %q in %s, %d copies", phone.Number(), words, got.Chat, got.Copies)
	}
	return got
}

func succeed(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestGroupBothDirections lets a phone make a group with a linked client in it.
func TestGroupBothDirections(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer, third := net.Phone(owner), net.Phone(customer), net.Phone(friend)
	peer.SetPushName("Customer")
	c := linkedClient(t, net, phone)

	group, err := peer.CreateGroup(ctx, "Lunch", phone.JID(), third.LID())
	succeed(t, err)
	joined := await[*events.JoinedGroup](c, nil)
	if joined.JID != group || joined.Name != "Lunch" || len(joined.Participants) != 3 || joined.AddressingMode != types.AddressingModeLID ||
		joined.Sender == nil || joined.Sender.User != peer.LID().User {
		t.Errorf("joined %+v", joined)
	}

	id, err := peer.SendText(ctx, group, "soup?")
	succeed(t, err)
	got := await(c, text("soup?"))
	if got.Info.Chat != group || got.Info.Sender.ToNonAD() != peer.LID() || got.Info.SenderAlt.ToNonAD() != peer.JID() || got.Info.PushName != "Customer" {
		t.Errorf("client saw %+v", got.Info.MessageSource)
	}
	sees(t, third, group, "soup?")
	sees(t, phone, group, "soup?")
	if _, err = peer.AwaitSent(ctx, func(m Outgoing) bool { return m.ID == id && len(m.Delivered) == 3 }); err != nil {
		t.Errorf("two phones and a companion should confirm: %v", err)
	}

	sent := c.sendText(group, "bread!")
	if got := sees(t, peer, group, "bread!"); got.FromPN != phone.JID() || got.ID != sent || got.FromMe {
		t.Errorf("peer received %+v", got)
	}
	sees(t, third, group, "bread!")
	if own := sees(t, phone, group, "bread!"); !own.FromMe {
		t.Error("the own phone takes its companion for somebody else")
	}
	await(c, receiptOf(sent, types.ReceiptTypeDelivered))
	succeed(t, third.MarkRead(ctx, group, sent))
	await(c, receiptOf(sent, types.ReceiptTypeRead))

	_, err = peer.SendText(ctx, group, "both then") // Under the sender key that everybody has.
	succeed(t, err)
	await(c, text("both then"))
	succeed(t, third.Typing(ctx, group, true))
	if n := count[*events.UndecryptableMessage](c, nil); n > 0 {
		t.Errorf("%d undecryptable messages", n)
	}
}

// TestGroupAdministration drives every request of the real client's.
func TestGroupAdministration(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer, third, late := net.Phone(owner), net.Phone(customer), net.Phone(friend), net.Phone(stranger)
	net.SetAbsent("15550009009")
	c, watcher := linkedClient(t, net, phone), linkedClient(t, net, peer)
	made, err := c.CreateGroup(ctx, whatsmeow.ReqCreateGroup{Name: "Board", Participants: []types.JID{peer.JID(), third.LID(), types.NewJID("15550009009", types.DefaultUserServer)}})
	succeed(t, err)
	group := made.JID
	if made.Name != "Board" || made.OwnerJID != phone.LID() || made.OwnerPN != phone.JID() || len(made.Participants) != 4 {
		t.Errorf("made %+v", made)
	}
	for _, p := range made.Participants {
		if (p.Error == 404) != (p.JID.User == "15550009009") {
			t.Errorf("participant %+v", p)
		}
		if p.JID == phone.LID() && !p.IsSuperAdmin {
			t.Error("the creator is no admin")
		}
	}
	await(watcher, func(e *events.JoinedGroup) bool { return e.JID == group })

	changed := func(match func(*events.GroupInfo) bool) {
		t.Helper()
		await(watcher, func(e *events.GroupInfo) bool { return e.JID == group && match(e) })
		await(c, func(e *events.GroupInfo) bool { return e.JID == group && match(e) })
	}
	succeed(t, c.SetGroupName(ctx, group, "The Board"))
	changed(func(e *events.GroupInfo) bool {
		return e.Name != nil && e.Name.Name == "The Board" && e.Name.NameSetBy == phone.LID()
	})
	succeed(t, c.SetGroupTopic(ctx, group, "", "", "Decides"))
	changed(func(e *events.GroupInfo) bool { return e.Topic != nil && e.Topic.Topic == "Decides" })
	succeed(t, c.SetGroupAnnounce(ctx, group, true))
	changed(func(e *events.GroupInfo) bool { return e.Announce != nil && e.Announce.IsAnnounce })
	if _, err = third.SendText(ctx, group, "may I?"); err == nil {
		t.Error("a plain member wrote to an announcement group")
	}
	succeed(t, c.SetGroupLocked(ctx, group, true))
	changed(func(e *events.GroupInfo) bool { return e.Locked != nil && e.Locked.IsLocked })
	if err = watcher.SetGroupName(ctx, group, "Mine"); err == nil {
		t.Error("a plain member renamed a locked group")
	}
	succeed(t, c.SetDisappearingTimer(ctx, group, 24*time.Hour, time.Time{}))
	changed(func(e *events.GroupInfo) bool { return e.Ephemeral != nil && e.Ephemeral.DisappearingTimer == 86400 })
	succeed(t, c.SetGroupMemberAddMode(ctx, group, types.GroupMemberAddModeAdmin))
	if err = third.AddMembers(ctx, group, late.JID()); err == nil {
		t.Error("a plain member added somebody although only admins may")
	}
	results, err := c.UpdateGroupParticipants(ctx, group, []types.JID{peer.LID()}, whatsmeow.ParticipantChangePromote)
	succeed(t, err)
	if len(results) != 1 || results[0].Error != 0 || results[0].JID != peer.LID() || results[0].PhoneNumber != peer.JID() {
		t.Errorf("promotion %+v", results)
	}
	changed(func(e *events.GroupInfo) bool { return len(e.Promote) == 1 })
	if results, err = watcher.UpdateGroupParticipants(ctx, group, []types.JID{third.LID(), late.LID()}, whatsmeow.ParticipantChangeAdd); err != nil ||
		len(results) != 2 || results[0].Error != 409 || results[1].Error != 0 {
		t.Errorf("addition %+v, %v", results, err)
	}
	if results, err = c.UpdateGroupParticipants(ctx, group, []types.JID{late.LID()}, whatsmeow.ParticipantChangeRemove); err != nil || results[0].Error != 0 {
		t.Errorf("removal %+v, %v", results, err)
	}
	if results, err = c.UpdateGroupParticipants(ctx, group, []types.JID{late.LID()}, whatsmeow.ParticipantChangeRemove); err != nil || results[0].Error != 404 {
		t.Errorf("second removal %+v, %v", results, err)
	}
	succeed(t, c.SetGroupAnnounce(ctx, group, false))
	info, err := watcher.GetGroupInfo(ctx, group)
	succeed(t, err)
	if info.Name != "The Board" || info.Topic != "Decides" || info.IsAnnounce || !info.IsLocked || info.DisappearingTimer != 86400 ||
		info.MemberAddMode != types.GroupMemberAddModeAdmin || len(info.Participants) != 3 {
		t.Errorf("info %+v", info)
	}
	if list, err := watcher.GetJoinedGroups(ctx); err != nil || len(list) != 1 || list[0].JID != group {
		t.Errorf("joined groups %v, %v", list, err)
	}
	succeed(t, watcher.LeaveGroup(ctx, group))
	await(c, func(e *events.GroupInfo) bool { return len(e.Leave) == 1 && e.Leave[0] == peer.LID() })
	if _, err = watcher.GetGroupInfo(ctx, group); err == nil {
		t.Error("who left still sees the group")
	}
}

// TestGroupInvites joins by link, with and without an admin's consent.
func TestGroupInvites(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := testContext(t)
	phone, peer, third, late := net.Phone(owner), net.Phone(customer), net.Phone(friend), net.Phone(stranger)
	c := linkedClient(t, net, phone)
	group, err := peer.CreateGroup(ctx, "Open house")
	succeed(t, err)
	link, err := peer.GroupLink(ctx, group, false)
	succeed(t, err)
	if info, err := c.GetGroupInfoFromLink(ctx, link); err != nil || info.JID != group || info.Name != "Open house" {
		t.Fatalf("info from link: %+v, %v", info, err)
	}
	if joined, err := c.JoinGroupWithLink(ctx, link); err != nil || joined != group {
		t.Fatalf("joined %s, %v", joined, err)
	}
	if got := await[*events.JoinedGroup](c, nil); got.JID != group || got.Reason != "invite" {
		t.Errorf("joined %+v", got)
	}
	_, err = peer.SendText(ctx, group, "come in")
	succeed(t, err)
	await(c, text("come in"))
	if _, err = c.GetGroupInviteLink(ctx, group, false); err == nil {
		t.Error("a plain member got the link")
	}
	succeed(t, peer.Promote(ctx, group, phone.LID()))
	renewed, err := c.GetGroupInviteLink(ctx, group, true)
	succeed(t, err)
	if renewed == link {
		t.Error("the link did not change")
	}
	if _, _, err = third.JoinGroup(ctx, link); err == nil {
		t.Error("joined by a link that was reset")
	}

	succeed(t, c.SetGroupJoinApprovalMode(ctx, group, true))
	for _, guest := range []*Phone{third, late} {
		if asked, waiting, err := guest.JoinGroup(ctx, renewed); err != nil || !waiting || asked != group {
			t.Fatalf("asked %s, %v, %v", asked, waiting, err)
		}
	}
	requests, err := c.GetGroupRequestParticipants(ctx, group)
	succeed(t, err)
	if len(requests) != 2 || requests[0].JID != third.LID() || requests[0].RequestedAt.IsZero() {
		t.Errorf("requests %+v", requests)
	}
	if results, err := c.UpdateGroupRequestParticipants(ctx, group, []types.JID{third.LID()}, whatsmeow.ParticipantChangeApprove); err != nil || len(results) != 1 || results[0].Error != 0 {
		t.Errorf("approval %+v, %v", results, err)
	}
	succeed(t, peer.DecideRequest(ctx, group, late.JID(), false))
	if err = peer.DecideRequest(ctx, group, late.JID(), true); err == nil {
		t.Error("let somebody in who no longer asks")
	}
	// whatsmeow changes its copy of the members without a lock against sending.
	await(c, func(e *events.GroupInfo) bool { return len(e.Join) == 1 && e.Join[0] == third.LID() })
	c.sendText(group, "hello guest")
	sees(t, third, group, "hello guest")
	if _, err = late.SendText(ctx, group, "and me?"); err == nil {
		t.Error("who was turned away writes")
	}
}

// TestGroupSurvivesRestart restarts the network between two messages.
func TestGroupSurvivesRestart(t *testing.T) {
	cfg := Config{State: filepath.Join(t.TempDir(), "state.json")}
	ctx := testContext(t)
	first := openNetwork(t, cfg)
	group, err := first.Phone(owner).CreateGroup(ctx, "Evergreen", first.Phone(customer).JID(), first.Phone(friend).JID())
	succeed(t, err)
	succeed(t, first.Phone(owner).SetGroupLocked(ctx, group, true))
	_, err = first.Phone(owner).SendText(ctx, group, "day one")
	succeed(t, err)
	sees(t, first.Phone(friend), group, "day one")
	first.stop()

	second := startNetwork(t, cfg)
	_, err = second.Phone(owner).SendText(ctx, group, "day two")
	succeed(t, err)
	sees(t, second.Phone(customer), group, "day two")
	_, err = second.Phone(friend).SendText(ctx, group, "from the other side")
	succeed(t, err)
	sees(t, second.Phone(owner), group, "from the other side")
	if err = second.Phone(friend).SetGroupSubject(ctx, group, "Mine"); err == nil {
		t.Error("the restart unlocked the group")
	}
}
