package cloudapi

import (
	"strings"

	"wapid/engine"
)

// What Meta's own buttons and lists hold at most.
const (
	maxButtons = 3
	maxRows    = 10
)

type interactive struct {
	Type   string  `json:"type"`
	Header *header `json:"header,omitempty"`
	Body   *words  `json:"body,omitempty"`
	Footer *words  `json:"footer,omitempty"`
	Action action  `json:"action"`
}

type words struct {
	Text string `json:"text"`
}

type header struct {
	Type     string   `json:"type"`
	Text     string   `json:"text,omitempty"`
	Image    *outFile `json:"image,omitempty"`
	Video    *outFile `json:"video,omitempty"`
	Document *outFile `json:"document,omitempty"`
}

type action struct {
	Name       string    `json:"name,omitempty"`
	Parameters *ctaLink  `json:"parameters,omitempty"`
	Buttons    []button  `json:"buttons,omitempty"`
	Button     string    `json:"button,omitempty"`
	Sections   []section `json:"sections,omitempty"`
}

type ctaLink struct {
	Text string `json:"display_text"`
	URL  string `json:"url"`
}

type button struct {
	Type  string `json:"type"`
	Reply option `json:"reply"`
}

type section struct {
	Title string   `json:"title,omitempty"`
	Rows  []option `json:"rows"`
}

type option struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
}

// ask sets Meta's own interactive message for a question with options. It returns
// CodeInvalid where Meta's limits don't let it be asked, and CodeNotSupported for a
// question beside what Meta has no header for.
func (out *outgoing) ask(m engine.Outgoing) error {
	q := *m.Choices
	in := &interactive{}
	if m.Text != "" {
		in.Body = &words{m.Text}
	}
	if q.Footer != "" {
		in.Footer = &words{q.Footer}
	}
	if err := in.setHeader(m); err != nil {
		return err
	}
	switch {
	case q.Link != nil:
		in.Type, in.Action = "cta_url", action{Name: "cta_url", Parameters: &ctaLink{q.Link.Title, q.Link.URL}}
	case len(q.Options) == 0 || len(q.Options) > maxRows:
		return engine.Errorf(engine.CodeInvalid, "Meta's official API takes 1 to %d options", maxRows)
	case q.Style != engine.StyleList && len(q.Options) <= maxButtons:
		in.Type = "button"
		for _, o := range q.Options {
			in.Action.Buttons = append(in.Action.Buttons, button{"reply", option{ID: o.ID, Title: o.Title}})
		}
	case in.Header != nil && in.Header.Type != "text":
		return engine.Errorf(engine.CodeInvalid, "Meta's official API takes %d buttons below a file", maxButtons)
	default:
		in.Type, in.Action = "list", listOf(q)
	}
	out.Type, out.Interactive = "interactive", in
	return nil
}

// setHeader puts the question's file, or its headline, above the body.
func (in *interactive) setHeader(m engine.Outgoing) error {
	if m.Attachment == nil {
		if m.Choices.Header != "" {
			in.Header = &header{Type: "text", Text: m.Choices.Header}
		}
		return nil
	}
	file, err := fileOf(m)
	if err != nil {
		return err
	}
	file.Caption = "" // it is the body
	switch m.Kind {
	case engine.KindImage:
		in.Header = &header{Type: "image", Image: file}
	case engine.KindVideo:
		in.Header = &header{Type: "video", Video: file}
	case engine.KindDocument:
		file.FileName = m.Attachment.FileName
		in.Header = &header{Type: "document", Document: file}
	default:
		return unsupported("options below a file of this kind")
	}
	return nil
}

// listOf puts the options into their sections, in their order.
func listOf(q engine.Choices) action {
	a := action{Button: q.Button}
	if strings.TrimSpace(a.Button) == "" {
		a.Button = "☰" // Meta wants something to tap on, in no language in particular
	}
	for i, o := range q.Options {
		if i == 0 || o.Section != q.Options[i-1].Section {
			a.Sections = append(a.Sections, section{Title: o.Section})
		}
		last := &a.Sections[len(a.Sections)-1]
		last.Rows = append(last.Rows, option{o.ID, o.Title, o.Description})
	}
	return a
}
