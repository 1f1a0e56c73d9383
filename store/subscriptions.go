package store

import (
	"context"
	"database/sql"

	"wapid/engine"
	"wapid/webhooks"
)

// A subscription is an endpoint that was set at a place of Meta's Graph API: it has
// Meta's format and the secret of the tenant's app, which moves with that.

const selectOrigin = selectEndpoint + ` WHERE tenant_id = $1 AND origin = $2 AND origin <> ''`

// Subscribe sets the endpoint of a place, and enables it: what waits for it goes to the
// new URL. Without types it gets those of Meta's field "messages". The URL is taken as
// webhooks.ParseURL left it. It returns CodeNotFound if there is no such tenant, and
// CodeInvalid if that has webhooks.MaxEndpoints already, or for types that the format has
// no words for.
func (s *Store) Subscribe(ctx context.Context, tenant engine.TenantID, at webhooks.Origin, url string, types ...engine.EventType) (e webhooks.Endpoint, err error) {
	app, err := s.App(ctx, tenant)
	if err != nil {
		return e, err
	}
	err = s.update(ctx, func(tx *sql.Tx) error {
		if _, err := liveTenant(tx, tenant); err != nil {
			return err
		}
		// The app's secret may have been changed since, by whoever came first.
		if app.Secret, err = s.appSecret(tx, tenant); err != nil {
			return err
		}
		e, err = s.scanEndpoint(tx.QueryRow(selectOrigin, tenant, at))
		switch {
		case isNoRows(err):
			e = webhooks.Endpoint{Tenant: tenant, Origin: at, Format: webhooks.FormatMeta, URL: url, Secret: app.Secret, Types: types, Enabled: true}
			err = s.insertEndpoint(tx, &e)
		case err == nil:
			before := e.Circuit
			e.URL, e.Secret, e.Types, e.Format = url, app.Secret, types, webhooks.FormatMeta
			e.Unreadable = false
			enable(&e)
			err = s.saveChanged(tx, &e, before)
		}
		if err != nil || at != webhooks.OriginWABA && at != webhooks.OriginApp {
			return err
		}
		_, err = tx.Exec(setSubscribed, 1, tenant)
		return err
	})
	if err != nil {
		return webhooks.Endpoint{}, err
	}
	s.hint()
	return e, nil
}

func (s *Store) appSecret(tx *sql.Tx, tenant engine.TenantID) (string, error) {
	app, err := s.scanApp(tenant, tx.QueryRow(selectApp, tenant))
	return app.Secret, err
}

// ListSubscriptions returns the endpoints of a tenant's places.
func (s *Store) ListSubscriptions(ctx context.Context, tenant engine.TenantID) (map[webhooks.Origin]webhooks.Endpoint, error) {
	rows, err := s.read.QueryContext(ctx, selectEndpoint+` WHERE tenant_id = $1 AND origin <> ''`, tenant)
	list, err := collect(rows, err, s.scanEndpoint)
	all := make(map[webhooks.Origin]webhooks.Endpoint, len(list))
	for _, e := range list {
		all[e.Origin] = e
	}
	return all, err
}

// Unsubscribe removes the endpoint of a place with its deliveries. One that is not there
// is none: nothing is changed.
func (s *Store) Unsubscribe(ctx context.Context, tenant engine.TenantID, at webhooks.Origin) error {
	e, err := s.scanEndpoint(s.read.QueryRowContext(ctx, selectOrigin, tenant, at))
	if isNoRows(err) {
		return nil
	}
	if err != nil {
		return storageError(err)
	}
	if err = s.DeleteEndpointByID(ctx, tenant, e.ID); engine.CodeOf(err) == engine.CodeNotFound {
		return nil // somebody else was faster
	}
	return err
}

const setSubscribed = `UPDATE apps SET subscribed = $1 WHERE tenant_id = $2`

// SetSubscribed says whether a tenant's app gets what its business account has to tell:
// its endpoint is enabled or disabled with that.
func (s *Store) SetSubscribed(ctx context.Context, tenant engine.TenantID, on bool) error {
	if _, err := s.App(ctx, tenant); err != nil { // it has one now
		return err
	}
	err := s.update(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(setSubscribed, on, tenant); err != nil {
			return err
		}
		e, err := s.scanEndpoint(tx.QueryRow(selectOrigin, tenant, webhooks.OriginApp))
		if isNoRows(err) || err == nil && e.Enabled == on {
			return nil
		}
		if err != nil {
			return err
		}
		before := e.Circuit
		if on {
			enable(&e)
		} else {
			e.Enabled, e.DisabledReason = false, webhooks.DisabledByHand
		}
		return s.saveChanged(tx, &e, before)
	})
	if err == nil {
		s.hint()
	}
	return err
}

// IsSubscribed tells whether a tenant's app gets what its business account has to tell.
func (s *Store) IsSubscribed(ctx context.Context, tenant engine.TenantID) (on bool, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT subscribed FROM apps WHERE tenant_id = $1`, tenant).Scan(&on)
	if isNoRows(err) {
		return true, nil // as every app is from the beginning
	}
	return on, storageError(err)
}

// rekey gives a tenant's subscriptions their app's new secret, in the transaction that
// changes that.
func (s *Store) rekey(tx *sql.Tx, tenant engine.TenantID, secret string) error {
	rows, err := tx.Query(selectEndpoint+` WHERE tenant_id = $1 AND origin <> ''`, tenant)
	list, err := collect(rows, err, s.scanEndpoint)
	if err != nil {
		return err
	}
	for _, e := range list {
		e.Secret, e.OldSecret = secret, ""
		if err := s.saveEndpoint(tx, &e); err != nil {
			return err
		}
	}
	return nil
}
