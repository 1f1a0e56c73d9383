package simnet

import (
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/types"
	"go.uber.org/zap"
)

// Reasons of <failure> at login (source: whatsmeow's ConnectFailureReason).
const (
	failureLoggedOut = 401
	failureTempBan   = 402
	failureOutdated  = 405

	failureUnavailable = 503
)

// admit decides what a client is after its handshake: a linked device that logs
// in, or a companion that wants to be linked. false means that the stream is
// ending and nothing more is to be read.
func (s *Server) admit(st *stream) bool {
	if st.payload.Username == nil {
		if s.faults.take(FaultOutdated, "") {
			st.finish(connectFailure(failureOutdated))
			return false
		}
		return s.register(st, st.payload.GetDevicePairingData())
	}
	number := strconv.FormatUint(st.payload.GetUsername(), 10)
	if s.faults.refusingLogin(number) {
		st.finish(connectFailure(failureUnavailable))
		return false
	}
	if node := s.faults.loginFailure(number); node != nil {
		st.finish(node)
		return false
	}
	dev := s.findDevice(number, st)
	if dev == nil {
		st.finish(connectFailure(failureLoggedOut))
		return false
	}
	st.device = dev
	s.loggedIn(st, dev)
	s.logged.Add(1)
	if old := dev.connect(st); old != nil {
		old.finish(streamConflict("replaced"))
	}
	s.log.Debug("device logged in", zap.String("device", dev.jid(types.DefaultUserServer).String()))
	st.send(&waBinary.Node{Tag: "success", Attrs: waBinary.Attrs{
		"t": unixText(s.clock()), "lid": dev.jid(types.HiddenUserServer), "creation": unixText(dev.linked),
	}})
	return true
}

// findDevice returns the device of a login, nil when it isn't linked or uses a
// Noise key other than the one it was linked with.
func (s *Server) findDevice(number string, st *stream) *device {
	acct, err := s.directory.number(number)
	if err != nil {
		return nil
	}
	id := st.payload.GetDevice()
	if id == 0 || id > maxDeviceID {
		return nil
	}
	dev := acct.device(uint16(id))
	if dev == nil || dev.noise != st.static {
		return nil
	}
	return dev
}

// dismiss cleans up after a stream that admit let in.
func (s *Server) dismiss(st *stream) {
	if st.pairing != nil {
		s.pairings.drop(st.pairing)
	}
	if st.device == nil {
		return
	}
	s.logged.Add(-1)
	st.device.disconnect(st)
	if st.presence.Swap(false) {
		s.spreadPresence(st.device.account)
	}
}

// register takes in a companion: it gets six refs to show as QR codes, one
// after the other.
func (s *Server) register(st *stream, data *waWa6.ClientPayload_DevicePairingRegistrationData) bool {
	comp, err := newCompanion(st, data)
	if err != nil {
		s.noteUnhandled("rejected: registration: " + err.Error())
		st.finish(connectFailure(400))
		return false
	}
	st.pairing = comp
	refs := s.pairings.open(comp)
	children := make([]waBinary.Node, len(refs))
	for i, ref := range refs {
		children[i] = waBinary.Node{Tag: "ref", Content: []byte(ref)}
	}
	st.send(&waBinary.Node{
		Tag: "iq",
		Attrs: waBinary.Attrs{
			"from": types.ServerJID, "type": "set", "id": s.nextID("pair"), "xmlns": "md",
		},
		Content: []waBinary.Node{{Tag: "pair-device", Content: children}},
	})
	return true
}

// connectFailure refuses a login.
func connectFailure(reason int) *waBinary.Node {
	return &waBinary.Node{Tag: "failure", Attrs: waBinary.Attrs{"reason": reason, "location": "simnet"}}
}

// banFailure is a temporary ban: its kind and for how long.
func banFailure(code int, expire time.Duration) *waBinary.Node {
	node := connectFailure(failureTempBan)
	node.Attrs["code"] = code
	node.Attrs["expire"] = int(expire / time.Second)
	return node
}

// streamRestart asks a client to connect again.
func streamRestart() *waBinary.Node {
	return &waBinary.Node{Tag: "stream:error", Attrs: waBinary.Attrs{"code": "515"}}
}

// streamConflict ends a connection for good: "replaced" when the same device
// logged in elsewhere, "device_removed" when the account unlinked it.
func streamConflict(kind string) *waBinary.Node {
	node := &waBinary.Node{
		Tag:     "stream:error",
		Content: []waBinary.Node{{Tag: "conflict", Attrs: waBinary.Attrs{"type": kind}}},
	}
	if kind == "device_removed" {
		node.Attrs = waBinary.Attrs{"code": "401"}
	}
	return node
}

// handle passes a stanza to what understands it. It runs on the stream's
// reader, one stanza after the other.
func (s *Server) handle(st *stream, node *waBinary.Node) {
	if st.device == nil {
		s.handleUnlinked(st, node)
		return
	}
	s.noteQuestion(st, node)
	switch node.Tag {
	case "iq":
		s.handleIQ(st, node)
	case "message":
		s.handleMessage(st, node)
	case "receipt":
		s.handleReceipt(st, node)
	case "ack":
		s.handleAck(st, node)
	case "presence":
		s.handlePresence(st, node)
	case "chatstate":
		s.handleChatState(st, node)
	case "ib":
		s.handleIB(st, node)
	case "xmlstreamend":
		st.abort()
	default:
		s.noteUnhandled(describe(node))
	}
}

// handleIB takes a client's information about itself; none of it is answered.
func (s *Server) handleIB(_ *stream, node *waBinary.Node) {
	for _, item := range node.GetChildren() {
		switch item.Tag {
		case "unified_session", "offline_batch", "privacy_token", "client_properties":
		default:
			s.noteUnhandled(describe(node))
		}
	}
}

// describe names a stanza without what it contains.
func describe(node *waBinary.Node) string {
	text := node.Tag
	for _, key := range []string{"type", "xmlns", "class"} {
		if value, ok := node.Attrs[key].(string); ok {
			text += " " + key + "=" + value
		}
	}
	for _, inner := range node.GetChildren() {
		text += " <" + inner.Tag + ">"
	}
	return text
}
