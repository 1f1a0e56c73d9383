package simnet

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// attrText returns an attribute as text, "" when it is missing. JIDs come in
// their usual notation.
func attrText(node *waBinary.Node, key string) string {
	switch value := node.Attrs[key].(type) {
	case string:
		return value
	case types.JID:
		return value.String()
	case nil:
		return ""
	default:
		return fmt.Sprint(value)
	}
}

// attrJID returns an attribute that the client encoded as a JID. A JID in the
// form of text doesn't count: the real server tells the two apart.
func attrJID(node *waBinary.Node, key string) (types.JID, bool) {
	jid, ok := node.Attrs[key].(types.JID)
	return jid, ok
}

// content returns a leaf's bytes. Short texts arrive as tokens or packed digits
// and are strings then.
func content(node *waBinary.Node) []byte {
	switch value := node.Content.(type) {
	case []byte:
		return value
	case string:
		return []byte(value)
	default:
		return nil
	}
}

// child finds a node below another one. A missing one is empty: what whatsmeow's
// own function returns then is the last node that it did find.
func child(node *waBinary.Node, path ...string) (*waBinary.Node, bool) {
	found, ok := node.GetOptionalChildByTag(path...)
	if !ok {
		return &waBinary.Node{}, false
	}
	return &found, true
}

func childContent(node *waBinary.Node, path ...string) []byte {
	found, ok := child(node, path...)
	if !ok {
		return nil
	}
	return content(found)
}

// unixText is a time as stanzas carry it: whole seconds.
func unixText(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// result answers an iq.
func result(request *waBinary.Node, children ...waBinary.Node) *waBinary.Node {
	node := &waBinary.Node{Tag: "iq", Attrs: waBinary.Attrs{
		"from": types.ServerJID, "type": "result", "id": request.Attrs["id"],
	}}
	if to, ok := attrJID(request, "to"); ok && !to.IsEmpty() {
		node.Attrs["from"] = to
	}
	if len(children) > 0 {
		node.Content = children
	}
	return node
}

// failure answers an iq with an error.
func failure(request *waBinary.Node, code int, text string) *waBinary.Node {
	node := result(request, waBinary.Node{Tag: "error", Attrs: waBinary.Attrs{"code": code, "text": text}})
	node.Attrs["type"] = "error"
	return node
}

// ack confirms a message, receipt, notification or call that a client sent.
func ack(of *waBinary.Node, now time.Time) *waBinary.Node {
	node := &waBinary.Node{Tag: "ack", Attrs: waBinary.Attrs{
		"class": of.Tag, "id": of.Attrs["id"], "from": of.Attrs["to"],
	}}
	switch of.Tag {
	case "message":
		node.Attrs["t"] = unixText(now)
	default:
		node.Attrs["type"] = of.Attrs["type"]
	}
	if participant, ok := of.Attrs["participant"]; ok {
		node.Attrs["participant"] = participant
	}
	return node
}

func uint24(v uint32) []byte      { return binary.BigEndian.AppendUint32(nil, v)[1:] }
func uint32Bytes(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

func bigEndian(b []byte) uint32 {
	var v uint32
	for _, x := range b {
		v = v<<8 | uint32(x)
	}
	return v
}

// keyNode writes a prekey; a signed one carries its signature.
func keyNode(tag string, key publicKey) waBinary.Node {
	children := []waBinary.Node{
		{Tag: "id", Content: uint24(key.id)},
		{Tag: "value", Content: append([]byte(nil), key.pub[:]...)},
	}
	if tag == "skey" {
		children = append(children, waBinary.Node{Tag: "signature", Content: append([]byte(nil), key.sig[:]...)})
	}
	return waBinary.Node{Tag: tag, Content: children}
}

// parseKey reads a prekey and insists on the lengths: an id of three bytes, a
// key of 32 and, for a signed one, a signature of 64.
func parseKey(node *waBinary.Node) (publicKey, error) {
	var key publicKey
	id, pub := childContent(node, "id"), childContent(node, "value")
	if len(id) != 3 || len(pub) != 32 {
		return key, fmt.Errorf("prekey with an id of %d and a value of %d bytes", len(id), len(pub))
	}
	key.id = bigEndian(id)
	copy(key.pub[:], pub)
	if node.Tag == "skey" {
		signature := childContent(node, "signature")
		if len(signature) != 64 {
			return key, fmt.Errorf("signed prekey with a signature of %d bytes", len(signature))
		}
		copy(key.sig[:], signature)
	}
	return key, nil
}
