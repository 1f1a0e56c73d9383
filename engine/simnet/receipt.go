package simnet

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// handleReceipt confirms a linked device's receipt and passes it on. A receipt
// for a message that waits in the device's queue also takes it out: clients
// send no ack then (source: whatsmeow message.go).
func (s *Server) handleReceipt(st *stream, node *waBinary.Node) {
	to, ok := attrJID(node, "to")
	if !ok || attrText(node, "id") == "" {
		s.noteUnhandled("rejected: " + describe(node))
		return
	}
	if attrText(node, "type") != "retry" {
		for _, id := range receiptIDs(node) {
			s.settle(st.device, "message", id, to, "")
		}
	}
	s.passReceipt(origin{st.device.account, st.device.id}, to, node)
	st.send(ack(node, s.clock()))
}

// handleAck takes a stanza out of the device's queue. An ack for something that
// isn't there is a repetition.
func (s *Server) handleAck(st *stream, node *waBinary.Node) {
	to, ok := attrJID(node, "to")
	class := attrText(node, "class")
	if !ok || class == "" || attrText(node, "id") == "" {
		s.noteUnhandled("rejected: " + describe(node))
		return
	}
	s.settle(st.device, class, attrText(node, "id"), to, attrText(node, "type"))
}

// settle removes an acknowledged stanza from a device's queue.
func (s *Server) settle(dev *device, class, id string, from types.JID, kind string) {
	done := dev.acknowledge(func(e *entry) bool {
		if e.class != class || e.id != id {
			return false
		}
		if class != "message" && kind != attrText(e.node, "type") {
			return false
		}
		sender, _ := attrJID(e.node, "from")
		return s.sameParty(sender, from)
	})
	if done && class == "message" {
		s.ledger.acked(id, dev.account, dev.id, s.clock())
	}
	if done {
		s.saver.touch()
	}
}

// sameParty says whether two JIDs name the same person, group or server,
// whatever the device and the address form.
func (s *Server) sameParty(a, b types.JID) bool {
	if a.ToNonAD() == b.ToNonAD() {
		return true
	}
	one, err := s.directory.find(a)
	if err != nil {
		return false
	}
	other, err := s.directory.find(b)
	return err == nil && one == other
}

// receiptIDs lists the messages that a receipt is about.
func receiptIDs(node *waBinary.Node) []string {
	ids := []string{attrText(node, "id")}
	if list, ok := child(node, "list"); ok {
		for _, item := range list.GetChildrenByTag("item") {
			if id := attrText(&item, "id"); id != "" {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// passReceipt routes a receipt. Deliveries and reads go to all devices of the
// message's author, so that they all show the same; a retry goes to the one
// device that is to encrypt again; what was read or played is also told to the
// reader's other devices. (Assumed: that companions' receipts carry the device,
// and that siblings are told in this form; clients accept both.)
func (s *Server) passReceipt(from origin, to types.JID, node *waBinary.Node) {
	kind := attrText(node, "type")
	author := to
	if participant, ok := attrJID(node, "participant"); ok {
		author = participant
	}
	if kind == "read" || kind == "played" || kind == "read-self" || kind == "played-self" {
		s.tellSiblings(from, to, author, node)
	}
	acct, err := s.directory.find(author)
	if err != nil {
		return // A group receipt without an author, or one for the network itself.
	}
	switch kind {
	case "", "inactive", "read", "played":
		if acct == from.account {
			return
		}
		for _, id := range acct.deviceIDs() {
			s.deliver(acct, id, s.receiptFor(from, to, author, node))
		}
	case "retry", "sender", "peer_msg", "hist_sync":
		if kind != "retry" && acct != from.account || !acct.has(author.Device) {
			return
		}
		s.deliver(acct, author.Device, s.receiptFor(from, to, author, node))
	case "server-error":
		if acct == from.account {
			s.deliver(acct, 0, s.receiptFor(from, to, author, node))
		}
	case "read-self", "played-self", "view":
	default:
		s.noteUnhandled(describe(node))
	}
}

// receiptFor is a receipt as its addressee gets it.
func (s *Server) receiptFor(from origin, to, author types.JID, node *waBinary.Node) *waBinary.Node {
	stanza := &waBinary.Node{Tag: "receipt", Content: node.Content, Attrs: waBinary.Attrs{
		"id": node.Attrs["id"], "t": unixText(s.clock()), "from": from.jid(author.Server),
	}}
	for _, key := range []string{"type", "recipient", "category", "edit"} {
		if value, ok := node.Attrs[key]; ok {
			stanza.Attrs[key] = value
		}
	}
	if to.Server == types.GroupServer || to.Server == types.BroadcastServer {
		stanza.Attrs["from"] = to
		stanza.Attrs["participant"] = from.jid(author.Server)
	}
	return stanza
}

// tellSiblings lets the reader's other devices know what was read.
func (s *Server) tellSiblings(from origin, to, author types.JID, node *waBinary.Node) {
	for _, id := range from.account.deviceIDs() {
		if id == from.id {
			continue
		}
		stanza := s.receiptFor(from, to, author, node)
		if to.Server != types.GroupServer && to.Server != types.BroadcastServer {
			stanza.Attrs["recipient"] = to
		}
		s.deliver(from.account, id, stanza)
	}
}
