package cloudapi

import (
	"encoding/json"

	"wapid/engine"
	"wapid/httpapi/metabody"
)

// EventFacts is what a webhook names and an event does not hold. What does not go with
// an event is empty.
type EventFacts struct {
	WABA    string // the business account's id
	PhoneID string // the id of the session's number
	Phone   string // the number, digits
	// ID is the message's, in Meta's form.
	ID string
	// ContextID and ContextFrom are the message that this one replies to, and who wrote it.
	ContextID, ContextFrom string
	// TargetID is the message that a reaction is on.
	TargetID string
	MediaID  string
}

// notification is the envelope of every webhook.
type notification struct {
	Object string  `json:"object"`
	Entry  []entry `json:"entry"`
}

type entry struct {
	ID      string   `json:"id"`
	Time    int64    `json:"time,omitempty"` // unix seconds; of what concerns the account itself
	Changes []change `json:"changes"`
}

type change struct {
	Value any    `json:"value"`
	Field string `json:"field"`
}

// The fields that are told.
const (
	FieldMessages       = "messages"
	FieldTemplateStatus = "message_template_status_update"
)

// value is what the field messages tells: one message, or one status. Receivers look at
// the first of each alone, and some take an empty list for one that holds something.
type value struct {
	Product  string             `json:"messaging_product"`
	Metadata metadata           `json:"metadata"`
	Contacts []metabody.Profile `json:"contacts,omitempty"`
	Messages []message          `json:"messages,omitempty"`
	Statuses []status           `json:"statuses,omitempty"`
}

type metadata struct {
	DisplayPhone string `json:"display_phone_number"`
	PhoneID      string `json:"phone_number_id"`
}

// EncodeEvent is an event as Meta's platform tells it, in pure ASCII. tells is false for
// one that has no place there. The same event and facts are the same bytes each time. It
// returns CodeInternal for an event that holds something else than its type says.
func EncodeEvent(e engine.Event, f EventFacts) (body []byte, tells bool, err error) {
	var n notification
	switch e.Type {
	case engine.EventMessage:
		var d engine.MessageData
		if err := metabody.ReadEvent(e, &d); err != nil {
			return nil, false, err
		}
		n = f.envelope(FieldMessages, f.message(d))
	case engine.EventMessageStatus:
		var d engine.MessageStatusData
		if err := metabody.ReadEvent(e, &d); err != nil {
			return nil, false, err
		}
		s, known := f.status(d)
		if !known {
			return nil, false, nil
		}
		n = f.envelope(FieldMessages, f.value(value{Statuses: []status{s}}))
	case engine.EventTemplate:
		var d engine.TemplateData
		if err := metabody.ReadEvent(e, &d); err != nil {
			return nil, false, err
		}
		n = f.envelope(FieldTemplateStatus, templateStatus(d))
		n.Entry[0].Time = e.At.Unix()
	case engine.EventTest:
		n = sample()
	default:
		return nil, false, nil
	}
	body, err = ASCII(n)
	return body, err == nil, err
}

func (f EventFacts) envelope(field string, v any) notification {
	return notification{Object: "whatsapp_business_account", Entry: []entry{{ID: f.WABA, Changes: []change{{Value: v, Field: field}}}}}
}

func (f EventFacts) value(v value) value {
	v.Product, v.Metadata = Product, metadata{DisplayPhone: f.Phone, PhoneID: f.PhoneID}
	return v
}

// templateUpdate is the value of message_template_status_update.
type templateUpdate struct {
	Event    string      `json:"event"`
	ID       json.Number `json:"message_template_id"` // a number there, unlike every other id
	Name     string      `json:"message_template_name"`
	Language string      `json:"message_template_language"`
	Category string      `json:"message_template_category,omitempty"`
	Reason   string      `json:"reason"`
}

func templateStatus(d engine.TemplateData) templateUpdate {
	id := json.Number(d.GraphID)
	if id == "" {
		id = "0"
	}
	return templateUpdate{Event: d.Status, ID: id, Name: d.Name, Language: d.Language, Category: d.Category, Reason: "NONE"}
}

// sample is what a test of the subscription shows: like the one that Meta's console
// sends, it names an account, a number and people that there are not.
func sample() notification {
	f := EventFacts{WABA: "0", PhoneID: "123456123", Phone: "16505551111"}
	const person = "16315551181"
	return f.envelope(FieldMessages, f.value(value{
		Contacts: []metabody.Profile{{Profile: metabody.ProfileName{Name: "test user name"}, WAID: person}},
		Messages: []message{{From: person, ID: "ABGGFlA5Fpa", Timestamp: "1504902988", Type: "text", Text: &metabody.Text{Body: "this is a text message"}}},
	}))
}
