package realtime

import (
	"net/url"
	"time"

	"wapid/engine"
)

// Message is one of either direction. Of and Logged make it; the ids that the caller
// alone knows are set afterwards.
type Message struct {
	Event    engine.EventID
	Session  engine.SessionKey
	ID       engine.MessageID
	Outgoing bool
	Kind     engine.Kind
	Text     string
	Details  engine.Details
	Status   engine.MessageStatus
	At       time.Time // when its sender sent it
	Name     string    // that an incoming one's sender chose; may be empty
	Phone    string    // digits of its sender or recipient, where known
	Group    engine.JID

	ContactID string // a UUID
	MediaID   string // of kinds with a file; "" if there is none
	WAMID     string // the id as Meta's Cloud API writes it
}

// Of is the message that an event tells of.
func Of(e engine.Event, d engine.MessageData) Message {
	m := Message{Event: e.ID, Session: e.Session, ID: d.ID, Kind: d.Type, Text: d.Body, Details: d.Details,
		Status: engine.MessageReceived, At: time.Unix(d.Timestamp, 0), Name: d.PushName, Phone: phone(d.From)}
	if d.IsGroup {
		m.Group = d.Chat
	}
	return m
}

// Logged is a message of the session's own, of which a status is told for the first
// time: at is when that was.
func Logged(e engine.Event, l engine.LoggedMessage, at time.Time) Message {
	m := Message{Event: e.ID, Session: e.Session, ID: l.ID, Outgoing: true, Kind: l.Kind, Text: l.Text, Details: l.Details,
		Status: engine.MessagePending, At: at, Phone: phone(l.Peer.Phone)}
	if l.Chat.IsGroup() {
		m.Group = l.Chat
	}
	return m
}

func phone(j engine.JID) string {
	if j.Server() != engine.ServerPhone {
		return ""
	}
	return j.User()
}

// kind is the name of the type in Meta's words, which are Whatomate's.
func (m Message) kind() string {
	switch {
	case m.Details.Choice != nil:
		return "interactive"
	case m.Kind == engine.KindVoice:
		return string(engine.KindAudio)
	case m.Kind == engine.KindContact:
		return "contacts"
	}
	return string(m.Kind)
}

func (m Message) direction() string {
	if m.Outgoing {
		return "outgoing"
	}
	return "incoming"
}

// MediaURL is the path of this daemon where the file of a message is fetched with a
// key; "" if it has none.
func (m Message) MediaURL() string {
	if !m.Kind.HasMedia() {
		return ""
	}
	return "/api/whatsapp/session/" + url.PathEscape(string(m.Session.ID)) + "/messages/" + url.PathEscape(string(m.ID)) + "/media"
}

// uuid of another message of the same session.
func (m Message) uuid(id engine.MessageID) string { return MessageID(m.Session, id) }

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Message encodes a message as the dialect tells it.
func (d Dialect) Message(m Message) ([]byte, error) {
	if d != Whatomate {
		return encode(typeMessage, m.documented(), m.Event)
	}
	if r := m.Details.Reaction; m.Kind == engine.KindReaction && r != nil {
		return encode(typeReaction, m.reaction(*r), m.Event)
	}
	return encode(typeNewMessage, m.actual(), m.Event)
}
