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
	deviceStoreClosed  = "closed "  // properly, by a daemon that stopped; its file follows
	deviceStoreSetBack = "set back" // by a restored backup
	deviceStoreOpen    = "open "    // its file follows, and the machine's start
)

// DeviceStoreUse says what a device store is used as: another file, or an open one
// after another start of the machine, is not known to be what it was.
type DeviceStoreUse struct {
	File string // names the file, not its content; empty if that is not known
	Boot string // names the start of the machine; empty if that is not known
}

// DeviceStoreSetBack tells whether the device store may be older than what it
// was used for: it was restored, it was open when the machine stopped, or another
// file stands in its place.
func (s *Store) DeviceStoreSetBack(ctx context.Context, now DeviceStoreUse) (bool, error) {
	var left string
	err := s.read.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = $1`, deviceStoreEntry).Scan(&left)
	if isNoRows(err) {
		return false, nil // a first start
	}
	if err != nil {
		return false, storageError(err)
	}
	if file, ok := strings.CutPrefix(left, deviceStoreClosed); ok {
		return file != now.File, nil
	}
	return now.Boot == "" || left != now.open(), nil
}

func (u DeviceStoreUse) open() string { return deviceStoreOpen + u.File + " " + u.Boot }

// NoteDeviceStoreOpen writes down that the device store is in use from here on,
// and fit for it.
func (s *Store) NoteDeviceStoreOpen(ctx context.Context, u DeviceStoreUse) error {
	return s.noteDeviceStore(ctx, u.open())
}

// NoteDeviceStoreClosed writes down that the device store is on the disk.
func (s *Store) NoteDeviceStoreClosed(ctx context.Context, u DeviceStoreUse) error {
	return s.noteDeviceStore(ctx, deviceStoreClosed+u.File)
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
