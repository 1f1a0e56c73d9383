package store

import (
	"bytes"
	"context"
	"database/sql"
	"time"

	"wapid/engine"
)

// claimKind says what an idempotency key was used for.
type claimKind string

const (
	claimSend claimKind = "send" // result is a message id
	claimBulk claimKind = "bulk" // result is a job id
)

// claimed is a request with an idempotency key, and what it made.
type claimed struct {
	session engine.SessionKey
	kind    claimKind
	claim   engine.Claim
	result  string
}

// findClaim returns what an earlier request of the same claim has made, "" if
// there was none. It returns CodeConflict if the key stands for another request.
func findClaim(q querier, c claimed, now time.Time) (result string, err error) {
	var (
		kind        claimKind
		session     engine.SessionID
		fingerprint []byte
	)
	err = q.QueryRow(`SELECT kind, session_id, fingerprint, result FROM idempotency
		WHERE tenant_id = $1 AND key = $2 AND expires_at > $3`, c.session.Tenant, c.claim.Key, now.UnixMilli()).
		Scan(&kind, &session, &fingerprint, &result)
	switch {
	case isNoRows(err):
		return "", nil
	case err != nil:
		return "", storageError(err)
	case kind != c.kind || session != c.session.ID || !bytes.Equal(fingerprint, c.claim.Fingerprint[:]):
		return "", engine.ErrKeyReused
	}
	return result, nil
}

// putClaim notes what a claim has made, for engine.ClaimLifetime. An older entry
// is replaced: call findClaim before, in the same transaction.
func putClaim(tx *sql.Tx, c claimed, now time.Time) error {
	_, err := tx.Exec(`INSERT INTO idempotency (tenant_id, key, kind, session_id, fingerprint, result, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (tenant_id, key) DO UPDATE SET kind = excluded.kind, session_id = excluded.session_id,
			fingerprint = excluded.fingerprint, result = excluded.result,
			created_at = excluded.created_at, expires_at = excluded.expires_at`,
		c.session.Tenant, c.claim.Key, c.kind, c.session.ID, c.claim.Fingerprint[:], c.result,
		now.UnixMilli(), now.Add(engine.ClaimLifetime).UnixMilli())
	return err
}

// releaseClaim forgets a claim, provided that it stands for the given result.
func releaseClaim(tx *sql.Tx, tenant engine.TenantID, c *engine.Claim, result string) error {
	if c == nil {
		return nil
	}
	_, err := tx.Exec(`DELETE FROM idempotency WHERE tenant_id = $1 AND key = $2 AND result = $3`, tenant, c.Key, result)
	return err
}

// PurgeExpired implements engine.Store.
func (s *Store) PurgeExpired(ctx context.Context) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		now := s.clock().UnixMilli()
		if _, err := tx.Exec(`DELETE FROM idempotency WHERE expires_at <= $1`, now); err != nil {
			return err
		}
		_, err := tx.Exec(`DELETE FROM uploads WHERE expires_at <= $1`, now)
		return err
	})
}
