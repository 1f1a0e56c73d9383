package simnet

import (
	"slices"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine/simnet/baileys"
)

// bystander is a third phone, beside owner and customer.
const bystander = "15550003003"

func TestBaileysInGroups(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := patientContext(t)
	phone, peer, third := net.Phone(owner), net.Phone(customer), net.Phone(bystander)
	b, device, _ := linkedBaileys(t, net, phone)

	group, err := peer.CreateGroup(ctx, "Übung 🎈", phone.JID(), third.JID())
	if err != nil {
		t.Fatal(err)
	}
	name := group.String()
	if made := b.Await("group", func(e baileys.Event) bool { return e.Group == name }); made.Subject != "Übung 🎈" {
		t.Errorf("Baileys was told of %+v", made)
	}
	id, err := peer.SendText(ctx, group, poem)
	if err != nil {
		t.Fatal(err)
	}
	got := b.Await("message", about(id))
	if got.Text != poem || got.Chat != name || got.Participant != peer.LID().String() || got.ParticipantAlt != peer.JID().String() {
		t.Errorf("Baileys got %+v", got)
	}
	if _, err = peer.AwaitSent(ctx, func(m Outgoing) bool { return m.ID == id && !m.Delivered[device].IsZero() }); err != nil {
		t.Errorf("delivery: %v, %+v", err, peer.Sent())
	}
	b.Do(baileys.Command{Do: "read", ID: id})
	if _, err = peer.AwaitSent(ctx, func(m Outgoing) bool { return m.ID == id && !m.Read[device].IsZero() }); err != nil {
		t.Errorf("read: %v, %+v", err, peer.Sent())
	}

	// The first message carries its sender key along, the second relies on it.
	for _, words := range []string{"first: " + poem, "second: " + poem} {
		sent := b.Do(baileys.Command{Do: "text", To: name, Text: words})
		for _, reader := range []*Phone{peer, third, phone} {
			heard, err := reader.Await(ctx, func(r Received) bool { return r.ID == sent.ID })
			if err != nil {
				t.Fatalf("%s: %v", words, err)
			}
			if heard.Text != words || heard.Chat != group || heard.FromPN != phone.JID() || heard.Copies != 1 {
				t.Errorf("a member heard %+v", heard)
			}
		}
		for _, reader := range []*Phone{peer, third} {
			b.Await("receipt", receiptFrom(sent.ID, reader.LID().String(), "delivered"))
		}
		if words[0] != 's' {
			continue
		}
		if err = third.RequestRetry(ctx, sent.ID); err != nil {
			t.Fatal(err)
		}
		if _, err = third.Await(ctx, func(r Received) bool { return r.ID == sent.ID && r.Copies >= 2 && r.Text == words }); err != nil {
			t.Errorf("retry in a group: %v, %+v", err, third.Inbox())
		}
	}
	b.Quit()
}

func TestBaileysAdministersGroups(t *testing.T) {
	net := startNetwork(t, Config{})
	ctx := patientContext(t)
	phone, peer, third := net.Phone(owner), net.Phone(customer), net.Phone(bystander)
	b, _, _ := linkedBaileys(t, net, phone)

	made := b.Do(baileys.Command{Do: "groupCreate", Subject: "Baileys' own", People: []string{peer.JID().String()}})
	group, err := types.ParseJID(made.Group)
	if err != nil {
		t.Fatal(err)
	}
	wantMembers(t, made, phone.LID().String()+" superadmin", peer.LID().String()+" member")
	if _, err = peer.SendText(ctx, group, "hello, all"); err != nil {
		t.Fatal(err)
	}
	b.Await("message", saying("hello, all"))

	added := b.Do(baileys.Command{Do: "groupMembers", Group: made.Group, Action: "add", People: []string{third.LID().String()}})
	if len(added.People) != 1 || !strings.HasSuffix(added.People[0], " 200") {
		t.Errorf("adding: %+v", added.People)
	}
	b.Do(baileys.Command{Do: "groupMembers", Group: made.Group, Action: "promote", People: []string{third.LID().String()}})
	b.Do(baileys.Command{Do: "groupSubject", Group: made.Group, Subject: "Другое 🎈"})
	b.Do(baileys.Command{Do: "groupDescribe", Group: made.Group, Text: poem})
	now := b.Do(baileys.Command{Do: "groupMetadata", Group: made.Group})
	if now.Subject != "Другое 🎈" || now.Text != poem {
		t.Errorf("the group is now %+v", now)
	}
	wantMembers(t, now, phone.LID().String()+" superadmin", peer.LID().String()+" member", third.LID().String()+" admin")

	// A text to all reaches the new member as well.
	words := "welcome"
	b.Do(baileys.Command{Do: "text", To: made.Group, Text: words})
	for _, reader := range []*Phone{peer, third} {
		if _, err = reader.Await(ctx, withText(words)); err != nil {
			t.Fatal(err)
		}
	}
	b.Do(baileys.Command{Do: "groupSetting", Group: made.Group, Action: "announcement"})
	if _, err = peer.SendText(ctx, group, "may I?"); err == nil {
		t.Error("a plain member wrote to a group where only admins may")
	}
	b.Do(baileys.Command{Do: "groupSetting", Group: made.Group, Action: "not_announcement"})
	b.Do(baileys.Command{Do: "groupMembers", Group: made.Group, Action: "remove", People: []string{peer.LID().String()}})
	if _, err = peer.SendText(ctx, group, "am I in?"); err == nil {
		t.Error("somebody who was removed wrote to the group")
	}
	code := b.Do(baileys.Command{Do: "groupLink", Group: made.Group}).Invite
	if joined, _, err := peer.JoinGroup(ctx, code); err != nil || joined != group {
		t.Errorf("joining by link: %s, %v", joined, err)
	}
	b.Await("participants", func(e baileys.Event) bool {
		return e.Group == made.Group && e.Action == "add" && slices.Contains(e.People, peer.LID().String())
	})

	// It joins another group by link and leaves it.
	other, err := third.CreateGroup(ctx, "elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	link, err := third.GroupLink(ctx, other, false)
	if err != nil {
		t.Fatal(err)
	}
	if joined := b.Do(baileys.Command{Do: "groupJoin", Text: link[strings.LastIndexByte(link, '/')+1:]}); joined.Group != other.String() {
		t.Errorf("Baileys joined %s, expected %s", joined.Group, other)
	}
	if _, err = third.SendText(ctx, other, "you came"); err != nil {
		t.Fatal(err)
	}
	b.Await("message", saying("you came"))
	all := b.Do(baileys.Command{Do: "groupAll"}).People
	if !slices.Contains(all, made.Group) || !slices.Contains(all, other.String()) || len(all) != 2 {
		t.Errorf("Baileys is in %v", all)
	}
	b.Do(baileys.Command{Do: "groupLeave", Group: other.String()})
	if all = b.Do(baileys.Command{Do: "groupAll"}).People; len(all) != 1 {
		t.Errorf("Baileys is in %v", all)
	}
	b.Quit()
}

func wantMembers(t *testing.T, group baileys.Event, want ...string) {
	t.Helper()
	have := slices.Clone(group.People)
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("members %v, expected %v", have, want)
	}
}
