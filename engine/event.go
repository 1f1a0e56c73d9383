package engine

import (
	"encoding/json"
	"time"
)

// EventType names what an event tells of, in the words of the public API.
type EventType string

const (
	EventQR           EventType = "qr"
	EventReady        EventType = "ready"
	EventDisconnected EventType = "disconnected"
	EventMessage      EventType = "message"
	EventTest         EventType = "test"

	// These are told to endpoints that ask for them.
	EventMessageStatus EventType = "message.status"
	EventGroup         EventType = "group"
	EventCall          EventType = "call"

	EventBulkProgress    EventType = "bulk.progress"
	EventBulkCompleted   EventType = "bulk.completed" // a job has ended, one way or the other
	EventOptOut          EventType = "optout"
	EventWebhookDisabled EventType = "webhook.disabled"
	EventContact         EventType = "contact"  // the contacts book has learnt of a person
	EventTemplate        EventType = "template" // a message template was made, edited or deleted
)

// IsDocumented tells whether the WapiConnect document knows the type. Endpoints
// that ask for no types get these.
func (t EventType) IsDocumented() bool {
	switch t {
	case EventMessage, EventQR, EventReady, EventDisconnected, EventTest:
		return true
	}
	return false
}

// EventID is a ULID: unique, and ordered by time within a tenant.
type EventID string

// Event is one entry of a tenant's append-only log. It is written in the same
// transaction as what it tells of, and fanned out to the tenant's endpoints there.
type Event struct {
	ID      EventID
	Session SessionKey
	Type    EventType
	At      time.Time
	// Data is the event's JSON as Canonical encodes it.
	Data []byte
}

// WithChoice is an EventMessage whose message has answered a question.
func (e Event) WithChoice(c *ChosenInfo) (Event, error) {
	var d MessageData
	if err := json.Unmarshal(e.Data, &d); err != nil {
		return e, WrapError(CodeInternal, err, "the event of a message can't be read")
	}
	d.Choice = c
	data, err := Canonical(d)
	e.Data = data
	return e, err
}

// The data of each event type. Field order is the order on the wire: it is
// documented, and receivers may check signatures over it.

// MessageData tells of an incoming message. The first six fields are those of
// the WapiConnect document, in its order.
type MessageData struct {
	ID        MessageID `json:"id"`
	From      JID       `json:"from"` // the sender, as phone number wherever it is known
	Body      string    `json:"body"`
	Type      Kind      `json:"type"`
	IsGroup   bool      `json:"isGroup"`
	HasMedia  bool      `json:"hasMedia"`
	FromLID   JID       `json:"fromLid,omitempty"`
	Chat      JID       `json:"chat"`
	PushName  string    `json:"pushName,omitempty"`
	Timestamp int64     `json:"timestamp"` // unix seconds, the sender's
	Details
}

// MessageStatusData tells that an outgoing message has got further, or failed.
type MessageStatusData struct {
	ID          MessageID     `json:"id"`
	To          JID           `json:"to"` // the chat
	Status      MessageStatus `json:"status"`
	Timestamp   int64         `json:"timestamp"`             // unix seconds, when that happened
	Participant JID           `json:"participant,omitempty"` // in a group: whose receipt it is
	ErrorCode   Code          `json:"errorCode,omitempty"`   // of failed and unknown
	// CallbackData is what the caller gave with the message.
	CallbackData string `json:"callbackData,omitempty"`
	// Recipient is the number of whoever the message went to, or in a group of whoever
	// the receipt is of, as digits; empty where it is not known.
	Recipient string `json:"recipient,omitempty"`
}

// GroupChange tells what has changed in a group.
type GroupChange struct {
	Group        JID    `json:"group"`
	Action       string `json:"action"` // add, remove, promote, demote, leave, join, subject, description, announce, locked, expiration, invite_link, deleted
	By           JID    `json:"by,omitempty"`
	ByLID        JID    `json:"byLid,omitempty"`
	Participants []JID  `json:"participants,omitempty"`
	Subject      string `json:"subject,omitempty"`
	Description  string `json:"description,omitempty"`
	On           *bool  `json:"on,omitempty"`      // of announce and locked
	Seconds      *int64 `json:"seconds,omitempty"` // of expiration
	Timestamp    int64  `json:"timestamp"`         // unix seconds
}

// Call tells of a call to the account. Calls can't be taken by a linked device of
// this kind.
type Call struct {
	ID        string `json:"id"`
	From      JID    `json:"from"`
	FromLID   JID    `json:"fromLid,omitempty"`
	Group     JID    `json:"group,omitempty"`
	Action    string `json:"action"` // offer, accept, reject, terminate
	Video     bool   `json:"video"`
	Timestamp int64  `json:"timestamp"` // unix seconds
}

// OptOutData tells that a person does not want a tenant's bulk messages any more,
// or wants them again. At least one of the addresses is there.
type OptOutData struct {
	Phone     string    `json:"phone,omitempty"` // digits
	LID       JID       `json:"lid,omitempty"`
	OptedOut  bool      `json:"optedOut"`
	Word      string    `json:"word,omitempty"`      // by which the person said so
	MessageID MessageID `json:"messageId,omitempty"` // in which
	Source    string    `json:"source"`              // message, or api
	At        int64     `json:"at"`                  // unix milliseconds
}

// What has happened to an entry of the contacts book.
const (
	ContactNew     = "new"
	ContactUpdated = "updated"
)

// ContactData tells of an entry of the tenant's contacts book: a person who wrote for
// the first time, or whose name or addresses have changed. At least one of the
// addresses is there.
type ContactData struct {
	ID       string `json:"id"`              // a UUID
	Action   string `json:"action"`          // new or updated
	Phone    string `json:"phone,omitempty"` // digits
	LID      JID    `json:"lid,omitempty"`
	Name     string `json:"name,omitempty"`     // that the tenant gave
	PushName string `json:"pushName,omitempty"` // that the person chose
	At       int64  `json:"at"`                 // unix milliseconds
}

// WebhookDisabledData tells that an endpoint gets no more deliveries until it is
// enabled again.
type WebhookDisabledData struct {
	EndpointID   string `json:"endpointId"`
	URL          string `json:"url"`                    // scheme and host alone: the rest may hold secrets
	Reason       string `json:"reason"`                 // gone, failing, unreadable
	FailingSince int64  `json:"failingSince,omitempty"` // unix milliseconds
}

// TemplateData tells what has become of a message template, in one language.
type TemplateData struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Language string `json:"language"`
	Category string `json:"category"`         // MARKETING, UTILITY or AUTHENTICATION
	Status   string `json:"status"`           // APPROVED, or DELETED
	Reason   string `json:"reason,omitempty"` // why: created, edited or deleted
	GraphID  string `json:"graphId"`          // what Meta's API calls it: decimal digits
}

// BulkProgressData tells how far a bulk job has got. The counts add up to Total
// with what is left.
type BulkProgressData struct {
	JobID     string `json:"jobId"`
	Status    string `json:"status"` // running, or completed with the last one
	Total     int    `json:"total"`
	Succeeded int    `json:"succeeded"`
	Failed    int    `json:"failed"`
	Processed int    `json:"processed"`
	Skipped   int    `json:"skipped"`
}

// BulkCompletedData tells that a bulk job has ended.
type BulkCompletedData struct {
	JobID      string `json:"jobId"`
	Status     string `json:"status"` // completed or failed
	Total      int    `json:"total"`
	Succeeded  int    `json:"succeeded"`
	Failed     int    `json:"failed"`
	Skipped    int    `json:"skipped"` // passed over, or not come to before the job failed
	Invalid    int    `json:"invalid"` // refused when the job was made; Total does not count them
	ErrorCode  Code   `json:"errorCode,omitempty"`
	StartedAt  int64  `json:"startedAt,omitempty"` // unix milliseconds
	FinishedAt int64  `json:"finishedAt"`          // unix milliseconds
}

// TestData is what a tenant has sent to its own webhook.
type TestData struct {
	Message string `json:"message"`
}

// QRData tells of a new QR code.
type QRData struct {
	QRCode    string `json:"qrCode"`      // data:image/png;base64,…
	QR        string `json:"qr"`          // the raw text
	ExpiresAt int64  `json:"qrExpiresAt"` // unix milliseconds
	Attempt   int    `json:"attempt"`
}

// ReadyData tells that a session is connected.
type ReadyData struct {
	PhoneNumber string `json:"phoneNumber"` // digits
	LID         JID    `json:"lid,omitempty"`
}

// DisconnectedData tells that a session lost its connection.
type DisconnectedData struct {
	Reason Reason `json:"reason"`
	Until  int64  `json:"until,omitempty"` // unix milliseconds, end of a ban
}
