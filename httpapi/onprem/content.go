package onprem

import (
	"net/url"

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

// content reads what the message holds.
func (o object) content(m *Message, kind string) {
	switch kind {
	case "text":
		m.Outgoing.Kind = engine.KindText
		text := o.needPart("text")
		m.Outgoing.Text, m.LinkPreview = text.needShort("body", maxText), text.flag("preview_url")
	case "image", "video", "audio", "voice", "document", "sticker":
		o.file(m, kind)
	case "location":
		m.Outgoing.Kind, m.Outgoing.Location = engine.KindLocation, o.needPart("location").location()
	case "contacts":
		m.Outgoing.Kind, m.Outgoing.Contacts = engine.KindContact, o.contacts()
	case "reaction":
		o.reaction(m)
	case "interactive":
		o.needPart("interactive").interactive(m)
	case "template":
		m.Template = o.needPart("template").template()
	case "hsm":
		m.Template = o.needPart("hsm").hsm()
	default:
		o.fail(CodeValue, "type must be one of text, image, video, audio, voice, document, sticker, location, contacts, reaction, interactive, template, hsm")
	}
}

// file reads a message that carries one.
func (o object) file(m *Message, kind string) {
	part := o.needPart(kind)
	m.Outgoing.Kind = engine.Kind(kind)
	m.Media = part.media()
	switch m.Outgoing.Kind {
	case engine.KindAudio:
		if part.flag("voice") {
			m.Outgoing.Kind = engine.KindVoice
		}
	case engine.KindDocument:
		if m.Media.FileName = part.text("filename"); len(m.Media.FileName) > maxName {
			part.fail(CodeValue, "%sfilename must be at most %d bytes long", part.path, maxName)
		}
		fallthrough
	case engine.KindImage, engine.KindVideo:
		m.Outgoing.Text = part.short("caption", maxCaption)
	}
}

// media reads where a file comes from.
func (o object) media() *Media {
	m := &Media{ID: o.text("id"), Link: o.text("link")}
	switch {
	case m.ID == "" && m.Link == "":
		o.fail(CodeMissing, "%sid or %slink is required", o.path, o.path)
	case m.ID != "" && m.Link != "":
		o.fail(CodeValue, "%sid and %slink exclude each other", o.path, o.path)
	case m.Link != "" && !isWebAddress(m.Link):
		o.fail(CodeValue, "%slink must be a URL that begins with http:// or https:// and has at most %d bytes", o.path, maxLink)
	}
	return m
}

func isWebAddress(s string) bool {
	u, err := url.Parse(s)
	return len(s) <= maxLink && err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

func (o object) location() *engine.Location {
	return &engine.Location{Latitude: o.number("latitude", -90, 90), Longitude: o.number("longitude", -180, 180),
		Name: o.short("name", maxPlace), Address: o.short("address", maxPlace)}
}

func (o object) reaction(m *Message) {
	part := o.needPart("reaction")
	m.Outgoing.Kind = engine.KindReaction
	m.Outgoing.Target = part.message("message_id")
	if !part.has("emoji") {
		part.fail(CodeMissing, "reaction.emoji is required; an empty one takes the reaction back")
	}
	if m.Outgoing.Text = part.text("emoji"); len(m.Outgoing.Text) > maxEmoji {
		part.fail(CodeValue, "reaction.emoji must be a single emoji")
	}
}
