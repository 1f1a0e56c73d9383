package httpapi

import (
	"net/url"
	"slices"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/httpapi/cloudapi"
	"wapid/httpapi/hub"
	"wapid/store"
)

// hubMessageID is what clients of WhatsApp Hub know a message by: its documentation
// shows ids as Meta's.
func hubMessageID(m engine.LoggedMessage) string {
	if m.Direction == engine.Outbound {
		return cloudapi.WAMID{User: m.Chat.User(), Outgoing: true, ID: m.ID}.String()
	}
	return cloudapi.WAMID{User: m.Peer.Preferred().User(), ID: m.ID}.String()
}

// hubSend is POST /api/v1/messages/send. It answers once the message is durable.
func (s *Server) hubSend(c *fiber.Ctx, p store.Principal) error {
	raw, err := looseBody(c)
	if err != nil {
		return err
	}
	asked, err := hub.DecodeSend(raw)
	if err != nil {
		return err
	}
	key, err := s.hubSender(p, asked.Session, asked.From)
	if err != nil {
		return err
	}
	d := draft{message: asked.Message, mediaURL: asked.MediaURL, fileName: asked.FileName, options: engine.SendOptions{Queue: true}}
	if asked.Template != "" {
		t, err := s.hubTemplate(c, p, asked.Template, asked.Language)
		if err != nil {
			return err
		}
		m, err := hub.Fill(t.Template, asked)
		if err != nil {
			return err
		}
		d.mediaURL, d.fileName = "", ""
		d.setTemplate(m)
	}
	if asked.ReplyTo != "" {
		target, err := s.hubFind(c, p, asked.ReplyTo, key.ID, "")
		if err != nil {
			return err
		}
		d.message.Quoted = &engine.MessageRef{ID: target.ID}
	}
	done, err := s.dispatch(c, p, key, d)
	if err != nil {
		return err
	}
	id := cloudapi.WAMID{User: d.message.To.User(), Outgoing: true, ID: done.ID}
	return ok(c, hub.Sent{Success: true, MessageID: id.String(), Status: string(engine.MessageQueued), To: hub.Number(d.message.To)})
}

// hubSender finds the session that is to send: the one that was named by its id or by its
// number, or else the oldest that is linked, of those that the key reaches. It returns
// CodeSessionNotFound, and CodeSessionNotReady where none is linked.
func (s *Server) hubSender(p store.Principal, id engine.SessionID, number string) (engine.SessionKey, error) {
	if err := s.loaded(); err != nil {
		return engine.SessionKey{}, err
	}
	named := id != "" || number != ""
	known := false
	for _, snap := range s.engine.List(p.Tenant) {
		own := snap.State.Identity
		if !p.Reaches(snap.Key.ID) || id != "" && snap.Key.ID != id || number != "" && own.Person.Phone.User() != number {
			continue
		}
		if known = true; own.Device != "" {
			return snap.Key, nil
		}
	}
	switch {
	case named && !known:
		return engine.SessionKey{}, engine.Errorf(engine.CodeSessionNotFound, "there is no session with this id or number")
	case named:
		return engine.SessionKey{}, engine.Errorf(engine.CodeSessionNotReady, "the session is not linked to a phone number")
	}
	return engine.SessionKey{}, engine.Errorf(engine.CodeSessionNotReady, "no session is linked to a phone number")
}

// hubFind finds a message by what clients know it by, or by the network's own id, in the
// sessions that the key reaches, or in one of them. direction is that of an id that
// does not say; with "" it is either. It returns CodeNotFound.
func (s *Server) hubFind(c *fiber.Ctx, p store.Principal, id string, session engine.SessionID, direction engine.Direction) (engine.LoggedMessage, error) {
	missing := engine.Errorf(engine.CodeNotFound, "there is no such message")
	parsed, ok := cloudapi.ParseWAMID(id)
	if !ok {
		return engine.LoggedMessage{}, missing
	}
	if err := s.loaded(); err != nil {
		return engine.LoggedMessage{}, err
	}
	for _, snap := range s.engine.List(p.Tenant) {
		if !p.Reaches(snap.Key.ID) || session != "" && snap.Key.ID != session {
			continue
		}
		rows, err := s.store.FindLogged(c.UserContext(), snap.Key, parsed.ID)
		if err != nil {
			return engine.LoggedMessage{}, err
		}
		for _, m := range rows {
			if parsed.User == "" && (direction == "" || m.Direction == direction) || parsed.User != "" && isNamed(m, parsed) {
				return m, nil
			}
		}
	}
	return engine.LoggedMessage{}, missing
}

// isNamed tells whether a message is the one that an id names: one's either address may
// stand in it.
func isNamed(m engine.LoggedMessage, id cloudapi.WAMID) bool {
	if id.Outgoing != (m.Direction == engine.Outbound) {
		return false
	}
	users := []string{m.Peer.Phone.User(), m.Peer.LID.User()}
	if id.Outgoing {
		users = append(users, m.Chat.User())
	}
	return slices.Contains(users, id.User)
}

// hubChange is PUT /api/v1/messages/{messageId}: a message that came in is marked as read,
// or one that was sent is edited.
func (s *Server) hubChange(c *fiber.Ctx, p store.Principal) error {
	id, err := url.PathUnescape(c.Params("messageId"))
	if err != nil {
		return engine.Errorf(engine.CodeInvalid, "the message id in the path is not encoded properly")
	}
	raw, err := looseBody(c)
	if err != nil {
		return err
	}
	change, err := hub.DecodeChange(raw)
	if err != nil {
		return err
	}
	direction := engine.Outbound
	if change.Read {
		direction = engine.Inbound
	}
	m, err := s.hubFind(c, p, id, change.Session, direction)
	if err != nil {
		return err
	}
	if m.Direction != direction {
		return engine.Errorf(engine.CodeInvalid, "only messages that came in are marked as read, and only those that were sent are edited")
	}
	answer := hub.Sent{Success: true, MessageID: hubMessageID(m), Status: string(engine.MessageRead), To: hub.Number(m.Chat)}
	if change.Read {
		answer.To = hub.Number(m.Peer.Preferred())
		if err := s.hubRead(c, m); err != nil {
			return err
		}
		return ok(c, answer)
	}
	edit := engine.Outgoing{To: m.Chat, Kind: engine.KindEdit, Text: change.Text, Target: &engine.MessageRef{ID: m.ID}}
	if _, err := s.dispatch(c, p, m.Session, draft{message: edit, options: engine.SendOptions{Queue: true}}); err != nil {
		return err
	}
	answer.Status = string(engine.MessageQueued)
	return ok(c, answer)
}

// hubRead tells the sender of a message that it was read.
func (s *Server) hubRead(c *fiber.Ctx, m engine.LoggedMessage) error {
	receipts, err := engine.Use[engine.Receipts](s.engine, m.Session)
	if err != nil {
		return err
	}
	return s.tellRead(c.UserContext(), receipts, m.Chat, []engine.LoggedMessage{m}, false)
}

// hubHistory is GET /api/v1/messages/history, newest first.
func (s *Server) hubHistory(c *fiber.Ctx, p store.Principal) error {
	if err := s.loaded(); err != nil {
		return err
	}
	filter, err := s.hubFilter(c, p)
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
	found, err := s.store.PageMessages(c.UserContext(), p.Tenant, filter, nil, (page-1)*limit, limit)
	if err != nil {
		return err
	}
	var counts messageListResponse
	for range found.Messages {
		counts.Messages = append(counts.Messages, loggedMessage{}) // how many there are is all that counting wants to know
	}
	if found.Next != nil {
		counts.NextCursor = writeCursor(*found.Next)
	}
	if err := s.countInto(c.UserContext(), &counts, p.Tenant, filter, page, limit); err != nil {
		return err
	}
	accounts := s.accounts(p.Tenant)
	body := hub.History{Messages: make([]hub.Message, 0, len(found.Messages)), Total: *counts.Total, Page: page, Pages: *counts.Pages}
	for _, m := range found.Messages {
		body.Messages = append(body.Messages, hub.TellMessage(m.LoggedMessage, hubMessageID(m.LoggedMessage), accounts[m.Session.ID]))
	}
	return ok(c, body)
}

// hubFilter reads which messages are wanted. It returns CodeInvalid.
func (s *Server) hubFilter(c *fiber.Ctx, p store.Principal) (f store.MessageFilter, err error) {
	f.Sessions = p.Sessions
	if raw, given := queryValue(c, "session"); given && raw != "" {
		id, err := engine.ParseSessionID(raw)
		if err != nil {
			return f, err
		}
		f.Sessions = []engine.SessionID{}
		if p.Reaches(id) {
			f.Sessions = append(f.Sessions, id)
		}
	}
	switch raw, _ := queryValue(c, "direction"); raw {
	case "":
	case hub.Inbound, "in", "received", "incoming":
		f.Direction = engine.Inbound
	case hub.Outbound, "out", "sent", "outgoing":
		f.Direction = engine.Outbound
	default:
		return f, engine.Errorf(engine.CodeInvalid, "direction must be inbound or outbound")
	}
	if raw, _ := queryValue(c, "status"); raw != "" {
		if f.Status, err = queryWord(c, "status", messageStatuses()...); err != nil {
			return f, err
		}
	}
	if raw, _ := queryValue(c, "since"); raw != "" {
		if f.Since, err = hub.ParseTime("since", raw); err != nil {
			return f, err
		}
	}
	if raw, _ := queryValue(c, "contact"); raw != "" {
		f.With, err = s.hubWith(c, p, raw)
	}
	return f, err
}

// hubWith is the address that a contact's id, a number or a chat names.
func (s *Server) hubWith(c *fiber.Ctx, p store.Principal, raw string) (engine.JID, error) {
	if isUUID(raw) {
		found, err := s.store.FindContact(c.UserContext(), p.Tenant, store.ContactID(raw))
		return found.Person.Preferred(), err
	}
	return engine.ParseRecipient(raw)
}
