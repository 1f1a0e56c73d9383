package hub

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"html/template"
	"slices"
	"strings"
	"time"

	"wapid/engine"
)

// MostShown is how many messages of a published conversation are shown.
const MostShown = 50

// DefaultTitle is what a conversation without a title is called.
const DefaultTitle = "WhatsApp Conversation"

//go:embed conversation.html
var conversationHTML string

// Conversation is a published conversation as strangers see it: without numbers, and
// with people by their initials.
type Conversation struct {
	Title string
	Lines []Line
}

// Line is one message.
type Line struct {
	Own  bool   // sent by whoever published it
	Name string // initials; "" where only one person writes, or none are known
	Text string // the words, or what stands for a file
	Note bool   // Text stands for something that is not shown
	At   string // RFC 3339
	Time string // as it is read, in UTC
}

// Show makes what strangers see of the messages of a chat at a time, of the log newest
// first: the last ones, oldest first, as they are after what was edited, taken back or
// has disappeared.
func Show(title string, log []engine.LoggedMessage, now time.Time) Conversation {
	if title == "" {
		title = DefaultTitle
	}
	c := Conversation{Title: Mask(title)}
	gone, edits := make(map[engine.MessageID]bool), make(map[engine.MessageID][]engine.LoggedMessage)
	for _, m := range log { // what changes a message is newer
		switch m.Kind {
		case engine.KindRevoke:
			if of := m.Details.Revoke; of != nil {
				gone[of.MessageID] = true // whoever took it back: nothing is shown in doubt
			}
			continue
		case engine.KindEdit:
			if of := m.Details.Edit; of != nil {
				edits[of.MessageID] = append(edits[of.MessageID], m)
			}
			continue
		case engine.KindReaction, engine.KindPollVote:
			continue
		}
		if gone[m.ID] || m.Direction == engine.Outbound && !isSent(m.Status) || hasDisappeared(m, now) {
			continue
		}
		for _, edit := range edits[m.ID] { // the newest first
			if sameAuthor(edit, m) {
				m.Text = edit.Text
				break
			}
		}
		if c.Lines = append(c.Lines, lineOf(m)); len(c.Lines) == MostShown {
			break
		}
	}
	slices.Reverse(c.Lines)
	return c
}

// hasDisappeared tells whether the time of a disappearing message is over.
func hasDisappeared(m engine.LoggedMessage, now time.Time) bool {
	return m.Details.ExpiresIn > 0 && now.After(m.CreatedAt.Add(time.Duration(m.Details.ExpiresIn)*time.Second))
}

// sameAuthor tells whether two messages are one person's, under either address.
func sameAuthor(a, b engine.LoggedMessage) bool {
	return a.Direction == b.Direction && (a.Direction == engine.Outbound ||
		a.Peer.Phone != "" && a.Peer.Phone == b.Peer.Phone || a.Peer.LID != "" && a.Peer.LID == b.Peer.LID)
}

func isSent(s engine.MessageStatus) bool {
	switch s {
	case engine.MessageSent, engine.MessageDelivered, engine.MessageRead, engine.MessagePlayed:
		return true
	}
	return false
}

func lineOf(m engine.LoggedMessage) Line {
	at := m.CreatedAt
	if !m.SentAt.IsZero() {
		at = m.SentAt
	}
	l := Line{Own: m.Direction == engine.Outbound, Name: Initials(m.PushName), At: at.UTC().Format(time.RFC3339), Time: at.UTC().Format("2 Jan 2006, 15:04 UTC")}
	l.Text, l.Note = words(m.Kind), true
	if m.Kind == engine.KindText || m.Kind == engine.KindPoll && m.Text != "" {
		l.Text, l.Note = Mask(m.Text), false
	} else if m.Text != "" && m.Kind.HasMedia() && !m.Details.ViewOnce {
		l.Text += ": " + Mask(m.Text)
	}
	return l
}

// words stand for what is not shown.
func words(k engine.Kind) string {
	switch k {
	case engine.KindImage:
		return "Photo"
	case engine.KindVideo:
		return "Video"
	case engine.KindAudio:
		return "Audio"
	case engine.KindVoice:
		return "Voice message"
	case engine.KindDocument:
		return "Document"
	case engine.KindSticker:
		return "Sticker"
	case engine.KindLocation:
		return "Location"
	case engine.KindContact:
		return "Contact card"
	case engine.KindPoll:
		return "Poll"
	}
	return "Message"
}

// pageData is what the page shows.
type pageData struct {
	Conversation
	OEmbed string // where the page's oEmbed description is; "" for a page that is embedded
}

// StyleHash is what a policy needs to allow the page's own style, and nothing else.
func StyleHash() string {
	_, style, _ := strings.Cut(conversationHTML, "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// Page is a conversation as HTML without scripts. oEmbed is the address of its description.
func (c Conversation) Page(oEmbed string) ([]byte, error) {
	page, err := template.New("conversation").Parse(conversationHTML)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = page.Execute(&b, pageData{c, oEmbed})
	return b.Bytes(), err
}
