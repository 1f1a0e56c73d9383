package store

import (
	"cmp"
	"context"
	"database/sql"
	"time"

	"go.uber.org/zap"

	"wapid/engine"
)

// FinishMessage implements engine.Store.
func (s *Store) FinishMessage(ctx context.Context, key engine.SessionKey, id engine.MessageID, o engine.MessageOutcome) error {
	return s.recordQueueing(ctx, func(tx *sql.Tx) (int64, error) { return s.finish(tx, key, id, o) })
}

// finishMessage is the usual end: the row has the recipient's addresses already, and
// they stand in indexes. learnFinished is for one of which the network has told more.
// sent_at is NULL until the network has taken a message.
const (
	finishFields  = `UPDATE messages SET status = $1, status_at = $2, sent_at = $3, error_code = $4, payload = coalesce($5, payload)`
	finishMessage = finishFields + ` WHERE seq = $6 AND status = $7`
	learnFinished = finishFields + `, peer_phone = $6, peer_lid = $7 WHERE seq = $8 AND status = $9`
)

// finish gives a message its outcome and tells those who want to know. Receipts
// may have come first: they leave the status where it is.
func (s *Store) finish(tx *sql.Tx, key engine.SessionKey, id engine.MessageID, o engine.MessageOutcome) (told int64, err error) {
	now := s.clock()
	if o.Status == engine.MessageSent {
		o.Code = ""
	} else {
		o.SentAt, o.Recipient, o.Payload = time.Time{}, engine.Person{}, nil
	}
	row, err := s.findOutgoing(tx, key, id)
	if err != nil {
		return 0, orNotFound(err, "message")
	}
	if err := s.learnPerson(tx, key.Tenant, o.Recipient); err != nil {
		return 0, err
	}
	peer := engine.Person{Phone: cmp.Or(o.Recipient.Phone, row.peer.Phone), LID: cmp.Or(o.Recipient.LID, row.peer.LID)}
	if peer != row.peer {
		s.people.learn(key.Tenant, o.Recipient)
		if told, err = s.introduce(tx, key.Tenant, o.Recipient); err != nil {
			return 0, err
		}
	}
	if !unfinished(row.status) {
		return told, s.finishLate(tx, key, id, row, o, peer)
	}
	fields := []any{o.Status, millis(now), millis(o.SentAt), o.Code, o.Payload}
	query := finishMessage
	if peer != row.peer {
		if err := s.acquaint(tx, key.Tenant, peer); err != nil {
			return 0, err
		}
		query, fields = learnFinished, append(fields, peer.Phone, peer.LID)
	}
	to := row
	to.status, to.peer = o.Status, peer
	if !unfinished(o.Status) {
		to.since = now.UnixMilli()
	}
	if err := s.moveOutgoing(tx, key, id, to, query, append(fields, row.seq, row.status)...); err != nil {
		return 0, err
	}
	if err := releaseClaim(tx, key.Tenant, o.Release, string(id)); err != nil {
		return 0, err
	}
	if o.Status == engine.MessageFailed {
		if err := uncount(tx, key, id); err != nil {
			return 0, err
		}
		if err := s.dropQuestion(tx, key, id); err != nil {
			return 0, err
		}
	}
	s.activity.note(outcomeOf(o.Status), key, row.lasted(now))
	at := o.SentAt
	if at.IsZero() {
		at = now
	}
	status, err := s.appendStatus(tx, key, engine.MessageStatusData{ID: id, To: row.chat, Status: o.Status, Timestamp: at.Unix(), ErrorCode: o.Code,
		CallbackData: row.callback, Recipient: peer.Phone.User()})
	return told + status, err
}

// outcomeOf is what the outcome of a message counts as.
func outcomeOf(status engine.MessageStatus) happening {
	switch status {
	case engine.MessageSent:
		return messageSent
	case engine.MessageFailed:
		return messageFailed
	}
	return messageUnknown
}

// finishLate takes the outcome of a message that is not waiting for one. That a
// receipt has said more already is no error, and what the network has said of
// the sending is kept.
func (s *Store) finishLate(tx *sql.Tx, key engine.SessionKey, id engine.MessageID, row outgoing, o engine.MessageOutcome, peer engine.Person) error {
	switch row.status {
	case engine.MessageDelivered, engine.MessageRead, engine.MessagePlayed:
		if err := s.acquaint(tx, key.Tenant, peer); err != nil {
			return err
		}
		to := row
		to.peer = peer
		return s.moveOutgoing(tx, key, id, to, `UPDATE messages SET sent_at = coalesce(sent_at, $1), peer_phone = $2, peer_lid = $3, payload = coalesce($4, payload)
			WHERE seq = $5 AND status = $6`, millis(o.SentAt), peer.Phone, peer.LID, o.Payload, row.seq, row.status)
	}
	return engine.Errorf(engine.CodeInternal, "the message is %s already and can't become %s", row.status, o.Status)
}

// uncount gives back what a failed message has taken of its day.
func uncount(tx *sql.Tx, key engine.SessionKey, id engine.MessageID) error {
	const which = ` WHERE tenant_id = $1 AND session_id = $2 AND direction = 'out' AND id = $3 AND origin = ''`
	var day string
	if err := tx.QueryRow(`SELECT counted_on FROM messages`+which, key.Tenant, key.ID, id).Scan(&day); err != nil || day == "" {
		return err
	}
	if _, err := tx.Exec(`UPDATE messages SET counted_on = ''`+which, key.Tenant, key.ID, id); err != nil {
		return err
	}
	return giveBack(tx, key.Tenant, day)
}

// DiscardMessage implements engine.Store. A message that is no longer pending,
// or gone, is left as it is.
func (s *Store) DiscardMessage(ctx context.Context, key engine.SessionKey, id engine.MessageID, c *engine.Claim) error {
	return s.recordQueueing(ctx, func(tx *sql.Tx) (int64, error) {
		s.standing.drop(key, id)
		var day string
		err := tx.QueryRow(`DELETE FROM messages
			WHERE tenant_id = $1 AND session_id = $2 AND direction = 'out' AND id = $3 AND origin = '' AND status = 'pending'
			RETURNING counted_on`, key.Tenant, key.ID, id).Scan(&day)
		if isNoRows(err) {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		if err := releaseClaim(tx, key.Tenant, c, string(id)); err != nil {
			return 0, err
		}
		if err := s.dropQuestion(tx, key, id); err != nil {
			return 0, err
		}
		s.activity.note(messageRefused, key, notTimed)
		return 0, giveBack(tx, key.Tenant, day)
	})
}

const selectInterrupted = `SELECT tenant_id, session_id, id FROM messages WHERE status = 'pending'
	AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.tenant_id = messages.tenant_id
		AND o.session_id = messages.session_id AND o.message_id = messages.id)`

// InterruptMessages implements engine.Store.
func (s *Store) InterruptMessages(ctx context.Context) error {
	return s.updateQueueing(ctx, func(tx *sql.Tx) (told int64, err error) {
		if _, err := tx.Exec(`UPDATE outbox SET state = 'waiting', unsure = 1 WHERE state = 'sending'`); err != nil {
			return 0, err
		}
		rows, err := tx.Query(selectInterrupted)
		left, err := collect(rows, err, func(r row) (m engine.LoggedMessage, err error) {
			err = r.Scan(&m.Session.Tenant, &m.Session.ID, &m.ID)
			return m, err
		})
		if err != nil {
			return 0, err
		}
		for _, m := range left {
			n, err := s.finish(tx, m.Session, m.ID, engine.MessageOutcome{Status: engine.MessageUnknown, Code: engine.CodeSendOutcomeUnknown})
			if err != nil {
				return 0, err
			}
			told += n
		}
		return told, nil
	})
}

// BeginIncoming implements engine.Store.
func (s *Store) BeginIncoming(ctx context.Context, m engine.LoggedMessage, e engine.Event) (committed func() (fresh bool, err error)) {
	m.Direction, m.Status, m.StatusAt = engine.Inbound, engine.MessageReceived, m.CreatedAt
	var fresh bool
	var queued int64
	one, err := s.write.begin(ctx, true, func(tx *sql.Tx) (err error) {
		queued = 0
		m, e := m, e
		answer, err := s.choiceIn(tx, m)
		if err != nil {
			return err
		}
		if answer.info != nil {
			m.Details.Choice = answer.info
			if e, err = e.WithChoice(answer.info); err != nil {
				return err
			}
		}
		seq, err := s.insertMessage(tx, m, "")
		if fresh = seq != 0; err != nil || !fresh {
			return err
		}
		if answer.info != nil {
			if err := s.noteAnswer(tx, m, answer.question); err != nil {
				return err
			}
		}
		if queued, err = s.appendEvent(tx, e); err != nil {
			return err
		}
		told, err := s.heed(tx, m)
		queued += told
		if err != nil {
			return err
		}
		told, err = s.meet(tx, m)
		queued += told
		return err
	})
	return func() (bool, error) {
		if err != nil {
			return false, err
		}
		if err := one.wait(ctx); err != nil {
			return false, err
		}
		if queued > 0 {
			s.hint()
		}
		if fresh {
			s.activity.add(s.clock(), happened{messageReceived, m.Session, notTimed})
		}
		return fresh, nil
	}
}

// FindMessage returns one message of a session's log, or CodeNotFound. Of
// incoming ones to which several senders gave the same id it is the oldest.
func (s *Store) FindMessage(ctx context.Context, key engine.SessionKey, d engine.Direction, id engine.MessageID) (engine.LoggedMessage, error) {
	m, err := s.scanMessage(s.read.QueryRowContext(ctx, selectMessage+`
		WHERE tenant_id = $1 AND session_id = $2 AND direction = $3 AND id = $4
		ORDER BY created_at, origin LIMIT 1`, key.Tenant, key.ID, d, id))
	return m, orNotFound(err, "message")
}

const whereLogged = ` WHERE tenant_id = $1 AND session_id = $2 AND direction IN ('in', 'out') AND id = $3`

// FindLogged implements engine.Store.
func (s *Store) FindLogged(ctx context.Context, key engine.SessionKey, id engine.MessageID) ([]engine.LoggedMessage, error) {
	rows, err := s.read.QueryContext(ctx, selectMessage+whereLogged, key.Tenant, key.ID, id)
	return collect(rows, err, s.scanMessage)
}

// ListMessages returns up to limit of a session's newest messages, newest first.
func (s *Store) ListMessages(ctx context.Context, key engine.SessionKey, limit int) ([]engine.LoggedMessage, error) {
	rows, err := s.read.QueryContext(ctx, selectMessage+`
		WHERE tenant_id = $1 AND session_id = $2 ORDER BY created_at DESC, id DESC LIMIT $3`, key.Tenant, key.ID, limit)
	return collect(rows, err, s.scanMessage)
}

const selectMessage = `SELECT tenant_id, session_id, direction, id, chat, peer_phone, peer_lid, push_name, kind, body, details, payload,
	status, error_code, created_at, sent_at, status_at, callback_data FROM messages`

// scanMessage reads a message; details that can't be read are told and left out.
func (s *Store) scanMessage(r row) (m engine.LoggedMessage, err error) {
	var damage error
	err = r.Scan(&m.Session.Tenant, &m.Session.ID, &m.Direction, &m.ID, &m.Chat, &m.Peer.Phone, &m.Peer.LID, &m.PushName, &m.Kind,
		&m.Text, lenient{&m.Details, &damage}, &m.Payload, &m.Status, &m.ErrorCode, instant{&m.CreatedAt}, instant{&m.SentAt}, instant{&m.StatusAt}, &m.CallbackData)
	s.unreadableDetails(m, damage)
	return m, err
}

func (s *Store) unreadableDetails(m engine.LoggedMessage, damage error) {
	if damage != nil {
		s.unreadable("the details of a message", damage, zap.String("tenant", string(m.Session.Tenant)),
			zap.String("session", string(m.Session.ID)), zap.String("message", string(m.ID)))
	}
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

// insertMessage returns the number of a new row, and 0 if there is one already, which
// is left as it is. A message whose first copy came before its sender's LID was known is recognised
// by the phone number. The other way round it is new: better twice than lost.
// countedOn is the day of usage that an outgoing message was taken from.
func (s *Store) insertMessage(tx *sql.Tx, m engine.LoggedMessage, countedOn string) (seq int64, err error) {
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
				return 0, err
			}
		}
	}
	if err := s.acquaint(tx, m.Session.Tenant, m.Peer); err != nil {
		return 0, err
	}
	res, err := tx.Exec(`INSERT INTO messages (tenant_id, session_id, direction, id, origin, chat, peer_phone, peer_lid, push_name,
		kind, body, details, payload, status, error_code, created_at, sent_at, status_at, counted_on, callback_data)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
		ON CONFLICT (tenant_id, session_id, direction, id, origin) DO NOTHING`,
		m.Session.Tenant, m.Session.ID, m.Direction, m.ID, origin, m.Chat, m.Peer.Phone, m.Peer.LID, m.PushName,
		m.Kind, m.Text, document{&m.Details}, m.Payload, m.Status, m.ErrorCode, millis(m.CreatedAt), millis(m.SentAt), millis(m.StatusAt), countedOn, m.CallbackData)
	if n, err := changed(res, err); err != nil || n == 0 {
		return 0, err
	}
	if err := s.countLate(tx, m); err != nil {
		return 0, err
	}
	return res.LastInsertId()
}
