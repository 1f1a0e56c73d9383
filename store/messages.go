package store

import (
	"context"
	"database/sql"
	"time"

	"wapid/engine"
)

// InsertMessage implements engine.Store. A second message with the same id in
// the same session and direction is refused with CodeInternal: ids are ours.
func (s *Store) InsertMessage(ctx context.Context, m engine.LoggedMessage) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		fresh, err := insertMessage(tx, m)
		if err == nil && !fresh {
			return engine.Errorf(engine.CodeInternal, "the message id is taken")
		}
		return err
	})
}

// FinishMessage implements engine.Store. It returns CodeNotFound if the session
// has sent no such message, and CodeInternal if its status is final already.
func (s *Store) FinishMessage(ctx context.Context, key engine.SessionKey, id engine.MessageID, o engine.MessageOutcome) error {
	if o.Status == engine.MessageSent {
		o.Code = ""
	} else {
		o.SentAt, o.Recipient = time.Time{}, engine.Person{}
	}
	return s.update(ctx, func(tx *sql.Tx) error {
		n, err := changed(tx.Exec(`UPDATE messages SET status = $1, sent_at = $2, error_code = $3,
			peer_phone = CASE WHEN $4 = '' THEN peer_phone ELSE $4 END,
			peer_lid = CASE WHEN $5 = '' THEN peer_lid ELSE $5 END
			WHERE tenant_id = $6 AND session_id = $7 AND direction = 'out' AND id = $8 AND status IN ('pending', 'unknown')`,
			o.Status, millis(o.SentAt), o.Code, o.Recipient.Phone, o.Recipient.LID, key.Tenant, key.ID, id))
		if err != nil || n == 1 {
			return err
		}
		var status engine.MessageStatus
		err = tx.QueryRow(`SELECT status FROM messages
			WHERE tenant_id = $1 AND session_id = $2 AND direction = 'out' AND id = $3`, key.Tenant, key.ID, id).Scan(&status)
		if err != nil {
			return orNotFound(err, "message")
		}
		return engine.Errorf(engine.CodeInternal, "the message is %s already and can't become %s", status, o.Status)
	})
}

// DiscardMessage implements engine.Store. A message that is no longer pending,
// or gone, is left as it is.
func (s *Store) DiscardMessage(ctx context.Context, key engine.SessionKey, id engine.MessageID) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM messages
			WHERE tenant_id = $1 AND session_id = $2 AND direction = 'out' AND id = $3 AND status = 'pending'`,
			key.Tenant, key.ID, id)
		return err
	})
}

// InterruptMessages implements engine.Store.
func (s *Store) InterruptMessages(ctx context.Context) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE messages SET status = 'unknown' WHERE status = 'pending'`)
		return err
	})
}

// InsertIncoming implements engine.Store.
func (s *Store) InsertIncoming(ctx context.Context, m engine.LoggedMessage, e engine.Event) (fresh bool, err error) {
	m.Direction, m.Status, m.StatusAt = engine.Inbound, engine.MessageReceived, m.CreatedAt
	err = s.updateQueueing(ctx, func(tx *sql.Tx) (int64, error) {
		var err error
		if fresh, err = insertMessage(tx, m); err != nil || !fresh {
			return 0, err
		}
		return s.appendEvent(tx, e)
	})
	return fresh && err == nil, err
}

// FindMessage returns one message of a session's log, or CodeNotFound. Of
// incoming ones to which several senders gave the same id it is the oldest.
func (s *Store) FindMessage(ctx context.Context, key engine.SessionKey, d engine.Direction, id engine.MessageID) (engine.LoggedMessage, error) {
	m, err := scanMessage(s.read.QueryRowContext(ctx, selectMessage+`
		WHERE tenant_id = $1 AND session_id = $2 AND direction = $3 AND id = $4
		ORDER BY created_at, origin LIMIT 1`, key.Tenant, key.ID, d, id))
	return m, orNotFound(err, "message")
}

// ListMessages returns up to limit of a session's newest messages, newest first.
func (s *Store) ListMessages(ctx context.Context, key engine.SessionKey, limit int) ([]engine.LoggedMessage, error) {
	rows, err := s.read.QueryContext(ctx, selectMessage+`
		WHERE tenant_id = $1 AND session_id = $2 ORDER BY created_at DESC, id DESC LIMIT $3`, key.Tenant, key.ID, limit)
	return collect(rows, err, scanMessage)
}

const selectMessage = `SELECT tenant_id, session_id, direction, id, chat, peer_phone, peer_lid, push_name, kind, body, details, payload,
	status, error_code, created_at, sent_at, status_at FROM messages`

func scanMessage(r row) (m engine.LoggedMessage, err error) {
	err = r.Scan(&m.Session.Tenant, &m.Session.ID, &m.Direction, &m.ID, &m.Chat, &m.Peer.Phone, &m.Peer.LID, &m.PushName, &m.Kind,
		&m.Text, document{&m.Details}, &m.Payload, &m.Status, &m.ErrorCode, instant{&m.CreatedAt}, instant{&m.SentAt}, instant{&m.StatusAt})
	return m, err
}

// originOf is what tells an incoming message from another sender's with the same
// id. sender is either of its sender's addresses.
func originOf(m engine.LoggedMessage, sender engine.JID) string {
	if m.Chat.IsGroup() {
		return string(m.Chat) + " " + string(sender)
	}
	// A personal chat has its sender's address, in a form that may change.
	return string(sender)
}

// insertMessage tells whether the row is new; an old one is left as it is. A
// message whose first copy came before its sender's LID was known is recognised
// by the phone number. The other way round it is new: better twice than lost.
func insertMessage(tx *sql.Tx, m engine.LoggedMessage) (fresh bool, err error) {
	var origin string
	if m.Direction == engine.Inbound {
		sender := m.Peer.Phone
		if m.Peer.LID != "" {
			sender = m.Peer.LID
		}
		origin = originOf(m, sender)
		if m.Peer.Phone != "" && sender != m.Peer.Phone {
			var before int
			err := tx.QueryRow(`SELECT count(*) FROM messages
				WHERE tenant_id = $1 AND session_id = $2 AND direction = $3 AND id = $4 AND origin = $5`,
				m.Session.Tenant, m.Session.ID, m.Direction, m.ID, originOf(m, m.Peer.Phone)).Scan(&before)
			if err != nil || before > 0 {
				return false, err
			}
		}
	}
	n, err := changed(tx.Exec(`INSERT INTO messages (tenant_id, session_id, direction, id, origin, chat, peer_phone, peer_lid, push_name,
		kind, body, details, payload, status, error_code, created_at, sent_at, status_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
		ON CONFLICT (tenant_id, session_id, direction, id, origin) DO NOTHING`,
		m.Session.Tenant, m.Session.ID, m.Direction, m.ID, origin, m.Chat, m.Peer.Phone, m.Peer.LID, m.PushName,
		m.Kind, m.Text, document{&m.Details}, m.Payload, m.Status, m.ErrorCode, millis(m.CreatedAt), millis(m.SentAt), millis(m.StatusAt)))
	return n == 1, err
}
