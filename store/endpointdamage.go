package store

import (
	"database/sql"

	"go.uber.org/zap"

	"wapid/webhooks"
)

// headersOf reads the headers of an endpoint, which is unreadable if they are damaged.
type headersOf struct{ endpoint *webhooks.Endpoint }

// Scan implements sql.Scanner.
func (h headersOf) Scan(src any) error {
	var damage error
	err := lenient{&h.endpoint.Headers, &damage}.Scan(src)
	h.endpoint.Unreadable = h.endpoint.Unreadable || damage != nil
	return err
}

// setAside hands a claim back whose endpoint is damaged, and disables that: without
// its headers no receiver would take its deliveries, and nobody else's may wait for it.
func (s *Store) setAside(tx *sql.Tx, c webhooks.Claim) (queued int64, err error) {
	var headers map[string]string
	var damage error
	err = tx.QueryRow(`SELECT headers FROM endpoints WHERE id = $1`, c.Endpoint.ID).Scan(s.unsealed(kindHeaders, string(c.Endpoint.Tenant), string(c.Endpoint.ID),
		lenient{&headers, &damage}, func(err error) { damage = err }))
	if err != nil {
		return 0, err
	}
	what := "the headers of a webhook"
	if damage == nil {
		what, damage = "the secret of a webhook", errSecret
	}
	s.unreadable(what, damage, zap.String("tenant", string(c.Endpoint.Tenant)), zap.String("endpoint", string(c.Endpoint.ID)))
	if _, err := tx.Exec(`UPDATE deliveries SET state = 'pending' WHERE id = $1 AND state = 'sending'`, c.Delivery.ID); err != nil {
		return 0, err
	}
	return s.disable(tx, c.Endpoint, c.Endpoint.Circuit, webhooks.DisabledUnreadable)
}
