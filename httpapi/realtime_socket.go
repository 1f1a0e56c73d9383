package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"wapid/engine"
	"wapid/httpapi/cloudapi"
	"wapid/httpapi/realtime"
	"wapid/store"
)

// realtimeBeats is how many heartbeats of other streams one of these takes: together
// the 54 seconds of Whatomate's server.
const realtimeBeats = 3.6

func (s *Server) realtimeRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/ws", scope: store.ScopeRead, ticket: true, ticketName: "token", noCookie: true, tenant: s.realtimeSocket,
			query: []string{"token", "since", "dialect", "sessionId"}},
	}
}

// realtimeSocket is GET /ws: the WebSocket that Whatomate's documentation describes.
func (s *Server) realtimeSocket(c *fiber.Ctx, p store.Principal) error {
	dialect, err := queryWord(c, "dialect", realtime.Documented, realtime.Whatomate)
	if err != nil {
		return err
	}
	f, err := s.newFollower(c, p, "since")
	if err != nil {
		return err
	}
	f.beat = time.Duration(float64(f.beat) * realtimeBeats)
	t := realtimeTeller{server: s, dialect: dialect}
	return s.openSocket(c, &logSocket{follower: f, frames: t.tell, answer: realtime.Answer})
}

// realtimeTeller turns events into frames. It reads what the frames need beside the
// events from the store.
type realtimeTeller struct {
	server  *Server
	dialect realtime.Dialect
}

func (t realtimeTeller) tell(ctx context.Context, page store.EventPage, put func([]byte) error) error {
	if page.Truncated {
		text, err := realtime.Truncated()
		if err == nil {
			err = put(text)
		}
		if err != nil {
			return err
		}
	}
	for _, e := range page.Events {
		frames, err := t.frames(ctx, e)
		if err != nil {
			return err
		}
		for _, text := range frames {
			if err := put(text); err != nil {
				return err
			}
		}
	}
	return nil
}

// frames are what one event is to a client: usually one, none for events that
// Whatomate doesn't know.
func (t realtimeTeller) frames(ctx context.Context, e engine.Event) ([][]byte, error) {
	switch e.Type {
	case engine.EventMessage:
		return t.message(ctx, e)
	case engine.EventMessageStatus:
		return t.status(ctx, e)
	case engine.EventContact:
		var d engine.ContactData
		if err := readData(e, &d); err != nil {
			return nil, err
		}
		return oneFrame(t.dialect.Contact(e, d))
	}
	return nil, nil
}

func oneFrame(text []byte, err error) ([][]byte, error) {
	if err != nil {
		return nil, err
	}
	return [][]byte{text}, nil
}

func (t realtimeTeller) message(ctx context.Context, e engine.Event) ([][]byte, error) {
	var d engine.MessageData
	if err := readData(e, &d); err != nil {
		return nil, err
	}
	sender := d.From.Person()
	if d.FromLID != "" {
		sender.LID = d.FromLID
	}
	m := realtime.Of(e, d)
	m.WAMID = cloudapi.WAMID{User: d.From.User(), ID: d.ID}.String()
	row := engine.LoggedMessage{Session: e.Session, Direction: engine.Inbound, ID: d.ID, Chat: d.Chat, Peer: sender}
	if err := t.identify(ctx, &m, row); err != nil {
		return nil, err
	}
	return oneFrame(t.dialect.Message(m))
}

// status is how far a message has come. Messages of the session's own have no other
// event, so the first word about one tells of the message as well.
func (t realtimeTeller) status(ctx context.Context, e engine.Event) (frames [][]byte, err error) {
	var d engine.MessageStatusData
	if err := readData(e, &d); err != nil {
		return nil, err
	}
	own, err := t.server.store.FindMessage(ctx, e.Session, engine.Outbound, d.ID)
	if engine.CodeOf(err) == engine.CodeNotFound { // retention has removed it
		own, err = engine.LoggedMessage{Session: e.Session, Direction: engine.Outbound, ID: d.ID, Chat: d.To, Peer: d.To.Person()}, nil
	}
	if err != nil {
		return nil, err
	}
	m := realtime.Logged(e, own, time.Unix(d.Timestamp, 0))
	m.WAMID = cloudapi.WAMID{User: d.To.User(), Outgoing: true, ID: d.ID}.String()
	if err := t.identify(ctx, &m, own); err != nil {
		return nil, err
	}
	switch d.Status {
	case engine.MessageSent, engine.MessageFailed, engine.MessageUnknown:
		if own.Kind != "" {
			text, err := t.dialect.Message(m)
			if err != nil {
				return nil, err
			}
			frames = append(frames, text)
		}
	}
	if realtime.Told(d.Status) {
		text, err := t.dialect.Status(realtime.Status{Event: e, Data: d, ContactID: m.ContactID, WAMID: m.WAMID})
		if err != nil {
			return nil, err
		}
		frames = append(frames, text)
	}
	return frames, nil
}

// identify gives a message the ids that it has in other interfaces. Its contact is the
// person who sent it or whom it was sent to, as the contacts book knows them, or the
// group that it was sent to.
func (t realtimeTeller) identify(ctx context.Context, m *realtime.Message, row engine.LoggedMessage) error {
	if m.Kind.HasMedia() {
		id, err := t.server.store.GraphID(ctx, m.Session.Tenant, store.GraphMedia, store.MessageMediaRef(row).String())
		if err != nil {
			return err
		}
		m.MediaID = graphText(id)
	}
	who := row.Peer.Preferred()
	if who == "" {
		who = row.Chat
	}
	m.ContactID = realtime.ContactID(m.Session.Tenant, who)
	if who.IsGroup() {
		return nil
	}
	known, err := t.server.store.FindContactOf(ctx, m.Session.Tenant, who)
	switch {
	case err == nil:
		m.ContactID = string(known.ID)
	case engine.CodeOf(err) != engine.CodeNotFound:
		return err
	}
	return nil
}
