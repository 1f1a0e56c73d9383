package simnet

import (
	"strings"
	"sync"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// maxQuestions bounds what one Watch holds; what comes after is not noted.
const maxQuestions = 100_000

// Question is one stanza of a client that the server answers: what a client that
// waits for the answer pays a round trip for.
type Question struct {
	// What names it without its contents, such as "usync contact", "usync devices",
	// "encrypt key", "privacy tokens" or "message".
	What string
	// Users is how many people, devices or tokens an iq is about, 0 where it names none.
	Users int
}

// Watch notes what the devices of one account ask. Its methods may be called from
// any goroutine.
type Watch struct {
	number string
	mu     sync.Mutex
	asked  []Question
}

// Watch notes from now on, until the server ends, what the devices of an account ask.
func (s *Server) Watch(number string) *Watch {
	w := &Watch{number: number}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []*Watch{w}
	if old := s.watches.Load(); old != nil {
		list = append(list, *old...)
	}
	s.watches.Store(&list)
	return w
}

// Take returns what was asked since the last call, in the order in which it came.
func (w *Watch) Take() []Question {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked := w.asked
	w.asked = nil
	return asked
}

// noteQuestion tells the watches of a stanza that came from a linked device.
func (s *Server) noteQuestion(st *stream, node *waBinary.Node) {
	watches := s.watches.Load()
	if watches == nil {
		return
	}
	q, ok := questionOf(node)
	if !ok {
		return
	}
	for _, w := range *watches {
		if w.number != st.device.account.number {
			continue
		}
		w.mu.Lock()
		if len(w.asked) < maxQuestions {
			w.asked = append(w.asked, q)
		}
		w.mu.Unlock()
	}
}

// questionOf names a stanza that is answered; it is false for one that is not.
func questionOf(node *waBinary.Node) (q Question, ok bool) {
	switch kind := attrText(node, "type"); {
	case node.Tag == "message":
		return Question{What: "message"}, true
	case node.Tag != "iq" || kind != "get" && kind != "set":
		return Question{}, false
	}
	words := []string{attrText(node, "xmlns")}
	if usync, ok := child(node, "usync"); ok {
		query, _ := child(usync, "query")
		for _, protocol := range query.GetChildren() {
			words = append(words, protocol.Tag)
		}
		list, _ := child(usync, "list")
		q.Users = len(list.GetChildren())
	} else {
		for _, inner := range node.GetChildren() {
			words = append(words, inner.Tag)
			q.Users = max(q.Users, len(inner.GetChildren()))
		}
	}
	q.What = strings.Join(words, " ")
	return q, true
}
