package onprem

import (
	"encoding/json"
	"slices"
	"strings"

	"wapid/engine"
	"wapid/engine/template"
	"wapid/httpapi/metabody"
)

// Message is what POST /v1/messages asks for. What refers to files and templates is left
// to whoever can look them up.
type Message struct {
	// Outgoing has no file yet, and of a template neither kind nor content. Its references
	// to messages have no more than an id.
	Outgoing    engine.Outgoing
	Media       *metabody.Media // of kinds that have media
	Template    *Template       // instead of any content
	LinkPreview bool
}

// Template is a template with the values of its parameters. Its namespace is passed
// over: names are the tenant's own here.
type Template struct {
	Name     string
	Language string
	Values   template.Values
}

// DecodeMessage reads the body of POST /v1/messages, whose syntax was checked. Null is
// absent, numbers may be texts, a type that is missing is text, and members that nobody
// knows are passed over. It returns *Error.
func DecodeMessage(body []byte, number metabody.Number) (Message, error) {
	o := metabody.Read(body)
	var m Message
	to, kind := recipient(o, number), o.Kind()
	var c metabody.Content
	switch kind {
	case "reaction":
		target := messageID(o.NeedPart("reaction"), "message_id")
		c = o.Content(kind)
		c.Outgoing.Target = target
	case "text", "image", "video", "audio", "voice", "document", "sticker", "location", "contacts", "interactive":
		c = o.Content(kind)
	case "template":
		m.Template = templateOf(o.NeedPart("template"))
	case "hsm":
		m.Template = hsm(o.NeedPart("hsm"))
	default:
		o.Refuse("type", metabody.Value, "must be one of text, image, video, audio, voice, document, sticker, location, contacts, reaction, interactive, template, hsm")
	}
	m.Outgoing, m.Media, m.LinkPreview = c.Outgoing, c.Media, c.LinkPreview
	m.Outgoing.To = to
	if o.Has("preview_url") { // here it is beside the text; later versions have it inside
		m.LinkPreview = o.Flag("preview_url") && m.Outgoing.Kind == engine.KindText
	}
	if o.Has("context") {
		if kind == "reaction" {
			o.Failf(metabody.Value, "a reaction can't be a reply: context does not go with it")
		}
		part := o.Part("context")
		m.Outgoing.Quoted = messageID(part, eitherName(part, "message_id", "id"))
	}
	m.Outgoing.CallbackData = o.Short("biz_opaque_callback_data", engine.MaxCallbackData)
	return m, refusal(o)
}

// eitherName is the first of two names of a member if it is there, else the second.
func eitherName(o metabody.Object, first, second string) string {
	if o.Has(first) || !o.Has(second) {
		return first
	}
	return second
}

// messageID reads the id of a message, which must be there.
func messageID(o metabody.Object, name string) *engine.MessageRef {
	id, ok := ParseID(o.Need(name))
	if !ok {
		o.Refuse(name, metabody.Value, "is not the id of a message")
	}
	return &engine.MessageRef{ID: id.Message}
}

// recipient reads whom the message is for.
func recipient(o metabody.Object, number metabody.Number) engine.JID {
	input := o.Text("to")
	switch kind := o.Text("recipient_type"); kind {
	case "", "individual":
	case "group":
		return o.Group("to")
	default:
		o.Fail(Errorf(CodeRecipientType, "recipient_type must be individual or group"))
		return ""
	}
	if strings.TrimSpace(input) == "" {
		o.Refuse("to", metabody.Missing, "is required")
		return ""
	}
	to, err := number(input)
	if err != nil || to.Person() == (engine.Person{}) {
		o.Refuse("to", metabody.Value, "must be a phone number with its country code")
	}
	return to
}

// templateOf reads a message of type template.
func templateOf(o metabody.Object) *Template {
	t := &Template{Name: o.Need("name"), Language: language(o)}
	raw, _ := o.Raw("components")
	var err error
	if t.Values, err = template.ParseComponents(raw); err != nil {
		o.Fail(TemplateError(err))
	}
	return t
}

// language is {"policy":"deterministic","code":"en"}; older bodies have the code alone.
func language(o metabody.Object) string {
	if raw, given := o.Raw("language"); given && raw[0] == '"' {
		return o.Need("language")
	}
	return o.NeedPart("language").Need("code")
}

// maxHSMParameters is how many values a message of type hsm may have.
const maxHSMParameters = 64

// hsm reads a message of the type that came before template: its values are those of
// the body, in their order.
func hsm(o metabody.Object) *Template {
	t := &Template{Name: o.Need("element_name"), Language: language(o)}
	for _, p := range o.List("localizable_params", maxHSMParameters) {
		text := p.Text("default")
		for _, other := range []string{"currency", "date_time"} { // both have the default beside them
			if text == "" && p.Has(other) {
				text = p.Part(other).Text("fallback_value")
			}
		}
		if text == "" {
			p.Refuse("default", metabody.Missing, "is required")
		}
		t.Values.Body = append(t.Values.Body, template.Value{Type: template.TextValue, Text: text})
	}
	return t
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
	o := metabody.Read(body)
	switch blocking := o.Text("blocking"); blocking {
	case "", "no_wait":
	case "wait":
		c.Wait = true
	default:
		o.Refuse("blocking", metabody.Value, "must be wait or no_wait")
	}
	o.Flag("force_check") // what is known is seconds old, so that there is nothing to force
	c.Contacts = o.Texts("contacts", MaxCheck)
	return c, refusal(o)
}

// Status is what PUT /v1/messages/{id} asks for. It returns *Error for anything but read.
func DecodeStatus(body []byte) error {
	o := metabody.Read(body)
	if s := o.Need("status"); s != "read" {
		o.Refuse("status", metabody.Value, "must be read")
	}
	return refusal(o)
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
	o := metabody.Read(body)
	w.URL = o.Need("url")
	headers := o.Part("headers")
	names := headers.Names()
	if len(names) > maxHeaders {
		o.Refuse("headers", metabody.Value, "must have at most %d entries", maxHeaders)
		return w, refusal(o)
	}
	if len(names) > 0 {
		w.Headers = make(map[string]string, len(names))
	}
	for _, name := range names {
		w.Headers[name] = headers.Text(name)
	}
	return w, refusal(o)
}

// DecodeBlock reads the body of POST /v1/contacts/{phone}/block, which may be empty. The
// reason is for WhatsApp's own records and is passed over. It returns *Error.
func DecodeBlock(body []byte) error {
	if len(body) == 0 {
		return nil
	}
	o := metabody.Read(body)
	o.Short("reason", maxReason)
	return refusal(o)
}

const maxReason = 60

// DecodeTemplate reads the body of POST /v1/configs/templates. It returns *Error.
func DecodeTemplate(body []byte) (t template.Template, err error) {
	o := metabody.Read(body)
	t.Name, t.Language = o.Need("name"), o.Need("language")
	t.Category = category(o.Text("category"))
	raw, given := o.Raw("components")
	if !given {
		o.Refuse("components", metabody.Missing, "is required")
		return t, refusal(o)
	}
	if err := json.Unmarshal(raw, &t.Components); err != nil {
		o.Refuse("components", metabody.Value, "must be a list of components, as templates have them")
	}
	if err := refusal(o); err != nil {
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
	o := metabody.Read(body)
	if !o.Has("sent_status") {
		o.Refuse("sent_status", metabody.Missing, "is required, and no other setting can be changed here")
	}
	sentStatus = o.Flag("sent_status")
	return sentStatus, refusal(o)
}

// DecodeKey reads the body of a request for a key, which mostly is empty: the scope that
// it asks for, "" for none. It returns *Error.
func DecodeKey(body []byte) (scope string, err error) {
	o := metabody.Read(body)
	scope = o.Text("scope")
	return scope, refusal(o)
}
