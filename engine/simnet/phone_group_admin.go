package simnet

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// inviteLink is what stands before the code of an invite link.
const inviteLink = "https://chat.whatsapp.com/"

// CreateGroup makes a group with the phone as its admin. It fails when the
// network refuses the name; members who aren't on WhatsApp are left out.
func (p *Phone) CreateGroup(_ context.Context, subject string, members ...types.JID) (types.JID, error) {
	create := waBinary.Node{Tag: "create", Attrs: waBinary.Attrs{"subject": subject, "key": newMessageID()}}
	if len(members) > 0 {
		create.Content = participantNodes(members)
	}
	answer, err := p.askGroups(types.GroupServerJID, "set", create)
	if err != nil {
		return types.EmptyJID, err
	}
	made, _ := child(answer, "group")
	return types.NewJID(attrText(made, "id"), types.GroupServer), nil
}

// AddMembers takes people into a group. It fails when the network refuses the
// request or one of them.
func (p *Phone) AddMembers(_ context.Context, group types.JID, people ...types.JID) error {
	return p.changeMembers(group, "add", people)
}

// RemoveMembers takes people out of a group; it fails as AddMembers does.
func (p *Phone) RemoveMembers(_ context.Context, group types.JID, people ...types.JID) error {
	return p.changeMembers(group, "remove", people)
}

// Promote makes members admins; it fails as AddMembers does.
func (p *Phone) Promote(_ context.Context, group types.JID, people ...types.JID) error {
	return p.changeMembers(group, "promote", people)
}

// Demote makes admins plain members; it fails as AddMembers does.
func (p *Phone) Demote(_ context.Context, group types.JID, people ...types.JID) error {
	return p.changeMembers(group, "demote", people)
}

func (p *Phone) changeMembers(group types.JID, action string, people []types.JID) error {
	answer, err := p.askGroups(group, "set", waBinary.Node{Tag: action, Content: participantNodes(people)})
	if err != nil {
		return err
	}
	outcome, _ := child(answer, action)
	var failures []error
	for _, person := range outcome.GetChildrenByTag("participant") {
		if code := attrText(&person, "error"); code != "" {
			failures = append(failures, fmt.Errorf("%s a member: the network answered %s", action, code))
		}
	}
	return errors.Join(failures...)
}

// LeaveGroup takes the phone's account out of a group. It fails with an error
// when it is not in it.
func (p *Phone) LeaveGroup(_ context.Context, group types.JID) error {
	answer, err := p.askGroups(types.GroupServerJID, "set", waBinary.Node{Tag: "leave", Content: []waBinary.Node{
		{Tag: "group", Attrs: waBinary.Attrs{"id": group}},
	}})
	if err != nil {
		return err
	}
	if left, ok := child(answer, "leave", "group"); ok && attrText(left, "error") != "" {
		return ErrNoGroup
	}
	return nil
}

// SetGroupSubject renames a group.
func (p *Phone) SetGroupSubject(_ context.Context, group types.JID, subject string) error {
	_, err := p.askGroups(group, "set", waBinary.Node{Tag: "subject", Content: []byte(subject)})
	return err
}

// SetGroupDescription describes a group; an empty text deletes the description.
func (p *Phone) SetGroupDescription(_ context.Context, group types.JID, text string) error {
	change := waBinary.Node{Tag: "description", Attrs: waBinary.Attrs{"id": newMessageID()}}
	if text == "" {
		change.Attrs["delete"] = "true"
	} else {
		change.Content = []waBinary.Node{{Tag: "body", Content: []byte(text)}}
	}
	_, err := p.askGroups(group, "set", change)
	return err
}

// SetGroupAnnounce says whether only admins may write.
func (p *Phone) SetGroupAnnounce(_ context.Context, group types.JID, on bool) error {
	return p.toggleGroup(group, on, "announcement", "not_announcement")
}

// SetGroupLocked says whether only admins may change subject, description and
// the timer of disappearing messages.
func (p *Phone) SetGroupLocked(_ context.Context, group types.JID, on bool) error {
	return p.toggleGroup(group, on, "locked", "unlocked")
}

// SetGroupTimer sets the timer of disappearing messages in a group; zero turns it
// off.
func (p *Phone) SetGroupTimer(_ context.Context, group types.JID, after time.Duration) error {
	change := waBinary.Node{Tag: "not_ephemeral"}
	if after > 0 {
		change = waBinary.Node{Tag: "ephemeral", Attrs: waBinary.Attrs{"expiration": strconv.Itoa(int(after / time.Second))}}
	}
	_, err := p.askGroups(group, "set", change)
	return err
}

func (p *Phone) toggleGroup(group types.JID, on bool, yes, no string) error {
	tag := no
	if on {
		tag = yes
	}
	_, err := p.askGroups(group, "set", waBinary.Node{Tag: tag})
	return err
}

// SetGroupApproval says whether an admin must let in who comes by the link.
func (p *Phone) SetGroupApproval(_ context.Context, group types.JID, on bool) error {
	state := "off"
	if on {
		state = "on"
	}
	_, err := p.askGroups(group, "set", waBinary.Node{Tag: "membership_approval_mode", Content: []waBinary.Node{
		{Tag: "group_join", Attrs: waBinary.Attrs{"state": state}},
	}})
	return err
}

// GroupLink returns a group's invite link; reset makes a new one and lets the
// old one lapse.
func (p *Phone) GroupLink(_ context.Context, group types.JID, reset bool) (string, error) {
	kind := "get"
	if reset {
		kind = "set"
	}
	answer, err := p.askGroups(group, kind, waBinary.Node{Tag: "invite"})
	if err != nil {
		return "", err
	}
	invite, _ := child(answer, "invite")
	return inviteLink + attrText(invite, "code"), nil
}

// JoinGroup joins by an invite link, or asks to be let in: waiting is true then.
func (p *Phone) JoinGroup(_ context.Context, link string) (group types.JID, waiting bool, err error) {
	answer, err := p.askGroups(types.GroupServerJID, "set", waBinary.Node{
		Tag: "invite", Attrs: waBinary.Attrs{"code": strings.TrimPrefix(link, inviteLink)},
	})
	if err != nil {
		return types.EmptyJID, false, err
	}
	joined, ok := child(answer, "group")
	if !ok {
		joined, waiting = child(answer, "membership_approval_request")
	}
	group, _ = attrJID(joined, "jid")
	return group, waiting, nil
}

// DecideRequest lets somebody in who asked to join, or turns them away.
func (p *Phone) DecideRequest(_ context.Context, group, person types.JID, approve bool) error {
	action := "reject"
	if approve {
		action = "approve"
	}
	answer, err := p.askGroups(group, "set", waBinary.Node{Tag: "membership_requests_action", Content: []waBinary.Node{
		{Tag: action, Content: participantNodes([]types.JID{person})},
	}})
	if err != nil {
		return err
	}
	if item, ok := child(answer, "membership_requests_action", action, "participant"); ok && attrText(item, "error") != "" {
		return errors.New("nobody asked to join under that address")
	}
	return nil
}

func participantNodes(people []types.JID) []waBinary.Node {
	nodes := make([]waBinary.Node, len(people))
	for i, person := range people {
		nodes[i] = waBinary.Node{Tag: "participant", Attrs: waBinary.Attrs{"jid": person.ToNonAD()}}
	}
	return nodes
}

// askGroups makes a request of the phone's and turns a refusal into an error:
// ErrNoGroup when the phone has no such group.
func (p *Phone) askGroups(to types.JID, kind string, what waBinary.Node) (*waBinary.Node, error) {
	answer := p.server.serveGroups(p.account, &waBinary.Node{
		Tag: "iq", Attrs: waBinary.Attrs{"to": to, "type": kind, "xmlns": "w:g2", "id": p.server.nextID("phone")},
		Content: []waBinary.Node{what},
	}, kind == "set")
	refusal, failed := child(answer, "error")
	if !failed || attrText(answer, "type") != "error" {
		return answer, nil
	}
	switch code := attrText(refusal, "code"); code {
	case "403", "404":
		return nil, ErrNoGroup
	default:
		return nil, fmt.Errorf("the network refused the group request with %s %s", code, attrText(refusal, "text"))
	}
}
