package onprem

import (
	"cmp"

	"wapid/engine"
)

// message is one that somebody has sent. Of its contents the one is set that its type
// names.
type message struct {
	Context     *context     `json:"context,omitempty"`
	From        string       `json:"from,omitempty"`
	FromUserID  string       `json:"from_user_id,omitempty"` // where the number is not known
	GroupID     string       `json:"group_id,omitempty"`
	ID          string       `json:"id"`
	Timestamp   string       `json:"timestamp"`
	Errors      []fault      `json:"errors,omitempty"`
	Type        string       `json:"type"`
	Text        *textBody    `json:"text,omitempty"`
	Image       *media       `json:"image,omitempty"`
	Video       *media       `json:"video,omitempty"`
	Audio       *media       `json:"audio,omitempty"`
	Voice       *media       `json:"voice,omitempty"`
	Document    *media       `json:"document,omitempty"`
	Sticker     *media       `json:"sticker,omitempty"`
	Location    *location    `json:"location,omitempty"`
	Contacts    []personCard `json:"contacts,omitempty"`
	Interactive *interactive `json:"interactive,omitempty"`
	Button      *button      `json:"button,omitempty"`
	Reaction    *reaction    `json:"reaction,omitempty"`
}

// context says what a message replies to, or that it was passed on.
type context struct {
	From      string `json:"from,omitempty"`
	ID        string `json:"id,omitempty"`
	Forwarded bool   `json:"forwarded,omitempty"`
}

type textBody struct {
	Body string `json:"body"`
}

// media is a file, whose bytes GET /v1/media/{id} answers.
type media struct {
	Caption  string `json:"caption,omitempty"`
	FileName string `json:"filename,omitempty"`
	ID       string `json:"id"`
	MimeType string `json:"mime_type"`
	SHA256   string `json:"sha256,omitempty"` // hex
	Animated *bool  `json:"animated,omitempty"`
}

type location struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Name      string  `json:"name,omitempty"`
	Address   string  `json:"address,omitempty"`
}

type interactive struct {
	Type        string  `json:"type"`
	ButtonReply *option `json:"button_reply,omitempty"`
	ListReply   *option `json:"list_reply,omitempty"`
}

type option struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
}

// button is the answer to a quick reply of a template.
type button struct {
	Payload string `json:"payload"`
	Text    string `json:"text"`
}

// reaction with an empty emoji takes one back.
type reaction struct {
	MessageID string `json:"message_id"`
	Emoji     string `json:"emoji"`
}

// message is a message in a webhook. People are named by their numbers alone.
func (f EventFacts) message(d engine.MessageData) message {
	m := message{From: phoneOf(d.From), ID: f.ID, Timestamp: stamp(d.Timestamp)}
	if m.From == "" {
		m.FromUserID = userID(cmp.Or(d.FromLID, d.From))
	}
	if d.IsGroup {
		m.GroupID = d.Chat.User()
	}
	if f.ContextID != "" || d.Forwarded {
		m.Context = &context{From: f.ContextFrom, ID: f.ContextID, Forwarded: d.Forwarded}
	}
	f.fill(&m, d)
	return m
}

// fill sets a message's type and content.
func (f EventFacts) fill(m *message, d engine.MessageData) {
	if d.Choice != nil {
		m.answer(*d.Choice)
		return
	}
	switch d.Type {
	case engine.KindText:
		m.Type, m.Text = "text", &textBody{d.Body}
	case engine.KindImage:
		m.Type, m.Image = "image", f.file(d)
	case engine.KindVideo:
		m.Type, m.Video = "video", f.file(d)
	case engine.KindAudio:
		m.Type, m.Audio = "audio", f.file(d)
	case engine.KindVoice:
		m.Type, m.Voice = "voice", f.file(d)
	case engine.KindDocument:
		m.Type, m.Document = "document", f.file(d)
	case engine.KindSticker:
		animated := d.Media != nil && d.Media.Animated
		m.Type, m.Sticker = "sticker", f.file(d)
		m.Sticker.Animated = &animated
	case engine.KindLocation:
		m.place(d.Location)
	case engine.KindContact:
		m.Type, m.Contacts = "contacts", cards(d.Contacts)
	case engine.KindReaction:
		m.Type, m.Reaction = "reaction", &reaction{MessageID: f.TargetID, Emoji: d.Body}
		if d.Reaction != nil {
			m.Reaction.Emoji = d.Reaction.Emoji
		}
	default: // polls and their votes, edits, and what is not known here either
		m.refuse()
	}
}

func (m *message) place(l *engine.Location) {
	if l == nil {
		m.refuse()
		return
	}
	m.Type, m.Location = "location", &location{Latitude: l.Latitude, Longitude: l.Longitude, Name: l.Name, Address: l.Address}
}

// refuse says of a message that its content is not told.
func (m *message) refuse() {
	m.Type = "unknown"
	m.Errors = []fault{{Code: CodeUnknownType, Title: CodeUnknownType.Title(), Details: "Message type is not currently supported"}}
}

// answer says what was chosen of the options of a message.
func (m *message) answer(c engine.ChosenInfo) {
	m.Type = "interactive"
	switch c.Style {
	case engine.StyleQuickReply:
		m.Type, m.Button = "button", &button{Payload: c.ID, Text: c.Title}
	case engine.StyleList:
		m.Interactive = &interactive{Type: "list_reply", ListReply: &option{c.ID, c.Title, c.Description}}
	default:
		m.Interactive = &interactive{Type: "button_reply", ButtonReply: &option{ID: c.ID, Title: c.Title}}
	}
}

// file is the file of a message.
func (f EventFacts) file(d engine.MessageData) *media {
	m := &media{ID: f.MediaID}
	if d.Type == engine.KindImage || d.Type == engine.KindVideo || d.Type == engine.KindDocument {
		m.Caption = d.Body
	}
	if d.Media == nil {
		return m
	}
	m.MimeType, m.SHA256 = d.Media.MimeType, d.Media.SHA256
	if d.Type == engine.KindDocument {
		m.FileName = d.Media.FileName
	}
	return m
}

// phoneOf is the number of somebody's address, "" for one that is none.
func phoneOf(j engine.JID) string {
	if j.Server() != engine.ServerPhone {
		return ""
	}
	return j.User()
}

// userID stands for somebody of whom only a LID is known. A LID is no number, and never
// takes the place of one.
func userID(of engine.JID) string {
	if of.Server() != engine.ServerLID {
		return ""
	}
	return "ZZ." + of.User()
}
