package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"time"

	"wapid/engine"
)

// pairingTokenBytes is how much of chance is in the token of a pairing link.
const pairingTokenBytes = 32

// PairingLink is a one-time link by which somebody without a key may scan a
// session's QR code.
type PairingLink struct {
	Session   engine.SessionKey
	ExpiresAt time.Time
	LinkedAt  time.Time // when the session was linked; zero until then
}

// IssuePairingLink makes a link for a session and returns its token, which can't
// be shown again: only its hash is kept. An earlier link of the session ends. It
// returns CodeSessionNotFound.
func (s *Store) IssuePairingLink(ctx context.Context, key engine.SessionKey, expires time.Time) (token string, err error) {
	raw := make([]byte, pairingTokenBytes)
	_, _ = rand.Read(raw) // it never fails; what it draws nobody guesses, so that a plain hash will do
	token = base64.RawURLEncoding.EncodeToString(raw)
	err = s.update(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`DELETE FROM pairing_links WHERE tenant_id = $1 AND session_id = $2 OR expires_at <= $3`,
			key.Tenant, key.ID, millis(s.clock())); err != nil {
			return err
		}
		n, err := changed(tx.Exec(`INSERT INTO pairing_links (hash, tenant_id, session_id, expires_at)
			SELECT $1, tenant_id, id, $2 FROM sessions WHERE tenant_id = $3 AND id = $4`,
			hashKey(token), millis(expires), key.Tenant, key.ID))
		if err == nil && n == 0 {
			return errNoSession()
		}
		return err
	})
	return token, err
}

// FindPairingLink returns the link of a token, or CodeNotFound for one that is
// unknown, that has expired, or whose session is gone. The token says which
// tenant's it is: there is nobody else to ask.
func (s *Store) FindPairingLink(ctx context.Context, token string) (PairingLink, error) {
	var l PairingLink
	err := s.read.QueryRowContext(ctx, `SELECT tenant_id, session_id, expires_at, linked_at FROM pairing_links
		WHERE hash = $1 AND expires_at > $2`, hashKey(token), millis(s.clock())).
		Scan(&l.Session.Tenant, &l.Session.ID, instant{&l.ExpiresAt}, instant{&l.LinkedAt})
	if isNoRows(err) {
		return PairingLink{}, engine.Errorf(engine.CodeNotFound, "there is no such pairing link")
	}
	if err != nil {
		return PairingLink{}, storageError(err)
	}
	return l, nil
}

// closePairingLink ends the link of a session that is being linked.
func closePairingLink(tx *sql.Tx, key engine.SessionKey, at time.Time) error {
	_, err := tx.Exec(`UPDATE pairing_links SET linked_at = $1 WHERE tenant_id = $2 AND session_id = $3 AND linked_at IS NULL`,
		millis(at), key.Tenant, key.ID)
	return err
}
