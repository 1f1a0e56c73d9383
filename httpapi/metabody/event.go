package metabody

import (
	"encoding/json"
	"strconv"

	"wapid/engine"
)

// ReadEvent takes an event's data apart. It returns CodeInternal for data that its type
// does not have.
func ReadEvent(e engine.Event, into any) error {
	if err := json.Unmarshal(e.Data, into); err != nil {
		return engine.Errorf(engine.CodeInternal, "an event of type %s can't be read", e.Type)
	}
	return nil
}

// Stamp is a time as webhooks have it: unix seconds, as a string.
func Stamp(seconds int64) string { return strconv.FormatInt(seconds, 10) }

// Profile is a person. Somebody whose number is not known has a UserID in its place.
type Profile struct {
	Profile ProfileName `json:"profile"`
	WAID    string      `json:"wa_id,omitempty"`
	UserID  string      `json:"user_id,omitempty"`
}

// ProfileName is the name that somebody has chosen.
type ProfileName struct {
	Name string `json:"name"`
}

// Context says what a message replies to, or that it was passed on.
type Context struct {
	From      string `json:"from,omitempty"`
	ID        string `json:"id,omitempty"`
	Forwarded bool   `json:"forwarded,omitempty"`
}

// Text is the content of a message of text.
type Text struct {
	Body string `json:"body"`
}

// Told is what a message in a webhook holds that both APIs tell alike. At most one is
// set, that which the message's type names.
type Told struct {
	Location    *Location    `json:"location,omitempty"`
	Contacts    []Card       `json:"contacts,omitempty"`
	Interactive *Interactive `json:"interactive,omitempty"`
	Button      *Button      `json:"button,omitempty"`
}

// Location is a place.
type Location struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Name      string  `json:"name,omitempty"`
	Address   string  `json:"address,omitempty"`
}

// Interactive is the answer to a question with options.
type Interactive struct {
	Type        string  `json:"type"`
	ButtonReply *Option `json:"button_reply,omitempty"`
	ListReply   *Option `json:"list_reply,omitempty"`
}

// Option is what was chosen.
type Option struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
}

// Button is the answer to a quick reply of a template. Its payload is the option's id.
type Button struct {
	Payload string `json:"payload"`
	Text    string `json:"text"`
}

// Tell sets what the message holds. kind is the message's type, "" for one that does not
// belong here.
func (t *Told) Tell(d engine.MessageData) (kind string) {
	switch l := d.Location; {
	case d.Choice != nil:
		return t.answer(*d.Choice)
	case d.Type == engine.KindContact:
		t.Contacts = Cards(d.Contacts)
		return "contacts"
	case d.Type == engine.KindLocation && l != nil:
		t.Location = &Location{Latitude: l.Latitude, Longitude: l.Longitude, Name: l.Name, Address: l.Address}
		return "location"
	}
	return ""
}

// answer says what was chosen of the options of a message.
func (t *Told) answer(c engine.ChosenInfo) (kind string) {
	switch c.Style {
	case engine.StyleQuickReply:
		t.Button = &Button{Payload: c.ID, Text: c.Title}
		return "button"
	case engine.StyleList:
		t.Interactive = &Interactive{Type: "list_reply", ListReply: &Option{c.ID, c.Title, c.Description}}
	default:
		t.Interactive = &Interactive{Type: "button_reply", ButtonReply: &Option{ID: c.ID, Title: c.Title}}
	}
	return "interactive"
}
