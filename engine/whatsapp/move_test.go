package whatsapp

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
	"wapid/store/seal"
)

// savedDevice stores a device that was never linked, and gives it something of everything.
func savedDevice(t *testing.T, n *Network, user string, friend types.JID) *store.Device {
	t.Helper()
	ctx := t.Context()
	own := types.JID{User: user, Device: 7, Server: types.DefaultUserServer}
	d := n.devices.make()
	d.ID, d.LID = &own, types.JID{User: "1" + user, Device: 7, Server: types.HiddenUserServer}
	key := make([]byte, 64)
	d.Account = &waAdv.ADVSignedDeviceIdentity{Details: key, AccountSignature: key, AccountSignatureKey: key[:32], DeviceSignature: key}
	if err := d.Save(ctx); err != nil {
		t.Fatal(err)
	}
	d, err := n.devices.load(ctx, own)
	if err != nil {
		t.Fatal(err)
	}
	chat, group := types.JID{User: "123", Server: types.GroupServer}, "123@g.us"
	address := friend.SignalAddress().String()
	_, _, contactErr := d.Contacts.PutPushName(ctx, friend, "Friend")
	_, keysErr := d.PreKeys.GetOrGenPreKeys(ctx, 3)
	for _, err := range []error{
		contactErr, keysErr,
		d.Sessions.PutSession(ctx, address, []byte("session")),
		d.Identities.PutIdentity(ctx, address, [32]byte{1}),
		d.SenderKeys.PutSenderKey(ctx, group, address, []byte("theirs")),
		d.SenderKeys.PutSenderKey(ctx, group, own.SignalAddress().String(), []byte("ours")),
		d.AppStateKeys.PutAppStateSyncKey(ctx, []byte("id"), store.AppStateSyncKey{Data: []byte("data"), Fingerprint: []byte("print"), Timestamp: 1}),
		d.AppState.PutAppStateVersion(ctx, "regular", 3, [128]byte{2}),
		d.AppState.PutAppStateMutationMACs(ctx, "regular", 3, []store.AppStateMutationMAC{{IndexMAC: make([]byte, 32), ValueMAC: make([]byte, 32)}}),
		d.ChatSettings.PutArchived(ctx, chat, true),
		d.MsgSecrets.PutMessageSecret(ctx, chat, friend, "A", []byte("secret")),
		d.PrivacyTokens.PutPrivacyTokens(ctx, store.PrivacyToken{User: friend, Token: []byte("token")}),
		d.NCTSalt.PutNCTSalt(ctx, []byte("salt")),
		d.EventBuffer.PutBufferedEvent(ctx, [32]byte{9}, []byte("plain"), time.Now()),
		d.EventBuffer.AddOutgoingEvent(ctx, friend, "3EB0SENT", "wa", []byte("sent")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// TestDevicesMove: everything of a device goes along but what would be encrypted with,
// and nothing of another device does.
func TestDevicesMove(t *testing.T) {
	sim, key := simulate(t), seal.Keys{Current: testKey(t)}
	for name, keys := range map[string]struct{ from, to seal.Keys }{
		"plain":               {},
		"out of a sealed one": {from: key},
		"into a sealed one":   {to: key},
		"between sealed ones": {from: key, to: seal.Keys{Current: seal.NewKey()}},
	} {
		t.Run(name, func(t *testing.T) {
			from := sim.open(t, func(o *Options) { o.Keys = keys.from })
			to := sim.open(t, func(o *Options) { o.Keys = keys.to })
			moveDevice(t, from, to)
		})
	}
}

func moveDevice(t *testing.T, from, to *Network) {
	ctx := t.Context()
	friend := types.JID{User: "447700900999", Server: types.DefaultUserServer}
	stranger := types.JID{User: "447700900888", Server: types.DefaultUserServer}
	d := savedDevice(t, from, "447700900123", friend)
	savedDevice(t, from, "447700900124", stranger)
	lidOf := func(j types.JID) types.JID { return types.NewJID("5"+j.User, types.HiddenUserServer) }
	for _, one := range []types.JID{friend, stranger} {
		if err := from.devices.container.LIDMap.PutLIDMapping(ctx, lidOf(one), one); err != nil {
			t.Fatal(err)
		}
	}
	id := deviceID(*d.ID)
	path := filepath.Join(t.TempDir(), "moved")
	if err := from.Export(ctx, id, path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	found, err := to.Identify(ctx, path)
	if err != nil || len(found) != 1 || found[0].Device != id || found[0].Person != personOf(*d.ID, d.LID) {
		t.Fatalf("the file holds %+v, %v", found, err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second takes the place of the first
		if err := os.WriteFile(path, raw, 0o600); err != nil { // an import may change its file
			t.Fatal(err)
		}
		if err := to.Import(ctx, path, id); err != nil {
			t.Fatal(err)
		}
	}
	plain := from.devices.box == nil && to.devices.box == nil
	for _, table := range movedTables {
		if !plain {
			break
		}
		a, b := rowsOf(t, from.devices.db, table, string(id)), rowsOf(t, to.devices.db, table, string(id))
		switch table.name {
		case "whatsmeow_sender_keys":
			a = slices.DeleteFunc(a, func(r string) bool { return strings.Contains(r, fmt.Sprintf("%X", "ours")) })
		case "whatsmeow_retry_buffer": // its rows stand in other tables at their source
			a = b
		}
		if len(a) == 0 || !slices.Equal(a, b) {
			t.Errorf("%s:\n%q\nis now\n%q", table.name, a, b)
		}
	}
	moved, err := to.devices.load(ctx, *d.ID)
	if err != nil {
		t.Fatal(err)
	}
	if moved.NoiseKey.Priv == nil || *moved.NoiseKey.Priv != *d.NoiseKey.Priv || *moved.IdentityKey.Priv != *d.IdentityKey.Priv ||
		*moved.SignedPreKey.Priv != *d.SignedPreKey.Priv || !bytes.Equal(moved.AdvSecretKey, d.AdvSecretKey) {
		t.Error("the device has other keys")
	}
	for name, one := range map[string]func(*store.Device) (any, error){
		"prekey": func(d *store.Device) (any, error) { return d.PreKeys.GetPreKey(ctx, 2) },
		"secret": func(d *store.Device) (any, error) {
			key, _, err := d.MsgSecrets.GetMessageSecret(ctx, types.JID{User: "123", Server: types.GroupServer}, friend, "A")
			return key, err
		},
		"state key": func(d *store.Device) (any, error) { return d.AppStateKeys.GetAppStateSyncKey(ctx, []byte("id")) },
		"token":     func(d *store.Device) (any, error) { return d.PrivacyTokens.GetPrivacyToken(ctx, friend) },
		"salt":      func(d *store.Device) (any, error) { return d.NCTSalt.GetNCTSalt(ctx) },
		"buffered":  func(d *store.Device) (any, error) { return d.EventBuffer.GetBufferedEvent(ctx, [32]byte{9}) },
		"sender key": func(d *store.Device) (any, error) {
			return d.SenderKeys.GetSenderKey(ctx, "123@g.us", friend.SignalAddress().String())
		},
	} {
		was, err := one(d)
		is, movedErr := one(moved)
		if err != nil || movedErr != nil || !reflect.DeepEqual(was, is) || reflect.ValueOf(is).IsNil() {
			t.Errorf("%s: %v, %v is now %v, %v", name, was, err, is, movedErr)
		}
	}
	if has, err := moved.Sessions.HasSession(ctx, friend.SignalAddress().String()); err != nil || has {
		t.Errorf("the session came along: %v, %v", has, err)
	}
	if _, body, err := moved.EventBuffer.GetOutgoingEvent(ctx, friend, friend, "3EB0SENT"); err != nil || string(body) != "sent" {
		t.Errorf("the message that was sent is %q, %v", body, err)
	}
	if lid, err := to.devices.container.LIDMap.GetLIDForPN(ctx, friend); err != nil || lid != lidOf(friend) {
		t.Errorf("the friend is %v, %v", lid, err)
	}
	if lid, err := to.devices.container.LIDMap.GetLIDForPN(ctx, stranger); err != nil || !lid.IsEmpty() {
		t.Errorf("another device's acquaintance came along: %v, %v", lid, err)
	}
	if err := from.Renew(ctx, id); err != nil {
		t.Fatal(err)
	}
	if has, err := d.Sessions.HasSession(ctx, friend.SignalAddress().String()); err != nil || has {
		t.Errorf("the session outlived the renewal: %v, %v", has, err)
	}
}

// TestImportRefuses what is no device store.
func TestImportRefuses(t *testing.T) {
	ctx, dir, sim := t.Context(), t.TempDir(), simulate(t)
	n := sim.open(t, nil)
	d := savedDevice(t, n, "447700900123", types.JID{User: "447700900999", Server: types.DefaultUserServer})
	write := func(name string, make func(path string)) string {
		path := filepath.Join(dir, name)
		make(path)
		return path
	}
	changed := func(query string) func(string) {
		return func(path string) {
			if err := n.Export(ctx, deviceID(*d.ID), path); err != nil {
				t.Fatal(err)
			}
			db, err := oneConnection(sourceName(path, nil))
			if err == nil {
				_, err = db.ExecContext(ctx, query)
			}
			if err != nil {
				t.Fatal(err)
			}
			db.Close()
		}
	}
	other := engine.DeviceID("447700900777:1@s.whatsapp.net")
	for _, c := range []struct {
		name, path string
		device     engine.DeviceID
		want       engine.Code
	}{
		{"no SQLite file", write("text", func(p string) { os.WriteFile(p, []byte(strings.Repeat("no database ", 999)), 0o600) }), deviceID(*d.ID), engine.CodeInvalid},
		{"a trigger", write("trigger", changed(`CREATE TRIGGER x AFTER INSERT ON whatsmeow_device BEGIN SELECT 1; END`)), deviceID(*d.ID), engine.CodeInvalid},
		{"a newer schema", write("newer", changed(`UPDATE whatsmeow_version SET version = 9999, compat = 9999`)), deviceID(*d.ID), engine.CodeInvalid},
		{"another device", write("other", changed(`SELECT 1`)), other, engine.CodeOf(engine.ErrNoDevice)},
	} {
		if err := n.Import(ctx, c.path, c.device); engine.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	if _, err := n.devices.load(ctx, *d.ID); err != nil {
		t.Errorf("a refused import took the device: %v", err)
	}
}

// TestEveryTableMoves: a table that a new whatsmeow brings is thought of here.
func TestEveryTableMoves(t *testing.T) {
	n := simulate(t).open(t, nil)
	known := map[string]bool{
		"whatsmeow_sessions": true,                          // begin anew
		"wapid_sent":         true, "wapid_sent_runs": true, // go into whatsmeow_retry_buffer
	}
	for _, table := range movedTables {
		known[table.name] = true
	}
	rows, err := n.devices.db.QueryContext(context.Background(), `SELECT DISTINCT m.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND c.name IN ('jid', 'our_jid', 'device')`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		if !known[name] {
			t.Errorf("%s belongs to devices and does not move", name)
		}
	}
}

func rowsOf(t *testing.T, db *sql.DB, table movedTable, device string) (all []string) {
	t.Helper()
	columns := readable(t, db, table.name)
	rows, err := db.QueryContext(t.Context(), "SELECT "+strings.Join(columns, " || '|' || ")+" FROM "+table.name+" WHERE "+table.device+" = $1", device)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

func readable(t *testing.T, db *sql.DB, table string) (columns []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT 'coalesce(hex(' || name || '), 0)' FROM pragma_table_info($1)`, table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		columns = append(columns, name)
	}
	return columns
}
