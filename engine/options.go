package engine

import "time"

// SessionOptions are what a tenant may set on a session. The zero value is none.
// The tags are those of the database.
type SessionOptions struct {
	// Proxy is the URL of the proxy through which everything of the session goes,
	// its password included; empty for none. It is never logged or answered whole.
	Proxy string `json:"proxy,omitempty"`
	// Typing shows the recipient that the account types before a text goes out.
	Typing bool `json:"typing,omitempty"`
	// DelayMin and DelayMax bound the random pause before each send, to a whole
	// millisecond; both zero for none.
	DelayMin time.Duration `json:"delayMin,omitempty"`
	DelayMax time.Duration `json:"delayMax,omitempty"`
	// Interactive is how choices are shown; empty for InteractiveText.
	Interactive Interactive `json:"interactive,omitempty"`
}

// SessionChange says what to set on a session; nil leaves it as it is.
type SessionChange struct {
	Name               *string
	Proxy              *string
	Typing             *bool
	DelayMin, DelayMax *time.Duration
	Interactive        *Interactive
}

// name and options are what they are after the change.
func (c SessionChange) apply(name string, o SessionOptions) (string, SessionOptions) {
	set(&name, c.Name)
	set(&o.Proxy, c.Proxy)
	set(&o.Typing, c.Typing)
	set(&o.DelayMin, c.DelayMin)
	set(&o.DelayMax, c.DelayMax)
	set(&o.Interactive, c.Interactive)
	if o.Interactive == InteractiveText { // as it is without an option
		o.Interactive = ""
	}
	return name, o
}

func set[T any](field *T, to *T) {
	if to != nil {
		*field = *to
	}
}

// check returns CodeInvalid for delays that make no range, and for a way to show
// choices that there is not.
func (o SessionOptions) check() error {
	switch {
	case o.DelayMin < 0 || o.DelayMax < 0:
		return Errorf(CodeInvalid, "delayMin and delayMax must not be negative")
	case o.DelayMin > o.DelayMax:
		return Errorf(CodeInvalid, "delayMin must not be greater than delayMax")
	case o.DelayMax > MaxDelay:
		return Errorf(CodeInvalid, "delayMax must not be greater than %d ms", MaxDelay.Milliseconds())
	}
	switch o.Interactive {
	case "", InteractiveText, InteractivePoll, InteractiveNative:
		return nil
	}
	return Errorf(CodeInvalid, "interactive must be text, poll or native")
}

// MaxDelay is the longest pause before a send that a session may have.
const MaxDelay = time.Minute
