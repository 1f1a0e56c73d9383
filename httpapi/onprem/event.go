package onprem

import (
	"wapid/engine"
	"wapid/httpapi/metabody"
)

// EventFacts is what a webhook names and an event does not hold. What does not go with
// an event is empty.
type EventFacts struct {
	// ID is the message's, as ID.String writes it.
	ID string
	// ContextID and ContextFrom are the message that this one replies to, and the number of
	// who wrote it.
	ContextID, ContextFrom string
	// TargetID is the message that a reaction or a deletion is about.
	TargetID string
	MediaID  string
	// NoSent leaves out that a message was sent: the On-Premises API tells it only on demand.
	NoSent bool
}

// notification is the body of a webhook: a message with its sender, a status, or errors.
// It has no envelope.
type notification struct {
	Contacts []metabody.Profile `json:"contacts,omitempty"`
	Messages []message          `json:"messages,omitempty"`
	Statuses []status           `json:"statuses,omitempty"`
	Errors   []fault            `json:"errors,omitempty"`
}

// status tells how far a message has come.
type status struct {
	ID        string  `json:"id"`
	Recipient string  `json:"recipient_id,omitempty"`
	Status    string  `json:"status"`
	Timestamp string  `json:"timestamp"`
	Type      string  `json:"type"`
	GroupID   string  `json:"group_id,omitempty"`
	Callback  string  `json:"biz_opaque_callback_data,omitempty"`
	Errors    []fault `json:"errors,omitempty"`
}

// EncodeEvent is an event as the On-Premises API tells it. tells is false for one that has
// no place there. The same event and facts are the same bytes each time. It returns
// CodeInternal for an event that holds something else than its type says.
func EncodeEvent(e engine.Event, f EventFacts) (body []byte, tells bool, err error) {
	var n notification
	switch e.Type {
	case engine.EventMessage:
		var d engine.MessageData
		if err := metabody.ReadEvent(e, &d); err != nil {
			return nil, false, err
		}
		if d.Revoke != nil {
			n.Statuses = []status{f.deleted(d)}
			break
		}
		m := f.message(d)
		n.Contacts, n.Messages = []metabody.Profile{{Profile: metabody.ProfileName{Name: d.PushName}, WAID: m.From, UserID: m.FromUserID}}, []message{m}
	case engine.EventMessageStatus:
		var d engine.MessageStatusData
		if err := metabody.ReadEvent(e, &d); err != nil {
			return nil, false, err
		}
		s, known := f.status(d)
		if !known {
			return nil, false, nil
		}
		n.Statuses = []status{s}
	case engine.EventTest:
		n = sample()
	default:
		return nil, false, nil
	}
	body, err = engine.Canonical(n)
	return body, err == nil, err
}

// status is a message's status; known is false for one that there is no word for: that
// nobody knows whether it was sent is none, and that it was played neither.
func (f EventFacts) status(d engine.MessageStatusData) (s status, known bool) {
	s = status{ID: f.ID, Recipient: d.Recipient, Timestamp: metabody.Stamp(d.Timestamp), Type: "message", Callback: d.CallbackData}
	if s.Recipient == "" {
		s.Recipient = metabody.PhoneOf(d.To)
	}
	if d.To.IsGroup() {
		s.GroupID = d.To.User()
		if s.Recipient == "" {
			s.Recipient = metabody.PhoneOf(d.Participant)
		}
	}
	switch d.Status {
	case engine.MessageSent:
		s.Status = "sent"
		return s, !f.NoSent
	case engine.MessageDelivered, engine.MessageRead:
		s.Status = string(d.Status)
	case engine.MessageFailed:
		code := statusCodeOf(d.ErrorCode)
		s.Status, s.Errors = "failed", []fault{{Code: code, Title: code.Title(), Href: errorPage}}
	default:
		return s, false
	}
	return s, true
}

// errorPage is what the On-Premises API names in the errors of its webhooks.
const errorPage = "https://developers.facebook.com/docs/whatsapp/api/errors/"

// deleted tells that somebody has taken a message back.
func (f EventFacts) deleted(d engine.MessageData) status {
	s := status{ID: f.TargetID, Recipient: metabody.PhoneOf(d.From), Status: "deleted", Timestamp: metabody.Stamp(d.Timestamp), Type: "message"}
	if d.IsGroup {
		s.GroupID = d.Chat.User()
	}
	return s
}

// sample is what a test of the webhook shows, from a number that there is not.
func sample() notification {
	const person = "16315551181"
	return notification{
		Contacts: []metabody.Profile{{Profile: metabody.ProfileName{Name: "test user name"}, WAID: person}},
		Messages: []message{{From: person, ID: "ABGGFlA5FpafAgo6tHcNmNjXmuSf", Timestamp: "1518694235", Type: "text", Text: &metabody.Text{Body: "this is a text message"}}},
	}
}
