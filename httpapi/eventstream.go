package httpapi

import (
	"github.com/gofiber/fiber/v2"
	"go.uber.org/zap"

	"wapid/engine"
	"wapid/store"
)

// streamChunk is how much of a page is written at a time, in bytes: a client has
// streams.take for each, so that a slow one is served and one that takes nothing is
// dropped.
const streamChunk = 16 << 10

// streamEvents is GET /api/whatsapp/events/stream: the log from a cursor on, as
// server-sent events.
func (s *Server) streamEvents(c *fiber.Ctx, p store.Principal) error {
	f, err := s.newFollower(c, p, "after")
	if err != nil {
		return err
	}
	return s.serveEvents(c, p, func(e *serverSent) { (&logStream{e, f}).run() })
}

// logStream tells one client of a tenant's log.
type logStream struct {
	*serverSent
	follower *follower
}

func (e *logStream) run() {
	// The head of the answer goes out at once, and the client has a cursor also if
	// nothing ever happens.
	err := e.cursor("following")
	if err == nil {
		err = e.follower.follow(e.ctx, e.tell)
	}
	e.server.logStreamEnd(e.id, err)
	e.end(err)
}

// cursor writes a comment, and how far the log was looked through: an id without
// data raises no event, but the browser remembers it.
func (e *logStream) cursor(comment string) error {
	return e.flush([]byte(": " + comment + "\nid: " + string(e.follower.after) + "\n\n"))
}

// tell writes a page, a chunk at a time.
func (e *logStream) tell(page store.EventPage) error {
	var text []byte
	if page.Truncated {
		text = append(text, "event: truncated\ndata: {\"truncated\":true}\n\n"...)
	}
	for _, event := range page.Events {
		var err error
		text = append(text, "id: "+string(event.ID)+"\nevent: "+string(event.Type)+"\ndata: "...)
		if text, err = appendEvent(text, event); err != nil {
			return err
		}
		if text = append(text, "\n\n"...); len(text) < streamChunk {
			continue
		}
		if err := e.flush(text); err != nil {
			return err
		}
		text = text[:0]
	}
	switch {
	case len(text) > 0:
		return e.flush(text)
	case len(page.Events) == 0:
		return e.cursor("still here")
	}
	return nil
}

// logStreamEnd tells the operator of a stream that ended by our fault.
func (s *Server) logStreamEnd(id string, err error) {
	code := engine.CodeOf(err)
	if isBroken(err) || code == engine.CodeInvalid || endReason(err) != "error" {
		return
	}
	if held, pass := s.gate.pass(code); pass {
		s.log.Error("an event stream failed", zap.String("request", id), zap.String("code", string(code)), zap.Int("suppressed", held),
			zap.String("cause", engine.Redact(err.Error())))
	}
}
