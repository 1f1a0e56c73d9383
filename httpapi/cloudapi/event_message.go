package cloudapi

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"

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
	Errors      []Fault      `json:"errors,omitempty"`
	Type        string       `json:"type"`
	Text        *textBody    `json:"text,omitempty"`
	Image       *media       `json:"image,omitempty"`
	Video       *media       `json:"video,omitempty"`
	Audio       *media       `json:"audio,omitempty"`
	Document    *media       `json:"document,omitempty"`
	Sticker     *media       `json:"sticker,omitempty"`
	Location    *location    `json:"location,omitempty"`
	Contacts    []personCard `json:"contacts,omitempty"`
	Interactive *interactive `json:"interactive,omitempty"`
	Button      *button      `json:"button,omitempty"`
	Reaction    *reaction    `json:"reaction,omitempty"`
	Unsupported *unsupported `json:"unsupported,omitempty"`
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

// media is a file. Sha256 is in base64 here, and in hex where the file is asked for.
type media struct {
	Caption  string `json:"caption,omitempty"`
	FileName string `json:"filename,omitempty"`
	MimeType string `json:"mime_type"`
	SHA256   string `json:"sha256,omitempty"`
	ID       string `json:"id"`
	Animated *bool  `json:"animated,omitempty"` // of stickers
	Voice    *bool  `json:"voice,omitempty"`    // of audio
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

// button is the answer to a quick reply of a template. Its payload is the option's id.
type button struct {
	Payload string `json:"payload"`
	Text    string `json:"text"`
}

// reaction without an emoji takes one back.
type reaction struct {
	MessageID string `json:"message_id"`
	Emoji     string `json:"emoji,omitempty"`
}

// unsupported names what a message holds that the Cloud API does not tell.
type unsupported struct {
	Type string `json:"type"`
}

// Fault is an error as webhooks tell it.
type Fault struct {
	Code    Code       `json:"code"`
	Title   string     `json:"title"`
	Message string     `json:"message"`
	Data    *faultData `json:"error_data,omitempty"`
	Href    string     `json:"href,omitempty"`
}

type faultData struct {
	Details string `json:"details"`
}

// message is the value of a message. People are named by their numbers alone: a LID is
// none, and whoever has only that is named by a user id.
func (f EventFacts) message(d engine.MessageData) value {
	number := phoneOf(d.From)
	var user string
	if number == "" {
		user = UserID(cmp.Or(d.FromLID, d.From))
	}
	m := message{From: number, FromUserID: user, ID: f.ID, Timestamp: stamp(d.Timestamp)}
	if d.IsGroup {
		m.GroupID = d.Chat.User()
	}
	if f.ContextID != "" || d.Forwarded {
		m.Context = &context{From: f.ContextFrom, ID: f.ContextID, Forwarded: d.Forwarded}
	}
	f.fill(&m, d)
	return f.value(value{Contacts: []profile{{Profile: profileName{d.PushName}, WAID: number, UserID: user}}, Messages: []message{m}})
}

// fill sets a message's type and content.
func (f EventFacts) fill(m *message, d engine.MessageData) {
	if c := d.Choice; c != nil {
		m.answer(*c)
		return
	}
	switch d.Type {
	case engine.KindText:
		m.Type, m.Text = "text", &textBody{d.Body}
	case engine.KindImage:
		m.Type, m.Image = "image", f.file(d)
	case engine.KindVideo:
		m.Type, m.Video = "video", f.file(d)
	case engine.KindAudio, engine.KindVoice:
		voice := d.Type == engine.KindVoice
		m.Type, m.Audio = "audio", f.file(d)
		m.Audio.Caption, m.Audio.Voice = "", &voice
	case engine.KindDocument:
		m.Type, m.Document = "document", f.file(d)
	case engine.KindSticker:
		animated := d.Media != nil && d.Media.Animated
		m.Type, m.Sticker = "sticker", f.file(d)
		m.Sticker.Caption, m.Sticker.Animated = "", &animated
	case engine.KindLocation:
		if l := d.Location; l != nil {
			m.Type, m.Location = "location", &location{Latitude: l.Latitude, Longitude: l.Longitude, Name: l.Name, Address: l.Address}
			return
		}
		m.refuse("location")
	case engine.KindContact:
		m.Type, m.Contacts = "contacts", cards(d.Contacts)
	case engine.KindReaction:
		m.Type, m.Reaction = "reaction", &reaction{MessageID: f.TargetID, Emoji: d.Body}
		if d.Reaction != nil {
			m.Reaction.Emoji = d.Reaction.Emoji
		}
	case engine.KindPoll:
		m.refuse("poll_creation")
	case engine.KindPollVote:
		m.refuse("poll_update")
	case engine.KindEdit:
		m.refuse("edit")
	case engine.KindRevoke:
		m.refuse("revoke")
	default:
		m.refuse("unknown")
	}
}

// refuse says of a message that its content is not told.
func (m *message) refuse(what string) {
	const title = "Message type unknown"
	m.Type, m.Unsupported = "unsupported", &unsupported{what}
	m.Errors = []Fault{{Code: CodeUnsupportedType, Title: title, Message: title, Data: &faultData{"Message type is currently not supported."}}}
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
	m := &media{Caption: d.Body, ID: f.MediaID}
	if d.Media == nil {
		return m
	}
	m.MimeType = d.Media.MimeType
	if sum, err := hex.DecodeString(d.Media.SHA256); err == nil {
		m.SHA256 = base64.StdEncoding.EncodeToString(sum)
	}
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
