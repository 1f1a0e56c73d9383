package simnet

import (
	"slices"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// serveInvite looks up the group behind an invite link, or joins it.
func (r *groupRequest) serveInvite() int {
	code := attrText(r.what, "code")
	if len(code) != len(newInviteCode()) {
		return groupNotAcceptable
	}
	g := r.groups.byCode(code)
	if g == nil {
		return groupGone
	}
	r.group = g
	switch {
	case !r.set:
		r.reply = []waBinary.Node{r.groupNode(g)}
	case g.has(r.by.number):
		return groupAlreadyIn
	case g.Approval:
		r.askToJoin()
	default:
		g.apply("add", r.by.number)
		r.tellMembers("add", "invite", []string{r.by.number})
		r.reply = []waBinary.Node{{Tag: "group", Attrs: waBinary.Attrs{"jid": g.jid()}}}
	}
	return 0
}

// askToJoin puts somebody on the list of those who wait for an admin.
func (r *groupRequest) askToJoin() {
	g := r.group
	r.reply = []waBinary.Node{{Tag: "membership_approval_request", Attrs: waBinary.Attrs{"jid": g.jid()}}}
	if slices.ContainsFunc(g.Requests, func(q joinRequest) bool { return q.Number == r.by.number }) {
		return
	}
	g.Requests = append(g.Requests, joinRequest{r.by.number, r.clock().Unix()})
	admins := slices.DeleteFunc(g.numbers(), func(number string) bool { return !g.admin(number) })
	r.notices = append(r.notices, groupNotice{g.jid(), r.by, admins, waBinary.Node{
		Tag: "created_membership_requests", Attrs: waBinary.Attrs{"request_method": "invite_link"},
		Content: []waBinary.Node{{Tag: "requested_user", Attrs: r.personAttrs(r.by.number)}},
	}})
}

// decideRequests lets people in who asked to join, or turns them away.
func (r *groupRequest) decideRequests() int {
	action := waBinary.Node{Tag: "membership_requests_action"}
	var let []string
	for _, decision := range r.what.GetChildren() {
		if decision.Tag != "approve" && decision.Tag != "reject" {
			return groupBadRequest
		}
		answer := waBinary.Node{Tag: decision.Tag}
		var answers []waBinary.Node
		for _, item := range decision.GetChildrenByTag("participant") {
			acct, failed := r.participant(&item)
			if acct == nil {
				answers = append(answers, failed)
				continue
			}
			attrs := r.personAttrs(acct.number)
			waiting := len(r.group.Requests)
			r.group.Requests = slices.DeleteFunc(r.group.Requests, func(q joinRequest) bool { return q.Number == acct.number })
			switch {
			case waiting == len(r.group.Requests):
				attrs["error"] = groupNotFound
			case decision.Tag == "approve" && r.group.apply("add", acct.number) == 0:
				let = append(let, acct.number)
			}
			answers = append(answers, waBinary.Node{Tag: "participant", Attrs: attrs})
		}
		if len(answers) > 0 {
			answer.Content = answers
		}
		action.Content = append(action.GetChildren(), answer)
	}
	if len(let) > 0 {
		r.tellMembers("add", "invite", let)
	}
	r.reply = []waBinary.Node{action}
	return 0
}

// leave takes the asking account out of the groups that it names. The last
// admin's place goes to the member who has been there longest (assumed), and a
// group without members is gone.
func (r *groupRequest) leave() int {
	answer := waBinary.Node{Tag: "leave"}
	var answers []waBinary.Node
	for _, item := range r.what.GetChildrenByTag("group") {
		jid, ok := attrJID(&item, "id")
		if !ok {
			return groupBadRequest
		}
		attrs := waBinary.Attrs{"id": jid}
		if r.group = r.groups.find(jid); r.group == nil || !r.group.has(r.by.number) {
			attrs["error"] = groupNotFound
		} else {
			r.goFrom(r.group)
		}
		answers = append(answers, waBinary.Node{Tag: "group", Attrs: attrs})
	}
	if len(answers) == 0 {
		return groupBadRequest
	}
	answer.Content = answers
	r.reply = []waBinary.Node{answer}
	return 0
}

func (r *groupRequest) goFrom(g *group) {
	i := g.index(r.by.number)
	g.Members = slices.Delete(g.Members, i, i+1)
	r.tellMembers("remove", "", []string{r.by.number})
	if len(g.Members) == 0 {
		delete(r.groups.byID, g.ID)
		return
	}
	if !slices.ContainsFunc(g.Members, func(m member) bool { return m.Role != "" }) {
		g.Members[0].Role = roleAdmin
		r.tellMembers("promote", "", []string{g.Members[0].Number})
	}
}
