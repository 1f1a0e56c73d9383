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
	for _, chat := range chats {
		rows, err := s.read.QueryContext(ctx, listUnread(chat), key.Tenant, key.ID, chat, limit)
		part, err := collect(rows, err, s.scanMessage)
		if err != nil {
			return nil, err
		}
		for _, m := range part {
			if !slices.ContainsFunc(unread, func(o engine.LoggedMessage) bool { return o.ID == m.ID && o.Peer == m.Peer }) {
				unread = append(unread, m)
			}
		}
	}
	slices.SortStableFunc(unread, func(a, b engine.LoggedMessage) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return unread[:min(limit, len(unread))], nil
}

func listUnread(chat engine.JID) string {
	return selectMessage + ` WHERE tenant_id = $1 AND session_id = $2 AND ` + inChat(chat) + `
		AND direction = 'in' AND status = 'received' AND kind NOT IN ('reaction', 'edit', 'revoke', 'poll_vote')
		ORDER BY created_at DESC LIMIT $4`
}

// inChat finds the messages of a chat whose address is $3, by an index of its own
// for each kind of address.
func inChat(chat engine.JID) string {
	switch chat.Server() {
	case engine.ServerPhone:
		return `peer_phone = $3 AND peer_phone <> '' AND chat NOT LIKE '%@g.us'`
	case engine.ServerLID:
		return `peer_lid = $3 AND peer_lid <> '' AND chat NOT LIKE '%@g.us'`
	}
	return `chat = $3 AND chat NOT LIKE '%@s.whatsapp.net' AND chat NOT LIKE '%@lid'`
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
	for _, chat := range chats {
		m, err := s.scanMessage(s.read.QueryRowContext(ctx, selectMessage+`
			WHERE tenant_id = $1 AND session_id = $2 AND `+inChat(chat)+` AND status NOT IN ('queued', 'pending', 'failed')
			ORDER BY created_at DESC LIMIT 1`, key.Tenant, key.ID, chat))
		switch {
		case isNoRows(err):
		case err != nil:
			return m, storageError(err)
		case m.CreatedAt.After(newest.CreatedAt):
			newest = m
		}
	}
	if newest.ID == "" {
		return newest, engine.Errorf(engine.CodeNotFound, "there is no message in this chat")
	}
	return newest, nil
}
