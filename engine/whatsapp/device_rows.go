package whatsapp

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
)

// The statements of what every message reads and writes, on whatsmeow's tables.
const (
	getSession    = `SELECT session FROM whatsmeow_sessions WHERE our_jid = $1 AND their_id = $2`
	putSession    = `INSERT INTO whatsmeow_sessions (our_jid, their_id, session) VALUES ($1, $2, $3) ON CONFLICT (our_jid, their_id) DO UPDATE SET session = excluded.session`
	deleteSession = `DELETE FROM whatsmeow_sessions WHERE our_jid = $1 AND their_id = $2`

	getIdentity    = `SELECT identity FROM whatsmeow_identity_keys WHERE our_jid = $1 AND their_id = $2`
	putIdentity    = `INSERT INTO whatsmeow_identity_keys (our_jid, their_id, identity) VALUES ($1, $2, $3) ON CONFLICT (our_jid, their_id) DO UPDATE SET identity = excluded.identity`
	deleteIdentity = `DELETE FROM whatsmeow_identity_keys WHERE our_jid = $1 AND their_id = $2`

	getSenderKey = `SELECT sender_key FROM whatsmeow_sender_keys WHERE our_jid = $1 AND chat_id = $2 AND sender_id = $3`
	putSenderKey = `INSERT INTO whatsmeow_sender_keys (our_jid, chat_id, sender_id, sender_key) VALUES ($1, $2, $3, $4) ON CONFLICT (our_jid, chat_id, sender_id) DO UPDATE SET sender_key = excluded.sender_key`

	getToken     = `SELECT token, timestamp, sender_timestamp FROM whatsmeow_privacy_tokens WHERE our_jid = $1 AND their_jid = $2`
	removePreKey = `DELETE FROM whatsmeow_pre_keys WHERE jid = $1 AND key_id = $2`

	anyOfNumber = `SELECT EXISTS (SELECT 1 FROM whatsmeow_sessions WHERE our_jid = $1 AND their_id >= $2 AND their_id < $3)
		OR EXISTS (SELECT 1 FROM whatsmeow_identity_keys WHERE our_jid = $1 AND their_id >= $2 AND their_id < $3)
		OR EXISTS (SELECT 1 FROM whatsmeow_sender_keys WHERE our_jid = $1 AND sender_id >= $2 AND sender_id < $3)`

	dropOldOutgoing = `DELETE FROM whatsmeow_retry_buffer WHERE our_jid = $1 AND timestamp < $2`

	putSecret = `INSERT INTO whatsmeow_message_secrets (our_jid, chat_jid, sender_jid, message_id, key) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (our_jid, chat_jid, sender_jid, message_id) DO NOTHING`
)

// read runs a query for one row. It is not ok if there is none. The driver would start
// a goroutine for a context that can end; a read of one row is not worth ending.
func (s *deviceStore) read(ctx context.Context, query string, args []any, into ...any) (ok bool, err error) {
	err = s.devices.db.QueryRowContext(context.WithoutCancel(ctx), query, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// blob loads a row that is one column of bytes, which was sealed as the kind given.
func (s *deviceStore) blob(kind, query string, names ...string) func(context.Context) (any, error) {
	return func(ctx context.Context) (any, error) {
		args := []any{s.device}
		for _, name := range names {
			args = append(args, name)
		}
		var value []byte
		if ok, err := s.read(ctx, query, args, &value); !ok || value == nil {
			return nil, err
		}
		value, err := s.open(value, kind, names...)
		if err != nil {
			return nil, err
		}
		return value, nil
	}
}

// GetSession implements store.SessionStore. A session that a decryption is just
// changing is waited for.
func (s *deviceStore) GetSession(ctx context.Context, address string) ([]byte, error) {
	if b := batchIn(ctx, s.device); b == nil || !b.turn {
		s.turn.Lock()
		defer s.turn.Unlock()
	}
	value, err := s.look(ctx, row{rowSession, address}, s.blob(kindSession, getSession, address))
	session, _ := value.([]byte)
	return session, err
}

// HasSession implements store.SessionStore.
func (s *deviceStore) HasSession(ctx context.Context, address string) (bool, error) {
	session, err := s.GetSession(ctx, address)
	return session != nil, err
}

// GetManySessions implements store.SessionStore. A session that is not there is nil.
func (s *deviceStore) GetManySessions(ctx context.Context, addresses []string) (map[string][]byte, error) {
	sessions := make(map[string][]byte, len(addresses))
	for _, address := range addresses {
		session, err := s.GetSession(ctx, address)
		if err != nil {
			return nil, err
		}
		sessions[address] = session
	}
	return sessions, nil
}

// PutSession implements store.SessionStore.
func (s *deviceStore) PutSession(ctx context.Context, address string, session []byte) error {
	return s.put(ctx, row{rowSession, address}, session, write(putSession, s.device, address, s.seal(session, kindSession, address)))
}

// PutManySessions implements store.SessionStore. Together with the sessions of a
// message it commits everything else of it.
func (s *deviceStore) PutManySessions(ctx context.Context, sessions map[string][]byte) error {
	b := batchIn(ctx, s.device)
	if b == nil {
		b = &batch{device: s.device}
	}
	for address, session := range sessions {
		if !b.put(row{rowSession, address}, session, write(putSession, s.device, address, s.seal(session, kindSession, address))) {
			return errEnded
		}
	}
	if b.turn {
		return nil
	}
	return s.flush(b)
}

// DeleteSession implements store.SessionStore.
func (s *deviceStore) DeleteSession(ctx context.Context, address string) error {
	return s.put(ctx, row{rowSession, address}, nil, write(deleteSession, s.device, address))
}

// DeleteAllSessions implements store.SessionStore.
func (s *deviceStore) DeleteAllSessions(ctx context.Context, phone string) error {
	return s.exclusively(ctx, func() error {
		defer s.devices.memory.forgetPrefix(s.device, phone+":")
		return s.AllSessionSpecificStores.DeleteAllSessions(ctx, phone)
	})
}

// MigratePNToLID implements store.SessionStore. whatsmeow asks for it with every
// message of a person who is known by both addresses, and its own store goes through
// all rows of the device in six statements when it hears of a person for the first
// time. Mostly there is nothing to move.
func (s *deviceStore) MigratePNToLID(ctx context.Context, pn, lid types.JID) error {
	from, to := pn.SignalAddressUser(), lid.SignalAddressUser()
	if _, done := s.migrated.Load(from); done {
		return nil
	}
	err := s.exclusively(ctx, func() error {
		var rows bool
		// The device's part follows a colon, and a semicolon is what comes after it.
		if _, err := s.read(ctx, anyOfNumber, []any{s.device, from + ":", from + ";"}, &rows); err != nil || !rows {
			return err
		}
		defer s.devices.memory.forgetKind(s.device, rowSenderKey)
		defer s.devices.memory.forgetPrefix(s.device, from+":")
		defer s.devices.memory.forgetPrefix(s.device, to+":")
		return s.moveSealed(ctx, from, to, func(ctx context.Context) error {
			return s.AllSessionSpecificStores.MigratePNToLID(ctx, pn, lid)
		})
	})
	if err == nil {
		s.migrated.Store(from, nil)
	}
	return err
}

func (s *deviceStore) identity(ctx context.Context, address string) (key [32]byte, known bool, err error) {
	value, err := s.find(ctx, row{rowIdentity, address}, func(ctx context.Context) (any, error) {
		var stored []byte
		ok, err := s.read(ctx, getIdentity, []any{s.device, address}, &stored)
		switch {
		case !ok:
			return nil, err
		case len(stored) != len(key):
			return nil, sqlstore.ErrInvalidLength
		}
		return [32]byte(stored), nil
	})
	key, known = value.([32]byte)
	return key, known, err
}

// IsTrustedIdentity implements store.IdentityStore: a key is trusted if no other is known.
func (s *deviceStore) IsTrustedIdentity(ctx context.Context, address string, key [32]byte) (bool, error) {
	known, ok, err := s.identity(ctx, address)
	return err == nil && (!ok || known == key), err
}

// PutIdentity implements store.IdentityStore. libsignal calls it for every message;
// what is known already is not written again.
func (s *deviceStore) PutIdentity(ctx context.Context, address string, key [32]byte) error {
	if known, ok, err := s.identity(ctx, address); err != nil || ok && known == key {
		return err
	}
	return s.put(ctx, row{rowIdentity, address}, key, write(putIdentity, s.device, address, key[:]))
}

// DeleteIdentity implements store.IdentityStore.
func (s *deviceStore) DeleteIdentity(ctx context.Context, address string) error {
	return s.put(ctx, row{rowIdentity, address}, nil, write(deleteIdentity, s.device, address))
}

// DeleteAllIdentities implements store.IdentityStore.
func (s *deviceStore) DeleteAllIdentities(ctx context.Context, phone string) error {
	return s.exclusively(ctx, func() error {
		defer s.devices.memory.forgetPrefix(s.device, phone+":")
		return s.AllSessionSpecificStores.DeleteAllIdentities(ctx, phone)
	})
}

// GetSenderKey implements store.SenderKeyStore.
func (s *deviceStore) GetSenderKey(ctx context.Context, group, user string) ([]byte, error) {
	value, err := s.find(ctx, row{rowSenderKey, senderKeyName(group, user)}, s.blob(kindSenderKey, getSenderKey, group, user))
	key, _ := value.([]byte)
	return key, err
}

// PutSenderKey implements store.SenderKeyStore.
func (s *deviceStore) PutSenderKey(ctx context.Context, group, user string, key []byte) error {
	return s.put(ctx, row{rowSenderKey, senderKeyName(group, user)}, key, write(putSenderKey, s.device, group, user, s.seal(key, kindSenderKey, group, user)))
}

// RemovePreKey implements store.PreKeyStore.
func (s *deviceStore) RemovePreKey(ctx context.Context, id uint32) error {
	return s.add(ctx, write(removePreKey, s.device, int64(id)))
}

// PutMessageSecret implements store.MsgSecretStore.
func (s *deviceStore) PutMessageSecret(ctx context.Context, chat, sender types.JID, id types.MessageID, secret []byte) error {
	return s.add(ctx, s.secret(chat, sender, id, secret))
}

func (s *deviceStore) secret(chat, sender types.JID, id types.MessageID, secret []byte) statement {
	return write(putSecret, s.device, chat.ToNonAD().String(), sender.ToNonAD().String(), id, s.seal(secret, kindSecret, id))
}

// GetPrivacyToken implements store.PrivacyTokenStore: the newer one of those that are
// stored under a person's two addresses. It returns nil if there is none.
func (s *deviceStore) GetPrivacyToken(ctx context.Context, user types.JID) (*store.PrivacyToken, error) {
	user = user.ToNonAD()
	found, err := s.token(ctx, user)
	if err != nil {
		return nil, err
	}
	var other types.JID
	switch user.Server {
	case types.HiddenUserServer:
		other, err = s.devices.container.LIDMap.GetPNForLID(ctx, user)
	case types.DefaultUserServer:
		other, err = s.devices.container.LIDMap.GetLIDForPN(ctx, user)
	}
	if err != nil {
		return nil, err
	}
	if !other.IsEmpty() {
		second, err := s.token(ctx, other)
		if err != nil {
			return nil, err
		}
		if found == nil || second != nil && second.Timestamp.After(found.Timestamp) {
			found = second
		}
	}
	if found == nil {
		return nil, nil
	}
	token := *found // whatsmeow changes it
	token.User = user
	return &token, nil
}

// token returns the token that is stored under one address, or nil.
func (s *deviceStore) token(ctx context.Context, user types.JID) (*store.PrivacyToken, error) {
	name := user.String()
	value, err := s.find(ctx, row{rowToken, name}, func(ctx context.Context) (any, error) {
		var (
			token  store.PrivacyToken
			at     int64
			sentAt sql.NullInt64
		)
		ok, err := s.read(ctx, getToken, []any{s.device, name}, &token.Token, &at, &sentAt)
		if !ok {
			return nil, err
		}
		if token.Token, err = s.open(token.Token, kindToken, name); err != nil {
			return nil, err
		}
		token.Timestamp = time.Unix(at, 0)
		if sentAt.Valid {
			token.SenderTimestamp = time.Unix(sentAt.Int64, 0)
		}
		return &token, nil
	})
	token, _ := value.(*store.PrivacyToken)
	return token, err
}

// PutPrivacyTokens implements store.PrivacyTokenStore.
func (s *deviceStore) PutPrivacyTokens(ctx context.Context, tokens ...store.PrivacyToken) error {
	return s.exclusively(ctx, func() error {
		for _, token := range tokens {
			defer s.devices.memory.forget(s.device, row{rowToken, token.User.ToNonAD().String()})
		}
		return s.AllSessionSpecificStores.PutPrivacyTokens(ctx, s.sealTokens(tokens)...)
	})
}

// DeleteExpiredPrivacyTokens implements store.PrivacyTokenStore.
func (s *deviceStore) DeleteExpiredPrivacyTokens(ctx context.Context, cutoff time.Time) (deleted int64, err error) {
	err = s.exclusively(ctx, func() (err error) {
		defer s.devices.memory.forgetKind(s.device, rowToken)
		deleted, err = s.AllSessionSpecificStores.DeleteExpiredPrivacyTokens(ctx, cutoff)
		return err
	})
	return deleted, err
}

// GetNCTSalt implements store.NCTSaltStore. It returns nil if there is none.
func (s *deviceStore) GetNCTSalt(ctx context.Context) ([]byte, error) {
	value, err := s.find(ctx, row{rowSalt, ""}, s.blob(kindSalt, `SELECT salt FROM whatsmeow_nct_salt WHERE our_jid = $1`))
	salt, _ := value.([]byte)
	return salt, err
}

// PutNCTSalt implements store.NCTSaltStore.
func (s *deviceStore) PutNCTSalt(ctx context.Context, salt []byte) error {
	return s.exclusively(ctx, func() error {
		defer s.devices.memory.forgetKind(s.device, rowSalt)
		return s.AllSessionSpecificStores.PutNCTSalt(ctx, s.seal(salt, kindSalt))
	})
}

// DeleteNCTSalt implements store.NCTSaltStore.
func (s *deviceStore) DeleteNCTSalt(ctx context.Context) error {
	return s.exclusively(ctx, func() error {
		defer s.devices.memory.forgetKind(s.device, rowSalt)
		return s.AllSessionSpecificStores.DeleteNCTSalt(ctx)
	})
}
