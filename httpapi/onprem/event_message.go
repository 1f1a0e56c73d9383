package onprem

import (
	"cmp"

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
	Errors     []fault           `json:"errors,omitempty"`
	Type       string            `json:"type"`
	Text       *metabody.Text    `json:"text,omitempty"`
	Image      *media            `json:"image,omitempty"`
	Video      *media            `json:"video,omitempty"`
	Audio      *media            `json:"audio,omitempty"`
	Voice      *media            `json:"voice,omitempty"`
	Document   *media            `json:"document,omitempty"`
	Sticker    *media            `json:"sticker,omitempty"`
	metabody.Told
	Reaction *reaction `json:"reaction,omitempty"`
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

// reaction with an empty emoji takes one back.
type reaction struct {
	MessageID string `json:"message_id"`
	Emoji     string `json:"emoji"`
}

// message is a message in a webhook. People are named by their numbers alone.
func (f EventFacts) message(d engine.MessageData) message {
	m := message{From: metabody.PhoneOf(d.From), ID: f.ID, Timestamp: metabody.Stamp(d.Timestamp)}
	if m.From == "" {
		m.FromUserID = metabody.UserID(cmp.Or(d.FromLID, d.From))
	}
	if d.IsGroup {
		m.GroupID = d.Chat.User()
	}
	if f.ContextID != "" || d.Forwarded {
		m.Context = &metabody.Context{From: f.ContextFrom, ID: f.ContextID, Forwarded: d.Forwarded}
	}
	f.fill(&m, d)
	return m
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
	case engine.KindReaction:
		m.Type, m.Reaction = "reaction", &reaction{MessageID: f.TargetID, Emoji: d.Body}
		if d.Reaction != nil {
			m.Reaction.Emoji = d.Reaction.Emoji
		}
	default: // polls and their votes, edits, and what is not known here either
		m.refuse()
	}
}

// refuse says of a message that its content is not told.
func (m *message) refuse() {
	m.Type = "unknown"
	m.Errors = []fault{{Code: CodeUnknownType, Title: CodeUnknownType.Title(), Details: "Message type is not currently supported"}}
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
