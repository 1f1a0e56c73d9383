package engine

import (
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// AnsweredBy is how a message named the option that it chose.
type AnsweredBy int

const (
	AnsweredNot      AnsweredBy = iota // it named none
	AnsweredByNumber                   // by its number in the text, which may mean anything else as well
	AnsweredByName                     // by its title or id
)

// Answer finds the option that a text names: by its title, whatever the case and the
// form of its characters; by its number, if it was shown with one; by its id. A title
// that several options have names none.
func (c Choices) Answer(text string) (Choice, AnsweredBy) {
	text = plain(text)
	if text == "" {
		return Choice{}, AnsweredNot
	}
	var titled []Choice
	for i, o := range c.Options {
		if strings.EqualFold(text, plain(o.Title)) {
			titled = append(titled, o)
			continue
		}
		if line := plain(o.line()); strings.EqualFold(text, line) || strings.EqualFold(text, strconv.Itoa(i+1)+". "+line) {
			return o, AnsweredByName
		}
	}
	if len(titled) == 1 {
		return titled[0], AnsweredByName
	}
	if n, ok := numberIn(text); ok && c.Form == InteractiveText && n >= 1 && n <= len(c.Options) {
		return c.Options[n-1], AnsweredByNumber
	}
	for _, o := range c.Options {
		if text == plain(o.ID) {
			return o, AnsweredByName
		}
	}
	return Choice{}, AnsweredNot
}

// Voted finds the option that a vote in the poll names. A vote for none, or for what
// can't be read, names none.
func (c Choices) Voted(v Vote) (Choice, bool) {
	if c.Form != InteractivePoll || len(v.Options) != 1 || v.Unresolved > 0 || v.Undecryptable {
		return Choice{}, false
	}
	for i, text := range c.pollOptions() {
		if text == v.Options[0] {
			return c.Options[i], true
		}
	}
	return Choice{}, false
}

// ByID finds an option.
func (c Choices) ByID(id string) (Choice, bool) {
	for _, o := range c.Options {
		if o.ID == id {
			return o, true
		}
	}
	return Choice{}, false
}

// Chosen is what an answer with an option tells.
func (c Choices) Chosen(o Choice, question MessageID) *ChosenInfo {
	return &ChosenInfo{Style: c.Style, ID: o.ID, Title: o.Title, Description: o.Description, MessageID: question}
}

// plain is a text as it is compared: composed characters in one form, single spaces,
// and without the marks that make an emoji of a digit.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		switch r {
		case '\ufe0f', '\u20e3', '\u200e', '\u200f':
			return -1
		}
		return r
	}, norm.NFKC.String(text))
	return oneLine(text)
}

// numberIn reads a number of one or two digits, of any script, with a full stop or a
// bracket behind it or without.
func numberIn(text string) (n int, ok bool) {
	text = strings.TrimRight(text, ".)")
	digits := 0
	for _, r := range text {
		d, isDigit := digitOf(r)
		if !isDigit {
			return 0, false
		}
		n = 10*n + d
		if digits++; digits > 2 {
			return 0, false
		}
	}
	return n, digits > 0
}

// digitOf is the value of a decimal digit of any script. Unicode keeps the ten of a
// script together, in their order.
func digitOf(r rune) (int, bool) {
	if r >= '0' && r <= '9' {
		return int(r - '0'), true
	}
	for _, in := range unicode.Nd.R16 {
		if r >= rune(in.Lo) && r <= rune(in.Hi) {
			return int(r-rune(in.Lo)) % 10, true
		}
	}
	for _, in := range unicode.Nd.R32 {
		if r >= rune(in.Lo) && r <= rune(in.Hi) {
			return int(r-rune(in.Lo)) % 10, true
		}
	}
	return 0, false
}
