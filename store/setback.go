package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"strings"
	"time"
)

// The network's device store is not synced on every commit, so a power cut sets
// it back by some seconds, and a restored backup by more. Phones silently drop
// what a device store encrypts that has been set back (see docs/durability.md).
// This database is synced, so it remembers how the device store was left.
const deviceStoreEntry = "device_store"

const (
	deviceStoreClosed  = "closed"   // properly, by a daemon that stopped
	deviceStoreSetBack = "set back" // by a restored backup
	deviceStoreOpen    = "open "    // while the machine ran under the id that follows
)

// DeviceStoreSetBack tells whether the device store may be older than what it
// was used for: it was restored, or it was open when the machine stopped. boot
// names this start of the machine; empty if that is not known.
func (s *Store) DeviceStoreSetBack(ctx context.Context, boot string) (bool, error) {
	var left string
	err := s.read.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = $1`, deviceStoreEntry).Scan(&left)
	if isNoRows(err) {
		return false, nil // a first start
	}
	if err != nil {
		return false, storageError(err)
	}
	open, ok := strings.CutPrefix(left, deviceStoreOpen)
	return left == deviceStoreSetBack || ok && (boot == "" || open != boot), nil
}

// NoteDeviceStoreOpen writes down that the device store is in use from here on,
// and fit for it.
func (s *Store) NoteDeviceStoreOpen(ctx context.Context, boot string) error {
	return s.noteDeviceStore(ctx, deviceStoreOpen+boot)
}

// NoteDeviceStoreClosed writes down that the device store is on the disk.
func (s *Store) NoteDeviceStoreClosed(ctx context.Context) error {
	return s.noteDeviceStore(ctx, deviceStoreClosed)
}

func (s *Store) noteDeviceStore(ctx context.Context, left string) error {
	return s.update(ctx, func(tx *sql.Tx) error {
		return putSetting(tx, deviceStoreEntry, left, s.clock())
	})
}

// MarkRestored writes into the database file of a backup, which nobody has open,
// that the device store beside it has been set back. It returns CodeStorage.
func MarkRestored(ctx context.Context, path string, at time.Time) error {
	db, err := openFile(path, url.Values{"mode": {"rw"}, "_synchronous": {"FULL"}})
	if err != nil {
		return storageError(err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err == nil {
		err = putSetting(tx, deviceStoreEntry, deviceStoreSetBack, at)
		if err == nil {
			err = tx.Commit()
		} else {
			err = errors.Join(err, tx.Rollback())
		}
	}
	return storageError(errors.Join(err, db.Close()))
}
