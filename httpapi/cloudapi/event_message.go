package cloudapi

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"

	"wapid/engine"
	"wapid/httpapi/metabody"
)

// message is one that somebody has sent. Of its contents the one is set that its type
// names.
type message struct {
	Context    *metabody.Context `json:"context,omitempty"`
	From       string            `json:"from,omitempty"`
	FromUserID string            `json:"from_user_id,omitempty"` // where the number is not known
	GroupID    string            `json:"group_id,omitempty"`
	ID         string            `json:"id"`
	Timestamp  string            `json:"timestamp"`
	Errors     []Fault           `json:"errors,omitempty"`
	Type       string            `json:"type"`
	Text       *metabody.Text    `json:"text,omitempty"`
	Image      *media            `json:"image,omitempty"`
	Video      *media            `json:"video,omitempty"`
	Audio      *media            `json:"audio,omitempty"`
	Document   *media            `json:"document,omitempty"`
	Sticker    *media            `json:"sticker,omitempty"`
	metabody.Told
	Reaction    *reaction    `json:"reaction,omitempty"`
	Unsupported *unsupported `json:"unsupported,omitempty"`
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
	number := metabody.PhoneOf(d.From)
	var user string
	if number == "" {
		user = metabody.UserID(cmp.Or(d.FromLID, d.From))
	}
	m := message{From: number, FromUserID: user, ID: f.ID, Timestamp: metabody.Stamp(d.Timestamp)}
	if d.IsGroup {
		m.GroupID = d.Chat.User()
	}
	if f.ContextID != "" || d.Forwarded {
		m.Context = &metabody.Context{From: f.ContextFrom, ID: f.ContextID, Forwarded: d.Forwarded}
	}
	f.fill(&m, d)
	return f.value(value{Contacts: []metabody.Profile{{Profile: metabody.ProfileName{Name: d.PushName}, WAID: number, UserID: user}}, Messages: []message{m}})
}

// fill sets a message's type and content.
func (f EventFacts) fill(m *message, d engine.MessageData) {
	if m.Type = m.Tell(d); m.Type != "" {
		return
	}
	switch d.Type {
	case engine.KindText:
		m.Type, m.Text = "text", &metabody.Text{Body: d.Body}
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
	case engine.KindReaction:
		m.Type, m.Reaction = "reaction", &reaction{MessageID: f.TargetID, Emoji: d.Body}
		if d.Reaction != nil {
			m.Reaction.Emoji = d.Reaction.Emoji
		}
	case engine.KindLocation: // of which the place is not known
		m.refuse("location")
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
