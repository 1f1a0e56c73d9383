package simnet

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// groupDevices lists all devices of a group's members under their LIDs, the
// asking account's own included. code is one of a failed request.
func (s *Server) groupDevices(jid types.JID, by *account) (devices []types.JID, code int) {
	s.groups.mu.Lock()
	defer s.groups.mu.Unlock()
	g := s.groups.find(jid)
	switch {
	case g == nil:
		return nil, groupNotFound
	case !g.has(by.number):
		return nil, groupNotMember
	}
	for _, number := range g.numbers() {
		devices = append(devices, s.directory.known(number).deviceJIDs(types.HiddenUserServer)...)
	}
	return devices, 0
}

// mayWrite says whether a member may write to a group.
func (s *Server) mayWrite(jid types.JID, by *account) bool {
	s.groups.mu.Lock()
	defer s.groups.mu.Unlock()
	g := s.groups.find(jid)
	return g != nil && (!g.Announce || g.admin(by.number))
}

// relayGroup fans a group message out: the ciphertext under the sender key goes
// to every device of every member, and beside it, to those that lack that key,
// the one that carries it. A sender whose idea of the devices is out of date
// gets the hash of the right list; the others get the message all the same.
// (Assumed: the error codes, and that the hash comes only on a difference.)
func (s *Server) relayGroup(from origin, to types.JID, node, answer *waBinary.Node) *waBinary.Node {
	devices, code := s.groupDevices(to, from.account)
	if code == 0 && !s.mayWrite(to, from.account) {
		code = groupNotMember
	}
	if code != 0 {
		answer.Attrs["error"] = code
		return answer
	}
	answer.Attrs["addressing_mode"] = "lid"
	if to, again := attrJID(node, "participant"); again {
		return s.relayGroupAgain(from, to, node, answer)
	}
	copies, ok := parseParticipants(node, from, false)
	common := groupCiphertext(node)
	if !ok || common == nil {
		return s.refuse(answer, node, ackMalformed)
	}
	for jid := range copies {
		// A number among members that are addressed by LID (observed with
		// whatsapp-rust).
		if jid.Server != types.HiddenUserServer {
			return s.refuse(answer, node, ackMalformed)
		}
	}
	for _, jid := range devices {
		acct, err := s.directory.find(jid)
		if err != nil || jid == from.jid(jid.Server) {
			continue
		}
		s.deliver(acct, jid.Device, s.groupCopy(from, node, common, copies[jid]))
	}
	if claimed := attrText(node, "phash"); claimed != "" {
		if right := participantHash(devices); right != claimed {
			answer.Attrs["phash"] = right
		}
	}
	return answer
}

// groupCiphertext is the one ciphertext of a message that all members share.
func groupCiphertext(node *waBinary.Node) *waBinary.Node {
	for _, enc := range node.GetChildrenByTag("enc") {
		if attrText(&enc, "type") == kindGroup && attrText(&enc, "v") == "2" && len(content(&enc)) > 0 {
			return &enc
		}
	}
	return nil
}

// relayGroupAgain passes on the answer to a retry receipt in a group.
func (s *Server) relayGroupAgain(from origin, to types.JID, node, answer *waBinary.Node) *waBinary.Node {
	enc, ok := child(node, "enc")
	acct, err := s.directory.find(to)
	if !ok || !validEnc(enc) || err != nil {
		return s.refuse(answer, node, ackMalformed)
	}
	if acct.has(to.Device) { // Else it was unlinked in the meantime.
		s.deliver(acct, to.Device, s.groupCopy(from, node, enc, nil))
	}
	return answer
}

// groupCopy is a group message as one device gets it. The key that opens it, if
// the device lacks that, stands first.
func (s *Server) groupCopy(from origin, node, enc, key *waBinary.Node) *waBinary.Node {
	stanza := s.bare(node, enc)
	if key != nil {
		withKey := s.bare(node, key).GetChildren()
		stanza.Content = append([]waBinary.Node{withKey[0], *enc}, withKey[1:]...)
	}
	stanza.Attrs["from"] = node.Attrs["to"]
	stanza.Attrs["participant"] = from.jid(types.HiddenUserServer)
	stanza.Attrs["participant_pn"] = from.account.pn()
	stanza.Attrs["addressing_mode"] = "lid"
	if name := from.name(); name != "" {
		stanza.Attrs["notify"] = name
	}
	return stanza
}

// passGroupChatState tells a group's connected devices that somebody types.
func (s *Server) passGroupChatState(from origin, to types.JID, state *waBinary.Node) {
	devices, code := s.groupDevices(to, from.account)
	if code != 0 {
		return
	}
	note := &waBinary.Node{Tag: "chatstate", Content: []waBinary.Node{*state}, Attrs: waBinary.Attrs{
		"from": to, "participant": from.account.lidJID(),
	}}
	for _, jid := range devices {
		acct, err := s.directory.find(jid)
		if err != nil || acct == from.account {
			continue
		}
		if dev := acct.device(jid.Device); dev != nil {
			dev.push(note)
		} else if jid.Device == 0 {
			s.phoneOf(acct).deliver(note)
		}
	}
}
