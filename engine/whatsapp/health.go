package whatsapp

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"

	"wapid/engine"
)

// pingLimit is how long the device store may take to answer a Ping, and how long
// an answer holds.
const pingLimit = 2 * time.Second

// health remembers how the device store was when it was last tried.
type health struct {
	mu      sync.Mutex
	at      time.Time
	err     error
	running chan struct{}  // closed when the try under way ends; nil if there is none
	tries   sync.WaitGroup // what Close waits for
}

// Ping tells whether the device store can be read and written, and is still the
// file at its path. It returns within 2 s, with CodeStorage if the store has not
// answered by then, and tries the store every 2 s at most: its answer may be as
// old. It must not be called after Close.
func (n *Network) Ping(ctx context.Context) error {
	h := &n.health
	h.mu.Lock()
	if h.running == nil && (h.at.IsZero() || n.opts.Clock().Sub(h.at) >= pingLimit) {
		h.running = make(chan struct{})
		h.tries.Go(n.tryStore)
	}
	running, err := h.running, h.err
	h.mu.Unlock()
	if running == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	select {
	case <-running:
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.err
	case <-ctx.Done():
		return engine.WrapError(engine.CodeStorage, ctx.Err(), "the device store does not answer")
	}
}

// tryStore tries the device store. It is no part of the call that wants to know:
// SQLite, when another process has locked the file, waits for its own timeout
// before it looks whether anybody still does.
func (n *Network) tryStore() {
	ctx, cancel := context.WithTimeout(context.Background(), pingLimit)
	defer cancel()
	err := n.devices.try(ctx)
	if err != nil {
		err = engine.WrapError(engine.CodeStorage, err, "the device store is out of order"+describe(err))
	}
	h := &n.health
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at, h.err = n.opts.Clock(), err
	close(h.running)
	h.running = nil
}

// describe says in words what is wrong with the store, where that is known.
func describe(err error) string {
	if e, ok := errors.AsType[sqlite3.Error](err); ok { // it comes by value
		switch e.Code {
		case sqlite3.ErrFull:
			return ": the disk is full"
		case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
			return ": it is damaged"
		}
	}
	return ""
}

// errReplaced says that what is written to the store is lost.
var errReplaced = errors.New("the file was moved, deleted or replaced while it was open")

// try reads and writes a row, without a change, and looks for the file.
func (d *devices) try(ctx context.Context) error {
	now, err := os.Stat(d.path)
	if err != nil {
		return err
	}
	if !os.SameFile(now, d.opened) {
		return errReplaced
	}
	var devices int
	if err := d.db.QueryRowContext(ctx, "SELECT count(*) FROM whatsmeow_device").Scan(&devices); err != nil {
		return err
	}
	// SQLite writes the page although nothing changes.
	_, err = d.db.ExecContext(ctx, "UPDATE whatsmeow_version SET version = version")
	return err
}

// Devices lists all devices in the store. It returns CodeStorage.
func (n *Network) Devices(ctx context.Context) ([]engine.DeviceID, error) {
	found, err := n.devices.list(ctx)
	if err != nil {
		return nil, engine.WrapError(engine.CodeStorage, err, "the device store could not be read")
	}
	return found, nil
}

func (d *devices) list(ctx context.Context) ([]engine.DeviceID, error) {
	rows, err := d.db.QueryContext(ctx, "SELECT jid FROM whatsmeow_device ORDER BY jid")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []engine.DeviceID
	for rows.Next() {
		var jid engine.DeviceID
		if err := rows.Scan(&jid); err != nil {
			return nil, err
		}
		found = append(found, jid)
	}
	return found, rows.Err()
}
