package simnet

import (
	"regexp"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// companionName is how a companion must introduce itself when it asks for a
// pairing code: "Browser (System)" (source: whatsmeow pair-code.go).
var companionName = regexp.MustCompile(`^[^()]+ \([^()]+\)$`)

// handleUnlinked takes the stanzas of a client that is not linked yet.
func (s *Server) handleUnlinked(st *stream, node *waBinary.Node) {
	switch {
	case node.Tag == "iq" && (attrText(node, "type") == "result" || attrText(node, "type") == "error"):
		// The answer to pair-device is waited for by nobody.
		st.pairing.offer("iq "+attrText(node, "id"), node)
	case node.Tag == "iq" && attrText(node, "xmlns") == "md":
		s.handleLinking(st, node)
	case node.Tag == "iq" && attrText(node, "xmlns") == "w:p":
		st.send(result(node))
	case node.Tag == "ack", node.Tag == "presence":
		// Baileys announces its presence as soon as it has a code's number.
	case node.Tag == "ib":
		s.handleIB(st, node)
	case node.Tag == "xmlstreamend":
		st.abort()
	default:
		s.noteUnhandled("before linking: " + describe(node))
		if node.Tag == "iq" {
			st.send(failure(node, 501, "feature-not-implemented"))
		}
	}
}

// handleLinking serves the requests of linking by code and with a passkey.
func (s *Server) handleLinking(st *stream, node *waBinary.Node) {
	children := node.GetChildren()
	if len(children) != 1 {
		s.reject(st, node, "bad-request")
		return
	}
	step := children[0]
	kind := step.Tag
	switch {
	case kind == "link_code_companion_reg" && attrText(&step, "stage") == "companion_hello":
		s.companionHello(st, node, &step)
		return
	case kind == "link_code_companion_reg" && attrText(&step, "stage") == "companion_finish":
		kind = "companion_finish"
	case kind == "ref":
		st.send(result(node, waBinary.Node{Tag: "ref", Content: []byte(s.pairings.addRef(st.pairing))}))
		return
	case kind == "passkey_prologue", kind == "companion_nonce", kind == "encrypted_pairing_request":
	default:
		s.noteUnhandled("before linking: " + describe(node))
		st.send(failure(node, 501, "feature-not-implemented"))
		return
	}
	// The phone's side answers these, because only it can check them.
	if !st.pairing.offer(kind, node) {
		s.reject(st, node, "bad-request")
	}
}

// companionHello begins linking by pairing code.
func (s *Server) companionHello(st *stream, node, step *waBinary.Node) {
	jid, ok := attrJID(step, "jid")
	wrapped := childContent(step, "link_code_pairing_wrapped_companion_ephemeral_pub")
	noise := childContent(step, "companion_server_auth_key_pub")
	name := childContent(step, "companion_platform_display")
	if !ok || jid.Server != types.DefaultUserServer || len(wrapped) != 80 || string(noise) != string(st.static[:]) ||
		len(childContent(step, "companion_platform_id")) == 0 || !companionName.Match(name) {
		s.reject(st, node, "bad-request")
		return
	}
	acct, err := s.directory.find(jid)
	if err != nil {
		// Assumed: the real answer to a number that isn't on WhatsApp isn't known.
		st.send(failure(node, 404, "item-not-found"))
		return
	}
	hello := &codeHello{account: acct, ref: newRef(), wrapped: wrapped}
	s.pairings.waitForCode(st.pairing, hello)
	st.send(result(node, waBinary.Node{Tag: "link_code_companion_reg", Attrs: waBinary.Attrs{"stage": "companion_hello"},
		Content: []waBinary.Node{{Tag: "link_code_pairing_ref", Content: []byte(hello.ref)}}}))
}

// reject answers a malformed iq and remembers that it came: a client that
// sends such a thing has a defect that a test must not overlook.
func (s *Server) reject(st *stream, node *waBinary.Node, text string) {
	s.noteUnhandled("rejected: " + describe(node))
	if node.Tag == "iq" {
		st.send(failure(node, 400, text))
	}
}
