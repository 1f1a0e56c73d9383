package httpapi

import (
	"net/http"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

const (
	defaultEvents = 100 // a page of the event log
	mostEvents    = 1000
)

// How the log is listed.
const (
	orderOldest = "oldest"
	orderNewest = "newest"
)

// headerLastEvent is where a browser tells how far it got before its stream broke.
const headerLastEvent = "Last-Event-ID"

func (s *Server) eventRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/api/whatsapp/events", scope: store.ScopeRead, tenant: s.listEvents,
			query: []string{"after", "limit", "type", "sessionId", "order", "before"}},
		{method: http.MethodPost, path: "/api/whatsapp/events/ticket", scope: store.ScopeRead, tenant: s.issueTicket},
		{method: http.MethodGet, path: "/api/whatsapp/events/stream", scope: store.ScopeRead, ticket: true, tenant: s.streamEvents,
			query: []string{"after", "type", "sessionId", "ticket"}},
		{method: http.MethodGet, path: "/api/whatsapp/events/ws", scope: store.ScopeRead, ticket: true, noCookie: true, tenant: s.socketEvents,
			query: []string{"after", "type", "sessionId", "ticket"}},
	}
}

// listEvents is GET /api/whatsapp/events, oldest first unless ?order=newest.
func (s *Server) listEvents(c *fiber.Ctx, p store.Principal) error {
	filter, err := eventFilter(c, p)
	if err != nil {
		return err
	}
	order, err := queryWord(c, "order", orderOldest, orderNewest)
	if err != nil {
		return err
	}
	if order == orderNewest {
		return s.listEventHistory(c, p, filter)
	}
	if _, given := queryValue(c, "before"); given {
		return engine.Errorf(engine.CodeInvalid, "before goes with order=newest only")
	}
	after, err := queryEvent(c, "after")
	if err != nil {
		return err
	}
	limit, err := queryNumber(c, "limit", defaultEvents, 1, mostEvents)
	if err != nil {
		return err
	}
	page, err := s.store.PageEvents(c.UserContext(), p.Tenant, filter, after, limit)
	if err != nil {
		return err
	}
	body, err := tellEvents(page, "nextAfter")
	if err != nil {
		return err
	}
	return answerRaw(c, http.StatusOK, body)
}

// listEventHistory answers with the events before one, the newest first.
func (s *Server) listEventHistory(c *fiber.Ctx, p store.Principal, filter store.EventFilter) error {
	if _, given := queryValue(c, "after"); given {
		return engine.Errorf(engine.CodeInvalid, "with order=newest the cursor is before, not after")
	}
	before, err := queryEvent(c, "before")
	if err != nil {
		return err
	}
	limit, err := queryNumber(c, "limit", defaultEvents, 1, mostEvents)
	if err != nil {
		return err
	}
	page, err := s.store.PageEventHistory(c.UserContext(), p.Tenant, filter, before, limit)
	if err != nil {
		return err
	}
	body, err := tellEvents(page, "nextBefore")
	if err != nil {
		return err
	}
	return answerRaw(c, http.StatusOK, body)
}

// eventFilter reads which events are wanted. It returns CodeInvalid.
func eventFilter(c *fiber.Ctx, p store.Principal) (f store.EventFilter, err error) {
	if f.Sessions, err = querySessions(c, p); err != nil {
		return f, err
	}
	f.Type, err = queryWord(c, "type", webhooks.Types()...)
	return f, err
}

// queryEvent reads the cursor of a parameter, "" if there is none. It returns CodeInvalid.
func queryEvent(c *fiber.Ctx, name string) (engine.EventID, error) {
	raw, given := queryValue(c, name)
	if !given {
		return "", nil
	}
	id, err := store.ParseEventID(raw)
	if err != nil {
		return "", engine.Errorf(engine.CodeInvalid, "%s must be the id of an event, or the cursor of a list", name)
	}
	return id, nil
}

// tellEvents is the body of a list, with the cursor under the given name. Each event's data are the bytes that webhooks
// are sent, so that they can be compared.
func tellEvents(page store.EventPage, cursor string) ([]byte, error) {
	body := []byte(`{"events":[`)
	for i, e := range page.Events {
		if i > 0 {
			body = append(body, ',')
		}
		var err error
		if body, err = appendEvent(body, e); err != nil {
			return nil, err
		}
	}
	body = append(body, `],"`+cursor+`":"`+string(page.Next)+`","more":`...)
	body = strconv.AppendBool(body, page.More)
	if page.Truncated {
		body = append(body, `,"truncated":true`...)
	}
	return append(body, '}'), nil
}

// appendEvent adds an event as readers of the log see it: what webhooks get, with
// its id in front and without a signature. It has no line breaks.
func appendEvent(to []byte, e engine.Event) ([]byte, error) {
	envelope, err := webhooks.Body(e, "")
	if err != nil {
		return nil, err
	}
	id, err := engine.Canonical(e.ID)
	if err != nil {
		return nil, engine.WrapError(engine.CodeInternal, err, "the event can't be encoded")
	}
	to = append(to, `{"id":`...)
	to = append(to, id...)
	to = append(to, ',')
	return append(to, envelope[1:]...), nil
}
