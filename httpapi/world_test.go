package httpapi

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"wapid/engine"
)

// paperWorld is what the paper network knows of people and groups, and what it
// was asked to do with them.
type paperWorld struct {
	mu       sync.Mutex
	err      error    // the answer to everything that is asked next
	asked    []string // changes, in words
	checked  int      // numbers that were asked for
	blocked  []engine.Person
	business *engine.Business // nil for none
	groups   []engine.Group
}

var (
	_ engine.Directory = (*paperConn)(nil)
	_ engine.Groups    = (*paperConn)(nil)
	_ engine.Presence  = (*paperConn)(nil)
	_ engine.Receipts  = (*paperConn)(nil)
)

var (
	paperFriend = engine.Person{Phone: "919876543211@s.whatsapp.net", LID: "223456789012345@lid"}
	paperLimit  = engine.JID("919876543218@s.whatsapp.net") // asking for whom is asking too much
	paperHidden = engine.Person{LID: "323456789012345@lid"}
	paperGroup  = engine.Group{
		ID: "120363025246125486@g.us", Subject: "Orders", Description: "What was ordered", Owner: paperIdentity.Person,
		CreatedAt: paperSentAt, AnnounceOnly: true, Expiration: 24 * time.Hour,
		Members: []engine.Member{{Person: paperIdentity.Person, Admin: true, Owner: true}, {Person: paperHidden}},
	}
)

// with runs fn under the lock, unless the world is to answer with an error.
func (w *paperWorld) with(fn func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	return fn()
}

func (w *paperWorld) did(format string, args ...any) error {
	return w.with(func() error { w.asked = append(w.asked, fmt.Sprintf(format, args...)); return nil })
}

// log returns what was asked for since the last call.
func (w *paperWorld) log() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked := w.asked
	w.asked = nil
	return asked
}

// fail sets the answer to everything; nil ends that.
func (w *paperWorld) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

func (c *paperConn) Check(_ context.Context, phones []string) (list []engine.Registration, err error) {
	w := &c.network.world
	return list, w.with(func() error {
		w.checked += len(phones)
		for _, phone := range phones {
			r := engine.Registration{Phone: phone, OnWhatsApp: phone != "4915100000001"}
			if r.OnWhatsApp {
				r.Person = engine.Person{Phone: engine.JID(phone + "@s.whatsapp.net"), LID: engine.JID("9" + phone + "@lid")}
			}
			list = append(list, r)
		}
		return nil
	})
}

func (c *paperConn) Contacts(context.Context) (list []engine.Acquaintance, err error) {
	return list, c.network.world.with(func() error {
		list = []engine.Acquaintance{
			{Person: paperHidden, PushName: "zoe"},
			{Person: paperFriend, Name: "Asha Rao", PushName: "asha", BusinessName: "Asha's"},
			{Person: engine.Person{Phone: "919876543219@s.whatsapp.net"}, BusinessName: "Bakery"},
		}
		return nil
	})
}

func (c *paperConn) Avatar(_ context.Context, of engine.JID, preview bool) (a engine.Avatar, err error) {
	return a, c.network.world.with(func() error {
		if of != paperFriend.Phone && of != paperGroup.ID {
			return engine.Errorf(engine.CodeNotFound, "there is no picture")
		}
		a = engine.Avatar{ID: "1708243200", URL: fmt.Sprintf("https://pps.example/%t", preview)}
		return nil
	})
}

func (c *paperConn) Blocked(context.Context) (list []engine.Person, err error) {
	w := &c.network.world
	return list, w.with(func() error { list = slices.Clone(w.blocked); return nil })
}

func (c *paperConn) Block(_ context.Context, who engine.JID, blocked bool) error {
	w := &c.network.world
	return w.with(func() error {
		if who == paperLimit {
			return engine.Errorf(engine.CodeRateLimited, "slower")
		}
		w.asked = append(w.asked, fmt.Sprintf("block %s %t", who, blocked))
		return nil
	})
}

func (c *paperConn) Me(context.Context) (p engine.Profile, err error) {
	return p, c.network.world.with(func() error {
		p = engine.Profile{Person: paperIdentity.Person, PushName: "Meera", Platform: "android", About: "At the shop",
			AvatarURL: "https://pps.example/me", BusinessName: "Meera's"}
		return nil
	})
}

func (c *paperConn) ListGroups(context.Context) (list []engine.Group, err error) {
	w := &c.network.world
	return list, w.with(func() error { list = slices.Clone(w.groups); return nil })
}

func (c *paperConn) FindGroup(_ context.Context, group engine.JID) (found engine.Group, err error) {
	w := &c.network.world
	return found, w.with(func() error { found, err = w.find(group); return err })
}

func (w *paperWorld) find(group engine.JID) (engine.Group, error) {
	for _, g := range w.groups {
		if g.ID == group {
			return g, nil
		}
	}
	return engine.Group{}, engine.Errorf(engine.CodeNotFound, "there is no such group")
}

func (c *paperConn) CreateGroup(_ context.Context, subject string, members []engine.JID) (g engine.Group, results []engine.MemberResult, err error) {
	w := &c.network.world
	return g, results, w.with(func() error {
		g = engine.Group{ID: "120363025246125487@g.us", Subject: subject, Owner: paperIdentity.Person, CreatedAt: paperSentAt,
			Members: []engine.Member{{Person: paperIdentity.Person, Admin: true, Owner: true}}}
		w.groups = append(w.groups, g)
		results = paperResults(members)
		return nil
	})
}

// paperResults refuses everybody but the friend.
func paperResults(members []engine.JID) []engine.MemberResult {
	results := make([]engine.MemberResult, len(members))
	for i, jid := range members {
		if jid == paperFriend.Phone || jid == paperFriend.LID {
			results[i] = engine.MemberResult{Person: paperFriend}
		} else {
			results[i] = engine.MemberResult{Person: engine.Person{Phone: jid}, Code: 403}
		}
	}
	return results
}

func (c *paperConn) ChangeMembers(_ context.Context, group engine.JID, change engine.MemberChange, members []engine.JID) (results []engine.MemberResult, err error) {
	w := &c.network.world
	return results, w.with(func() error {
		_, err := w.find(group)
		results = paperResults(members)
		w.asked = append(w.asked, fmt.Sprintf("%s %v in %s", change, members, group))
		return err
	})
}

func (c *paperConn) ChangeGroup(_ context.Context, group engine.JID, s engine.GroupSettings) error {
	w := &c.network.world
	return w.with(func() error {
		if _, err := w.find(group); err != nil {
			return err
		}
		said := "change " + string(group)
		if s.Subject != nil {
			said += " subject=" + *s.Subject
		}
		if s.Description != nil {
			said += " description=" + *s.Description
		}
		if s.AnnounceOnly != nil {
			said += fmt.Sprint(" announce=", *s.AnnounceOnly)
		}
		if s.Locked != nil {
			said += fmt.Sprint(" locked=", *s.Locked)
		}
		if s.Leave {
			said += " leave"
		}
		w.asked = append(w.asked, said)
		return nil
	})
}

func (c *paperConn) InviteLink(_ context.Context, group engine.JID, reset bool) (link string, err error) {
	w := &c.network.world
	return link, w.with(func() error {
		_, err := w.find(group)
		link = fmt.Sprintf("https://chat.whatsapp.com/%t", reset)
		return err
	})
}

func (c *paperConn) SetAvailable(_ context.Context, available bool) error {
	return c.network.world.did("available %t", available)
}

func (c *paperConn) SetTyping(_ context.Context, chat engine.JID, t engine.Typing) error {
	return c.network.world.did("%s in %s", t, chat)
}

func (c *paperConn) Known(_ context.Context, who engine.JID) (p engine.Person, err error) {
	return p, c.network.world.with(func() error {
		if who == paperFriend.Phone || who == paperFriend.LID {
			p = paperFriend
		}
		return nil
	})
}

func (c *paperConn) MarkRead(_ context.Context, chat engine.JID, sender engine.Person, ids []engine.MessageID, played bool, _ time.Time) error {
	return c.network.world.did("read %v of %s in %s, played %t", ids, sender.Preferred(), chat, played)
}

func (c *paperConn) Archive(_ context.Context, chat engine.JID, archived bool, last engine.MessageRef, at time.Time) error {
	return c.network.world.did("archive %s %t, last %q of %s at %d", chat, archived, last.ID, last.Sender.Preferred(), at.Unix())
}
