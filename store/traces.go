package store

import (
	"context"
	"database/sql"
	"time"

	"wapid/engine"
)

// traceKept is for how long the trace of a message goes on: receipts may come later, and
// begin none.
const traceKept = 7 * 24 * time.Hour

const (
	insertTrace = `INSERT INTO traces (tenant_id, session_id, id, parent, expires_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (tenant_id, session_id, id) DO NOTHING`
	deleteTraces = `DELETE FROM traces WHERE (tenant_id, session_id, id) IN (SELECT tenant_id, session_id, id FROM traces WHERE expires_at < $1 LIMIT $2)`
)

func (s *Store) keepTrace(tx *sql.Tx, key engine.SessionKey, id, parent string) error {
	if parent == "" {
		return nil
	}
	_, err := tx.Exec(insertTrace, key.Tenant, key.ID, id, parent, millis(s.clock().Add(traceKept)))
	return err
}

// KeepTrace keeps the trace of something that belongs to a session, or to a tenant if
// the session is empty, for a week. The first one counts.
func (s *Store) KeepTrace(ctx context.Context, key engine.SessionKey, id, parent string) error {
	return s.record(ctx, func(tx *sql.Tx) error { return s.keepTrace(tx, key, id, parent) })
}

// FindTrace returns the trace that was kept, or "".
func (s *Store) FindTrace(ctx context.Context, key engine.SessionKey, id string) (parent string, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT parent FROM traces WHERE tenant_id = $1 AND session_id = $2 AND id = $3`,
		key.Tenant, key.ID, id).Scan(&parent)
	if isNoRows(err) {
		return "", nil
	}
	return parent, storageError(err)
}
