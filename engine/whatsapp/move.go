package whatsapp

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"slices"
	"strings"

	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	waLog "go.mau.fi/whatsmeow/util/log"

	"wapid/engine"
	"wapid/store/seal"
)

// A device travels as a SQLite file with whatsmeow's own tables. So what another
// program keeps with whatsmeow is read as what this one has exported.

// movedTables are whatsmeow's tables that belong to devices, in the order in which
// their foreign keys let them be filled, and the column that names the device. What
// is not taken along are the sessions with other devices and the device's own keys of
// groups: they begin anew, because nothing tells how old a file is, and phones take
// what is encrypted under an old key for a copy.
var movedTables = []movedTable{
	{"whatsmeow_device", "jid"},
	{"whatsmeow_identity_keys", "our_jid"},
	{"whatsmeow_pre_keys", "jid"},
	{"whatsmeow_sender_keys", "our_jid"},
	{"whatsmeow_app_state_sync_keys", "jid"},
	{"whatsmeow_app_state_version", "jid"},
	{"whatsmeow_app_state_mutation_macs", "jid"},
	{"whatsmeow_contacts", "our_jid"},
	{"whatsmeow_chat_settings", "our_jid"},
	{"whatsmeow_message_secrets", "our_jid"},
	{"whatsmeow_privacy_tokens", "our_jid"},
	{"whatsmeow_nct_salt", "our_jid"},
	{"whatsmeow_event_buffer", "our_jid"},
	{"whatsmeow_retry_buffer", "our_jid"},
}

// sealedTables are there too as long as the store is encrypted.
var sealedTables = []movedTable{{"wapid_sealed_devices", "jid"}, {"wapid_sealed_pre_keys", "jid"}}

type movedTable struct{ name, device string }

var _ engine.Mover = (*Network)(nil)

// movable is a file with devices that are on their way.
type movable struct {
	db        *sql.DB
	container *sqlstore.Container
}

// openMovable opens a file, and makes or upgrades its tables. It returns CodeInvalid
// for what is no such file, or one of a newer whatsmeow.
func openMovable(ctx context.Context, path string) (*movable, error) {
	db, err := oneConnection(sourceName(path, url.Values{"_foreign_keys": {"on"}, "_busy_timeout": {"10000"}}))
	if err != nil {
		return nil, err
	}
	m := &movable{db: db, container: sqlstore.NewWithDB(db, "sqlite3", waLog.Noop)}
	// Nothing that stands in the file's schema may call for more than SQLite's own functions.
	_, err = db.ExecContext(ctx, `PRAGMA trusted_schema = OFF`)
	if err == nil {
		err = refuseStrange(ctx, db)
	}
	if err == nil {
		err = m.container.Upgrade(ctx)
	}
	if err != nil {
		db.Close()
		if _, ok := errors.AsType[*engine.Error](err); ok {
			return nil, err
		}
		return nil, engine.WrapError(engine.CodeInvalid, err, "the file is no device store that this version can read")
	}
	return m, nil
}

// refuseStrange looks at what stands in a file beside whatsmeow's tables.
func refuseStrange(ctx context.Context, db *sql.DB) error {
	var strange, sealing int
	err := db.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE type IN ('trigger', 'view')), count(*) FILTER (WHERE name = $1)
		FROM sqlite_schema`, sealTable).Scan(&strange, &sealing)
	if err == nil && strange > 0 {
		err = errors.New("it holds triggers or views, which no device store does")
	}
	if err != nil || sealing == 0 {
		return err
	}
	var sealed bool
	err = db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM `+sealTable+` WHERE length(wrapped) > 0)`).Scan(&sealed)
	if err == nil && sealed {
		err = engine.Errorf(engine.CodeInvalid, "the file is wapid's own device store and encrypted: export its sessions with wapid session export")
	}
	return err
}

func (m *movable) close() error { return m.db.Close() }

// Identify tells which devices a file with whatsmeow's tables holds, by name; the file is upgraded
// to their newest form. It returns CodeInvalid.
func Identify(ctx context.Context, path string) ([]engine.Identity, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, engine.WrapError(engine.CodeInvalid, err, "the file can't be read")
	}
	m, err := openMovable(ctx, path)
	if err != nil {
		return nil, err
	}
	defer m.close()
	found, err := m.container.GetAllDevices(ctx)
	if err != nil {
		return nil, engine.WrapError(engine.CodeInvalid, err, "the devices in the file can't be read")
	}
	identities := make([]engine.Identity, 0, len(found))
	for _, d := range found {
		if d.ID != nil && d.ID.Server == types.DefaultUserServer {
			identities = append(identities, engine.Identity{Device: deviceID(*d.ID), Person: personOf(*d.ID, d.LID)})
		}
	}
	slices.SortFunc(identities, func(a, b engine.Identity) int { return strings.Compare(string(a.Device), string(b.Device)) })
	return identities, nil
}

// Identify implements engine.Mover.
func (n *Network) Identify(ctx context.Context, path string) ([]engine.Identity, error) {
	return Identify(ctx, path)
}

// Export implements engine.Mover. The device must not be in use.
func (n *Network) Export(ctx context.Context, device engine.DeviceID, path string) error {
	jid, err := parseDeviceID(device)
	if err != nil {
		return err
	}
	if _, err := n.devices.load(ctx, jid); err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return engine.Errorf(engine.CodeStorage, "the export's file is there already")
	}
	if err := makePrivate(path); err != nil {
		return engine.WrapError(engine.CodeStorage, err, "the export could not be written")
	}
	to, err := openMovable(ctx, path)
	if err == nil {
		err = errors.Join(n.devices.exportTo(ctx, to, jid.String()), to.close())
	}
	if err != nil {
		return engine.WrapError(engine.CodeStorage, err, "the export could not be written")
	}
	return nil
}

// exportTo reads a device beside whatever else the store does, in one snapshot.
func (d *devices) exportTo(ctx context.Context, to *movable, device string) (err error) {
	beside, err := oneConnection(sourceName(d.path, url.Values{"mode": {"rw"}, "_query_only": {"true"}, "_busy_timeout": {"10000"}}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, beside.Close()) }()
	from, err := beside.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer from.Rollback()
	if d.box != nil {
		if err := to.prepareSealed(ctx, makeSealedDevices, makeSealedPreKeys); err != nil {
			return err
		}
	}
	if err := d.copyDevice(ctx, from, to.db, to.container, device); err != nil {
		return err
	}
	// Messages that may be asked for again, from our tables into whatsmeow's.
	sent, err := from.QueryContext(ctx, everyRun+`SELECT device, chat, id, format, plaintext, at FROM wapid_sent WHERE device = $1
		UNION ALL SELECT s.device, s.chat, s.id, s.format, s.plaintext, s.run FROM runs CROSS JOIN wapid_sent_runs AS s ON s.run = runs.run AND s.device = $1`, device)
	if err == nil {
		err = insertAll(ctx, to.db, sent, `INSERT OR REPLACE INTO whatsmeow_retry_buffer (our_jid, chat_jid, message_id, format, plaintext, timestamp) VALUES ($1, $2, $3, $4, $5, $6)`, 6)
	}
	if err != nil || d.box == nil {
		return err
	}
	return seal.Transform(ctx, to.db, SealPlan().Unseal, d.box, nil)
}

// prepareSealed makes the tables that whatsmeow does not know and the steps of the
// sealing do.
func (m *movable) prepareSealed(ctx context.Context, more ...string) error {
	for _, step := range append([]string{sentSchema}, more...) {
		if _, err := m.db.ExecContext(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// Import implements engine.Mover. No session may have the device.
func (n *Network) Import(ctx context.Context, path string, device engine.DeviceID) error {
	jid, err := parseDeviceID(device)
	if err != nil {
		return err
	}
	from, err := openMovable(ctx, path)
	if err != nil {
		return err
	}
	defer from.close()
	found, err := from.container.GetDevice(ctx, jid)
	switch {
	case err != nil:
		return engine.WrapError(engine.CodeInvalid, err, "the devices in the file can't be read")
	case found == nil:
		return engine.ErrNoDevice
	}
	if err := n.devices.forget(ctx, jid); err != nil {
		return err
	}
	if err := n.devices.importFrom(ctx, from, jid.String()); err != nil {
		return errors.Join(engine.WrapError(engine.CodeStorage, err, "the device could not be stored"), n.devices.forget(ctx, jid))
	}
	return nil
}

// importFrom takes a device out of a file.
func (d *devices) importFrom(ctx context.Context, from *movable, device string) error {
	if d.box != nil {
		if err := from.prepareSealed(ctx); err != nil {
			return err
		}
		if err := seal.Transform(ctx, from.db, SealPlan().Seal, nil, d.box); err != nil {
			return err
		}
	}
	source, err := from.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer source.Rollback()
	return d.copyDevice(ctx, source, d.db, d.container, device)
}

// Extract copies one device of a file with whatsmeow's tables, such as another program
// keeps, into a new file at path. The file that it comes from is upgraded. It returns
// ErrNoDevice, CodeInvalid and CodeStorage.
func Extract(ctx context.Context, from string, device engine.DeviceID, path string) error {
	jid, err := parseDeviceID(device)
	if err != nil {
		return err
	}
	source, err := openMovable(ctx, from)
	if err != nil {
		return err
	}
	defer source.close()
	if err := makePrivate(path); err != nil {
		return engine.WrapError(engine.CodeStorage, err, "the device could not be copied")
	}
	to, err := openMovable(ctx, path)
	if err != nil {
		return err
	}
	tx, err := source.db.BeginTx(ctx, nil)
	if err == nil {
		err = errors.Join(copyDevice(ctx, movedTables, tx, to.db, to.container, jid.String()), tx.Rollback())
	}
	if err = errors.Join(err, to.close()); err != nil {
		return engine.WrapError(engine.CodeStorage, err, "the device could not be copied")
	}
	return nil
}

// Renew implements engine.Mover.
func (n *Network) Renew(ctx context.Context, device engine.DeviceID) error {
	jid, err := parseDeviceID(device)
	if err != nil {
		return nil // it can't be in the store
	}
	if err := n.devices.renew(ctx, jid.String()); err != nil {
		return engine.WrapError(engine.CodeStorage, err, "the device's sessions could not be deleted")
	}
	return nil
}

// copyDevice copies a device between the store and a file, both sealed as the store is.
func (d *devices) copyDevice(ctx context.Context, from *sql.Tx, to *sql.DB, container *sqlstore.Container, device string) error {
	tables := movedTables
	if d.box != nil {
		tables = slices.Concat(tables, sealedTables)
	}
	return copyDevice(ctx, tables, from, to, container, device)
}
