package whatsapp

import (
	"context"
	"database/sql"
	"fmt"

	"go.mau.fi/whatsmeow/types"
)

// forgetSessions makes a device store fit for use that is older than what it was
// used for, as after a power cut or from a backup.
//
// Its Signal sessions would encrypt under keys that phones have seen already, and
// a device that sees a key for the second time takes the message for a copy: it
// confirms it and shows nothing. Without sessions the next message to everybody
// opens a new one, and what others send in an old session is asked for again. The
// same goes for the own keys of groups; those of others only move forward. All
// devices keep their identity and stay linked.
func (d *devices) forgetSessions(ctx context.Context) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	defer d.memory.forgetAll()
	if _, err := tx.ExecContext(ctx, "DELETE FROM whatsmeow_sessions"); err != nil {
		return err
	}
	own, err := ownAddresses(ctx, tx)
	if err != nil {
		return err
	}
	if err := dropOwnSenderKeys(ctx, tx, own); err != nil {
		return err
	}
	return tx.Commit()
}

// renew does the same for one device.
func (d *devices) renew(ctx context.Context, device string) error {
	turn := d.turns.of(device)
	turn.Lock()
	defer turn.Unlock()
	defer d.memory.forgetDevice(device)
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "DELETE FROM whatsmeow_sessions WHERE our_jid = $1", device); err != nil {
		return err
	}
	own, err := ownAddressesOf(ctx, tx, device)
	if err != nil {
		return err
	}
	if err := dropOwnSenderKeys(ctx, tx, own); err != nil {
		return err
	}
	return tx.Commit()
}

// execer is a database, or a transaction on it.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func dropOwnSenderKeys(ctx context.Context, in execer, own []ownAddress) error {
	for _, a := range own {
		_, err := in.ExecContext(ctx, "DELETE FROM whatsmeow_sender_keys WHERE our_jid = $1 AND sender_id = $2", a.device, a.signal)
		if err != nil {
			return err
		}
	}
	return nil
}

// ownAddress is a name under which a device keeps its own keys of groups.
type ownAddress struct{ device, signal string }

const selectOwn = "SELECT jid, coalesce(lid, '') FROM whatsmeow_device"

func ownAddresses(ctx context.Context, tx *sql.Tx) ([]ownAddress, error) {
	return readOwnAddresses(tx.QueryContext(ctx, selectOwn))
}

func ownAddressesOf(ctx context.Context, tx *sql.Tx, device string) ([]ownAddress, error) {
	return readOwnAddresses(tx.QueryContext(ctx, selectOwn+" WHERE jid = $1", device))
}

func readOwnAddresses(rows *sql.Rows, err error) (all []ownAddress, _ error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var device, lid string
		if err := rows.Scan(&device, &lid); err != nil {
			return nil, err
		}
		for _, text := range []string{device, lid} {
			if text == "" {
				continue
			}
			jid, err := types.ParseJID(text)
			if err != nil {
				return nil, fmt.Errorf("a device's address: %w", err)
			}
			all = append(all, ownAddress{device, jid.SignalAddress().String()})
		}
	}
	return all, rows.Err()
}
