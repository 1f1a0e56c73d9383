package store

import (
	"database/sql"

	"wapid/engine"
)

// statusWanted tells whether an endpoint of a tenant asks for message statuses.
const statusWanted = `SELECT EXISTS (SELECT 1 FROM endpoints
	WHERE tenant_id = $1 AND enabled = 1 AND (types = '*' OR ',' || types || ',' LIKE '%,message.status,%'))`

// appendStatus appends an EventMessageStatus if somebody wants it: a message has
// several, and most tenants ask for none. A chat that d does not name is that of
// the message. It returns how many deliveries that made.
func (s *Store) appendStatus(tx *sql.Tx, key engine.SessionKey, d engine.MessageStatusData) (queued int64, err error) {
	var wanted bool
	if err := tx.QueryRow(statusWanted, key.Tenant).Scan(&wanted); err != nil || !wanted {
		return 0, err
	}
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
