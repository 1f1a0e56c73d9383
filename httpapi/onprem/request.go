package onprem

import (
	"encoding/json"
	"slices"
	"strings"

	"wapid/engine"
	"wapid/engine/template"
)

// Message is what POST /v1/messages asks for. What refers to files and templates is left
// to whoever can look them up.
type Message struct {
	// Outgoing has no file yet, and of a template neither kind nor content. Its references
	// to messages have no more than an id.
	Outgoing    engine.Outgoing
	Media       *Media    // of kinds that have media
	Template    *Template // instead of any content
	LinkPreview bool
}

// Media is a file: uploaded ahead, or to be fetched. One of ID and Link is given.
type Media struct {
	ID       string
	Link     string
	FileName string // of documents; may be empty
}

// Template is a template with the values of its parameters. Its namespace is passed
// over: names are the tenant's own here.
type Template struct {
	Name     string
	Language string
	Values   template.Values
}

// Number reads a phone number as it is given to a recipient's address.
type Number func(string) (engine.JID, error)

// DecodeMessage reads the body of POST /v1/messages, whose syntax was checked. Null is
// absent, numbers may be texts, a type that is missing is text, and members that nobody
// knows are passed over. It returns *Error.
func DecodeMessage(body []byte, number Number) (Message, error) {
	o := readBody(body)
	var m Message
	o.recipient(&m, number)
	kind := strings.ToLower(o.text("type"))
	if kind == "" {
		kind = "text"
	}
	o.content(&m, kind)
	if o.has("preview_url") { // here it is beside the text; later versions have it inside
		m.LinkPreview = o.flag("preview_url") && m.Outgoing.Kind == engine.KindText
	}
	if o.has("context") {
		if kind == "reaction" {
			o.fail(CodeValue, "a reaction can't be a reply: context does not go with it")
		}
		part := o.part("context")
		m.Outgoing.Quoted = part.message(cmpName(part, "message_id", "id"))
	}
	m.Outgoing.CallbackData = o.short("biz_opaque_callback_data", engine.MaxCallbackData)
	return m, o.failed()
}

// cmpName is the first of two names of a member if it is there, else the second.
func cmpName(o object, first, second string) string {
	if o.has(first) || !o.has(second) {
		return first
	}
	return second
}

// message reads the id of a message, which must be there.
func (o object) message(name string) *engine.MessageRef {
	id, ok := ParseID(o.need(name))
	if !ok {
		o.fail(CodeValue, "%s%s is not the id of a message", o.path, name)
	}
	return &engine.MessageRef{ID: id.Message}
}

// recipient reads whom the message is for.
func (o object) recipient(m *Message, number Number) {
	var err error
	input := o.text("to")
	switch kind := o.text("recipient_type"); kind {
	case "", "individual":
	case "group":
		if input = o.need("to"); !strings.Contains(input, "@") {
			input = strings.TrimSpace(input) + "@" + engine.ServerGroup
		}
		if m.Outgoing.To, err = engine.ParseRecipient(input); err != nil || !m.Outgoing.To.IsGroup() {
			o.fail(CodeValue, "to must be the id of a group")
		}
		return
	default:
		o.fail(CodeRecipientType, "recipient_type must be individual or group")
		return
	}
	if strings.TrimSpace(input) == "" {
		o.fail(CodeMissing, "to is required")
		return
	}
	if m.Outgoing.To, err = number(input); err != nil || m.Outgoing.To.Person() == (engine.Person{}) {
		o.fail(CodeValue, "to must be a phone number with its country code")
	}
}

// template reads a message of type template.
func (o object) template() *Template {
	t := &Template{Name: o.need("name"), Language: o.language()}
	raw, _ := o.raw("components")
	var err error
	if t.Values, err = template.ParseComponents(raw); err != nil {
		o.failTemplate(err)
	}
	return t
}

// language is {"policy":"deterministic","code":"en"}; older bodies have the code alone.
func (o object) language() string {
	if raw, given := o.raw("language"); given && raw[0] == '"' {
		return o.need("language")
	}
	return o.needPart("language").need("code")
}

// maxHSMParameters is how many values a message of type hsm may have.
const maxHSMParameters = 64

// hsm reads a message of the type that came before template: its values are those of
// the body, in their order.
func (o object) hsm() *Template {
	t := &Template{Name: o.need("element_name"), Language: o.language()}
	for _, p := range o.list("localizable_params", maxHSMParameters) {
		text := p.text("default")
		for _, other := range []string{"currency", "date_time"} { // both have the default beside them
			if text == "" && p.has(other) {
				text = p.part(other).text("fallback_value")
			}
		}
		if text == "" {
			p.fail(CodeMissing, "%sdefault is required", p.path)
		}
		t.Values.Body = append(t.Values.Body, template.Value{Type: template.TextValue, Text: text})
	}
	return t
}

func (o object) failTemplate(err error) {
	if *o.fault == nil {
		*o.fault = TemplateError(err)
	}
}

// TemplateError is what is wrong with a template or its values, as package template says
// it.
func TemplateError(err error) *Error {
	e, known := err.(*template.Error)
	if !known {
		return Errorf(CodeValue, "the template's components can't be read")
	}
	code := CodeValue
	switch e.Fault {
	case template.TooLong:
		code = CodeTemplateTooLong
	case template.Count:
		code = CodeTemplateCount
	case template.Mismatch:
		code = CodeTemplateMismatch
	case template.Missing:
		code = CodeMissing
	}
	return &Error{Code: code, Details: e.Error()}
}

// Check is what POST /v1/contacts asks for.
type Check struct {
	// Wait has the answer wait for all numbers; without it those that are not known yet
	// may be answered as processing.
	Wait     bool
	Contacts []string // as they were given
}

// MaxCheck is how many numbers one request may ask for: as many as a session looks up at
// once.
const MaxCheck = engine.MaxCheck

// DecodeCheck reads the body of POST /v1/contacts. It returns *Error.
func DecodeCheck(body []byte) (c Check, err error) {
	o := readBody(body)
	switch blocking := o.text("blocking"); blocking {
	case "", "no_wait":
	case "wait":
		c.Wait = true
	default:
		o.fail(CodeValue, "blocking must be wait or no_wait")
	}
	o.flag("force_check") // what is known is seconds old, so that there is nothing to force
	raw, given := o.raw("contacts")
	var list []json.RawMessage
	switch {
	case !given:
		o.fail(CodeMissing, "contacts is required")
	case json.Unmarshal(raw, &list) != nil:
		o.fail(CodeValue, "contacts must be a list of phone numbers")
	case len(list) == 0 || len(list) > MaxCheck:
		o.fail(CodeValue, "contacts must have 1 to %d entries", MaxCheck)
	}
	for _, entry := range list {
		one := object{path: "contacts.", members: map[string]json.RawMessage{"entry": entry}, fault: o.fault}
		c.Contacts = append(c.Contacts, one.text("entry"))
	}
	return c, o.failed()
}

// Status is what PUT /v1/messages/{id} asks for. It returns *Error for anything but read.
func DecodeStatus(body []byte) error {
	o := readBody(body)
	if s := o.need("status"); s != "read" {
		o.fail(CodeValue, "status must be read")
	}
	return o.failed()
}

// Webhook is what POST /v1/configs/webhook sets, and what is answered.
type Webhook struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
}

// maxHeaders is far more than anybody sets; the webhook's own rules come on top.
const maxHeaders = 64

// DecodeWebhook reads the body of POST /v1/configs/webhook. It returns *Error.
func DecodeWebhook(body []byte) (w Webhook, err error) {
	o := readBody(body)
	w.URL = o.need("url")
	headers := o.part("headers")
	if len(headers.members) > maxHeaders {
		o.fail(CodeValue, "headers must have at most %d entries", maxHeaders)
		return w, o.failed()
	}
	for name := range headers.members {
		if !headers.has(name) {
			continue
		}
		if w.Headers == nil {
			w.Headers = make(map[string]string)
		}
		w.Headers[name] = headers.text(name)
	}
	return w, o.failed()
}

// DecodeBlock reads the body of POST /v1/contacts/{phone}/block, which may be empty. The
// reason is for WhatsApp's own records and is passed over. It returns *Error.
func DecodeBlock(body []byte) error {
	if len(body) == 0 {
		return nil
	}
	o := readBody(body)
	o.short("reason", maxReason)
	return o.failed()
}

const maxReason = 60

// DecodeTemplate reads the body of POST /v1/configs/templates. It returns *Error.
func DecodeTemplate(body []byte) (t template.Template, err error) {
	o := readBody(body)
	t.Name, t.Language = o.need("name"), o.need("language")
	t.Category = category(o.text("category"))
	raw, given := o.raw("components")
	if !given {
		o.fail(CodeMissing, "components is required")
		return t, o.failed()
	}
	if err := json.Unmarshal(raw, &t.Components); err != nil {
		o.fail(CodeValue, "components must be a list of components, as templates have them")
	}
	if err := o.failed(); err != nil {
		return t, err
	}
	if t, err = template.Check(t); err != nil {
		return t, TemplateError(err)
	}
	return t, nil
}

// category is one of Meta's present ones: those of before 2023 are told in them, as Meta
// did.
func category(name string) template.Category {
	name = strings.ToUpper(name)
	switch {
	case name == "OTP":
		return template.Authentication
	case slices.Contains([]string{string(template.Marketing), string(template.Utility), string(template.Authentication)}, name):
		return template.Category(name)
	}
	return template.Utility
}

// DecodeApplication reads the body of PATCH /v1/settings/application: whether webhooks
// tell that a message was sent. Every other setting is passed over. It returns *Error.
func DecodeApplication(body []byte) (sentStatus bool, err error) {
	o := readBody(body)
	if !o.has("sent_status") {
		o.fail(CodeMissing, "sent_status is required, and no other setting can be changed here")
	}
	sentStatus = o.flag("sent_status")
	return sentStatus, o.failed()
}

// DecodeKey reads the body of a request for a key, which mostly is empty: the scope that
// it asks for, "" for none. It returns *Error.
func DecodeKey(body []byte) (scope string, err error) {
	o := readBody(body)
	scope = o.text("scope")
	return scope, o.failed()
}
