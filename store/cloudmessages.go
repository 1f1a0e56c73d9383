package store

import (
	"context"
	"database/sql"
	"slices"

	"wapid/engine"
	"wapid/engine/cloudapi"
)

// How Meta calls the messages that sessions have sent over its official API.
const (
	selectCloudMessage = `SELECT id, wamid, chat FROM cloud_messages WHERE tenant_id = $1 AND session_id = $2`
	cloudMessageByID   = selectCloudMessage + ` AND id = $3`
	cloudMessageByWA   = selectCloudMessage + ` AND wamid = $3 AND wamid <> ''`
	// nameCloudMessage leaves a wamid that is known: Meta has one for each message.
	nameCloudMessage = `UPDATE cloud_messages SET wamid = $1 WHERE tenant_id = $2 AND session_id = $3 AND id = $4 AND wamid = ''`
	// deleteCloudMessages removes what no status and no answer is expected of any more,
	// after 90 days.
	deleteCloudMessages = `DELETE FROM cloud_messages WHERE (tenant_id, session_id, id) IN
		(SELECT tenant_id, session_id, id FROM cloud_messages WHERE created_at < $1 - 7776000000 LIMIT $2)`
)

func scanCloudMessage(r row) (m cloudapi.Message, err error) {
	return m, r.Scan(&m.ID, &m.WAMID, &m.Chat)
}

// BeginCloudMessage implements cloudapi.Store.
func (s *Store) BeginCloudMessage(ctx context.Context, key engine.SessionKey, id engine.MessageID, chat engine.JID) (m cloudapi.Message, fresh bool, err error) {
	err = s.record(ctx, func(tx *sql.Tx) error {
		m = cloudapi.Message{ID: id, Chat: chat}
		n, err := changed(tx.Exec(`INSERT INTO cloud_messages (tenant_id, session_id, id, wamid, chat, created_at)
			VALUES ($1, $2, $3, '', $4, $5) ON CONFLICT (tenant_id, session_id, id) DO NOTHING`, key.Tenant, key.ID, id, chat, millis(s.clock())))
		if fresh = n == 1; err != nil || fresh {
			return err
		}
		m, err = scanCloudMessage(tx.QueryRow(cloudMessageByID, key.Tenant, key.ID, id))
		return err
	})
	return m, fresh, err
}

// FinishCloudMessage implements cloudapi.Store.
func (s *Store) FinishCloudMessage(ctx context.Context, key engine.SessionKey, id engine.MessageID, wamid string) error {
	return s.record(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(nameCloudMessage, wamid, key.Tenant, key.ID, id)
		return err
	})
}

// CancelCloudMessage implements cloudapi.Store. One that Meta has named stays.
func (s *Store) CancelCloudMessage(ctx context.Context, key engine.SessionKey, id engine.MessageID) error {
	return s.record(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM cloud_messages WHERE tenant_id = $1 AND session_id = $2 AND id = $3 AND wamid = ''`, key.Tenant, key.ID, id)
		return err
	})
}

// FindCloudMessage implements cloudapi.Store.
func (s *Store) FindCloudMessage(ctx context.Context, key engine.SessionKey, wamid string, id engine.MessageID) (cloudapi.Message, error) {
	m, err := scanCloudMessage(s.read.QueryRowContext(ctx, cloudMessageByWA, key.Tenant, key.ID, wamid))
	if !isNoRows(err) || id == "" {
		return m, orNotFound(err, "message")
	}
	m, err = scanCloudMessage(s.read.QueryRowContext(ctx, cloudMessageByID, key.Tenant, key.ID, id))
	switch {
	case err != nil:
		return m, orNotFound(err, "message")
	case m.WAMID != "": // the word of somebody who uses our ids for messages of theirs
		return cloudapi.Message{}, engine.Errorf(engine.CodeNotFound, "there is no such message")
	}
	m.WAMID = wamid
	return m, s.FinishCloudMessage(ctx, key, id, wamid)
}

// FindWAMID implements cloudapi.Store.
func (s *Store) FindWAMID(ctx context.Context, key engine.SessionKey, id engine.MessageID) (string, error) {
	m, err := scanCloudMessage(s.read.QueryRowContext(ctx, cloudMessageByID, key.Tenant, key.ID, id))
	if err == nil && m.WAMID == "" {
		err = sql.ErrNoRows
	}
	return m.WAMID, orNotFound(err, "message")
}

// FindNewestReceived implements cloudapi.Store.
func (s *Store) FindNewestReceived(ctx context.Context, key engine.SessionKey, chat engine.JID, among []engine.MessageID) (engine.MessageID, error) {
	if len(among) > 0 {
		found, err := s.FindIncoming(ctx, key, []engine.JID{chat}, among)
		if err != nil {
			return "", err
		}
		if len(found) == 0 {
			return "", engine.Errorf(engine.CodeNotFound, "there is no such message")
		}
		return slices.MaxFunc(found, func(a, b engine.LoggedMessage) int { return a.SentAt.Compare(b.SentAt) }).ID, nil
	}
	var newest engine.LoggedMessage
	err := s.eachAddress(ctx, key, []engine.JID{chat}, func(tx *sql.Tx, at address) error {
		q := inChat(key, at)
		m, err := s.scanMessage(tx.QueryRowContext(ctx, selectMessage+q.where()+` AND direction = 'in' ORDER BY created_at DESC LIMIT 1`, q.args...))
		switch {
		case isNoRows(err):
		case err != nil:
			return storageError(err)
		case m.CreatedAt.After(newest.CreatedAt):
			newest = m
		}
		return nil
	})
	if err == nil && newest.ID == "" {
		err = engine.Errorf(engine.CodeNotFound, "nobody has written in this chat")
	}
	return newest.ID, err
}
