package whatsapp

import (
	"fmt"
	"testing"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

func TestStanzasAreFoundByWhoSentThem(t *testing.T) {
	person := func(user string) types.JID { return types.NewJID(user, types.HiddenUserServer) }
	group := types.NewJID("12036", types.GroupServer)
	message := func(id string, from, participant types.JID, encs int) *waBinary.Node {
		node := &waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"id": id, "from": from}}
		if !participant.IsEmpty() {
			node.Attrs["participant"] = participant
		}
		content := make([]waBinary.Node, encs)
		for i := range content {
			content[i] = waBinary.Node{Tag: "enc", Content: []byte("sealed")}
		}
		node.Content = content
		return node
	}
	of := func(id string, chat, sender types.JID) types.MessageInfo {
		return types.MessageInfo{ID: id, MessageSource: types.MessageSource{Chat: chat, Sender: sender, IsGroup: chat == group}}
	}
	var s stanzas
	for _, node := range []*waBinary.Node{
		message("1", person("a"), types.EmptyJID, 1), message("1", person("b"), types.EmptyJID, 1), message("2", person("a"), types.EmptyJID, 2),
		message("3", group, person("a"), 1), {Tag: "receipt", Attrs: waBinary.Attrs{"id": "4", "from": person("a")}}, message("5", person("a"), types.EmptyJID, 1),
	} {
		s.note(node)
	}
	for i, c := range []struct {
		info types.MessageInfo
		want bool
	}{
		{of("1", person("b"), person("b")), true},
		{of("1", person("a"), person("a")), false}, // it came before
		{of("2", person("a"), person("a")), false}, // two ciphertexts
		{of("3", group, person("b")), false},
		{of("3", group, person("a")), true},
		{of("4", person("a"), person("a")), false},
		{of("5", person("a"), person("a")), true},
		{of("5", person("a"), person("a")), false},
	} {
		one, ok := s.take(c.info)
		if ok != c.want || ok && (one.stanza.Content != nil || string(one.ciphertext) != "sealed") {
			t.Errorf("%d: %v", i, one)
		}
	}
	for i := range maxStanzas + 1 {
		s.note(message(fmt.Sprint(i), person("a"), types.EmptyJID, 1))
	}
	if len(s.queue) != maxStanzas {
		t.Errorf("%d are remembered", len(s.queue))
	}
	for id, want := range map[string]bool{"0": false, "1": true} {
		if _, ok := s.take(of(id, person("a"), person("a"))); ok != want {
			t.Errorf("message %s is remembered: %v", id, ok)
		}
	}
}
