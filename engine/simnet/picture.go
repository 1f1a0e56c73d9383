package simnet

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"strconv"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// profilePicture is what an account or a group shows of itself. The file lies in the
// clear with the media.
type profilePicture struct {
	ID   string `json:"id"`
	Path string `json:"path"`
}

// newPicture keeps a picture's file. Ids are numbers that grow (assumed: the real
// ones look like unix times).
func (s *Server) newPicture(jpeg []byte) *profilePicture {
	serial := make([]byte, 8)
	_, _ = rand.Read(serial) // crypto/rand never returns an error since Go 1.24.
	path, err := s.media.keep(pictureFile, bytes.NewReader(jpeg), nil)
	if err != nil {
		s.noteUnhandled("picture not kept: " + err.Error())
	}
	s.saver.touch()
	return &profilePicture{ID: strconv.FormatUint(binary.BigEndian.Uint64(serial)>>33+1_700_000_000, 10), Path: path}
}

// answerPicture tells where a picture lies: the asker's own without a target. It
// answers 404 where there is none, and 401 where the asker may not see it (source:
// whatsmeow user.go). A preview is the same file here.
func (s *Server) answerPicture(st *stream, node *waBinary.Node, set bool) *waBinary.Node {
	if set {
		return s.setPicture(st.device.account, node)
	}
	query, ok := child(node, "picture")
	if !ok || attrText(query, "query") != "url" {
		return s.notImplemented(node)
	}
	target, ok := attrJID(node, "target")
	if !ok {
		target = st.device.account.pn()
	}
	found, allowed := s.pictureOf(target, st.device.account)
	switch {
	case !allowed:
		return failure(node, 401, "not-authorized")
	case found == nil:
		return failure(node, 404, "item-not-found")
	case attrText(query, "id") == found.ID:
		return result(node) // The asker has it already (source: whatsmeow).
	}
	path := found.Path + "?ccb=11-4&oh=simnet&oe=7FFFFFFF"
	return result(node, waBinary.Node{Tag: "picture", Attrs: waBinary.Attrs{
		"id": found.ID, "type": attrText(query, "type"), "url": s.media.url(path), "direct_path": path,
	}})
}

// setPicture changes the asker's own picture; without one it is taken away (source:
// Baileys chats.js, whatsmeow group.go). Assumed: what is no JPEG is not acceptable.
func (s *Server) setPicture(acct *account, node *waBinary.Node) *waBinary.Node {
	if _, other := attrJID(node, "target"); other {
		return s.notImplemented(node)
	}
	var now *profilePicture
	answer := result(node)
	if sent, ok := child(node, "picture"); ok {
		jpeg := content(sent)
		if !bytes.HasPrefix(jpeg, []byte{0xff, 0xd8, 0xff}) {
			return failure(node, 406, "not-acceptable")
		}
		now = s.newPicture(jpeg)
		answer = result(node, waBinary.Node{Tag: "picture", Attrs: waBinary.Attrs{"id": now.ID}})
	}
	acct.mu.Lock()
	acct.picture = now
	acct.mu.Unlock()
	s.saver.touch()
	s.announcePicture(acct.pn(), acct, now, append(acct.acquaintances(), acct))
	return answer
}

// pictureOf finds the picture of a person or a group; allowed is false where the
// asker may not know. Assumed: a group shows its picture to members only, and one
// who blocked the asker counts as having none.
func (s *Server) pictureOf(target types.JID, asker *account) (found *profilePicture, allowed bool) {
	if target.Server == types.GroupServer {
		s.groups.mu.Lock()
		defer s.groups.mu.Unlock()
		g := s.groups.find(target)
		if g == nil || !g.has(asker.number) {
			return nil, false
		}
		return g.Picture, true
	}
	acct, err := s.directory.find(target)
	if err != nil {
		return nil, true
	}
	if acct != asker && acct.blocks(asker) {
		return nil, true
	}
	acct.mu.Lock()
	defer acct.mu.Unlock()
	if acct != asker && acct.settings != nil && acct.settings.Privacy["profile"] == "none" {
		return nil, false
	}
	return acct.picture, true
}

// announcePicture tells devices that a picture is new or gone (source: whatsmeow
// notification.go). Assumed: who hears of a person's is whoever exchanged
// messages with them.
func (s *Server) announcePicture(of types.JID, by *account, now *profilePicture, to []*account) {
	change := waBinary.Node{Tag: "delete", Attrs: waBinary.Attrs{"jid": of, "author": by.pn()}}
	if now != nil {
		change.Tag, change.Attrs["id"] = "set", now.ID
	}
	for _, acct := range to {
		for _, dev := range acct.linked() {
			s.deliver(acct, dev.id, s.notification("picture", of, change))
		}
	}
}
