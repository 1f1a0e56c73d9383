package cloudapi

import (
	"encoding/json"
	"strings"

	"wapid/engine"
	"wapid/httpapi/metabody"
)

// Request is what POST /{phone}/messages asks for: exactly one of its members is set.
type Request struct {
	Message *Message
	Read    *Read
}

// Read marks messages as read.
type Read struct {
	ID     WAMID // the newest of them
	Typing bool  // show the sender that an answer is being written
}

// Message is a message to be sent. What refers to other messages, files and templates
// is left to whoever can look them up.
type Message struct {
	// Outgoing has no file yet, and of a template neither kind nor content.
	Outgoing engine.Outgoing
	// Input is the recipient as it was given.
	Input       string
	Media       *metabody.Media // of kinds that have media
	Template    *Template       // instead of any content
	LinkPreview bool
	// Context is the message that is replied to, and Target the one that is reacted
	// to; nil for none.
	Context, Target *WAMID
}

// Template is a template with the values of its parameters.
type Template struct {
	Name       string
	Language   string
	Components json.RawMessage // as package engine/template parses them; nil for none
}

// Decode reads the body of POST /{phone}/messages, whose syntax was checked. It is as
// lenient as Meta is: null is absent, numbers may be texts, a type that is missing is
// text. It returns *Error.
func Decode(body []byte, number metabody.Number) (Request, error) {
	o := metabody.Read(body)
	if p := o.Text("messaging_product"); p != Product {
		if p == "" {
			o.Failf(metabody.Invalid, "The parameter messaging_product is required.")
		}
		o.Refuse("messaging_product", metabody.Invalid, "must be one of the following: %s", Product)
	}
	if o.Has("status") {
		r := readOf(o)
		return Request{Read: &r}, refusal(o)
	}
	m := messageOf(o, number)
	if err := refusal(o); err != nil {
		return Request{}, err
	}
	return Request{Message: &m}, nil
}

func readOf(o metabody.Object) (r Read) {
	if status := o.Text("status"); status != "read" {
		o.Refuse("status", metabody.Invalid, "must be read")
	}
	r.ID = messageID(o, "message_id")
	if o.Has("typing_indicator") {
		indicator := o.Part("typing_indicator")
		if kind := indicator.Text("type"); kind != "text" && kind != "" {
			indicator.Refuse("type", metabody.Invalid, "must be text")
		}
		r.Typing = true
	}
	return r
}

// messageID reads the id of a message, which must be there.
func messageID(o metabody.Object, name string) WAMID {
	w, ok := ParseWAMID(o.Need(name))
	if !ok {
		o.Refuse(name, metabody.Value, "is not the id of a message")
	}
	return w
}

func messageOf(o metabody.Object, number metabody.Number) (m Message) {
	to, input := recipient(o, number)
	kind := o.Kind()
	var c metabody.Content
	switch kind {
	case "reaction":
		id := messageID(o.NeedPart("reaction"), "message_id")
		m.Target = &id
		c = o.Content(kind)
		c.Outgoing.Target = &engine.MessageRef{ID: id.ID}
	case "text", "image", "video", "audio", "document", "sticker", "location", "contacts", "interactive":
		c = o.Content(kind)
	case "template":
		m.Template = templateOf(o.NeedPart("template"))
	case "order", "system", "request_welcome", "pin", "unsupported", "button", "hsm":
		o.Failf(metabody.Unsupported, "messages of type %s can't be sent from a linked device", kind)
	default:
		o.Refuse("type", metabody.Invalid, "must be one of text, image, video, audio, document, sticker, location, contacts, reaction, interactive, template")
	}
	m.Outgoing, m.Media, m.LinkPreview = c.Outgoing, c.Media, c.LinkPreview
	m.Outgoing.To, m.Input = to, input
	if o.Has("context") {
		if kind == "reaction" {
			o.Failf(metabody.Invalid, "a reaction can't be a reply: context does not go with it")
		}
		id := messageID(o.Part("context"), "message_id")
		m.Context, m.Outgoing.Quoted = &id, &engine.MessageRef{ID: id.ID}
	}
	m.Outgoing.CallbackData = o.Short("biz_opaque_callback_data", engine.MaxCallbackData)
	return m
}

func templateOf(o metabody.Object) *Template {
	t := &Template{Name: o.Need("name"), Language: o.NeedPart("language").Need("code")}
	if raw, given := o.Raw("components"); given {
		t.Components = raw
	}
	return t
}

// recipient reads whom the message is for, and how that was given.
func recipient(o metabody.Object, number metabody.Number) (to engine.JID, input string) {
	switch kind := o.Text("recipient_type"); kind {
	case "", "individual":
	case "group":
		return o.Group("to"), o.Text("to")
	default:
		o.Refuse("recipient_type", metabody.Value, "must be individual or group")
		return "", ""
	}
	if input = o.Text("to"); input == "" && o.Has("recipient") {
		input = o.Text("recipient")
		to, known := metabody.ParseUserID(strings.TrimSpace(input))
		if !known {
			o.Refuse("recipient", metabody.Value, "must be a user id such as IN.123456789012345")
		}
		return to, input
	}
	if strings.TrimSpace(input) == "" {
		o.Failf(metabody.Missing, "The parameter to is required.")
		return "", input
	}
	to, err := number(input)
	if lid, ok := metabody.ParseUserID(strings.TrimSpace(input)); ok {
		to, err = lid, nil
	}
	if err != nil || to.Person() == (engine.Person{}) {
		o.Refuse("to", metabody.Value, "must be a phone number with its country code")
	}
	return to, input
}
