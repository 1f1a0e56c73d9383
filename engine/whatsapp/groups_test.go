package whatsapp

import (
	"slices"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/engine/enginetest"
)

// roles tells who is in a group as what: o for the owner, a for admins, m for members.
func roles(g engine.Group) map[engine.Person]string {
	in := make(map[engine.Person]string, len(g.Members))
	for _, m := range g.Members {
		switch {
		case m.Owner && m.Admin:
			in[m.Person] = "o"
		case m.Admin:
			in[m.Person] = "a"
		default:
			in[m.Person] = "m"
		}
	}
	return in
}

func wantRoles(t *testing.T, groups engine.Groups, id engine.JID, want map[*phone]string) engine.Group {
	t.Helper()
	g, err := groups.FindGroup(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	got := roles(g)
	if len(got) != len(want) {
		t.Errorf("the group has %d members, want %d", len(got), len(want))
	}
	for p, role := range want {
		if got[p.Person()] != role {
			t.Errorf("%s is %q in the group, want %q", p.Person().Phone, got[p.Person()], role)
		}
	}
	return g
}

func TestGroups(t *testing.T) {
	sim := simulate(t)
	n, p, first, second := sim.open(t, nil), sim.phone(), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	groups := able[engine.Groups](t, s)
	sim.SetAbsent("4915100000001")
	const absent = "4915100000001@s.whatsapp.net"

	made, results, err := groups.CreateGroup(t.Context(), "Orders", []engine.JID{first.Person().Phone, absent})
	if err != nil {
		t.Fatal(err)
	}
	if made.Subject != "Orders" || made.Owner != p.Person() || !made.ID.IsGroup() || time.Since(made.CreatedAt).Abs() > time.Minute {
		t.Errorf("made %+v", made)
	}
	if want := []engine.MemberResult{{Person: first.Person()}, {Person: engine.Person{Phone: absent}, Code: 404}}; !slices.Equal(results, want) {
		t.Errorf("results %+v, want %+v", results, want)
	}
	wantRoles(t, groups, made.ID, map[*phone]string{p: "o", first: "m"})

	change := func(c engine.MemberChange, want []engine.MemberResult, who ...engine.JID) {
		t.Helper()
		got, err := groups.ChangeMembers(t.Context(), made.ID, c, who)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %+v (%v), want %+v", c, got, err, want)
		}
	}
	change(engine.AddMembers, []engine.MemberResult{{Person: second.Person()}, {Person: first.Person(), Code: 409}},
		second.Person().LID, first.Person().LID)
	change(engine.PromoteMembers, []engine.MemberResult{{Person: second.Person()}}, second.Person().Phone)
	wantRoles(t, groups, made.ID, map[*phone]string{p: "o", first: "m", second: "a"})
	change(engine.DemoteMembers, []engine.MemberResult{{Person: second.Person()}}, second.Person().LID)
	change(engine.RemoveMembers, []engine.MemberResult{{Person: first.Person()}}, first.Person().Phone)
	wantRoles(t, groups, made.ID, map[*phone]string{p: "o", second: "m"})

	subject, description, yes, no, empty := "Orders 2", "What was ordered", true, false, ""
	for _, c := range []engine.GroupSettings{
		{Subject: &subject, Description: &description, AnnounceOnly: &yes, Locked: &yes},
		{Description: &empty, AnnounceOnly: &no},
		{Description: &empty}, // there is none to take away
	} {
		if err := groups.ChangeGroup(t.Context(), made.ID, c); err != nil {
			t.Fatal(err)
		}
		g, err := groups.FindGroup(t.Context(), made.ID)
		if err != nil || g.Subject != subject || g.Description != *c.Description || !g.Locked || c.AnnounceOnly != nil && g.AnnounceOnly != *c.AnnounceOnly {
			t.Errorf("the group is %+v (%v), after %+v", g, err, c)
		}
	}
	long := strings.Repeat("x", 101)
	wantCode(t, groups.ChangeGroup(t.Context(), made.ID, engine.GroupSettings{Subject: &long}), engine.CodeInvalid)

	link, err := groups.InviteLink(t.Context(), made.ID, false)
	if err != nil || !strings.HasPrefix(link, "https://chat.whatsapp.com/") {
		t.Errorf("link %q (%v)", link, err)
	}
	fresh, err := groups.InviteLink(t.Context(), made.ID, true)
	if err != nil || fresh == link {
		t.Errorf("reset link %q (%v), was %q", fresh, err, link)
	}
	if _, _, err := first.JoinGroup(t.Context(), link); err == nil {
		t.Error("the old link still lets people in")
	}
	if joined, _, err := first.JoinGroup(t.Context(), fresh); err != nil || joined.String() != string(made.ID) {
		t.Errorf("the new link leads to %v (%v)", joined, err)
	}

	list, err := groups.ListGroups(t.Context())
	if err != nil || len(list) != 1 || list[0].ID != made.ID || len(list[0].Members) != 3 {
		t.Errorf("groups are %+v (%v)", list, err)
	}
	wantCode(t, groups.ChangeGroup(t.Context(), made.ID, engine.GroupSettings{Leave: true}), "")
	if list, err := groups.ListGroups(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("after leaving there are %+v (%v)", list, err)
	}
}

// TestGroupsDenied: who is not in a group learns nothing of it, and a member who
// is no admin is told that.
func TestGroupsDenied(t *testing.T) {
	sim := simulate(t)
	n, p, owner := sim.open(t, nil), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	groups := able[engine.Groups](t, s)
	make := func(name string, with ...*phone) engine.JID {
		t.Helper()
		jid, err := owner.CreateGroup(t.Context(), name)
		for _, w := range with {
			if err == nil {
				err = owner.AddMembers(t.Context(), jid, w.JID())
			}
		}
		if err == nil {
			err = owner.SetGroupLocked(t.Context(), jid, true)
		}
		if err != nil {
			t.Fatal(err)
		}
		return engine.JID(jid.String())
	}
	subject := "Mine"
	for id, want := range map[engine.JID]engine.Code{
		make("Foreign"): engine.CodeNotFound, "120363999999999999@g.us": engine.CodeNotFound,
		make("As a member", p): engine.CodeForbidden, "4915100000001@s.whatsapp.net": engine.CodeInvalid, "@g.us": engine.CodeInvalid,
	} {
		_, err := groups.FindGroup(t.Context(), id)
		if want == engine.CodeForbidden {
			wantCode(t, err, "")
		} else {
			wantCode(t, err, want)
		}
		wantCode(t, groups.ChangeGroup(t.Context(), id, engine.GroupSettings{Subject: &subject}), want)
		wantCode(t, groups.ChangeGroup(t.Context(), id, engine.GroupSettings{Description: &subject}), want)
		_, err = groups.ChangeMembers(t.Context(), id, engine.PromoteMembers, []engine.JID{p.Person().Phone})
		wantCode(t, err, want)
		for _, reset := range []bool{false, true} {
			_, err = groups.InviteLink(t.Context(), id, reset)
			wantCode(t, err, want)
		}
		if want != engine.CodeForbidden {
			wantCode(t, groups.ChangeGroup(t.Context(), id, engine.GroupSettings{Leave: true}), want)
		}
	}
	_, _, err := groups.CreateGroup(t.Context(), strings.Repeat("x", 101), nil)
	wantCode(t, err, engine.CodeInvalid)
	_, _, err = groups.CreateGroup(t.Context(), "Wrong", []engine.JID{"120363999999999999@g.us"})
	wantCode(t, err, engine.CodeInvalid)
}
