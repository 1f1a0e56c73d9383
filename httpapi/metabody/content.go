package metabody

import (
	"cmp"
	"net/url"
	"strings"

	"wapid/engine"
)

// Limits of what a message may hold, in characters where nothing else is said. They are
// Meta's.
const (
	maxText    = 4096
	maxCaption = 1024
	maxLink    = 8 << 10 // bytes
	maxName    = 240     // bytes of a document's name
	maxPlace   = 1000
	maxEmoji   = 64 // bytes: families of people with skin tones are long
)

// Content is what a message holds that is to be sent.
type Content struct {
	// Outgoing has a kind and what goes with it, but neither a recipient nor a file, nor
	// the message that a reaction is on.
	Outgoing    engine.Outgoing
	Media       *Media // of kinds that have media
	LinkPreview bool
}

// Media is a file: uploaded ahead, or to be fetched. One of ID and Link is given.
type Media struct {
	ID       string
	Link     string
	FileName string // of documents; may be empty
}

// Kind is the type of a message, text if none is named.
func (o Object) Kind() string {
	return cmp.Or(strings.ToLower(o.Text("type")), "text")
}

// Content reads what a message of a kind holds: text, image, video, audio, voice,
// document, sticker, location, contacts, reaction or interactive. Which of them there
// are is the API's.
func (o Object) Content(kind string) (c Content) {
	out := &c.Outgoing
	switch kind {
	case "text":
		text := o.NeedPart("text")
		out.Kind, out.Text, c.LinkPreview = engine.KindText, text.NeedShort("body", maxText), text.Flag("preview_url")
	case "image", "video", "audio", "voice", "document", "sticker":
		c.file(o.NeedPart(kind), engine.Kind(kind))
	case "location":
		out.Kind, out.Location = engine.KindLocation, o.NeedPart("location").location()
	case "contacts":
		out.Kind, out.Contacts = engine.KindContact, o.contacts()
	case "reaction":
		out.Kind, out.Text = engine.KindReaction, o.NeedPart("reaction").emoji()
	case "interactive":
		c.interactive(o.NeedPart("interactive"))
	}
	return c
}

// file reads a message that carries one.
func (c *Content) file(o Object, kind engine.Kind) {
	c.Outgoing.Kind, c.Media = kind, o.media()
	switch kind {
	case engine.KindAudio:
		if o.Flag("voice") {
			c.Outgoing.Kind = engine.KindVoice
		}
	case engine.KindDocument:
		if c.Media.FileName = o.Text("filename"); len(c.Media.FileName) > maxName {
			o.Refuse("filename", Invalid, "must be at most %d bytes long", maxName)
		}
		fallthrough
	case engine.KindImage, engine.KindVideo:
		c.Outgoing.Text = o.Short("caption", maxCaption)
	}
}

// media reads where a file comes from.
func (o Object) media() *Media {
	m := &Media{ID: o.Text("id"), Link: o.Text("link")}
	switch {
	case m.ID == "" && m.Link == "":
		o.Failf(Missing, "%sid or %slink is required", o.path, o.path)
	case m.ID != "" && m.Link != "":
		o.Failf(Value, "%sid and %slink exclude each other", o.path, o.path)
	case m.Link != "" && !IsWebAddress(m.Link):
		o.Refuse("link", Value, "must be a URL that begins with http:// or https:// and has at most %d bytes", maxLink)
	}
	return m
}

// IsWebAddress tells whether a text is a URL of HTTP with a host, and of no more than 8 KiB.
func IsWebAddress(s string) bool {
	u, err := url.Parse(s)
	return len(s) <= maxLink && err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

func (o Object) location() *engine.Location {
	return &engine.Location{Latitude: o.Number("latitude", -90, 90), Longitude: o.Number("longitude", -180, 180),
		Name: o.Short("name", maxPlace), Address: o.Short("address", maxPlace)}
}

// emoji is that of a reaction.
func (o Object) emoji() string {
	if !o.Has("emoji") {
		o.Refuse("emoji", Missing, "is required; an empty one takes the reaction back")
	}
	emoji := o.Text("emoji")
	if len(emoji) > maxEmoji {
		o.Refuse("emoji", Value, "must be a single emoji")
	}
	return emoji
}
