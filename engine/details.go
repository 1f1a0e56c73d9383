package engine

import (
	"encoding/hex"
	"time"
)

// Details is what a message holds beside its text, in the words of the public
// API: the events and the message log show it as it is. Exactly the parts that
// go with the message's kind are set.
type Details struct {
	Media    *MediaInfo  `json:"media,omitempty"`
	Location *Location   `json:"location,omitempty"`
	Contacts []Contact   `json:"contacts,omitempty"`
	Poll     *Poll       `json:"poll,omitempty"`
	Vote     *Vote       `json:"vote,omitempty"`
	Reaction *Reaction   `json:"reaction,omitempty"`
	Edit     *TargetInfo `json:"edit,omitempty"`
	Revoke   *TargetInfo `json:"revoke,omitempty"`
	Quoted   *QuotedInfo `json:"quoted,omitempty"`
	Choice   *ChosenInfo `json:"choice,omitempty"` // of incoming messages
	Mentions []JID       `json:"mentions,omitempty"`
	ViewOnce bool        `json:"viewOnce,omitempty"`
	// Forwarded tells that the sender passed on somebody's message.
	Forwarded bool `json:"forwarded,omitempty"`
	// ExpiresIn is the disappearing timer of the message, in seconds.
	ExpiresIn int64 `json:"expiresIn,omitempty"`
	// Unsupported names what an unsupported message held, as the network calls it.
	Unsupported string `json:"unsupported,omitempty"`
}

// MediaInfo describes a message's file. GET …/messages/{id}/media fetches it.
type MediaInfo struct {
	MimeType string `json:"mimeType"`
	FileName string `json:"fileName,omitempty"`
	Size     int64  `json:"size,omitempty"`    // bytes
	Width    int    `json:"width,omitempty"`   // pixels
	Height   int    `json:"height,omitempty"`  // pixels
	Seconds  int64  `json:"seconds,omitempty"` // of audio and video
	Animated bool   `json:"animated,omitempty"`
	SHA256   string `json:"sha256,omitempty"` // of the plain bytes, hex
}

// Vote is somebody's present choice in a poll; empty Options take it back.
type Vote struct {
	MessageID MessageID `json:"messageId"` // the poll
	Options   []string  `json:"options"`
	// Unresolved counts chosen options whose text is not known here.
	Unresolved int `json:"unresolved,omitempty"`
	// Undecryptable tells that the choice can't be read, because the poll never
	// came to this device. Options is empty then and means nothing.
	Undecryptable bool `json:"undecryptable,omitempty"`
	// Hashes are the chosen options as the network tells them: the SHA-256 of
	// each option's text. The engine looks for the texts.
	Hashes [][]byte `json:"-"`
}

// Reaction is an emoji on a message; an empty one takes it back.
type Reaction struct {
	MessageID MessageID `json:"messageId"`
	Emoji     string    `json:"emoji"`
	// FromMe tells that the message reacted to was sent by the session.
	FromMe bool `json:"fromMe"`
}

// TargetInfo names the message that an edit or a revocation is about.
type TargetInfo struct {
	MessageID MessageID `json:"messageId"`
	// From is whose message an admin of a group has taken back; empty where
	// somebody changed a message of their own.
	From JID `json:"from,omitempty"`
}

// QuotedInfo is what a reply refers to.
type QuotedInfo struct {
	MessageID MessageID `json:"messageId"`
	From      JID       `json:"from,omitempty"`
	Type      Kind      `json:"type,omitempty"`
	Body      string    `json:"body,omitempty"`
}

// Details of an outgoing message, as the log shows them.
func (m Outgoing) Details() Details {
	d := Details{Location: m.Location, Contacts: m.Contacts, Poll: m.Poll, Mentions: m.Mentions, ViewOnce: m.ViewOnce,
		ExpiresIn: int64(m.Expiration.Seconds())}
	if a := m.Attachment; a != nil {
		d.Media = &MediaInfo{MimeType: a.MIME, FileName: a.FileName, Size: a.Size, Width: a.Width, Height: a.Height,
			Seconds: wholeSeconds(a.Duration), Animated: a.Animated, SHA256: hex.EncodeToString(a.SHA256)}
	}
	if t := m.Target; t != nil {
		switch m.Kind {
		case KindReaction:
			d.Reaction = &Reaction{MessageID: t.ID, Emoji: m.Text, FromMe: t.FromMe}
		case KindEdit:
			d.Edit = &TargetInfo{MessageID: t.ID}
		case KindRevoke:
			d.Revoke = &TargetInfo{MessageID: t.ID}
		}
	}
	if q := m.Quoted; q != nil {
		d.Quoted = &QuotedInfo{MessageID: q.ID, From: q.Sender.Preferred(), Type: q.Kind, Body: q.Text}
	}
	return d
}

// wholeSeconds rounds up, as the recipient is told: what lasts at all lasts for a
// second.
func wholeSeconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
