package webhooks

import (
	"crypto/rand"
	"encoding/base64"
	"time"

	"wapid/engine"
)

// Limits of a rotation, and what it lasts unless something else is asked for.
const (
	DefaultOverlap = 24 * time.Hour
	MaxOverlap     = 7 * 24 * time.Hour
)

const secretPrefix = "whsec_"

// NewSecret makes a signing secret in the form of Standard Webhooks, of 32
// random bytes.
func NewSecret() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(key)
}

// CheckSecret checks a signing secret: at most MaxSecretLength bytes, any
// bytes; empty means unsigned. It returns CodeInvalid.
func CheckSecret(s string) error {
	if len(s) > MaxSecretLength {
		return engine.Errorf(engine.CodeInvalid, "secret must not be longer than %d bytes", MaxSecretLength)
	}
	return nil
}

// SecretHint shows enough of a secret to tell it from another one: its last four
// characters, or nothing of one that is short.
func (e Endpoint) SecretHint() string {
	const shown, least = 4, 24
	if len(e.Secret) < least {
		return ""
	}
	for i := range len(e.Secret) {
		if e.Secret[i] <= ' ' || e.Secret[i] > '~' {
			return ""
		}
	}
	return "…" + e.Secret[len(e.Secret)-shown:]
}

// Secrets are those that sign at a time, the newest first; none for an endpoint
// that is not signed.
func (e Endpoint) Secrets(at time.Time) []string {
	switch {
	case e.Secret == "":
		return nil
	case e.OldSecret != "" && at.Before(e.OldSecretUntil):
		return []string{e.Secret, e.OldSecret}
	}
	return []string{e.Secret}
}
