package whatsapp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/store"
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

// vault is a device store with every kind of secret in it, as they were put in.
type vault struct {
	dir     string
	own     types.JID
	secrets map[string][]byte
}

var (
	vaultPeer  = types.JID{User: "555", Server: types.HiddenUserServer}
	vaultChat  = types.JID{User: "123", Server: types.GroupServer}
	vaultHash  = [32]byte{1, 2, 3}
	vaultLater = types.JID{User: "49170556", Server: types.DefaultUserServer} // known by number only
)

const vaultSent = types.MessageID("3EB0A1B2C3D4E5F6A7B8C9")

// secretOf makes a recognizable value.
func secretOf(what string, size int) []byte {
	return append([]byte("SECRET:"+what+":"), bytes.Repeat([]byte{'x'}, size)...)
}

// fill puts one of everything into a device store.
func fill(t *testing.T, d *devices) (own types.JID, secrets map[string][]byte) {
	t.Helper()
	device, _ := linkedDevice(t, d, 1)
	ctx := t.Context()
	secrets = map[string][]byte{}
	value := func(what string) []byte {
		secrets[what] = secretOf(what, 20)
		return secrets[what]
	}
	made, err := device.PreKeys.GetOrGenPreKeys(ctx, 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range made {
		secrets[fmt.Sprint("prekey ", key.KeyID)] = key.Priv[:]
	}
	one, err := device.PreKeys.GenOnePreKey(ctx)
	if err != nil {
		t.Fatal(err)
	}
	secrets[fmt.Sprint("prekey ", one.KeyID)] = one.Priv[:]
	secrets["noise key"], secrets["identity key"] = device.NoiseKey.Priv[:], device.IdentityKey.Priv[:]
	secrets["signed prekey"], secrets["ADV secret"] = device.SignedPreKey.Priv[:], device.AdvSecretKey
	me := *device.ID
	for _, err := range []error{
		device.Sessions.PutSession(ctx, vaultPeer.SignalAddress().String(), value("session")),
		device.Sessions.PutSession(ctx, vaultLater.SignalAddress().String(), value("session by number")),
		device.Sessions.PutManySessions(ctx, map[string][]byte{"777:1": value("second session")}),
		device.SenderKeys.PutSenderKey(ctx, vaultChat.String(), vaultPeer.SignalAddress().String(), value("sender key")),
		device.SenderKeys.PutSenderKey(ctx, vaultChat.String(), vaultLater.SignalAddress().String(), value("sender key by number")),
		device.AppStateKeys.PutAppStateSyncKey(ctx, []byte{0, 1, 0}, store.AppStateSyncKey{Data: value("state key"), Fingerprint: []byte{1}, Timestamp: 1}),
		device.MsgSecrets.PutMessageSecret(ctx, vaultPeer, vaultPeer, "SECRET1", value("message secret")),
		device.MsgSecrets.PutMessageSecrets(ctx, []store.MessageSecretInsert{{Chat: vaultChat, Sender: vaultPeer, ID: "SECRET2", Secret: value("second message secret")}}),
		device.PrivacyTokens.PutPrivacyTokens(ctx, store.PrivacyToken{User: vaultPeer, Token: value("token"), Timestamp: time.Now()}),
		device.NCTSalt.PutNCTSalt(ctx, value("salt")),
		device.EventBuffer.PutBufferedEvent(ctx, vaultHash, value("incoming"), time.Now()),
		device.EventBuffer.AddOutgoingEvent(ctx, vaultPeer, vaultSent, "wa", value("outgoing")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return me, secrets
}

// readAll reads all of it back.
func readAll(t *testing.T, d *devices, own types.JID) map[string][]byte {
	t.Helper()
	ctx, found := t.Context(), map[string][]byte{}
	device, err := d.load(ctx, own)
	if err != nil {
		t.Fatal(err)
	}
	found["noise key"], found["identity key"] = device.NoiseKey.Priv[:], device.IdentityKey.Priv[:]
	found["signed prekey"], found["ADV secret"] = device.SignedPreKey.Priv[:], device.AdvSecretKey
	note := func(what string) func([]byte, error) {
		return func(value []byte, err error) {
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
			found[what] = value
		}
	}
	unused, err := device.PreKeys.GetOrGenPreKeys(ctx, 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range unused {
		found[fmt.Sprint("prekey ", key.KeyID)] = key.Priv[:]
	}
	last, err := device.PreKeys.GetPreKey(ctx, 4)
	if err != nil || last == nil {
		t.Fatalf("prekey 4 is %v, %v", last, err)
	}
	found["prekey 4"] = last.Priv[:]
	if none, err := device.PreKeys.GetPreKey(ctx, 99); none != nil || err != nil {
		t.Errorf("prekey 99 is %v, %v", none, err)
	}
	note("session")(device.Sessions.GetSession(ctx, vaultPeer.SignalAddress().String()))
	note("session by number")(device.Sessions.GetSession(ctx, vaultLater.SignalAddress().String()))
	note("second session")(device.Sessions.GetSession(ctx, "777:1"))
	note("sender key")(device.SenderKeys.GetSenderKey(ctx, vaultChat.String(), vaultPeer.SignalAddress().String()))
	note("sender key by number")(device.SenderKeys.GetSenderKey(ctx, vaultChat.String(), vaultLater.SignalAddress().String()))
	key, err := device.AppStateKeys.GetAppStateSyncKey(ctx, []byte{0, 1, 0})
	if err != nil || key == nil {
		t.Fatalf("the state key is %v, %v", key, err)
	}
	note("state key")(key.Data, nil)
	if all, err := device.AppStateKeys.GetAllAppStateSyncKeys(ctx); err != nil || len(all) != 1 || !bytes.Equal(all[0].Data, key.Data) {
		t.Errorf("the state keys are %v, %v", all, err)
	}
	secret, _, err := device.MsgSecrets.GetMessageSecret(ctx, vaultPeer, vaultPeer, "SECRET1")
	note("message secret")(secret, err)
	secret, _, err = device.MsgSecrets.GetMessageSecret(ctx, vaultChat, vaultPeer, "SECRET2")
	note("second message secret")(secret, err)
	token, err := device.PrivacyTokens.GetPrivacyToken(ctx, vaultPeer)
	if err != nil || token == nil {
		t.Fatalf("the token is %v, %v", token, err)
	}
	note("token")(token.Token, nil)
	note("salt")(device.NCTSalt.GetNCTSalt(ctx))
	event, err := device.EventBuffer.GetBufferedEvent(ctx, vaultHash)
	if err != nil || event == nil {
		t.Fatalf("the buffered event is %v, %v", event, err)
	}
	note("incoming")(event.Plaintext, nil)
	_, body, err := device.EventBuffer.GetOutgoingEvent(ctx, vaultPeer, vaultPeer, vaultSent)
	note("outgoing")(body, err)
	return found
}

// open opens the vault with keys.
func (v *vault) open(t *testing.T, keys seal.Keys) *devices {
	t.Helper()
	d, err := openDevices(t.Context(), v.dir, keys, waLog.Noop)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// holds compares what is in the vault with what was put in, and closes it.
func (v *vault) holds(t *testing.T, keys seal.Keys) {
	t.Helper()
	d := v.open(t, keys)
	for name, value := range readAll(t, d, v.own) {
		if !bytes.Equal(value, v.secrets[name]) {
			t.Errorf("%s is %q, not %q", name, value, v.secrets[name])
		}
	}
	if err := d.close(); err != nil {
		t.Error(err)
	}
}

// lies lists which secrets can be read in the files as they lie there.
func (v *vault) lies(t *testing.T) (found []string) {
	t.Helper()
	var all []byte
	for _, suffix := range []string{"", "-wal"} {
		raw, err := os.ReadFile(filepath.Join(v.dir, FileName+suffix))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		all = append(all, raw...)
	}
	for _, name := range slices.Sorted(maps.Keys(v.secrets)) {
		if bytes.Contains(all, v.secrets[name]) {
			found = append(found, name)
		}
	}
	return found
}

func newVault(t *testing.T, keys seal.Keys) *vault {
	t.Helper()
	v := &vault{dir: t.TempDir()}
	d := v.open(t, keys)
	v.own, v.secrets = fill(t, d)
	if keys.Current != nil { // while all of it stands in the log
		if found := v.lies(t); len(found) > 0 {
			t.Errorf("can be read while the store is open: %q", found)
		}
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	return v
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
