package store

import (
	"context"
	"database/sql"

	"wapid/engine"
)

// A receipt moves a message on, never back. That it was read shows that it arrived,
// and that it arrived shows that it was sent, whatever was believed before: one that
// was given up moves as well.
const (
	advance = `UPDATE messages SET status = $1, status_at = $2, error_code = ''
		WHERE tenant_id = $3 AND session_id = $4 AND direction = 'out' AND id = $5 AND origin = ''
			AND (chat = $6 OR $6 = '' AND chat NOT LIKE '%@g.us') AND status IN (`
	advanceDelivered = advance + `'sent', 'unknown', 'failed') RETURNING chat`
	advanceRead      = advance + `'sent', 'unknown', 'failed', 'delivered') RETURNING chat`
	advancePlayed    = advance + `'sent', 'unknown', 'failed', 'delivered', 'read') RETURNING chat`
	// advanceHasty moves one whose receipt was faster than the server's word. One that
	// is queued again after a crash moves, and its outbox is cleared of it when its
	// turn comes.
	advanceHasty = advance + `'queued', 'pending') RETURNING chat`
)

// advances is the statement that a receipt moves messages by.
func advances(to engine.MessageStatus) string {
	switch to {
	case engine.MessageDelivered:
		return advanceDelivered
	case engine.MessageRead:
		return advanceRead
	case engine.MessagePlayed:
		return advancePlayed
	}
	return ""
}

// AdvanceMessages implements engine.Store.
func (s *Store) AdvanceMessages(ctx context.Context, key engine.SessionKey, r engine.Receipt) error {
	statement := advances(r.Status)
	if statement == "" {
		return engine.Errorf(engine.CodeInternal, "no receipt says %q", r.Status)
	}
	return s.recordQueueing(ctx, func(tx *sql.Tx) (told int64, err error) {
		for _, id := range r.IDs {
			n, err := s.advanceOne(tx, key, id, r, statement)
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
func (s *Store) advanceOne(tx *sql.Tx, key engine.SessionKey, id engine.MessageID, r engine.Receipt, statement string) (told int64, err error) {
	at, group := r.At, engine.JID("")
	if at.IsZero() {
		at = s.clock()
	}
	if r.Chat.IsGroup() {
		group = r.Chat
	}
	d := engine.MessageStatusData{ID: id, Status: r.Status, Timestamp: at.Unix()}
	args := []any{r.Status, millis(at), key.Tenant, key.ID, id, group}
	err = tx.QueryRow(statement, args...).Scan(&d.To)
	if isNoRows(err) {
		err = tx.QueryRow(advanceHasty, args...).Scan(&d.To)
		if isNoRows(err) { // it is further already, or the phone's own, or of before the linking
			return 0, nil
		}
		if err == nil {
			told, err = s.appendStatus(tx, key, engine.MessageStatusData{ID: id, To: d.To, Status: engine.MessageSent, Timestamp: at.Unix()})
		}
	}
	if err != nil {
		return 0, err
	}
	if group != "" {
		d.Participant = r.By.Preferred()
	}
	n, err := s.appendStatus(tx, key, d)
	return told + n, err
}
