package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

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
	ID        KeyID
	Tenant    engine.TenantID
	Name      string
	Public    string // the key's first characters; empty for a key that the operator chose
	CreatedAt time.Time
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

// Principal is whom a request speaks for, by its key.
type Principal struct {
	Tenant    engine.TenantID
	Key       KeyID
	Scope     Scope
	Sessions  []engine.SessionID // the only ones that the key reaches; nil for all
	Suspended bool               // the tenant is
}

// Reaches tells whether the key may touch a session of its tenant.
func (p Principal) Reaches(id engine.SessionID) bool {
	return p.Sessions == nil || slices.Contains(p.Sessions, id)
}

// IssueKey makes another key for a tenant. The plain text is returned once and
// is not stored.
func (s *Store) IssueKey(ctx context.Context, tenant engine.TenantID, name string) (k Key, plain string, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		if _, err := findTenant(tx, tenant); err != nil {
			return err
		}
		k, plain, err = issueKey(tx, tenant, name, s.clock())
		return err
	})
	if err != nil {
		return Key{}, "", err
	}
	return k, plain, nil
}

// FindPrincipal returns whom a key speaks for, or CodeUnauthorized.
func (s *Store) FindPrincipal(ctx context.Context, key string) (Principal, error) {
	p := Principal{Scope: ScopeManage}
	var stored string
	hash := hashKey(key)
	err := s.read.QueryRowContext(ctx, `SELECT tenant_id, id, hash FROM api_keys WHERE lookup = $1`, keyLookup(key, hash)).
		Scan(&p.Tenant, &p.Key, &stored)
	if isNoRows(err) || err == nil && subtle.ConstantTimeCompare([]byte(stored), []byte(hash)) != 1 {
		return Principal{}, engine.Errorf(engine.CodeUnauthorized, "the API key is not valid")
	}
	if err != nil {
		return Principal{}, storageError(err)
	}
	return p, nil
}

// ListKeys returns a tenant's keys, oldest first.
func (s *Store) ListKeys(ctx context.Context, tenant engine.TenantID) ([]Key, error) {
	rows, err := s.read.QueryContext(ctx,
		`SELECT id, tenant_id, name, lookup, fixed, created_at FROM api_keys WHERE tenant_id = $1 ORDER BY created_at, id`, tenant)
	return collect(rows, err, func(r row) (k Key, err error) {
		var fixed bool
		err = r.Scan(&k.ID, &k.Tenant, &k.Name, &k.Public, &fixed, instant{&k.CreatedAt})
		if fixed {
			k.Public = ""
		}
		return k, err
	})
}

// DeleteKey ends a key. It returns CodeNotFound if the tenant has no such key.
func (s *Store) DeleteKey(ctx context.Context, tenant engine.TenantID, id KeyID) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		n, err := changed(tx.Exec(`DELETE FROM api_keys WHERE tenant_id = $1 AND id = $2`, tenant, id))
		if err == nil && n == 0 {
			return engine.Errorf(engine.CodeNotFound, "there is no such key")
		}
		return err
	})
}

// EnsureAdminKey stores the hash of the operator's admin key, or, with an empty
// fixed and none stored, makes one and returns it once. It returns CodeInvalid
// for a key that is too short.
func (s *Store) EnsureAdminKey(ctx context.Context, fixed string) (newKey string, err error) {
	if fixed != "" {
		if err := checkFixedKey(fixed); err != nil {
			return "", err
		}
	}
	err = s.update(ctx, func(tx *sql.Tx) error {
		plain := fixed
		if plain == "" {
			var stored int
			if err := tx.QueryRow(`SELECT count(*) FROM settings WHERE name = $1`, adminKeyEntry).Scan(&stored); err != nil || stored > 0 {
				return err
			}
			newKey = newPlainKey()
			plain = newKey
		}
		return putSetting(tx, adminKeyEntry, hashKey(plain), s.clock())
	})
	if err != nil {
		return "", err
	}
	return newKey, nil
}

// CheckAdminKey returns CodeUnauthorized unless key is the admin key.
func (s *Store) CheckAdminKey(ctx context.Context, key string) error {
	var stored string
	err := s.read.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = $1`, adminKeyEntry).Scan(&stored)
	if err != nil && !isNoRows(err) {
		return storageError(err)
	}
	if subtle.ConstantTimeCompare([]byte(stored), []byte(hashKey(key))) != 1 {
		return engine.Errorf(engine.CodeUnauthorized, "the admin key is not valid")
	}
	return nil
}

func issueKey(tx *sql.Tx, tenant engine.TenantID, name string, now time.Time) (Key, string, error) {
	plain := newPlainKey()
	public, _ := splitKey(plain)
	k := Key{ID: KeyID(ulid.Make().String()), Tenant: tenant, Name: name, Public: public, CreatedAt: now}
	return k, plain, insertKey(tx, k, plain, false)
}

// fixKey makes plain the one key of the tenant that the operator chose.
func fixKey(tx *sql.Tx, tenant engine.TenantID, plain string, now time.Time) error {
	hash := hashKey(plain)
	_, err := tx.Exec(`DELETE FROM api_keys WHERE tenant_id = $1 AND fixed = 1 AND hash <> $2`, tenant, hash)
	if err != nil {
		return err
	}
	var owner engine.TenantID
	err = tx.QueryRow(`SELECT tenant_id FROM api_keys WHERE hash = $1`, hash).Scan(&owner)
	switch {
	case isNoRows(err):
		k := Key{ID: KeyID(ulid.Make().String()), Tenant: tenant, Name: "chosen by the operator", CreatedAt: now}
		return insertKey(tx, k, plain, true)
	case err == nil && owner != tenant:
		return engine.Errorf(engine.CodeInvalid, "the API key belongs to another tenant")
	}
	return err
}

func insertKey(tx *sql.Tx, k Key, plain string, fixed bool) error {
	hash := hashKey(plain)
	_, err := tx.Exec(`INSERT INTO api_keys (id, tenant_id, name, lookup, hash, fixed, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, k.ID, k.Tenant, k.Name, keyLookup(plain, hash), hash, fixed, millis(k.CreatedAt))
	return err
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
