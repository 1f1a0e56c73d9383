package simnet

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// handleIQ answers a request of a linked device. A handler returns nil when it
// answered by itself or leaves the answer out on purpose.
func (s *Server) handleIQ(st *stream, node *waBinary.Node) {
	kind, id := attrText(node, "type"), attrText(node, "id")
	switch {
	case id == "":
		s.noteUnhandled("rejected: without an id: " + describe(node))
		return
	case kind == "result" || kind == "error":
		return // Answers to the server's own requests; it sends pings only.
	case kind != "get" && kind != "set":
		s.reject(st, node, "bad-request")
		return
	}
	if answer := s.answerIQ(st, node, kind == "set"); answer != nil {
		st.send(answer)
	}
}

func (s *Server) answerIQ(st *stream, node *waBinary.Node, set bool) *waBinary.Node {
	switch attrText(node, "xmlns") {
	case "w:p", "urn:xmpp:ping":
		return result(node)
	case "passive":
		return s.answerPassive(st, node)
	case "encrypt":
		return s.answerEncrypt(st, node, set)
	case "usync":
		return s.answerUsync(st, node)
	case "md":
		return s.answerDevices(st, node)
	case "privacy":
		return s.answerPrivacy(st, node, set)
	case "blocklist":
		return s.answerBlocklist(st, node, set)
	case "w:m":
		return s.answerMediaConn(st, node)
	case "w:sync:app:state":
		return s.answerAppState(st, node)
	case "abt":
		return result(node, waBinary.Node{Tag: "props", Attrs: waBinary.Attrs{
			"protocol": "1", "ab_key": "simnet", "hash": "simnet", "refresh": "86400", "refresh_id": "0",
		}})
	case "w":
		return s.answerProps(st, node)
	case "urn:xmpp:whatsapp:dirty", "w:stats", "urn:xmpp:whatsapp:push", "tos", "disappearing_mode":
		return result(node)
	case "urn:xmpp:whatsapp:account":
		return s.answerAccount(st, node)
	case "w:profile:picture":
		return s.answerPicture(st, node, set)
	case "status":
		return s.answerStatus(st, node, set)
	case "w:biz":
		return s.answerBusiness(st, node, set)
	case "w:mex":
		return s.answerMex(st, node)
	case "w:g2":
		return s.answerGroups(st, node, set)
	default:
		return s.notImplemented(node)
	}
}

// notImplemented is the answer to what nobody taught this network.
func (s *Server) notImplemented(node *waBinary.Node) *waBinary.Node {
	s.noteUnhandled(describe(node))
	return failure(node, 501, "feature-not-implemented")
}

// answerPassive switches the delivery of queued stanzas on. The result comes
// first, then the offline queue, as the clients expect.
func (s *Server) answerPassive(st *stream, node *waBinary.Node) *waBinary.Node {
	switch {
	case has(node, "active"):
		st.send(result(node))
		st.device.activate(st, func(e *entry) { s.ledger.sent(st.device, e, s.clock()) })
		s.welcome(st.device)
		return nil
	case has(node, "passive"):
		return result(node)
	default:
		return s.notImplemented(node)
	}
}

func has(node *waBinary.Node, tag string) bool {
	_, ok := child(node, tag)
	return ok
}

// answerDevices lets a device log itself out.
func (s *Server) answerDevices(st *stream, node *waBinary.Node) *waBinary.Node {
	remove, ok := child(node, "remove-companion-device")
	if !ok {
		return s.notImplemented(node)
	}
	jid, ok := attrJID(remove, "jid")
	if !ok || !st.device.account.is(jid) || jid.Device != st.device.id {
		// A linked device may remove itself only: assumed.
		s.noteUnhandled("rejected: " + describe(node))
		return failure(node, 403, "forbidden")
	}
	st.send(result(node))
	s.unlink(st.device.account, st.device.id)
	return nil
}

// answerAppState serves a sync of app state collections. There is nothing to
// tell until the phone publishes something: see the collections' own code.
func (s *Server) answerAppState(st *stream, node *waBinary.Node) *waBinary.Node {
	sync, ok := child(node, "sync")
	if !ok {
		return s.notImplemented(node)
	}
	var answers []waBinary.Node
	for _, request := range sync.GetChildrenByTag("collection") {
		answers = append(answers, s.syncCollection(st.device, &request))
	}
	return result(node, waBinary.Node{Tag: "sync", Content: answers})
}

func (s *Server) answerProps(_ *stream, node *waBinary.Node) *waBinary.Node {
	if !has(node, "props") {
		return s.notImplemented(node)
	}
	return result(node, waBinary.Node{Tag: "props", Attrs: waBinary.Attrs{"protocol": "2", "hash": "simnet"}})
}

func (s *Server) answerAccount(_ *stream, node *waBinary.Node) *waBinary.Node {
	if !has(node, "accept") {
		return s.notImplemented(node)
	}
	return result(node)
}

// answerStatus sets the text under the own name.
func (s *Server) answerStatus(st *stream, node *waBinary.Node, set bool) *waBinary.Node {
	if !set {
		return s.notImplemented(node)
	}
	acct := st.device.account
	acct.mu.Lock()
	acct.about = string(childContent(node, "status"))
	acct.mu.Unlock()
	s.saver.touch()
	return result(node)
}

// settings are what an account chose; the zero value is a new account's.
type settings struct {
	Privacy map[string]string
	Blocked []string // numbers
}

// privacyDefaults are the values of a new account.
var privacyDefaults = [...][2]string{
	{"readreceipts", "all"}, {"profile", "all"}, {"status", "all"}, {"online", "all"},
	{"last", "all"}, {"groupadd", "all"}, {"calladd", "all"},
}

// answerPrivacy shows and changes privacy settings and issues privacy tokens.
func (s *Server) answerPrivacy(st *stream, node *waBinary.Node, set bool) *waBinary.Node {
	if tokens, ok := child(node, "tokens"); ok && set {
		return s.issueTokens(st, node, tokens)
	}
	privacy, ok := child(node, "privacy")
	if !ok {
		return s.notImplemented(node)
	}
	acct := st.device.account
	if set {
		for _, category := range privacy.GetChildrenByTag("category") {
			acct.setPrivacy(attrText(&category, "name"), attrText(&category, "value"))
		}
		s.saver.touch()
	}
	acct.mu.Lock()
	defer acct.mu.Unlock()
	var categories []waBinary.Node
	for _, pair := range privacyDefaults {
		value := pair[1]
		if acct.settings != nil && acct.settings.Privacy[pair[0]] != "" {
			value = acct.settings.Privacy[pair[0]]
		}
		categories = append(categories, waBinary.Node{Tag: "category", Attrs: waBinary.Attrs{"name": pair[0], "value": value}})
	}
	return result(node, waBinary.Node{Tag: "privacy", Content: categories})
}

func (a *account) setPrivacy(name, value string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.settings == nil {
		a.settings = &settings{}
	}
	if a.settings.Privacy == nil {
		a.settings.Privacy = make(map[string]string)
	}
	a.settings.Privacy[name] = value
}

// issueTokens gives privacy tokens to the accounts that a device names, and
// tells them.
func (s *Server) issueTokens(st *stream, node, tokens *waBinary.Node) *waBinary.Node {
	from := st.device.account
	for _, item := range tokens.GetChildrenByTag("token") {
		jid, ok := attrJID(&item, "jid")
		if !ok || attrText(&item, "type") != "trusted_contact" {
			s.noteUnhandled("rejected: " + describe(node))
			return failure(node, 400, "bad-request")
		}
		to, err := s.directory.find(jid)
		if err != nil {
			return failure(node, 404, "item-not-found")
		}
		s.announceToken(from, to, attrText(&item, "t"), from.token(to, true))
	}
	return result(node)
}

// answerBlocklist shows and changes who is blocked.
func (s *Server) answerBlocklist(st *stream, node *waBinary.Node, set bool) *waBinary.Node {
	acct := st.device.account
	if set {
		item, ok := child(node, "item")
		jid, isJID := attrJID(item, "jid")
		if !ok || !isJID {
			s.noteUnhandled("rejected: " + describe(node))
			return failure(node, 400, "bad-request")
		}
		other, err := s.directory.find(jid)
		if err != nil {
			return failure(node, 404, "item-not-found")
		}
		before := hashOf(acct.blocked())
		acct.block(other.number, attrText(item, "action") == "block")
		s.saver.touch()
		s.announceBlocked(st.device, other, attrText(item, "action"), before)
	}
	blocked := acct.blocked()
	var items []waBinary.Node
	for _, number := range blocked {
		other, err := s.directory.number(number)
		if err != nil {
			continue
		}
		items = append(items, waBinary.Node{Tag: "item", Attrs: waBinary.Attrs{"jid": other.lidJID()}})
	}
	list := waBinary.Node{Tag: "list", Attrs: waBinary.Attrs{"dhash": hashOf(blocked), "addressing_mode": "lid"}}
	if len(items) > 0 {
		list.Content = items
	}
	return result(node, list)
}

func (a *account) block(number string, on bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.settings == nil {
		a.settings = &settings{}
	}
	a.settings.Blocked = slices.DeleteFunc(a.settings.Blocked, func(n string) bool { return n == number })
	if on {
		a.settings.Blocked = append(a.settings.Blocked, number)
	}
}

func (a *account) blocked() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.settings == nil {
		return nil
	}
	return slices.Clone(a.settings.Blocked)
}

// hashOf is an opaque mark of a list's version.
func hashOf(parts []string) string {
	sum := sha256.New()
	for _, part := range parts {
		sum.Write([]byte(strconv.Itoa(len(part)) + part))
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}
