package simnet

import (
	"unicode/utf8"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// Codes of failed group requests (source: whatsmeow group.go and errors.go).
const (
	groupBadRequest    = 400
	groupNotAdmin      = 401 // not-authorized
	groupNotMember     = 403 // forbidden
	groupNotFound      = 404 // item-not-found
	groupNotAcceptable = 406
	groupAlreadyIn     = 409 // conflict
	groupGone          = 410 // of a link that was reset
)

func groupError(code int) string {
	switch code {
	case groupNotAdmin:
		return "not-authorized"
	case groupNotMember:
		return "forbidden"
	case groupNotFound:
		return "item-not-found"
	case groupNotAcceptable:
		return "not-acceptable"
	case groupAlreadyIn:
		return "conflict"
	case groupGone:
		return "gone"
	}
	return "bad-request"
}

// groupRequest is one w:g2 request while it is being served, with the lock of
// all groups held.
type groupRequest struct {
	*Server
	by      *account
	set     bool
	what    *waBinary.Node // the only child of the iq
	group   *group         // nil for requests to the server itself
	reply   []waBinary.Node
	notices []groupNotice
}

// answerGroups serves a linked device's group request.
func (s *Server) answerGroups(st *stream, node *waBinary.Node, set bool) *waBinary.Node {
	return s.serveGroups(st.device.account, node, set)
}

// serveGroups serves the group request of any of an account's devices.
func (s *Server) serveGroups(by *account, node *waBinary.Node, set bool) *waBinary.Node {
	to, ok := attrJID(node, "to")
	children := node.GetChildren()
	if !ok || to.Server != types.GroupServer || len(children) != 1 {
		s.noteUnhandled("rejected: " + describe(node))
		return failure(node, groupBadRequest, "bad-request")
	}
	r := &groupRequest{Server: s, by: by, set: set, what: &children[0]}
	s.groups.mu.Lock()
	code, known := r.serve(to)
	s.groups.mu.Unlock()
	switch {
	case !known:
		return s.notImplemented(node)
	case code == groupBadRequest:
		s.noteUnhandled("rejected: " + describe(node))
		return failure(node, code, groupError(code))
	case code != 0:
		return failure(node, code, groupError(code))
	}
	s.tellGroup(r.notices)
	return result(node, r.reply...)
}

// serve runs the request; known is false for one that nobody taught.
func (r *groupRequest) serve(to types.JID) (code int, known bool) {
	if to.User == "" {
		return r.serveAll()
	}
	r.group = r.groups.find(to)
	if r.group == nil {
		return groupNotFound, true
	}
	if !r.group.has(r.by.number) {
		return groupNotMember, true
	}
	if !r.set {
		return r.read()
	}
	return r.change()
}

// serveAll serves what is asked of the server rather than of one group.
func (r *groupRequest) serveAll() (code int, known bool) {
	tag := r.what.Tag
	switch {
	case tag == "create" && r.set:
		return r.create(), true
	case tag == "participating" && !r.set:
		var list []waBinary.Node
		for _, g := range r.groups.byID {
			if g.has(r.by.number) {
				list = append(list, r.groupNode(g))
			}
		}
		all := waBinary.Node{Tag: "groups"}
		if len(list) > 0 {
			all.Content = list
		}
		r.reply = []waBinary.Node{all}
		return 0, true
	case tag == "invite":
		return r.serveInvite(), true
	case tag == "leave" && r.set:
		return r.leave(), true
	}
	return 0, false
}

// create makes a group. Who is not on WhatsApp is named in the answer with an
// error and left out.
func (r *groupRequest) create() int {
	subject := attrText(r.what, "subject")
	if utf8.RuneCountInString(subject) > maxSubject {
		return groupNotAcceptable
	}
	g := r.groups.newGroup(r.by.number, r.clock())
	g.Subject = subject
	var missing []waBinary.Node
	for _, item := range r.what.GetChildren() {
		switch item.Tag {
		case "participant":
			acct, failed := r.participant(&item)
			if acct == nil {
				missing = append(missing, failed)
			} else if !g.has(acct.number) {
				g.Members = append(g.Members, member{Number: acct.number})
			}
		default:
			if code := g.adjust(&item); code != 0 {
				return code
			}
		}
	}
	r.groups.byID[g.ID] = g
	node := r.groupNode(g)
	created := waBinary.Node{Tag: "create", Attrs: waBinary.Attrs{"type": "new"}, Content: []waBinary.Node{node}}
	for _, number := range g.numbers() {
		note := created
		if key := attrText(r.what, "key"); key != "" && number == r.by.number {
			note.Attrs = waBinary.Attrs{"type": "new", "key": key}
		}
		r.notices = append(r.notices, groupNotice{g.jid(), r.by, []string{number}, note})
	}
	node.Content = append(node.GetChildren(), missing...)
	r.reply = []waBinary.Node{node}
	return 0
}

// participant resolves a <participant>; for one who can't be found it returns
// the answer that says so.
func (r *groupRequest) participant(item *waBinary.Node) (*account, waBinary.Node) {
	jid, ok := attrJID(item, "jid")
	if ok && jid.Device == 0 {
		if acct, err := r.directory.find(jid); err == nil {
			return acct, waBinary.Node{}
		}
	}
	return nil, waBinary.Node{Tag: "participant", Attrs: waBinary.Attrs{"jid": jid, "error": groupNotFound}}
}

// adjust applies one setting, at the creation or later. The code is
// groupBadRequest for a value that makes no sense.
func (g *group) adjust(setting *waBinary.Node) (code int) {
	switch setting.Tag {
	case "announcement", "not_announcement":
		g.Announce = setting.Tag == "announcement"
	case "locked", "unlocked":
		g.Locked = setting.Tag == "locked"
	case "ephemeral":
		g.Timer = setting.AttrGetter().Uint64("expiration")
	case "not_ephemeral":
		g.Timer = 0
	case "member_add_mode":
		switch mode := string(content(setting)); mode {
		case "admin_add", "all_member_add":
			g.AdminAdds = mode == "admin_add"
		default:
			return groupBadRequest
		}
	case "membership_approval_mode":
		join, _ := child(setting, "group_join")
		switch state := attrText(join, "state"); state {
		case "on", "off":
			g.Approval = state == "on"
		default:
			return groupBadRequest
		}
	default:
		return groupBadRequest // Communities (parent, linked_parent) are not simulated.
	}
	return 0
}

// read serves what a member asks about a group.
func (r *groupRequest) read() (code int, known bool) {
	switch r.what.Tag {
	case "query":
		if has(r.what, "add_request") {
			return 0, false
		}
		r.reply = []waBinary.Node{r.groupNode(r.group)}
	case "invite":
		if !r.group.admin(r.by.number) {
			return groupNotAdmin, true
		}
		r.reply = []waBinary.Node{{Tag: "invite", Attrs: waBinary.Attrs{"code": r.group.Code}}}
	case "membership_approval_requests":
		if !r.group.admin(r.by.number) {
			return groupNotAdmin, true
		}
		list := waBinary.Node{Tag: "membership_approval_requests"}
		var waiting []waBinary.Node
		for _, request := range r.group.Requests {
			attrs := r.personAttrs(request.Number)
			attrs["request_time"], attrs["request_method"] = request.At, "invite_link"
			waiting = append(waiting, waBinary.Node{Tag: "membership_approval_request", Attrs: attrs})
		}
		if len(waiting) > 0 {
			list.Content = waiting
		}
		r.reply = []waBinary.Node{list}
	default:
		return 0, false
	}
	return 0, true
}

// tell announces a change to the members, and to others besides.
func (r *groupRequest) tell(what waBinary.Node, others ...string) {
	r.notices = append(r.notices, groupNotice{r.group.jid(), r.by, append(r.group.numbers(), others...), what})
}
