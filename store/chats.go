package store

import (
	"context"
	"database/sql"
	"time"

	"wapid/engine"
)

// setChatTimer notes the disappearing timer that a chat has by a message of the
// given time, unless a later one is known. The chat of a person is noted under
// both of the person's addresses: a tenant may write to either.
func setChatTimer(tx *sql.Tx, key engine.SessionKey, chat engine.JID, peer engine.Person, d time.Duration, at time.Time) error {
	addresses := map[engine.JID]bool{chat: true}
	if server := chat.Server(); server == engine.ServerPhone || server == engine.ServerLID {
		addresses[peer.Phone], addresses[peer.LID] = true, true
	}
	delete(addresses, "")
	for address := range addresses {
		_, err := tx.Exec(`INSERT INTO chats (tenant_id, session_id, chat, expiration, updated_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (tenant_id, session_id, chat) DO UPDATE SET expiration = excluded.expiration, updated_at = excluded.updated_at
			WHERE chats.updated_at <= excluded.updated_at`, key.Tenant, key.ID, address, int64(d.Seconds()), at.UnixMilli())
		if err != nil {
			return err
		}
	}
	return nil
}

// SaveChatTimer implements engine.Store.
func (s *Store) SaveChatTimer(ctx context.Context, key engine.SessionKey, chat engine.JID, peer engine.Person, d time.Duration, at time.Time) error {
	return s.update(ctx, func(tx *sql.Tx) error { return setChatTimer(tx, key, chat, peer, d, at) })
}

// MatchChatTimers implements engine.Store.
func (s *Store) MatchChatTimers(ctx context.Context, key engine.SessionKey, who engine.Person) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		for _, one := range [][2]engine.JID{{who.Phone, who.LID}, {who.LID, who.Phone}} {
			_, err := tx.Exec(`INSERT INTO chats (tenant_id, session_id, chat, expiration, updated_at)
				SELECT tenant_id, session_id, $1, expiration, updated_at FROM chats
				WHERE tenant_id = $2 AND session_id = $3 AND chat = $4
				ON CONFLICT (tenant_id, session_id, chat) DO UPDATE SET expiration = excluded.expiration, updated_at = excluded.updated_at
				WHERE chats.updated_at < excluded.updated_at`, one[0], key.Tenant, key.ID, one[1])
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// ListChatTimers implements engine.Store.
func (s *Store) ListChatTimers(ctx context.Context, key engine.SessionKey) (map[engine.JID]time.Duration, error) {
	timers := make(map[engine.JID]time.Duration)
	rows, err := s.read.QueryContext(ctx, `SELECT chat, expiration FROM chats
		WHERE tenant_id = $1 AND session_id = $2 AND expiration > 0`, key.Tenant, key.ID)
	_, err = collect(rows, err, func(r row) (chat engine.JID, err error) {
		var seconds int64
		err = r.Scan(&chat, &seconds)
		timers[chat] = time.Duration(seconds) * time.Second
		return chat, err
	})
	return timers, err
}

// forgetChats deletes what is known of a session's chats and uploads.
func forgetChats(tx *sql.Tx, key engine.SessionKey) error {
	if _, err := tx.Exec(`DELETE FROM chats WHERE tenant_id = $1 AND session_id = $2`, key.Tenant, key.ID); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM uploads WHERE tenant_id = $1 AND session_id = $2`, key.Tenant, key.ID)
	return err
}
