package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"wapid/engine"
)

// A generated key is wapid_<8 public characters>_<40 secret ones>, all base62:
// 238 bits of secret, so that a plain SHA-256 can't be searched. The public
// part finds the row and may be shown to recognise a key.
const (
	keyPrefix     = "wapid_"
	keyPublic     = 8
	keySecret     = 40
	keyAlphabet   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	minFixedKey   = 16
	maxFixedKey   = 512
	adminKeyEntry = "admin_key_sha256"
)

// KeyID names an API key. It is not secret.
type KeyID string

// Key is what may be told about an API key.
type Key struct {
	ID     KeyID
	Tenant engine.TenantID
	KeyGrant
	Public    string    // the key's first characters; empty for a key that the operator chose
	Main      bool      // the one that ResetKey replaces; a tenant has one at most
	UsedAt    time.Time // zero if it was never used
	CreatedAt time.Time
}

// KeyGrant is what a key is for.
type KeyGrant struct {
	Name      string
	Scope     Scope
	Sessions  []engine.SessionID // the only ones that the key reaches; nil for all
	ExpiresAt time.Time          // zero for never
}

// Scope says what a key may do. Each includes the one before.
type Scope string

const (
	ScopeRead   Scope = "read"   // look
	ScopeSend   Scope = "send"   // and send, mark read, type
	ScopeManage Scope = "manage" // and everything else of the tenant
)

// Allows tells whether a key of this scope may do what needs another.
func (s Scope) Allows(need Scope) bool { return s.rank() >= need.rank() }

func (s Scope) rank() int {
	switch s {
	case ScopeRead:
		return 1
	case ScopeSend:
		return 2
	case ScopeManage:
		return 3
	}
	return 0
}

// ParseScope reads a scope, or returns CodeInvalid.
func ParseScope(s string) (Scope, error) {
	if scope := Scope(s); scope.rank() > 0 {
		return scope, nil
	}
	return "", engine.Errorf(engine.CodeInvalid, "scope must be read, send or manage")
}

func checkFixedKey(key string) error {
	if len(key) < minFixedKey || len(key) > maxFixedKey {
		return engine.Errorf(engine.CodeInvalid, "a key must have %d to %d bytes", minFixedKey, maxFixedKey)
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return engine.Errorf(engine.CodeInvalid, "a key must be printable ASCII without spaces, as it travels in a header")
		}
	}
	return nil
}

func newPlainKey() string {
	return keyPrefix + randomText(keyPublic) + "_" + randomText(keySecret)
}

// keyLookup is what a key is found by: its public part, or its hash if it has none.
func keyLookup(key, hash string) string {
	if public, ok := splitKey(key); ok {
		return public
	}
	return "sha256:" + hash
}

// splitKey returns the public part of a key that has the generated form.
func splitKey(key string) (public string, ok bool) {
	if len(key) != len(keyPrefix)+keyPublic+1+keySecret || !strings.HasPrefix(key, keyPrefix) {
		return "", false
	}
	end := len(keyPrefix) + keyPublic
	return key[:end], key[end] == '_'
}

func hashKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// randomText draws n characters of the key alphabet, each equally likely.
func randomText(n int) string {
	const fair = 256 - 256%len(keyAlphabet) // bytes above would favour the first characters
	out := make([]byte, 0, n)
	var buf [64]byte
	for {
		rand.Read(buf[:]) // never fails: it ends the program instead
		for _, b := range buf {
			if int(b) >= fair {
				continue
			}
			if out = append(out, keyAlphabet[int(b)%len(keyAlphabet)]); len(out) == n {
				return string(out)
			}
		}
	}
}
