package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"wapid/engine"
	"wapid/webhooks"
)

// PutEndpoint sets a tenant's main webhook and enables it; its other endpoints
// are left alone, and so are what else the main one was given: headers, sessions,
// the place of its signatures. Deliveries that wait for it are kept: they go to
// the new URL, signed with the new secret. URL and secret and types are taken as
// webhooks.ParseURL, CheckSecret and ParseTypes left them; without types the
// webhook gets those of the WapiConnect document. It returns CodeNotFound if
// there is no such tenant, or it is being erased, and CodeInvalid if it has
// webhooks.MaxEndpoints others.
func (s *Store) PutEndpoint(ctx context.Context, tenant engine.TenantID, url, secret string, types ...engine.EventType) (e webhooks.Endpoint, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		if _, err := liveTenant(tx, tenant); err != nil {
			return err
		}
		e, err = s.scanEndpoint(tx.QueryRow(selectEndpoint+` WHERE tenant_id = $1 AND main = 1`, tenant))
		switch {
		case isNoRows(err):
			e = webhooks.Endpoint{Tenant: tenant, URL: url, Secret: secret, Types: types, Main: true, Enabled: true}
			err = s.insertEndpoint(tx, &e)
		case err == nil:
			before := e.Circuit
			e.URL, e.Secret, e.Types = url, secret, types
			e.OldSecret, e.OldSecretUntil = "", time.Time{}
			enable(&e)
			err = s.saveChanged(tx, &e, before)
		}
		return err
	})
	if err != nil {
		return webhooks.Endpoint{}, err
	}
	s.hint() // an endpoint that was disabled may have deliveries waiting
	return e, nil
}

// InsertEndpoint gives a tenant another endpoint; the first one of all without an origin
// is its main one. ID and times are filled in. It returns CodeNotFound if there is no
// such tenant, and CodeInvalid if it has webhooks.MaxEndpoints already or wants events
// that its format has no words for.
func (s *Store) InsertEndpoint(ctx context.Context, e webhooks.Endpoint) (webhooks.Endpoint, error) {
	err := s.update(ctx, func(tx *sql.Tx) error {
		if _, err := liveTenant(tx, e.Tenant); err != nil {
			return err
		}
		var have int
		if err := tx.QueryRow(`SELECT count(*) FROM endpoints WHERE tenant_id = $1 AND origin = ''`, e.Tenant).Scan(&have); err != nil {
			return err
		}
		e.Main = have == 0 && e.Origin == webhooks.OriginNone
		return s.insertEndpoint(tx, &e)
	})
	return e, err
}

func (s *Store) insertEndpoint(tx *sql.Tx, e *webhooks.Endpoint) error {
	var have int
	if err := tx.QueryRow(`SELECT count(*) FROM endpoints WHERE tenant_id = $1`, e.Tenant).Scan(&have); err != nil {
		return err
	}
	if have >= webhooks.MaxEndpoints {
		return engine.Errorf(engine.CodeInvalid, "an account may have %d webhooks: delete one first", webhooks.MaxEndpoints)
	}
	e.ID, e.CreatedAt = webhooks.EndpointID(ulid.Make().String()), s.clock()
	if e.SignatureMode == "" {
		e.SignatureMode = webhooks.SignBoth
	}
	_, err := tx.Exec(`INSERT INTO endpoints (id, tenant_id, main, url, secret, enabled, created_at, updated_at)
		VALUES ($1, $2, $3, '', '', 0, $4, $4)`, e.ID, e.Tenant, e.Main, millis(e.CreatedAt))
	if err != nil {
		return err
	}
	return s.saveEndpoint(tx, e)
}

// saveEndpoint writes all of an endpoint that a tenant can change.
func (s *Store) saveEndpoint(tx *sql.Tx, e *webhooks.Endpoint) error {
	if err := e.Settle(); err != nil {
		return err
	}
	e.UpdatedAt = s.clock()
	headers, err := s.sealDocument(kindHeaders, string(e.Tenant), string(e.ID), document{&e.Headers})
	if err != nil {
		return err
	}
	// A secret that could not be read is not replaced by nothing.
	_, err = tx.Exec(`UPDATE endpoints SET name = $1, url = $2, secret = CASE WHEN $3 = 1 AND $4 = '' THEN secret ELSE $4 END,
		old_secret = CASE WHEN $3 = 1 AND $5 = '' THEN old_secret ELSE $5 END, old_secret_until = $6, types = $7, sessions = $8,
		headers = CASE WHEN $3 = 1 THEN headers ELSE $9 END, signature_mode = $10, enabled = $11, disabled_reason = $12,
		updated_at = $13, format = $14, origin = $15 WHERE id = $16`,
		e.Name, e.URL, e.Unreadable, s.sealText(kindWebhook, string(e.Tenant), string(e.ID), e.Secret),
		s.sealText(kindFormerWebhook, string(e.Tenant), string(e.ID), e.OldSecret), millis(e.OldSecretUntil), typeList{&e.Types}, sessionList{&e.Sessions},
		headers, e.SignatureMode, e.Enabled, e.DisabledReason, millis(e.UpdatedAt), e.Format, e.Origin, e.ID)
	if err != nil {
		return err
	}
	return saveCircuit(tx, e.ID, e.Circuit, e.Proven)
}

// saveChanged saves an endpoint. One whose failures are forgotten with the change has
// everything that waits for a later try tried anew.
func (s *Store) saveChanged(tx *sql.Tx, e *webhooks.Endpoint, before webhooks.Circuit) error {
	if err := s.saveEndpoint(tx, e); err != nil {
		return err
	}
	if before.Failures == 0 || e.Circuit.Failures > 0 {
		return nil
	}
	_, err := bringForward(tx, e.ID)
	return err
}

// enable takes an endpoint back into service, and forgets its failures.
func enable(e *webhooks.Endpoint) {
	e.Enabled, e.DisabledReason, e.Circuit = true, webhooks.DisabledByHand, webhooks.Circuit{}
}

// UpdateEndpoint changes one of a tenant's endpoints. What waits for it is kept;
// it goes on once the endpoint is enabled. It returns CodeNotFound, and CodeInvalid
// for one that is to be enabled without the headers that it has lost.
func (s *Store) UpdateEndpoint(ctx context.Context, tenant engine.TenantID, id webhooks.EndpointID, c webhooks.EndpointChange) (webhooks.Endpoint, error) {
	return s.changeEndpoint(ctx, tenant, id, func(e *webhooks.Endpoint) error {
		put(&e.Name, c.Name)
		if c.URL != nil && *c.URL != e.URL { // what failed there says nothing of what is here
			e.URL, e.Circuit = *c.URL, webhooks.Circuit{}
		}
		if c.Format != nil && *c.Format != e.Format {
			if e.Origin != webhooks.OriginNone {
				return engine.Errorf(engine.CodeInvalid, "a webhook that was set through the Graph API has Meta's format")
			}
			e.Format, e.Types = *c.Format, nil
		}
		put(&e.Types, c.Types)
		put(&e.Sessions, c.Sessions)
		put(&e.Headers, c.Headers)
		lost := s.box != nil && e.Unreadable && e.Secret == "" // no headers make up for that
		e.Unreadable = e.Unreadable && (c.Headers == nil || lost)
		put(&e.SignatureMode, c.SignatureMode)
		switch {
		case c.Enabled == nil:
		case *c.Enabled && lost:
			return engine.Errorf(engine.CodeInvalid, "the webhook's secret is damaged: rotate it")
		case *c.Enabled && e.Unreadable:
			return engine.Errorf(engine.CodeInvalid, "the webhook's headers are damaged: give them anew")
		case *c.Enabled:
			enable(e)
		case e.Enabled:
			e.Enabled, e.DisabledReason = false, webhooks.DisabledByHand
		}
		return nil
	})
}

// RotateSecret gives an endpoint a new secret; the old one signs as well for as
// long as overlap says. The secret that it has already changes nothing, so that a
// rotation can be repeated whose answer was lost; without an overlap it ends the
// old one. It returns CodeNotFound, and CodeInvalid for one whose secret is its app's.
func (s *Store) RotateSecret(ctx context.Context, tenant engine.TenantID, id webhooks.EndpointID, secret string, overlap time.Duration) (webhooks.Endpoint, error) {
	return s.changeEndpoint(ctx, tenant, id, func(e *webhooks.Endpoint) error {
		if e.Origin != webhooks.OriginNone {
			return engine.Errorf(engine.CodeInvalid, "the webhook's secret is that of the app: rotate the app's")
		}
		old := e.Secret
		if old == secret && overlap > 0 {
			return nil
		}
		e.Secret, e.OldSecret, e.OldSecretUntil = secret, "", time.Time{}
		if old != "" && old != secret && overlap > 0 {
			e.OldSecret, e.OldSecretUntil = old, s.clock().Add(overlap)
		}
		return nil
	})
}

func (s *Store) changeEndpoint(ctx context.Context, tenant engine.TenantID, id webhooks.EndpointID, change func(*webhooks.Endpoint) error) (e webhooks.Endpoint, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		if _, err := liveTenant(tx, tenant); err != nil {
			return err
		}
		if e, err = s.findEndpoint(tx, tenant, id); err != nil {
			return err
		}
		before := e.Circuit
		if err := change(&e); err != nil {
			return err
		}
		return s.saveChanged(tx, &e, before)
	})
	if err != nil {
		return webhooks.Endpoint{}, err
	}
	s.hint()
	return e, nil
}

// FindEndpoint returns a tenant's main webhook, or CodeNotFound if it has none.
func (s *Store) FindEndpoint(ctx context.Context, tenant engine.TenantID) (webhooks.Endpoint, error) {
	e, err := s.scanEndpoint(s.read.QueryRowContext(ctx, selectEndpoint+` WHERE tenant_id = $1 AND main = 1`, tenant))
	return e, orNotFound(err, "webhook")
}

// FindEndpointByID returns one of a tenant's endpoints, or CodeNotFound.
func (s *Store) FindEndpointByID(ctx context.Context, tenant engine.TenantID, id webhooks.EndpointID) (webhooks.Endpoint, error) {
	e, err := s.scanEndpoint(s.read.QueryRowContext(ctx, selectEndpoint+` WHERE tenant_id = $1 AND id = $2`, tenant, id))
	return e, orNotFound(err, "webhook")
}

func (s *Store) findEndpoint(tx *sql.Tx, tenant engine.TenantID, id webhooks.EndpointID) (webhooks.Endpoint, error) {
	e, err := s.scanEndpoint(tx.QueryRow(selectEndpoint+` WHERE tenant_id = $1 AND id = $2`, tenant, id))
	return e, orNotFound(err, "webhook")
}

// ListEndpoints returns all of a tenant's endpoints: the main one, if there is
// one, and then the oldest first.
func (s *Store) ListEndpoints(ctx context.Context, tenant engine.TenantID) ([]webhooks.Endpoint, error) {
	rows, err := s.read.QueryContext(ctx, selectEndpoint+` WHERE tenant_id = $1 ORDER BY main DESC, created_at, id`, tenant)
	return collect(rows, err, s.scanEndpoint)
}

// DeleteEndpoint removes a tenant's main webhook with its deliveries and their
// attempts. No other takes its place. It returns CodeNotFound if there is none.
func (s *Store) DeleteEndpoint(ctx context.Context, tenant engine.TenantID) error {
	e, err := s.FindEndpoint(ctx, tenant)
	if err != nil {
		return err
	}
	return s.DeleteEndpointByID(ctx, tenant, e.ID)
}

// DeleteEndpointByID removes one of a tenant's endpoints with its deliveries and
// their attempts. They go some hundred at a time, so that a long backlog does not
// hold up other writes; from the first on the endpoint gets nothing any more. It
// returns CodeNotFound.
func (s *Store) DeleteEndpointByID(ctx context.Context, tenant engine.TenantID, id webhooks.EndpointID) error {
	for {
		var gone bool
		err := s.update(ctx, func(tx *sql.Tx) error {
			gone = false
			n, err := changed(tx.Exec(`UPDATE endpoints SET enabled = 0 WHERE tenant_id = $1 AND id = $2`, tenant, id))
			if err != nil {
				return err
			}
			if n == 0 {
				return engine.Errorf(engine.CodeNotFound, "there is no such webhook")
			}
			n, err = changed(tx.Exec(`DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE endpoint_id = $1 LIMIT $2)`, id, eraseBatch))
			if err != nil || n == eraseBatch {
				return err
			}
			gone = true
			_, err = tx.Exec(`DELETE FROM endpoints WHERE id = $1`, id)
			return err
		})
		if err != nil || gone {
			return err
		}
	}
}

const endpointColumns = `e.id, e.tenant_id, e.main, e.name, e.url, e.format, e.origin, e.secret, e.old_secret, e.old_secret_until, e.signature_mode,
	e.headers, e.types, e.sessions, e.enabled, e.disabled_reason, e.failures, e.failing_since, e.failed_at, e.opened_at,
	nullif(e.held_until, 0), e.probes, e.proven, e.created_at, e.updated_at`

const selectEndpoint = `SELECT ` + endpointColumns + ` FROM endpoints e`

// endpointFields are where the columns of an endpoint are scanned to, its names before
// what is sealed for them.
func (s *Store) endpointFields(e *webhooks.Endpoint) []any {
	c := &e.Circuit
	fields := []any{&e.ID, &e.Tenant, &e.Main, &e.Name, &e.URL, &e.Format, &e.Origin, &e.Secret, &e.OldSecret, instant{&e.OldSecretUntil}, &e.SignatureMode,
		headersOf{e}, typeList{&e.Types}, sessionList{&e.Sessions}, &e.Enabled, &e.DisabledReason,
		&c.Failures, instant{&c.FailingSince}, instant{&c.FailedAt}, instant{&c.OpenedAt}, instant{&c.HeldUntil}, &c.Probes, &e.Proven,
		instant{&e.CreatedAt}, instant{&e.UpdatedAt}}
	if s.box != nil {
		fields[7], fields[8] = sealedField{s.box, kindWebhook, e, text{&e.Secret}}, sealedField{s.box, kindFormerWebhook, e, text{&e.OldSecret}}
		fields[11] = sealedField{s.box, kindHeaders, e, headersOf{e}}
	}
	return fields
}

func (s *Store) scanEndpoint(r row) (e webhooks.Endpoint, err error) {
	err = r.Scan(s.endpointFields(&e)...)
	return e, err
}

// typeList keeps event types as text, with commas between them.
type typeList struct{ types *[]engine.EventType }

// Value implements driver.Valuer.
func (l typeList) Value() (driver.Value, error) {
	words := make([]string, len(*l.types))
	for i, t := range *l.types {
		words[i] = string(t)
	}
	return strings.Join(words, ","), nil
}

// Scan implements sql.Scanner.
func (l typeList) Scan(src any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("a list of types is a %T", src)
	}
	*l.types = nil
	for word := range strings.SplitSeq(text, ",") {
		if word != "" {
			*l.types = append(*l.types, engine.EventType(word))
		}
	}
	return nil
}

// sessionList keeps sessions as text, each between two commas of its own, so that
// replacing one finds it whole, and by its case.
type sessionList struct{ sessions *[]engine.SessionID }

// Value implements driver.Valuer.
func (l sessionList) Value() (driver.Value, error) {
	var b strings.Builder
	for _, id := range *l.sessions {
		b.WriteString("," + string(id) + ",")
	}
	return b.String(), nil
}

// Scan implements sql.Scanner.
func (l sessionList) Scan(src any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("a list of sessions is a %T", src)
	}
	*l.sessions = nil
	for _, id := range slices.DeleteFunc(strings.Split(text, ","), func(s string) bool { return s == "" }) {
		*l.sessions = append(*l.sessions, engine.SessionID(id))
	}
	return nil
}
