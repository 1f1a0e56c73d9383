package cloudapi

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"

	"wapid/engine"
	"wapid/httpapi/metabody"
)

// status tells how far a message has come that was sent.
type status struct {
	ID             string        `json:"id"`
	Status         string        `json:"status"`
	Timestamp      string        `json:"timestamp"`
	Recipient      string        `json:"recipient_id,omitempty"`
	RecipientUser  string        `json:"recipient_user_id,omitempty"` // where the number is not known
	RecipientType  string        `json:"recipient_type,omitempty"`    // group; absent for a person
	ParticipantID  string        `json:"recipient_participant_id,omitempty"`
	ParticipantUID string        `json:"recipient_participant_user_id,omitempty"`
	Conversation   *conversation `json:"conversation,omitempty"`
	Pricing        *pricing      `json:"pricing,omitempty"`
	CallbackData   string        `json:"biz_opaque_callback_data,omitempty"`
	Errors         []Fault       `json:"errors,omitempty"`
}

// conversation and pricing are invented: nothing is billed for a linked device. They are
// there for receivers that read them.
type conversation struct {
	ID     string `json:"id"`
	Origin origin `json:"origin"`
}

type origin struct {
	Type string `json:"type"`
}

type pricing struct {
	Billable bool   `json:"billable"`
	Model    string `json:"pricing_model"`
	Category string `json:"category"`
	Type     string `json:"type"`
}

// status is a message's status; known is false for one that Meta has no word for: that
// nobody knows whether it was sent is none.
func (f EventFacts) status(d engine.MessageStatusData) (s status, known bool) {
	s = status{ID: f.ID, Timestamp: metabody.Stamp(d.Timestamp), CallbackData: d.CallbackData}
	f.address(&s, d)
	switch d.Status {
	case engine.MessageSent, engine.MessageDelivered, engine.MessageRead, engine.MessagePlayed:
		s.Status = string(d.Status)
		s.Conversation = &conversation{ID: f.conversationWith(d.To), Origin: origin{"service"}}
		s.Pricing = &pricing{Model: "PMP", Category: "service", Type: "free_customer_service"}
	case engine.MessageFailed:
		s.Status, s.Errors = string(d.Status), []Fault{faultOf(d.ErrorCode)}
	default:
		return s, false
	}
	return s, true
}

// address says to whom a message went: a number, somebody without one, or a group and
// whose of its members receipt it is.
func (f EventFacts) address(s *status, d engine.MessageStatusData) {
	if d.To.IsGroup() {
		s.Recipient, s.RecipientType = d.To.User(), "group"
		s.ParticipantID = cmp.Or(d.Recipient, metabody.PhoneOf(d.Participant))
		if s.ParticipantID == "" {
			s.ParticipantUID = metabody.UserID(d.Participant)
		}
		return
	}
	if s.Recipient = cmp.Or(d.Recipient, metabody.PhoneOf(d.To)); s.Recipient == "" {
		s.RecipientUser = metabody.UserID(d.To)
	}
}

// conversationWith is the same for all messages of a chat.
func (f EventFacts) conversationWith(chat engine.JID) string {
	sum := sha256.Sum256([]byte(f.PhoneID + "/" + string(chat)))
	return hex.EncodeToString(sum[:16])
}

// faultOf tells why a message failed.
func faultOf(why engine.Code) Fault {
	code := CodeOf(why)
	if code == 0 {
		code = CodeUnknown
	}
	details := "The message was not sent."
	if why != "" {
		details = "The message was not sent: " + string(why) + "."
	}
	return Fault{Code: code, Title: code.Title(), Message: code.Title(), Data: &faultData{details},
		Href: "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"}
}
