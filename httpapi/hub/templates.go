package hub

import (
	"errors"
	"strings"
	"time"

	"wapid/engine/template"
)

// TemplateBody is what a caller says of a template; nil was not given. Either the parts
// are given as texts, or Components as Meta has them.
type TemplateBody struct {
	Name, Language, Category *string
	Header, Body, Footer     *string
	Buttons                  *[]template.Button
	Components               *[]template.Component
}

// DecodeTemplate reads the body of templates/create and of a change. It returns
// CodeInvalid; the rules of templates are the caller's to check.
func DecodeTemplate(raw []byte) (t TemplateBody, err error) {
	var b struct {
		Name       *string               `json:"name"`
		Language   *string               `json:"language"`
		Category   *string               `json:"category"`
		Header     *string               `json:"header"`
		Body       *string               `json:"body"`
		Footer     *string               `json:"footer"`
		Buttons    *[]template.Button    `json:"buttons"`
		Components *[]template.Component `json:"components"`
	}
	if err := parse(raw, &b); err != nil {
		return t, err
	}
	t = TemplateBody(b)
	if t.Components != nil && (t.Header != nil || t.Body != nil || t.Footer != nil || t.Buttons != nil) {
		return TemplateBody{}, invalid("give either components, or header, body, footer and buttons")
	}
	return t, nil
}

// Apply is a template with what the caller says of it: what is not given stays. An empty
// header or footer and an empty list of buttons take theirs away.
func (b TemplateBody) Apply(t template.Template) template.Template {
	for _, f := range []struct {
		from *string
		to   *string
	}{{b.Name, &t.Name}, {b.Language, &t.Language}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if b.Category != nil {
		t.Category = template.Category(strings.ToUpper(*b.Category))
	}
	if b.Components != nil {
		t.Components = *b.Components
		t.ParameterFormat = ""
		return t
	}
	parts := make(map[template.ComponentType]template.Component)
	for _, c := range t.Components {
		parts[c.Type] = c
	}
	put := func(which template.ComponentType, text *string) {
		if text != nil {
			parts[which] = template.Component{Type: which, Text: *text}
			t.ParameterFormat = "" // by what the texts have
		}
	}
	put(template.Header, b.Header)
	if c, ok := parts[template.Header]; ok && b.Header != nil {
		c.Format = template.Text
		parts[template.Header] = c
	}
	put(template.Body, b.Body)
	put(template.Footer, b.Footer)
	if b.Buttons != nil {
		parts[template.Buttons] = template.Component{Type: template.Buttons, Buttons: *b.Buttons}
		t.ParameterFormat = ""
	}
	t.Components = nil
	for _, which := range []template.ComponentType{template.Header, template.Body, template.Footer, template.Buttons} {
		c, ok := parts[which]
		optional := which == template.Header && b.Header != nil || which == template.Footer && b.Footer != nil
		if !ok || optional && c.Text == "" || which == template.Buttons && len(c.Buttons) == 0 {
			continue
		}
		t.Components = append(t.Components, c)
	}
	return t
}

// Fill makes a message of a template, with a file where its header has one. It returns
// CodeInvalid, which names the variable that is missing.
func Fill(t template.Template, s Send) (template.Message, error) {
	var file *template.Value
	named := t
	named.Components = nil
	for _, c := range t.Components {
		if c.Type != template.Header || c.Format == template.Text || c.Format == "" {
			named.Components = append(named.Components, c)
			continue
		}
		kind := template.ValueType(strings.ToLower(string(c.Format)))
		if kind == template.LocationValue {
			return template.Message{}, invalid("the template's header is a location, which can't be given here")
		}
		if s.MediaURL == "" {
			return template.Message{}, invalid("media_url is required: the template's header is a file (%s)", kind)
		}
		file = &template.Value{Type: kind, Media: &template.Media{Kind: kind, Link: s.MediaURL, FileName: s.FileName}}
	}
	if file == nil && s.MediaURL != "" {
		return template.Message{}, invalid("media_url does not go with this template: its header is no file")
	}
	values, err := named.ValuesByName(s.Variables)
	if err == nil {
		if file != nil {
			values.Header = []template.Value{*file}
		}
		var m template.Message
		if m, err = template.Render(t, values); err == nil {
			return m, nil
		}
	}
	return template.Message{}, Fault(err)
}

// Fault has the rule that a template or its values break as CodeInvalid; any other error
// is returned as it is.
func Fault(err error) error {
	if wrong, ok := errors.AsType[*template.Error](err); ok {
		return invalid("%s", wrong.Error())
	}
	return err
}

// Template shows a template.
type Template struct {
	ID         string               `json:"id"`
	Name       string               `json:"name"`
	Language   string               `json:"language"`
	Category   string               `json:"category"`
	Status     string               `json:"status"` // approved
	Header     string               `json:"header"`
	Body       string               `json:"body"`
	Footer     string               `json:"footer"`
	Variables  []string             `json:"variables"` // their names or numbers
	Components []template.Component `json:"components"`
	CreatedAt  string               `json:"created_at"`
	UpdatedAt  string               `json:"updated_at"`
}

// TellTemplate shows a template of the store.
func TellTemplate(id string, t template.Template, created, updated time.Time) Template {
	told := Template{ID: id, Name: t.Name, Language: t.Language, Category: string(t.Category), Status: strings.ToLower(string(t.Status)),
		Variables: t.Parameters(), Components: t.Components,
		CreatedAt: created.UTC().Format(time.RFC3339), UpdatedAt: updated.UTC().Format(time.RFC3339)}
	if told.Variables == nil {
		told.Variables = []string{}
	}
	if told.Components == nil {
		told.Components = []template.Component{}
	}
	for _, c := range t.Components {
		switch c.Type {
		case template.Header:
			told.Header = c.Text
		case template.Body:
			told.Body = c.Text
		case template.Footer:
			told.Footer = c.Text
		}
	}
	return told
}
