package store

import (
	"context"
	"database/sql"
	"time"

	"wapid/engine"
)

// FindUpload implements engine.Store.
func (s *Store) FindUpload(ctx context.Context, key engine.SessionKey, kind engine.Kind, unencrypted bool, sha256 []byte, at time.Time) (u engine.Upload, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT ref, expires_at FROM uploads
		WHERE tenant_id = $1 AND session_id = $2 AND kind = $3 AND plain = $4 AND sha256 = $5 AND expires_at > $6`,
		key.Tenant, key.ID, kind, unencrypted, sha256, at.UnixMilli()).Scan(&u.Ref, instant{&u.ExpiresAt})
	if isNoRows(err) {
		return engine.Upload{}, nil
	}
	return u, storageError(err)
}

// SaveUpload implements engine.Store.
func (s *Store) SaveUpload(ctx context.Context, key engine.SessionKey, kind engine.Kind, unencrypted bool, sha256 []byte, u engine.Upload) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO uploads (tenant_id, session_id, kind, plain, sha256, ref, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (tenant_id, session_id, kind, plain, sha256) DO UPDATE SET ref = excluded.ref, expires_at = excluded.expires_at`,
			key.Tenant, key.ID, kind, unencrypted, sha256, u.Ref, u.ExpiresAt.UnixMilli())
		return err
	})
}
