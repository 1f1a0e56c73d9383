package store

import (
	"context"
	"database/sql"

	"go.uber.org/zap"

	"wapid/engine"
	"wapid/engine/cloudapi"
)

// PutCloudNumber gives a session a number of Meta's official API, or other credentials
// for the one that it has; its device is kept then, and filled in. It returns CodeAlreadyLinked if the
// session has another number, and CodeNotFound if there is no such tenant, or it is
// being erased. isNew tells whether the session had none.
func (s *Store) PutCloudNumber(ctx context.Context, n cloudapi.Number) (_ cloudapi.Number, isNew bool, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		key := n.Session
		if _, err := liveTenant(tx, key.Tenant); err != nil {
			return err
		}
		known, err := s.scanCloudNumber(tx.QueryRow(selectCloudNumber+` WHERE tenant_id = $1 AND session_id = $2`, key.Tenant, key.ID))
		switch {
		case isNoRows(err):
			isNew, n.Device, n.CreatedAt = true, cloudapi.NewDevice(), s.clock()
		case err != nil:
			return err
		case known.PhoneNumberID != n.PhoneNumberID:
			return engine.Errorf(engine.CodeAlreadyLinked, "the session has another number of the official API: delete it first")
		default:
			isNew, n.Device, n.CreatedAt = false, known.Device, known.CreatedAt
		}
		n.Unreadable = false
		_, err = tx.Exec(`INSERT INTO cloud_numbers (tenant_id, session_id, device, phone_number_id, waba_id, base_url, access_token, app_secret, verify_hash, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
			ON CONFLICT (tenant_id, session_id) DO UPDATE SET waba_id = excluded.waba_id, base_url = excluded.base_url,
				access_token = excluded.access_token, app_secret = excluded.app_secret, verify_hash = excluded.verify_hash`,
			key.Tenant, key.ID, n.Device, n.PhoneNumberID, n.WABA, n.BaseURL,
			s.sealText(kindCloudToken, string(key.Tenant), string(key.ID), n.AccessToken),
			s.sealText(kindCloudSecret, string(key.Tenant), string(key.ID), n.AppSecret), n.VerifyHash, millis(n.CreatedAt))
		return err
	})
	return n, isNew, err
}

// PruneCloudNumbers removes numbers of sessions that do not exist: what a crash has left
// between a number and its session. It is called once at start.
func (s *Store) PruneCloudNumbers(ctx context.Context) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM cloud_numbers WHERE NOT EXISTS (SELECT 1 FROM sessions
			WHERE sessions.tenant_id = cloud_numbers.tenant_id AND sessions.id = cloud_numbers.session_id)`)
		return err
	})
}

const selectCloudNumber = `SELECT tenant_id, session_id, device, phone_number_id, waba_id, base_url, access_token, app_secret, verify_hash, created_at FROM cloud_numbers`

func (s *Store) scanCloudNumber(r row) (n cloudapi.Number, err error) {
	var damage error
	sealed := func(kind string, into *string) sql.Scanner {
		return cloudSecret{s, kind, &n, text{into}, &damage}
	}
	err = r.Scan(&n.Session.Tenant, &n.Session.ID, &n.Device, &n.PhoneNumberID, &n.WABA, &n.BaseURL,
		sealed(kindCloudToken, &n.AccessToken), sealed(kindCloudSecret, &n.AppSecret), &n.VerifyHash, instant{&n.CreatedAt})
	if damage != nil {
		n.Unreadable = true
		s.unreadable("the credentials of a session", damage, zap.String("tenant", string(n.Session.Tenant)), zap.String("session", string(n.Session.ID)))
	}
	return n, err
}

// cloudSecret scans a sealed column of a number whose names are scanned already.
type cloudSecret struct {
	store  *Store
	kind   string
	number *cloudapi.Number
	into   sql.Scanner
	damage *error
}

// Scan implements sql.Scanner.
func (c cloudSecret) Scan(src any) error {
	key := c.number.Session
	return c.store.unsealed(c.kind, string(key.Tenant), string(key.ID), c.into, func(err error) { *c.damage = err }).Scan(src)
}

// FindCloudNumber implements cloudapi.Store.
func (s *Store) FindCloudNumber(ctx context.Context, key engine.SessionKey) (cloudapi.Number, error) {
	n, err := s.scanCloudNumber(s.read.QueryRowContext(ctx, selectCloudNumber+` WHERE tenant_id = $1 AND session_id = $2`, key.Tenant, key.ID))
	return n, orNotFound(err, "number of the official API")
}

// FindCloudDevice implements cloudapi.Store.
func (s *Store) FindCloudDevice(ctx context.Context, device engine.DeviceID) (cloudapi.Number, error) {
	n, err := s.scanCloudNumber(s.read.QueryRowContext(ctx, selectCloudNumber+` WHERE device = $1`, device))
	return n, orNotFound(err, "number of the official API")
}

// ListTenantCloudNumbers returns a tenant's numbers of the official API.
func (s *Store) ListTenantCloudNumbers(ctx context.Context, tenant engine.TenantID) ([]cloudapi.Number, error) {
	rows, err := s.read.QueryContext(ctx, selectCloudNumber+` WHERE tenant_id = $1`, tenant)
	return collect(rows, err, s.scanCloudNumber)
}

const cloudNumbersOfPhone = selectCloudNumber + ` WHERE phone_number_id = $1`

// ListCloudNumbers implements cloudapi.Store.
func (s *Store) ListCloudNumbers(ctx context.Context, phoneNumberID string) ([]cloudapi.Number, error) {
	rows, err := s.read.QueryContext(ctx, cloudNumbersOfPhone, phoneNumberID)
	return collect(rows, err, s.scanCloudNumber)
}

const cloudVerifyHash = `SELECT EXISTS (SELECT 1 FROM cloud_numbers WHERE verify_hash = $1)`

// KnowsVerifyToken implements cloudapi.Store.
func (s *Store) KnowsVerifyToken(ctx context.Context, hash string) (known bool, err error) {
	err = s.read.QueryRowContext(ctx, cloudVerifyHash, hash).Scan(&known)
	return known, storageError(err)
}

// RenameCloudDevice implements cloudapi.Store.
func (s *Store) RenameCloudDevice(ctx context.Context, from, to engine.DeviceID) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		n, err := changed(tx.Exec(`UPDATE cloud_numbers SET device = $1 WHERE device = $2`, to, from))
		if err == nil && n == 0 {
			err = engine.Errorf(engine.CodeNotFound, "there is no such number of the official API")
		}
		return err
	})
}

// DeleteCloudDevice implements cloudapi.Store.
func (s *Store) DeleteCloudDevice(ctx context.Context, device engine.DeviceID) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM cloud_numbers WHERE device = $1`, device)
		return err
	})
}

// DeleteCloudNumber takes a number from a session that was not made after all. One that
// is gone already is no error.
func (s *Store) DeleteCloudNumber(ctx context.Context, key engine.SessionKey) error {
	return s.update(ctx, func(tx *sql.Tx) error { return forgetCloudNumber(tx, key) })
}

func forgetCloudNumber(tx *sql.Tx, key engine.SessionKey) error {
	_, err := tx.Exec(`DELETE FROM cloud_numbers WHERE tenant_id = $1 AND session_id = $2`, key.Tenant, key.ID)
	return err
}
