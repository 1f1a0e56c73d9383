package whatsapp

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow/store"
)

// whatsmeow keeps the ciphertext of every message for two weeks, as a hash, and asks for
// it before it decrypts. Nearly always there is none, and memory knows: see ciphertexts.
// Only for what may be there the database is asked.
const (
	getBuffered   = `SELECT plaintext, server_timestamp, insert_timestamp FROM whatsmeow_event_buffer WHERE our_jid = $1 AND ciphertext_hash = $2`
	putBuffered   = `INSERT INTO whatsmeow_event_buffer (our_jid, ciphertext_hash, plaintext, server_timestamp, insert_timestamp) VALUES ($1, $2, $3, $4, $5)`
	clearBuffered = `UPDATE whatsmeow_event_buffer SET plaintext = NULL WHERE our_jid = $1 AND ciphertext_hash = $2`

	// listBuffered returns the beginnings of a device's hashes in one piece. A row for each
	// would take several times as long.
	listBuffered = `SELECT coalesce(group_concat(hex(substr(ciphertext_hash, 1, 16)), ''), '') FROM
		(SELECT ciphertext_hash FROM whatsmeow_event_buffer WHERE our_jid = $1 LIMIT $2)`
)

// mayBeBuffered is false only if a ciphertext is not in the buffer. Whoever calls it has
// the device's turn. In one turn a hash is added to those in memory and committed; so
// none that is committed can be missing, whether or not its commit was told to have failed.
func (s *deviceStore) mayBeBuffered(ctx context.Context, hash [32]byte) (bool, error) {
	if there, known := s.devices.memory.mayHold(s.device, hash); known {
		return there, nil
	}
	var listed string
	if _, err := s.read(ctx, listBuffered, []any{s.device, maxHashes + 1}, &listed); err != nil {
		return false, err
	}
	starts, err := hex.DecodeString(listed)
	if err != nil {
		return false, fmt.Errorf("the event buffer's hashes: %w", err)
	}
	known := hashesOf(starts)
	s.devices.memory.keepHashes(s.device, known)
	return known.mayHold(hash[:]), nil
}

// GetBufferedEvent implements store.EventBuffer. It returns nil if there is none.
func (s *deviceStore) GetBufferedEvent(ctx context.Context, hash [32]byte) (*store.BufferedEvent, error) {
	if b := batchIn(ctx, s.device); b == nil || !b.turn {
		s.turn.Lock()
		defer s.turn.Unlock()
	}
	if may, err := s.mayBeBuffered(ctx, hash); !may {
		return nil, err
	}
	var (
		event        store.BufferedEvent
		sent, stored int64
	)
	ok, err := s.read(ctx, getBuffered, []any{s.device, hash[:]}, &event.Plaintext, &sent, &stored)
	if !ok {
		return nil, err
	}
	if event.Plaintext, err = s.open(event.Plaintext, kindIncoming, string(hash[:])); err != nil {
		return nil, err
	}
	event.ServerTime, event.InsertTime = time.Unix(sent, 0), time.UnixMilli(stored)
	return &event, nil
}

// PutBufferedEvent implements store.EventBuffer.
func (s *deviceStore) PutBufferedEvent(ctx context.Context, hash [32]byte, plaintext []byte, at time.Time) error {
	change := write(putBuffered, s.device, hash[:], s.seal(plaintext, kindIncoming, string(hash[:])), at.Unix(), time.Now().UnixMilli())
	if b := batchIn(ctx, s.device); b != nil && b.turn {
		if !b.add(change) {
			return errEnded
		}
		s.devices.memory.addHash(s.device, hash)
		return nil
	}
	s.turn.Lock()
	defer s.turn.Unlock()
	s.devices.memory.addHash(s.device, hash)
	alone := &batch{device: s.device, turn: true}
	alone.add(change)
	return s.flush(alone)
}

// ClearBufferedEventPlaintext implements store.EventBuffer. Nothing depends on it: what
// is not cleared by a crash goes with the entry, two weeks later, and if its message
// comes again, it is known by its id.
func (s *deviceStore) ClearBufferedEventPlaintext(_ context.Context, hash [32]byte) error {
	s.devices.committer.later(write(clearBuffered, s.device, hash[:]))
	return nil
}

// DeleteOldBufferedHashes implements store.EventBuffer, for all devices. What is left is
// listed anew when it is next asked for.
func (s *deviceStore) DeleteOldBufferedHashes(ctx context.Context) error {
	defer s.devices.memory.forgetHashes()
	return s.AllSessionSpecificStores.DeleteOldBufferedHashes(ctx)
}
