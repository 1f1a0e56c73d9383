package simnet

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.uber.org/zap"
)

// Error codes of <ack> for a message. 463 is the reach-out timelock; for the
// others the real codes aren't known: assumed. Those of buttons are in buttons.go.
const (
	ackMalformed = 400
	ackNoSuchOne = 404
	ackTimelock  = 463
)

// origin is the device that a stanza comes from; the id of a phone is 0.
type origin struct {
	account *account
	id      uint16
}

func (o origin) jid(server string) types.JID { return o.account.jid(server, o.id) }

// name is what others see beside what the device sends. A linked device that has
// not told it in a presence has none (source: whatsmeow's SendPresence).
func (o origin) name() string {
	if o.id == 0 {
		return o.account.name()
	}
	dev := o.account.device(o.id)
	if dev == nil {
		return ""
	}
	dev.mu.Lock()
	defer dev.mu.Unlock()
	return dev.name
}

// handleMessage relays a message of a linked device and answers with an ack.
func (s *Server) handleMessage(st *stream, node *waBinary.Node) {
	number := st.device.account.number
	if s.faults.take(FaultDropBeforeRelay, number) {
		st.abort()
		return
	}
	answer := s.relay(origin{st.device.account, st.device.id}, node)
	if s.faults.take(FaultDropBeforeAck, number) {
		st.abort()
		return
	}
	dropAfter := s.faults.take(FaultDropAfterAck, number)
	st.send(answer)
	if dropAfter {
		st.finish(nil)
	}
}

// relay passes a message on to the devices that it is for and returns the ack.
// An ack with an error means that nothing was passed on.
func (s *Server) relay(from origin, node *waBinary.Node) *waBinary.Node {
	answer := ack(node, s.clock())
	to, ok := attrJID(node, "to")
	if !ok || attrText(node, "id") == "" || attrText(node, "type") == "" {
		return s.refuse(answer, node, ackMalformed)
	}
	if code := s.faults.ackError(from.account.number); code != 0 {
		answer.Attrs["error"] = code
		return answer
	}
	if code := refusesBusiness(node); code != 0 {
		answer.Attrs["error"] = code
		return answer
	}
	switch to.Server {
	case types.GroupServer:
		return s.relayGroup(from, to, node, answer)
	case types.BroadcastServer:
		return s.relayStatus(from, to, node, answer)
	case types.NewsletterServer:
		return s.publish(from, to, node, answer)
	}
	acct, err := s.directory.find(to)
	if err != nil {
		answer.Attrs["error"] = ackNoSuchOne
		return answer
	}
	switch {
	case attrText(node, "category") == "peer":
		return s.relayPeer(from, acct, to, node, answer)
	case attrText(node, "device_fanout") == "false":
		// The one ciphertext for one device counts: Baileys puts the same, once
		// more encrypted, into a list of participants (source: its relayMessage).
		return s.relayAgain(from, acct, to, node, answer)
	case has(node, "participants"):
		return s.relayChat(from, acct, to, node, answer)
	default:
		return s.refuse(answer, node, ackMalformed)
	}
}

// refuse answers a message that breaks the protocol.
func (s *Server) refuse(answer, node *waBinary.Node, code int) *waBinary.Node {
	s.noteUnhandled("rejected: " + describe(node))
	answer.Attrs["error"] = code
	return answer
}

// relayChat fans a one-to-one message out to the recipient's devices and to the
// sender's own others. When the sender's idea of these devices is out of date,
// the listed ones get the message all the same and the ack carries the hash of
// the right list (assumed: only then).
func (s *Server) relayChat(from origin, acct *account, to types.JID, node, answer *waBinary.Node) *waBinary.Node {
	copies, ok := parseParticipants(node, from, acct == from.account)
	if !ok || to.Device != 0 {
		return s.refuse(answer, node, ackMalformed)
	}
	for jid := range copies {
		// The two address forms must not be mixed (observed with whatsapp-rust),
		// and nobody writes to himself (both clients leave their own device out).
		if jid.Server != to.Server || !(acct.is(jid) || from.account.is(jid)) || jid == from.jid(jid.Server) {
			return s.refuse(answer, node, ackMalformed)
		}
	}
	if s.timelocked(from, acct, node) {
		answer.Attrs["error"] = ackTimelock
		return answer
	}
	from.account.meet(acct)
	acct.meet(from.account)
	expected := acct.deviceJIDs(to.Server)
	if acct != from.account {
		expected = append(expected, from.account.deviceJIDs(to.Server)...)
	}
	complete := len(copies) == len(expected)-1
	blocked := acct != from.account && acct.blocks(from.account)
	for _, jid := range expected {
		if jid == from.jid(to.Server) {
			continue
		}
		enc, listed := copies[jid]
		complete = complete && listed
		if !listed || blocked && acct.is(jid) {
			continue
		}
		if from.account.is(jid) {
			s.deliver(from.account, jid.Device, s.ownCopy(from, acct, to, node, enc))
		} else {
			s.deliver(acct, jid.Device, s.copyFor(from, to.Server, node, enc))
		}
	}
	if !complete {
		answer.Attrs["phash"] = participantHash(expected)
	}
	return answer
}

// parseParticipants reads the ciphertexts of a fan-out by device. It insists on
// one well-formed ciphertext for each, and on the sender's signed identity beside
// any message that opens a session.
//
// In groups the sender may be among them and gets nothing: Baileys 7 compares
// its own LID with the device in it to users without one, and so sends its key
// to itself (source: its extractDeviceJids). Assumed: since this version writes
// to groups in the wild, the real network takes it.
//
// In a chat with oneself a device may be listed more than once: whatsmeow takes
// the recipient's devices and its own together, which are the same then (source:
// its sendDM). Assumed: the last ciphertext counts, which belongs to the session
// that the sender goes on with if both opened one.
func parseParticipants(node *waBinary.Node, from origin, twice bool) (map[types.JID]*waBinary.Node, bool) {
	participants, _ := child(node, "participants")
	copies := make(map[types.JID]*waBinary.Node)
	opens := false
	for _, to := range participants.GetChildren() {
		jid, isJID := attrJID(&to, "jid")
		enc, hasEnc := child(&to, "enc")
		if to.Tag != "to" || !isJID || !hasEnc || !validEnc(enc) || copies[jid] != nil && !twice {
			return nil, false
		}
		copies[jid] = enc
		opens = opens || attrText(enc, "type") == kindPreKey
	}
	if opens && from.id != 0 && len(childContent(node, "device-identity")) == 0 {
		return nil, false
	}
	return copies, true
}

func validEnc(enc *waBinary.Node) bool {
	kind := attrText(enc, "type")
	return attrText(enc, "v") == "2" && (kind == kindPreKey || kind == kindRatchet) && len(content(enc)) > 0
}

// relayPeer passes a message between devices of one account: without a device
// in its address it is for the phone.
func (s *Server) relayPeer(from origin, acct *account, to types.JID, node, answer *waBinary.Node) *waBinary.Node {
	enc, ok := child(node, "enc")
	if !ok || !validEnc(enc) || acct != from.account {
		return s.refuse(answer, node, ackMalformed)
	}
	if !acct.has(to.Device) {
		return answer // It was unlinked in the meantime, as when a phone still welcomes it.
	}
	stanza := s.ownCopy(from, nil, types.EmptyJID, node, enc)
	stanza.Attrs["from"] = from.jid(to.Server)
	stanza.Attrs["category"] = "peer"
	s.deliver(acct, to.Device, stanza)
	return answer
}

// relayAgain passes on the answer to a retry receipt: one ciphertext for one
// device.
func (s *Server) relayAgain(from origin, acct *account, to types.JID, node, answer *waBinary.Node) *waBinary.Node {
	enc, ok := child(node, "enc")
	if !ok || !validEnc(enc) {
		return s.refuse(answer, node, ackMalformed)
	}
	if !acct.has(to.Device) {
		return answer // It was unlinked in the meantime.
	}
	if acct != from.account {
		s.deliver(acct, to.Device, s.copyFor(from, to.Server, node, enc))
		return answer
	}
	chat, _ := attrJID(node, "recipient")
	other, err := s.directory.find(chat)
	if err != nil {
		return s.refuse(answer, node, ackMalformed)
	}
	s.deliver(acct, to.Device, s.ownCopy(from, other, chat, node, enc))
	return answer
}

// copyFor is a message as a device of another account gets it. server is the
// address form that the sender used; the other form travels beside it.
func (s *Server) copyFor(from origin, server string, node, enc *waBinary.Node) *waBinary.Node {
	stanza := s.bare(node, enc)
	stanza.Attrs["from"] = from.jid(server)
	if name := from.name(); name != "" {
		stanza.Attrs["notify"] = name
	}
	if server == types.HiddenUserServer {
		stanza.Attrs["sender_pn"] = from.account.pn()
	} else {
		stanza.Attrs["sender_lid"] = from.account.lidJID()
	}
	return stanza
}

// ownCopy is a message as another device of the sender's own account gets it;
// a nil account is for peer messages, which belong to no chat.
func (s *Server) ownCopy(from origin, acct *account, to types.JID, node, enc *waBinary.Node) *waBinary.Node {
	stanza := s.bare(node, enc)
	stanza.Attrs["from"] = from.jid(to.Server)
	if acct == nil {
		return stanza
	}
	stanza.Attrs["recipient"] = to
	if to.Server == types.HiddenUserServer {
		stanza.Attrs["peer_recipient_pn"] = acct.pn()
	} else {
		stanza.Attrs["peer_recipient_lid"] = acct.lidJID()
	}
	return stanza
}

// bare is what every copy of a message has in common. Tokens and the list of
// participants stay with the server.
func (s *Server) bare(node, enc *waBinary.Node) *waBinary.Node {
	stanza := &waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{
		"id": node.Attrs["id"], "type": node.Attrs["type"], "t": unixText(s.clock()),
	}}
	if edit := attrText(node, "edit"); edit != "" {
		stanza.Attrs["edit"] = edit
	}
	children := []waBinary.Node{*enc}
	for _, extra := range node.GetChildren() {
		switch extra.Tag {
		case "meta", "biz", "bot":
			children = append(children, extra)
		case "device-identity":
			if attrText(enc, "type") == kindPreKey {
				children = append(children, extra)
			}
		}
	}
	stanza.Content = children
	return stanza
}

// deliver puts a stanza into a device's queue, the phone's included.
func (s *Server) deliver(acct *account, id uint16, node *waBinary.Node) {
	now := s.clock()
	if id == 0 {
		s.ledger.queued(node, acct, id, now)
		s.phoneOf(acct).deliver(node)
		return
	}
	dev := acct.device(id)
	if dev == nil {
		s.log.Debug("stanza for a device that is gone", zap.String("tag", node.Tag))
		return
	}
	s.ledger.queued(node, acct, id, now)
	if dev.deliver(node, now) {
		s.ledger.wrote(node, acct, id, now)
	}
	s.saver.touch()
}

// relayStatus passes a status update on to the devices that the sender chose:
// the common ciphertext to all of them, the sender's key to those that lack it.
func (s *Server) relayStatus(from origin, to types.JID, node, answer *waBinary.Node) *waBinary.Node {
	copies, ok := parseParticipants(node, from, false)
	common := groupCiphertext(node)
	if !ok || common == nil || to != types.StatusBroadcastJID {
		return s.refuse(answer, node, ackMalformed)
	}
	for jid, enc := range copies {
		acct, err := s.directory.find(jid)
		if err != nil || !acct.has(jid.Device) || jid == from.jid(jid.Server) {
			continue
		}
		stanza := s.groupCopy(from, node, common, enc)
		stanza.Attrs["from"], stanza.Attrs["participant"] = to, from.jid(jid.Server)
		s.deliver(acct, jid.Device, stanza)
	}
	return answer
}

// timelocked says whether a restricted account tries to write to somebody for
// the first time. A token that the recipient issued lets it pass.
func (s *Server) timelocked(from origin, acct *account, node *waBinary.Node) bool {
	if acct == from.account || from.account.hasMet(acct) || len(childContent(node, "cstoken")) > 0 {
		return false
	}
	token := childContent(node, "tctoken")
	if len(token) > 0 && string(token) == string(acct.token(from.account, false)) {
		return false
	}
	return s.faults.timelocked(from.account)
}

func (a *account) blocks(other *account) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.settings == nil {
		return false
	}
	for _, number := range a.settings.Blocked {
		if number == other.number {
			return true
		}
	}
	return false
}
