package store

import (
	"context"
	"database/sql"
	"time"

	"wapid/engine"
)

// advanceMessage moves a message from one status to another.
const advanceMessage = `UPDATE messages SET status = $1, status_at = $2, error_code = '' WHERE seq = $3 AND status = $4`

// furthest is how far a receipt has moved a message, 0 for not at all.
func furthest(status engine.MessageStatus) int {
	switch status {
	case engine.MessageDelivered:
		return 1
	case engine.MessageRead:
		return 2
	case engine.MessagePlayed:
		return 3
	}
	return 0
}

// AdvanceMessages implements engine.Store.
func (s *Store) AdvanceMessages(ctx context.Context, key engine.SessionKey, r engine.Receipt) error {
	if furthest(r.Status) == 0 {
		return engine.Errorf(engine.CodeInternal, "no receipt says %q", r.Status)
	}
	return s.queueing(ctx, s.recordInTime, func(tx *sql.Tx) (told int64, err error) {
		for _, id := range r.IDs {
			n, err := s.advanceOne(tx, key, id, r)
			if err != nil {
				return 0, err
			}
			told += n
		}
		return told, nil
	})
}

// advanceOne moves one message on, never back. That it was read shows that it arrived,
// and that it arrived shows that it was sent, whatever was believed before: one that
// was given up moves as well, and one that is queued again after a crash, whose outbox
// is cleared of it when its turn comes. A receipt counts in its own chat only: in a
// group's for the group's messages, in a person's for all others, whichever address
// the person was written to at. In a group the status is the furthest of any member.
func (s *Store) advanceOne(tx *sql.Tx, key engine.SessionKey, id engine.MessageID, r engine.Receipt) (told int64, err error) {
	row, err := s.findOutgoing(tx, key, id)
	if isNoRows(err) { // it is the phone's own, or of before the linking
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	inChat := !row.chat.IsGroup()
	if r.Chat.IsGroup() {
		inChat = row.chat == r.Chat
	}
	if !inChat || furthest(row.status) >= furthest(r.Status) {
		return 0, nil
	}
	now, at := s.clock(), r.At
	if at.IsZero() {
		at = now
	}
	to := row
	to.status, to.since = r.Status, at.UnixMilli()
	if err := s.moveOutgoing(tx, key, id, to, advanceMessage, r.Status, millis(at), row.seq, row.status); err != nil {
		return 0, err
	}
	s.countReceipt(key, row, now)
	d := engine.MessageStatusData{ID: id, To: row.chat, Status: r.Status, Timestamp: at.Unix()}
	if row.status == engine.MessageQueued || row.status == engine.MessagePending {
		// The receipt was faster than the server's word.
		told, err = s.appendStatus(tx, key, engine.MessageStatusData{ID: id, To: row.chat, Status: engine.MessageSent, Timestamp: at.Unix()})
		if err != nil {
			return 0, err
		}
	}
	if r.Chat.IsGroup() {
		d.Participant = r.By.Preferred()
	}
	n, err := s.appendStatus(tx, key, d)
	return told + n, err
}

// countReceipt counts the first receipt of a message, and that it was sent where nobody
// has said so before.
func (s *Store) countReceipt(key engine.SessionKey, before outgoing, now time.Time) {
	switch {
	case before.status == engine.MessageSent:
		s.activity.note(messageArrived, key, before.lasted(now))
	case unfinished(before.status):
		s.activity.note(messageSent, key, before.lasted(now))
		s.activity.note(messageArrived, key, 0) // before the server's word, even
	case before.status == engine.MessageFailed:
		s.activity.note(messageSent, key, notTimed)
	}
}
