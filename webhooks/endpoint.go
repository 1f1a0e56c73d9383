package webhooks

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"wapid/engine"
)

// Limits of what a tenant may give.
const (
	MaxURLLength    = 2048 // bytes
	MaxSecretLength = 256  // bytes
)

// MaxEndpoints is how many endpoints a tenant may have.
const MaxEndpoints = 20

// EndpointID names an endpoint.
type EndpointID string

// SignatureMode says where a delivery carries its signatures.
type SignatureMode string

const (
	SignBoth   SignatureMode = "both"
	SignBody   SignatureMode = "body"   // only the member of the body
	SignHeader SignatureMode = "header" // only the headers
)

// DisabledReason is why an endpoint gets nothing.
type DisabledReason string

const (
	DisabledByHand  DisabledReason = ""        // the tenant did it
	DisabledGone    DisabledReason = "gone"    // it answered 410
	DisabledFailing DisabledReason = "failing" // nothing but failures for five days
	// DisabledUnreadable is that of an endpoint whose headers are damaged in the store.
	DisabledUnreadable DisabledReason = "unreadable"
)

// Endpoint is a URL that a tenant wants its events posted to.
type Endpoint struct {
	ID     EndpointID
	Tenant engine.TenantID
	// Main marks the one that the WapiConnect document calls the account's webhook.
	Main bool
	Name string
	URL  string
	// Format is how deliveries look; "" is the default.
	Format Format
	// Origin says by which interface the endpoint was set, where that has only one of a
	// kind; "" for those that stand for themselves. See OriginApp.
	Origin Origin
	// Secret keys the signatures; empty means that deliveries are not signed.
	// OldSecret signs as well before OldSecretUntil.
	Secret, OldSecret string
	OldSecretUntil    time.Time
	SignatureMode     SignatureMode
	// Headers go with every delivery. Their values are secrets.
	Headers map[string]string
	// Unreadable says that the headers are damaged in the store: nothing is delivered.
	Unreadable bool
	// Types are the events that it wants; none means those of the WapiConnect
	// document, and AllTypes alone all of them.
	Types []engine.EventType
	// Sessions are the only ones whose events it wants; none means all. Events
	// that belong to no session always come.
	Sessions       []engine.SessionID
	Enabled        bool // a disabled endpoint keeps its deliveries but gets none
	DisabledReason DisabledReason
	Circuit        Circuit
	// Proven tells that a try has ever succeeded.
	Proven    bool
	CreatedAt time.Time
	UpdatedAt time.Time
}

// EndpointChange is what is to become of an endpoint; what is nil stays.
type EndpointChange struct {
	Name          *string
	URL           *string
	Format        *Format // with no Types, those of the new format's Defaults
	Types         *[]engine.EventType
	Sessions      *[]engine.SessionID
	Headers       *map[string]string
	SignatureMode *SignatureMode
	Enabled       *bool // true also forgets the failures
}

// ParseURL checks a URL that deliveries are to be posted to and returns it
// without its fragment: absolute, http or https, with a host, without user and
// password, at most MaxURLLength bytes. Whether its address may be dialled is
// for the Guard to say. It returns CodeInvalid.
func ParseURL(s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", engine.Errorf(engine.CodeInvalid, "url must not be empty")
	}
	if len(s) > MaxURLLength {
		return "", engine.Errorf(engine.CodeInvalid, "url must not be longer than %d bytes", MaxURLLength)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return "", engine.Errorf(engine.CodeInvalid, "url must not contain spaces or control characters")
		}
	}
	u, err := url.Parse(s)
	if err != nil {
		return "", engine.Errorf(engine.CodeInvalid, "url is not a valid URL")
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return "", engine.Errorf(engine.CodeInvalid, "url must begin with http:// or https://")
	case u.Opaque != "" || u.Hostname() == "":
		return "", engine.Errorf(engine.CodeInvalid, "url must name a host")
	case u.User != nil:
		return "", engine.Errorf(engine.CodeInvalid, "url must not contain a user name or password")
	case !validPort(u.Port()):
		return "", engine.Errorf(engine.CodeInvalid, "url has a port that is not between 1 and 65535")
	}
	u.Fragment, u.RawFragment = "", ""
	out := u.String()
	if len(out) > MaxURLLength { // printing may escape bytes that were given raw
		return "", engine.Errorf(engine.CodeInvalid, "url must not be longer than %d bytes", MaxURLLength)
	}
	return out, nil
}

func validPort(port string) bool {
	if port == "" {
		return true
	}
	n := 0
	for _, r := range port {
		if r < '0' || r > '9' || n > 65535 {
			return false
		}
		n = n*10 + int(r-'0')
	}
	return n >= 1 && n <= 65535
}

// AllTypes stands for every type of event, also such that come with later versions.
const AllTypes engine.EventType = "*"

// Types are all event types: first those of the WapiConnect document, in its
// order, which an endpoint gets that asks for none.
func Types() []engine.EventType {
	return []engine.EventType{
		engine.EventMessage, engine.EventQR, engine.EventReady, engine.EventDisconnected, engine.EventTest,
		engine.EventMessageStatus, engine.EventGroup, engine.EventCall,
		engine.EventBulkProgress, engine.EventBulkCompleted, engine.EventOptOut, engine.EventWebhookDisabled,
		engine.EventContact, engine.EventTemplate,
	}
}

// ParseTypes checks the types of events that an endpoint is to get: each once, or
// AllTypes alone. It returns CodeInvalid, also for an empty list.
func ParseTypes(list []string) ([]engine.EventType, error) {
	if len(list) == 0 {
		return nil, engine.Errorf(engine.CodeInvalid, "events must name at least one event")
	}
	var types []engine.EventType
	for _, word := range list {
		t := engine.EventType(word)
		switch {
		case t == AllTypes && len(list) > 1:
			return nil, engine.Errorf(engine.CodeInvalid, "events is either [\"*\"] or a list of events")
		case t != AllTypes && !slices.Contains(Types(), t):
			return nil, engine.Errorf(engine.CodeInvalid, "events names an event that there is not; there are %s", typeWords(Types()))
		case slices.Contains(types, t):
			return nil, engine.Errorf(engine.CodeInvalid, "events names an event twice")
		}
		types = append(types, t)
	}
	return types, nil
}

func typeWords(types []engine.EventType) string {
	var words []string
	for _, t := range types {
		words = append(words, string(t))
	}
	return strings.Join(words, ", ")
}

// Wants lists the types that an endpoint gets, as they were asked for.
func (e Endpoint) Wants() []engine.EventType {
	if len(e.Types) > 0 {
		return e.Types
	}
	return e.Format.Defaults()
}

// ParseSignatureMode returns CodeInvalid for a word that is none.
func ParseSignatureMode(s string) (SignatureMode, error) {
	switch mode := SignatureMode(s); mode {
	case SignBoth, SignBody, SignHeader:
		return mode, nil
	}
	return "", engine.Errorf(engine.CodeInvalid, "signatureMode must be one of %s, %s, %s", SignBoth, SignBody, SignHeader)
}

// Covers tells whether an endpoint gets events of a session.
func (e Endpoint) Covers(id engine.SessionID) bool {
	return len(e.Sessions) == 0 || id == "" || slices.Contains(e.Sessions, id)
}

// Host is the endpoint's URL without all that may hold secrets: scheme and host.
func (e Endpoint) Host() string {
	u, err := url.Parse(e.URL)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
