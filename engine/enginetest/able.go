package enginetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"wapid/engine"
)

// able returns a capability of a session's connection. A network may lack it.
func able[T any](t *testing.T, s *Session) T {
	t.Helper()
	c, ok := s.Conn.(T)
	if !ok {
		t.Skipf("this network has no %T", (*T)(nil))
	}
	return c
}

func asksAboutPeople(t *testing.T, h Harness) {
	n, p, peer := h.Open(t), h.Phone(t), h.Phone(t)
	s, _ := Link(t, n, p, "a")
	d := able[engine.Directory](t, s)
	phones := []string{peer.Person().Phone.User(), p.Person().Phone.User()}
	found, err := d.Check(t.Context(), phones)
	if err != nil || len(found) != 2 {
		t.Fatalf("asked for two numbers: %+v (%v)", found, err)
	}
	for i, who := range []engine.Person{peer.Person(), p.Person()} {
		if r := found[i]; r.Phone != phones[i] || !r.OnWhatsApp || r.Person != who {
			t.Errorf("number %d is told as %+v, want %+v", i, r, who)
		}
	}
	if me, err := d.Me(t.Context()); err != nil || me.Person != p.Person() {
		t.Errorf("the account is %+v (%v), want %+v", me, err, p.Person())
	}
	if _, err := d.Avatar(t.Context(), peer.Person().Phone, false); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("the picture of somebody who has none: %v", err)
	}
	if _, err := d.Contacts(t.Context()); err != nil {
		t.Errorf("contacts: %v", err)
	}
	for _, on := range []bool{true, false} {
		if err := d.Block(t.Context(), peer.Person().Phone, on); err != nil {
			t.Fatalf("block %t: %v", on, err)
		}
		list, err := d.Blocked(t.Context())
		if got := slices.Contains(list, peer.Person()); err != nil || got != on {
			t.Errorf("after block %t the list says %t: %+v (%v)", on, got, list, err)
		}
	}
	s.Close()
	if _, err := d.Check(t.Context(), phones); engine.CodeOf(err) != engine.CodeSessionNotReady {
		t.Errorf("a closed connection is asked: %v", err)
	}
}

func preparesMessages(t *testing.T, h Harness) {
	n, peer, other, third := h.Open(t), h.Phone(t), h.Phone(t), h.Phone(t)
	s, _ := Link(t, n, h.Phone(t), "a")
	p := able[engine.Preparer](t, s)
	to := []engine.JID{peer.Person().Phone, other.Person().LID, "120363000000000000@g.us"}
	for round := range 2 { // the second finds everybody known
		found, err := p.Prepare(t.Context(), to)
		if err != nil {
			t.Fatalf("prepare: %v", err)
		}
		for _, r := range found {
			if round > 0 || r.Phone != peer.Person().Phone.User() || !r.OnWhatsApp || r.Person != peer.Person() {
				t.Errorf("round %d learned %+v", round, r)
			}
		}
	}
	for _, who := range []Phone{peer, other, third} { // whoever was not prepared is written to as well
		id := n.NewMessageID()
		if _, err := s.Conn.Send(t.Context(), engine.Outgoing{ID: id, To: who.Person().Phone, Kind: engine.KindText, Text: "hi"}); err != nil {
			t.Fatal(err)
		}
		awaitText(t, who, id, "hi")
	}
	s.Close()
	if _, err := p.Prepare(t.Context(), to); engine.CodeOf(err) != engine.CodeSessionNotReady {
		t.Errorf("a closed connection prepares: %v", err)
	}
}

// looksAfterGroups lets one session make a group and another see it.
func looksAfterGroups(t *testing.T, h Harness) {
	n, p, peer := h.Open(t), h.Phone(t), h.Phone(t)
	owner, _ := Link(t, n, p, "a")
	other, _ := Link(t, n, peer, "b")
	mine, theirs := able[engine.Groups](t, owner), able[engine.Groups](t, other)
	made, results, err := mine.CreateGroup(t.Context(), "Orders", []engine.JID{peer.Person().Phone})
	if err != nil || len(results) != 1 || results[0].Code != 0 || results[0].Person != peer.Person() {
		t.Fatalf("create: %+v (%v)", results, err)
	}
	seen, err := theirs.FindGroup(t.Context(), made.ID)
	if err != nil || seen.Subject != "Orders" || seen.Owner != p.Person() || len(seen.Members) != 2 {
		t.Errorf("the other sees %+v (%v)", seen, err)
	}
	subject := "Orders 2"
	if err := mine.ChangeGroup(t.Context(), made.ID, engine.GroupSettings{Subject: &subject}); err != nil {
		t.Errorf("subject: %v", err)
	}
	list, err := theirs.ListGroups(t.Context())
	if err != nil || len(list) != 1 || list[0].ID != made.ID || list[0].Subject != subject {
		t.Errorf("the other lists %+v (%v)", list, err)
	}
	if _, err := theirs.InviteLink(t.Context(), made.ID, true); engine.CodeOf(err) != engine.CodeForbidden {
		t.Errorf("a member who is no admin resets the link: %v", err)
	}
	if _, err := mine.ChangeMembers(t.Context(), made.ID, engine.RemoveMembers, []engine.JID{peer.Person().LID}); err != nil {
		t.Errorf("remove: %v", err)
	}
	if _, err := theirs.FindGroup(t.Context(), made.ID); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("one who was removed still sees the group: %v", err)
	}
	if err := theirs.ChangeGroup(t.Context(), made.ID, engine.GroupSettings{Leave: true}); engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("one who was removed leaves: %v", err)
	}
}

func tellsWhatWasRead(t *testing.T, h Harness) {
	n, p, peer := h.Open(t), h.Phone(t), h.Phone(t)
	s, _ := Link(t, n, p, "a")
	r := able[engine.Receipts](t, s)
	id, err := peer.SendText(t.Context(), address(p), "read me")
	if err != nil {
		t.Fatal(err)
	}
	in := s.AwaitMessage(t, id)
	if known, err := r.Known(t.Context(), in.Sender.Preferred()); err != nil || known != peer.Person() {
		t.Errorf("the sender is known as %+v (%v), want %+v", known, err, peer.Person())
	}
	if err := r.MarkRead(t.Context(), in.Chat, in.Sender, []engine.MessageID{id}, false, time.Now()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := peer.AwaitRead(ctx, id); err != nil {
		t.Errorf("the sender does not learn of it: %v", err)
	}
}

func showsItself(t *testing.T, h Harness) {
	n, p := h.Open(t), h.Phone(t)
	s, _ := Link(t, n, p, "a")
	own, d := able[engine.OwnProfile](t, s), able[engine.Directory](t, s)
	if _, err := own.Business(t.Context()); err != nil && engine.CodeOf(err) != engine.CodeNotFound {
		t.Errorf("of an account that may be no business: %v", err)
	}
	if err := own.SetAbout(t.Context(), "At the shop"); err != nil {
		t.Fatal(err)
	}
	if me, err := d.Me(t.Context()); err != nil || me.About != "At the shop" {
		t.Errorf("the account shows %q (%v)", me.About, err)
	}
	s.Close()
	if err := own.SetAbout(t.Context(), "Closed"); engine.CodeOf(err) != engine.CodeSessionNotReady {
		t.Errorf("a closed connection is asked: %v", err)
	}
}
