package store

import (
	"context"
	"database/sql"

	"wapid/engine"
	"wapid/webhooks"
)

const selectNumberEndpoint = selectEndpoint + ` WHERE tenant_id = $1 AND origin = $2 AND origin <> ''`

// PutNumberEndpoint sets the one endpoint that a number has at a place, in a format, and
// enables it: what waits for it goes to the new URL, with the new headers. It signs with
// the secret of the tenant's app, and gets all that its format can tell. URL and headers
// are taken as webhooks.ParseURL and CheckHeaders left them. It returns CodeNotFound if
// there is no such tenant, and CodeInvalid if that has webhooks.MaxEndpoints already.
func (s *Store) PutNumberEndpoint(ctx context.Context, tenant engine.TenantID, at webhooks.Origin, format webhooks.Format, url string, headers map[string]string) (e webhooks.Endpoint, err error) {
	app, err := s.App(ctx, tenant)
	if err != nil {
		return e, err
	}
	err = s.update(ctx, func(tx *sql.Tx) error {
		if _, err := liveTenant(tx, tenant); err != nil {
			return err
		}
		e, err = s.scanEndpoint(tx.QueryRow(selectNumberEndpoint, tenant, at))
		switch {
		case isNoRows(err):
			e = webhooks.Endpoint{Tenant: tenant, Origin: at, Format: format, URL: url, Secret: app.Secret, Headers: headers, Enabled: true}
			return s.insertEndpoint(tx, &e)
		case err != nil:
			return err
		}
		before := e.Circuit
		e.URL, e.Format, e.Types, e.Headers, e.Unreadable = url, format, nil, headers, false
		if e.Secret == "" { // it could not be read
			e.Secret = app.Secret
		}
		enable(&e)
		return s.saveChanged(tx, &e, before)
	})
	if err != nil {
		return webhooks.Endpoint{}, err
	}
	s.hint()
	return e, nil
}

// FindNumberEndpoint returns the endpoint of a number at a place, or CodeNotFound.
func (s *Store) FindNumberEndpoint(ctx context.Context, tenant engine.TenantID, at webhooks.Origin) (webhooks.Endpoint, error) {
	e, err := s.scanEndpoint(s.read.QueryRowContext(ctx, selectNumberEndpoint, tenant, at))
	return e, orNotFound(err, "webhook")
}
