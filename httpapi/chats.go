package httpapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/store"
)

// maxMarked is how many messages one request marks as read.
const maxMarked = 500

// readRequest may be left out altogether.
type readRequest struct {
	MessageIDs []engine.MessageID `json:"messageIds"`
	Played     bool               `json:"played"`
}

type readResponse struct {
	Success bool `json:"success"`
	Marked  int  `json:"marked"`
}

type typingRequest struct {
	State engine.Typing `json:"state"`
}

type presenceRequest struct {
	Available *bool `json:"available"`
}

type archiveRequest struct {
	Archive *bool `json:"archive"`
}

func (s *Server) chatRoutes() []route {
	const chat = "/api/whatsapp/session/:id/chats/:chat"
	return []route{
		{method: http.MethodPost, path: chat + "/read", scope: store.ScopeSend, tenant: s.markRead},
		{method: http.MethodPost, path: chat + "/presence", scope: store.ScopeSend, tenant: s.typing},
		{method: http.MethodPost, path: chat + "/archive", scope: store.ScopeManage, tenant: s.archive},
		{method: http.MethodPost, path: "/api/whatsapp/session/:id/presence", scope: store.ScopeSend, tenant: s.presence},
	}
}

// markRead is POST …/chats/{chat}/read.
func (s *Server) markRead(c *fiber.Ctx, p store.Principal) error {
	key, chat, err := s.chatKey(c, p)
	if err != nil {
		return err
	}
	var req readRequest
	if len(c.BodyRaw()) > 0 {
		if err := decode(c, &req); err != nil {
			return err
		}
	}
	if err := req.check(); err != nil {
		return err
	}
	receipts, err := engine.Use[engine.Receipts](s.engine, key)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	chats, err := chatNames(ctx, receipts, chat)
	if err != nil {
		return err
	}
	var messages []engine.LoggedMessage
	if len(req.MessageIDs) > 0 {
		slices.Sort(req.MessageIDs)
		messages, err = s.store.FindIncoming(ctx, key, chats, slices.Compact(req.MessageIDs))
	} else {
		messages, err = s.store.ListUnread(ctx, key, chats, maxMarked)
	}
	if err != nil {
		return err
	}
	if err := s.tellRead(ctx, receipts, chat, messages, req.Played); err != nil {
		return err
	}
	return ok(c, readResponse{Success: true, Marked: len(messages)})
}

func (r readRequest) check() error {
	switch {
	case r.Played && len(r.MessageIDs) == 0:
		return engine.Errorf(engine.CodeInvalid, "played needs messageIds")
	case r.MessageIDs != nil && len(r.MessageIDs) == 0, len(r.MessageIDs) > maxMarked:
		return engine.Errorf(engine.CodeInvalid, "messageIds must hold 1 to %d ids", maxMarked)
	case slices.Contains(r.MessageIDs, ""):
		return engine.Errorf(engine.CodeInvalid, "messageIds holds an empty id")
	}
	return nil
}

// tellRead sends the receipts, to one sender after the other, and then notes
// them: what a crash leaves unnoted is told again some day, which does no harm.
func (s *Server) tellRead(ctx context.Context, receipts engine.Receipts, chat engine.JID, messages []engine.LoggedMessage, played bool) error {
	status := engine.MessageRead
	if played {
		status = engine.MessagePlayed
	}
	for len(messages) > 0 {
		sender := messages[0].Peer
		var theirs, others []engine.LoggedMessage
		var ids []engine.MessageID
		for _, m := range messages {
			if m.Peer == sender || !chat.IsGroup() {
				theirs, ids = append(theirs, m), append(ids, m.ID)
			} else {
				others = append(others, m)
			}
		}
		if err := receipts.MarkRead(ctx, chat, sender, ids, played, time.Now()); err != nil {
			return err
		}
		if err := s.store.MarkIncoming(ctx, theirs, status); err != nil {
			return err
		}
		messages = others
	}
	return nil
}

// typing is POST …/chats/{chat}/presence.
func (s *Server) typing(c *fiber.Ctx, p store.Principal) error {
	key, chat, err := s.chatKey(c, p)
	if err != nil {
		return err
	}
	var req typingRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	switch req.State {
	case engine.TypingText, engine.TypingVoice, engine.TypingStop:
	default:
		return engine.Errorf(engine.CodeInvalid, "state must be typing, recording or paused")
	}
	presence, err := engine.Use[engine.Presence](s.engine, key)
	if err != nil {
		return err
	}
	if err := presence.SetTyping(c.UserContext(), chat, req.State); err != nil {
		return err
	}
	return ok(c, successResponse{Success: true})
}

// presence is POST /api/whatsapp/session/{id}/presence.
func (s *Server) presence(c *fiber.Ctx, p store.Principal) error {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return err
	}
	var req presenceRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if req.Available == nil {
		return engine.Errorf(engine.CodeInvalid, "available is required")
	}
	presence, err := engine.Use[engine.Presence](s.engine, key)
	if err != nil {
		return err
	}
	if err := presence.SetAvailable(c.UserContext(), *req.Available); err != nil {
		return err
	}
	s.typists.wish(key, *req.Available)
	return ok(c, successResponse{Success: true})
}

// archive is POST …/chats/{chat}/archive.
func (s *Server) archive(c *fiber.Ctx, p store.Principal) error {
	key, chat, err := s.chatKey(c, p)
	if err != nil {
		return err
	}
	var req archiveRequest
	if err := decode(c, &req); err != nil {
		return err
	}
	if req.Archive == nil {
		return engine.Errorf(engine.CodeInvalid, "archive is required")
	}
	receipts, err := engine.Use[engine.Receipts](s.engine, key)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	chats, err := chatNames(ctx, receipts, chat)
	if err != nil {
		return err
	}
	last, at := engine.MessageRef{}, time.Now()
	newest, err := s.store.FindNewest(ctx, key, chats)
	switch {
	case err == nil:
		last, at = engine.MessageRef{ID: newest.ID, Chat: chat, FromMe: newest.Direction == engine.Outbound}, newest.SentAt
		if !last.FromMe {
			last.Sender = newest.Peer
		}
	case engine.CodeOf(err) != engine.CodeNotFound:
		return err
	}
	if err := receipts.Archive(ctx, chat, *req.Archive, last, at); err != nil {
		return err
	}
	return ok(c, successResponse{Success: true})
}

// chatKey reads the session and the chat from the path. It returns
// CodeNotSupported for channels.
func (s *Server) chatKey(c *fiber.Ctx, p store.Principal) (engine.SessionKey, engine.JID, error) {
	key, err := s.sessionKey(c, p)
	if err != nil {
		return key, "", err
	}
	chat, err := pathAddress(c, "chat")
	if err == nil && chat.Server() == engine.ServerNewsletter {
		err = engine.Errorf(engine.CodeNotSupported, "this works in chats with people and in groups only")
	}
	return key, chat, err
}

// chatNames are the addresses under which a chat may stand in the log: a person
// may have written before both were known.
func chatNames(ctx context.Context, receipts engine.Receipts, chat engine.JID) ([]engine.JID, error) {
	if chat.IsGroup() {
		return []engine.JID{chat}, nil
	}
	person, err := receipts.Known(ctx, chat)
	if err != nil {
		return nil, err
	}
	names := []engine.JID{chat}
	for _, name := range []engine.JID{person.Phone, person.LID} {
		if name != "" && name != chat {
			names = append(names, name)
		}
	}
	return names, nil
}
