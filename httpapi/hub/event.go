package hub

import (
	"encoding/json"

	"wapid/engine"
)

// The events that there are; template.rejected never happens, as nobody reviews templates.
const (
	EventReceived         = "message.received"
	EventDelivered        = "message.delivered"
	EventRead             = "message.read"
	EventFailed           = "message.failed"
	EventContactUpdated   = "contact.updated"
	EventTemplateApproved = "template.approved"
	EventTest             = "test"
)

// Facts are what an event does not say by itself.
type Facts struct {
	MessageID string // what callers know the event's message by
	QuotedID  string // the same of the message that it answers, reacts to or changes; "" for none
	Own       engine.Person
}

// envelope is every payload. What is in data begins with what the documentation shows.
type envelope struct {
	Event     string `json:"event"`
	Timestamp int64  `json:"timestamp"` // unix seconds, when the event was written down
	Data      any    `json:"data"`
}

type receivedData struct {
	MessageID string     `json:"message_id"`
	From      string     `json:"from"` // "+…", or the whole address where the number is not known
	Type      string     `json:"type"`
	Text      string     `json:"text"` // always there: caption, emoji or title of the choice, or ""
	Timestamp int64      `json:"timestamp"`
	To        string     `json:"to"`
	Session   string     `json:"session"`
	Name      string     `json:"name,omitempty"`
	Group     engine.JID `json:"group,omitempty"`
	ReplyTo   string     `json:"reply_to,omitempty"`
	Choice    *choice    `json:"choice,omitempty"`
	Media     *Media     `json:"media,omitempty"`
	Location  *Location  `json:"location,omitempty"`
}

// choice is the option by which a question was answered.
type choice struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

type statusData struct {
	MessageID string      `json:"message_id"`
	To        string      `json:"to"`
	Status    string      `json:"status"`
	Timestamp int64       `json:"timestamp"`
	From      string      `json:"from"`
	Session   string      `json:"session"`
	Reader    string      `json:"participant,omitempty"` // in a group: whose receipt it is
	Error     engine.Code `json:"error,omitempty"`
}

type contactData struct {
	ContactID string     `json:"contact_id"`
	Phone     string     `json:"phone"`
	Name      string     `json:"name"`
	PushName  string     `json:"push_name"`
	Timestamp int64      `json:"timestamp"`
	Action    string     `json:"action"` // new or updated
	LID       engine.JID `json:"lid,omitempty"`
}

type templateData struct {
	TemplateID string `json:"template_id"`
	Name       string `json:"name"`
	Language   string `json:"language"`
	Category   string `json:"category"`
	Status     string `json:"status"`
	Timestamp  int64  `json:"timestamp"`
}

// EncodeEvent is the payload of an event, nil for one that is none of the Hub's. It fails
// for an event whose data is not that of its type.
func EncodeEvent(e engine.Event, f Facts) ([]byte, error) {
	name, data, err := f.translate(e)
	if err != nil || name == "" {
		return nil, err
	}
	return engine.Canonical(envelope{Event: name, Timestamp: e.At.Unix(), Data: data})
}

func (f Facts) translate(e engine.Event) (name string, data any, err error) {
	switch e.Type {
	case engine.EventMessage:
		var m engine.MessageData
		err = json.Unmarshal(e.Data, &m)
		return EventReceived, f.received(e, m), err
	case engine.EventMessageStatus:
		var s engine.MessageStatusData
		err = json.Unmarshal(e.Data, &s)
		return statusEvent(s.Status), f.status(e, s), err
	case engine.EventContact:
		var c engine.ContactData
		err = json.Unmarshal(e.Data, &c)
		phone := c.Phone
		if phone != "" {
			phone = "+" + phone
		}
		return EventContactUpdated, contactData{ContactID: c.ID, Phone: phone, Name: c.Name, PushName: c.PushName,
			Timestamp: c.At / 1000, Action: c.Action, LID: c.LID}, err
	case engine.EventTemplate:
		var t engine.TemplateData
		if err = json.Unmarshal(e.Data, &t); err != nil || t.Status != "APPROVED" {
			return "", nil, err
		}
		return EventTemplateApproved, templateData{TemplateID: t.ID, Name: t.Name, Language: t.Language, Category: t.Category,
			Status: "approved", Timestamp: e.At.Unix()}, nil
	case engine.EventTest:
		var t engine.TestData
		err = json.Unmarshal(e.Data, &t)
		return EventTest, t, err
	}
	return "", nil, nil
}

func (f Facts) received(e engine.Event, m engine.MessageData) receivedData {
	d := receivedData{MessageID: f.MessageID, From: Number(m.From), Type: string(m.Type), Text: m.Body, Timestamp: m.Timestamp,
		To: Number(f.Own.Preferred()), Session: string(e.Session.ID), Name: m.PushName, ReplyTo: f.QuotedID,
		Media: tellMedia(m.Media), Location: tellLocation(m.Location)}
	if m.IsGroup {
		d.Group = m.Chat
	}
	if m.Choice != nil {
		d.Choice = &choice{ID: m.Choice.ID, Title: m.Choice.Title}
	}
	return d
}

// statusEvent names the event of a status, "" for one that the Hub does not tell. That a
// voice note was played is told by the status beside the event.
func statusEvent(s engine.MessageStatus) string {
	switch s {
	case engine.MessageDelivered:
		return EventDelivered
	case engine.MessageRead, engine.MessagePlayed:
		return EventRead
	case engine.MessageFailed:
		return EventFailed
	}
	return ""
}

func (f Facts) status(e engine.Event, s engine.MessageStatusData) statusData {
	d := statusData{MessageID: f.MessageID, To: Number(s.To), Status: string(s.Status), Timestamp: s.Timestamp,
		From: Number(f.Own.Preferred()), Session: string(e.Session.ID), Error: s.ErrorCode}
	if s.Recipient != "" {
		d.To = "+" + s.Recipient
	}
	if s.Participant != "" {
		d.To, d.Reader = Number(s.To), Number(s.Participant)
	}
	return d
}
