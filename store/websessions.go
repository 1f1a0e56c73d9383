package store

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/oklog/ulid/v2"

	"wapid/engine"
)

// How long somebody stays logged in with a browser, and with how many.
const (
	WebIdle        = 12 * time.Hour     // without a request
	WebLife        = 7 * 24 * time.Hour // in all
	MaxWebSessions = 30                 // of a tenant, and of the operator; the oldest ends
)

// tokenBytes is how much of chance is in a token of ours that is kept as a plain hash.
const tokenBytes = 32

// WebSessionID names the login of a browser. It is not secret.
type WebSessionID string

// WebSession is somebody who is logged in with a browser: a tenant, as far as the key
// or the account goes that it logged in with, or the operator.
type WebSession struct {
	Principal         // of a tenant; without a key for one who came by a link or a password
	ID                WebSessionID
	Operator          bool
	TenantName        string
	CreatedAt, UsedAt time.Time
	ExpiresAt         time.Time // unless it is used; never after WebLife
}

// webGrant is what a new web session stands on.
type webGrant struct {
	tenant  engine.TenantID // "" for the operator
	key     KeyID           // "" for none
	account accountID       // "" for none
}

// OpenKeySession logs a browser in with a key that was found, and returns the token
// for its cookie, which is stored as a hash. It returns CodeUnauthorized if the key
// has ended since.
func (s *Store) OpenKeySession(ctx context.Context, p Principal) (w WebSession, token string, err error) {
	return s.openWebSession(ctx, func(*sql.Tx) (webGrant, error) { return webGrant{tenant: p.Tenant, key: p.Key}, nil })
}

// OpenOperatorSession logs a browser in as the operator, whose key the caller has checked.
func (s *Store) OpenOperatorSession(ctx context.Context) (w WebSession, token string, err error) {
	return s.openWebSession(ctx, func(*sql.Tx) (webGrant, error) { return webGrant{}, nil })
}

// openWebSession makes a session of what grant finds in the same transaction.
func (s *Store) openWebSession(ctx context.Context, grant func(*sql.Tx) (webGrant, error)) (w WebSession, token string, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		g, err := grant(tx)
		if err != nil {
			return err
		}
		w, token, err = s.insertWebSession(tx, g)
		return err
	})
	if err != nil {
		return WebSession{}, "", err
	}
	return w, token, nil
}

// insertWebSession ends the oldest sessions where there would be too many.
func (s *Store) insertWebSession(tx *sql.Tx, g webGrant) (WebSession, string, error) {
	now := s.clock()
	id, token := ulid.Make().String(), newToken()
	if _, err := tx.Exec(`DELETE FROM web_sessions WHERE tenant_id = $1 AND id NOT IN
		(SELECT id FROM web_sessions WHERE tenant_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2)`, g.tenant, MaxWebSessions-1); err != nil {
		return WebSession{}, "", err
	}
	if g.key != "" { // it may have ended while the request was on its way
		var n int
		err := tx.QueryRow(`SELECT count(*) FROM api_keys WHERE id = $1 AND tenant_id = $2`, g.key, g.tenant).Scan(&n)
		if err == nil && n == 0 {
			err = errKeyInvalid()
		}
		if err != nil {
			return WebSession{}, "", err
		}
	}
	if _, err := tx.Exec(`INSERT INTO web_sessions (id, hash, tenant_id, key_id, account_id, created_at, used_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $6, $7)`, id, hashKey(token), g.tenant, orNull(string(g.key)), orNull(string(g.account)),
		millis(now), millis(now.Add(WebLife))); err != nil {
		return WebSession{}, "", err
	}
	row, err := scanWebSession(tx.QueryRow(selectWebSession+` WHERE w.id = $1`, id))
	return row.WebSession, token, err
}

const selectWebSession = `SELECT w.id, w.hash, w.tenant_id, coalesce(w.key_id, ''), w.created_at, w.used_at, w.expires_at,
	coalesce(k.scope, 'manage'), k.sessions, k.expires_at, t.suspended_at, coalesce(t.rate_limit, 0), coalesce(t.name, '')
	FROM web_sessions w LEFT JOIN tenants t ON t.id = w.tenant_id LEFT JOIN api_keys k ON k.id = w.key_id`

// FindWebSession returns who is logged in by the token of a cookie, as they may act
// now, and notes that they were here. It returns CodeUnauthorized once the session has
// ended, or the key that it stands on.
func (s *Store) FindWebSession(ctx context.Context, token string) (WebSession, error) {
	hash := hashKey(token)
	if err := ctx.Err(); err != nil {
		return WebSession{}, storageError(err)
	}
	w, err := scanWebSession(s.read.QueryRowContext(context.WithoutCancel(ctx), selectWebSession+` WHERE w.hash = $1`, hash))
	if err == nil && subtle.ConstantTimeCompare([]byte(w.hash), []byte(hash)) != 1 {
		err = errLoggedOut()
	}
	if err != nil {
		return WebSession{}, err
	}
	if err := s.liveWebSession(&w); err != nil {
		return WebSession{}, err
	}
	s.webUses.note(w.ID, s.clock().UnixMilli())
	if w.Key != "" {
		s.uses.note(w.Key, s.clock().UnixMilli())
	}
	w.ExpiresAt = earlier(s.clock().Add(WebIdle), w.ExpiresAt)
	return w.WebSession, nil
}

// renewWebSession is RenewPrincipal for somebody with a browser. To go on listening
// is no use of the session.
func (s *Store) renewWebSession(ctx context.Context, p Principal) (Principal, error) {
	w, err := scanWebSession(s.read.QueryRowContext(context.WithoutCancel(ctx), selectWebSession+` WHERE w.id = $1 AND w.tenant_id = $2`, p.Web, p.Tenant))
	if err != nil {
		return Principal{}, err
	}
	return w.Principal, s.liveWebSession(&w)
}

// liveWebSession returns CodeUnauthorized for a session that has ended by the clock.
func (s *Store) liveWebSession(w *webRow) error {
	now := s.clock()
	if at := s.webUses.at(w.ID); at.After(w.UsedAt) {
		w.UsedAt = at
	}
	if !now.Before(w.ExpiresAt) || now.Sub(w.UsedAt) >= WebIdle || !w.keyEnds.IsZero() && !now.Before(w.keyEnds) {
		return errLoggedOut()
	}
	return nil
}

// CloseWebSession logs a browser out: its token is worth nothing any more, and its
// streams end. Twice is once.
func (s *Store) CloseWebSession(ctx context.Context, id WebSessionID) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM web_sessions WHERE id = $1`, id)
		return err
	})
}

// closeWebSessions logs out everybody of a tenant, or every operator with "".
func closeWebSessions(tx *sql.Tx, tenant engine.TenantID) error {
	_, err := tx.Exec(`DELETE FROM web_sessions WHERE tenant_id = $1`, tenant)
	return err
}

// moveWebSession puts a session on another key of its tenant, for whoever replaces the
// key that they are logged in with: the others who are by that key are logged out.
func moveWebSession(tx *sql.Tx, tenant engine.TenantID, id WebSessionID, from, to KeyID) error {
	_, err := tx.Exec(`UPDATE web_sessions SET key_id = $1 WHERE id = $2 AND tenant_id = $3 AND key_id = $4`, to, id, tenant, from)
	return err
}

// webRow is a web session with what decides whether it still counts.
type webRow struct {
	WebSession
	hash    string
	keyEnds time.Time
}

// scanWebSession returns CodeUnauthorized if there is no row.
func scanWebSession(r row) (w webRow, err error) {
	var (
		sessions  sql.NullString
		suspended sql.NullInt64
	)
	err = r.Scan(&w.ID, &w.hash, &w.Tenant, &w.Key, instant{&w.CreatedAt}, instant{&w.UsedAt}, instant{&w.ExpiresAt},
		&w.Scope, &sessions, instant{&w.keyEnds}, &suspended, &w.RateLimit, &w.TenantName)
	if isNoRows(err) {
		return webRow{}, errLoggedOut()
	}
	if err == nil && sessions.Valid {
		err = json.Unmarshal([]byte(sessions.String), &w.Sessions)
	}
	w.Web, w.Operator, w.Suspended = w.ID, w.Tenant == "", suspended.Valid
	return w, storageError(err)
}

func errLoggedOut() error {
	return engine.Errorf(engine.CodeUnauthorized, "the login has ended: log in again")
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// newToken draws a token that nobody guesses, so that a plain hash of it will do.
func newToken() string {
	raw := make([]byte, tokenBytes)
	_, _ = rand.Read(raw) // it never fails
	return base64.RawURLEncoding.EncodeToString(raw)
}

// orNull stores an empty text as NULL.
func orNull(text string) sql.NullString { return sql.NullString{String: text, Valid: text != ""} }
