package whatsapp

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3" of the device store
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	waLog "go.mau.fi/whatsmeow/util/log"

	"wapid/engine"
	"wapid/store/checkpoint"
	"wapid/store/seal"
)

// FileName is the device store's file in the data directory.
const FileName = "whatsapp.db"

// devices is the store of linked devices: their keys, their Signal sessions, the
// messages that are decrypted but not committed, and those that were sent and
// may be asked for again. Losing the file means linking every device again.
type devices struct {
	db        *sql.DB
	container *sqlstore.Container
	path      string
	opened    os.FileInfo // the file at path when it was opened
	moves     *checkpoint.Mover
	committer *committer
	memory    *memory
	sealing
	turns deviceTurns
}

// makePrivate keeps the store's files from everybody but their owner, whatever the
// directory allows: they hold all keys. It makes the file itself, because SQLite
// would leave its mode to the umask; the write-ahead log and its index take over
// the file's mode when SQLite makes them.
func makePrivate(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err = errors.Join(file.Chmod(0o600), file.Close()); err != nil {
		return err
	}
	for _, beside := range []string{path + "-wal", path + "-shm"} {
		if err := os.Chmod(beside, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// openDevices opens the device store, and makes or upgrades its tables.
//
// The store has one connection, but for the one that moves its log. whatsmeow reads before it writes in a
// transaction that begins deferred; with several connections another session's
// commit then fails it at once, whatever the busy timeout, and a message that
// can't be decrypted for such a reason is lost. One connection is also as fast
// as several with immediate transactions. NORMAL is enough: a store that a power
// cut has set back is noticed, and drops its sessions.
//
// Keys say whether, and with what, the secrets in it are sealed; see seal.go.
func openDevices(ctx context.Context, dir string, keys seal.Keys, log waLog.Logger) (*devices, error) {
	path := filepath.Join(dir, FileName)
	if err := makePrivate(path); err != nil {
		return nil, fmt.Errorf("device store: %w", err)
	}
	dsn := deviceDSN(path)
	db, err := oneConnection(dsn)
	if err != nil {
		return nil, fmt.Errorf("device store %s: %w", path, err)
	}
	tables, err := whatsmeowTables(ctx, db, log)
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("device store %s: %w", path, err)
	}
	sent, err := openSent(ctx, db)
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("device store %s: %w", path, err)
	}
	// Before temp_store, because a vacuum of everything would be done in memory.
	box, err := settleSeal(ctx, db, keys, seal.Keep, log)
	if err != nil {
		db.Close()
		return nil, err
	}
	// What a statement needs to undo itself is kept in memory only. Otherwise SQLite sets
	// 64 KiB aside for each such statement, and makes a file of more.
	_, err = db.ExecContext(ctx, `PRAGMA temp_store = MEMORY`)
	if err == nil {
		err = checkpoint.Prepare(ctx, db)
	}
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("device store %s: %w", path, err)
	}
	opened, err := os.Stat(path)
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("device store: %w", err)
	}
	beside, err := oneConnection(dsn)
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("device store %s: %w", path, err)
	}
	return &devices{
		db: db, container: sqlstore.NewWithWrappedDB(tables, log), path: path, opened: opened,
		sealing: sealing{box: box, tables: tables},
		moves: checkpoint.Start(beside, db, checkpoint.Options{Failed: func(err error) {
			log.Warnf("The device store's log can't be moved into its file: %v", err)
		}}),
		committer: &committer{db: db, sentLog: sent}, memory: newMemory(rowMemory),
	}, nil
}

func (d *devices) close() error {
	d.committer.close()
	return errors.Join(d.moves.Close(), d.container.Close())
}

// deviceDSN is how the file is opened.
func deviceDSN(path string) string {
	params := url.Values{
		"_journal_mode":    {"WAL"},
		"_synchronous":     {"NORMAL"},
		"_foreign_keys":    {"on"},
		"_busy_timeout":    {"10000"},
		"_txlock":          {"immediate"},
		"_stmt_cache_size": {"200"},
	}
	return sourceName(path, params)
}

// sourceName is what the driver opens a file by.
func sourceName(path string, params url.Values) string {
	dsn := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: params.Encode()}
	if !filepath.IsAbs(path) {
		dsn.Path, dsn.Opaque = "", (&url.URL{Path: path}).EscapedPath()
	}
	return dsn.String()
}

// oneConnection opens a pool of a single connection.
func oneConnection(dsn string) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	return db, nil
}

// load reads a device. It returns engine.ErrNoDevice if there is none.
func (d *devices) load(ctx context.Context, jid types.JID) (*store.Device, error) {
	device, err := d.container.GetDevice(ctx, jid)
	if err != nil {
		return nil, engine.WrapError(engine.CodeStorage, err, "the device store could not be read")
	}
	if device == nil {
		return nil, engine.ErrNoDevice
	}
	if err := d.unseal(ctx, device); err != nil {
		return nil, engine.WrapError(engine.CodeStorage, err, "the device's keys could not be decrypted")
	}
	if err := d.attach(device); err != nil {
		return nil, engine.WrapError(engine.CodeInternal, err, "the device store can't be used")
	}
	return device, nil
}

// make prepares the keys of a device that is to be linked. Nothing is stored
// before the account has confirmed it.
func (d *devices) make() *store.Device {
	device := d.container.NewDevice()
	device.Container = d.keeper()
	return device
}

// forget deletes a device and all that belongs to it. It is idempotent.
func (d *devices) forget(ctx context.Context, jid types.JID) error {
	name := jid.String()
	turn := d.turns.of(name)
	turn.Lock()
	defer turn.Unlock()
	defer d.turns.forget(name)
	defer d.memory.forgetDevice(name)
	tx, err := d.db.BeginTx(ctx, nil)
	if err == nil {
		defer tx.Rollback()
		// The first three have no foreign key to their device.
		for _, query := range []string{
			"DELETE FROM whatsmeow_privacy_tokens WHERE our_jid = $1", forgetSent, forgetRuns,
			"DELETE FROM whatsmeow_device WHERE jid = $1",
		} {
			if err == nil {
				_, err = tx.ExecContext(ctx, query, name)
			}
		}
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		return engine.WrapError(engine.CodeStorage, err, "the device's keys could not be deleted")
	}
	return nil
}

// deviceID is the engine's name of a device: its address with the device part.
func deviceID(jid types.JID) engine.DeviceID { return engine.DeviceID(jid.String()) }

// parseDeviceID returns engine.ErrNoDevice for what deviceID can't have made.
func parseDeviceID(id engine.DeviceID) (types.JID, error) {
	jid, err := types.ParseJID(string(id))
	if err != nil || jid.User == "" || jid.Server != types.DefaultUserServer {
		return types.JID{}, engine.ErrNoDevice
	}
	return jid, nil
}
