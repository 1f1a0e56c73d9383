package hub

import (
	"strings"
	"unicode"
)

// fewestDigits is how many digits a number has at least that is taken for one that
// must not be shown, as telephone numbers and codes are.
const fewestDigits = 5

// masked stands for a digit.
const masked = '•'

// Mask hides the numbers in a text: runs of five digits or more, of whatever script,
// also where they are set apart as telephone numbers are. What is left tells nobody's
// number; shorter numbers, such as prices and times, stay.
func Mask(text string) string {
	letters := []rune(text)
	for i := 0; i < len(letters); {
		if !isDigit(letters[i]) {
			i++
			continue
		}
		digits, end := 0, i
		for j := i; j < len(letters) && (isDigit(letters[j]) || joins(letters[j])); j++ {
			if isDigit(letters[j]) {
				digits++
				end = j + 1
			}
		}
		if digits >= fewestDigits {
			for j := i; j < end; j++ {
				if isDigit(letters[j]) {
					letters[j] = masked
				}
			}
		}
		i = end
	}
	return string(letters)
}

// isDigit also knows digits that are set in circles or above the line, and the ten's emoji.
func isDigit(r rune) bool {
	return unicode.IsDigit(r) || unicode.Is(unicode.No, r) || r == '\U0001F51F' || r >= '\U0001F100' && r <= '\U0001F10C'
}

// joins tells what may stand within a telephone number: any punctuation, as people think
// of ways to set numbers apart, and the marks that make an emoji of a digit.
func joins(r rune) bool {
	switch {
	case r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029':
		return false
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Mn, r), unicode.Is(unicode.Me, r), unicode.Is(unicode.Cc, r):
		return true
	case unicode.IsSpace(r):
		return true
	}
	return unicode.In(r, unicode.P, unicode.Sm)
}

// Initials reduces a person's name to the first letters of at most two of its words;
// what begins with no letter, such as a number, is left out. It is "" if nothing is left.
func Initials(name string) string {
	var initials []string
	for word := range strings.FieldsSeq(name) {
		letters := []rune(word)
		if !unicode.IsLetter(letters[0]) {
			continue
		}
		if initials = append(initials, string(unicode.ToUpper(letters[0]))+"."); len(initials) == 2 {
			break
		}
	}
	return strings.Join(initials, " ")
}
