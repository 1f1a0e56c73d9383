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

// TestWhatIsBegunIsTakenAlong: by the next commit, by its own finish, by the store's end,
// or after a second; and its failure is told to whoever finishes it, and to nobody else.
func TestWhatIsBegunIsTakenAlong(t *testing.T) {
	d := openTestDevices(t)
	device, g := linkedDevice(t, d, 1)
	chat := types.JID{User: "555", Server: types.HiddenUserServer}
	commits := countCommits(t, d)
	stored := func(id string) bool {
		t.Helper()
		return countRows(t, d, "SELECT count(*) FROM whatsmeow_message_secrets WHERE message_id = '"+id+"'") == 1
	}
	begin := func(id string) func() error {
		t.Helper()
		if err := g.PutMessageSecret(t.Context(), chat, chat, id, make([]byte, 32)); err != nil {
			t.Fatal(err)
		}
		return g.secrets.take(id)
	}
	finish := begin("with another")
	if stored("with another") {
		t.Error("committed alone")
	}
	if err := device.Sessions.PutSession(t.Context(), "peer:0", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := finish(); err != nil || !stored("with another") || commits.Load() != 1 {
		t.Errorf("%v, %d commits", err, commits.Load())
	}
	if err := begin("alone")(); err != nil || !stored("alone") || commits.Load() != 2 {
		t.Errorf("%v, %d commits", err, commits.Load())
	}
	begin("read")
	if secret, _, err := g.GetMessageSecret(t.Context(), chat, chat, "read"); err != nil || len(secret) != 32 {
		t.Errorf("what was begun is not read: %x, %v", secret, err)
	}
	begin("in time")
	for !stored("in time") { // a second later
		runtime.Gosched()
	}

	const boom = "CREATE TRIGGER boom BEFORE INSERT ON whatsmeow_message_secrets BEGIN SELECT RAISE(FAIL, 'disk on fire'); END"
	if _, err := d.db.ExecContext(t.Context(), boom); err != nil {
		t.Fatal(err)
	}
	finish = begin("ill")
	if err := device.Sessions.PutSession(t.Context(), "peer:0", []byte("y")); err != nil {
		t.Errorf("the trouble of a secret is everybody's: %v", err)
	}
	if err := finish(); err == nil || stored("ill") {
		t.Errorf("not stored, and not told: %v", err)
	}
	if _, err := d.db.ExecContext(t.Context(), "DROP TRIGGER boom"); err != nil {
		t.Fatal(err)
	}
	finish = begin("at the end")
	d.committer.close()
	if err := finish(); err != nil || !stored("at the end") {
		t.Errorf("lost by the store's end: %v", err)
	}
	if err := begin("too late")(); !errors.Is(err, errClosed) {
		t.Errorf("after the store's end: %v", err)
	}
}

// TestSecretsAreFoundByTheirMessage: and those that nobody asks for are not remembered for ever.
func TestSecretsAreFoundByTheirMessage(t *testing.T) {
	var s secrets
	told := func(text string) func() error { return func() error { return errors.New(text) } }
	for i := range maxBegun + 2 {
		s.begin(fmt.Sprint(i), told(fmt.Sprint("of ", i)))
	}
	for id, want := range map[string]bool{"0": false, "1": false, "2": true, "17": true, "elsewhere": false} {
		if err := s.take(id)(); (err != nil) != want || want && err.Error() != "of "+id {
			t.Errorf("the secret of %s: %v", id, err)
		}
	}
	if err := s.take("17")(); err != nil || len(s.begun) != maxBegun-2 {
		t.Errorf("%d are remembered, %v", len(s.begun), err)
	}
}
