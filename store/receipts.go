package store

import (
	"context"
	"database/sql"

	"wapid/engine"
)

// advances lists the statuses from which each receipt moves a message. That a
// message was read shows that it arrived, and that it arrived shows that it was
// sent, whatever was believed before: one that waits for its outcome, or was
// given up, moves as well. One that is queued again after a crash moves, and its
// outbox is cleared of it when its turn comes.
func advances(to engine.MessageStatus) string {
	const before = `'queued', 'pending', 'sent', 'unknown', 'failed'`
	switch to {
	case engine.MessageDelivered:
		return before
	case engine.MessageRead:
		return before + `, 'delivered'`
	case engine.MessagePlayed:
		return before + `, 'delivered', 'read'`
	}
	return ""
}

// advance moves a message; the statuses that it may have follow.
const advance = `UPDATE messages SET status = $1, status_at = $2, error_code = ''
	WHERE tenant_id = $3 AND session_id = $4 AND direction = 'out' AND id = $5 AND origin = ''
		AND (chat = $6 OR $6 = '' AND chat NOT LIKE '%@g.us') AND status IN (`

// AdvanceMessages implements engine.Store.
func (s *Store) AdvanceMessages(ctx context.Context, key engine.SessionKey, r engine.Receipt) error {
	from := advances(r.Status)
	if from == "" {
		return engine.Errorf(engine.CodeInternal, "no receipt says %q", r.Status)
	}
	return s.updateQueueing(ctx, func(tx *sql.Tx) (told int64, err error) {
		for _, id := range r.IDs {
			n, err := s.advanceOne(tx, key, id, r, from)
			if err != nil {
				return 0, err
			}
			told += n
		}
		return told, nil
	})
}

// advanceOne moves one message. A receipt counts in its own chat only: in a group's
// for the group's messages, in a person's for all others, whichever address the
// person was written to at. In a group the status is the furthest of any member.
func (s *Store) advanceOne(tx *sql.Tx, key engine.SessionKey, id engine.MessageID, r engine.Receipt, from string) (told int64, err error) {
	at, group := r.At, engine.JID("")
	if at.IsZero() {
		at = s.clock()
	}
	if r.Chat.IsGroup() {
		group = r.Chat
	}
	var before engine.MessageStatus
	err = tx.QueryRow(`SELECT status FROM messages WHERE tenant_id = $1 AND session_id = $2 AND direction = 'out' AND id = $3 AND origin = ''`,
		key.Tenant, key.ID, id).Scan(&before)
	if isNoRows(err) {
		return 0, nil // of the phone's own, or of before the linking
	}
	if err != nil {
		return 0, err
	}
	n, err := changed(tx.Exec(advance+from+`)`,
		r.Status, millis(at), key.Tenant, key.ID, id, group))
	if err != nil || n == 0 {
		return 0, err
	}
	if before == engine.MessagePending || before == engine.MessageQueued { // the receipt was faster than the server's word
		if told, err = s.appendStatus(tx, key, engine.MessageStatusData{ID: id, Status: engine.MessageSent, Timestamp: at.Unix()}); err != nil {
			return 0, err
		}
	}
	d := engine.MessageStatusData{ID: id, Status: r.Status, Timestamp: at.Unix()}
	if group != "" {
		d.Participant = r.By.Preferred()
	}
	n, err = s.appendStatus(tx, key, d)
	return told + n, err
}
