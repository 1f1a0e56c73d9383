package template

import (
	"strconv"
	"strings"
)

// longestName is the longest name of a parameter, in characters.
const longestName = 64

// piece is a part of a text: literal, or the place of a parameter.
type piece struct {
	text  string // as written, with the braces of a place
	param string // the parameter's name or number; "" for literal text
}

// split cuts a text at its places. Braces that stand alone are literal. It fails with
// Invalid for two that open and are not closed, or hold no name: whoever wrote them
// meant a place.
func split(text string) ([]piece, error) {
	var pieces []piece
	for rest := text; rest != ""; {
		literal, after, found := strings.Cut(rest, "{{")
		if literal != "" {
			pieces = append(pieces, piece{text: literal})
		}
		if !found {
			break
		}
		inner, behind, closed := strings.Cut(after, "}}")
		name := strings.Trim(inner, " ")
		switch {
		case !closed:
			return nil, errorf(Invalid, "", "two opening braces are not closed")
		case !isName(name):
			return nil, errorf(Invalid, "", "a parameter must be a number or a name of letters, digits and underscores, in {{ }}, of at most %d characters", longestName)
		}
		pieces = append(pieces, piece{text: "{{" + inner + "}}", param: name})
		rest = behind
	}
	return pieces, nil
}

// isName tells whether a text is the name or the number of a parameter.
func isName(s string) bool {
	if s == "" || len(s) > longestName {
		return false
	}
	if number, ok := numberOf(s); ok {
		return number > 0
	}
	for i, c := range []byte(s) {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// numberOf reads a number without a sign or leading zeros.
func numberOf(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && strconv.Itoa(n) == s
}

// params are the parameters of a text, each once, in the order in which they first
// appear. They are those of a text that was checked.
func params(text string) []string {
	pieces, _ := split(text)
	return paramsOf(pieces)
}

func paramsOf(pieces []piece) (names []string) {
	seen := make(map[string]bool)
	for _, p := range pieces {
		if p.param != "" && !seen[p.param] {
			seen[p.param] = true
			names = append(names, p.param)
		}
	}
	return names
}

// fill puts values in a text's places, all of which have one.
func fill(text string, values map[string]string) string {
	pieces, err := split(text)
	if err != nil {
		return text
	}
	var b strings.Builder
	for _, p := range pieces {
		if p.param == "" {
			b.WriteString(p.text)
		} else {
			b.WriteString(values[p.param])
		}
	}
	return b.String()
}
