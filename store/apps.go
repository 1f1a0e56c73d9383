package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"time"

	"wapid/engine"
)

// App is what a tenant's webhooks in Meta's format are signed and verified with. Every
// tenant has one from the first time that it is asked for.
type App struct {
	ID          int64  // a graph id of kind app
	Secret      string // 32 hexadecimal digits, as Meta's are
	VerifyToken string // what a receiver is asked to recognise in hub.verify_token
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

const (
	appSecretBytes   = 16
	verifyTokenBytes = 16
	// appRow is the name of a tenant's only app where values are bound to their rows.
	appRow = "app"
)

const selectApp = `SELECT secret, verify_token, created_at, updated_at FROM apps WHERE tenant_id = $1`

// App returns a tenant's app, made on first use. It returns CodeNotFound if there is no
// such tenant, and CodeStorage if its secrets can't be opened: rotate them.
func (s *Store) App(ctx context.Context, tenant engine.TenantID) (a App, err error) {
	a, err = s.scanApp(tenant, s.read.QueryRowContext(ctx, selectApp, tenant))
	if isNoRows(err) {
		err = s.update(ctx, func(tx *sql.Tx) error {
			a, err = s.scanApp(tenant, tx.QueryRow(selectApp, tenant))
			if isNoRows(err) {
				a, err = s.makeApp(tx, tenant)
			}
			return err
		})
	}
	if err != nil {
		return App{}, storageError(err)
	}
	a.ID, err = s.GraphID(ctx, tenant, GraphApp, "")
	return a, err
}

// RotateApp gives a tenant's app a new secret and a new verify token; the old ones end
// at once, also for the webhooks that were set through the Graph API. It returns CodeNotFound if there is no such tenant.
func (s *Store) RotateApp(ctx context.Context, from Origin, tenant engine.TenantID) (a App, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		if a, err = s.makeApp(tx, tenant); err != nil {
			return err
		}
		if err = s.rekey(tx, tenant, a.Secret); err != nil {
			return err
		}
		return s.audit(tx, from, tenant, ActionAppRotate, "", nil)
	})
	if err != nil {
		return App{}, err
	}
	a.ID, err = s.GraphID(ctx, tenant, GraphApp, "")
	return a, err
}

// makeApp writes new secrets; an app that exists keeps when it was made.
func (s *Store) makeApp(tx *sql.Tx, tenant engine.TenantID) (App, error) {
	if _, err := liveTenant(tx, tenant); err != nil {
		return App{}, err
	}
	secret, token := make([]byte, appSecretBytes), make([]byte, verifyTokenBytes)
	rand.Read(secret) // never fails: it ends the program instead
	rand.Read(token)
	now := s.clock()
	a := App{Secret: hex.EncodeToString(secret), VerifyToken: hex.EncodeToString(token)}
	err := tx.QueryRow(`INSERT INTO apps (tenant_id, secret, verify_token, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)
		ON CONFLICT (tenant_id) DO UPDATE SET secret = excluded.secret, verify_token = excluded.verify_token, updated_at = excluded.updated_at
		RETURNING created_at, updated_at`,
		tenant, s.sealText(kindAppSecret, string(tenant), appRow, a.Secret), s.sealText(kindAppToken, string(tenant), appRow, a.VerifyToken), millis(now)).
		Scan(instant{&a.CreatedAt}, instant{&a.UpdatedAt})
	return a, err
}

func (s *Store) scanApp(tenant engine.TenantID, r row) (a App, err error) {
	var damage error
	failed := func(err error) { damage = err }
	err = r.Scan(s.unsealed(kindAppSecret, string(tenant), appRow, text{&a.Secret}, failed),
		s.unsealed(kindAppToken, string(tenant), appRow, text{&a.VerifyToken}, failed), instant{&a.CreatedAt}, instant{&a.UpdatedAt})
	if err == nil && damage != nil {
		return App{}, engine.WrapError(engine.CodeStorage, damage, "the app's secrets are damaged: rotate them")
	}
	return a, err
}
