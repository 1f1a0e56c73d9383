package httpapi

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/httpapi/hub"
	"wapid/store"
)

// longestTitle is how long the title of a published conversation may be, in characters.
const longestTitle = 120

type publishRequest struct {
	SessionID string `json:"sessionId"`
	Chat      string `json:"chat"`
	Title     string `json:"title"`
}

type publicationBody struct {
	ID        store.PublicationID `json:"id"`
	SessionID engine.SessionID    `json:"sessionId"`
	Chat      engine.JID          `json:"chat"`
	Title     string              `json:"title,omitempty"`
	URL       string              `json:"url"`
	EmbedURL  string              `json:"embedUrl"`
	CreatedAt string              `json:"createdAt"`
}

type publicationListResponse struct {
	Conversations []publicationBody `json:"conversations"`
}

func (s *Server) conversationRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/api/conversations", scope: store.ScopeManage, tenant: s.publish},
		{method: http.MethodGet, path: "/api/conversations", scope: store.ScopeManage, tenant: s.listPublications},
		{method: http.MethodDelete, path: "/api/conversations/:publicationId", scope: store.ScopeManage, tenant: s.unpublish},
	}
}

func tellPublication(p store.Publication, base string) publicationBody {
	return publicationBody{ID: p.ID, SessionID: p.Session.ID, Chat: p.Chat, Title: p.Title, URL: hub.PageURL(base, string(p.ID)),
		EmbedURL: hub.EmbedURL(base, string(p.ID)), CreatedAt: isoMillis(p.CreatedAt)}
}

// publish is POST /api/conversations: from here on everybody who knows the address sees
// the chat's last messages. One that is published already keeps its address.
func (s *Server) publish(c *fiber.Ctx, p store.Principal) error {
	var req publishRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	id, err := engine.ParseSessionID(req.SessionID)
	if err != nil {
		return err
	}
	if strings.TrimSpace(req.Chat) == "" {
		return errMissing("chat")
	}
	chat, err := engine.ParseRecipient(req.Chat)
	if err != nil {
		return err
	}
	if !chat.IsGroup() && !isPerson(chat) {
		return engine.Errorf(engine.CodeInvalid, "chat must be a person or a group")
	}
	title := strings.TrimSpace(req.Title)
	if utf8.RuneCountInString(title) > longestTitle || strings.ContainsFunc(title, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return engine.Errorf(engine.CodeInvalid, "title must be one line of at most %d characters", longestTitle)
	}
	base, err := s.linkBase(c, "")
	if err != nil {
		return err
	}
	if err := s.loaded(); err != nil {
		return err
	}
	if !p.Reaches(id) {
		return engine.Errorf(engine.CodeSessionNotFound, "no session with this id")
	}
	made, err := s.store.Publish(c.UserContext(), by(c, p), engine.SessionKey{Tenant: p.Tenant, ID: id}, chat, title)
	if err != nil {
		return err
	}
	return ok(c, tellPublication(made, base))
}

// listPublications is GET /api/conversations, newest first.
func (s *Server) listPublications(c *fiber.Ctx, p store.Principal) error {
	base, err := s.linkBase(c, "")
	if err != nil {
		return err
	}
	list, err := s.store.ListPublications(c.UserContext(), p.Tenant, p.Sessions)
	if err != nil {
		return err
	}
	body := publicationListResponse{Conversations: make([]publicationBody, 0, len(list))}
	for _, one := range list {
		body.Conversations = append(body.Conversations, tellPublication(one, base))
	}
	return ok(c, body)
}

// unpublish is DELETE /api/conversations/{publicationId}. Nobody sees the conversation
// any more from here on, and the address never comes back.
func (s *Server) unpublish(c *fiber.Ctx, p store.Principal) error {
	id := store.PublicationID(c.Params("publicationId"))
	if err := s.store.Unpublish(c.UserContext(), by(c, p), p.Tenant, p.Sessions, id); err != nil {
		return err
	}
	return ok(c, successResponse{Success: true})
}
