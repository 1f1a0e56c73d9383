package store

import (
	"database/sql"
	"time"

	"wapid/engine"
)

// mostOutgoing bounds how many messages on their way are remembered, with some 300
// bytes each beside what their callers want told: a message is asked for when its outcome is known and at each of its
// receipts, mostly within seconds.
const mostOutgoing = 1 << 12

// sent names an outgoing message.
type sent struct {
	session engine.SessionKey
	id      engine.MessageID
}

// outgoing is what must be known of a message that was sent to move it on.
type outgoing struct {
	seq    int64
	chat   engine.JID
	status engine.MessageStatus
	peer   engine.Person
	since  int64 // when it got its status or, until it has an outcome, was accepted; in unix milliseconds
	// callback is what the caller wants told with every status.
	callback string
}

// keep remembers a message as it stands in the log.
func (k *standing) keep(key engine.SessionKey, id engine.MessageID, m outgoing) {
	if len(k.outgoing) >= mostOutgoing {
		k.outgoing = nil
	}
	learn(&k.outgoing, sent{key, id}, m)
}

// drop forgets a message that is changed otherwise than by moveOutgoing.
func (k *standing) drop(key engine.SessionKey, id engine.MessageID) {
	delete(k.outgoing, sent{key, id})
}

const selectOutgoing = `SELECT seq, chat, status, peer_phone, peer_lid, created_at, status_at, callback_data FROM messages
	WHERE tenant_id = $1 AND session_id = $2 AND direction = 'out' AND id = $3 AND origin = ''`

// findOutgoing reads a message before it is changed, and returns sql.ErrNoRows if it is
// gone. Nobody else writes meanwhile. It is cheaper than RETURNING, for which SQLite
// makes a table of its own each time: reading the row costs a quarter of that.
func (s *Store) findOutgoing(tx *sql.Tx, key engine.SessionKey, id engine.MessageID) (m outgoing, err error) {
	if known, ok := s.standing.outgoing[sent{key, id}]; ok {
		return known, nil
	}
	var made, moved sql.NullInt64
	err = tx.QueryRow(selectOutgoing, key.Tenant, key.ID, id).
		Scan(&m.seq, &m.chat, &m.status, &m.peer.Phone, &m.peer.LID, &made, &moved, &m.callback)
	if m.since = moved.Int64; unfinished(m.status) {
		m.since = made.Int64
	}
	return m, err
}

// moveOutgoing changes a message that findOutgoing has found to what it is from then
// on. query names the status that it expects.
func (s *Store) moveOutgoing(tx *sql.Tx, key engine.SessionKey, id engine.MessageID, to outgoing, query string, args ...any) error {
	n, err := changed(tx.Exec(query, args...))
	if err != nil {
		return err
	}
	if n != 1 {
		return engine.Errorf(engine.CodeInternal, "the message is not what it was, and can't become %s", to.status)
	}
	s.standing.keep(key, id, to)
	return nil
}

// lasted is how long a message has been what it is.
func (m outgoing) lasted(now time.Time) time.Duration {
	return time.Duration(now.UnixMilli()-m.since) * time.Millisecond
}
