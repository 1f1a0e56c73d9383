package whatsapp

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"wapid/engine"
	"wapid/engine/enginetest"
)

// TestCallsOverTheWire: a call is told when it begins and when it ends. One that
// could not be committed comes again, though whatsmeow would acknowledge it.
func TestCallsOverTheWire(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	s.RefuseNews(func(any) error { return errors.New("refused by the test") })
	id, err := peer.Call(t.Context(), p.JID(), true)
	if err != nil {
		t.Fatal(err)
	}
	wantDrop(t, s, engine.DropNetwork)
	s.RefuseNews(nil)
	s.ComeBack(t)
	offer := s.AwaitNotice(t, func(n engine.Notice) bool { return n.Call != nil })
	who := peer.Person()
	if got, want := *offer.Call, (engine.Call{ID: id, From: who.Phone, FromLID: who.LID, Action: "offer", Video: true,
		Timestamp: offer.Call.Timestamp}); got != want || offer.At.Unix() != got.Timestamp || time.Since(offer.At) > time.Hour {
		t.Errorf("got %+v at %v, want %+v", got, offer.At, want)
	}
	if err := peer.HangUp(t.Context(), p.JID(), id); err != nil {
		t.Fatal(err)
	}
	end := s.AwaitNotice(t, func(n engine.Notice) bool { return n.Call != nil && n.Call.Action == "terminate" })
	if end.Call.ID != id || end.ID == offer.ID || end.Call.Video {
		t.Errorf("got %+v with the id %q after %q", end.Call, end.ID, offer.ID)
	}
}

// TestGroupChangesOverTheWire: each change is told with who made it and whom it
// concerns, by number, and one that was refused comes again with the same id.
func TestGroupChangesOverTheWire(t *testing.T) {
	sim := simulate(t)
	n, p, peer, third := sim.open(t, nil), sim.phone(), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	ctx := t.Context()
	group, err := peer.CreateGroup(ctx, "Team", p.JID())
	if err != nil {
		t.Fatal(err)
	}
	on := true
	by := func(ch engine.GroupChange) engine.GroupChange {
		ch.Group, ch.By, ch.ByLID = engine.JID(group.String()), peer.Person().Phone, peer.Person().LID
		return ch
	}
	others, us := []engine.JID{third.Person().Phone}, []engine.JID{p.Person().Phone}
	for _, step := range []struct {
		do   func() error
		want engine.GroupChange
	}{
		{func() error { return nil }, by(engine.GroupChange{Action: "add", Participants: us, Subject: "Team"})},
		{func() error { return peer.AddMembers(ctx, group, third.JID()) }, by(engine.GroupChange{Action: "add", Participants: others})},
		{func() error { return peer.Promote(ctx, group, third.JID()) }, by(engine.GroupChange{Action: "promote", Participants: others})},
		{func() error { return peer.Demote(ctx, group, third.JID()) }, by(engine.GroupChange{Action: "demote", Participants: others})},
		{func() error { return peer.SetGroupSubject(ctx, group, "Crew") }, by(engine.GroupChange{Action: "subject", Subject: "Crew"})},
		{func() error { return peer.SetGroupDescription(ctx, group, "All of us") }, by(engine.GroupChange{Action: "description", Description: "All of us"})},
		{func() error { return peer.SetGroupAnnounce(ctx, group, true) }, by(engine.GroupChange{Action: "announce", On: &on})},
		{func() error { return peer.SetGroupLocked(ctx, group, true) }, by(engine.GroupChange{Action: "locked", On: &on})},
		{func() error { _, err := peer.GroupLink(ctx, group, true); return err }, by(engine.GroupChange{Action: "invite_link"})},
		{func() error { return third.LeaveGroup(ctx, group) }, engine.GroupChange{Group: engine.JID(group.String()), Action: "leave",
			By: third.Person().Phone, ByLID: third.Person().LID, Participants: others}},
		{func() error { return peer.RemoveMembers(ctx, group, p.JID()) }, by(engine.GroupChange{Action: "remove", Participants: us})},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.want.Action, err)
		}
		got := *s.AwaitNotice(t, func(n engine.Notice) bool {
			return n.Group != nil && n.Group.Action == step.want.Action && slices.Equal(n.Group.Participants, step.want.Participants)
		}).Group
		step.want.Timestamp = got.Timestamp
		if !reflect.DeepEqual(got, step.want) || time.Since(time.Unix(got.Timestamp, 0)) > time.Hour {
			t.Errorf("got  %+v\nwant %+v", got, step.want)
		}
	}
}

// TestNoticesKnowThemselvesAgain: what the network brings twice has the same id,
// also when more is known of the people by then, and what differs has another.
func TestNoticesKnowThemselvesAgain(t *testing.T) {
	lid := types.NewJID("1", types.HiddenUserServer)
	change := func(edit func(*events.GroupInfo)) string {
		evt := &events.GroupInfo{JID: types.NewJID("12036", types.GroupServer), Sender: &lid, Timestamp: time.Unix(1000, 0)}
		edit(evt)
		stranger, friend := acquainted(), acquainted()
		stranger.person = func(addresses ...types.JID) (engine.Person, error) { return personOf(addresses...), nil }
		first, err := stranger.groupChanges(evt)
		again, err2 := friend.groupChanges(evt)
		if err != nil || err2 != nil || len(first) != 1 || len(again) != 1 {
			t.Fatalf("%+v, %v, %+v, %v", first, err, again, err2)
		}
		if first[0].ID != again[0].ID || first[0].Group.By == again[0].Group.By {
			t.Errorf("told as %+v by %s and %+v by %s", first[0].ID, first[0].Group.By, again[0].ID, again[0].Group.By)
		}
		return first[0].ID
	}
	seen := map[string]bool{}
	for _, edit := range []func(*events.GroupInfo){
		func(e *events.GroupInfo) { e.Name = &types.GroupName{Name: "a"} },
		func(e *events.GroupInfo) { e.Name = &types.GroupName{Name: "b"} },
		func(e *events.GroupInfo) { e.Name, e.Timestamp = &types.GroupName{Name: "a"}, time.Unix(1001, 0) },
		func(e *events.GroupInfo) { e.Topic = &types.GroupTopic{Topic: "a"} },
		func(e *events.GroupInfo) { e.Locked = &types.GroupLocked{IsLocked: true} },
		func(e *events.GroupInfo) { e.Locked = &types.GroupLocked{} },
		func(e *events.GroupInfo) { e.Promote = []types.JID{types.NewJID("2", types.HiddenUserServer)} },
		func(e *events.GroupInfo) { e.Demote = []types.JID{types.NewJID("2", types.HiddenUserServer)} },
		func(e *events.GroupInfo) {
			e.Promote, e.ParticipantVersionID = []types.JID{types.NewJID("2", types.HiddenUserServer)}, "v3"
		},
		func(e *events.GroupInfo) { e.Ephemeral = &types.GroupEphemeral{DisappearingTimer: 5} },
		func(e *events.GroupInfo) { e.Delete = &types.GroupDelete{Deleted: true} },
	} {
		id := change(edit)
		if seen[id] {
			t.Errorf("two changes have the id %s", id)
		}
		seen[id] = true
	}
}

// TestCallsKnowThemselvesAgain: callers choose the ids of their calls, and nobody
// may hide another's call by guessing its id.
func TestCallsKnowThemselvesAgain(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	call := func(caller, id string, change func(*events.CallTerminate)) (engine.Notice, bool) {
		evt := &events.CallTerminate{BasicCallMeta: types.BasicCallMeta{
			CallCreator: types.JID{User: caller, Device: 2, Server: types.HiddenUserServer}, CallID: id, Timestamp: now,
		}}
		change(evt)
		n, ok, err := acquainted().call(evt, now)
		if err != nil {
			t.Fatal(err)
		}
		return n, ok
	}
	as := func(*events.CallTerminate) {}
	first, ok := call("1", "A", as)
	again, _ := call("1", "A", func(e *events.CallTerminate) { e.CallCreatorAlt = types.NewJID("49170", types.DefaultUserServer) })
	other, _ := call("2", "A", as)
	late, _ := call("1", "A", func(e *events.CallTerminate) { e.Timestamp = time.Time{} })
	if !ok || first.ID != again.ID || first.ID == other.ID || late.At != now || first.Call.From != "49170@s.whatsapp.net" {
		t.Errorf("told as %+v, %+v, %+v, %+v", first, again, other, late)
	}
	for name, n := range map[string]func() (engine.Notice, bool){
		"our own":       func() (engine.Notice, bool) { return call("9", "A", as) },
		"without an id": func() (engine.Notice, bool) { return call("1", "", as) },
		"of nobody":     func() (engine.Notice, bool) { return call("", "A", as) },
	} {
		if _, ok := n(); ok {
			t.Errorf("a call %s was told", name)
		}
	}
}

// TestTimersOverTheWire: a chat's timer is told whoever has set it, and is no message.
func TestTimersOverTheWire(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	for who, set := range map[*phone]time.Duration{peer: 24 * time.Hour, p: 7 * 24 * time.Hour} {
		to := p.JID()
		if who == p {
			to = peer.JID()
		}
		if _, err := who.SetTimer(t.Context(), to, set); err != nil {
			t.Fatal(err)
		}
		got := s.AwaitNotice(t, func(n engine.Notice) bool { return n.Timer != nil && n.Timer.After == set })
		if *got.Timer != (engine.ChatTimer{Chat: peer.Person().Phone, Peer: peer.Person(), After: set}) || got.Group != nil || got.Call != nil {
			t.Errorf("got %+v", got.Timer)
		}
	}
	id, err := peer.SendDisappearing(t.Context(), p.JID(), "gone soon", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if m := s.AwaitMessage(t, engine.MessageID(id)); m.Expiration == nil || *m.Expiration != time.Hour || m.Details.ExpiresIn != 3600 {
		t.Errorf("got %+v", m)
	}
}
