package simnet

import (
	"strconv"
	"sync"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waServerSync"
	"google.golang.org/protobuf/proto"
)

// collections is what the server keeps of an account's app state: the encrypted
// patches in order, none of which it can read. The zero value is an account
// that has published nothing. (The real server folds old patches into
// snapshots; clients ask for one with return_snapshot and take patches too.)
type collections struct {
	mu     sync.Mutex
	byName map[string][][]byte // Patch n, counted from 1, made version n.
}

// version is the number of patches that a collection has had.
func (c *collections) version(name string) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return uint64(len(c.byName[name]))
}

// since returns the patches after a version, each with its own version in it.
func (c *collections) since(name string, version uint64) [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.byName[name]
	if version >= uint64(len(all)) {
		return nil
	}
	return append([][]byte(nil), all[version:]...)
}

// publish stores a patch that was made on a version. conflict is true when
// that is not the newest one; nothing is stored then. The error says that the
// patch is not one.
func (c *collections) publish(name string, made uint64, patch []byte) (conflict bool, err error) {
	var in waServerSync.SyncdPatch
	if err := proto.Unmarshal(patch, &in); err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if made != uint64(len(c.byName[name])) {
		return true, nil
	}
	in.Version = &waServerSync.SyncdVersion{Version: proto.Uint64(made + 1)}
	stored, err := proto.Marshal(&in)
	if err != nil {
		return false, err
	}
	if c.byName == nil {
		c.byName = make(map[string][][]byte)
	}
	c.byName[name] = append(c.byName[name], stored)
	return false, nil
}

// answer serves one <collection> of a sync request: it stores the patch that
// the request brings along, or answers with what is newer than the client's
// version. changed is true when a patch was stored; the account's other devices
// are then to be told. A patch on an old version is answered with a conflict
// (409) and the patches that are missing (source: whatsmeow's sendAppState).
func (c *collections) answer(request *waBinary.Node) (answer waBinary.Node, changed bool) {
	name := attrText(request, "name")
	answer = waBinary.Node{Tag: "collection", Attrs: waBinary.Attrs{"name": name}}
	version, err := strconv.ParseUint(attrText(request, "version"), 10, 64)
	switch name {
	case criticalBlock, criticalUnblockLow, regularHigh, regular, regularLow:
	default:
		return refuseCollection(answer, 404, "item-not-found"), false
	}
	if err != nil || version > c.version(name) {
		return refuseCollection(answer, 400, "bad-request"), false
	}
	var extra []waBinary.Node
	if patch := childContent(request, "patch"); len(patch) > 0 {
		conflict, err := c.publish(name, version, patch)
		if err != nil {
			return refuseCollection(answer, 400, "bad-request"), false
		}
		if !conflict {
			answer.Attrs["version"] = c.version(name)
			return answer, true
		}
		answer.Attrs["type"] = "error"
		extra = append(extra, waBinary.Node{Tag: "error", Attrs: waBinary.Attrs{"code": 409, "text": "conflict"}})
	}
	answer.Attrs["version"] = c.version(name)
	if newer := c.since(name, version); len(newer) > 0 {
		patches := make([]waBinary.Node, len(newer))
		for i, patch := range newer {
			patches[i] = waBinary.Node{Tag: "patch", Content: patch}
		}
		extra = append(extra, waBinary.Node{Tag: "patches", Content: patches})
	}
	if len(extra) > 0 {
		answer.Content = extra
	}
	return answer, false
}

func refuseCollection(answer waBinary.Node, code int, text string) waBinary.Node {
	answer.Attrs["type"] = "error"
	answer.Content = []waBinary.Node{{Tag: "error", Attrs: waBinary.Attrs{"code": code, "text": text}}}
	return answer
}
