package httpapi

import (
	"cmp"
	"unicode/utf8"

	"wapid/engine"
)

// sendChoice is an option that the recipient may answer with.
type sendChoice struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description"`
}

// setChoices takes the options of a question. Its header and footer go with them, as
// the options stand between; they are to be shown as setText shows those of others.
func (r sendRequest) setChoices(m *engine.Outgoing) error {
	if len(r.Choices) == 0 {
		if r.ChoicesStyle != "" {
			return engine.Errorf(engine.CodeInvalid, "choicesStyle goes with choices only")
		}
		return nil
	}
	c := engine.Choices{Style: engine.ChoiceStyle(cmp.Or(r.ChoicesStyle, string(engine.StyleButton))), Header: r.Header, Footer: r.Footer}
	for _, o := range r.Choices {
		c.Options = append(c.Options, engine.Choice{ID: o.ID, Title: o.Title, Description: o.Description})
	}
	if err := c.Check(); err != nil {
		return err
	}
	m.Choices, m.Text = &c, r.Message
	return nil
}

// setCallback takes what is to come back with every status.
func (r sendRequest) setCallback(m *engine.Outgoing) error {
	if utf8.RuneCountInString(r.CallbackData) > engine.MaxCallbackData {
		return engine.Errorf(engine.CodeInvalid, "callbackData must not be longer than %d characters", engine.MaxCallbackData)
	}
	m.CallbackData = r.CallbackData
	return nil
}
