package whatsapp

import (
	"bytes"
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
