package whatsapp

import (
	"slices"
	"testing"

	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/types"
	waLog "go.mau.fi/whatsmeow/util/log"

	"wapid/engine"
	"wapid/store/seal"
)

// TestASetBackStoreForgetsWhatItEncryptsWith: sessions and the own keys of groups
// go; devices, identities and the keys that others gave it stay.
func TestASetBackStoreForgetsWhatItEncryptsWith(t *testing.T) {
	ctx := t.Context()
	d, err := openDevices(ctx, t.TempDir(), seal.Keys{}, waLog.Noop)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	own := types.JID{User: "447700900123", Device: 7, Server: types.DefaultUserServer}
	lid := types.JID{User: "1234567890", Device: 7, Server: types.HiddenUserServer}
	device := d.make()
	device.ID, device.LID = &own, lid
	key := make([]byte, 64)
	device.Account = &waAdv.ADVSignedDeviceIdentity{Details: key, AccountSignature: key, AccountSignatureKey: key[:32], DeviceSignature: key}
	if err := device.Save(ctx); err != nil {
		t.Fatal(err)
	}
	friend := types.JID{User: "999", Server: types.HiddenUserServer}.SignalAddress().String()
	chat := "123@g.us"
	for _, err := range []error{
		device.Sessions.PutSession(ctx, friend, []byte("session")),
		device.Identities.PutIdentity(ctx, friend, [32]byte{1}),
		device.SenderKeys.PutSenderKey(ctx, chat, friend, []byte("theirs")),
		device.SenderKeys.PutSenderKey(ctx, chat, own.SignalAddress().String(), []byte("ours")),
		device.SenderKeys.PutSenderKey(ctx, chat, lid.SignalAddress().String(), []byte("ours")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := d.forgetSessions(ctx); err != nil {
		t.Fatal(err)
	}
	if has, err := device.Sessions.HasSession(ctx, friend); err != nil || has {
		t.Errorf("the session is there: %v, %v", has, err)
	}
	for _, address := range []string{own.SignalAddress().String(), lid.SignalAddress().String()} {
		if k, err := device.SenderKeys.GetSenderKey(ctx, chat, address); err != nil || k != nil {
			t.Errorf("the own key of %s is there: %q, %v", address, k, err)
		}
	}
	if k, err := device.SenderKeys.GetSenderKey(ctx, chat, friend); err != nil || string(k) != "theirs" {
		t.Errorf("the friend's key is %q, %v", k, err)
	}
	if ok, err := device.Identities.IsTrustedIdentity(ctx, friend, [32]byte{2}); err != nil || ok {
		t.Errorf("the friend's identity is forgotten: %v, %v", ok, err)
	}
	if all, err := d.list(ctx); err != nil || !slices.Equal(all, []engine.DeviceID{deviceID(own)}) {
		t.Errorf("devices are %v, %v", all, err)
	}
}

// TestWitness: the last message counts, what can't be read counts for nothing, and
// neither does one of a device that is gone.
func TestWitness(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	w, err := openWitness(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { w.close() }()
	if _, _, ok := w.last(); ok {
		t.Error("an empty file says something")
	}
	own := types.JID{User: "447700900123", Device: 7, Server: types.DefaultUserServer}
	for _, id := range []types.MessageID{"3EB0FIRST-AND-LONGER", "3EB0SECOND"} {
		if err := w.note(own.String(), id); err != nil {
			t.Fatal(err)
		}
	}
	w.close()
	if w, err = openWitness(dir); err != nil {
		t.Fatal(err)
	}
	if device, id, ok := w.last(); !ok || device != own.String() || id != "3EB0SECOND" {
		t.Errorf("it says %q, %q, %v", device, id, ok)
	}
	if err := w.note(own.String(), string(make([]byte, witnessSize))); err == nil {
		t.Error("an entry was cut off")
	}

	d, err := openDevices(ctx, dir, seal.Keys{}, waLog.Noop)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	knows := func(want bool) {
		t.Helper()
		if got, err := d.knows(ctx, own.String(), "3EB0SECOND"); err != nil || got != want {
			t.Errorf("the store knows it: %v, %v", got, err)
		}
	}
	knows(true) // nothing can be said
	device := d.make()
	device.ID, device.LID = &own, types.JID{User: "1234567890", Device: 7, Server: types.HiddenUserServer}
	key := make([]byte, 64)
	device.Account = &waAdv.ADVSignedDeviceIdentity{Details: key, AccountSignature: key, AccountSignatureKey: key[:32], DeviceSignature: key}
	if err := device.Save(ctx); err != nil {
		t.Fatal(err)
	}
	knows(false)
	friend := types.JID{User: "999", Server: types.HiddenUserServer}
	if err := device.EventBuffer.AddOutgoingEvent(ctx, friend, "3EB0SECOND", "wa", []byte("text")); err != nil {
		t.Fatal(err)
	}
	knows(true)
}
