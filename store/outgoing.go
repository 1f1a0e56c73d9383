package store

import (
	"database/sql"

	"wapid/engine"
)

// outgoing is what must be known of a message that was sent to move it on.
type outgoing struct {
	seq    int64
	chat   engine.JID
	status engine.MessageStatus
	peer   engine.Person
}

const selectOutgoing = `SELECT seq, chat, status, peer_phone, peer_lid FROM messages
	WHERE tenant_id = $1 AND session_id = $2 AND direction = 'out' AND id = $3 AND origin = ''`

// findOutgoing reads a message before it is changed, and returns sql.ErrNoRows if it is
// gone. Nobody else writes meanwhile. It is cheaper than RETURNING, for which SQLite
// makes a table of its own each time: reading the row costs a quarter of that.
func findOutgoing(tx *sql.Tx, key engine.SessionKey, id engine.MessageID) (m outgoing, err error) {
	err = tx.QueryRow(selectOutgoing, key.Tenant, key.ID, id).Scan(&m.seq, &m.chat, &m.status, &m.peer.Phone, &m.peer.LID)
	return m, err
}
