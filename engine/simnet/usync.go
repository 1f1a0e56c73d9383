package simnet

import (
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// answerUsync looks people up: by number (contact) or by JID, and tells of each
// what the query asks for. What it can't tell is left out, as the real server
// leaves out what a person hides.
func (s *Server) answerUsync(st *stream, node *waBinary.Node) *waBinary.Node {
	usync, ok := child(node, "usync")
	query, hasQuery := child(usync, "query")
	list, hasList := child(usync, "list")
	if !ok || !hasQuery || !hasList || attrText(usync, "sid") == "" {
		s.noteUnhandled("rejected: " + describe(node))
		return failure(node, 400, "bad-request")
	}
	for _, protocol := range query.GetChildren() {
		switch protocol.Tag {
		case "contact", "devices", "lid", "status", "picture", "business", "disappearing_mode", "username", "bot", "text_status":
		default:
			s.noteUnhandled("usync <" + protocol.Tag + ">")
		}
	}
	var users []waBinary.Node
	for _, user := range list.GetChildrenByTag("user") {
		answer, ok := s.lookUp(query, &user)
		if !ok {
			s.noteUnhandled("rejected: usync user")
			return failure(node, 400, "bad-request")
		}
		if answer != nil {
			users = append(users, *answer)
		}
	}
	answers := waBinary.Node{Tag: "list"}
	if len(users) > 0 {
		answers.Content = users
	}
	var outcomes []waBinary.Node
	for _, protocol := range query.GetChildren() {
		outcomes = append(outcomes, waBinary.Node{Tag: protocol.Tag})
	}
	return result(node, waBinary.Node{
		Tag: "usync",
		Attrs: waBinary.Attrs{
			"sid": usync.Attrs["sid"], "index": usync.Attrs["index"], "last": usync.Attrs["last"],
			"mode": usync.Attrs["mode"], "context": usync.Attrs["context"],
		},
		Content: []waBinary.Node{{Tag: "result", Content: outcomes}, answers},
	})
}

// lookUp answers for one user of a query; ok is false when the user is named
// in no form that the protocol knows, the answer nil when there is no such
// account and nobody asked whether there is.
func (s *Server) lookUp(query, user *waBinary.Node) (answer *waBinary.Node, ok bool) {
	if contact, byNumber := child(user, "contact"); byNumber {
		return s.lookUpNumber(query, string(content(contact)))
	}
	jid, isJID := attrJID(user, "jid")
	if !isJID {
		if lid, byLID := child(user, "lid"); byLID {
			jid, isJID = attrJID(lid, "jid")
		}
	}
	if !isJID || jid.Device != 0 {
		return nil, false
	}
	acct, err := s.directory.find(jid)
	if err != nil {
		return nil, true
	}
	return &waBinary.Node{Tag: "user", Attrs: waBinary.Attrs{"jid": jid}, Content: s.facts(query, acct, jid.Server)}, true
}

// lookUpNumber answers whether a number is on WhatsApp. With addressing_mode
// "lid" the account comes under its LID, with the number beside it.
func (s *Server) lookUpNumber(query *waBinary.Node, asked string) (*waBinary.Node, bool) {
	number := strings.TrimSuffix(strings.TrimSuffix(asked, "@"+types.LegacyUserServer), "@"+types.DefaultUserServer)
	number = strings.TrimPrefix(number, "+")
	contact, _ := child(query, "contact")
	acct, err := s.directory.number(number)
	if err != nil {
		// Assumed: an unknown number comes back under its own JID.
		return &waBinary.Node{Tag: "user", Attrs: waBinary.Attrs{"jid": types.NewJID(number, types.DefaultUserServer)},
			Content: []waBinary.Node{{Tag: "contact", Attrs: waBinary.Attrs{"type": "out"}, Content: []byte(asked)}}}, true
	}
	attrs := waBinary.Attrs{"jid": acct.pn()}
	if attrText(contact, "addressing_mode") == "lid" {
		attrs["jid"], attrs["pn_jid"] = acct.lidJID(), acct.pn()
	}
	found := waBinary.Node{Tag: "contact", Attrs: waBinary.Attrs{"type": "in"}, Content: []byte(asked)}
	return &waBinary.Node{Tag: "user", Attrs: attrs,
		Content: append([]waBinary.Node{found}, s.facts(query, acct, types.DefaultUserServer)...)}, true
}

// facts tells what a query asks about an account, except the contact itself.
func (s *Server) facts(query *waBinary.Node, acct *account, server string) []waBinary.Node {
	var known []waBinary.Node
	for _, protocol := range query.GetChildren() {
		switch protocol.Tag {
		case "devices":
			known = append(known, deviceList(acct))
		case "lid":
			known = append(known, waBinary.Node{Tag: "lid", Attrs: waBinary.Attrs{"val": acct.lidJID()}})
		case "status":
			acct.mu.Lock()
			about := acct.about
			acct.mu.Unlock()
			known = append(known, waBinary.Node{Tag: "status", Attrs: waBinary.Attrs{"t": unixText(s.clock())}, Content: []byte(about)})
		case "picture":
			acct.mu.Lock()
			if acct.picture != nil {
				known = append(known, waBinary.Node{Tag: "picture", Attrs: waBinary.Attrs{"id": acct.picture.ID}})
			}
			acct.mu.Unlock()
		case "disappearing_mode":
			known = append(known, waBinary.Node{Tag: "disappearing_mode", Attrs: waBinary.Attrs{"duration": "0", "t": "0"}})
		}
	}
	return known
}

// deviceList tells the devices of an account; a linked one has a key index.
func deviceList(acct *account) waBinary.Node {
	list := []waBinary.Node{{Tag: "device", Attrs: waBinary.Attrs{"id": "0"}}}
	for _, dev := range acct.linked() {
		list = append(list, waBinary.Node{Tag: "device", Attrs: waBinary.Attrs{
			"id": int(dev.id), "key-index": int(dev.keyIndex),
		}})
	}
	return waBinary.Node{Tag: "devices", Content: []waBinary.Node{{Tag: "device-list", Content: list}}}
}
