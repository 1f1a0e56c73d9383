package store_test

import (
	"context"

	"wapid/engine"
	"wapid/store"
)

// reserve writes an outgoing message that is sent at once.
func reserve(ctx context.Context, s *store.Store, m engine.LoggedMessage) error {
	_, err := s.ReserveMessage(ctx, engine.Reservation{Message: m})
	return err
}
