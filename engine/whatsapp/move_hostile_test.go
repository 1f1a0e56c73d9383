package whatsapp

import (
	"path/filepath"
	"testing"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
	"wapid/store/seal"
)

// exportWith writes a device into a file, and changes that by SQL.
func exportWith(t *testing.T, n *Network, device engine.DeviceID, query string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	if err := n.Export(t.Context(), device, path); err != nil {
		t.Fatal(err)
	}
	db, err := oneConnection(sourceName(path, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestImportRunsNothingOfAFile: a name in a file's schema is never a part of a statement.
func TestImportRunsNothingOfAFile(t *testing.T) {
	ctx, sim := t.Context(), simulate(t)
	from, to := sim.open(t, nil), sim.open(t, nil)
	friend := types.JID{User: "447700900999", Server: types.DefaultUserServer}
	moved, other := savedDevice(t, from, "447700900123", friend), savedDevice(t, to, "447700900124", friend)
	path := exportWith(t, from, deviceID(*moved.ID), `DROP TABLE whatsmeow_chat_settings;
		CREATE TABLE whatsmeow_chat_settings (our_jid TEXT, "chat_jid) SELECT 1, 1 WHERE 0; DELETE FROM whatsmeow_device; --" TEXT);
		INSERT INTO whatsmeow_chat_settings (our_jid) VALUES ('447700900123:7@s.whatsapp.net')`)
	if err := to.Import(ctx, path, deviceID(*moved.ID)); err == nil {
		t.Error("the file was taken")
	}
	if _, err := to.devices.load(ctx, *other.ID); err != nil {
		t.Errorf("another device is gone: %v", err)
	}
}

// TestImportReplacesNoAddresses: what is known of a person is WhatsApp's word, and that of
// a file counts less.
func TestImportReplacesNoAddresses(t *testing.T) {
	ctx, sim := t.Context(), simulate(t)
	from, to := sim.open(t, nil), sim.open(t, nil)
	friend := types.JID{User: "447700900999", Server: types.DefaultUserServer}
	right, wrong := types.NewJID("5447700900999", types.HiddenUserServer), types.NewJID("666", types.HiddenUserServer)
	moved := savedDevice(t, from, "447700900123", friend)
	if err := to.devices.container.LIDMap.PutLIDMapping(ctx, right, friend); err != nil {
		t.Fatal(err)
	}
	path := exportWith(t, from, deviceID(*moved.ID), `INSERT INTO whatsmeow_lid_map (lid, pn) VALUES ('666', '447700900999')`)
	if err := to.Import(ctx, path, deviceID(*moved.ID)); err != nil {
		t.Fatal(err)
	}
	if lid, err := to.devices.container.LIDMap.GetLIDForPN(ctx, friend); err != nil || lid != right {
		t.Errorf("the friend is %v, %v", lid, err)
	}
	if pn, err := to.devices.container.LIDMap.GetPNForLID(ctx, wrong); err != nil || !pn.IsEmpty() {
		t.Errorf("the file's address is %v, %v", pn, err)
	}
}

// TestEncryptedStoresAreNotAdopted: what stands in one can't be used without its key.
func TestEncryptedStoresAreNotAdopted(t *testing.T) {
	n := simulate(t).open(t, func(o *Options) { o.Keys = seal.Keys{Current: testKey(t)} })
	savedDevice(t, n, "447700900123", types.JID{User: "447700900999", Server: types.DefaultUserServer})
	if found, err := Identify(t.Context(), n.devices.path); engine.CodeOf(err) != engine.CodeInvalid {
		t.Errorf("it holds %v, %v", found, err)
	}
}
