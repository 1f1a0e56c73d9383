package onprem

import "wapid/engine/template"

// Sent is the answer to a message that was taken.
type Sent struct {
	Messages []Named `json:"messages"`
	Meta     Meta    `json:"meta"`
}

// Kept is the answer to a file that was taken.
type Kept struct {
	Media []Named `json:"media"`
	Meta  Meta    `json:"meta"`
}

// Named is something that has an id.
type Named struct {
	ID string `json:"id"`
}

// NewSent is the answer to a message.
func NewSent(id ID) Sent { return Sent{Messages: []Named{{id.String()}}, Meta: newMeta()} }

// NewKept is the answer to a file.
func NewKept(id string) Kept { return Kept{Media: []Named{{id}}, Meta: newMeta()} }

// Checked is the answer to POST /v1/contacts.
type Checked struct {
	Contacts []Contact `json:"contacts"`
	Meta     Meta      `json:"meta"`
}

// Contact is what is known of one number.
type Contact struct {
	Input  string        `json:"input"` // as it was given
	Status ContactStatus `json:"status"`
	WAID   string        `json:"wa_id,omitempty"`
}

// ContactStatus says whether a number is on WhatsApp.
type ContactStatus string

// What is said of a number.
const (
	ContactValid      ContactStatus = "valid"
	ContactInvalid    ContactStatus = "invalid"
	ContactProcessing ContactStatus = "processing" // ask again
)

// NewChecked is the answer about some numbers.
func NewChecked(list []Contact) Checked { return Checked{Contacts: list, Meta: newMeta()} }

// Templates is the answer to GET /v1/configs/templates.
type Templates struct {
	Templates []TemplateBody `json:"waba_templates"`
	Count     int            `json:"count"`
	Total     int            `json:"total"`
	Limit     int            `json:"limit"`
	Offset    int            `json:"offset"`
	Sort      []string       `json:"sort"`
	Filters   struct{}       `json:"filters"`
}

// TemplateBody is a template as 360dialog shows it.
type TemplateBody struct {
	Name           string               `json:"name"`
	Namespace      string               `json:"namespace"`
	Language       string               `json:"language"`
	Status         string               `json:"status"` // in lower case here
	Category       string               `json:"category"`
	Components     []template.Component `json:"components"`
	RejectedReason string               `json:"rejected_reason"`
	ID             string               `json:"id"`
}

// About is what GET /v1/settings/profile/about answers.
type About struct {
	Settings aboutSettings `json:"settings"`
	Meta     Meta          `json:"meta"`
}

type aboutSettings struct {
	Profile aboutProfile `json:"profile"`
}

type aboutProfile struct {
	About aboutText `json:"about"`
}

type aboutText struct {
	Text string `json:"text"`
}

// NewAbout is the answer about a profile's text.
func NewAbout(text string) About {
	return About{aboutSettings{aboutProfile{aboutText{text}}}, newMeta()}
}

// Health is the answer to GET /v1/health.
type Health struct {
	Health health `json:"health"`
	Meta   Meta   `json:"meta"`
}

type health struct {
	Gateway string `json:"gateway_status"`
}

// NewHealth is the answer about a number that is connected, or is not.
func NewHealth(connected bool) Health {
	h := Health{Health: health{"disconnected"}, Meta: newMeta()}
	if connected {
		h.Health.Gateway = "connected"
	}
	return h
}

// Done is the answer to what has nothing to tell.
type Done struct{}

// PartnerKey is a key that a partner has had made. It is the body itself and, as some of
// 360dialog's pages have it, a list of one.
type PartnerKey struct {
	Key
	Keys []Key `json:"api_keys"`
}

// Key is a key of a number: its address is where it is good for.
type Key struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	AppID   string `json:"app_id"`
	APIKey  string `json:"api_key"` // of a key that was made before its beginning alone
}

// NewPartnerKey is the answer that shows a key, this once.
func NewPartnerKey(k Key) PartnerKey { return PartnerKey{Key: k, Keys: []Key{k}} }

// PartnerKeys is a list of keys.
type PartnerKeys struct {
	Keys []Key `json:"api_keys"`
}

// Application is the answer to GET /v1/settings/application: the one setting that is known.
type Application struct {
	Settings applicationSettings `json:"settings"`
	Meta     Meta                `json:"meta"`
}

type applicationSettings struct {
	Application application `json:"application"`
}

type application struct {
	SentStatus bool `json:"sent_status"`
}

// NewApplication is the answer about a number whose webhook is told that messages were
// sent, or is not.
func NewApplication(sent bool) Application {
	return Application{applicationSettings{application{sent}}, newMeta()}
}
