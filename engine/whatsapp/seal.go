package whatsapp

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"go.mau.fi/util/dbutil"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/store/sqlstore/upgrades"
	waLog "go.mau.fi/whatsmeow/util/log"

	"wapid/store/seal"
)

// What is secret in the device store is sealed when the operator has given a key: what
// proves to be the device, what messages were and will be encrypted with, and messages
// as they wait here for being committed or asked for again. Most of it is sealed in its
// own column. whatsmeow's columns for a device's keys and for prekeys take 32 bytes and
// no more; there stand zeros, and the keys stand in tables of ours, which exist only as
// long as the store is encrypted and lose their rows with whatsmeow's. What is public or
// says only who is known stays plain: identity keys, contacts, LIDs, settings of chats.
//
// Each value is bound to its kind, its device and what names its row. What is looked for
// under either of a person's two addresses is bound to the message instead.
const (
	kindDevice    = "device"
	kindPreKey    = "prekey"
	kindSession   = "session"
	kindSenderKey = "sender key"
	kindStateKey  = "state key"
	kindSecret    = "message secret"
	kindToken     = "token"
	kindSalt      = "salt"
	kindIncoming  = "incoming"
	kindOutgoing  = "outgoing"
)

const sealTable = "wapid_sealing"

const (
	makeSealedDevices = `CREATE TABLE wapid_sealed_devices (
		jid    TEXT NOT NULL PRIMARY KEY REFERENCES whatsmeow_device (jid) ON DELETE CASCADE,
		sealed BLOB NOT NULL -- noise key, identity key, signed prekey, ADV secret
	)`
	makeSealedPreKeys = `CREATE TABLE wapid_sealed_pre_keys (
		jid    TEXT    NOT NULL,
		key_id INTEGER NOT NULL,
		sealed BLOB    NOT NULL,
		PRIMARY KEY (jid, key_id),
		FOREIGN KEY (jid, key_id) REFERENCES whatsmeow_pre_keys (jid, key_id) ON DELETE CASCADE
	) WITHOUT ROWID`
)

// inPlace seals what has a column that takes it, from any form to any other.
func inPlace() []string {
	return []string{
		`UPDATE whatsmeow_sessions SET session = reseal(session, 'session', our_jid, their_id) WHERE session IS NOT NULL`,
		`UPDATE whatsmeow_sender_keys SET sender_key = reseal(sender_key, 'sender key', our_jid, chat_id, sender_id)`,
		`UPDATE whatsmeow_app_state_sync_keys SET key_data = reseal(key_data, 'state key', jid, key_id)`,
		`UPDATE whatsmeow_message_secrets SET key = reseal(key, 'message secret', our_jid, message_id)`,
		`UPDATE whatsmeow_privacy_tokens SET token = reseal(token, 'token', our_jid, their_jid)`,
		`UPDATE whatsmeow_nct_salt SET salt = reseal(salt, 'salt', our_jid)`,
		`UPDATE whatsmeow_event_buffer SET plaintext = reseal(plaintext, 'incoming', our_jid, ciphertext_hash) WHERE plaintext IS NOT NULL`,
		`UPDATE whatsmeow_retry_buffer SET plaintext = reseal(plaintext, 'outgoing', our_jid, message_id)`,
		`UPDATE wapid_sent SET plaintext = reseal(plaintext, 'outgoing', device, id)`,
		`UPDATE wapid_sent_runs SET plaintext = reseal(plaintext, 'outgoing', device, id)`,
	}
}

// SealPlan says how the device store is encrypted.
func SealPlan() seal.Plan {
	return seal.Plan{
		Database: FileName,
		Table:    sealTable,
		Seal: append([]string{
			makeSealedDevices, makeSealedPreKeys,
			`INSERT INTO wapid_sealed_devices (jid, sealed)
				SELECT jid, reseal(CAST(noise_key || identity_key || signed_pre_key || adv_key AS BLOB), 'device', jid) FROM whatsmeow_device`,
			`UPDATE whatsmeow_device SET noise_key = zeroblob(32), identity_key = zeroblob(32), signed_pre_key = zeroblob(32), adv_key = zeroblob(32)`,
			`INSERT INTO wapid_sealed_pre_keys (jid, key_id, sealed)
				SELECT jid, key_id, reseal(key, 'prekey', jid, CAST(key_id AS TEXT)) FROM whatsmeow_pre_keys`,
			`UPDATE whatsmeow_pre_keys SET key = zeroblob(32)`,
		}, inPlace()...),
		Reseal: append([]string{
			`UPDATE wapid_sealed_devices SET sealed = reseal(sealed, 'device', jid)`,
			`UPDATE wapid_sealed_pre_keys SET sealed = reseal(sealed, 'prekey', jid, CAST(key_id AS TEXT))`,
		}, inPlace()...),
		Unseal: append([]string{
			`UPDATE wapid_sealed_devices SET sealed = reseal(sealed, 'device', jid)`,
			`UPDATE whatsmeow_device SET (noise_key, identity_key, signed_pre_key, adv_key) =
				(SELECT substr(sealed, 1, 32), substr(sealed, 33, 32), substr(sealed, 65, 32), substr(sealed, 97) FROM wapid_sealed_devices AS s WHERE s.jid = whatsmeow_device.jid)`,
			`UPDATE whatsmeow_pre_keys SET key = (SELECT reseal(sealed, 'prekey', s.jid, CAST(s.key_id AS TEXT))
				FROM wapid_sealed_pre_keys AS s WHERE s.jid = whatsmeow_pre_keys.jid AND s.key_id = whatsmeow_pre_keys.key_id)`,
			`DROP TABLE wapid_sealed_devices`,
			`DROP TABLE wapid_sealed_pre_keys`,
		}, inPlace()...),
	}
}

// InspectSeal reads whether the device store of a data directory is encrypted.
func InspectSeal(ctx context.Context, dir string) (seal.State, error) {
	return seal.Inspect(ctx, filepath.Join(dir, FileName), SealPlan())
}

// Reseal changes the encryption of a device store that nobody has open. warn is told of
// what could not be wiped. It returns a *seal.Refusal if the keys don't fit.
func Reseal(ctx context.Context, dir string, keys seal.Keys, change seal.Change, warn func(error)) error {
	db, err := oneConnection(deviceDSN(filepath.Join(dir, FileName)))
	if err != nil {
		return err
	}
	_, err = seal.Settle(ctx, db, SealPlan(), keys, change, warn)
	return errors.Join(err, db.Close())
}

// sealing is what the device store is encrypted with.
type sealing struct {
	box    *seal.Box // nil if it is not
	tables *dbutil.Database
}

// whatsmeowTables makes or upgrades whatsmeow's tables. What uses its own statements
// together with others shares a transaction through the result.
func whatsmeowTables(ctx context.Context, db *sql.DB, log waLog.Logger) (*dbutil.Database, error) {
	tables, err := dbutil.NewWithDB(db, "sqlite3")
	if err != nil {
		return nil, err
	}
	tables.UpgradeTable, tables.VersionTable = upgrades.Table, "whatsmeow_version"
	return tables, sqlstore.NewWithWrappedDB(tables, log).Upgrade(ctx)
}

func settleSeal(ctx context.Context, db *sql.DB, keys seal.Keys, change seal.Change, log waLog.Logger) (*seal.Box, error) {
	return seal.Settle(ctx, db, SealPlan(), keys, change, func(err error) { log.Warnf("%v", err) })
}

// deviceKeys are a device's secrets in one piece.
func deviceKeys(device *store.Device) []byte {
	all := append(append(append([]byte(nil), device.NoiseKey.Priv[:]...), device.IdentityKey.Priv[:]...), device.SignedPreKey.Priv[:]...)
	return append(all, device.AdvSecretKey...)
}

// seal encrypts a value of the device.
func (s *deviceStore) seal(value []byte, kind string, names ...string) []byte {
	box := s.devices.box
	if box == nil {
		return value
	}
	return box.Seal(value, append([]string{kind, s.device}, names...)...)
}

// open decrypts what seal has encrypted. The error of what can't be is the database's.
func (s *deviceStore) open(value []byte, kind string, names ...string) ([]byte, error) {
	box := s.devices.box
	if box == nil {
		return value, nil
	}
	opened, err := box.Open(value, append([]string{kind, s.device}, names...)...)
	if err != nil {
		return nil, fmt.Errorf("a %s: %w", kind, err)
	}
	return opened, nil
}

// preKeyName is what a prekey is bound to.
func preKeyName(id uint32) string { return strconv.FormatUint(uint64(id), 10) }
