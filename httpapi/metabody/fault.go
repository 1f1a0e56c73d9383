package metabody

import "fmt"

// Reason is why a body is refused.
type Reason int

// The reasons, as far as one of the APIs has a code of its own for them.
const (
	Missing     Reason = iota // a member that must be there
	Invalid                   // a member that can't be read, or does not go with another
	Value                     // a value that may not be
	TooLong                   // a text of more characters than there may be
	Unsupported               // what a linked device can't send
)

// Fault is what is wrong with a body. Details is shown to callers, and holds no secret,
// number or text of theirs.
type Fault struct {
	Reason  Reason
	Details string
}

// Faultf makes a Fault whose details are formatted.
func Faultf(reason Reason, format string, args ...any) *Fault {
	return &Fault{Reason: reason, Details: fmt.Sprintf(format, args...)}
}

// Error implements error.
func (f *Fault) Error() string { return f.Details }
