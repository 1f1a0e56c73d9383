package template

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// longestAlone is the longest body, with its values, of a template that has nothing
// else, in characters. One beside other components stays below longestBody.
const longestAlone = 32768

// Render is the message that a template becomes with values. The template is one that
// Check has returned. It fails with an *Error of Count, Mismatch, Missing or TooLong.
func Render(t Template, v Values) (Message, error) {
	var m Message
	if err := m.setHeader(t, v.Header); err != nil {
		return m, err
	}
	var err error
	body := t.component(Body).Text
	if m.Body, err = t.fillIn("body", body, v.Body); err != nil {
		return m, err
	}
	longest := longestBody
	if len(t.Components) == 1 {
		longest = longestAlone
	}
	if utf8.RuneCountInString(m.Body) > longest {
		return m, errorf(TooLong, "body", "the text with its values has more than %d characters", longest)
	}
	m.Footer = t.component(Footer).Text
	return m, m.setButtons(t.component(Buttons).Buttons, v.Buttons)
}

func (m *Message) setHeader(t Template, values []Value) (err error) {
	header := t.component(Header)
	switch {
	case header.Format.isMedia(), header.Format == Location:
		if len(values) > 1 {
			return errCount("header", len(values), 1)
		}
		received := "UNKNOWN"
		if len(values) == 1 {
			received = strings.ToUpper(string(values[0].Type))
		}
		if received != string(header.Format) {
			return errorf(Mismatch, "header", "Format mismatch, expected %s, received %s", header.Format, received)
		}
		m.Media, m.Place = values[0].Media, values[0].Place
		if m.Media == nil && m.Place == nil {
			return errorf(Missing, "header", "the value of the parameter is missing")
		}
		return nil
	}
	m.Header, err = t.fillIn("header", header.Text, values)
	if err == nil && utf8.RuneCountInString(m.Header) > longestHeader {
		err = errorf(TooLong, "header", "the text with its values has more than %d characters", longestHeader)
	}
	return err
}

// fillIn puts values in the places of a text: as many as there are, each of a type that
// has a text, and by name where the template's parameters have names.
func (t Template) fillIn(part, text string, values []Value) (string, error) {
	names := params(text)
	if len(names) != len(values) {
		return "", errCount(part, len(values), len(names))
	}
	given := make(map[string]string, len(values))
	for i, v := range values {
		switch v.Type {
		case TextValue, CurrencyValue, DateTimeValue:
		default:
			return "", errorf(Mismatch, part, "Format mismatch, expected TEXT, received %s", strings.ToUpper(string(v.Type)))
		}
		name := strconv.Itoa(i + 1)
		if t.ParameterFormat == Named {
			name = v.Name
		}
		given[name] = v.Text
	}
	for _, name := range names {
		if _, ok := given[name]; !ok {
			return "", &Error{Fault: Mismatch, Part: part, Detail: "parameter_name must name each of the parameters once, and one of them is missing", Name: name}
		}
	}
	return fill(text, given), nil
}

// errCount is worded as Meta words it, since programs show it to people who look it up.
func errCount(part string, got, want int) error {
	return errorf(Count, part, "number of localizable_params (%d) does not match the expected number of params (%d)", got, want)
}

func (m *Message) setButtons(buttons []Button, values []ButtonValue) error {
	given := make(map[int]ButtonValue, len(values))
	for _, v := range values {
		if v.Index < 0 || v.Index >= len(buttons) {
			return errorf(Count, "buttons", "there is no button at index %d", v.Index)
		}
		if _, twice := given[v.Index]; twice {
			return errorf(Count, partOf(v.Index), "the button has more than one component")
		}
		given[v.Index] = v
	}
	for i, b := range buttons {
		v, ok := given[i]
		takes := b.Type
		if b.Type == OTP {
			takes = URL
		}
		if ok && v.Type != takes {
			return errorf(Mismatch, partOf(i), "sub_type does not fit a button of type %s", b.Type)
		}
		if err := m.setButton(i, b, v, ok); err != nil {
			return err
		}
	}
	return nil
}

// setButton makes a quick reply, or a line of text.
func (m *Message) setButton(i int, b Button, v ButtonValue, given bool) error {
	if b.Type == QuickReply {
		reply := Reply{Payload: b.Text, Title: b.Text}
		if given && v.Text != "" {
			reply.Payload = v.Text
		}
		m.Replies = append(m.Replies, reply)
		return nil
	}
	open := params(b.URL)
	wants := b.Type == CopyCode || b.Type == OTP || len(open) > 0
	switch {
	case wants && (!given || v.Text == ""):
		return &Error{Fault: Missing, Part: partOf(i), Detail: "a button of type " + string(b.Type) + " requires a parameter"}
	case given && !wants:
		return errorf(Mismatch, partOf(i), "the button takes no parameter")
	}
	switch b.Type {
	case URL:
		address := b.URL
		if len(open) > 0 {
			address = fill(b.URL, map[string]string{open[0]: v.Text})
		}
		m.Lines = append(m.Lines, b.Text+": "+address)
	case PhoneNumber:
		m.Lines = append(m.Lines, b.Text+": "+b.PhoneNumber)
	case CopyCode:
		if utf8.RuneCountInString(v.Text) > longestCouponCode {
			return errorf(TooLong, partOf(i), "the code must not have more than %d characters", longestCouponCode)
		}
		m.Lines = append(m.Lines, b.Text+": "+v.Text)
	case OTP: // the code stands in the body
	}
	return nil
}

func partOf(button int) string { return "buttons[" + strconv.Itoa(button) + "]" }

// Text is the message in words: a bold header above the body, an italic footer and the
// lines of its buttons below. Quick replies are not in it.
func (m Message) Text() string {
	var parts []string
	if m.Header != "" {
		parts = append(parts, "*"+oneLine(m.Header)+"*")
	}
	if m.Place != nil {
		parts = append(parts, m.Place.text())
	}
	parts = append(parts, m.Body)
	if m.Footer != "" {
		parts = append(parts, "_"+oneLine(m.Footer)+"_")
	}
	if len(m.Lines) > 0 {
		parts = append(parts, strings.Join(m.Lines, "\n"))
	}
	return strings.Join(parts, "\n\n")
}

// oneLine is a text without line breaks, over which no emphasis goes.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// text is what stands for a point on the map: a message has one or the other.
func (p Place) text() string {
	at := strconv.FormatFloat(p.Latitude, 'f', -1, 64) + "," + strconv.FormatFloat(p.Longitude, 'f', -1, 64)
	lines := []string{"https://maps.google.com/?q=" + at}
	if p.Address != "" {
		lines = append([]string{oneLine(p.Address)}, lines...)
	}
	if p.Name != "" {
		lines = append([]string{oneLine(p.Name)}, lines...)
	}
	return strings.Join(lines, "\n")
}

// Main is Text without header and footer, for those who show these themselves.
func (m Message) Main() string {
	m.Header, m.Footer = "", ""
	return m.Text()
}
