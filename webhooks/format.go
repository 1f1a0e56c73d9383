package webhooks

import (
	"net/http"
	"slices"
	"strings"

	"wapid/engine"
)

// Format is how the body of a delivery looks.
type Format string

const (
	FormatWapiConnect Format = "wapiconnect" // that of the WapiConnect document; what "" means as well
	FormatMeta        Format = "meta"        // Meta's Cloud API
	FormatOnPrem      Format = "onprem"      // WhatsApp's On-Premises API, and 360dialog's
	FormatHub         Format = "hub"         // WhatsApp Hub
	FormatStandard    Format = "standard"    // the payload that Standard Webhooks recommends
)

// Formats are all formats, the default first.
func Formats() []Format {
	return []Format{FormatWapiConnect, FormatMeta, FormatOnPrem, FormatHub, FormatStandard}
}

// ParseFormat returns CodeInvalid for a word that is none.
func ParseFormat(s string) (Format, error) {
	if slices.Contains(Formats(), Format(s)) {
		return Format(s), nil
	}
	var words []string
	for _, f := range Formats() {
		words = append(words, string(f))
	}
	return "", engine.Errorf(engine.CodeInvalid, "format must be one of %s", strings.Join(words, ", "))
}

// IsForeign tells whether a format has words of its own, so that it can't tell every
// type of event, and its bodies have another encoder than the default's.
func (f Format) IsForeign() bool {
	return f == FormatMeta || f == FormatOnPrem || f == FormatHub
}

// Types are the types of events that a format has words for. Tests are told in each.
func (f Format) Types() []engine.EventType {
	switch f {
	case FormatMeta:
		return []engine.EventType{engine.EventMessage, engine.EventMessageStatus, engine.EventTemplate, engine.EventTest}
	case FormatOnPrem:
		return []engine.EventType{engine.EventMessage, engine.EventMessageStatus, engine.EventTest}
	case FormatHub:
		return []engine.EventType{engine.EventMessage, engine.EventMessageStatus, engine.EventTemplate, engine.EventContact, engine.EventTest}
	}
	return Types()
}

// Defaults are the types that an endpoint gets which asks for none: those of the
// WapiConnect document, or all that a format of other words can tell. Of Meta's fields it
// gets "messages" alone, as Meta has it: receivers that know no other fail at the rest,
// some of them with an answer that has it delivered again.
func (f Format) Defaults() []engine.EventType {
	switch {
	case f == FormatMeta:
		return slices.DeleteFunc(f.Types(), func(t engine.EventType) bool { return t == engine.EventTemplate })
	case f.IsForeign():
		return f.Types()
	}
	return slices.DeleteFunc(Types(), func(t engine.EventType) bool { return !t.IsDocumented() })
}

// Settle gives an endpoint's format its types: AllTypes are all that a foreign format can
// tell, and none are its Defaults. It returns CodeInvalid for types that the format has no words
// for.
func (e *Endpoint) Settle() error {
	if e.Format == "" {
		e.Format = FormatWapiConnect
	}
	if !e.Format.IsForeign() {
		return nil
	}
	can := e.Format.Types()
	switch {
	case len(e.Types) == 0:
		e.Types = e.Format.Defaults()
		return nil
	case slices.Contains(e.Types, AllTypes):
		e.Types = can
		return nil
	}
	for _, t := range e.Types {
		if !slices.Contains(can, t) {
			return engine.Errorf(engine.CodeInvalid, "the format %s has no words for every event that events names; it has for %s", e.Format, typeWords(can))
		}
	}
	return nil
}

// Post is an event in an endpoint's format.
type Post struct {
	Body   []byte
	Header http.Header // of the format's own; nil for none
	// Nothing says that the format has no words for what the event tells: nothing is
	// sent, and the delivery counts as made.
	Nothing bool
}
