package engine

import "time"

// ChoiceStyle is how a question offers its options in the interfaces that know
// interactive messages, and so how an answer is told there.
type ChoiceStyle string

const (
	StyleButton     ChoiceStyle = "button"      // up to a few buttons below the text
	StyleList       ChoiceStyle = "list"        // a button that opens a list, maybe in sections
	StyleQuickReply ChoiceStyle = "quick_reply" // the buttons of a template
)

// Interactive is how a session shows choices to the recipient.
type Interactive string

const (
	InteractiveText   Interactive = "text"   // numbered below the text; the default
	InteractivePoll   Interactive = "poll"   // a poll of which one option may be chosen
	InteractiveNative Interactive = "native" // WhatsApp's own buttons; experimental, see docs/api.md
)

// ChoiceTTL is how long a question can be answered.
const ChoiceTTL = 7 * 24 * time.Hour

// Choices are what a recipient may answer an outgoing message with: a text, or a
// file with a caption. Outgoing.Text is the message's body alone then; the engine
// makes of it what the session's options ask for. An answer that names one of the
// options comes back in Details.Choice.
type Choices struct {
	Style   ChoiceStyle
	Header  string      `json:",omitempty"` // a line above the body
	Footer  string      `json:",omitempty"` // below the options
	Button  string      `json:",omitempty"` // what opens a list
	Options []Choice    `json:",omitempty"`
	Link    *ChoiceLink `json:",omitempty"` // a button that opens a page; nothing comes back of it
	// Form is how they are shown; empty for what the session's options say. The
	// engine sets it, also where a form can't be had, as polls can't of thirteen options.
	Form Interactive `json:",omitempty"`
}

// Choice is one option. IDs are the caller's, and distinct but for quick replies.
type Choice struct {
	ID          string
	Title       string
	Description string `json:",omitempty"` // of lists
	Section     string `json:",omitempty"` // of lists: the title above the option and its neighbours
}

// ChoiceLink is a button that opens a page.
type ChoiceLink struct {
	Title string
	URL   string
}

// ChosenInfo is the option that a message has answered a question with.
type ChosenInfo struct {
	Style       ChoiceStyle `json:"style"`
	ID          string      `json:"id"`
	Title       string      `json:"title"`
	Description string      `json:"description,omitempty"`
	MessageID   MessageID   `json:"messageId,omitempty"` // the question
}

// MaxCallbackData is how long Outgoing.CallbackData may be, in characters.
const MaxCallbackData = 512
