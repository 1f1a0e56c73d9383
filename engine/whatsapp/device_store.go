package whatsapp

import (
	"context"
	"fmt"
	"sync"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// deviceStore is one device's part of the device store. What every message reads
// and writes goes through memory and through the committer; everything else is
// whatsmeow's own store, whose tables these are and which keeps their schema.
//
// Writes of a send or of a decryption wait for one another in a batch, which their
// context carries, and are committed together.
type deviceStore struct {
	store.AllSessionSpecificStores // whatsmeow's
	devices                        *devices
	device                         string
	turn                           *sync.Mutex // of the device, see deviceTurns
	migrated                       sync.Map    // phone numbers whose rows are under their LID, as whatsmeow's store counts them
}

var _ store.AllSessionSpecificStores = (*deviceStore)(nil)

// attach puts a deviceStore in front of a device's stores, which must be set.
func (d *devices) attach(device *store.Device) error {
	inner, ok := device.EventBuffer.(store.AllSessionSpecificStores)
	if !ok {
		return fmt.Errorf("the device's event buffer is a %T, which is not its whole store", device.EventBuffer)
	}
	name := device.ID.String()
	device.Container = d.keeper()
	device.SetAllStores(&deviceStore{
		AllSessionSpecificStores: inner, devices: d, device: name, turn: d.turns.of(name),
	})
	return nil
}

// find returns a row: as the batch of the context will have it, as memory has it, or
// as load reads it, which returns nil for one that does not exist.
func (s *deviceStore) find(ctx context.Context, r row, load func(context.Context) (any, error)) (any, error) {
	b := batchIn(ctx, s.device)
	if b != nil {
		if value, ok := b.get(r); ok {
			return value, nil
		}
	}
	if value, ok := s.devices.memory.get(s.device, r); ok {
		return value, nil
	}
	if b == nil || !b.turn {
		s.turn.Lock()
		defer s.turn.Unlock()
	}
	return s.look(ctx, r, load)
}

// look is find for whoever has the device's turn.
func (s *deviceStore) look(ctx context.Context, r row, load func(context.Context) (any, error)) (any, error) {
	if b := batchIn(ctx, s.device); b != nil {
		if value, ok := b.get(r); ok {
			return value, nil
		}
	}
	if value, ok := s.devices.memory.get(s.device, r); ok {
		return value, nil
	}
	value, err := load(ctx)
	if err != nil {
		return nil, err
	}
	s.devices.memory.put(s.device, r, value)
	return value, nil
}

// put changes a row: with the batch of the context, or at once.
func (s *deviceStore) put(ctx context.Context, r row, value any, change statement) error {
	if b := batchIn(ctx, s.device); b != nil && b.put(r, value, change) {
		return nil
	}
	alone := &batch{device: s.device}
	alone.put(r, value, change)
	return s.flush(alone)
}

// add makes a change of what is not kept in memory: with the batch of the context,
// or at once.
func (s *deviceStore) add(ctx context.Context, change statement) error {
	if b := batchIn(ctx, s.device); b != nil && b.add(change) {
		return nil
	}
	alone := &batch{device: s.device}
	alone.add(change)
	return s.flush(alone)
}

// beginSecret stores a message's secret with the next commit. What it returns waits for
// that; it is called once.
func (s *deviceStore) beginSecret(chat, sender types.JID, id types.MessageID, secret []byte) (finish func() error) {
	b := &batch{device: s.device}
	b.add(s.secret(chat, sender, id, secret))
	begun := s.devices.committer.begin(b)
	return func() error { return s.devices.committer.finish(begun) }
}

// catchUp commits what was begun. Its failure is told to those whom it concerns.
func (s *deviceStore) catchUp() { _ = s.devices.committer.do(&batch{}) }

// flush commits what a batch holds so far.
func (s *deviceStore) flush(b *batch) error {
	if !b.turn {
		s.turn.Lock()
		defer s.turn.Unlock()
	}
	taken := b.take()
	if len(taken.statements) == 0 {
		return nil
	}
	err := s.devices.committer.do(taken)
	for r, value := range taken.rows {
		if err == nil {
			s.devices.memory.put(s.device, r, value)
		} else { // It may yet have happened: the next who asks has to read.
			s.devices.memory.forget(s.device, r)
		}
	}
	return err
}

// exclusively runs a change that whatsmeow's store makes itself.
func (s *deviceStore) exclusively(ctx context.Context, change func() error) error {
	if b := batchIn(ctx, s.device); b == nil || !b.turn {
		s.turn.Lock()
		defer s.turn.Unlock()
	}
	return change()
}

// sendBatch begins a batch for a message that is to be sent. Whoever begins it calls
// flush before the message leaves, and ends the batch.
func (s *deviceStore) sendBatch() *batch { return &batch{device: s.device} }

// DoDecryptionTxn implements store.EventBuffer. Nothing of the decryption stays if it
// returns an error.
func (s *deviceStore) DoDecryptionTxn(ctx context.Context, fn func(context.Context) error) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	b := &batch{device: s.device, turn: true}
	defer b.end()
	if err := fn(withBatch(ctx, b)); err != nil {
		return err
	}
	return s.flush(b)
}
