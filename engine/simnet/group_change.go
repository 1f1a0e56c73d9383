package simnet

import (
	"slices"
	"unicode/utf8"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// groupCreatorStays answers an attempt to remove or demote a group's creator.
// Assumed: the real code isn't known.
const groupCreatorStays = 405

// change serves what a member wants to be different. What only admins may do
// depends on the group's settings.
func (r *groupRequest) change() (code int, known bool) {
	admin := r.group.admin(r.by.number)
	allowed := admin
	switch r.what.Tag {
	case "add":
		allowed = admin || !r.group.AdminAdds
	case "subject", "description", "ephemeral", "not_ephemeral":
		allowed = admin || !r.group.Locked
	}
	if !allowed {
		return groupNotAdmin, true
	}
	switch r.what.Tag {
	case "add", "remove", "promote", "demote":
		r.changeMembers()
		return 0, true
	case "subject":
		return r.rename(), true
	case "description":
		return r.describe(), true
	case "announcement", "not_announcement", "locked", "unlocked", "ephemeral", "not_ephemeral", "member_add_mode", "membership_approval_mode":
		if code := r.group.adjust(r.what); code != 0 {
			return code, true
		}
		_, version := r.group.bump()
		note := waBinary.Node{Tag: r.what.Tag, Attrs: waBinary.Attrs{}, Content: r.what.Content}
		switch r.what.Tag {
		case "announcement", "not_announcement":
			note.Attrs["v_id"] = version
		case "ephemeral":
			note.Attrs["expiration"] = r.group.Timer
		}
		r.tell(note)
		r.reply = []waBinary.Node{{Tag: r.what.Tag}}
		return 0, true
	case "invite":
		r.group.Code = newInviteCode()
		r.group.bump()
		r.tell(waBinary.Node{Tag: "invite", Attrs: waBinary.Attrs{"code": r.group.Code}})
		r.reply = []waBinary.Node{{Tag: "invite", Attrs: waBinary.Attrs{"code": r.group.Code}}}
		return 0, true
	case "membership_requests_action":
		return r.decideRequests(), true
	}
	return 0, false
}

func (r *groupRequest) rename() int {
	subject := string(content(r.what))
	if subject == "" || utf8.RuneCountInString(subject) > maxSubject {
		return groupNotAcceptable
	}
	g := r.group
	g.Subject, g.SubjectBy, g.SubjectAt = subject, r.by.number, r.clock().Unix()
	g.bump()
	r.tell(waBinary.Node{Tag: "subject", Attrs: waBinary.Attrs{
		"subject": subject, "s_t": g.SubjectAt, "s_o": r.by.lidJID(), "s_o_pn": r.by.pn(),
	}})
	r.reply = []waBinary.Node{{Tag: "subject"}}
	return 0
}

// describe changes the description. The client names the one that it replaces,
// and loses against somebody who was faster. whatsmeow's SetGroupDescription
// sends no id at all; it then gets one here.
func (r *groupRequest) describe() int {
	g := r.group
	if previous := attrText(r.what, "prev"); previous != "" && previous != g.About.ID {
		return groupAlreadyIn
	}
	id := attrText(r.what, "id")
	if id == "" {
		id = newMessageID()
	}
	if attrText(r.what, "delete") == "true" {
		g.About = description{}
		r.tell(waBinary.Node{Tag: "description", Attrs: waBinary.Attrs{"id": id}, Content: []waBinary.Node{{Tag: "delete"}}})
	} else {
		text := string(childContent(r.what, "body"))
		if text == "" {
			return groupBadRequest
		}
		g.About = description{ID: id, Text: text, By: r.by.number, At: r.clock().Unix()}
		r.tell(waBinary.Node{Tag: "description", Attrs: waBinary.Attrs{"id": id}, Content: []waBinary.Node{{Tag: "body", Content: []byte(text)}}})
	}
	g.bump()
	r.reply = []waBinary.Node{{Tag: "description", Attrs: waBinary.Attrs{"id": id}}}
	return 0
}

// changeMembers adds, removes, promotes or demotes. Every participant gets an
// answer of its own, and the members are told of those that changed.
func (r *groupRequest) changeMembers() {
	answer := waBinary.Node{Tag: r.what.Tag}
	var answers []waBinary.Node
	var changed []string
	for _, item := range r.what.GetChildrenByTag("participant") {
		acct, failed := r.participant(&item)
		if acct == nil {
			answers = append(answers, failed)
			continue
		}
		attrs := r.personAttrs(acct.number)
		if code := r.group.apply(r.what.Tag, acct.number); code != 0 {
			attrs["error"] = code
		} else {
			changed = append(changed, acct.number)
		}
		answers = append(answers, waBinary.Node{Tag: "participant", Attrs: attrs})
	}
	if len(answers) > 0 {
		answer.Content = answers
	}
	r.reply = []waBinary.Node{answer}
	if len(changed) > 0 {
		r.tellMembers(r.what.Tag, "", changed)
	}
}

// apply changes one person's place in a group; the code is 0 on success.
func (g *group) apply(action, number string) int {
	i := g.index(number)
	switch {
	case action == "add" && i >= 0:
		return groupAlreadyIn
	case action == "add":
		g.Members = append(g.Members, member{Number: number})
		g.Requests = slices.DeleteFunc(g.Requests, func(q joinRequest) bool { return q.Number == number })
	case i < 0:
		return groupNotFound
	case action != "promote" && g.Members[i].Role == roleCreator:
		return groupCreatorStays
	case action == "remove":
		g.Members = slices.Delete(g.Members, i, i+1)
	case action == "promote" && g.Members[i].Role == "":
		g.Members[i].Role = roleAdmin
	case action == "demote":
		g.Members[i].Role = ""
	}
	return 0
}

// tellMembers announces who came or went or changed roles. Those who were added
// get the whole group instead, as a group that is new to them.
func (r *groupRequest) tellMembers(action, reason string, who []string) {
	before, after := r.group.bump()
	note := waBinary.Node{Tag: action, Attrs: waBinary.Attrs{"prev_v_id": before, "v_id": after, "reason": reason}}
	var people []waBinary.Node
	for _, number := range who {
		people = append(people, waBinary.Node{Tag: "participant", Attrs: r.personAttrs(number)})
	}
	note.Content = people
	switch action {
	case "add":
		others := slices.DeleteFunc(r.group.numbers(), func(number string) bool { return slices.Contains(who, number) })
		r.notices = append(r.notices,
			groupNotice{r.group.jid(), r.by, others, note},
			groupNotice{r.group.jid(), r.by, who, waBinary.Node{
				Tag: "create", Attrs: waBinary.Attrs{"reason": reason}, Content: []waBinary.Node{r.groupNode(r.group)},
			}})
	case "remove":
		r.tell(note, who...)
	default:
		r.tell(note)
	}
}
