package store

import (
	"context"
	"database/sql"
	"time"

	"wapid/engine"
)

// advanceMessage moves a message from one status to another.
const advanceMessage = `UPDATE messages SET status = $1, status_at = $2, error_code = $3 WHERE seq = $4 AND status = $5`

// furthest is how far a receipt has moved a message, 0 for not at all.
func furthest(status engine.MessageStatus) int {
	switch status {
	case engine.MessageSent:
		return 1
	case engine.MessageDelivered:
		return 2
	case engine.MessageRead:
		return 3
	case engine.MessagePlayed:
		return 4
	}
	return 0
}

// moves tells whether a receipt moves a message on from a status. That one was sent is
// news only where nobody knew; that one failed, as long as nothing has shown that it
// arrived.
func moves(from engine.MessageStatus, r engine.Receipt) bool {
	switch r.Status {
	case engine.MessageSent:
		return from == engine.MessageUnknown
	case engine.MessageFailed:
		return from == engine.MessageUnknown || from == engine.MessageSent
	}
	return furthest(from) < furthest(r.Status)
}

// AdvanceMessages implements engine.Store.
func (s *Store) AdvanceMessages(ctx context.Context, key engine.SessionKey, r engine.Receipt) error {
	if r.Status != engine.MessageFailed {
		r.Code = ""
		if furthest(r.Status) == 0 {
			return engine.Errorf(engine.CodeInternal, "no receipt says %q", r.Status)
		}
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
	if inChat && r.Status == engine.MessageFailed && (row.status == engine.MessagePending || row.status == engine.MessageQueued) {
		return 0, engine.Errorf(engine.CodeSessionBusy, "the message is still being sent: say it again")
	}
	if !inChat || !moves(row.status, r) {
		return 0, nil
	}
	now, at := s.clock(), r.At
	if at.IsZero() {
		at = now
	}
	to := row
	to.status, to.since = r.Status, at.UnixMilli()
	if err := s.moveOutgoing(tx, key, id, to, advanceMessage, r.Status, millis(at), r.Code, row.seq, row.status); err != nil {
		return 0, err
	}
	if r.Status == engine.MessageFailed {
		if err := uncount(tx, key, id); err != nil {
			return 0, err
		}
		if err := s.dropQuestion(tx, key, id); err != nil {
			return 0, err
		}
	}
	s.countReceipt(key, row, r.Status, now)
	d := engine.MessageStatusData{ID: id, To: row.chat, Status: r.Status, Timestamp: at.Unix(), ErrorCode: r.Code, CallbackData: row.callback, Recipient: row.peer.Phone.User()}
	if row.status == engine.MessageQueued || row.status == engine.MessagePending {
		// The receipt was faster than the server's word.
		told, err = s.appendStatus(tx, key, engine.MessageStatusData{ID: id, To: row.chat, Status: engine.MessageSent, Timestamp: at.Unix(),
			CallbackData: row.callback, Recipient: row.peer.Phone.User()})
		if err != nil {
			return 0, err
		}
	}
	if r.Chat.IsGroup() {
		d.Participant, d.Recipient = r.By.Preferred(), r.By.Phone.User()
	}
	n, err := s.appendStatus(tx, key, d)
	return told + n, err
}

// countReceipt counts the first receipt of a message, and that it was sent where nobody
// has said so before.
func (s *Store) countReceipt(key engine.SessionKey, before outgoing, says engine.MessageStatus, now time.Time) {
	switch {
	case says == engine.MessageFailed:
		s.activity.note(messageFailed, key, notTimed)
	case says == engine.MessageSent:
		s.activity.note(messageSent, key, before.lasted(now))
	case before.status == engine.MessageSent:
		s.activity.note(messageArrived, key, before.lasted(now))
	case unfinished(before.status):
		s.activity.note(messageSent, key, before.lasted(now))
		s.activity.note(messageArrived, key, 0) // before the server's word, even
	case before.status == engine.MessageFailed:
		s.activity.note(messageSent, key, notTimed)
	}
}
