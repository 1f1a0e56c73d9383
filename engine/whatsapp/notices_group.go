package whatsapp

import (
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"wapid/engine"
)

// groupNews gathers the changes that one notice of the network tells.
type groupNews struct {
	base   engine.GroupChange // what they have in common
	at     time.Time
	origin string // the notice's group, sender and time, as the network told them
	list   []engine.Notice
}

// add adds a change. said is what tells it from another of the same second.
func (g *groupNews) add(action string, said any, fill func(*engine.GroupChange)) *engine.Notice {
	change := g.base
	change.Action = action
	fill(&change)
	g.list = append(g.list, engine.Notice{
		ID: noticeID(g.origin, action, said), At: g.at, Group: &change,
	})
	return &g.list[len(g.list)-1]
}

// groupChanges reads a notice of a group. Changes of the approval mode, of
// communities and such that whatsmeow does not know are not told.
func (c converter) groupChanges(evt *events.GroupInfo) ([]engine.Notice, error) {
	g, by, err := c.newsOf(evt.JID, evt.Timestamp, evt.Sender, evt.SenderPN)
	if err != nil {
		return nil, err
	}
	g.origin += fmt.Sprint(" ", evt.Timestamp.Unix())
	if err := c.memberChanges(g, by, evt); err != nil {
		return nil, err
	}
	if evt.Name != nil {
		g.add("subject", evt.Name.Name, func(ch *engine.GroupChange) { ch.Subject = evt.Name.Name })
	}
	if evt.Topic != nil {
		g.add("description", evt.Topic.TopicID+evt.Topic.Topic, func(ch *engine.GroupChange) { ch.Description = evt.Topic.Topic })
	}
	if evt.Announce != nil {
		g.add("announce", evt.Announce.AnnounceVersionID, func(ch *engine.GroupChange) { ch.On = &evt.Announce.IsAnnounce })
	}
	if evt.Locked != nil {
		g.add("locked", evt.Locked.IsLocked, func(ch *engine.GroupChange) { ch.On = &evt.Locked.IsLocked })
	}
	if evt.Ephemeral != nil {
		g.timer(*evt.Ephemeral)
	}
	if evt.NewInviteLink != nil { // the link itself lets anybody in, and is asked for where it is needed
		g.add("invite_link", *evt.NewInviteLink, func(*engine.GroupChange) {})
	}
	if evt.Delete != nil {
		g.add("deleted", evt.Delete.DeleteReason, func(*engine.GroupChange) {})
	}
	return g.list, nil
}

func (g *groupNews) timer(e types.GroupEphemeral) {
	seconds := int64(e.DisappearingTimer)
	n := g.add("expiration", seconds, func(ch *engine.GroupChange) { ch.Seconds = &seconds })
	n.Timer = &engine.ChatTimer{Chat: n.Group.Group, After: time.Duration(seconds) * time.Second}
}

// newsOf begins the changes that one person has made to a group.
func (c converter) newsOf(group types.JID, at time.Time, who ...*types.JID) (*groupNews, engine.Person, error) {
	var addresses []types.JID
	for _, jid := range who {
		if jid != nil {
			addresses = append(addresses, *jid)
		}
	}
	by, err := c.person(addresses...)
	if err != nil {
		return nil, by, err
	}
	return &groupNews{at: at, origin: fmt.Sprint(group.ToNonAD(), addresses), base: engine.GroupChange{
		Group: engine.JID(group.ToNonAD().String()), By: by.Preferred(), ByLID: by.LID, Timestamp: at.Unix(),
	}}, by, nil
}

// memberChanges reads who came, went, or changed roles.
func (c converter) memberChanges(g *groupNews, by engine.Person, evt *events.GroupInfo) error {
	for _, change := range []struct {
		action, alone string // alone: of somebody who did it themselves
		who           []types.JID
	}{
		{"add", "join", evt.Join},
		{"remove", "leave", evt.Leave},
		{"promote", "promote", evt.Promote},
		{"demote", "demote", evt.Demote},
	} {
		if len(change.who) == 0 {
			continue
		}
		action, themselves := change.action, true
		var people []engine.JID
		for _, jid := range change.who {
			p, err := c.person(jid)
			if err != nil {
				return err
			}
			people = append(people, p.Preferred())
			themselves = themselves && (p == by || by == engine.Person{})
		}
		if themselves || change.action == "add" && evt.JoinReason == "invite" {
			action = change.alone
		}
		g.add(action, fmt.Sprint(evt.ParticipantVersionID, change.who), func(ch *engine.GroupChange) { ch.Participants = people })
	}
	return nil
}

// joined reads that the account has come into a group: it made the group, was
// added, or used a link. whatsmeow does not tell when; now stands in for it, and
// the version of the members tells one joining from the next.
func (c converter) joined(evt *events.JoinedGroup, now time.Time) (engine.Notice, error) {
	g, by, err := c.newsOf(evt.JID, now, evt.Sender, evt.SenderPN)
	if err != nil {
		return engine.Notice{}, err
	}
	action := "add"
	if evt.Reason == "invite" || c.isOwn(by) {
		action = "join"
	}
	n := g.add(action, evt.ParticipantVersionID, func(ch *engine.GroupChange) {
		ch.Participants, ch.Subject = []engine.JID{c.own.Preferred()}, evt.Name
	})
	n.Timer = &engine.ChatTimer{Chat: n.Group.Group, After: time.Duration(evt.DisappearingTimer) * time.Second}
	return *n, nil
}
