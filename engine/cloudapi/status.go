package cloudapi

import (
	"encoding/json"
	"time"

	"wapid/engine"
)

// status is what a webhook tells of a message of ours.
type status struct {
	WAMID     string           `json:"id"`
	Status    string           `json:"status"`
	Timestamp seconds          `json:"timestamp"`
	Recipient string           `json:"recipient_id"`
	User      string           `json:"recipient_user_id"`
	Callback  engine.MessageID `json:"biz_opaque_callback_data"`
	Errors    []struct {
		Code int `json:"code"`
	} `json:"errors"`
}

// parseStatus reads a status. ok is false for what says nothing that is kept, such as
// that the recipient has deleted a message.
func parseStatus(raw json.RawMessage, now time.Time) (s status, r engine.Receipt, ok bool) {
	if json.Unmarshal(raw, &s) != nil || s.WAMID == "" || len(s.WAMID) > maxWAMID {
		return s, r, false
	}
	r = engine.Receipt{By: person(s.Recipient, s.User), At: s.Timestamp.at(now)}
	switch s.Status {
	case "sent":
		r.Status = engine.MessageSent
	case "delivered":
		r.Status = engine.MessageDelivered
	case "read":
		r.Status = engine.MessageRead
	case "played":
		r.Status = engine.MessagePlayed
	case "failed":
		r.Status, r.Code = engine.MessageFailed, engine.CodeSendRejected
		if len(s.Errors) > 0 {
			r.Code, _ = meaning(s.Errors[0].Code, 0)
		}
	default:
		return s, r, false
	}
	return s, r, true
}
