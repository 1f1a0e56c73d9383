package cloudapi

import "wapid/engine"

// Success is the answer to what has nothing to tell.
type Success struct {
	Success bool `json:"success"`
}

// Accepted is the answer to a message that was taken.
type Accepted struct {
	Product  string            `json:"messaging_product"`
	Contacts []acceptedContact `json:"contacts"`
	Messages []acceptedMessage `json:"messages"`
}

type acceptedContact struct {
	Input  string `json:"input"`
	WAID   string `json:"wa_id,omitempty"`
	UserID string `json:"user_id,omitempty"`
}

type acceptedMessage struct {
	ID     string `json:"id"`
	Status string `json:"message_status,omitempty"` // of templates
}

// Accept is the answer to a message under the id that it has been given.
func (m Message) Accept(id engine.MessageID) Accepted {
	to := m.Outgoing.To
	contact := acceptedContact{Input: m.Input, WAID: to.User()}
	if to.Server() == engine.ServerLID { // its number is not known, and a LID is none
		contact.WAID, contact.UserID = "", m.Input
	}
	message := acceptedMessage{ID: WAMID{User: to.User(), Outgoing: true, ID: id}.String()}
	if m.Template != nil {
		message.Status = "accepted"
	}
	return Accepted{Product: Product, Contacts: []acceptedContact{contact}, Messages: []acceptedMessage{message}}
}
