package metabody

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
func (c *Content) interactive(o Object) {
	kind := o.Need("type")
	out := &c.Outgoing
	out.Kind = engine.KindText
	switch kind {
	case "button", "list", "cta_url":
		choices := &engine.Choices{Style: engine.StyleButton, Footer: o.Part("footer").Short("text", maxFooter)}
		out.Choices = choices
		c.header(o, kind == "list")
		action := o.NeedPart("action")
		switch kind {
		case "button":
			out.Text = o.NeedPart("body").NeedShort("text", maxBody)
			action.buttons(choices)
		case "list":
			choices.Style = engine.StyleList
			out.Text = o.NeedPart("body").NeedShort("text", maxListBody)
			action.rows(choices)
		case "cta_url":
			out.Text = o.NeedPart("body").NeedShort("text", maxBody)
			action.link(choices)
		}
	case kindLocationRequest:
		out.Text = o.NeedPart("body").NeedShort("text", maxBody)
	case "flow", "product", "product_list", "catalog_message", "address_message", "voice_call", "call_permission_request", "carousel",
		"media_carousel", "order_details", "order_status", "payment_request":
		o.Failf(Unsupported, "interactive messages of type %s can't be shown by a linked device", kind)
	default:
		if kind != "" {
			o.Refuse("type", Invalid, "must be one of button, list, cta_url, %s", kindLocationRequest)
		}
	}
}

// header reads a line of text or a file above the question.
func (c *Content) header(o Object, textOnly bool) {
	if !o.Has("header") {
		return
	}
	header := o.Part("header")
	switch kind := header.Need("type"); {
	case kind == "text":
		c.Outgoing.Choices.Header = header.NeedShort("text", maxHeader)
	case textOnly:
		header.Refuse("type", Value, "of a list must be text")
	case kind == "image", kind == "video", kind == "document":
		part := header.NeedPart(kind)
		c.Outgoing.Kind, c.Media = engine.Kind(kind), part.media()
		if kind == "document" {
			c.Media.FileName = part.Text("filename")
		}
	default:
		header.Refuse("type", Value, "must be text, image, video or document")
	}
}

func (o Object) buttons(choices *engine.Choices) {
	buttons := o.List("buttons", maxButtons)
	if len(buttons) == 0 {
		o.Refuse("buttons", Missing, "must have 1 to %d entries", maxButtons)
	}
	titles := make(map[string]bool)
	for _, b := range buttons {
		if kind := b.Text("type"); kind != "reply" && kind != "" {
			b.Refuse("type", Value, "must be reply")
		}
		reply := b.NeedPart("reply")
		c := engine.Choice{ID: reply.NeedShort("id", maxButtonID), Title: reply.NeedShort("title", maxButtonTitle)}
		if titles[c.Title] {
			reply.Refuse("title", Value, "is there twice")
		}
		titles[c.Title] = true
		reply.add(choices, c)
	}
}

func (o Object) rows(choices *engine.Choices) {
	choices.Button = o.NeedShort("button", maxButtonTitle)
	sections := o.List("sections", maxSections)
	if len(sections) == 0 {
		o.Refuse("sections", Missing, "must have 1 to %d entries", maxSections)
	}
	for _, s := range sections {
		title := s.Short("title", maxSectionTitle)
		if title == "" && len(sections) > 1 {
			s.Refuse("title", Missing, "is required where there are several sections")
		}
		rows := s.List("rows", maxRows)
		if len(rows) == 0 {
			s.Refuse("rows", Missing, "must have an entry")
		}
		for _, row := range rows {
			row.add(choices, engine.Choice{ID: row.NeedShort("id", maxRowID), Title: row.NeedShort("title", maxRowTitle),
				Description: row.Short("description", maxRowDescription), Section: title})
		}
	}
	if len(choices.Options) > maxRows {
		o.Refuse("sections", Value, "must not have more than %d rows in all", maxRows)
	}
}

// add adds an option whose id no other has.
func (o Object) add(choices *engine.Choices, c engine.Choice) {
	for _, other := range choices.Options {
		if other.ID == c.ID {
			o.Refuse("id", Value, "is there twice")
			return
		}
	}
	choices.Options = append(choices.Options, c)
}

func (o Object) link(choices *engine.Choices) {
	parameters := o.NeedPart("parameters")
	choices.Link = &engine.ChoiceLink{Title: parameters.NeedShort("display_text", maxLinkTitle), URL: parameters.Need("url")}
	if !IsWebAddress(choices.Link.URL) {
		parameters.Refuse("url", Value, "must be a URL that begins with http:// or https://")
	}
}
