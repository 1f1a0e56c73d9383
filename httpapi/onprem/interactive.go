package onprem

import "wapid/engine"

// Limits of interactive messages, in characters and entries. They are Meta's.
const (
	maxButtons          = 3
	maxButtonID         = 256
	maxButtonTitle      = 20
	maxHeader           = 60
	maxFooter           = 60
	maxBody             = 1024
	maxListBody         = 4096
	maxSections         = 10
	maxRows             = 10
	maxSectionTitle     = 24
	maxRowID            = 200
	maxRowTitle         = 24
	maxRowDescription   = 72
	maxLinkTitle        = 20
	kindLocationRequest = "location_request_message"
)

// interactive reads a question with options.
func (o object) interactive(m *Message) {
	kind := o.need("type")
	out := &m.Outgoing
	out.Kind = engine.KindText
	switch kind {
	case "button", "list", "cta_url":
		choices := &engine.Choices{Style: engine.StyleButton, Footer: o.part("footer").short("text", maxFooter)}
		out.Choices = choices
		o.header(m, choices, kind == "list")
		action := o.needPart("action")
		switch kind {
		case "button":
			out.Text = o.needPart("body").needShort("text", maxBody)
			action.buttons(choices)
		case "list":
			choices.Style = engine.StyleList
			out.Text = o.needPart("body").needShort("text", maxListBody)
			action.rows(choices)
		case "cta_url":
			out.Text = o.needPart("body").needShort("text", maxBody)
			action.link(choices)
		}
	case kindLocationRequest:
		out.Text = o.needPart("body").needShort("text", maxBody)
	case "flow", "product", "product_list", "catalog_message", "address_message", "voice_call", "call_permission_request", "carousel",
		"media_carousel", "order_details", "order_status", "payment_request":
		o.fail(CodeValue, "interactive messages of type %s can't be shown by a linked device", kind)
	default:
		if kind != "" {
			o.fail(CodeValue, "interactive.type must be one of button, list, cta_url, %s", kindLocationRequest)
		}
	}
}

// header reads a line of text or a file above the question.
func (o object) header(m *Message, choices *engine.Choices, textOnly bool) {
	if !o.has("header") {
		return
	}
	header := o.part("header")
	switch kind := header.need("type"); {
	case kind == "text":
		choices.Header = header.needShort("text", maxHeader)
	case textOnly:
		o.fail(CodeValue, "interactive.header.type of a list must be text")
	case kind == "image", kind == "video", kind == "document":
		part := header.needPart(kind)
		m.Outgoing.Kind, m.Media = engine.Kind(kind), part.media()
		if kind == "document" {
			m.Media.FileName = part.text("filename")
		}
	default:
		o.fail(CodeValue, "interactive.header.type must be text, image, video or document")
	}
}

func (o object) buttons(choices *engine.Choices) {
	buttons := o.list("buttons", maxButtons)
	if len(buttons) == 0 {
		o.fail(CodeMissing, "%sbuttons must have 1 to %d entries", o.path, maxButtons)
	}
	titles := make(map[string]bool)
	for _, b := range buttons {
		if kind := b.text("type"); kind != "reply" && kind != "" {
			b.fail(CodeValue, "%stype must be reply", b.path)
		}
		reply := b.needPart("reply")
		c := engine.Choice{ID: reply.needShort("id", maxButtonID), Title: reply.needShort("title", maxButtonTitle)}
		if titles[c.Title] {
			reply.fail(CodeValue, "%stitle is there twice", reply.path)
		}
		titles[c.Title] = true
		reply.add(choices, c)
	}
}

func (o object) rows(choices *engine.Choices) {
	choices.Button = o.needShort("button", maxButtonTitle)
	sections := o.list("sections", maxSections)
	if len(sections) == 0 {
		o.fail(CodeMissing, "%ssections must have 1 to %d entries", o.path, maxSections)
	}
	for _, s := range sections {
		title := s.short("title", maxSectionTitle)
		if title == "" && len(sections) > 1 {
			s.fail(CodeMissing, "%stitle is required where there are several sections", s.path)
		}
		rows := s.list("rows", maxRows)
		if len(rows) == 0 {
			s.fail(CodeMissing, "%srows must have an entry", s.path)
		}
		for _, row := range rows {
			row.add(choices, engine.Choice{ID: row.needShort("id", maxRowID), Title: row.needShort("title", maxRowTitle),
				Description: row.short("description", maxRowDescription), Section: title})
		}
	}
	if len(choices.Options) > maxRows {
		o.fail(CodeValue, "%ssections must not have more than %d rows in all", o.path, maxRows)
	}
}

// add adds an option whose id no other has.
func (o object) add(choices *engine.Choices, c engine.Choice) {
	for _, other := range choices.Options {
		if other.ID == c.ID {
			o.fail(CodeValue, "%sid is there twice", o.path)
			return
		}
	}
	choices.Options = append(choices.Options, c)
}

func (o object) link(choices *engine.Choices) {
	parameters := o.needPart("parameters")
	choices.Link = &engine.ChoiceLink{Title: parameters.needShort("display_text", maxLinkTitle), URL: parameters.need("url")}
	if !isWebAddress(choices.Link.URL) {
		o.fail(CodeValue, "%sparameters.url must be a URL that begins with http:// or https://", o.path)
	}
}
