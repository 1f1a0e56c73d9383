package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/engine/template"
	"wapid/httpapi/onprem"
	"wapid/store"
)

func (s *Server) onpremMessageRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/v1/messages", scope: store.ScopeSend, tenant: s.onpremSend},
		{method: http.MethodPut, path: "/v1/messages/:messageId", scope: store.ScopeSend, tenant: s.onpremRead},
	}
}

// onpremSend is POST /v1/messages. It is answered once the message is durable, under the
// id that it is going to have.
func (s *Server) onpremSend(c *fiber.Ctx, p store.Principal) error {
	body, err := looseBody(c)
	if err != nil {
		return err
	}
	m, err := onprem.DecodeMessage(body, s.number)
	if err != nil {
		return err
	}
	key, self, err := s.onpremLinked(p)
	if err != nil {
		return err
	}
	if to := m.Outgoing.To; to == self.Phone || to == self.LID {
		return onprem.Errorf(onprem.CodeSelf, "a number can't write to itself")
	}
	d := draft{message: m.Outgoing, linkPreview: m.LinkPreview, options: engine.SendOptions{Queue: true}}
	fileID := ""
	if m.Media != nil {
		fileID, d.mediaURL, d.fileName = m.Media.ID, m.Media.Link, m.Media.FileName
	}
	if m.Template != nil {
		if fileID, err = s.onpremTemplate(c.UserContext(), p.Tenant, *m.Template, &d); err != nil {
			return err
		}
	}
	if fileID != "" {
		d.file = s.onpremFile(p, fileID)
	}
	done, err := s.dispatch(c, p, key, d)
	if err != nil {
		return onpremSendError(err, m)
	}
	s.typists.stop(key, m.Outgoing.To)
	return answer(c, http.StatusCreated, onprem.NewSent(onprem.SentID(done.ID)))
}

// onpremTemplate puts the message of a template in a draft, and returns the id of the
// file that it carries.
func (s *Server) onpremTemplate(ctx context.Context, tenant engine.TenantID, t onprem.Template, d *draft) (fileID string, err error) {
	fileID, err = s.renderTemplate(ctx, tenant, t.Name, t.Language, t.Values, d)
	if _, own := errors.AsType[*template.Error](err); own {
		return "", onprem.TemplateError(err)
	}
	if engine.CodeOf(err) == engine.CodeNotFound {
		return "", &onprem.Error{Code: onprem.CodeTemplateMissing, Status: http.StatusBadRequest, Details: "there is no template of this name in this language"}
	}
	return fileID, err
}

// onpremFile brings a file that was uploaded ahead, or that came with a message. It is
// looked for only once it is needed: a request that is repeated may name one that is gone.
func (s *Server) onpremFile(p store.Principal, id string) func(context.Context, *sending) error {
	return func(ctx context.Context, in *sending) error {
		m, err := s.onpremMedium(ctx, p, id)
		if engine.CodeOf(err) == engine.CodeNotFound {
			return onprem.Errorf(onprem.CodeValue, "the id of the file is not that of uploaded media")
		}
		if err != nil {
			return err
		}
		return s.carry(m)(ctx, in)
	}
}

// onpremSendError says what the message refers to in vain.
func onpremSendError(err error, m onprem.Message) error {
	e, own := errors.AsType[*engine.Error](err)
	refers := m.Outgoing.Quoted != nil || m.Outgoing.Target != nil
	if own && refers && (e.Code == engine.CodeNotFound || e.Code == engine.CodeInvalid) {
		return onprem.Errorf(onprem.CodeValue, "message_id: %s", e.Message)
	}
	return err
}

// onpremRead is PUT /v1/messages/{id}: it marks a message as read, and all of its chat
// that came before. It is repeated without harm.
func (s *Server) onpremRead(c *fiber.Ctx, p store.Principal) error {
	body, err := looseBody(c)
	if err != nil {
		return err
	}
	if err := onprem.DecodeStatus(body); err != nil {
		return err
	}
	id, valid := onprem.ParseID(c.Params("messageId"))
	if !valid {
		return onprem.Errorf(onprem.CodeValue, "the id in the path is not that of a message")
	}
	key, _, err := s.onpremLinked(p)
	if err != nil {
		return err
	}
	m, err := s.onpremReceived(c.UserContext(), key, id)
	if err != nil {
		return err
	}
	if err := s.readUpTo(c.UserContext(), key, m); err != nil {
		return err
	}
	return onpremDone(c)
}

// onpremReceived finds the incoming message that an id names: of several with the same
// the one that its suffix stands for.
func (s *Server) onpremReceived(ctx context.Context, key engine.SessionKey, id onprem.ID) (engine.LoggedMessage, error) {
	all, err := s.store.FindLogged(ctx, key, id.Message)
	if err != nil {
		return engine.LoggedMessage{}, err
	}
	for _, m := range all {
		// Its sender's LID may have become known since the id was told.
		before := m
		before.Peer.LID = ""
		if m.Direction == engine.Inbound && !id.Sent() && (id.Suffix == "" || id == onpremID(m) || id == onpremID(before)) {
			return m, nil
		}
	}
	return engine.LoggedMessage{}, onprem.Errorf(onprem.CodeNotFound, "the id names no message that was received")
}

// onpremID is what a logged message is called.
func onpremID(m engine.LoggedMessage) onprem.ID {
	if m.Direction == engine.Outbound {
		return onprem.SentID(m.ID)
	}
	return onprem.ReceivedID(m.ID, store.MessageMediaRef(m).Origin)
}

// readUpTo tells the sender of a message that it was read, and of those that came before
// it in its chat.
func (s *Server) readUpTo(ctx context.Context, key engine.SessionKey, m engine.LoggedMessage) error {
	receipts, err := engine.Use[engine.Receipts](s.engine, key)
	if err != nil {
		return err
	}
	chats, err := chatNames(ctx, receipts, m.Chat)
	if err != nil {
		return err
	}
	unread, err := s.store.ListUnread(ctx, key, chats, maxMarked)
	if err != nil {
		return err
	}
	// The newest stand first. One that is not among them is read already.
	last := slices.IndexFunc(unread, func(one engine.LoggedMessage) bool {
		return one.ID == m.ID && one.Peer == m.Peer || one.CreatedAt.Before(m.CreatedAt)
	})
	if last < 0 {
		return nil
	}
	until := unread[last:]
	return s.tellRead(ctx, receipts, m.Chat, until, false)
}
