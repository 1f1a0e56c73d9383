package store

import (
	"context"
	"database/sql"

	"wapid/engine"
)

// OnPremSettings are what a number can be told in the On-Premises API.
type OnPremSettings struct {
	// SentStatus has its webhook told when a message was sent, as 360dialog does unless it
	// is told otherwise.
	SentStatus bool
}

// FindOnPremSettings returns the settings of a number, given as digits: the usual ones
// where it has none.
func (s *Store) FindOnPremSettings(ctx context.Context, tenant engine.TenantID, phone string) (o OnPremSettings, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT sent_status FROM onprem_numbers WHERE tenant_id = $1 AND phone = $2`, tenant, phone).Scan(&o.SentStatus)
	if isNoRows(err) {
		return OnPremSettings{SentStatus: true}, nil
	}
	return o, storageError(err)
}

// SaveOnPremSettings sets those of a number. It returns CodeNotFound if there is no such
// tenant.
func (s *Store) SaveOnPremSettings(ctx context.Context, tenant engine.TenantID, phone string, o OnPremSettings) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		if _, err := liveTenant(tx, tenant); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO onprem_numbers (tenant_id, phone, sent_status, updated_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (tenant_id, phone) DO UPDATE SET sent_status = excluded.sent_status, updated_at = excluded.updated_at`,
			tenant, phone, o.SentStatus, millis(s.clock()))
		return err
	})
}
