package store

import (
	"context"
	"database/sql"
	"time"

	"wapid/engine"
	"wapid/webhooks"
)

// DefaultTenant is the tenant that the first start makes.
const DefaultTenant engine.TenantID = "default"

// EnsureDefaultTenant makes the default tenant if it is missing and sees that
// it can be reached, in one transaction. With a fixedKey, that is the tenant's
// one operator-chosen key from now on, and its main key. Without one, a tenant
// that has no key at all is given a new one, which is returned: it is stored as
// a hash and can't be shown again. It returns CodeInvalid for a fixedKey that is
// too short.
func (s *Store) EnsureDefaultTenant(ctx context.Context, fixedKey string) (t engine.Tenant, newKey string, err error) {
	if fixedKey != "" {
		if err := checkFixedKey(fixedKey); err != nil {
			return engine.Tenant{}, "", err
		}
	}
	err = s.update(ctx, func(tx *sql.Tx) error {
		now := s.clock()
		if _, err := insertTenant(tx, engine.Tenant{ID: DefaultTenant, Name: "Default", CreatedAt: now}); err != nil {
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
			_, newKey, err = s.issueKey(tx, Key{Tenant: DefaultTenant, KeyGrant: firstKey(), Main: true})
		}
		return err
	})
	if err != nil {
		return engine.Tenant{}, "", err
	}
	return t, newKey, nil
}

// NewTenant is what a tenant begins with. Its fields were checked: the tenant's
// by the engine's parsers, the webhook's by package webhooks.
type NewTenant struct {
	engine.Tenant
	WebhookURL    string // "" for none
	WebhookSecret string
}

// CreateTenant adds a tenant with its main key and its webhook, all or nothing.
// The key's plain text is returned once and is not stored. It returns
// CodeInvalid if the id is taken.
func (s *Store) CreateTenant(ctx context.Context, from Origin, n NewTenant) (t engine.Tenant, plain string, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		n.CreatedAt = s.clock()
		fresh, err := insertTenant(tx, n.Tenant)
		if err != nil {
			return err
		}
		if !fresh {
			return errTenantExists()
		}
		if _, plain, err = s.issueKey(tx, Key{Tenant: n.ID, KeyGrant: firstKey(), Main: true}); err != nil {
			return err
		}
		if n.WebhookURL != "" {
			if err := s.insertEndpoint(tx, &webhooks.Endpoint{Tenant: n.ID, Main: true, URL: n.WebhookURL, Secret: n.WebhookSecret, Enabled: true}); err != nil {
				return err
			}
		}
		if t, err = findTenant(tx, n.ID); err != nil {
			return err
		}
		return s.audit(tx, from, t.ID, ActionTenantCreate, string(t.ID), describeLimits(t))
	})
	if err != nil {
		return engine.Tenant{}, "", err
	}
	return t, plain, nil
}

// InsertTenant adds a tenant without a key. It returns CodeInvalid if its id is taken.
func (s *Store) InsertTenant(ctx context.Context, t engine.Tenant) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		fresh, err := insertTenant(tx, t)
		if err == nil && !fresh {
			return errTenantExists()
		}
		return err
	})
}

// TenantChange says what of a tenant becomes something else; nil stays as it is.
type TenantChange struct {
	Name                                          *string
	TimeZone                                      *string
	DailyLimit, MaxSessions, RateLimit, Retention *int // 0 ends a limit
}

// ChangeTenant changes a tenant. It returns CodeNotFound, also for one that is
// being erased.
func (s *Store) ChangeTenant(ctx context.Context, from Origin, id engine.TenantID, c TenantChange) (t engine.Tenant, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		if t, err = liveTenant(tx, id); err != nil {
			return err
		}
		put(&t.Name, c.Name)
		put(&t.TimeZone, c.TimeZone)
		put(&t.DailyLimit, c.DailyLimit)
		put(&t.MaxSessions, c.MaxSessions)
		put(&t.RateLimit, c.RateLimit)
		put(&t.RetentionDays, c.Retention)
		t.UpdatedAt = s.clock()
		_, err := tx.Exec(`UPDATE tenants SET name = $1, time_zone = $2, daily_limit = $3, max_sessions = $4, rate_limit = $5,
			retention_days = $6, updated_at = $7 WHERE id = $8`, t.Name, t.TimeZone, limit(t.DailyLimit), limit(t.MaxSessions),
			limit(t.RateLimit), limit(t.RetentionDays), millis(t.UpdatedAt), id)
		if err != nil {
			return err
		}
		return s.audit(tx, from, id, ActionTenantUpdate, string(id), describeLimits(t))
	})
	return t, err
}

func put[T any](into *T, value *T) {
	if value != nil {
		*into = *value
	}
}

// SuspendTenant stops a tenant's requests, queued messages and jobs, or lets
// them go on. Its sessions stay connected, and what comes in is recorded. Twice
// is once. It returns CodeNotFound, also for a tenant that is being erased.
func (s *Store) SuspendTenant(ctx context.Context, from Origin, id engine.TenantID, suspended bool) (t engine.Tenant, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		if t, err = liveTenant(tx, id); err != nil || t.Suspended() == suspended {
			return err
		}
		now, action := s.clock(), ActionTenantResume
		t.SuspendedAt, t.UpdatedAt = time.Time{}, now
		if suspended {
			t.SuspendedAt, action = now, ActionTenantSuspend
		}
		_, err := tx.Exec(`UPDATE tenants SET suspended_at = $1, updated_at = $2 WHERE id = $3`, millis(t.SuspendedAt), millis(now), id)
		if err != nil {
			return err
		}
		return s.audit(tx, from, id, action, string(id), nil)
	})
	return t, err
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

// holdsText tells whether a tenant's id or name holds the text $1, of whatever case as
// far as the database knows; "" is in all.
const holdsText = ` (instr(lower(id), lower($1)) > 0 OR instr(lower(name), lower($1)) > 0)`

// PageTenants returns up to limit tenants whose id or name holds a text and whose ids
// follow after, in the order of their ids; "" begins at the first.
func (s *Store) PageTenants(ctx context.Context, text string, after engine.TenantID, limit int) ([]engine.Tenant, error) {
	rows, err := s.read.QueryContext(ctx, selectTenant+` WHERE`+holdsText+` AND id > $2 ORDER BY id LIMIT $3`, text, after, limit)
	return collect(rows, err, scanTenant)
}

// CountTenants says how many there are whose id or name holds a text.
func (s *Store) CountTenants(ctx context.Context, text string) (n int, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT count(*) FROM tenants WHERE`+holdsText, text).Scan(&n)
	return n, storageError(err)
}

const selectTenant = `SELECT id, name, coalesce(daily_limit, 0), coalesce(max_sessions, 0), coalesce(rate_limit, 0), time_zone,
	coalesce(retention_days, 0), suspended_at, erasing_at, created_at, updated_at FROM tenants`

func findTenant(tx *sql.Tx, id engine.TenantID) (engine.Tenant, error) {
	t, err := scanTenant(tx.QueryRow(selectTenant+` WHERE id = $1`, id))
	return t, orNotFound(err, "tenant")
}

// liveTenant is findTenant for those who add to a tenant: one that is being
// erased gets nothing more.
func liveTenant(tx *sql.Tx, id engine.TenantID) (engine.Tenant, error) {
	t, err := findTenant(tx, id)
	if err == nil && t.Erasing() {
		return engine.Tenant{}, engine.Errorf(engine.CodeNotFound, "the tenant is being erased")
	}
	return t, err
}

func scanTenant(r row) (t engine.Tenant, err error) {
	err = r.Scan(&t.ID, &t.Name, &t.DailyLimit, &t.MaxSessions, &t.RateLimit, &t.TimeZone, &t.RetentionDays,
		instant{&t.SuspendedAt}, instant{&t.ErasingAt}, instant{&t.CreatedAt}, instant{&t.UpdatedAt})
	return t, err
}

// insertTenant tells whether the tenant is new; an old one is left as it is.
func insertTenant(tx *sql.Tx, t engine.Tenant) (fresh bool, err error) {
	if t.TimeZone == "" {
		t.TimeZone = "UTC"
	}
	n, err := changed(tx.Exec(`INSERT INTO tenants (id, name, daily_limit, max_sessions, rate_limit, time_zone, retention_days,
		created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT (id) DO NOTHING`,
		t.ID, t.Name, limit(t.DailyLimit), limit(t.MaxSessions), limit(t.RateLimit), t.TimeZone, limit(t.RetentionDays), millis(t.CreatedAt)))
	return n == 1, err
}

func errTenantExists() error {
	return engine.Errorf(engine.CodeInvalid, "a tenant with this id exists")
}

// describeLimits is what the audit log tells of a tenant. Its name stays out:
// the log outlives the tenant.
func describeLimits(t engine.Tenant) any {
	return struct {
		DailyLimit    int    `json:"dailyLimit"`
		MaxSessions   int    `json:"maxSessions"`
		RateLimit     int    `json:"rateLimit"`
		TimeZone      string `json:"timeZone"`
		RetentionDays int    `json:"retentionDays"`
	}{t.DailyLimit, t.MaxSessions, t.RateLimit, t.TimeZone, t.RetentionDays}
}

// limit is how a limit is stored; none is NULL.
func limit(n int) sql.NullInt64 { return sql.NullInt64{Int64: int64(n), Valid: n > 0} }

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
