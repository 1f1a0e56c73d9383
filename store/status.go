package store

import (
	"database/sql"

	"wapid/engine"
)

// appendStatus appends an EventMessageStatus, for those who read the log, whether or
// not an endpoint asks for it. It returns how many deliveries that made.
func (s *Store) appendStatus(tx *sql.Tx, key engine.SessionKey, d engine.MessageStatusData) (queued int64, err error) {
	data, err := engine.Canonical(d)
	if err != nil {
		return 0, err
	}
	return s.appendEvent(tx, engine.Event{Session: key, Type: engine.EventMessageStatus, Data: data})
}
