package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"wapid/engine"
	"wapid/webhooks"
)

// PutEndpoint sets a tenant's webhook and enables it. Deliveries that wait for
// it are kept: they go to the new URL, signed with the new secret. URL and
// secret and types are taken as webhooks.ParseURL, CheckSecret and ParseTypes left
// them; without types the webhook gets those of the WapiConnect document. It
// returns CodeNotFound if there is no such tenant, or it is being erased.
func (s *Store) PutEndpoint(ctx context.Context, tenant engine.TenantID, url, secret string, types ...engine.EventType) (e webhooks.Endpoint, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		if _, err := liveTenant(tx, tenant); err != nil {
			return err
		}
		now := s.clock()
		n, err := changed(tx.Exec(`UPDATE endpoints SET url = $1, secret = $2, types = $3, enabled = 1, updated_at = $4 WHERE tenant_id = $5`,
			url, secret, typeList{&types}, millis(now), tenant))
		if err != nil {
			return err
		}
		if n == 0 {
			if err := insertEndpoint(tx, tenant, url, secret, types, now); err != nil {
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

func insertEndpoint(tx *sql.Tx, tenant engine.TenantID, url, secret string, types []engine.EventType, now time.Time) error {
	_, err := tx.Exec(`INSERT INTO endpoints (id, tenant_id, url, secret, types, enabled, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, 1, $6, $6)`, ulid.Make().String(), tenant, url, secret, typeList{&types}, millis(now))
	return err
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

const selectEndpoint = `SELECT id, tenant_id, url, secret, types, enabled, created_at, updated_at FROM endpoints`

func scanEndpoint(r row) (e webhooks.Endpoint, err error) {
	err = r.Scan(&e.ID, &e.Tenant, &e.URL, &e.Secret, typeList{&e.Types}, &e.Enabled, instant{&e.CreatedAt}, instant{&e.UpdatedAt})
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
