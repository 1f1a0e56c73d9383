package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/oklog/ulid/v2"

	"wapid/engine"
)

// MaxKeys is how many keys a tenant may have.
const MaxKeys = 100

// firstKey is what a tenant's first key is granted.
func firstKey() KeyGrant { return KeyGrant{Name: "main", Scope: ScopeManage} }

// CreateKey makes another key for a tenant. The plain text is returned once and
// is not stored. It returns CodeNotFound if there is no such tenant and
// CodeInvalid if it has MaxKeys already.
func (s *Store) CreateKey(ctx context.Context, from Origin, tenant engine.TenantID, g KeyGrant) (k Key, plain string, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		if _, err := liveTenant(tx, tenant); err != nil {
			return err
		}
		var have int
		if err := tx.QueryRow(`SELECT count(*) FROM api_keys WHERE tenant_id = $1`, tenant).Scan(&have); err != nil {
			return err
		}
		if have >= MaxKeys {
			return engine.Errorf(engine.CodeInvalid, "an account may have %d keys: delete one first", MaxKeys)
		}
		if k, plain, err = s.issueKey(tx, Key{Tenant: tenant, KeyGrant: g}); err != nil {
			return err
		}
		return s.audit(tx, from, tenant, ActionKeyCreate, string(k.ID), describeGrant(k))
	})
	if err != nil {
		return Key{}, "", err
	}
	return k, plain, nil
}

// IssueKey makes a key of scope manage for a tenant, on the daemon's own account.
func (s *Store) IssueKey(ctx context.Context, tenant engine.TenantID, name string) (k Key, plain string, err error) {
	return s.CreateKey(ctx, Origin{By: ActorOperator}, tenant, KeyGrant{Name: name, Scope: ScopeManage})
}

// ResetKey makes a new main key and ends the old one in the same transaction. A
// tenant without a main key gets one. Browsers that are logged in with the old one are
// logged out, but the one that asks. It returns CodeNotFound.
func (s *Store) ResetKey(ctx context.Context, from Origin, tenant engine.TenantID) (k Key, plain string, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		if _, err := liveTenant(tx, tenant); err != nil {
			return err
		}
		var old KeyID
		err := tx.QueryRow(`UPDATE api_keys SET main = 0 WHERE tenant_id = $1 AND main = 1 RETURNING id`, tenant).Scan(&old)
		if err != nil && !isNoRows(err) {
			return err
		}
		if k, plain, err = s.issueKey(tx, Key{Tenant: tenant, KeyGrant: firstKey(), Main: true}); err != nil {
			return err
		}
		// Before the old key goes, and with it whoever is logged in by it.
		if err := moveWebSession(tx, tenant, from.Web, old, k.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM api_keys WHERE tenant_id = $1 AND id = $2`, tenant, old); err != nil {
			return err
		}
		return s.audit(tx, from, tenant, ActionKeyReset, string(k.ID), map[string]any{"replaced": old})
	})
	if err != nil {
		return Key{}, "", err
	}
	return k, plain, nil
}

// DeleteKey ends a key at once. It returns CodeNotFound if the tenant has no such key.
func (s *Store) DeleteKey(ctx context.Context, from Origin, tenant engine.TenantID, id KeyID) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		n, err := changed(tx.Exec(`DELETE FROM api_keys WHERE tenant_id = $1 AND id = $2`, tenant, id))
		if err != nil {
			return err
		}
		if n == 0 {
			return engine.Errorf(engine.CodeNotFound, "there is no such key")
		}
		return s.audit(tx, from, tenant, ActionKeyDelete, string(id), nil)
	})
}

const selectKey = `SELECT id, tenant_id, name, lookup, fixed, scope, sessions, main, expires_at, used_at, created_at FROM api_keys`

// ListKeys returns a tenant's keys, oldest first.
func (s *Store) ListKeys(ctx context.Context, tenant engine.TenantID) ([]Key, error) {
	rows, err := s.read.QueryContext(ctx, selectKey+` WHERE tenant_id = $1 ORDER BY created_at, id`, tenant)
	return collect(rows, err, s.scanKey)
}

// FindKey returns one of a tenant's keys, or CodeNotFound.
func (s *Store) FindKey(ctx context.Context, tenant engine.TenantID, id KeyID) (Key, error) {
	k, err := s.scanKey(s.read.QueryRowContext(ctx, selectKey+` WHERE tenant_id = $1 AND id = $2`, tenant, id))
	return k, orNotFound(err, "key")
}

func (s *Store) scanKey(r row) (k Key, err error) {
	var fixed bool
	var sessions sql.NullString
	err = r.Scan(&k.ID, &k.Tenant, &k.Name, &k.Public, &fixed, &k.Scope, &sessions, &k.Main,
		instant{&k.ExpiresAt}, instant{&k.UsedAt}, instant{&k.CreatedAt})
	if err != nil {
		return Key{}, err
	}
	if fixed {
		k.Public = ""
	}
	if sessions.Valid {
		err = json.Unmarshal([]byte(sessions.String), &k.Sessions)
	}
	if at := s.uses.at(k.ID); at.After(k.UsedAt) {
		k.UsedAt = at
	}
	return k, err
}

// describeGrant is what the audit log tells of a key.
func describeGrant(k Key) any {
	return struct {
		Scope     Scope              `json:"scope"`
		Sessions  []engine.SessionID `json:"sessions,omitempty"`
		ExpiresAt *time.Time         `json:"expiresAt,omitempty"`
	}{k.Scope, k.Sessions, optional(k.ExpiresAt)}
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// issueKey makes a key of the generated form and gives k its id.
func (s *Store) issueKey(tx *sql.Tx, k Key) (Key, string, error) {
	plain := newPlainKey()
	k.ID, k.CreatedAt = KeyID(ulid.Make().String()), s.clock()
	k.Public, _ = splitKey(plain)
	return k, plain, insertKey(tx, k, plain, false)
}

// fixKey makes plain the one key of the tenant that the operator chose, and its
// main key. A main key that a reset had put in its place stays valid as another key.
func fixKey(tx *sql.Tx, tenant engine.TenantID, plain string, now time.Time) error {
	hash := hashKey(plain)
	_, err := tx.Exec(`DELETE FROM api_keys WHERE tenant_id = $1 AND fixed = 1 AND hash <> $2`, tenant, hash)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE api_keys SET main = 0 WHERE tenant_id = $1 AND hash <> $2`, tenant, hash); err != nil {
		return err
	}
	var owner engine.TenantID
	err = tx.QueryRow(`SELECT tenant_id FROM api_keys WHERE hash = $1`, hash).Scan(&owner)
	switch {
	case isNoRows(err):
		k := Key{ID: KeyID(ulid.Make().String()), Tenant: tenant, Main: true, CreatedAt: now,
			KeyGrant: KeyGrant{Name: "chosen by the operator", Scope: ScopeManage}}
		return insertKey(tx, k, plain, true)
	case err != nil:
		return err
	case owner != tenant:
		return engine.Errorf(engine.CodeInvalid, "the API key belongs to another tenant")
	}
	_, err = tx.Exec(`UPDATE api_keys SET main = 1, scope = $1, sessions = NULL, expires_at = NULL WHERE hash = $2`, ScopeManage, hash)
	return err
}

func insertKey(tx *sql.Tx, k Key, plain string, fixed bool) error {
	var sessions sql.NullString
	if k.Sessions != nil {
		raw, err := json.Marshal(k.Sessions)
		if err != nil {
			return engine.WrapError(engine.CodeInternal, err, "a key can't be encoded")
		}
		sessions = sql.NullString{String: string(raw), Valid: true}
	}
	hash := hashKey(plain)
	_, err := tx.Exec(`INSERT INTO api_keys (id, tenant_id, name, lookup, hash, fixed, scope, sessions, main, expires_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, k.ID, k.Tenant, k.Name, keyLookup(plain, hash), hash, fixed,
		k.Scope, sessions, k.Main, millis(k.ExpiresAt), millis(k.CreatedAt))
	return err
}
