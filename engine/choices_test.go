package engine_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"wapid/engine"
)

func options(titles ...string) (all []engine.Choice) {
	for _, title := range titles {
		all = append(all, engine.Choice{ID: "id-" + title, Title: title})
	}
	return all
}

func TestNumbered(t *testing.T) {
	for name, c := range map[string]struct {
		choices engine.Choices
		body    string
		want    string
	}{
		"buttons": {engine.Choices{Style: engine.StyleButton, Options: options("Accept", "Decline")}, "Shall we?",
			"Shall we?\n\n1. Accept\n2. Decline"},
		"with all around it": {engine.Choices{Style: engine.StyleButton, Header: " Order\n1234 ", Footer: "Shop", Options: options("Accept")}, "\nShall we?\n",
			"*Order 1234*\n\nShall we?\n\n1. Accept\n\n_Shop_"},
		"under a picture without a caption": {engine.Choices{Style: engine.StyleButton, Options: options("Like", "Dislike")}, "", "1. Like\n2. Dislike"},
		"a list": {engine.Choices{Style: engine.StyleList, Button: "See times", Options: []engine.Choice{
			{ID: "1", Title: "09:00", Description: "with Asha", Section: "Monday"},
			{ID: "2", Title: "10:00", Section: "Monday"},
			{ID: "3", Title: "09:00", Description: "with\nBen", Section: "Tuesday"},
		}}, "When?", "When?\n\nSee times:\n\n*Monday*\n1. 09:00 – with Asha\n2. 10:00\n\n*Tuesday*\n3. 09:00 – with Ben"},
		"a list without sections":    {engine.Choices{Style: engine.StyleList, Button: "Open:", Options: options("A")}, "Q", "Q\n\nOpen:\n1. A"},
		"a button of no list":        {engine.Choices{Style: engine.StyleButton, Button: "Open", Options: options("A")}, "Q", "Q\n\n1. A"},
		"a link":                     {engine.Choices{Style: engine.StyleButton, Link: &engine.ChoiceLink{Title: "Track it", URL: "https://example.com/t?a=1"}}, "Sent.", "Sent.\n\nTrack it: https://example.com/t?a=1"},
		"quick replies and a link":   {engine.Choices{Style: engine.StyleQuickReply, Options: options("Stop"), Link: &engine.ChoiceLink{Title: "Site", URL: "https://e.x"}}, "Hi", "Hi\n\n1. Stop\n\nSite: https://e.x"},
		"the body's own lines stay":  {engine.Choices{Style: engine.StyleButton, Options: options("A")}, "one\n\n two  words", "one\n\n two  words\n\n1. A"},
		"a section that begins late": {engine.Choices{Style: engine.StyleList, Options: []engine.Choice{{ID: "1", Title: "A"}, {ID: "2", Title: "B", Section: "More"}}}, "Q", "Q\n\n1. A\n\n*More*\n2. B"},
	} {
		if got := c.choices.Numbered(c.body); got != c.want {
			t.Errorf("%s:\n%s\n\nwant:\n%s", name, got, c.want)
		}
	}
}

func TestPolled(t *testing.T) {
	long := strings.Repeat("ä", 99)
	c := engine.Choices{Style: engine.StyleList, Header: "H", Footer: "F", Options: []engine.Choice{
		{ID: "1", Title: "Yes"}, {ID: "2", Title: "Yes"}, {ID: "3", Title: "Yes (2)"}, {ID: "4", Title: "No", Description: "never"},
		{ID: "5", Title: long, Description: "too much"}, {ID: "6", Title: long, Description: "by far"},
	}}
	poll, ok := c.Polled("Body")
	want := []string{"Yes", "Yes (2)", "Yes (2) (2)", "No – never", long, strings.Repeat("ä", 95) + "… (2)"}
	if !ok || poll.Question != "*H*\n\nBody\n\n_F_" || poll.Selectable != 1 || !slices.Equal(poll.Options, want) {
		t.Errorf("the poll is %+v (%v)", poll, ok)
	}
	c.Form = engine.InteractivePoll
	for i, text := range poll.Options {
		if n := utf8.RuneCountInString(text); n > 100 {
			t.Errorf("option %d has %d characters", i, n)
		}
		if got, ok := c.Voted(engine.Vote{Options: []string{text}}); !ok || got.ID != c.Options[i].ID {
			t.Errorf("a vote for %q chooses %+v", text, got)
		}
	}
	for name, v := range map[string]engine.Vote{
		"none": {Options: []string{}}, "two": {Options: poll.Options[:2]}, "another": {Options: []string{"Maybe"}},
		"one and what is not known": {Options: poll.Options[:1], Unresolved: 1}, "unread": {Undecryptable: true},
	} {
		if got, ok := c.Voted(v); ok {
			t.Errorf("a vote for %s chooses %+v", name, got)
		}
	}
	for name, c := range map[string]struct {
		titles []string
		body   string
	}{
		"one option":          {[]string{"A"}, "Q"},
		"thirteen options":    {strings.Split("a b c d e f g h i j k l m", " "), "Q"},
		"no question":         {[]string{"A", "B"}, " "},
		"too long a question": {[]string{"A", "B"}, strings.Repeat("ä", 256)},
	} {
		if poll, ok := (engine.Choices{Style: engine.StyleButton, Options: options(c.titles...)}).Polled(c.body); ok {
			t.Errorf("%s makes the poll %+v", name, poll)
		}
	}
}

func TestAnswer(t *testing.T) {
	c := engine.Choices{Style: engine.StyleButton, Form: engine.InteractiveText, Options: []engine.Choice{
		{ID: "accept", Title: "Accept"}, {ID: "decline", Title: "Straße é"}, {ID: "7", Title: "5", Description: "stars"},
		{ID: "twin-1", Title: "Twin"}, {ID: "twin-2", Title: "Twin"},
	}}
	for text, want := range map[string]struct {
		id string
		by engine.AnsweredBy
	}{
		"1": {"accept", engine.AnsweredByNumber}, " 2 ": {"decline", engine.AnsweredByNumber}, "2.": {"decline", engine.AnsweredByNumber},
		"1)": {"accept", engine.AnsweredByNumber}, "2️⃣": {"decline", engine.AnsweredByNumber}, "１": {"accept", engine.AnsweredByNumber},
		"२": {"decline", engine.AnsweredByNumber}, "٤": {"twin-1", engine.AnsweredByNumber}, "01": {"accept", engine.AnsweredByNumber},
		"Accept": {"accept", engine.AnsweredByName}, " aCCept\n": {"accept", engine.AnsweredByName}, "1. Accept": {"accept", engine.AnsweredByName},
		"straße e\u0301": {"decline", engine.AnsweredByName}, "5": {"7", engine.AnsweredByName}, "5 – stars": {"7", engine.AnsweredByName},
		"7": {"7", engine.AnsweredByName}, "twin-2": {"twin-2", engine.AnsweredByName},
		"Twin": {}, "0": {}, "6": {}, "": {}, " ": {}, "accept it": {}, "1 2": {}, "12": {}, "-1": {}, "1.5": {}, "...": {}, "²": {},
		"ACCEPT!": {}, "99999999999999999999": {},
	} {
		o, by := c.Answer(text)
		if text == "²" { // compatibility makes a 2 of it
			want.id, want.by = "decline", engine.AnsweredByNumber
		}
		if o.ID != want.id || by != want.by {
			t.Errorf("%q chooses %q (%v), want %q (%v)", text, o.ID, by, want.id, want.by)
		}
	}
	c.Form = engine.InteractivePoll
	if o, by := c.Answer("1"); by != engine.AnsweredNot {
		t.Errorf("under a poll, which shows no numbers, a 1 chooses %+v", o)
	}
	if o, by := c.Answer("accept"); by != engine.AnsweredByName || o.ID != "accept" {
		t.Errorf("under a poll a title chooses %+v (%v)", o, by)
	}
}

func TestChoicesAreChecked(t *testing.T) {
	link := &engine.ChoiceLink{Title: "T", URL: "https://e.x"}
	for says, c := range map[string]engine.Choices{
		"":                         {Style: engine.StyleButton, Options: options("A", "B")},
		"the style":                {Options: options("A")},
		"at least one":             {Style: engine.StyleList},
		"at most 30":               {Style: engine.StyleList, Options: make([]engine.Choice, 31)},
		"needs an id":              {Style: engine.StyleList, Options: []engine.Choice{{Title: "A"}}},
		"is there twice":           {Style: engine.StyleList, Options: options("A", "A")},
		"needs a title":            {Style: engine.StyleList, Options: []engine.Choice{{ID: "1", Title: " "}}},
		"choices[1] needs a title": {Style: engine.StyleList, Options: options("A", strings.Repeat("x", 101))},
		"the description":          {Style: engine.StyleList, Options: []engine.Choice{{ID: "1", Title: "A", Description: strings.Repeat("x", 301)}}},
		"a link":                   {Style: engine.StyleButton, Link: &engine.ChoiceLink{Title: "T"}},
		"the button":               {Style: engine.StyleList, Button: strings.Repeat("x", 301), Options: options("A")},
	} {
		err := c.Check()
		if says == "" {
			if c.Options, c.Link = nil, link; err != nil || c.Check() != nil {
				t.Errorf("%v, and a link alone %v", err, c.Check())
			}
		} else if engine.CodeOf(err) != engine.CodeInvalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
}
