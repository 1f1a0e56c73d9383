package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

const (
	defaultMessages = 20 // a page of the log, as the document's example has it
	mostMessages    = 200
	mostPages       = 1_000_000
	// countPatience is how long the counting of a list may take. Only a machine that
	// is busy with other things takes longer.
	countPatience = time.Second
	// mostSearches is how many searches in texts run at the same time: each reads
	// many messages in the worst case, and holds one of the database's few readers.
	// Of one tenant there is one, so that a long log keeps only its owner waiting.
	mostSearches       = 2
	mostTenantSearches = 1
)

// loggedMessage begins with what the document has, in its order.
type loggedMessage struct {
	SessionID engine.SessionID     `json:"sessionId"`
	To        string               `json:"to"`
	Message   string               `json:"message"`
	Status    engine.MessageStatus `json:"status"`
	Type      engine.Kind          `json:"type"`
	CreatedAt string               `json:"createdAt"`
	MessageID engine.MessageID     `json:"messageId"`
	Direction engine.Direction     `json:"direction"`
	From      string               `json:"from"`
	FromLID   engine.JID           `json:"fromLid,omitempty"` // of incoming ones
	Chat      engine.JID           `json:"chat"`
	PushName  string               `json:"pushName,omitempty"`
	Timestamp int64                `json:"timestamp,omitempty"` // unix seconds, when it was sent
	SentAt    string               `json:"sentAt,omitempty"`
	StatusAt  string               `json:"statusAt,omitempty"`
	ErrorCode engine.Code          `json:"errorCode,omitempty"`
	engine.Details
}

// messageListResponse begins with what the document has. With a cursor nothing is
// counted, so that the three behind the messages are left out.
type messageListResponse struct {
	Messages []loggedMessage `json:"messages"`
	Total    *int            `json:"total,omitempty"`
	Page     *int            `json:"page,omitempty"`
	Pages    *int            `json:"pages,omitempty"`
	// TotalIsMinimum tells that counting took too long: there are at least Total.
	TotalIsMinimum bool   `json:"totalIsMinimum,omitempty"`
	NextCursor     string `json:"nextCursor,omitempty"` // if there is more
}

func (s *Server) messageRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/api/whatsapp/messages", scope: store.ScopeRead, tenant: s.listMessages,
			query: []string{"page", "limit", "cursor", "sessionId", "direction", "status", "type", "to", "from", "since", "until", "q"}},
		{method: http.MethodGet, path: "/api/whatsapp/session/:id/messages/:messageId", scope: store.ScopeRead, tenant: s.showMessage},
	}
}

// listMessages is GET /api/whatsapp/messages, newest first.
func (s *Server) listMessages(c *fiber.Ctx, p store.Principal) error {
	if err := s.loaded(); err != nil {
		return err
	}
	accounts := s.accounts(p.Tenant)
	filter, err := messageFilter(c, p, accounts)
	if err != nil {
		return err
	}
	page, err := queryNumber(c, "page", 1, 1, mostPages)
	if err != nil {
		return err
	}
	limit, err := queryNumber(c, "limit", defaultMessages, 1, mostMessages)
	if err != nil {
		return err
	}
	after, err := queryCursor(c)
	if err != nil {
		return err
	}
	if filter.Text != "" {
		leave, err := s.searches.enter(c.UserContext(), p.Tenant)
		if err != nil {
			return err
		}
		defer leave()
	}
	found, err := s.store.PageMessages(c.UserContext(), p.Tenant, filter, after, (page-1)*limit, limit)
	if err != nil {
		return err
	}
	body := messageListResponse{Messages: make([]loggedMessage, 0, len(found.Messages))}
	for _, m := range found.Messages {
		body.Messages = append(body.Messages, tellMessage(m.LoggedMessage, accounts[m.Session.ID]))
	}
	if found.Next != nil {
		body.NextCursor = writeCursor(*found.Next)
	}
	if after == nil {
		if err := s.countInto(c.UserContext(), &body, p.Tenant, filter, page, limit); err != nil {
			return err
		}
	}
	return ok(c, body)
}

// countInto says how many messages there are in all, or, where that takes too
// long, how many there are at least.
func (s *Server) countInto(ctx context.Context, body *messageListResponse, tenant engine.TenantID, f store.MessageFilter, page, limit int) error {
	before, more := (page-1)*limit, body.NextCursor != ""
	total := before + len(body.Messages)
	if more || len(body.Messages) == 0 && page > 1 {
		patient, cancel := context.WithTimeout(ctx, s.countPatience)
		defer cancel()
		counted, exact, err := s.store.CountMessages(patient, tenant, f)
		switch {
		case err == nil && exact:
			total = counted
		case err == nil && more:
			total = max(total, counted)
			body.TotalIsMinimum = true
		case err == nil:
			total = counted
			body.TotalIsMinimum = true
		case patient.Err() == nil || ctx.Err() != nil:
			return err
		case more:
			total++
			body.TotalIsMinimum = true
		default: // a page behind the end of a list that is too long to count
			total = 0
			body.TotalIsMinimum = true
		}
	}
	pages := pagesOf(total, limit)
	body.Total, body.Page, body.Pages = &total, &page, &pages
	return nil
}

// showMessage is GET /api/whatsapp/session/{id}/messages/{messageId}. If several
// have the id, it is the one that the session sent, or the first that came.
func (s *Server) showMessage(c *fiber.Ctx, p store.Principal) error {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return err
	}
	raw, err := url.PathUnescape(c.Params("messageId"))
	if err != nil {
		return engine.Errorf(engine.CodeInvalid, "the message id in the path is not encoded properly")
	}
	found, err := s.store.FindMessages(c.UserContext(), key, engine.MessageID(raw))
	if err != nil {
		return err
	}
	if len(found) == 0 {
		if _, err := s.engine.Snapshot(key); err != nil {
			return err // messages outlive their session, so that this comes last
		}
		return engine.Errorf(engine.CodeNotFound, "there is no such message")
	}
	return ok(c, tellMessage(found[0], s.accounts(p.Tenant)[key.ID]))
}

// accounts tells the addresses of a tenant's sessions, where they are known.
func (s *Server) accounts(tenant engine.TenantID) map[engine.SessionID]engine.Person {
	known := make(map[engine.SessionID]engine.Person)
	for _, snap := range s.engine.List(tenant) {
		known[snap.Key.ID] = snap.State.Identity.Person
	}
	return known
}

// tellMessage shows a message of a session that has the given addresses.
func tellMessage(m engine.LoggedMessage, own engine.Person) loggedMessage {
	told := loggedMessage{
		SessionID: m.Session.ID, Message: m.Text, Status: m.Status, Type: m.Kind, CreatedAt: isoMillis(m.CreatedAt),
		MessageID: m.ID, Direction: m.Direction, Chat: m.Chat, PushName: m.PushName, ErrorCode: m.ErrorCode, Details: m.Details,
	}
	other := m.Peer.Preferred()
	switch {
	case m.Direction == engine.Outbound:
		if other == "" || !isPerson(m.Chat) {
			other = m.Chat
		}
		told.To, told.From = plainAddress(other), plainAddress(own.Preferred())
	case isPerson(m.Chat):
		told.To, told.From, told.FromLID = plainAddress(own.Preferred()), plainAddress(other), m.Peer.LID
	default:
		told.To, told.From, told.FromLID = string(m.Chat), plainAddress(other), m.Peer.LID
	}
	if !m.SentAt.IsZero() {
		told.Timestamp, told.SentAt = m.SentAt.Unix(), isoMillis(m.SentAt)
	}
	if !m.StatusAt.IsZero() {
		told.StatusAt = isoMillis(m.StatusAt)
	}
	return told
}

func isPerson(j engine.JID) bool {
	return j.Server() == engine.ServerPhone || j.Server() == engine.ServerLID
}
