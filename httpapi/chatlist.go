package httpapi

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

const (
	defaultChats = 30
	mostChats    = 100
)

// listedChat is one chat of a session's log.
type listedChat struct {
	Chat        engine.JID    `json:"chat"` // good for the paths of chats, and to send to
	PhoneNumber string        `json:"phoneNumber,omitempty"`
	LID         engine.JID    `json:"lid,omitempty"`
	IsGroup     bool          `json:"isGroup"`
	PushName    string        `json:"pushName,omitempty"`
	Unread      int           `json:"unread"`
	LastMessage loggedMessage `json:"lastMessage"`
}

type chatListResponse struct {
	Chats      []listedChat `json:"chats"`
	NextCursor string       `json:"nextCursor,omitempty"` // if there may be more
}

type chatResponse struct {
	Chat        engine.JID      `json:"chat"`
	PhoneNumber string          `json:"phoneNumber,omitempty"`
	LID         engine.JID      `json:"lid,omitempty"`
	IsGroup     bool            `json:"isGroup"`
	Messages    []loggedMessage `json:"messages"`
	NextCursor  string          `json:"nextCursor,omitempty"` // if there is more
}

func (s *Server) chatListRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/api/whatsapp/session/:id/chats", scope: store.ScopeRead, tenant: s.listChats,
			query: []string{"limit", "cursor", "written"}},
		{method: http.MethodGet, path: "/api/whatsapp/session/:id/chats/:chat/messages", scope: store.ScopeRead, tenant: s.listChat,
			query: []string{"limit", "cursor"}},
	}
}

// listChats is GET /api/whatsapp/session/{id}/chats: whoever was written to, or has
// written, those of the newest message first.
func (s *Server) listChats(c *fiber.Ctx, p store.Principal) error {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return err
	}
	limit, err := queryNumber(c, "limit", defaultChats, 1, mostChats)
	if err != nil {
		return err
	}
	after, err := queryCursor(c)
	if err != nil {
		return err
	}
	written, err := queryBool(c, "written", false)
	if err != nil {
		return err
	}
	snap, err := s.engine.Snapshot(key)
	if err != nil {
		return err
	}
	page, err := s.store.PageChats(c.UserContext(), key, written, after, limit)
	if err != nil {
		return err
	}
	body := chatListResponse{Chats: make([]listedChat, 0, len(page.Chats))}
	for _, one := range page.Chats {
		body.Chats = append(body.Chats, listedChat{
			Chat: one.Chat, PhoneNumber: one.Person.Phone.User(), LID: one.Person.LID, IsGroup: one.Chat.IsGroup(), PushName: one.PushName,
			Unread: one.Unread, LastMessage: tellMessage(one.Last.LoggedMessage, snap.State.Identity.Person),
		})
	}
	if page.Next != nil {
		body.NextCursor = writeCursor(*page.Next)
	}
	return ok(c, body)
}

// listChat is GET /api/whatsapp/session/{id}/chats/{chat}/messages: what went either
// way in one chat, newest first. A chat in which there is nothing has no messages.
func (s *Server) listChat(c *fiber.Ctx, p store.Principal) error {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return err
	}
	chat, err := pathAddress(c, "chat")
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
	snap, err := s.engine.Snapshot(key)
	if err != nil {
		return err
	}
	page, who, err := s.store.PageChat(c.UserContext(), key, chat, after, limit)
	if err != nil {
		return err
	}
	if preferred := who.Preferred(); preferred != "" {
		chat = preferred
	}
	body := chatResponse{Chat: chat, PhoneNumber: who.Phone.User(), LID: who.LID, IsGroup: chat.IsGroup(),
		Messages: make([]loggedMessage, 0, len(page.Messages))}
	for _, m := range page.Messages {
		body.Messages = append(body.Messages, tellMessage(m.LoggedMessage, snap.State.Identity.Person))
	}
	if page.Next != nil {
		body.NextCursor = writeCursor(*page.Next)
	}
	return ok(c, body)
}
