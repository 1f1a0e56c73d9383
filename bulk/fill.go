package bulk

import (
	"regexp"
	"strings"
)

// A placeholder is {{name}} or, with what stands in for a field that is missing
// or empty, {{name|friend}}. A field may be called anything that a spreadsheet calls
// a column, such as "First Name": were it taken for text, everybody would get the
// braces. Only empty braces and a line break within them make text.
var placeholder = regexp.MustCompile(`\{\{\s*([^\s{}|](?:[^{}|\r\n]*[^\s{}|])?)\s*(\|[^{}]*)?\}\}`)

// Fill replaces the placeholders of a text by fields. One whose field is missing
// and that has nothing to stand in for it becomes empty; Plan lets no recipient
// pass for whom that would happen. What a field holds is never filled in itself.
func Fill(text string, fields map[string]string) string {
	if !strings.Contains(text, "{{") {
		return text
	}
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		p := parsePlaceholder(found)
		if value := fields[p.name]; value != "" {
			return value
		}
		return p.standIn
	})
}

// placeholderUse is what a text does with a field.
type placeholderUse struct {
	name     string
	standIn  string
	required bool // there is no stand-in
}

// placeholdersOf lists the fields of a text, each once. A field that is required
// anywhere is required.
func placeholdersOf(text string) []placeholderUse {
	var uses []placeholderUse
	known := make(map[string]int)
	for _, found := range placeholder.FindAllString(text, -1) {
		p := parsePlaceholder(found)
		if i, ok := known[p.name]; ok {
			uses[i].required = uses[i].required || p.required
			continue
		}
		known[p.name] = len(uses)
		uses = append(uses, p)
	}
	return uses
}

func parsePlaceholder(found string) placeholderUse {
	match := placeholder.FindStringSubmatch(found)
	standIn, given := strings.CutPrefix(match[2], "|")
	return placeholderUse{name: match[1], standIn: standIn, required: !given}
}
