package template

import "encoding/json"

// Category is what a template is for.
type Category string

// The categories that Meta knows today.
const (
	Marketing      Category = "MARKETING"
	Utility        Category = "UTILITY"
	Authentication Category = "AUTHENTICATION"
)

// ParameterFormat is how a template writes its parameters: {{1}} or {{first_name}}.
type ParameterFormat string

// The two ways, of which one template uses one.
const (
	Positional ParameterFormat = "POSITIONAL"
	Named      ParameterFormat = "NAMED"
)

// Status is whether a template can be sent.
type Status string

// Approved is every template's status: there is nobody who would review it.
const Approved Status = "APPROVED"

// Template is a message with places for values, in one language.
type Template struct {
	Name            string
	Language        string // such as en or pt_BR
	Category        Category
	ParameterFormat ParameterFormat
	Status          Status
	Components      []Component
}

// ComponentType is which part of a message a component is.
type ComponentType string

// The parts, each of which a template has once at most; the body is always there.
const (
	Header  ComponentType = "HEADER"
	Body    ComponentType = "BODY"
	Footer  ComponentType = "FOOTER"
	Buttons ComponentType = "BUTTONS"
)

// Format is what a header holds.
type Format string

// What headers may hold.
const (
	Text     Format = "TEXT"
	Image    Format = "IMAGE"
	Video    Format = "VIDEO"
	Document Format = "DOCUMENT"
	Location Format = "LOCATION"
)

// isMedia tells whether a header of this format carries a file.
func (f Format) isMedia() bool { return f == Image || f == Video || f == Document }

// Component is one part of a template.
type Component struct {
	Type   ComponentType `json:"type"`
	Format Format        `json:"format,omitempty"` // of headers
	// Text may hold parameters, except that of a footer.
	Text    string   `json:"text,omitempty"`
	Buttons []Button `json:"buttons,omitempty"` // of BUTTONS
	// Example is what the author gave as examples of the values; it is kept and not used.
	Example json.RawMessage `json:"example,omitempty"`
	// SecurityAdvice adds the advice not to share the code, to the body of an
	// authentication template.
	SecurityAdvice bool `json:"add_security_recommendation,omitempty"`
	// ExpiresIn is in minutes, 1 to 90; it makes the footer of an authentication
	// template. 0 leaves it out.
	ExpiresIn int `json:"code_expiration_minutes,omitempty"`
}

// ButtonType is what a button does.
type ButtonType string

// What buttons do.
const (
	QuickReply  ButtonType = "QUICK_REPLY"
	URL         ButtonType = "URL"
	PhoneNumber ButtonType = "PHONE_NUMBER"
	CopyCode    ButtonType = "COPY_CODE"
	OTP         ButtonType = "OTP" // of authentication templates: copies the code of the body
)

// Button is one of a template's buttons.
type Button struct {
	Type ButtonType `json:"type"`
	Text string     `json:"text,omitempty"`
	// URL may end in one parameter.
	URL         string          `json:"url,omitempty"`
	PhoneNumber string          `json:"phone_number,omitempty"`
	Example     json.RawMessage `json:"example,omitempty"`
	OTPType     string          `json:"otp_type,omitempty"` // of OTP: COPY_CODE, ONE_TAP or ZERO_TAP; all are sent alike
	// What apps of the author's would fill the code in; kept and not used.
	AutofillText  string          `json:"autofill_text,omitempty"`
	SupportedApps json.RawMessage `json:"supported_apps,omitempty"`
}

// component returns a part of the template, or an empty one.
func (t Template) component(which ComponentType) Component {
	for _, c := range t.Components {
		if c.Type == which {
			return c
		}
	}
	return Component{}
}
