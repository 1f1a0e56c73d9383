package store

import (
	"context"
	"database/sql"

	"wapid/engine"
)

// ReserveMessage implements engine.Store.
func (s *Store) ReserveMessage(ctx context.Context, r engine.Reservation) (found engine.Reserved, err error) {
	err = s.record(ctx, func(tx *sql.Tx) error {
		earlier, err := s.recall(tx, r)
		if err != nil || earlier.Settled {
			found = earlier.Reserved
			return err
		}
		if r.Queued != nil {
			if err := checkSession(tx, r.Message.Session); err != nil {
				return err
			}
		}
		found, err = s.reserve(tx, r, earlier)
		return err
	})
	if err != nil {
		return engine.Reserved{}, err
	}
	return found, nil
}

// Recall implements engine.Store.
func (s *Store) Recall(ctx context.Context, r engine.Reservation) (engine.Reserved, error) {
	if err := ctx.Err(); err != nil {
		return engine.Reserved{}, storageError(err)
	}
	found, err := s.recall(s.read, r)
	return found.Reserved, err
}

// recalled is an earlier reservation with the day that it counts for.
type recalled struct {
	engine.Reserved
	countedOn string
}

func (s *Store) recall(q querier, r engine.Reservation) (found recalled, err error) {
	m := r.Message
	id := engine.MessageID("")
	if r.Resume {
		id = m.ID
	}
	if r.Claim != nil {
		result, err := findClaim(q, sendClaim(r), s.clock())
		if err != nil {
			return recalled{}, err
		}
		if result != "" {
			id = engine.MessageID(result)
		}
	}
	if id == "" {
		return recalled{}, nil
	}
	// Outside a transaction somebody may send the queued message between the two looks.
	// Looked at in this order it is then told as it is after that.
	var queued bool
	err = q.QueryRow(`SELECT counted_on, EXISTS (SELECT 1 FROM outbox
			WHERE tenant_id = $1 AND session_id = $2 AND message_id = $3)
		FROM messages WHERE tenant_id = $1 AND session_id = $2 AND direction = 'out' AND id = $3 AND origin = ''`,
		m.Session.Tenant, m.Session.ID, id).Scan(&found.countedOn, &queued)
	if err == nil {
		found.Message, err = s.scanMessage(q.QueryRow(selectMessage+`
			WHERE tenant_id = $1 AND session_id = $2 AND direction = 'out' AND id = $3 AND origin = ''`, m.Session.Tenant, m.Session.ID, id))
	}
	if isNoRows(err) { // it was never written, or retention has taken it
		return recalled{}, nil
	}
	if err != nil {
		return recalled{}, storageError(err)
	}
	found.Earlier = true
	found.Settled = queued || settled(found.Message, r)
	return found, nil
}

// settled tells whether a message that is not in the outbox needs no sending. A
// failure that stands under a claim is final, unless it was a defect of ours.
func settled(m engine.LoggedMessage, r engine.Reservation) bool {
	switch m.Status {
	case engine.MessageQueued, engine.MessagePending, engine.MessageUnknown:
		return false
	case engine.MessageFailed:
		return r.Claim != nil && m.ErrorCode != engine.CodeInternal
	}
	return true
}

func sendClaim(r engine.Reservation) claimed {
	return claimed{session: r.Message.Session, kind: claimSend, claim: *r.Claim, result: string(r.Message.ID)}
}

// checkSession tells whether a session is there and is not being removed.
func checkSession(tx *sql.Tx, key engine.SessionKey) error {
	var intent engine.Intent
	err := tx.QueryRow(`SELECT intent FROM sessions WHERE tenant_id = $1 AND id = $2`, key.Tenant, key.ID).Scan(&intent)
	if isNoRows(err) || err == nil && intent == engine.IntentDelete {
		return errNoSession()
	}
	return err
}

// reserve writes a new message, or takes up one whose outcome is not known.
func (s *Store) reserve(tx *sql.Tx, r engine.Reservation, earlier recalled) (engine.Reserved, error) {
	m, tenant := r.Message, r.Message.Session.Tenant
	m.Peer = s.people.complete(tenant, m.Peer)
	day, err := earlier.countedOn, error(nil)
	if day != "" {
		err = s.mayReserve(tx, tenant)
	} else {
		day, err = s.count(tx, tenant)
	}
	if err != nil {
		return engine.Reserved{}, err
	}
	found := engine.Reserved{Message: m}
	if earlier.Earlier {
		found, err = s.takeUp(tx, r, earlier, day)
	} else {
		err = s.insertOutgoing(tx, m, day)
	}
	if err != nil {
		return engine.Reserved{}, err
	}
	asked := m
	asked.ID = found.Message.ID
	if err := s.askChoices(tx, asked, r.Choices); err != nil {
		return engine.Reserved{}, err
	}
	if r.Trace != "" {
		if err := s.keepTrace(tx, m.Session, string(found.Message.ID), r.Trace); err != nil {
			return engine.Reserved{}, err
		}
	}
	if r.Claim != nil {
		r.Message.ID = found.Message.ID
		if err := putClaim(tx, sendClaim(r), s.clock()); err != nil {
			return engine.Reserved{}, err
		}
	}
	if r.Queued != nil {
		q := *r.Queued
		q.Message.ID = found.Message.ID
		q.Unsure = found.Unsure
		return found, insertQueued(tx, m.Session, q)
	}
	return found, nil
}

// insertOutgoing writes a new row of the log.
func (s *Store) insertOutgoing(tx *sql.Tx, m engine.LoggedMessage, day string) error {
	seq, err := s.insertMessage(tx, m, day)
	if err != nil {
		return err
	}
	if seq == 0 {
		return engine.Errorf(engine.CodeInternal, "the message id is taken")
	}
	s.standing.keep(m.Session, m.ID, outgoing{seq: seq, chat: m.Chat, status: m.Status, peer: m.Peer, since: m.CreatedAt.UnixMilli(),
		callback: m.CallbackData})
	return nil
}

// takeUp makes an earlier message pending, or queued, again.
func (s *Store) takeUp(tx *sql.Tx, r engine.Reservation, earlier recalled, day string) (engine.Reserved, error) {
	found := earlier.Reserved
	s.standing.drop(r.Message.Session, found.Message.ID)
	found.Unsure = found.Message.Status != engine.MessageFailed
	found.Message.Status = r.Message.Status
	_, err := tx.Exec(`UPDATE messages SET status = $1, error_code = '', counted_on = $2, status_at = $3
		WHERE tenant_id = $4 AND session_id = $5 AND direction = 'out' AND id = $6 AND origin = ''`,
		r.Message.Status, day, millis(r.Message.CreatedAt), r.Message.Session.Tenant, r.Message.Session.ID, found.Message.ID)
	return found, err
}
