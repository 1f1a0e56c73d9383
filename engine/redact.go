package engine

import "regexp"

// longNumber is what may be a phone number or a LID: E.164 numbers have 7 to 15
// digits, LIDs about as many. Ports, statuses and times are shorter.
var longNumber = regexp.MustCompile(`\d{7,}`)

// Redact takes numbers out of a text that goes to the log: errors of libraries
// name the addresses that they were about.
func Redact(s string) string { return longNumber.ReplaceAllString(s, "#") }
