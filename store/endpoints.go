package store

import (
	"context"
	"database/sql"

	"github.com/oklog/ulid/v2"

	"wapid/engine"
	"wapid/webhooks"
)

// PutEndpoint sets a tenant's webhook and enables it. Deliveries that wait for
// it are kept: they go to the new URL, signed with the new secret. URL and
// secret are taken as webhooks.ParseURL and CheckSecret left them. It returns
// CodeNotFound if there is no such tenant.
func (s *Store) PutEndpoint(ctx context.Context, tenant engine.TenantID, url, secret string) (e webhooks.Endpoint, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		if _, err := findTenant(tx, tenant); err != nil {
			return err
		}
		now := s.clock()
		n, err := changed(tx.Exec(`UPDATE endpoints SET url = $1, secret = $2, enabled = 1, updated_at = $3 WHERE tenant_id = $4`,
			url, secret, millis(now), tenant))
		if err != nil {
			return err
		}
		if n == 0 {
			_, err = tx.Exec(`INSERT INTO endpoints (id, tenant_id, url, secret, enabled, created_at, updated_at)
				VALUES ($1, $2, $3, $4, 1, $5, $5)`, ulid.Make().String(), tenant, url, secret, millis(now))
			if err != nil {
				return err
			}
		}
		e, err = scanEndpoint(tx.QueryRow(selectEndpoint+` WHERE tenant_id = $1`, tenant))
		return err
	})
	if err == nil {
		s.hint() // an endpoint that was disabled may have deliveries waiting
	}
	return e, err
}

// FindEndpoint returns a tenant's webhook, or CodeNotFound if it has none.
func (s *Store) FindEndpoint(ctx context.Context, tenant engine.TenantID) (webhooks.Endpoint, error) {
	e, err := scanEndpoint(s.read.QueryRowContext(ctx, selectEndpoint+` WHERE tenant_id = $1`, tenant))
	return e, orNotFound(err, "webhook")
}

// DeleteEndpoint removes a tenant's webhook with its deliveries and their
// attempts. It returns CodeNotFound if there is none.
func (s *Store) DeleteEndpoint(ctx context.Context, tenant engine.TenantID) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		n, err := changed(tx.Exec(`DELETE FROM endpoints WHERE tenant_id = $1`, tenant))
		if err == nil && n == 0 {
			return engine.Errorf(engine.CodeNotFound, "there is no such webhook")
		}
		return err
	})
}

const selectEndpoint = `SELECT id, tenant_id, url, secret, enabled, created_at, updated_at FROM endpoints`

func scanEndpoint(r row) (e webhooks.Endpoint, err error) {
	err = r.Scan(&e.ID, &e.Tenant, &e.URL, &e.Secret, &e.Enabled, instant{&e.CreatedAt}, instant{&e.UpdatedAt})
	return e, err
}
