package whatsapp

import (
	"testing"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store/sqlstore"
	waLog "go.mau.fi/whatsmeow/util/log"

	"wapid/store/seal"
)

// TestPreKeys: a device's prekeys are numbered without gaps, and those that were made
// and not uploaded are given again. whatsmeow's own store reads the same from the tables.
func TestPreKeys(t *testing.T) {
	ctx := t.Context()
	d, err := openDevices(ctx, t.TempDir(), seal.Keys{}, waLog.Noop)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	device, _ := linkedDevice(t, d, 1)
	other, _ := linkedDevice(t, d, 2)
	theirs := sqlstore.NewSQLStore(d.container, *device.ID)
	counts := func(want, exact int) {
		t.Helper()
		if n, err := device.PreKeys.UploadedPreKeyCount(ctx); err != nil || n != want {
			t.Errorf("%d prekeys are counted as uploaded, not %d: %v", n, want, err)
		}
		if n, err := theirs.UploadedPreKeyCount(ctx); err != nil || n != exact {
			t.Errorf("whatsmeow counts %d prekeys as uploaded, not %d: %v", n, exact, err)
		}
	}
	numbered := func(count uint32, from, to uint32) {
		t.Helper()
		got, err := device.PreKeys.GetOrGenPreKeys(ctx, count)
		if err != nil || uint32(len(got)) != count || got[0].KeyID != from || got[len(got)-1].KeyID != to {
			t.Fatalf("%d prekeys, %d wanted from %d to %d: %v, %v", len(got), count, from, to, got, err)
		}
		for i, key := range got {
			stored, err := theirs.GetPreKey(ctx, from+uint32(i))
			if err != nil || stored == nil || *stored.Priv != *key.Priv || *stored.Pub != *key.Pub || key.KeyID != from+uint32(i) {
				t.Errorf("prekey %d is stored as %v: %v", key.KeyID, stored, err)
			}
		}
	}
	counts(0, 0)
	numbered(3, 1, 3)
	numbered(7, 1, 7) // three of before, four more
	counts(0, 0)
	if err := device.PreKeys.MarkPreKeysAsUploaded(ctx, 4); err != nil {
		t.Fatal(err)
	}
	counts(4, 4)
	numbered(3, 5, 7)
	one, err := device.PreKeys.GenOnePreKey(ctx)
	if err != nil || one.KeyID != 8 {
		t.Errorf("one more prekey: %v, %v", one, err)
	}
	counts(5, 5)
	if err := device.PreKeys.RemovePreKey(ctx, 8); err != nil {
		t.Fatal(err)
	}
	numbered(2*whatsmeow.WantedPreKeyCount, 5, 4+2*whatsmeow.WantedPreKeyCount)
	if err := device.PreKeys.MarkPreKeysAsUploaded(ctx, 1000); err != nil {
		t.Fatal(err)
	}
	counts(whatsmeow.WantedPreKeyCount, 4+2*whatsmeow.WantedPreKeyCount)
	if got, err := other.PreKeys.GetOrGenPreKeys(ctx, 2); err != nil || len(got) != 2 || got[0].KeyID != 1 {
		t.Errorf("another device's prekeys: %v, %v", got, err)
	}
}
