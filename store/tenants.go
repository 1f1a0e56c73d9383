package store

import (
	"context"
	"database/sql"
	"time"

	"wapid/engine"
)

// DefaultTenant is the tenant that the first start makes.
const DefaultTenant engine.TenantID = "default"

// EnsureDefaultTenant makes the default tenant if it is missing and sees that
// it can be reached, in one transaction. With a fixedKey, that is the tenant's
// one operator-chosen key from now on. Without one, a tenant that has no key at
// all is given a new one, which is returned: it is stored as a hash and can't be
// shown again. It returns CodeInvalid for a fixedKey that is too short.
func (s *Store) EnsureDefaultTenant(ctx context.Context, fixedKey string) (t engine.Tenant, newKey string, err error) {
	if fixedKey != "" {
		if err := checkFixedKey(fixedKey); err != nil {
			return engine.Tenant{}, "", err
		}
	}
	err = s.update(ctx, func(tx *sql.Tx) error {
		now := s.clock()
		_, err := tx.Exec(`INSERT INTO tenants (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING`,
			DefaultTenant, "Default", millis(now))
		if err != nil {
			return err
		}
		if t, err = findTenant(tx, DefaultTenant); err != nil {
			return err
		}
		if fixedKey != "" {
			return fixKey(tx, DefaultTenant, fixedKey, now)
		}
		var keys int
		if err := tx.QueryRow(`SELECT count(*) FROM api_keys WHERE tenant_id = $1`, DefaultTenant).Scan(&keys); err != nil {
			return err
		}
		if keys == 0 {
			_, newKey, err = issueKey(tx, DefaultTenant, "first key", now)
		}
		return err
	})
	if err != nil {
		return engine.Tenant{}, "", err
	}
	return t, newKey, nil
}

// InsertTenant adds a tenant. It returns CodeInvalid if its id is taken.
func (s *Store) InsertTenant(ctx context.Context, t engine.Tenant) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		n, err := changed(tx.Exec(`INSERT INTO tenants (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING`,
			t.ID, t.Name, millis(t.CreatedAt)))
		if err == nil && n == 0 {
			return engine.Errorf(engine.CodeInvalid, "a tenant with this id exists")
		}
		return err
	})
}

// FindTenant returns CodeNotFound if there is no such tenant.
func (s *Store) FindTenant(ctx context.Context, id engine.TenantID) (engine.Tenant, error) {
	t, err := scanTenant(s.read.QueryRowContext(ctx, selectTenant+` WHERE id = $1`, id))
	return t, orNotFound(err, "tenant")
}

// ListTenants returns every tenant, oldest first.
func (s *Store) ListTenants(ctx context.Context) ([]engine.Tenant, error) {
	rows, err := s.read.QueryContext(ctx, selectTenant+` ORDER BY created_at, id`)
	return collect(rows, err, scanTenant)
}

const selectTenant = `SELECT id, name, created_at FROM tenants`

func findTenant(tx *sql.Tx, id engine.TenantID) (engine.Tenant, error) {
	t, err := scanTenant(tx.QueryRow(selectTenant+` WHERE id = $1`, id))
	return t, orNotFound(err, "tenant")
}

func scanTenant(r row) (t engine.Tenant, err error) {
	err = r.Scan(&t.ID, &t.Name, instant{&t.CreatedAt})
	return t, err
}

// orNotFound names what is missing.
func orNotFound(err error, what string) error {
	if isNoRows(err) {
		return engine.Errorf(engine.CodeNotFound, "there is no such %s", what)
	}
	return storageError(err)
}

// putSetting writes one of the daemon's own settings.
func putSetting(tx *sql.Tx, name, value string, now time.Time) error {
	_, err := tx.Exec(`INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at`, name, value, millis(now))
	return err
}
