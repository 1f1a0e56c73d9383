package simnet

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// handlePresence takes a device's own presence and its subscriptions. None of
// it is acknowledged.
func (s *Server) handlePresence(st *stream, node *waBinary.Node) {
	acct := st.device.account
	switch attrText(node, "type") {
	case "", "available", "unavailable":
		if name := attrText(node, "name"); name != "" {
			acct.rename(name)
			st.device.introduce(name)
		}
		st.presence.Store(attrText(node, "type") != "unavailable")
		s.spreadPresence(acct)
	case "subscribe":
		to, ok := attrJID(node, "to")
		other, err := s.directory.find(to)
		if !ok || err != nil {
			return // Groups can be subscribed to as well; nothing comes of it.
		}
		other.watch(st.device)
		st.device.push(s.presenceOf(other, to.Server))
	default:
		s.noteUnhandled(describe(node))
	}
}

func (a *account) watch(dev *device) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.watchers == nil {
		a.watchers = make(map[*device]struct{})
	}
	a.watchers[dev] = struct{}{}
}

// spreadPresence tells those who subscribed whether an account is online.
func (s *Server) spreadPresence(acct *account) {
	acct.mu.Lock()
	watchers := make([]*device, 0, len(acct.watchers))
	for dev := range acct.watchers {
		watchers = append(watchers, dev)
	}
	acct.mu.Unlock()
	for _, dev := range watchers {
		dev.push(s.presenceOf(acct, types.HiddenUserServer))
	}
}

// presenceOf is an account's presence: online when one of its devices says so.
func (s *Server) presenceOf(acct *account, server string) *waBinary.Node {
	node := &waBinary.Node{Tag: "presence", Attrs: waBinary.Attrs{"from": acct.jid(server, 0)}}
	if !s.available(acct) {
		node.Attrs["type"] = "unavailable"
		node.Attrs["last"] = unixText(s.clock())
	}
	return node
}

func (s *Server) available(acct *account) bool {
	if phone := acct.existingPhone(); phone != nil && phone.visible() {
		return true
	}
	for _, dev := range acct.linked() {
		if st := dev.connection(); st != nil && st.presence.Load() {
			return true
		}
	}
	return false
}

// handleChatState passes on that a device types or records, unless its account
// hides that it is online (assumed: nothing is shown of who is not there).
func (s *Server) handleChatState(st *stream, node *waBinary.Node) {
	to, ok := attrJID(node, "to")
	children := node.GetChildren()
	if !ok || len(children) != 1 || children[0].Tag != "composing" && children[0].Tag != "paused" {
		s.noteUnhandled("rejected: " + describe(node))
		return
	}
	if st.presence.Load() {
		s.passChatState(origin{st.device.account, st.device.id}, to, &children[0])
	}
}

// passChatState tells everyone in a chat who is connected; nobody else learns
// of it later. (The real server keeps it a few seconds for those who are not.)
func (s *Server) passChatState(from origin, to types.JID, state *waBinary.Node) {
	if to.Server == types.GroupServer {
		s.passGroupChatState(from, to, state)
		return
	}
	acct, err := s.directory.find(to)
	if err != nil {
		return
	}
	note := &waBinary.Node{Tag: "chatstate", Content: []waBinary.Node{*state}, Attrs: waBinary.Attrs{
		"from": from.account.jid(to.Server, 0),
	}}
	for _, dev := range acct.linked() {
		dev.push(note)
	}
	s.phoneOf(acct).deliver(note)
}
