package store

import (
	"context"
	"database/sql"
	"time"

	"wapid/engine"
)

// LoginLinkLife is how long a link can be used that logs in once, and MaxLoginLinks how
// many of a tenant may wait for that; the oldest ends.
const (
	LoginLinkLife = time.Hour
	MaxLoginLinks = 10
)

// IssueLoginLink makes a link by which somebody without a key logs in once, as the
// whole tenant, and returns its token, which can't be shown again: only its hash is
// kept. It returns CodeNotFound.
func (s *Store) IssueLoginLink(ctx context.Context, from Origin, tenant engine.TenantID) (token string, expires time.Time, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		if _, err := liveTenant(tx, tenant); err != nil {
			return err
		}
		now := s.clock()
		token, expires = newToken(), now.Add(LoginLinkLife)
		if _, err := tx.Exec(`DELETE FROM login_links WHERE tenant_id = $1 AND hash NOT IN
			(SELECT hash FROM login_links WHERE tenant_id = $1 ORDER BY created_at DESC, hash LIMIT $2)`, tenant, MaxLoginLinks-1); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO login_links (hash, tenant_id, created_at, expires_at) VALUES ($1, $2, $3, $4)`,
			hashKey(token), tenant, millis(now), millis(expires)); err != nil {
			return err
		}
		return s.audit(tx, from, tenant, ActionLoginLink, string(tenant), nil)
	})
	if err != nil {
		return "", time.Time{}, err
	}
	return token, expires, nil
}

// OpenLinkSession uses a link up and logs a browser in with it. It returns CodeNotFound
// for one that was used, has expired or never was, and CodeTenantSuspended, which
// leaves the link as it is.
func (s *Store) OpenLinkSession(ctx context.Context, link string) (w WebSession, token string, err error) {
	return s.openWebSession(ctx, func(tx *sql.Tx) (g webGrant, err error) {
		err = tx.QueryRow(`DELETE FROM login_links WHERE hash = $1 AND expires_at > $2 RETURNING tenant_id`,
			hashKey(link), millis(s.clock())).Scan(&g.tenant)
		if err != nil {
			return g, orNotFound(err, "login link")
		}
		return g, admitted(tx, g.tenant)
	})
}
