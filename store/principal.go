package store

import (
	"cmp"
	"context"
	"crypto/subtle"
	"database/sql"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"wapid/engine"
)

// Principal is whom a request speaks for, by its key.
type Principal struct {
	Tenant    engine.TenantID
	Key       KeyID
	Scope     Scope
	Sessions  []engine.SessionID // the only ones that the key reaches; nil for all
	Suspended bool               // the tenant is
	RateLimit int                // the tenant's own, in requests a minute; 0 for the daemon's
	Web       WebSessionID       // of somebody who is logged in with a browser; "" for a key that was sent
}

// Reaches tells whether the key may touch a session of its tenant.
func (p Principal) Reaches(id engine.SessionID) bool {
	return p.Sessions == nil || slices.Contains(p.Sessions, id)
}

// Actor is who acts with a principal: its key, or, without one, somebody who is logged
// in with a browser.
func (p Principal) Actor() Actor {
	if p.Key == "" {
		return Actor("web:" + p.Web)
	}
	return KeyActor(p.Key)
}

// Bucket names what shares one rate of requests: those with one key, and those of a
// tenant who are logged in without one.
func (p Principal) Bucket() KeyID { return cmp.Or(p.Key, KeyID("tenant:"+p.Tenant)) }

const selectPrincipal = `SELECT k.tenant_id, k.id, k.hash, k.scope, k.sessions, k.expires_at, t.suspended_at, t.rate_limit
	FROM api_keys k JOIN tenants t ON t.id = k.tenant_id`

// FindPrincipal returns whom a key speaks for, or CodeUnauthorized for one that
// is unknown or has expired. Every request comes through here: it is one read by
// two indexes, unless the key was found just before, and the time of use is written
// later, by SaveKeyUses.
func (s *Store) FindPrincipal(ctx context.Context, key string) (Principal, error) {
	hash := hashKey(key)
	if err := ctx.Err(); err != nil {
		return Principal{}, storageError(err)
	}
	k, known, epoch := s.keys.find(hash)
	if known {
		return s.use(k)
	}
	// The driver watches a context that can end with a goroutine, which doubles the
	// cost of a read that is over in microseconds.
	k, err := scanPrincipal(s.read.QueryRowContext(context.WithoutCancel(ctx), selectPrincipal+` WHERE k.lookup = $1`, keyLookup(key, hash)))
	if err == nil && subtle.ConstantTimeCompare([]byte(k.hash), []byte(hash)) != 1 {
		err = errKeyInvalid()
	}
	if err != nil {
		return Principal{}, err
	}
	s.keys.keep(hash, k, epoch)
	return s.use(k)
}

// RenewPrincipal returns what somebody who was found before may do now, for those who
// go on using their key or their login. It returns CodeUnauthorized once that is gone
// or has expired.
func (s *Store) RenewPrincipal(ctx context.Context, p Principal) (Principal, error) {
	if err := ctx.Err(); err != nil {
		return Principal{}, storageError(err)
	}
	if p.Web != "" {
		return s.renewWebSession(ctx, p)
	}
	k, err := scanPrincipal(s.read.QueryRowContext(context.WithoutCancel(ctx), selectPrincipal+` WHERE k.id = $1 AND k.tenant_id = $2`, p.Key, p.Tenant))
	if err != nil {
		return Principal{}, err
	}
	return s.use(k)
}

// keyRow is a principal with what decides whether it still counts.
type keyRow struct {
	Principal
	hash    string // of the whole key
	expires sql.NullInt64
}

// use notes that a key was used, unless it has expired: then it returns CodeUnauthorized.
func (s *Store) use(k keyRow) (Principal, error) {
	now := s.clock().UnixMilli()
	if k.expires.Valid && k.expires.Int64 <= now {
		return Principal{}, engine.Errorf(engine.CodeUnauthorized, "the API key has expired")
	}
	s.uses.note(k.Key, now)
	return k.Principal, nil
}

func errKeyInvalid() error { return engine.Errorf(engine.CodeUnauthorized, "the API key is not valid") }

// scanPrincipal returns CodeUnauthorized if there is no row.
func scanPrincipal(r row) (k keyRow, err error) {
	var (
		sessions  sql.NullString
		suspended sql.NullInt64
		rate      sql.NullInt64
	)
	err = r.Scan(&k.Tenant, &k.Key, &k.hash, &k.Scope, &sessions, &k.expires, &suspended, &rate)
	if isNoRows(err) {
		return keyRow{}, errKeyInvalid()
	}
	if err == nil && sessions.Valid {
		err = json.Unmarshal([]byte(sessions.String), &k.Sessions)
	}
	k.Suspended, k.RateLimit = suspended.Valid, int(rate.Int64)
	return k, storageError(err)
}

// useTimes remembers when keys, or logins, were last used until that is written down:
// a write for every request would cost more than the request. Its zero value is ready.
type useTimes[ID comparable] struct {
	mu   sync.Mutex
	last map[ID]int64 // unix milliseconds; never more than there are
}

func (u *useTimes[ID]) note(id ID, now int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.last == nil {
		u.last = make(map[ID]int64)
	}
	u.last[id] = now
}

// take empties it.
func (u *useTimes[ID]) take() map[ID]int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.last
	u.last = nil
	return taken
}

// at is the time of a use that is not written down yet, zero if there is none.
func (u *useTimes[ID]) at(id ID) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	if ms, noted := u.last[id]; noted {
		return time.UnixMilli(ms).UTC()
	}
	return time.Time{}
}

// SaveKeyUses writes down when the keys and the logins of browsers were used since it
// was last called. It is for its caller to say how often that is. What can't be written
// is dropped: the next use is noted again.
func (s *Store) SaveKeyUses(ctx context.Context) error {
	keys, logins := s.uses.take(), s.webUses.take()
	if len(keys)+len(logins) == 0 {
		return nil
	}
	return s.update(ctx, func(tx *sql.Tx) error {
		for id, ms := range keys {
			if _, err := tx.Exec(`UPDATE api_keys SET used_at = $1 WHERE id = $2`, ms, id); err != nil {
				return err
			}
		}
		for id, ms := range logins {
			if _, err := tx.Exec(`UPDATE web_sessions SET used_at = $1 WHERE id = $2`, ms, id); err != nil {
				return err
			}
		}
		return nil
	})
}
