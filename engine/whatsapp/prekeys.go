package whatsapp

import (
	"context"
	"database/sql"
	"fmt"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/util/keys"
)

const (
	// countPreKeys counts no further than it has to: every login asks, and a device
	// has 812 prekeys after its linking.
	countPreKeys = `SELECT count(*) FROM (SELECT 1 FROM whatsmeow_pre_keys WHERE jid = $1 AND uploaded = true LIMIT $2)`
	lastPreKey   = `SELECT max(key_id) FROM whatsmeow_pre_keys WHERE jid = $1`
	listPreKeys  = `SELECT key_id, key FROM whatsmeow_pre_keys WHERE jid = $1 AND uploaded = false ORDER BY key_id LIMIT $2`
	addPreKey    = `INSERT INTO whatsmeow_pre_keys (jid, key_id, key, uploaded) VALUES ($1, $2, $3, $4)`
)

// UploadedPreKeyCount implements store.PreKeyStore. It is exact up to the number of
// prekeys that whatsmeow uploads at a time, and that number above: whatsmeow asks
// whether there are any, and whether they are fewer than MinPreKeyCount.
func (s *deviceStore) UploadedPreKeyCount(ctx context.Context) (n int, err error) {
	_, err = s.read(ctx, countPreKeys, []any{s.device, whatsmeow.WantedPreKeyCount}, &n)
	return n, err
}

// GetOrGenPreKeys implements store.PreKeyStore. What has to be made is committed at
// once: the 812 of a new device would be as many commits, which everybody else's wait
// behind.
func (s *deviceStore) GetOrGenPreKeys(ctx context.Context, count uint32) ([]*keys.PreKey, error) {
	if b := batchIn(ctx, s.device); b == nil || !b.turn {
		s.turn.Lock()
		defer s.turn.Unlock()
	}
	found, err := s.unusedPreKeys(ctx, count)
	if err != nil {
		return nil, err
	}
	made, err := s.makePreKeys(ctx, int(count)-len(found), false)
	if err != nil {
		return nil, err
	}
	return append(found, made...), nil
}

// GenOnePreKey implements store.PreKeyStore.
func (s *deviceStore) GenOnePreKey(ctx context.Context) (*keys.PreKey, error) {
	if b := batchIn(ctx, s.device); b == nil || !b.turn {
		s.turn.Lock()
		defer s.turn.Unlock()
	}
	made, err := s.makePreKeys(ctx, 1, true)
	if err != nil {
		return nil, err
	}
	return made[0], nil
}

// unusedPreKeys lists what was made and not uploaded.
func (s *deviceStore) unusedPreKeys(ctx context.Context, count uint32) ([]*keys.PreKey, error) {
	query := listPreKeys
	if s.devices.box != nil {
		query = listSealedPreKeys
	}
	rows, err := s.devices.db.QueryContext(ctx, query, s.device, count)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []*keys.PreKey
	for rows.Next() {
		var id uint32
		var private []byte
		if err := rows.Scan(&id, &private); err != nil {
			return nil, err
		}
		key, err := s.preKey(id, private)
		if err != nil {
			return nil, err
		}
		found = append(found, key)
	}
	return found, rows.Err()
}

// makePreKeys makes n prekeys and commits them, for whoever has the device's turn.
func (s *deviceStore) makePreKeys(ctx context.Context, n int, uploaded bool) ([]*keys.PreKey, error) {
	if n <= 0 {
		return nil, nil
	}
	var last sql.NullInt64
	if _, err := s.read(ctx, lastPreKey, []any{s.device}, &last); err != nil {
		return nil, fmt.Errorf("the last prekey: %w", err)
	}
	made := make([]*keys.PreKey, n)
	b := &batch{device: s.device, turn: true}
	for i := range made {
		made[i] = keys.NewPreKey(uint32(last.Int64) + 1 + uint32(i))
		s.addPreKey(b, made[i], uploaded)
	}
	return made, s.flush(b)
}
