package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/engine/media"
	"wapid/store"
)

// Recipients are remembered as they were written, so many of so many bytes at most.
const (
	recipientsRemembered = 1 << 13
	longestRemembered    = 32
)

// headerIdempotencyKey makes a request one that can be repeated safely.
const headerIdempotencyKey = "Idempotency-Key"

// sendResponse is the document's, to the letter.
type sendResponse struct {
	Success   bool             `json:"success"`
	MessageID engine.MessageID `json:"messageId"`
	Timestamp int64            `json:"timestamp"` // unix seconds, the network's clock
}

type queuedResponse struct {
	Success   bool                 `json:"success"`
	MessageID engine.MessageID     `json:"messageId"`
	Status    engine.MessageStatus `json:"status"`
}

func (s *Server) sendRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/api/whatsapp/session/:id/send", scope: store.ScopeSend, tenant: s.send,
			query: []string{"wait", "ttl"}, upload: true},
	}
}

// send is POST /api/whatsapp/session/{id}/send. It answers once WhatsApp's
// server has taken the message or, with ?wait=false, once the message is durable.
func (s *Server) send(c *fiber.Ctx, p store.Principal) error {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return err
	}
	if _, err := s.engine.Snapshot(key); err != nil {
		return err // before anything is uploaded for nobody
	}
	options, err := sendOptions(c)
	if err != nil {
		return err
	}
	in, err := s.readSend(c)
	defer in.discard()
	if err != nil {
		return err
	}
	m, err := s.outgoing(in.request)
	if err != nil {
		return err
	}
	if options.Claim != nil {
		options.Claim.Fingerprint = in.fingerprint(key.ID, options)
	}
	done, err := s.submit(c.UserContext(), p, key, m, in, nil, options)
	if err != nil {
		return err
	}
	if done.Queued {
		return answer(c, http.StatusAccepted, queuedResponse{Success: true, MessageID: done.ID, Status: engine.MessageQueued})
	}
	return ok(c, sendResponse{Success: true, MessageID: done.ID, Timestamp: done.Timestamp.Unix()})
}

// outgoing is the request's own. Reading a phone number by the numbering plan of its
// country costs more than all the rest, so that those of late are remembered.
func (s *Server) outgoing(r sendRequest) (engine.Outgoing, error) {
	given := r.To
	if jid, known := s.recipients.Get(given); known {
		r.To = string(jid)
	}
	m, err := r.outgoing()
	if err == nil && r.To == given && len(given) <= longestRemembered {
		s.recipients.Add(given, m.To)
	}
	return m, err
}

// sendOptions reads how a message is to be sent. It returns CodeInvalid.
func sendOptions(c *fiber.Ctx) (o engine.SendOptions, err error) {
	wait, err := queryBool(c, "wait", true)
	if err != nil {
		return o, err
	}
	o.Queue = !wait
	if raw, given := queryValue(c, "ttl"); given {
		seconds, err := strconv.ParseInt(raw, 10, 32)
		o.TTL = time.Duration(seconds) * time.Second
		switch {
		case !o.Queue:
			return o, engine.Errorf(engine.CodeInvalid, "ttl goes with wait=false only")
		case err != nil || seconds < 1 || o.TTL > engine.MaxQueueTTL:
			return o, engine.Errorf(engine.CodeInvalid, "ttl must be a number of seconds from 1 to %d", int(engine.MaxQueueTTL.Seconds()))
		}
	}
	o.Claim, err = claimOf(c)
	return o, err
}

// claimOf is what makes a request one that can be repeated, nil if it is not asked to
// be. It returns CodeInvalid.
func claimOf(c *fiber.Ctx) (*engine.Claim, error) {
	raw := c.Get(headerIdempotencyKey)
	if raw == "" {
		return nil, nil
	}
	key, err := engine.ParseIdempotencyKey(raw)
	if err != nil {
		return nil, err
	}
	return &engine.Claim{Key: key}, nil
}

// limitFor is the largest file that may be sent as a message of a kind, in bytes.
func (s *Server) limitFor(k engine.Kind) int64 { return min(media.LimitOf(k), s.maxMedia) }
