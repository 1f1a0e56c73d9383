package engine

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of what is offered. WhatsApp's own interfaces stop earlier: at three
// buttons, or ten rows of a list.
const (
	MaxChoices      = 30
	maxChoiceID     = 256 // characters
	maxChoiceTitle  = 100 // characters
	maxChoiceAside  = 300 // characters of a description, and of a list's button
	maxPollChoices  = 12
	minPollChoices  = 2
	maxPollQuestion = 255 // characters
	maxPollOption   = 100 // characters
)

// Check returns CodeInvalid for choices that can't be offered.
func (c Choices) Check() error {
	switch c.Style {
	case StyleButton, StyleList, StyleQuickReply:
	default:
		return Errorf(CodeInvalid, "the style of choices must be button, list or quick_reply")
	}
	switch {
	case len(c.Options) == 0 && c.Link == nil:
		return Errorf(CodeInvalid, "choices need at least one option")
	case len(c.Options) > MaxChoices:
		return Errorf(CodeInvalid, "there can be at most %d choices", MaxChoices)
	case c.Link != nil && (c.Link.URL == "" || strings.TrimSpace(c.Link.Title) == ""):
		return Errorf(CodeInvalid, "a link among choices needs a title and a URL")
	case utf8.RuneCountInString(c.Button) > maxChoiceAside:
		return Errorf(CodeInvalid, "the button of a list must not be longer than %d characters", maxChoiceAside)
	}
	ids := make(map[string]bool, len(c.Options))
	for i, o := range c.Options {
		switch {
		case o.ID == "" || utf8.RuneCountInString(o.ID) > maxChoiceID:
			return Errorf(CodeInvalid, "choices[%d] needs an id of at most %d characters", i, maxChoiceID)
		case ids[o.ID] && c.Style != StyleQuickReply: // templates' buttons may mean the same
			return Errorf(CodeInvalid, "the id of choices[%d] is there twice", i)
		case strings.TrimSpace(o.Title) == "" || utf8.RuneCountInString(o.Title) > maxChoiceTitle:
			return Errorf(CodeInvalid, "choices[%d] needs a title of at most %d characters", i, maxChoiceTitle)
		case utf8.RuneCountInString(o.Description) > maxChoiceAside:
			return Errorf(CodeInvalid, "the description of choices[%d] must not be longer than %d characters", i, maxChoiceAside)
		}
		ids[o.ID] = true
	}
	return nil
}

// Numbered is the text that shows the choices below a body: the header in bold, the
// body, a line for each option with its number, the link, the footer in italics. A
// list's sections have their titles as lines, its button's text stands above all.
func (c Choices) Numbered(body string) string {
	return paragraphs(emphasized("*", c.Header), strings.TrimSpace(body), c.lines(), c.linkLine(), emphasized("_", c.Footer))
}

// lines are the options with their numbers.
func (c Choices) lines() string {
	var b strings.Builder
	if button := oneLine(c.Button); button != "" && c.Style == StyleList {
		b.WriteString(strings.TrimRight(button, ":") + ":\n")
	}
	section := ""
	for i, o := range c.Options {
		if o.Section != section {
			section = o.Section
			if b.Len() > 0 {
				b.WriteString("\n")
			}
			if title := emphasized("*", section); title != "" {
				b.WriteString(title + "\n")
			}
		}
		b.WriteString(strconv.Itoa(i+1) + ". " + o.line() + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// line is an option without its number.
func (o Choice) line() string {
	if d := oneLine(o.Description); d != "" {
		return oneLine(o.Title) + " – " + d
	}
	return oneLine(o.Title)
}

func (c Choices) linkLine() string {
	if c.Link == nil {
		return ""
	}
	return oneLine(c.Link.Title) + ": " + c.Link.URL
}

// Polled is the poll that asks for one of the choices; its options are in their
// order. It is false if there can be none: polls have 2 to 12 options and a question
// of 1 to 255 characters.
func (c Choices) Polled(body string) (Poll, bool) {
	question := paragraphs(emphasized("*", c.Header), strings.TrimSpace(body), c.linkLine(), emphasized("_", c.Footer))
	if question == "" || utf8.RuneCountInString(question) > maxPollQuestion ||
		len(c.Options) < minPollChoices || len(c.Options) > maxPollChoices {
		return Poll{}, false
	}
	return Poll{Question: question, Options: c.pollOptions(), Selectable: 1}, true
}

// pollOptions are the options' lines, each once: a vote names its option by the text
// alone. Where the whole is too long for a poll the description is left out, and then
// what is too much of the title.
func (c Choices) pollOptions() []string {
	options := make([]string, len(c.Options))
	seen := make(map[string]bool, len(c.Options))
	for i, o := range c.Options {
		text := o.line()
		if utf8.RuneCountInString(text) > maxPollOption {
			text = oneLine(o.Title)
		}
		options[i] = shortened(text, "")
		for n := 2; seen[options[i]]; n++ {
			options[i] = shortened(text, " ("+strconv.Itoa(n)+")")
		}
		seen[options[i]] = true
	}
	return options
}

// shortened is a text with a suffix, of which as much as fits into a poll's option.
func shortened(text, suffix string) string {
	room := maxPollOption - utf8.RuneCountInString(suffix)
	if runes := []rune(text); len(runes) > room {
		text = string(runes[:room-1]) + "…"
	}
	return text + suffix
}

// paragraphs joins what is there with an empty line between.
func paragraphs(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		if p == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\n\n")
		}
		b.WriteString(p)
	}
	return b.String()
}

// emphasized puts a mark of WhatsApp's around a line.
func emphasized(mark, text string) string {
	if text = oneLine(text); text == "" {
		return ""
	}
	return mark + text + mark
}

// oneLine is a text with single spaces for whatever white space it has.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// present gives a message with choices the form in which the recipient sees them. It
// returns CodeInvalid for choices that can't be offered, or not with such a message.
func (m Outgoing) present(form Interactive) (Outgoing, error) {
	if m.Choices == nil {
		return m, nil
	}
	c := *m.Choices
	if err := c.Check(); err != nil {
		return m, err
	}
	switch m.Kind {
	case KindText, KindImage, KindVideo, KindDocument:
	default:
		return m, Errorf(CodeInvalid, "choices go with a text, an image, a video or a document")
	}
	if c.Form == "" {
		c.Form = form
	}
	if m.To.Server() == ServerNewsletter { // which shows neither polls nor buttons
		c.Form = InteractiveText
	}
	poll, polled := c.Polled(m.Text)
	switch {
	case c.Form == InteractiveNative && m.Kind == KindText && strings.TrimSpace(m.Text) != "":
		// The connection composes it. What the log shows is the text.
	case c.Form == InteractivePoll && polled && m.Kind == KindText && len(m.Mentions) == 0:
		m.Kind, m.Text, m.Poll, m.Preview = KindPoll, poll.Question, &poll, nil
	default:
		c.Form = InteractiveText
		m.Text = c.Numbered(m.Text)
	}
	if len(m.Text) > MaxTextLength {
		return m, Errorf(CodeInvalid, "the message with its choices is longer than %d bytes", MaxTextLength)
	}
	m.Choices = &c
	return m, nil
}
