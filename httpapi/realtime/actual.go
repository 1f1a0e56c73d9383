package realtime

import "wapid/engine"

// actualMessage is the payload of new_message, in the words of Whatomate's server.
type actualMessage struct {
	ID        string     `json:"id"`
	Contact   string     `json:"contact_id"`
	Direction string     `json:"direction"`
	Type      string     `json:"message_type"`
	Content   actualBody `json:"content"`
	Status    string     `json:"status"`
	WAMID     string     `json:"wamid,omitempty"`
	Created   string     `json:"created_at"`
	Updated   string     `json:"updated_at"`
	Name      string     `json:"profile_name"`

	MediaURL  string `json:"media_url,omitempty"`
	MediaType string `json:"media_mime_type,omitempty"`
	MediaName string `json:"media_filename,omitempty"`

	Interactive *actualChoice `json:"interactive_data,omitempty"`
	IsReply     bool          `json:"is_reply,omitempty"`
	ReplyTo     string        `json:"reply_to_message_id,omitempty"`
	Replied     *actualQuote  `json:"reply_to_message,omitempty"`

	Session engine.SessionID `json:"session_id"`
}

type actualBody struct {
	Body string `json:"body"`
}

type actualChoice struct {
	Type  string `json:"type"` // button_reply or list_reply
	ID    string `json:"id"`
	Title string `json:"title"`
}

// actualQuote is what a page shows above a reply.
type actualQuote struct {
	ID      string     `json:"id"`
	Content actualBody `json:"content"`
	Type    string     `json:"message_type"`
}

func (m Message) actual() actualMessage {
	p := actualMessage{ID: m.uuid(m.ID), Contact: m.ContactID, Direction: m.direction(), Type: m.kind(), Content: actualBody{m.Text},
		Status: string(m.Status), WAMID: m.WAMID, Created: moment(m.At), Updated: moment(m.At), Name: m.Name, MediaURL: m.MediaURL(), Session: m.Session.ID}
	if f := m.Details.Media; f != nil {
		p.MediaType, p.MediaName = f.MimeType, f.FileName
	}
	if c := m.Details.Choice; c != nil {
		p.Interactive = &actualChoice{"button_reply", c.ID, c.Title}
		if c.Style == engine.StyleList {
			p.Interactive.Type = "list_reply"
		}
	}
	if q := m.Details.Quoted; q != nil {
		p.IsReply, p.ReplyTo = true, m.uuid(q.MessageID)
		p.Replied = &actualQuote{p.ReplyTo, actualBody{q.Body}, Message{Kind: q.Type}.kind()}
	}
	return p
}

// actualReaction is the payload of reaction_update: the reactions to a message. Whatomate
// lists those of everybody; here it is the one that has changed.
type actualReaction struct {
	MessageID string        `json:"message_id"`
	Contact   string        `json:"contact_id"`
	Reactions []actualEmoji `json:"reactions"`
}

type actualEmoji struct {
	Emoji string `json:"emoji"`
	Phone string `json:"from_phone,omitempty"`
}

func (m Message) reaction(r engine.Reaction) actualReaction {
	p := actualReaction{MessageID: m.uuid(r.MessageID), Contact: m.ContactID, Reactions: []actualEmoji{}}
	if r.Emoji != "" {
		p.Reactions = append(p.Reactions, actualEmoji{Emoji: r.Emoji})
		if !m.Outgoing {
			p.Reactions[0].Phone = m.Phone
		}
	}
	return p
}
