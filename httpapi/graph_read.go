package httpapi

import (
	"context"

	"github.com/gofiber/fiber/v2"
	"go.uber.org/zap"

	"wapid/engine"
	"wapid/httpapi/cloudapi"
)

// graphRead marks a message as read, and all of its chat that came before, which is what
// Meta does with one. It is repeated without harm.
func (s *Server) graphRead(c *fiber.Ctx, key engine.SessionKey, r cloudapi.Read) error {
	ctx := c.UserContext()
	m, err := s.findRead(ctx, key, r.ID)
	if err != nil {
		return err
	}
	if err := s.readUpTo(ctx, key, m); err != nil {
		return err
	}
	if r.Typing {
		// The message is read, whatever becomes of what is only shown.
		if err := s.typists.show(ctx, key, m.Chat); err != nil {
			s.log.Debug("typing was not shown", zap.String("code", string(engine.CodeOf(err))))
		}
	}
	return ok(c, cloudapi.Success{Success: true})
}

// findRead finds the incoming message that an id names. It returns *cloudapi.Error.
func (s *Server) findRead(ctx context.Context, key engine.SessionKey, id cloudapi.WAMID) (engine.LoggedMessage, error) {
	all, err := s.store.FindLogged(ctx, key, id.ID)
	if err != nil {
		return engine.LoggedMessage{}, err
	}
	for _, m := range all {
		if m.Direction == engine.Inbound && !id.Outgoing && id.IsOf(m) {
			return m, nil
		}
	}
	return engine.LoggedMessage{}, cloudapi.Errorf(cloudapi.CodeInvalidParameter, "message_id names no message that was received")
}
