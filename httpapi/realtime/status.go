package realtime

import (
	"time"

	"wapid/engine"
)

// Status is how far a message of the session's own has come.
type Status struct {
	Event     engine.Event
	Data      engine.MessageStatusData
	ContactID string // a UUID; "" where it is not known
	WAMID     string
}

type documentedStatus struct {
	MessageID string         `json:"message_id"`
	Status    string         `json:"status"`
	Timestamp string         `json:"timestamp"`
	Error     *statusFailure `json:"error,omitempty"`

	Contact     string           `json:"contact_id,omitempty"`
	Participant engine.JID       `json:"participant,omitempty"`
	Session     engine.SessionID `json:"session_id"`
	WAMID       string           `json:"wamid,omitempty"`
}

type statusFailure struct {
	Code engine.Code `json:"code"`
}

type actualStatus struct {
	MessageID string      `json:"message_id"`
	Status    string      `json:"status"`
	Error     engine.Code `json:"error_message,omitempty"`
	Contact   string      `json:"contact_id,omitempty"`
	WAMID     string      `json:"wamid,omitempty"`
}

// word is a status in Whatomate's words, "" for what they have none for: whether a
// message was sent is unknown until a receipt says so, or nothing ever does.
func word(s engine.MessageStatus) string {
	switch s {
	case engine.MessageSent, engine.MessageDelivered, engine.MessageRead, engine.MessageFailed:
		return string(s)
	case engine.MessagePlayed:
		return string(engine.MessageRead)
	}
	return ""
}

// Told tells whether clients hear of a status.
func Told(s engine.MessageStatus) bool { return word(s) != "" }

// Status encodes a status that is Told.
func (d Dialect) Status(s Status) ([]byte, error) {
	id, said := MessageID(s.Event.Session, s.Data.ID), word(s.Data.Status)
	if d == Whatomate {
		return encode(typeStatusUpdate, actualStatus{id, said, s.Data.ErrorCode, s.ContactID, s.WAMID}, s.Event.ID)
	}
	p := documentedStatus{MessageID: id, Status: said, Timestamp: moment(time.Unix(s.Data.Timestamp, 0)),
		Contact: s.ContactID, Participant: s.Data.Participant, Session: s.Event.Session.ID, WAMID: s.WAMID}
	if s.Data.ErrorCode != "" {
		p.Error = &statusFailure{s.Data.ErrorCode}
	}
	return encode(typeStatus, p, s.Event.ID)
}
