package template

import (
	"reflect"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for text, want := range map[string][]string{
		"":                               nil,
		"no places":                      nil,
		"Hi {{1}}, see {{2}}":            {"1", "2"},
		"{{first_name}} {{ last_name }}": {"first_name", "last_name"},
		"{{2}} {{1}} {{2}}":              {"2", "1"},
		"{single} }} {":                  nil,
		"{{orderId2}}":                   {"orderId2"},
	} {
		pieces, err := split(text)
		if got := paramsOf(pieces); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q has %q (%v), want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"{{", "{{1", "{{}}", "{{ }}", "{{0}}", "{{01}}", "{{-1}}", "{{+1}}", "{{{1}}}", "{{a b}}", "{{1a}}", "{{a{{b}}}}",
		"{{é}}", "{{" + strings.Repeat("a", longestName+1) + "}}"} {
		if pieces, err := split(text); err == nil {
			t.Errorf("%q is taken as %q", text, pieces)
		}
	}
}

func TestFill(t *testing.T) {
	got := fill("Hi {{1}}, {{ 2 }} of {{1}}", map[string]string{"1": "{{2}}", "2": "x"})
	if want := "Hi {{2}}, x of {{2}}"; got != want {
		t.Errorf("%q, want %q: values are not read for places again", got, want)
	}
}

// FuzzSplit: whatever is written, the pieces are the text, and each place has a name.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"Hi {{1}}", "{{a}}{{b_2}}", "{{", "}}{{ x }}", "{{{1}}}", "\x00{{\xff}}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		pieces, err := split(text)
		if err != nil {
			return
		}
		var b strings.Builder
		values := make(map[string]string)
		for _, p := range pieces {
			b.WriteString(p.text)
			if p.param != "" {
				values[p.param] = "{{" + p.param + "}}"
				if !isName(p.param) {
					t.Errorf("%q has the name %q", text, p.param)
				}
			}
		}
		if b.String() != text {
			t.Errorf("%q falls into %q", text, pieces)
		}
		if again := fill(text, values); !reflect.DeepEqual(params(again), paramsOf(pieces)) {
			t.Errorf("%q filled with its own places is %q", text, again)
		}
	})
}
