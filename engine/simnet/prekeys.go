package simnet

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"

	"go.mau.fi/libsignal/ecc"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// keyTypeDjb is the type of every key on the wire: Curve25519.
const keyTypeDjb = ecc.DjbType

// answerEncrypt serves the key server: uploads, counts, bundles.
func (s *Server) answerEncrypt(st *stream, node *waBinary.Node, set bool) *waBinary.Node {
	switch {
	case !set && has(node, "count"):
		return result(node, waBinary.Node{Tag: "count", Attrs: waBinary.Attrs{"value": st.device.preKeyCount()}})
	case !set && has(node, "key"):
		return s.answerBundles(st, node)
	case !set && has(node, "digest"):
		return s.answerDigest(st, node)
	case set && has(node, "rotate"):
		skey, _ := child(node, "rotate", "skey")
		key, err := parseKey(skey)
		if err != nil || !st.device.signedBy(key) {
			s.noteUnhandled("rejected: " + describe(node))
			return failure(node, 400, "bad-request")
		}
		st.device.rotate(key)
		s.saver.touch()
		return result(node)
	case set && has(node, "list"):
		if err := st.device.upload(node); err != nil {
			s.noteUnhandled("rejected: prekey upload: " + err.Error())
			return failure(node, 406, "not-acceptable")
		}
		s.saver.touch()
		answer := result(node)
		st.send(answer)
		s.welcome(st.device)
		return nil
	default:
		return s.notImplemented(node)
	}
}

// upload checks and stores a batch of prekeys. The identity must be the one
// that was linked, and the signed prekey must be signed by it.
func (d *device) upload(node *waBinary.Node) error {
	registration, identity := childContent(node, "registration"), childContent(node, "identity")
	if len(registration) != 4 || len(identity) != 32 || !bytes.Equal(childContent(node, "type"), []byte{keyTypeDjb}) {
		return errors.New("registration, type or identity of the wrong length")
	}
	if !bytes.Equal(identity, d.identityKey()) {
		return errors.New("identity other than the linked one")
	}
	skey, _ := child(node, "skey")
	signed, err := parseKey(skey)
	if err != nil {
		return fmt.Errorf("signed prekey: %w", err)
	}
	if !d.signedBy(signed) {
		return errors.New("signed prekey with a wrong signature")
	}
	list, _ := child(node, "list")
	keys := make([]publicKey, 0, len(list.GetChildren()))
	for _, item := range list.GetChildren() {
		key, err := parseKey(&item)
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return errors.New("no prekeys")
	}
	d.publish(bundle{registration: bigEndian(registration), identity: [32]byte(identity), signed: signed}, keys)
	return nil
}

func (d *device) identityKey() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]byte(nil), d.identity[:]...)
}

// signedBy says whether a signed prekey carries the device's own signature,
// which covers the key with its type before it.
func (d *device) signedBy(key publicKey) bool {
	d.mu.Lock()
	identity := d.identity
	d.mu.Unlock()
	message := append([]byte{keyTypeDjb}, key.pub[:]...)
	return ecc.VerifySignature(ecc.NewDjbECPublicKey(identity), message, key.sig)
}

// answerDigest lets a client compare what the server has with what it
// uploaded: SHA-1 over identity, signed prekey, its signature and the one-time
// prekeys (observed with Baileys).
func (s *Server) answerDigest(st *stream, node *waBinary.Node) *waBinary.Node {
	d := st.device
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.prekeys) == 0 {
		return failure(node, 404, "item-not-found")
	}
	sum := sha1.New()
	sum.Write(d.identity[:])
	sum.Write(d.signed.pub[:])
	sum.Write(d.signed.sig[:])
	ids := make([]waBinary.Node, len(d.prekeys))
	for i, key := range d.prekeys {
		sum.Write(key.pub[:])
		ids[i] = waBinary.Node{Tag: "id", Content: uint24(key.id)}
	}
	return result(node, waBinary.Node{Tag: "digest", Content: []waBinary.Node{
		{Tag: "registration", Content: uint32Bytes(d.register)},
		{Tag: "type", Content: []byte{keyTypeDjb}},
		{Tag: "identity", Content: append([]byte(nil), d.identity[:]...)},
		keyNode("skey", d.signed),
		{Tag: "list", Content: ids},
		{Tag: "hash", Content: sum.Sum(nil)},
	}})
}

// answerBundles hands out prekey bundles. Each user comes back under the JID
// that the client asked for, because clients look the answer up by it.
func (s *Server) answerBundles(st *stream, node *waBinary.Node) *waBinary.Node {
	request, _ := child(node, "key")
	var users []waBinary.Node
	for _, user := range request.GetChildrenByTag("user") {
		jid, ok := attrJID(&user, "jid")
		if !ok {
			s.noteUnhandled("rejected: " + describe(node))
			return failure(node, 400, "bad-request")
		}
		users = append(users, s.bundleNode(jid))
	}
	if len(users) == 0 {
		s.noteUnhandled("rejected: " + describe(node))
		return failure(node, 400, "bad-request")
	}
	answer := result(node, waBinary.Node{Tag: "list", Content: users})
	if wait := s.faults.slowPreKeys(st.device.account.number); wait > 0 {
		st.push(outgoing{node: answer, due: s.faults.now().Add(wait)})
		return nil
	}
	return answer
}

func (s *Server) bundleNode(jid types.JID) waBinary.Node {
	b, err := s.fetchBundle(jid)
	if err != nil {
		return waBinary.Node{Tag: "user", Attrs: waBinary.Attrs{"jid": jid}, Content: []waBinary.Node{
			{Tag: "error", Attrs: waBinary.Attrs{"code": "404", "text": "item-not-found"}},
		}}
	}
	children := []waBinary.Node{
		{Tag: "registration", Content: uint32Bytes(b.registration)},
		{Tag: "type", Content: []byte{keyTypeDjb}},
		{Tag: "identity", Content: append([]byte(nil), b.identity[:]...)},
		keyNode("skey", b.signed),
	}
	if b.oneTime != nil {
		children = append(children, keyNode("key", *b.oneTime))
	}
	return waBinary.Node{Tag: "user", Attrs: waBinary.Attrs{"jid": jid, "t": unixText(s.clock())}, Content: children}
}

var errNoBundle = errors.New("device without a prekey bundle")

// fetchBundle takes a prekey bundle of any device: a phone mints one, a linked
// device gives one of those that it uploaded.
func (s *Server) fetchBundle(jid types.JID) (bundle, error) {
	acct, err := s.directory.find(jid)
	if err != nil {
		return bundle{}, err
	}
	if s.faults.emptyBundle(acct.number) {
		return bundle{}, errNoBundle
	}
	if jid.Device == 0 {
		return s.phoneOf(acct).bundle(), nil
	}
	dev := acct.device(jid.Device)
	if dev == nil {
		return bundle{}, errNoBundle
	}
	b, low, ok := dev.bundle()
	if !ok {
		return bundle{}, errNoBundle
	}
	if low {
		s.announceLowPreKeys(dev)
	}
	s.saver.touch()
	return b, nil
}
