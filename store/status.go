package store

import (
	"database/sql"

	"wapid/engine"
)

// appendStatus appends an EventMessageStatus, for those who read the log, whether or
// not an endpoint asks for it. A chat that d does not name is that of the message. It
// returns how many deliveries that made.
func (s *Store) appendStatus(tx *sql.Tx, key engine.SessionKey, d engine.MessageStatusData) (queued int64, err error) {
	if d.To == "" {
		err := tx.QueryRow(`SELECT chat FROM messages
			WHERE tenant_id = $1 AND session_id = $2 AND direction = 'out' AND id = $3 AND origin = ''`, key.Tenant, key.ID, d.ID).Scan(&d.To)
		if err != nil {
			return 0, err
		}
	}
	data, err := engine.Canonical(d)
	if err != nil {
		return 0, err
	}
	return s.appendEvent(tx, engine.Event{Session: key, Type: engine.EventMessageStatus, Data: data})
}
