package whatsapp

import (
	"context"
	"slices"
	"sync"

	"go.mau.fi/whatsmeow/types"
)

// maxBegun is how many secrets are remembered of messages that nobody is handed.
const maxBegun = 16

// secrets are those of messages that have arrived, with which later votes and edits are
// decrypted. whatsmeow stores a message's secret before it hands over the message,
// and would wait for a commit of its own. So the storing is only begun, and the next
// commit of the device store takes it along; the message is not acknowledged before.
type secrets struct {
	mu    sync.Mutex
	begun []begunSecret
}

type begunSecret struct {
	message types.MessageID
	finish  func() error
}

func (s *secrets) begin(message types.MessageID, finish func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.begun) == maxBegun {
		s.begun = slices.Delete(s.begun, 0, 1) // it is stored without anybody waiting for it
	}
	s.begun = append(s.begun, begunSecret{message, finish})
}

// take returns what waits for the secret of a message, if it has one. It must have
// succeeded before the message is acknowledged.
func (s *secrets) take(message types.MessageID) (finish func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, one := range s.begun {
		if one.message == message {
			s.begun = slices.Delete(s.begun, i, i+1)
			return one.finish
		}
	}
	return func() error { return nil }
}

// PutMessageSecret keeps what a later vote or edit is decrypted with. whatsmeow only logs
// its failure.
func (g *guardedStore) PutMessageSecret(ctx context.Context, chat, sender types.JID, id types.MessageID, secret []byte) error {
	inner, ok := g.AllSessionSpecificStores.(batching)
	if _, sending := ctx.Value(batchKey{}).(*batch); !ok || sending {
		return g.note(ctx, g.AllSessionSpecificStores.PutMessageSecret(ctx, chat, sender, id, secret))
	}
	g.secrets.begin(id, inner.beginSecret(chat, sender, id, secret))
	return nil
}

// GetMessageSecret is what a vote or an edit is decrypted with. That there is
// none is an answer.
func (g *guardedStore) GetMessageSecret(ctx context.Context, chat, sender types.JID, id types.MessageID) ([]byte, types.JID, error) {
	if inner, ok := g.AllSessionSpecificStores.(batching); ok {
		inner.catchUp()
	}
	secret, from, err := g.AllSessionSpecificStores.GetMessageSecret(ctx, chat, sender, id)
	return secret, from, g.note(ctx, err)
}
