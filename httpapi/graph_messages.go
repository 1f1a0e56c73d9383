package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/engine/template"
	"wapid/httpapi/cloudapi"
	"wapid/store"
)

func (s *Server) graphMessageRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "/graph/:objectId/messages", scope: store.ScopeSend, tenant: s.graphMessages},
	}
}

// graphMessages is POST /{phone}/messages: a message to be sent, or one that was read.
// It is answered once the message is durable, under the id that it is going to have.
func (s *Server) graphMessages(c *fiber.Ctx, p store.Principal) error {
	key, phone, err := s.graphPhone(c, p)
	if err != nil {
		return err
	}
	body, err := graphBody(c)
	if err != nil {
		return err
	}
	r, err := cloudapi.Decode(body, s.number)
	if err != nil {
		return err
	}
	self, err := s.graphSession(key)
	if err != nil {
		return err
	}
	if r.Read != nil {
		return s.graphRead(c, key, *r.Read)
	}
	if to := r.Message.Outgoing.To; to.User() == phone.Ref && to.Server() == engine.ServerPhone || to == self.LID {
		return cloudapi.Errorf(cloudapi.CodeSelf, "a number can't write to itself")
	}
	return s.graphSend(c, p, key, *r.Message)
}

// number reads a phone number by the numbering plan of its country; those of late are
// remembered.
func (s *Server) number(given string) (engine.JID, error) {
	if jid, known := s.recipients.Get(given); known {
		return jid, nil
	}
	jid, err := engine.ParseRecipient(given)
	if err == nil && len(given) <= longestRemembered {
		s.recipients.Add(given, jid)
	}
	return jid, err
}

// graphSession returns whom a phone's session speaks as, or *cloudapi.Error for one that
// can't send and will not by waiting. One that is not connected just now can: what it is
// given waits for it.
func (s *Server) graphSession(key engine.SessionKey) (engine.Person, error) {
	snap, err := s.engine.Snapshot(key)
	switch {
	case engine.CodeOf(err) == engine.CodeSessionNotFound, err == nil && snap.State.Intent == engine.IntentDelete:
		return engine.Person{}, cloudapi.Errorf(cloudapi.CodeNumberDeleted, "the phone number was removed: no session is linked to it any more")
	case err != nil:
		return engine.Person{}, err
	case snap.State.Reason == engine.ReasonMoved:
		return engine.Person{}, cloudapi.Errorf(cloudapi.CodeNumberUnregistered, "the phone number was moved to another server")
	case snap.State.Identity.Device == "":
		return engine.Person{}, cloudapi.Errorf(cloudapi.CodeNumberUnregistered, "the phone number is not linked: scan the QR code of its session")
	case snap.State.Reason == engine.ReasonBanned:
		return engine.Person{}, cloudapi.Errorf(cloudapi.CodeBlocked, "WhatsApp has banned the phone number for a while")
	}
	return snap.State.Identity.Person, nil
}

func (s *Server) graphSend(c *fiber.Ctx, p store.Principal, key engine.SessionKey, m cloudapi.Message) error {
	d := draft{message: m.Outgoing, linkPreview: m.LinkPreview, options: engine.SendOptions{Queue: true}}
	fileID := ""
	if m.Media != nil {
		fileID, d.mediaURL, d.fileName = m.Media.ID, m.Media.Link, m.Media.FileName
	}
	if m.Template != nil {
		var err error
		if fileID, err = s.graphTemplate(c.UserContext(), p.Tenant, *m.Template, &d); err != nil {
			return err
		}
	}
	if fileID != "" {
		d.file = s.graphFile(c, p, fileID)
	}
	if m.Context != nil && m.Context.User != "" {
		// A program may bring ids from Meta along, of messages that were never here.
		known, err := s.store.FindLogged(c.UserContext(), key, m.Context.ID)
		if err != nil {
			return err
		}
		if len(known) == 0 {
			d.message.Quoted = nil
		}
	}
	done, err := s.dispatch(c, p, key, d)
	if err != nil {
		return graphSendError(err, m)
	}
	s.typists.stop(key, m.Outgoing.To)
	return ok(c, m.Accept(done.ID))
}

// graphFile brings a file that was uploaded ahead, or that came with a message. It is
// looked for only once it is needed: a request that is repeated may name one that is
// gone.
func (s *Server) graphFile(c *fiber.Ctx, p store.Principal, id string) func(context.Context, *sending) error {
	return func(ctx context.Context, in *sending) error {
		m, err := s.uploadedMedium(ctx, p, id)
		if err != nil {
			return err
		}
		return s.carry(m)(ctx, in)
	}
}

// uploadedMedium finds a file by its decimal id. It returns *cloudapi.Error for one that
// is none of the tenant's.
func (s *Server) uploadedMedium(ctx context.Context, p store.Principal, id string) (medium, error) {
	unknown := cloudapi.Errorf(cloudapi.CodeInvalidParameter, "the id of the file is not that of uploaded media")
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return medium{}, unknown
	}
	o, err := s.store.FindGraphObject(ctx, p.Tenant, number)
	if err == nil && o.Kind != store.GraphMedia || engine.CodeOf(err) == engine.CodeNotFound {
		return medium{}, unknown
	}
	if err != nil {
		return medium{}, err
	}
	ref, ok := store.ParseMediaRef(o.Ref)
	if !ok {
		return medium{}, unknown
	}
	m, err := s.findMedium(ctx, p, ref)
	if engine.CodeOf(err) == engine.CodeNotFound {
		return medium{}, unknown
	}
	return m, err
}

// graphTemplate puts the message of a template in a draft, and returns the id of the file
// that it carries.
func (s *Server) graphTemplate(ctx context.Context, tenant engine.TenantID, t cloudapi.Template, d *draft) (fileID string, err error) {
	values, err := template.ParseComponents(t.Components)
	if err == nil {
		fileID, err = s.renderTemplate(ctx, tenant, t.Name, t.Language, values, d)
	}
	if engine.CodeOf(err) == engine.CodeNotFound {
		return "", cloudapi.TemplateUnknown(t.Name, t.Language)
	}
	return fileID, cloudapi.TemplateUnfit(err)
}

// graphSendError says in Meta's words what the message refers to in vain.
func graphSendError(err error, m cloudapi.Message) error {
	e, own := errors.AsType[*engine.Error](err)
	if !own || m.Context == nil && m.Target == nil {
		return err
	}
	switch e.Code {
	case engine.CodeNotFound, engine.CodeInvalid:
		return cloudapi.Errorf(cloudapi.CodeParameterValue, "message_id: %s", e.Message)
	}
	return err
}
