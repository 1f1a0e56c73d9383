package store

import (
	"context"
	"database/sql"
	"slices"

	"wapid/engine"
)

// An incoming message is MessageReceived until the session has told its sender
// that it was read, or played.

// ListUnread returns up to limit of the newest incoming messages of a chat that
// were not marked as read, newest first. chats are the addresses of the group or of
// the person: messages may have come before both were known. What is no message of
// its own (a reaction, an edit, a vote, a revocation) is never marked.
func (s *Store) ListUnread(ctx context.Context, key engine.SessionKey, chats []engine.JID, limit int) ([]engine.LoggedMessage, error) {
	var unread []engine.LoggedMessage
	err := s.eachAddress(ctx, key, chats, func(tx *sql.Tx, at address) error {
		query, args := listUnread(key, at, limit)
		rows, err := tx.QueryContext(ctx, query, args...)
		part, err := collect(rows, err, s.scanMessage)
		for _, m := range part {
			if !slices.ContainsFunc(unread, func(o engine.LoggedMessage) bool { return o.ID == m.ID && o.Peer == m.Peer }) {
				unread = append(unread, m)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(unread, func(a, b engine.LoggedMessage) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return unread[:min(limit, len(unread))], nil
}

func listUnread(key engine.SessionKey, at address, limit int) (string, []any) {
	q := inChat(key, at)
	query := selectMessage + q.where() + `
		AND direction = 'in' AND status = 'received' AND kind NOT IN ('reaction', 'edit', 'revoke', 'poll_vote')
		ORDER BY created_at DESC, seq DESC LIMIT ` + q.bind(limit)
	return query, q.args
}

// eachAddress calls look for every place of a session's chats, in one snapshot.
func (s *Store) eachAddress(ctx context.Context, key engine.SessionKey, chats []engine.JID, look func(*sql.Tx, address) error) error {
	tx, err := s.read.BeginTx(ctx, nil)
	if err != nil {
		return storageError(err)
	}
	defer tx.Rollback() // it has only read
	for _, chat := range chats {
		places, err := addresses(ctx, tx, key.Tenant, chat)
		if err != nil {
			return err
		}
		for _, at := range places {
			if err := look(tx, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// inChat demands the messages of a session's chat that one index has. A person's are
// not those that the person wrote in groups.
func inChat(key engine.SessionKey, at address) *conditions {
	var q conditions
	q.add(`tenant_id = ?`, key.Tenant)
	q.add(`session_id || '' = ?`, key.ID) // else SQLite would rather walk through all that the session has
	at.add(&q)
	if server := at.peer.Server(); server == engine.ServerPhone || server == engine.ServerLID {
		q.add(`chat NOT LIKE '%@g.us'`)
	}
	return &q
}

// FindIncoming returns the incoming messages of a chat with the given ids, in
// their order. It returns CodeNotFound if one of them is not there.
func (s *Store) FindIncoming(ctx context.Context, key engine.SessionKey, chats []engine.JID, ids []engine.MessageID) ([]engine.LoggedMessage, error) {
	found := make([]engine.LoggedMessage, 0, len(ids))
	for _, id := range ids {
		rows, err := s.read.QueryContext(ctx, selectMessage+`
			WHERE tenant_id = $1 AND session_id = $2 AND direction = 'in' AND id = $3`, key.Tenant, key.ID, id)
		all, err := collect(rows, err, s.scanMessage)
		if err != nil {
			return nil, err
		}
		before := len(found)
		for _, m := range all {
			if slices.ContainsFunc(chats, func(chat engine.JID) bool {
				return chat == m.Chat || !m.Chat.IsGroup() && (chat == m.Peer.Phone || chat == m.Peer.LID)
			}) {
				found = append(found, m)
			}
		}
		if len(found) == before {
			return nil, engine.Errorf(engine.CodeNotFound, "there is no such incoming message in this chat")
		}
	}
	return found, nil
}

// MarkIncoming notes that the senders of incoming messages were told that those
// are read or played. A status only moves forward.
func (s *Store) MarkIncoming(ctx context.Context, messages []engine.LoggedMessage, status engine.MessageStatus) error {
	return s.record(ctx, func(tx *sql.Tx) error {
		now := millis(s.clock())
		for _, m := range messages {
			_, err := tx.Exec(`UPDATE messages SET status = $1, status_at = $2
				WHERE tenant_id = $3 AND session_id = $4 AND direction = 'in' AND id = $5 AND chat = $6
					AND (status = 'received' OR status = 'read' AND $1 = 'played')`,
				status, now, m.Session.Tenant, m.Session.ID, m.ID, m.Chat)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// FindNewest returns the newest message of a chat in either direction, or
// CodeNotFound. One that was never sent is none.
func (s *Store) FindNewest(ctx context.Context, key engine.SessionKey, chats []engine.JID) (engine.LoggedMessage, error) {
	var newest engine.LoggedMessage
	err := s.eachAddress(ctx, key, chats, func(tx *sql.Tx, at address) error {
		q := inChat(key, at)
		m, err := s.scanMessage(tx.QueryRowContext(ctx, selectMessage+q.where()+`
			AND status NOT IN ('queued', 'pending', 'failed') ORDER BY created_at DESC, seq DESC LIMIT 1`, q.args...))
		switch {
		case isNoRows(err):
		case err != nil:
			return storageError(err)
		case m.CreatedAt.After(newest.CreatedAt):
			newest = m
		}
		return nil
	})
	if err != nil {
		return engine.LoggedMessage{}, err
	}
	if newest.ID == "" {
		return newest, engine.Errorf(engine.CodeNotFound, "there is no message in this chat")
	}
	return newest, nil
}
