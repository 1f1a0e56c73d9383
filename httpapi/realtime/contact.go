package realtime

import (
	"cmp"
	"time"

	"wapid/engine"
)

// contact is the payload of both dialects.
type contact struct {
	ID        string     `json:"id"`
	Phone     string     `json:"phone_number"` // digits; "" if only the LID is known
	Name      string     `json:"name"`
	Profile   string     `json:"profile_name"`
	LID       engine.JID `json:"lid,omitempty"`
	Timestamp string     `json:"timestamp"`
}

// Contact encodes what the contacts book has learnt of a person.
func (d Dialect) Contact(e engine.Event, c engine.ContactData) ([]byte, error) {
	kind := typeContactUpdated
	switch {
	case d == Whatomate:
		kind = typeContactUpdate
	case c.Action == engine.ContactNew:
		kind = typeContactNew
	}
	return encode(kind, contact{c.ID, c.Phone, cmp.Or(c.Name, c.PushName), c.PushName, c.LID, moment(time.UnixMilli(c.At))}, e.ID)
}
