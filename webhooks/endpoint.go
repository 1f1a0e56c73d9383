package webhooks

import (
	"net/url"
	"strings"
	"time"

	"wapid/engine"
)

// Limits of what a tenant may give.
const (
	MaxURLLength    = 2048 // bytes
	MaxSecretLength = 256  // bytes
)

// EndpointID names an endpoint.
type EndpointID string

// Endpoint is a URL that a tenant wants its events posted to.
type Endpoint struct {
	ID     EndpointID
	Tenant engine.TenantID
	URL    string
	// Secret keys the signatures; empty means that deliveries are not signed.
	Secret    string
	Enabled   bool // a disabled endpoint keeps its deliveries but gets none
	CreatedAt time.Time
	UpdatedAt time.Time
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

// CheckSecret checks a signing secret: at most MaxSecretLength bytes, any
// bytes; empty means unsigned. It returns CodeInvalid.
func CheckSecret(s string) error {
	if len(s) > MaxSecretLength {
		return engine.Errorf(engine.CodeInvalid, "secret must not be longer than %d bytes", MaxSecretLength)
	}
	return nil
}
