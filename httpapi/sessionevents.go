package httpapi

import (
	"bytes"
	"context"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

// sessionEvents is GET /api/whatsapp/session/{id}/events: a stream of
// server-sent events that tells the session's status now and whenever it changes.
func (s *Server) sessionEvents(c *fiber.Ctx, p store.Principal) error {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return err
	}
	if _, err := s.engine.Snapshot(key); err != nil {
		return err
	}
	return s.serveEvents(c, p, func(e *serverSent) { (&statusStream{e, key}).run() })
}

// statusStream tells one client of one session.
type statusStream struct {
	*serverSent
	key engine.SessionKey
}

// run writes events until the session is removed, the daemon stops, the key
// loses its right or the client is gone.
func (e *statusStream) run() {
	var last []byte
	for {
		body, err := e.next(last)
		if err == nil {
			err = e.right.renew() // before anything is written
		}
		switch {
		case err != nil:
			e.end(err)
			return
		case body == nil: // nothing new
			err = e.flush([]byte(": still here\n\n"))
		default:
			last = body
			err = e.status()
		}
		if err != nil {
			return
		}
	}
}

// next waits for a status other than the last one, which it returns without its
// picture, or nil when it is time for a heartbeat.
func (e *statusStream) next(last []byte) (body []byte, err error) {
	st := e.server.streams
	ctx, cancel := context.WithTimeout(e.ctx, st.beat)
	defer cancel()
	var broken error
	_, err = e.server.engine.Await(ctx, e.key, func(snap engine.Snapshot) bool {
		body, broken = engine.Canonical(describe(snap))
		return broken != nil || !bytes.Equal(body, last)
	})
	switch {
	case st.ending.Err() != nil:
		return nil, errStreamStops()
	case e.ctx.Err() != nil:
		return nil, context.Cause(e.ctx)
	case err != nil:
		return nil, err
	case broken != nil:
		return nil, broken
	case bytes.Equal(body, last):
		return nil, nil
	}
	return body, nil
}

// status writes the newest status, which may be newer than the one that was
// waited for: then it is written twice.
func (e *statusStream) status() error {
	snap, err := e.server.engine.Snapshot(e.key)
	if err != nil {
		return nil // the next look at it says so
	}
	body := describe(snap)
	if err := e.server.illustrate(&body); err != nil {
		return err
	}
	text, err := engine.Canonical(body)
	if err != nil {
		return err
	}
	return e.write("status", text)
}
