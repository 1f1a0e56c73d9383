package realtime

import "wapid/engine"

// documentedMessage is the payload that the documentation shows, and ours behind it.
type documentedMessage struct {
	ID        string  `json:"id"`
	Contact   string  `json:"contact_id"`
	Direction string  `json:"direction"`
	Type      string  `json:"type"`
	Content   content `json:"content"`
	Timestamp string  `json:"timestamp"`

	Context *replyTo         `json:"context,omitempty"`
	Phone   string           `json:"phone_number,omitempty"`
	Name    string           `json:"profile_name,omitempty"`
	Group   engine.JID       `json:"group,omitempty"`
	Session engine.SessionID `json:"session_id"`
	WAMID   string           `json:"wamid,omitempty"`
}

// replyTo names the message that this one replies to.
type replyTo struct {
	MessageID string `json:"message_id"`
}

// content has the members that go with the type. Text is there for every type that
// says something in words, so that clients that read nothing else show that.
type content struct {
	Text     *string `json:"text,omitempty"`
	Caption  string  `json:"caption,omitempty"`
	MediaID  string  `json:"media_id,omitempty"`
	MIMEType string  `json:"mime_type,omitempty"`
	Filename string  `json:"filename,omitempty"`
	MediaURL string  `json:"media_url,omitempty"`
	Voice    bool    `json:"voice,omitempty"`

	// Coordinates are written as WhatsApp's apps have them, of location.
	Latitude  *float64 `json:"latitude,omitempty"`
	Longitude *float64 `json:"longitude,omitempty"`
	Name      string   `json:"name,omitempty"`
	Address   string   `json:"address,omitempty"`

	Contacts  []engine.Contact `json:"contacts,omitempty"`
	MessageID string           `json:"message_id,omitempty"` // of reactions, edits, revocations and answers: what they are about
	Emoji     *string          `json:"emoji,omitempty"`      // of reactions; "" takes one back
	Options   []string         `json:"options,omitempty"`    // of polls and votes
	Choice    *choice          `json:"choice,omitempty"`     // of interactive
	Held      string           `json:"held,omitempty"`       // of unsupported: what it held
}

// choice is the option that the recipient of a question has chosen.
type choice struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
}

func (m Message) documented() documentedMessage {
	p := documentedMessage{ID: m.uuid(m.ID), Contact: m.ContactID, Direction: m.direction(), Type: m.kind(), Content: m.content(), Timestamp: moment(m.At),
		Phone: m.Phone, Name: m.Name, Group: m.Group, Session: m.Session.ID, WAMID: m.WAMID}
	if q := m.Details.Quoted; q != nil {
		p.Context = &replyTo{m.uuid(q.MessageID)}
	}
	return p
}

func (m Message) content() content {
	d := m.Details
	if c := d.Choice; c != nil {
		return content{Text: &m.Text, MessageID: m.target(c.MessageID), Choice: &choice{c.ID, c.Title, c.Description}}
	}
	switch {
	case m.Kind.HasMedia():
		c := content{Caption: m.Text, MediaID: m.MediaID, MediaURL: m.MediaURL(), Voice: m.Kind == engine.KindVoice}
		if f := d.Media; f != nil {
			c.MIMEType, c.Filename = f.MimeType, f.FileName
		}
		return c
	case m.Kind == engine.KindLocation && d.Location != nil:
		return content{Latitude: &d.Location.Latitude, Longitude: &d.Location.Longitude, Name: d.Location.Name, Address: d.Location.Address}
	case m.Kind == engine.KindContact:
		return content{Contacts: d.Contacts}
	case m.Kind == engine.KindReaction && d.Reaction != nil:
		return content{MessageID: m.target(d.Reaction.MessageID), Emoji: &d.Reaction.Emoji}
	case m.Kind == engine.KindEdit && d.Edit != nil:
		return content{Text: &m.Text, MessageID: m.target(d.Edit.MessageID)}
	case m.Kind == engine.KindRevoke && d.Revoke != nil:
		return content{MessageID: m.target(d.Revoke.MessageID)}
	case m.Kind == engine.KindPoll && d.Poll != nil:
		return content{Text: &m.Text, Options: d.Poll.Options}
	case m.Kind == engine.KindPollVote && d.Vote != nil:
		return content{MessageID: m.target(d.Vote.MessageID), Options: d.Vote.Options}
	case m.Kind == engine.KindUnsupported:
		return content{Held: d.Unsupported}
	}
	return content{Text: &m.Text}
}

// target is the UUID of the message that this one is about; "" if that is not known.
func (m Message) target(id engine.MessageID) string {
	if id == "" {
		return ""
	}
	return m.uuid(id)
}
