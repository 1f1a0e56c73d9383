package whatsapp

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
)

const (
	listSealedPreKeys = `SELECT p.key_id, s.sealed FROM whatsmeow_pre_keys AS p JOIN wapid_sealed_pre_keys AS s ON s.jid = p.jid AND s.key_id = p.key_id
		WHERE p.jid = $1 AND p.uploaded = false ORDER BY p.key_id LIMIT $2`
	getSealedPreKey = `SELECT sealed FROM wapid_sealed_pre_keys WHERE jid = $1 AND key_id = $2`
	addSealedPreKey = `INSERT INTO wapid_sealed_pre_keys (jid, key_id, sealed) VALUES ($1, $2, $3)`

	listStateKeys = `SELECT key_id, key_data, timestamp, fingerprint FROM whatsmeow_app_state_sync_keys WHERE jid = $1 ORDER BY timestamp DESC`

	sealedSessions   = `SELECT their_id, '', session FROM whatsmeow_sessions WHERE our_jid = $1 AND their_id >= $2 AND their_id < $3 AND session IS NOT NULL`
	sealedSenderKeys = `SELECT sender_id, chat_id, sender_key FROM whatsmeow_sender_keys WHERE our_jid = $1 AND sender_id >= $2 AND sender_id < $3`
	resealSession    = `UPDATE whatsmeow_sessions SET session = $1 WHERE our_jid = $2 AND their_id = $3`
	resealSenderKey  = `UPDATE whatsmeow_sender_keys SET sender_key = $1 WHERE our_jid = $2 AND sender_id = $3 AND chat_id = $4`
)

// preKey makes a prekey of what was read.
func (s *deviceStore) preKey(id uint32, stored []byte) (*keys.PreKey, error) {
	private, err := s.open(stored, kindPreKey, preKeyName(id))
	if err != nil {
		return nil, err
	}
	if len(private) != 32 {
		return nil, fmt.Errorf("prekey %d has %d bytes", id, len(private))
	}
	return &keys.PreKey{KeyPair: *keys.NewKeyPairFromPrivateKey([32]byte(private)), KeyID: id}, nil
}

// addPreKey adds a prekey to a batch.
func (s *deviceStore) addPreKey(b *batch, key *keys.PreKey, uploaded bool) {
	if s.devices.box == nil {
		b.add(write(addPreKey, s.device, int64(key.KeyID), key.Priv[:], uploaded))
		return
	}
	b.add(write(addPreKey, s.device, int64(key.KeyID), make([]byte, 32), uploaded))
	b.add(write(addSealedPreKey, s.device, int64(key.KeyID), s.seal(key.Priv[:], kindPreKey, preKeyName(key.KeyID))))
}

// GetPreKey implements store.PreKeyStore. It returns nil if there is none.
func (s *deviceStore) GetPreKey(ctx context.Context, id uint32) (*keys.PreKey, error) {
	if s.devices.box == nil {
		return s.AllSessionSpecificStores.GetPreKey(ctx, id)
	}
	var sealed []byte
	if ok, err := s.read(ctx, getSealedPreKey, []any{s.device, int64(id)}, &sealed); !ok {
		return nil, err
	}
	return s.preKey(id, sealed)
}

// PutAppStateSyncKey implements store.AppStateSyncKeyStore.
func (s *deviceStore) PutAppStateSyncKey(ctx context.Context, id []byte, key store.AppStateSyncKey) error {
	key.Data = s.seal(key.Data, kindStateKey, string(id))
	return s.AllSessionSpecificStores.PutAppStateSyncKey(ctx, id, key)
}

// GetAppStateSyncKey implements store.AppStateSyncKeyStore. It returns nil if there is none.
func (s *deviceStore) GetAppStateSyncKey(ctx context.Context, id []byte) (*store.AppStateSyncKey, error) {
	key, err := s.AllSessionSpecificStores.GetAppStateSyncKey(ctx, id)
	if key != nil && err == nil {
		key.Data, err = s.open(key.Data, kindStateKey, string(id))
	}
	if err != nil {
		return nil, err
	}
	return key, nil
}

// GetAllAppStateSyncKeys implements store.AppStateSyncKeyStore.
func (s *deviceStore) GetAllAppStateSyncKeys(ctx context.Context) ([]*store.AppStateSyncKey, error) {
	if s.devices.box == nil {
		return s.AllSessionSpecificStores.GetAllAppStateSyncKeys(ctx)
	}
	rows, err := s.devices.db.QueryContext(ctx, listStateKeys, s.device)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []*store.AppStateSyncKey
	for rows.Next() {
		var (
			id  []byte
			key store.AppStateSyncKey
		)
		if err := rows.Scan(&id, &key.Data, &key.Timestamp, &key.Fingerprint); err != nil {
			return nil, err
		}
		if key.Data, err = s.open(key.Data, kindStateKey, string(id)); err != nil {
			return nil, err
		}
		all = append(all, &key)
	}
	return all, rows.Err()
}

// PutMessageSecrets implements store.MsgSecretStore.
func (s *deviceStore) PutMessageSecrets(ctx context.Context, inserts []store.MessageSecretInsert) error {
	if s.devices.box != nil {
		inserts = slices.Clone(inserts)
		for i := range inserts {
			inserts[i].Secret = s.seal(inserts[i].Secret, kindSecret, inserts[i].ID)
		}
	}
	return s.AllSessionSpecificStores.PutMessageSecrets(ctx, inserts)
}

// GetMessageSecret implements store.MsgSecretStore. It returns nil if there is none.
func (s *deviceStore) GetMessageSecret(ctx context.Context, chat, sender types.JID, id types.MessageID) ([]byte, types.JID, error) {
	secret, from, err := s.AllSessionSpecificStores.GetMessageSecret(ctx, chat, sender, id)
	if err == nil {
		secret, err = s.open(secret, kindSecret, id)
	}
	return secret, from, err
}

// sealTokens returns tokens as they are stored.
func (s *deviceStore) sealTokens(tokens []store.PrivacyToken) []store.PrivacyToken {
	if s.devices.box == nil {
		return tokens
	}
	tokens = slices.Clone(tokens)
	for i := range tokens {
		tokens[i].Token = s.seal(tokens[i].Token, kindToken, tokens[i].User.ToNonAD().String())
	}
	return tokens
}

// movedRow is a row that gets another name, and must be sealed for it.
type movedRow struct {
	address, group string
	value          []byte
}

// moveSealed runs whatsmeow's own renaming of what is stored under a person's number,
// and seals it for its new name in the same transaction. Whoever calls it has the
// device's turn.
func (s *deviceStore) moveSealed(ctx context.Context, from, to string, rename func(context.Context) error) error {
	if s.devices.box == nil {
		return rename(ctx)
	}
	return s.devices.tables.DoTxn(ctx, nil, func(ctx context.Context) error {
		sessions, err := s.openMoved(ctx, sealedSessions, kindSession, from)
		if err != nil {
			return err
		}
		groups, err := s.openMoved(ctx, sealedSenderKeys, kindSenderKey, from)
		if err != nil {
			return err
		}
		if err := rename(ctx); err != nil {
			return err
		}
		for _, r := range sessions {
			name := strings.ReplaceAll(r.address, from, to) // as whatsmeow names it
			if _, err := s.devices.tables.Exec(ctx, resealSession, s.seal(r.value, kindSession, name), s.device, name); err != nil {
				return err
			}
		}
		for _, r := range groups {
			name := strings.ReplaceAll(r.address, from, to)
			if _, err := s.devices.tables.Exec(ctx, resealSenderKey, s.seal(r.value, kindSenderKey, r.group, name), s.device, name, r.group); err != nil {
				return err
			}
		}
		return nil
	})
}

// openMoved reads what is stored under a number, opened.
func (s *deviceStore) openMoved(ctx context.Context, query, kind, number string) (all []movedRow, err error) {
	// The device's part follows a colon, and a semicolon is what comes after it.
	rows, err := s.devices.tables.Query(ctx, query, s.device, number+":", number+";")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r movedRow
		if err := rows.Scan(&r.address, &r.group, &r.value); err != nil {
			return nil, err
		}
		names := []string{r.address}
		if kind == kindSenderKey {
			names = []string{r.group, r.address}
		}
		if r.value, err = s.open(r.value, kind, names...); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}
