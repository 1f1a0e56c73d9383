package simnet

import (
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"google.golang.org/protobuf/proto"
)

// collection is one named part of an account's app state as the server keeps
// it: patches that only the account's devices can read. Its version is the
// number of patches.
type collection struct {
	Patches [][]byte // marshalled waServerSync.SyncdPatch, with the version filled in
}

// syncCollection answers one collection of a sync: the patches that the device
// lacks, after storing the one that it brings. A patch made on an older version
// is refused with 409 and the patches that were missed.
func (s *Server) syncCollection(dev *device, request *waBinary.Node) waBinary.Node {
	name := attrText(request, "name")
	from := int(request.AttrGetter().OptionalInt("version"))
	answer := waBinary.Node{Tag: "collection", Attrs: waBinary.Attrs{"name": name}}
	if patch, brings := child(request, "patch"); brings {
		version, err := s.appendPatch(dev.account, name, from, content(patch))
		switch {
		case err != nil:
			s.noteUnhandled("rejected: app state patch: " + err.Error())
			return collectionError(answer, 400, "bad-request")
		case version == 0:
			answer = collectionError(answer, 409, "conflict")
		default:
			s.announceCollection(dev.account, dev.id, name, version)
			// The phone checks the patch: one that does not verify is a defect of
			// the client that made it.
			if err := s.phoneOf(dev.account).catchUp(name); err != nil {
				s.noteUnhandled("phone: " + err.Error())
			}
			answer.Attrs["version"] = version
			return answer
		}
	}
	patches, version := dev.account.patchesSince(name, from)
	answer.Attrs["version"] = version
	var list []waBinary.Node
	for _, patch := range patches {
		list = append(list, waBinary.Node{Tag: "patch", Content: patch})
	}
	if len(list) > 0 {
		answer.Content = append(answer.GetChildren(), waBinary.Node{Tag: "patches", Content: list})
	}
	return answer
}

func collectionError(node waBinary.Node, code int, text string) waBinary.Node {
	node.Attrs["type"] = "error"
	node.Content = []waBinary.Node{{Tag: "error", Attrs: waBinary.Attrs{"code": code, "text": text}}}
	return node
}

// appendPatch stores a patch on top of the version that it was made on and
// returns the new version, 0 when the collection has moved on. The server
// numbers the patch; it can't read it.
func (s *Server) appendPatch(acct *account, name string, on int, raw []byte) (version int, err error) {
	var patch waServerSync.SyncdPatch
	if err = proto.Unmarshal(raw, &patch); err != nil {
		return 0, err
	}
	acct.mu.Lock()
	defer acct.mu.Unlock()
	c := acct.collections[name]
	if c == nil {
		c = &collection{}
	}
	if len(c.Patches) != on {
		return 0, nil
	}
	version = on + 1
	patch.Version = &waServerSync.SyncdVersion{Version: proto.Uint64(uint64(version))}
	if raw, err = proto.Marshal(&patch); err != nil {
		return 0, err
	}
	c.Patches = append(c.Patches, raw)
	if acct.collections == nil {
		acct.collections = make(map[string]*collection)
	}
	acct.collections[name] = c
	s.saver.touch()
	return version, nil
}

// patchesSince returns the patches after a version, and the latest version.
func (a *account) patchesSince(name string, version int) ([][]byte, int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.collections[name]
	if c == nil {
		return nil, 0
	}
	if version < 0 || version > len(c.Patches) {
		version = 0
	}
	return append([][]byte(nil), c.Patches[version:]...), len(c.Patches)
}

// announceCollection tells the account's other devices that a collection moved
// on.
func (s *Server) announceCollection(acct *account, except uint16, name string, version int) {
	for _, dev := range acct.linked() {
		if dev.id == except {
			continue
		}
		s.deliver(acct, dev.id, s.notification("server_sync", acct.pn(),
			waBinary.Node{Tag: "collection", Attrs: waBinary.Attrs{"name": name, "version": version}}))
	}
}
