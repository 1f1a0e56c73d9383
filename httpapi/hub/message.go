package hub

import (
	"time"

	"wapid/engine"
)

// Message is one entry of messages/history.
type Message struct {
	MessageID string      `json:"message_id"`
	Direction string      `json:"direction"` // inbound or outbound
	From      string      `json:"from"`
	To        string      `json:"to"`
	Type      engine.Kind `json:"type"`
	Text      string      `json:"text"`
	Status    string      `json:"status"`
	Timestamp int64       `json:"timestamp"` // unix seconds
	Session   string      `json:"session"`
	Name      string      `json:"name,omitempty"`  // that the sender chose
	Error     engine.Code `json:"error,omitempty"` // why it failed
	Media     *Media      `json:"media,omitempty"`
	Location  *Location   `json:"location,omitempty"`
	Time      string      `json:"created_at"` // of the log
}

// History is the answer to messages/history.
type History struct {
	Messages []Message `json:"messages"`
	Total    int       `json:"total"`
	Page     int       `json:"page"`
	Pages    int       `json:"pages"`
}

// Media describes the file of a message.
type Media struct {
	MimeType string `json:"mime_type,omitempty"`
	FileName string `json:"filename,omitempty"`
	Size     int64  `json:"size,omitempty"` // bytes
}

// Location is a point on the map, in degrees.
type Location struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Name      string  `json:"name,omitempty"`
	Address   string  `json:"address,omitempty"`
}

// Words of directions.
const (
	Inbound  = "inbound"
	Outbound = "outbound"
)

// TellMessage shows a message of the log. id is what callers know it by, own the number
// of its session.
func TellMessage(m engine.LoggedMessage, id string, own engine.Person) Message {
	told := Message{
		MessageID: id, Type: m.Kind, Text: m.Text, Status: Status(m.Status), Timestamp: m.CreatedAt.Unix(), Session: string(m.Session.ID),
		Name: m.PushName, Error: m.ErrorCode, Media: tellMedia(m.Details.Media), Location: tellLocation(m.Details.Location),
		Time: m.CreatedAt.UTC().Format(time.RFC3339),
	}
	if !m.SentAt.IsZero() {
		told.Timestamp = m.SentAt.Unix()
	}
	other := m.Peer.Preferred()
	if m.Direction == engine.Outbound {
		if other == "" || m.Chat.IsGroup() {
			other = m.Chat
		}
		told.Direction, told.From, told.To = Outbound, Number(own.Preferred()), Number(other)
		return told
	}
	told.Direction, told.From, told.To = Inbound, Number(other), Number(own.Preferred())
	if m.Chat.IsGroup() {
		told.To = string(m.Chat)
	}
	return told
}

// Status is the word for a status: those that a message passes through unseen are not told.
func Status(s engine.MessageStatus) string {
	switch s {
	case engine.MessagePending:
		return string(engine.MessageQueued)
	case engine.MessagePlayed:
		return string(engine.MessageRead)
	}
	return string(s)
}

func tellMedia(m *engine.MediaInfo) *Media {
	if m == nil {
		return nil
	}
	return &Media{MimeType: m.MimeType, FileName: m.FileName, Size: m.Size}
}

func tellLocation(l *engine.Location) *Location {
	if l == nil {
		return nil
	}
	return &Location{Latitude: l.Latitude, Longitude: l.Longitude, Name: l.Name, Address: l.Address}
}
