package bulk

import (
	"reflect"
	"strings"
	"testing"

	"wapid/engine"
)

func TestHeed(t *testing.T) {
	own, err := ParseOptOutWords([]string{"नहीं", " Keine  Nachrichten! ", "İPTAL", "don't write"}, []string{"doch", "DOCH"})
	if err != nil {
		t.Fatal(err)
	}
	standard := DefaultOptOutWords()
	for _, c := range []struct {
		words  OptOutWords
		text   string
		word   string
		optOut bool
	}{
		{standard, "STOP", "stop", true},
		{standard, "  Stop.\n", "stop", true},
		{standard, "„Stop!!!“ 🛑❤️", "stop", true},
		{standard, "ＳＴＯＰ", "stop", true},
		{standard, "st\u200bop", "stop", true},
		{standard, "Opt  Out", "opt out", true},
		{standard, "opt\u00a0out", "opt out", true},
		{standard, "*unsubscribe*", "unsubscribe", true},
		{standard, "Start", "start", false},
		{standard, "UNSTOP", "unstop", false},
		{standard, "please stop", "", false},
		{standard, "stop it", "", false},
		{standard, "opt-out", "", false},
		{standard, "stopp", "", false},
		{standard, "", "", false},
		{standard, "!!!", "", false},
		{standard, "stop" + strings.Repeat("!", 2000), "", false},
		{own, "नहीं।", plainWord("नहीं"), true},
		{own, "keine nachrichten", "keine nachrichten", true},
		{own, "i\u0307ptal", plainWord("İPTAL"), true},
		{own, "İptal", "iptal", true},
		{own, "iptal", "iptal", true},
		{own, "Don’t write.", "don't write", true},
		{own, "Doch?", "doch", false},
		{own, "stop", "", false},
		{OptOutWords{}, "stop", "", false},
	} {
		word, optOut, heeded := c.words.Heed(c.text)
		if word != c.word || optOut != c.optOut || heeded != (c.word != "") {
			t.Errorf("%q is %q, %t, %t", c.text, word, optOut, heeded)
		}
	}
	if !reflect.DeepEqual(own.Start, []string{"doch"}) {
		t.Errorf("a word that was given twice: %q", own.Start)
	}
}

func TestParseOptOutWords(t *testing.T) {
	fifty := strings.Split(strings.Repeat("x ", MaxOptOutWords)[:2*MaxOptOutWords-1], " ")
	for name, c := range map[string]struct {
		stop, start []string
		fault       string
	}{
		"none":          {nil, []string{}, ""},
		"fifty":         {fifty, nil, ""},
		"too many":      {append([]string{"y"}, fifty...), nil, "stop must not have more"},
		"longest":       {[]string{strings.Repeat("ä", MaxOptOutWord)}, nil, ""},
		"too long":      {nil, []string{strings.Repeat("ä", MaxOptOutWord+1)}, "start[0] must not be longer"},
		"grows":         {[]string{strings.Repeat("ﬃ", MaxOptOutWord)}, nil, "stop[0] must not be longer"},
		"no letter":     {[]string{"stop", "!"}, nil, "stop[1] must have a letter"},
		"both":          {[]string{"stop"}, []string{"STOP."}, "both"},
		"a mark before": {[]string{"\u0301stop"}, nil, ""},
	} {
		_, err := ParseOptOutWords(c.stop, c.start)
		switch {
		case c.fault == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.fault != "" && (engine.CodeOf(err) != engine.CodeInvalid || !strings.Contains(err.Error(), c.fault)):
			t.Errorf("%s: %v", name, err)
		}
	}
}
