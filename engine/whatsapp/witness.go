package whatsapp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// WitnessName is the file in the data directory that says which message the device
// store has seen last.
const WitnessName = "whatsapp.last"

// witnessSize is the length of that file: one entry, filled up with spaces.
const witnessSize = 256

// witness remembers, outside the device store, the last message that was to be
// encrypted with it. A store that does not know that message was put back to a time
// before it. The file is not synced: a power cut is noticed in another way, and a
// process that is killed loses nothing that it has written.
type witness struct {
	mu   sync.Mutex
	file *os.File
}

// openWitness opens the file, or makes it.
func openWitness(dir string) (*witness, error) {
	file, err := os.OpenFile(filepath.Join(dir, WitnessName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return &witness{file: file}, nil
}

func (w *witness) close() error { return w.file.Close() }

// note writes down a message that the device store has been told of. The entry has
// its room from the first one on, so that a full disk does not hinder it.
func (w *witness) note(device, id string) error {
	entry := append(append([]byte(device), ' '), id...)
	if len(entry) > witnessSize {
		return errors.New("the entry is too long")
	}
	entry = append(entry, bytes.Repeat([]byte{' '}, witnessSize-len(entry))...)
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.file.WriteAt(entry, 0)
	return err
}

// last reads the entry. It is not ok if there is none that can be read.
func (w *witness) last() (device, id string, ok bool) {
	entry := make([]byte, witnessSize)
	if _, err := w.file.ReadAt(entry, 0); err != nil {
		return "", "", false
	}
	words := bytes.Fields(entry)
	if len(words) != 2 {
		return "", "", false
	}
	return string(words[0]), string(words[1]), true
}

// knows tells whether the device store has been told of a message. What it keeps
// for retry receipts goes after a week, but a device's newest stays; with a device
// that is gone nothing can be said.
func (d *devices) knows(ctx context.Context, device, id string) (known bool, err error) {
	err = d.db.QueryRowContext(ctx, `SELECT NOT EXISTS (SELECT 1 FROM whatsmeow_device WHERE jid = $1)`, device).Scan(&known)
	if err == nil && !known {
		err = d.db.QueryRowContext(ctx, knowsSent, device, id).Scan(&known)
	}
	return known, err
}

// settle makes the device store fit for use: its sessions are dropped if it is known,
// or found, to be older than what it was used for.
func (n *Network) settle(ctx context.Context, setBack bool) error {
	if device, id, ok := n.witness.last(); ok && !setBack {
		known, err := n.devices.knows(ctx, device, id)
		if err != nil {
			return fmt.Errorf("device store: %w", err)
		}
		if !known {
			n.log.Warn("the device store does not know the last message that was sent with it, so it was put back: encryption with every contact begins anew")
			setBack = true
		}
	}
	if !setBack {
		return nil
	}
	if err := n.devices.forgetSessions(ctx); err != nil {
		return fmt.Errorf("device store: %w", err)
	}
	return n.witness.file.Truncate(0) // it has been heeded
}
