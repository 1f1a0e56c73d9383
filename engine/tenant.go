// Package engine is the vocabulary and the heart of wapid: tenants, sessions,
// messages and events, the state machine that every session runs through, and
// the seam to a WhatsApp network. It imports no other package of the project.
package engine

import (
	"crypto/rand"
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // slim images have no time zones of their own
	"unicode"
	"unicode/utf8"
)

// Limits of what a tenant may be given.
const (
	MaxTenantName    = 100           // characters
	MaxTenantLimit   = 1_000_000_000 // of any of its limits
	MaxRetentionDays = 36_500
)

// TenantID names a tenant. It is a slug such as "my-business-a1b2c3".
type TenantID string

// Tenant is one customer of the daemon. Everything a tenant owns is reached
// through its id: the same SessionID in two tenants names two sessions. A limit
// of 0 is none.
type Tenant struct {
	ID            TenantID
	Name          string
	DailyLimit    int    // messages sent in a day of TimeZone
	MaxSessions   int    // sessions that exist at a time
	RateLimit     int    // requests a minute with each of its keys; 0 is the daemon's default
	TimeZone      string // an IANA name; "" is UTC
	RetentionDays int    // messages and events older than that are removed; 0 keeps them
	SuspendedAt   time.Time
	ErasingAt     time.Time // since when it is being erased; zero if it is not
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// tenantIDPattern is a slug; the longest is what NewTenantID makes.
var tenantIDPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

const (
	maxTenantID    = 64
	maxSlug        = 40 // of a name, before the random end
	slugRandom     = 6
	randomAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
)

// ParseTenantID checks an id that an operator has chosen: at most 64 lower-case
// letters, digits and single hyphens between them. It returns CodeInvalid.
func ParseTenantID(s string) (TenantID, error) {
	if len(s) > maxTenantID || !tenantIDPattern.MatchString(s) {
		return "", Errorf(CodeInvalid, "tenantId must be at most %d lower-case letters, digits and hyphens, such as my-business", maxTenantID)
	}
	return TenantID(s), nil
}

// NewTenantID makes an id from a name, with six random characters behind it, so
// that two businesses of one name differ: "My Business" becomes something like
// "my-business-a1b2c3".
func NewTenantID(name string) TenantID {
	end := make([]byte, 0, slugRandom)
	var buf [16]byte
	for len(end) < slugRandom {
		rand.Read(buf[:]) // never fails: it ends the program instead
		for _, b := range buf {
			const fair = 256 - 256%len(randomAlphabet) // bytes above would favour the first characters
			if int(b) < fair && len(end) < slugRandom {
				end = append(end, randomAlphabet[int(b)%len(randomAlphabet)])
			}
		}
	}
	return TenantID(slug(name) + "-" + string(end))
}

// slug keeps the letters and digits of ASCII, in lower case, and puts one hyphen
// for all between two of them. A name without any is a "tenant".
func slug(name string) string {
	var out strings.Builder
	gap := false
	for _, r := range strings.ToLower(name) {
		if r < utf8.RuneSelf && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9') {
			if out.Len() >= maxSlug {
				break
			}
			if gap && out.Len() > 0 {
				out.WriteByte('-')
			}
			out.WriteRune(r)
			gap = false
			continue
		}
		gap = true
	}
	if out.Len() == 0 {
		return "tenant"
	}
	return out.String()
}

// ParseTenantName checks what a tenant is called: 1 to MaxTenantName characters
// that print. It returns CodeInvalid.
func ParseTenantName(s string) (string, error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return "", Errorf(CodeInvalid, "name is required")
	case utf8.RuneCountInString(s) > MaxTenantName:
		return "", Errorf(CodeInvalid, "name must not be longer than %d characters", MaxTenantName)
	case strings.ContainsFunc(s, unicode.IsControl):
		return "", Errorf(CodeInvalid, "name must not contain control characters")
	}
	return s, nil
}

// ParseTimeZone checks the name of a time zone, such as "Asia/Kolkata". "Local"
// is none: it would mean something else on another machine. It returns CodeInvalid.
func ParseTimeZone(s string) (*time.Location, error) {
	if s == "" || s == "Local" {
		return nil, errTimeZone()
	}
	zone, err := time.LoadLocation(s)
	if err != nil {
		return nil, errTimeZone()
	}
	return zone, nil
}

func errTimeZone() error {
	return Errorf(CodeInvalid, "timeZone must be a name of the IANA time zone database, such as UTC or Asia/Kolkata")
}

// Location is the time zone of the tenant's day, UTC if its name is not known.
func (t Tenant) Location() *time.Location {
	if zone, err := ParseTimeZone(t.TimeZone); err == nil {
		return zone
	}
	return time.UTC
}

// Suspended tells whether the operator has stopped the tenant for a while.
func (t Tenant) Suspended() bool { return !t.SuspendedAt.IsZero() }

// Erasing tells whether the tenant is on its way out.
func (t Tenant) Erasing() bool { return !t.ErasingAt.IsZero() }
