package whatsapp

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/store"
	waLog "go.mau.fi/whatsmeow/util/log"

	"wapid/store/seal"
)

func hashNumbered(n int) [32]byte {
	return sha256.Sum256(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}

func buffer(t *testing.T, device *store.Device, hash [32]byte) {
	t.Helper()
	if err := device.EventBuffer.PutBufferedEvent(t.Context(), hash, hash[:4], time.Now()); err != nil {
		t.Fatal(err)
	}
}

func wantBuffered(t *testing.T, device *store.Device, hash [32]byte, want bool) {
	t.Helper()
	e, err := device.EventBuffer.GetBufferedEvent(t.Context(), hash)
	if err != nil || (e != nil) != want || e != nil && e.Plaintext != nil && !slices.Equal(e.Plaintext, hash[:4]) {
		t.Errorf("found %+v, %v; there is one: %v", e, err, want)
	}
}

func execute(t *testing.T, d *devices, query string, args ...any) {
	t.Helper()
	if _, err := d.db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

// TestANewCiphertextIsNotLookedFor: the table is away meanwhile.
func TestANewCiphertextIsNotLookedFor(t *testing.T) {
	d := openTestDevices(t)
	device, g := linkedDevice(t, d, 1)
	other, _ := linkedDevice(t, d, 2)
	buffer(t, device, hashNumbered(1))
	wantBuffered(t, device, hashNumbered(2), false)
	wantBuffered(t, other, hashNumbered(2), false)
	buffer(t, device, hashNumbered(3))
	execute(t, d, "ALTER TABLE whatsmeow_event_buffer RENAME TO away")
	for n := 10; n < 20; n++ {
		wantBuffered(t, device, hashNumbered(n), false)
	}
	wantBuffered(t, other, hashNumbered(1), false)
	if _, err := g.AllSessionSpecificStores.GetBufferedEvent(t.Context(), hashNumbered(1)); err == nil {
		t.Error("what is known was not looked for")
	}
	execute(t, d, "ALTER TABLE away RENAME TO whatsmeow_event_buffer")
	wantBuffered(t, device, hashNumbered(1), true)
	wantBuffered(t, device, hashNumbered(3), true)
}

// TestEveryBufferedCiphertextIsFound: when it was put, when it is cleared, and by whoever
// opens the store next.
func TestEveryBufferedCiphertextIsFound(t *testing.T) {
	dir, count := t.TempDir(), 2*blockHashes+10
	d, err := openDevices(t.Context(), dir, seal.Keys{}, waLog.Noop)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.close() }()
	device, _ := linkedDevice(t, d, 1)
	own := *device.ID
	wantBuffered(t, device, hashNumbered(0), false)
	for n := range count {
		buffer(t, device, hashNumbered(n))
		wantBuffered(t, device, hashNumbered(n), true)
	}
	if err := device.EventBuffer.ClearBufferedEventPlaintext(t.Context(), hashNumbered(7)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for n := range count {
			wantBuffered(t, device, hashNumbered(n), true)
		}
		for n := range count {
			wantBuffered(t, device, hashNumbered(-1-n), false)
		}
		if err := d.close(); err != nil {
			t.Fatal(err)
		}
		if d, err = openDevices(t.Context(), dir, seal.Keys{}, waLog.Noop); err != nil {
			t.Fatal(err)
		}
		if device, err = d.load(t.Context(), own); err != nil {
			t.Fatal(err)
		}
	}
	if e, err := device.EventBuffer.GetBufferedEvent(t.Context(), hashNumbered(7)); err != nil || e == nil || e.Plaintext != nil {
		t.Errorf("the one that was cleared is %+v, %v", e, err)
	}
}

// TestACiphertextOfAFailedCommitIsLookedFor, because it may be there all the same.
func TestACiphertextOfAFailedCommitIsLookedFor(t *testing.T) {
	d := openTestDevices(t)
	device, g := linkedDevice(t, d, 1)
	wantBuffered(t, device, hashNumbered(0), false)
	d.committer.sent = func(string, string) error { return errors.New("no witness") }
	own := g.AllSessionSpecificStores.(*deviceStore)
	b := &batch{device: device.ID.String(), turn: true}
	b.addSent("id", write("SELECT 1"))
	ctx := withBatch(t.Context(), b)
	hash := hashNumbered(1)
	if err := own.PutBufferedEvent(ctx, hash, hash[:4], time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := own.flush(b); err == nil {
		t.Fatal("the commit did not fail")
	}
	wantBuffered(t, device, hash, true)
	wantBuffered(t, device, hashNumbered(2), false)
}

// TestCiphertextsOfADeviceThatIsLinkedAgain, and of one whose old ones were deleted.
func TestCiphertextsOfADeviceThatIsLinkedAgain(t *testing.T) {
	d := openTestDevices(t)
	device, _ := linkedDevice(t, d, 1)
	wantBuffered(t, device, hashNumbered(0), false)
	buffer(t, device, hashNumbered(1))
	if err := d.forget(t.Context(), *device.ID); err != nil {
		t.Fatal(err)
	}
	if len(d.memory.hashes) != 0 || d.memory.hashSize != 0 {
		t.Error("the memory of the device stays")
	}
	device, g := linkedDevice(t, d, 1)
	wantBuffered(t, device, hashNumbered(1), false)
	buffer(t, device, hashNumbered(2))
	buffer(t, device, hashNumbered(3))
	wantBuffered(t, device, hashNumbered(2), true)
	old := hashNumbered(2)
	execute(t, d, "UPDATE whatsmeow_event_buffer SET insert_timestamp = 1 WHERE ciphertext_hash = $1", old[:])
	if err := g.AllSessionSpecificStores.DeleteOldBufferedHashes(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(d.memory.hashes) != 0 || d.memory.hashSize != 0 {
		t.Error("what was deleted is kept")
	}
	wantBuffered(t, device, hashNumbered(2), false)
	wantBuffered(t, device, hashNumbered(3), true)
}

// TestMoreCiphertextsThanAreKept are all looked for.
func TestMoreCiphertextsThanAreKept(t *testing.T) {
	d := openTestDevices(t)
	device, _ := linkedDevice(t, d, 1)
	execute(t, d, `WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < $1)
		INSERT INTO whatsmeow_event_buffer SELECT $2, randomblob(32), NULL, 0, n FROM n`, maxHashes, device.ID.String())
	wantBuffered(t, device, hashNumbered(0), false)
	if c := d.memory.hashes[device.ID.String()]; c.over || c.size() != 64<<10 || d.memory.hashSize != c.size() {
		t.Errorf("as many as are kept take %d bytes, %d counted", c.size(), d.memory.hashSize)
	}
	buffer(t, device, hashNumbered(1))
	over := func() {
		t.Helper()
		if c := d.memory.hashes[device.ID.String()]; !c.over || d.memory.hashSize != 0 {
			t.Errorf("there are too many, and they take %d bytes, %d counted", c.size(), d.memory.hashSize)
		}
		wantBuffered(t, device, hashNumbered(1), true)
		wantBuffered(t, device, hashNumbered(2), false)
	}
	over()
	d.memory.forgetHashes()
	wantBuffered(t, device, hashNumbered(1), true)
	over()
}

// TestCiphertextsOfManyDevices: there is room for so many, and those of others are looked for.
func TestCiphertextsOfManyDevices(t *testing.T) {
	m := newMemory(1 << 10)
	full := make([]byte, maxHashes*hashStart)
	names := []string{}
	for n := range hashMemory/(64<<10) + 2 {
		names = append(names, string(rune('a'+n)))
		m.keepHashes(names[n], hashesOf(full))
	}
	for n, name := range names {
		may, known := m.mayHold(name, [32]byte{1, 2, 3})
		if !known || may != (n >= len(names)-2) {
			t.Errorf("of the %dth, a hash may be there: %v, known: %v", n, may, known)
		}
	}
	if m.hashSize != hashMemory {
		t.Errorf("%d bytes", m.hashSize)
	}
}
