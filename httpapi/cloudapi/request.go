package cloudapi

import (
	"encoding/json"
	"strings"

	"wapid/engine"
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
	Media       *Media    // of kinds that have media
	Template    *Template // instead of any content
	LinkPreview bool
	// Context is the message that is replied to, and Target the one that is reacted
	// to; nil for none.
	Context, Target *WAMID
}

// Media is a file: uploaded ahead, or to be fetched. One of ID and Link is given.
type Media struct {
	ID       string
	Link     string
	FileName string // of documents; may be empty
}

// Template is a template with the values of its parameters.
type Template struct {
	Name       string
	Language   string
	Components json.RawMessage // as package engine/template parses them; nil for none
}

// Number reads a phone number as it is given to a recipient's address.
type Number func(string) (engine.JID, error)

// Decode reads the body of POST /{phone}/messages, whose syntax was checked. It is as
// lenient as Meta is: null is absent, numbers may be texts, a type that is missing is
// text. It returns *Error.
func Decode(body []byte, number Number) (Request, error) {
	o := readBody(body)
	if p := o.text("messaging_product"); p != Product {
		if p == "" {
			o.fail(CodeInvalidParameter, "The parameter messaging_product is required.")
		}
		o.fail(CodeInvalidParameter, "messaging_product must be one of the following: %s", Product)
	}
	if o.has("status") {
		r := o.read()
		return Request{Read: &r}, o.failed()
	}
	m := o.message(number)
	if err := o.failed(); err != nil {
		return Request{}, err
	}
	return Request{Message: &m}, nil
}

func (o object) read() (r Read) {
	if status := o.text("status"); status != "read" {
		o.fail(CodeInvalidParameter, "status must be read")
	}
	r.ID = o.messageID("message_id")
	if o.has("typing_indicator") {
		kind := o.part("typing_indicator").text("type")
		if kind != "text" && kind != "" {
			o.fail(CodeInvalidParameter, "typing_indicator.type must be text")
		}
		r.Typing = true
	}
	return r
}

// messageID reads the id of a message, which must be there.
func (o object) messageID(name string) WAMID {
	w, ok := ParseWAMID(o.need(name))
	if !ok {
		o.fail(CodeParameterValue, "%s%s is not the id of a message", o.path, name)
	}
	return w
}

// maxCallbackData is Meta's, as engine.MaxCallbackData is.
const maxCallbackData = engine.MaxCallbackData

func (o object) message(number Number) (m Message) {
	o.recipient(&m, number)
	kind := strings.ToLower(o.text("type"))
	if kind == "" {
		kind = "text"
	}
	o.content(&m, kind)
	if o.has("context") {
		if kind == "reaction" {
			o.fail(CodeInvalidParameter, "a reaction can't be a reply: context does not go with it")
		}
		id := o.part("context").messageID("message_id")
		m.Context, m.Outgoing.Quoted = &id, &engine.MessageRef{ID: id.ID}
	}
	m.Outgoing.CallbackData = o.short("biz_opaque_callback_data", maxCallbackData)
	return m
}

// recipient reads whom the message is for.
func (o object) recipient(m *Message, number Number) {
	var err error
	switch kind := o.text("recipient_type"); kind {
	case "", "individual":
	case "group":
		m.Input = o.need("to")
		if m.Outgoing.To, err = engine.ParseRecipient(groupAddress(m.Input)); err != nil || !m.Outgoing.To.IsGroup() {
			o.fail(CodeParameterValue, "to must be the id of a group")
		}
		return
	default:
		o.fail(CodeParameterValue, "recipient_type must be individual or group")
		return
	}
	if m.Input = o.text("to"); m.Input == "" && o.has("recipient") {
		m.Input = o.text("recipient")
		var ok bool
		if m.Outgoing.To, ok = ParseUserID(strings.TrimSpace(m.Input)); !ok {
			o.fail(CodeParameterValue, "recipient must be a user id such as IN.123456789012345")
		}
		return
	}
	if strings.TrimSpace(m.Input) == "" {
		o.fail(CodeParameterMissing, "The parameter to is required.")
		return
	}
	m.Outgoing.To, err = number(m.Input)
	if lid, ok := ParseUserID(strings.TrimSpace(m.Input)); ok {
		m.Outgoing.To, err = lid, nil
	}
	if err != nil || m.Outgoing.To.Person() == (engine.Person{}) {
		o.fail(CodeParameterValue, "to must be a phone number with its country code")
	}
}

func groupAddress(id string) string {
	if strings.Contains(id, "@") {
		return id
	}
	return strings.TrimSpace(id) + "@" + engine.ServerGroup
}
