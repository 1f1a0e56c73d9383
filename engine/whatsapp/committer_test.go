package whatsapp

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// TestCommitsAreShared: batches that come while a commit waits share the next one.
func TestCommitsAreShared(t *testing.T) {
	d := openTestDevices(t)
	const sessions = 20
	all, guards := make([]*store.Device, sessions), make([]*guardedStore, sessions)
	for i := range all {
		all[i], guards[i] = linkedDevice(t, d, i)
	}
	if err := all[0].LIDs.PutLIDMapping(t.Context(), types.JID{User: "555", Server: types.HiddenUserServer}, types.JID{User: "49170555", Server: types.DefaultUserServer}); err != nil {
		t.Fatal(err)
	}
	for i := range all { // so that nothing is read below
		storeSend(t, all[i], guards[i], "first")
	}
	commits := countCommits(t, d)
	held, err := d.db.Conn(t.Context()) // the one connection
	if err != nil {
		t.Fatal(err)
	}
	var noted atomic.Int64
	d.committer.sent = func(_, id string) error {
		if id != "second" {
			t.Errorf("noted %q", id)
		}
		noted.Add(1)
		return nil
	}
	var sending sync.WaitGroup
	send := func(i int) {
		sending.Go(func() { storeSend(t, all[i], guards[i], "second") })
	}
	reached := func(waiting int) bool {
		d.committer.mu.Lock()
		defer d.committer.mu.Unlock()
		return d.committer.busy && len(d.committer.waiting) == waiting
	}
	send(0)
	for !reached(0) { // it has begun, and waits for the connection
		runtime.Gosched()
	}
	for i := range all[1:] {
		send(i + 1)
	}
	for !reached(sessions - 1) {
		runtime.Gosched()
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	sending.Wait()
	if got := commits.Load(); got != 2 || noted.Load() != 2 {
		t.Errorf("%d messages took %d commits and %d notes, want the first alone and the others together", sessions, got, noted.Load())
	}
}

// TestTheTroubleOfOneDeviceStaysItsOwn: a batch that can't be written fails alone,
// and nobody believes what it would have written.
func TestTheTroubleOfOneDeviceStaysItsOwn(t *testing.T) {
	d := openTestDevices(t)
	well, _ := linkedDevice(t, d, 1)
	ill, guarded := linkedDevice(t, d, 2)
	guarded.failed = func(error) {}
	for _, device := range []*store.Device{well, ill} {
		if err := device.Sessions.PutSession(t.Context(), "peer:0", []byte("old")); err != nil {
			t.Fatal(err)
		}
	}
	stop := fmt.Sprintf("CREATE TRIGGER boom BEFORE UPDATE ON whatsmeow_sessions WHEN new.our_jid = '%s' BEGIN SELECT RAISE(FAIL, 'disk on fire'); END", ill.ID)
	if _, err := d.db.ExecContext(t.Context(), stop); err != nil {
		t.Fatal(err)
	}
	held, err := d.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	devices := []*store.Device{well, ill, well}
	errs := make([]error, len(devices))
	var writing sync.WaitGroup
	for i, device := range devices {
		writing.Go(func() {
			errs[i] = device.Identities.PutIdentity(t.Context(), "x", [32]byte{1})
			errs[i] = errors.Join(errs[i], device.Sessions.PutSession(t.Context(), "peer:0", []byte("new")))
		})
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	writing.Wait()
	if errs[0] != nil || errs[2] != nil || errs[1] == nil {
		t.Errorf("errors are %v", errs)
	}
	for device, want := range map[*store.Device]string{well: "new", ill: "old"} {
		if got, err := device.Sessions.GetSession(t.Context(), "peer:0"); err != nil || string(got) != want {
			t.Errorf("the session is %q, %v, want %q", got, err, want)
		}
	}
}
