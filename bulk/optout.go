package bulk

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"wapid/engine"
)

// CodeOptedOut is the error code of an item that was skipped because its
// recipient does not want messages to many.
const CodeOptedOut engine.Code = "OPTED_OUT"

// Limits of the words by which people opt out and in again.
const (
	MaxOptOutWords = 50 // of each kind
	MaxOptOutWord  = 64 // characters
)

// longestHeeded is how many bytes of text are looked at: a word of the greatest
// length, with some punctuation around it. A longer text is not one word.
const longestHeeded = 1024

// OptOutSource is who put a person on the list.
type OptOutSource string

const (
	OptOutByMessage OptOutSource = "message" // the person, by a word
	OptOutByAPI     OptOutSource = "api"     // the tenant
)

// OptOut is a person to whom a tenant's bulk jobs send nothing.
type OptOut struct {
	ID     int64 // grows with time
	Person engine.Person
	Source OptOutSource
	At     time.Time
	// What follows is empty unless the person said it in a message.
	Word      string
	Session   engine.SessionID
	MessageID engine.MessageID
}

// OptOutWords are the texts by which people opt out of a tenant's bulk messages,
// and in again, as plainWord makes them. No word is in both lists; an empty list
// switches its half off.
type OptOutWords struct {
	Stop  []string `json:"stop"`
	Start []string `json:"start"`
}

// DefaultOptOutWords are those of a tenant that has not chosen its own.
func DefaultOptOutWords() OptOutWords {
	return OptOutWords{
		Stop:  []string{"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "opt out", "optout", "remove me"},
		Start: []string{"start", "unstop", "subscribe"},
	}
}

// ParseOptOutWords checks a tenant's own words and makes them comparable. It
// returns CodeInvalid.
func ParseOptOutWords(stop, start []string) (w OptOutWords, err error) {
	if w.Stop, err = parseWords("stop", stop); err != nil {
		return OptOutWords{}, err
	}
	if w.Start, err = parseWords("start", start); err != nil {
		return OptOutWords{}, err
	}
	for _, word := range w.Start {
		if slices.Contains(w.Stop, word) {
			return OptOutWords{}, engine.Errorf(engine.CodeInvalid, "%q must not be among both the stop and the start words", word)
		}
	}
	return w, nil
}

func parseWords(name string, given []string) ([]string, error) {
	words := make([]string, 0, len(given))
	if len(given) > MaxOptOutWords {
		return nil, engine.Errorf(engine.CodeInvalid, "%s must not have more than %d words", name, MaxOptOutWords)
	}
	for i, raw := range given {
		word := plainWord(raw)
		switch {
		case utf8.RuneCountInString(raw) > MaxOptOutWord || utf8.RuneCountInString(word) > MaxOptOutWord:
			return nil, engine.Errorf(engine.CodeInvalid, "%s[%d] must not be longer than %d characters", name, i, MaxOptOutWord)
		case word == "":
			return nil, engine.Errorf(engine.CodeInvalid, "%s[%d] must have a letter or a digit", name, i)
		case !slices.Contains(words, word):
			words = append(words, word)
		}
	}
	return words, nil
}

// Heed tells whether a whole text is one of the words, which one, and whether it
// opts out or in again.
func (w OptOutWords) Heed(text string) (word string, optOut, heeded bool) {
	if len(text) > longestHeeded {
		return "", false, false
	}
	word = plainWord(text)
	switch {
	case word == "":
		return "", false, false
	case slices.Contains(w.Stop, word):
		return word, true, true
	case slices.Contains(w.Start, word):
		return word, false, true
	}
	return "", false, false
}

// sameKey brings together what people take for one letter: phones set an apostrophe
// as a quotation mark, and a Turkish İ keeps its dot when it loses its case.
var sameKey = strings.NewReplacer("‘", "'", "’", "'", "ʼ", "'", "i\u0307", "i")

// plainWord is a text without what people put around it: letters lose their case
// and width, what stands before the first and behind the last letter or digit
// goes, and so do invisible characters; any space between is one blank.
func plainWord(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Variation_Selector, r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, text)
	text = norm.NFKC.String(cases.Fold().String(norm.NFKC.String(text)))
	text = sameKey.Replace(text)
	text = strings.TrimLeftFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	text = strings.TrimRightFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
	return strings.Join(strings.Fields(text), " ")
}
