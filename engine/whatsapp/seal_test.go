package whatsapp

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.mau.fi/whatsmeow/types"
	waLog "go.mau.fi/whatsmeow/util/log"

	"wapid/store/seal"
)

// testKey is the same one in every test, so that a store can be opened again.
func testKey(t testing.TB) *seal.Key {
	t.Helper()
	key, err := seal.ParseKey("b1946ac92492d2347c6235b4d2611184f0a3c7d9e85b4f6a2d1c0e9f8a7b6c5d")
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestNoSecretCanBeRead with a key from the beginning; and that the test sees those that
// can, without one.
func TestNoSecretCanBeRead(t *testing.T) {
	keys := seal.Keys{Current: testKey(t)}
	v := newVault(t, keys)
	if found := v.lies(t); len(found) > 0 {
		t.Errorf("can be read: %q", found)
	}
	v.holds(t, keys)
	plain := newVault(t, seal.Keys{})
	if found := plain.lies(t); len(found) != len(plain.secrets) {
		t.Errorf("of %d secrets of a plain store only %q were found", len(plain.secrets), found)
	}
	plain.holds(t, seal.Keys{})
}

// TestTheLifeOfAKey: a plain store is encrypted, gets another key, is encrypted anew, and
// is decrypted. Nothing of it is lost, and nothing of before can be read.
func TestTheLifeOfAKey(t *testing.T) {
	first, second, third := seal.Keys{Current: testKey(t)}, seal.Keys{Current: seal.NewKey()}, seal.Keys{Current: seal.NewKey()}
	v := newVault(t, seal.Keys{})
	v.holds(t, first)
	if found := v.lies(t); len(found) > 0 {
		t.Errorf("after the encryption can be read: %q", found)
	}
	second.Old = first.Current
	v.holds(t, second)
	second.Old = nil
	v.holds(t, second)
	v.refuses(t, first)
	third.Old = second.Current
	refused := func(err error) { t.Error(err) }
	if err := Reseal(t.Context(), v.dir, third, seal.Renew, refused); err != nil {
		t.Fatal(err)
	}
	third.Old = nil
	v.holds(t, third)
	v.refuses(t, second)
	if found := v.lies(t); len(found) > 0 {
		t.Errorf("after two rotations can be read: %q", found)
	}
	if err := Reseal(t.Context(), v.dir, third, seal.Decrypt, refused); err != nil {
		t.Fatal(err)
	}
	v.holds(t, seal.Keys{})
	if s, err := InspectSeal(t.Context(), v.dir); err != nil || s.Sealed || s.KeyID != "" {
		t.Errorf("the decrypted store says %+v, %v", s, err)
	}
	v.holds(t, first) // and again
	if found := v.lies(t); len(found) > 0 {
		t.Errorf("after the second encryption can be read: %q", found)
	}
}

// refuses expects that keys don't open the vault, and that the attempt changes nothing.
func (v *vault) refuses(t *testing.T, keys seal.Keys) {
	t.Helper()
	path := filepath.Join(v.dir, FileName)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := openDevices(t.Context(), v.dir, keys, waLog.Noop)
	if _, ok := errors.AsType[*seal.Refusal](err); !ok {
		t.Fatalf("opened as %v, %v", d, err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file has changed, %v", err)
	}
}

func TestAnEncryptedStoreNeedsItsKey(t *testing.T) {
	keys := seal.Keys{Current: testKey(t)}
	v := newVault(t, keys)
	v.refuses(t, seal.Keys{})
	v.refuses(t, seal.Keys{Current: seal.NewKey()})
	v.refuses(t, seal.Keys{Current: seal.NewKey(), Old: seal.NewKey()})
	for _, change := range []seal.Change{seal.Renew, seal.Decrypt} {
		if err := Reseal(t.Context(), v.dir, seal.Keys{Current: seal.NewKey()}, change, nil); err == nil {
			t.Error("another key changed the store")
		}
	}
	v.holds(t, keys)
}

// TestValuesCannotChangePlaces: what is copied to another row, device or table is refused,
// as is what is put in plain.
func TestValuesCannotChangePlaces(t *testing.T) {
	keys := seal.Keys{Current: testKey(t)}
	v := newVault(t, keys)
	for _, test := range []struct{ name, query string }{
		{"another session's", `UPDATE whatsmeow_sessions SET session = (SELECT session FROM whatsmeow_sessions WHERE their_id = '777:1')`},
		{"a sender key's", `UPDATE whatsmeow_sessions SET session = (SELECT sender_key FROM whatsmeow_sender_keys)`},
		{"plain", `UPDATE whatsmeow_sessions SET session = x'0102'`},
	} {
		d := v.open(t, keys)
		if _, err := d.db.ExecContext(t.Context(), test.query); err != nil {
			t.Fatal(err)
		}
		device, err := d.load(t.Context(), v.own)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := device.Sessions.GetSession(t.Context(), vaultPeer.SignalAddress().String()); !errors.Is(err, seal.ErrNotSealed) {
			t.Errorf("%s: read %q, %v", test.name, got, err)
		}
		if err := d.close(); err != nil {
			t.Fatal(err)
		}
	}
	d := v.open(t, keys)
	defer d.close()
	other, _ := linkedDevice(t, d, 2)
	if _, err := d.db.ExecContext(t.Context(), `UPDATE wapid_sealed_devices SET sealed = (SELECT sealed FROM wapid_sealed_devices WHERE jid = $1)`, v.own.String()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.load(t.Context(), *other.ID); !errors.Is(err, seal.ErrNotSealed) {
		t.Errorf("a device with another's keys: %v", err)
	}
}

// TestAPersonsNewAddress: what is stored under a number moves to the LID, and can be read
// there.
func TestAPersonsNewAddress(t *testing.T) {
	for name, keys := range map[string]seal.Keys{"plain": {}, "sealed": {Current: testKey(t)}} {
		t.Run(name, func(t *testing.T) {
			v := newVault(t, keys)
			d := v.open(t, keys)
			defer d.close()
			device, err := d.load(t.Context(), v.own)
			if err != nil {
				t.Fatal(err)
			}
			lid := types.JID{User: "556", Server: types.HiddenUserServer}
			if err := device.Sessions.MigratePNToLID(t.Context(), vaultLater, lid); err != nil {
				t.Fatal(err)
			}
			session, err := device.Sessions.GetSession(t.Context(), lid.SignalAddress().String())
			if err != nil || !bytes.Equal(session, v.secrets["session by number"]) {
				t.Errorf("the session is %q, %v", session, err)
			}
			key, err := device.SenderKeys.GetSenderKey(t.Context(), vaultChat.String(), lid.SignalAddress().String())
			if err != nil || !bytes.Equal(key, v.secrets["sender key by number"]) {
				t.Errorf("the sender key is %q, %v", key, err)
			}
			if old, err := device.Sessions.GetSession(t.Context(), vaultLater.SignalAddress().String()); old != nil || err != nil {
				t.Errorf("the old session is %q, %v", old, err)
			}
		})
	}
}

// TestADeviceGoesWithItsSealedKeys.
func TestADeviceGoesWithItsSealedKeys(t *testing.T) {
	keys := seal.Keys{Current: testKey(t)}
	v := newVault(t, keys)
	d := v.open(t, keys)
	defer d.close()
	device, err := d.load(t.Context(), v.own)
	if err != nil {
		t.Fatal(err)
	}
	count := func(table string) (n int) {
		if err := d.db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := device.PreKeys.RemovePreKey(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if n := count("wapid_sealed_pre_keys"); n != 3 {
		t.Errorf("%d sealed prekeys after one of four was used", n)
	}
	if err := d.forget(t.Context(), v.own); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"wapid_sealed_devices", "wapid_sealed_pre_keys", "whatsmeow_sessions"} {
		if n := count(table); n != 0 {
			t.Errorf("%d rows are left in %s", n, table)
		}
	}
}

// TestAnInterruptedEncryption: what a transaction that does not commit has done is undone,
// whatever it is cut off in.
func TestAnInterruptedEncryption(t *testing.T) {
	v := newVault(t, seal.Keys{})
	d := v.open(t, seal.Keys{})
	// A row that no key can encrypt fails the last step but one.
	if _, err := d.db.ExecContext(t.Context(), `CREATE TRIGGER no BEFORE UPDATE ON wapid_sent BEGIN SELECT RAISE(ABORT, 'no'); END`); err != nil {
		t.Fatal(err)
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := openDevices(t.Context(), v.dir, seal.Keys{Current: testKey(t)}, waLog.Noop); err == nil {
		t.Fatal("encrypted in spite of the trigger")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Reseal(ended, v.dir, seal.Keys{Current: testKey(t)}, seal.Keep, nil); err == nil {
		t.Error("encrypted in spite of the cancelled context")
	}
	v.holds(t, seal.Keys{})
}
