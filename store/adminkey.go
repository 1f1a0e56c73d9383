package store

import (
	"context"
	"crypto/subtle"
	"database/sql"

	"wapid/engine"
)

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
		var before string
		if err := tx.QueryRow(`SELECT value FROM settings WHERE name = $1`, adminKeyEntry).Scan(&before); err != nil && !isNoRows(err) {
			return err
		}
		if before != hashKey(plain) { // whoever is logged in was by another key
			if err := closeWebSessions(tx, ""); err != nil {
				return err
			}
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
