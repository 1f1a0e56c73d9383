package template

import "strconv"

// ValuesByName are the values of a template whose sender names them: a named parameter
// takes the variable of its name, a numbered one that of its number, alike in header, body
// and URLs. What the template has no place for is passed over. It fails with an *Error of
// Missing that names the parameter, and Mismatch for a header that needs a file or a place.
func (t Template) ValuesByName(variables map[string]string) (v Values, err error) {
	header := t.component(Header)
	if header.Format.isMedia() || header.Format == Location {
		return v, errorf(Mismatch, "header", "the template's header is a %s, which can't be given by name", header.Format)
	}
	if v.Header, err = named("header", header.Text, variables); err != nil {
		return v, err
	}
	if v.Body, err = named("body", t.component(Body).Text, variables); err != nil {
		return v, err
	}
	for i, b := range t.component(Buttons).Buttons {
		switch open := params(b.URL); {
		case len(open) > 0:
			values, err := named(partOf(i), b.URL, variables)
			if err != nil {
				return v, err
			}
			v.Buttons = append(v.Buttons, ButtonValue{Type: URL, Index: i, Text: values[0].Text})
		case b.Type == OTP && len(v.Body) > 0:
			v.Buttons = append(v.Buttons, ButtonValue{Type: URL, Index: i, Text: v.Body[0].Text})
		case b.Type == CopyCode:
			code := variables["code"]
			if code == "" {
				return v, errMissing(partOf(i), "code")
			}
			v.Buttons = append(v.Buttons, ButtonValue{Type: CopyCode, Index: i, Text: code})
		}
	}
	return v, nil
}

// named are the values of a text's parameters, in the order in which Render takes them.
func named(part, text string, variables map[string]string) ([]Value, error) {
	names := params(text)
	values := make([]Value, 0, len(names))
	for i, name := range names {
		if _, isNumber := numberOf(name); isNumber {
			name = strconv.Itoa(i + 1) // numbers have no gaps, in whichever order they stand
		}
		value, ok := variables[name]
		if !ok {
			return nil, errMissing(part, name)
		}
		values = append(values, Value{Type: TextValue, Name: name, Text: value})
	}
	return values, nil
}

func errMissing(part, name string) error {
	return &Error{Fault: Missing, Part: part, Detail: "the variable " + name + " is missing", Name: name}
}

// Parameters are the names or numbers of a template's parameters, each once: those of the
// header, the body and the URLs of buttons.
func (t Template) Parameters() (names []string) {
	seen := make(map[string]bool)
	texts := []string{t.component(Header).Text, t.component(Body).Text}
	for _, b := range t.component(Buttons).Buttons {
		texts = append(texts, b.URL)
	}
	for _, text := range texts {
		for _, name := range params(text) {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}
