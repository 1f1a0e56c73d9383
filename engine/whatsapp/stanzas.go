package whatsapp

import (
	"crypto/sha256"
	"sync"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// maxStanzas is how many messages whatsmeow queues in their order.
const maxStanzas = 2048

// stanzas remembers what a receipt needs of the messages that are not handled yet,
// in the order of the wire. Messages of several ciphertexts are left out: whatsmeow
// must hear that one was handled before it goes on to the next.
type stanzas struct {
	mu    sync.Mutex
	queue []sealed
}

// sealed is a stanza with one ciphertext.
type sealed struct {
	stanza     *waBinary.Node // without its content
	kind       string         // of the ciphertext: "pkmsg", "msg" or "skmsg"
	ciphertext []byte
}

// note remembers a stanza, if it is a message of one ciphertext.
func (s *stanzas) note(node *waBinary.Node) {
	if node.Tag != "message" {
		return
	}
	encs := node.GetChildrenByTag("enc")
	if len(encs) != 1 {
		return
	}
	kind, _ := encs[0].Attrs["type"].(string)
	ciphertext, _ := encs[0].Content.([]byte)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == maxStanzas {
		s.queue = s.queue[1:] // it is acknowledged by whatsmeow then
	}
	s.queue = append(s.queue, sealed{&waBinary.Node{Tag: node.Tag, Attrs: node.Attrs}, kind, ciphertext})
}

// take returns the stanza of a message, and forgets what came before it: that has been
// handled already. It is not ok if there is none.
func (s *stanzas) take(info types.MessageInfo) (found sealed, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, one := range s.queue {
		if !isOf(one.stanza, info) {
			continue
		}
		clear(s.queue[:i+1])
		s.queue = s.queue[i+1:]
		if len(s.queue) == 0 {
			s.queue = nil
		}
		return one, true
	}
	return sealed{}, false
}

// hash is what the plaintext is buffered under, as whatsmeow makes it (bufferedDecrypt
// and its callers). It is not ok for a ciphertext that is not buffered.
func (s sealed) hash(info *types.MessageInfo) (hash [32]byte, ok bool) {
	from := info.Sender
	if from.Server == types.DefaultUserServer && !from.IsBot() && info.SenderAlt.Server == types.HiddenUserServer {
		from = info.SenderAlt
	}
	var names []string
	switch s.kind {
	case "pkmsg":
		names = []string{"prekey", from.String()}
	case "msg":
		names = []string{"normal", from.String()}
	case "skmsg":
		names = []string{"senderkey", info.Chat.String(), from.String()}
	default:
		return hash, false
	}
	all := make([]byte, 0, len(s.ciphertext)+128)
	all = append(all, s.ciphertext...)
	for _, name := range names {
		all = append(append(all, 0), name...)
	}
	return sha256.Sum256(append(all, 0, 0)), true
}

// isOf tells whether a stanza has the address and the id that a message has. Senders
// choose their ids, so the id alone names none.
func isOf(node *waBinary.Node, info types.MessageInfo) bool {
	if id, _ := node.Attrs["id"].(string); id != info.ID {
		return false
	}
	from, _ := node.Attrs["from"].(types.JID)
	if !info.IsGroup {
		return from == info.Sender
	}
	participant, _ := node.Attrs["participant"].(types.JID)
	return from == info.Chat && participant == info.Sender
}
