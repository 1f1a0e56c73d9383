package template

import "fmt"

// Fault is what is wrong with a definition, or with values.
type Fault string

const (
	// Invalid is a definition that breaks a rule.
	Invalid Fault = "invalid"
	// TooLong is a text that is over its limit, in a definition or with the values in it.
	TooLong Fault = "too long"
	// Count is more or fewer values than there are parameters.
	Count Fault = "count"
	// Mismatch is a value of another type or name than the template's.
	Mismatch Fault = "mismatch"
	// Missing is a value without which there is no message: of a button, or one by name.
	Missing Fault = "missing"
)

// Error says what is wrong, in words for whoever wrote the template or the values. It
// quotes neither texts nor values.
type Error struct {
	Fault  Fault
	Part   string // such as body, header, or buttons[0]
	Detail string
	Name   string // of Missing: the parameter, where it has a name
}

func (e *Error) Error() string { return e.Part + ": " + e.Detail }

func errorf(fault Fault, part, format string, args ...any) *Error {
	return &Error{Fault: fault, Part: part, Detail: fmt.Sprintf(format, args...)}
}
