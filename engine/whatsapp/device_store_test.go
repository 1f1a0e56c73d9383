package whatsapp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	waLog "go.mau.fi/whatsmeow/util/log"

	"wapid/engine"
	"wapid/engine/enginetest"
	"wapid/store/seal"
)

// countCommits counts the transactions of a device store that changed anything.
func countCommits(t *testing.T, d *devices) *atomic.Int64 {
	t.Helper()
	var commits atomic.Int64
	if err := d.committer.withConnection(func(conn *sqlite3.SQLiteConn) error {
		conn.RegisterCommitHook(func() int { commits.Add(1); return 0 })
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return &commits
}

// TestRepeatedSendReadsNothing: a message to somebody who was written to before costs
// one commit of the device store, and no read. That nothing is read is seen by there
// being nothing to read: the tables are away, and the sessions are not sessions.
func TestRepeatedSendReadsNothing(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	for i := range 2 {
		if _, err := sendText(t, n, s, peer.Person().Phone, fmt.Sprint("before ", i)); err != nil {
			t.Fatal(err)
		}
	}
	d := n.devices
	statements := []string{"UPDATE whatsmeow_sessions SET session = x'00'"}
	for _, table := range []string{"identity_keys", "privacy_tokens", "nct_salt", "lid_map", "pre_keys", "sender_keys"} {
		statements = append(statements, fmt.Sprintf("ALTER TABLE whatsmeow_%s RENAME TO away_%[1]s", table))
	}
	for _, statement := range statements {
		if _, err := d.db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	commits := countCommits(t, d)
	const sends = 3
	var last engine.MessageID
	for i := range sends {
		id, err := sendText(t, n, s, peer.Person().Phone, fmt.Sprint("after ", i))
		if err != nil {
			t.Fatal(err)
		}
		last = id
	}
	if got := commits.Load(); got != sends {
		t.Errorf("%d messages took %d commits", sends, got)
	}
	if _, _, err := peer.AwaitText(t.Context(), last); err != nil {
		t.Error(err)
	}
	var garbage, kept int
	if err := d.db.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM whatsmeow_sessions WHERE session = x'00'),
		(SELECT count(*) FROM wapid_sent WHERE id = $1)`, string(last)).Scan(&garbage, &kept); err != nil {
		t.Fatal(err)
	}
	if garbage != 0 || kept != 1 {
		t.Errorf("%d sessions were not written, and the message is kept %d times", garbage, kept)
	}
}

// TestReceivedMessagesCostTwoCommitsEach: one for the decryption, and one for the secret
// that votes and edits of the message would need. What is left over of a message when it
// has been handled goes with the next. Of messages that follow upon each other, the secret
// does as well.
func TestReceivedMessagesCostTwoCommitsEach(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	s, id := enginetest.Link(t, n, p, "a")
	receive := func(text string) {
		id, err := peer.SendText(t.Context(), p.Person().Phone, text)
		if err != nil {
			t.Fatal(err)
		}
		s.AwaitMessage(t, id)
	}
	receive("hello")
	receive("hello again")
	commits := countCommits(t, n.devices)
	const messages = 5
	for i := range messages {
		receive(fmt.Sprint("message ", i))
	}
	// One more for a timer that may run out meanwhile.
	if got := commits.Load(); got > 2*messages+1 {
		t.Errorf("%d messages took %d commits", messages, got)
	}
	s.End(t)
	s, c := waiting(t, n, id)
	textsOf(t, peer, p, "one more") // the commits of the login are over
	s.Until(t, "the first commit", func() bool { return slices.Contains(c.texts(), "one more") })
	c.forget()
	commits.Store(0)
	const burst = 30
	ids := textsOf(t, peer, p, numbered(burst)...)
	s.Until(t, "all commits", func() bool { return len(c.texts()) == burst })
	if got := commits.Load(); got > burst*4/3 {
		t.Errorf("%d messages in a row took %d commits", burst, got)
	}
	commitAll(t, s, c, p, id, ids)
	s.End(t)
	n.devices.committer.close()
	var left int
	if err := n.devices.db.QueryRowContext(t.Context(), "SELECT count(*) FROM whatsmeow_event_buffer WHERE plaintext IS NOT NULL").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d texts are left in the buffer, %v", left, err)
	}
}

func openTestDevices(t *testing.T) *devices {
	t.Helper()
	d, err := openDevices(t.Context(), t.TempDir(), seal.Keys{}, waLog.Noop)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.close() })
	return d
}

// TestARefusedDecryptionLeavesNothing: neither in the database nor in memory.
func TestARefusedDecryptionLeavesNothing(t *testing.T) {
	d := openTestDevices(t)
	device, _ := linkedDevice(t, d, 1)
	ctx := t.Context()
	if err := device.Sessions.PutSession(ctx, "peer:0", []byte("old")); err != nil {
		t.Fatal(err)
	}
	wrong := errors.New("wrong key")
	err := device.EventBuffer.DoDecryptionTxn(ctx, func(ctx context.Context) error {
		if err := device.Sessions.PutSession(ctx, "peer:0", []byte("new")); err != nil {
			return err
		}
		if got, err := device.Sessions.GetSession(ctx, "peer:0"); err != nil || string(got) != "new" {
			t.Errorf("within the decryption the session is %q, %v", got, err)
		}
		return wrong
	})
	if !errors.Is(err, wrong) {
		t.Errorf("error %v", err)
	}
	for range 2 {
		if got, err := device.Sessions.GetSession(ctx, "peer:0"); err != nil || string(got) != "old" {
			t.Errorf("the session is %q, %v", got, err)
		}
		d.memory.forgetAll()
	}
}

// TestASendWaitsForTheDecryption: a session that is being changed by a message that
// arrives must not be read before it has been.
func TestASendWaitsForTheDecryption(t *testing.T) {
	d := openTestDevices(t)
	device, g := linkedDevice(t, d, 1)
	if err := device.Sessions.PutSession(t.Context(), "peer:0", []byte("old")); err != nil {
		t.Fatal(err)
	}
	got := make(chan []byte, 1)
	err := device.EventBuffer.DoDecryptionTxn(t.Context(), func(ctx context.Context) error {
		begun := make(chan struct{})
		go func() {
			sending, _, end := g.outgoing(t.Context())
			defer end()
			close(begun)
			sessions, err := device.Sessions.GetManySessions(sending, []string{"peer:0"})
			if err != nil {
				t.Error(err)
			}
			got <- sessions["peer:0"]
		}()
		<-begun
		return device.Sessions.PutSession(ctx, "peer:0", []byte("new"))
	})
	if err != nil {
		t.Fatal(err)
	}
	if session := <-got; !bytes.Equal(session, []byte("new")) {
		t.Errorf("the send reads %q", session)
	}
}

// TestNothingLeavesThatIsNotCommitted: the message is held back until the store is
// told of it, however little else there is to commit.
func TestNothingLeavesThatIsNotCommitted(t *testing.T) {
	d := openTestDevices(t)
	device, g := linkedDevice(t, d, 1)
	chat := types.JID{User: "120363", Server: types.NewsletterServer}
	kept := func(id string) bool {
		t.Helper()
		known, err := d.knows(t.Context(), device.ID.String(), id)
		if err != nil {
			t.Fatal(err)
		}
		return known
	}
	ctx, settle, end := g.outgoing(t.Context())
	if err := device.EventBuffer.AddOutgoingEvent(ctx, chat, "one", "wa", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if kept("one") {
		t.Error("committed alone")
	}
	if err := settle(); err != nil || !kept("one") {
		t.Errorf("not committed: %v", err)
	}
	end()
	ctx, settle, end = g.outgoing(t.Context())
	if err := device.EventBuffer.AddOutgoingEvent(ctx, chat, "given up", "wa", []byte("x")); err != nil {
		t.Fatal(err)
	}
	end()
	if err := settle(); err != nil || kept("given up") {
		t.Errorf("a message is kept that was given up: %v", err)
	}
	d.committer.sent = func(_, _ string) error { return errors.New("no room") }
	ctx, settle, end = g.outgoing(t.Context())
	defer end()
	g.failed = func(error) {}
	if err := device.EventBuffer.AddOutgoingEvent(ctx, chat, "unwitnessed", "wa", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := settle(); !errors.Is(err, context.Canceled) {
		t.Errorf("a message may leave that is noted nowhere: %v", err)
	}
}

// TestTokensAreFoundUnderBothAddresses: the newer one counts, and who changes it.
func TestTokensAreFoundUnderBothAddresses(t *testing.T) {
	d := openTestDevices(t)
	device, _ := linkedDevice(t, d, 1)
	ctx := t.Context()
	pn, lid := types.JID{User: "49170555", Server: types.DefaultUserServer}, types.JID{User: "555", Server: types.HiddenUserServer}
	find := func(want string) {
		t.Helper()
		for _, address := range []types.JID{pn, lid} {
			found, err := device.PrivacyTokens.GetPrivacyToken(ctx, address)
			if got := ""; err != nil || found == nil && want != "" || found != nil && string(found.Token) != want {
				t.Errorf("under %s is %s%+v, %v, want %q", address, got, found, err, want)
			} else if found != nil && found.User != address {
				t.Errorf("the token is of %s", found.User)
			}
		}
	}
	put := func(address types.JID, token string, day int) {
		t.Helper()
		if err := device.PrivacyTokens.PutPrivacyTokens(ctx, store.PrivacyToken{User: address, Token: []byte(token), Timestamp: time.Unix(1_700_000_000+86400*int64(day), 0)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := device.LIDs.PutLIDMapping(ctx, lid, pn); err != nil {
		t.Fatal(err)
	}
	find("")
	put(pn, "first", 1)
	find("first")
	put(lid, "second", 2)
	find("second")
	put(pn, "third", 3)
	find("third")
	put(pn, "older", 0)
	find("third")
	if _, err := device.PrivacyTokens.DeleteExpiredPrivacyTokens(ctx, time.Unix(1_700_000_000+86400*int64(3), 0)); err != nil {
		t.Fatal(err)
	}
	find("third")
	if _, err := device.PrivacyTokens.DeleteExpiredPrivacyTokens(ctx, time.Unix(1_700_000_000+86400*int64(4), 0)); err != nil {
		t.Fatal(err)
	}
	find("")
}

// TestADeviceThatIsForgottenIsForgotten: also in memory.
func TestADeviceThatIsForgottenIsForgotten(t *testing.T) {
	d := openTestDevices(t)
	device, _ := linkedDevice(t, d, 1)
	if err := device.Sessions.PutSession(t.Context(), "peer:0", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := d.forget(t.Context(), *device.ID); err != nil {
		t.Fatal(err)
	}
	if has, err := device.Sessions.HasSession(t.Context(), "peer:0"); err != nil || has {
		t.Errorf("the session is there: %v, %v", has, err)
	}
}

// TestMigrationMovesWhatThereIs: sessions under a phone number are found under its
// LID afterwards, also those that memory holds.
func TestMigrationMovesWhatThereIs(t *testing.T) {
	d := openTestDevices(t)
	device, _ := linkedDevice(t, d, 1)
	ctx := t.Context()
	pn, lid := types.JID{User: "49170555", Server: types.DefaultUserServer}, types.JID{User: "555", Server: types.HiddenUserServer}
	from, to := pn.SignalAddress().String(), lid.SignalAddress().String()
	if has, err := device.Sessions.HasSession(ctx, to); err != nil || has { // remembered as missing
		t.Fatalf("%v, %v", has, err)
	}
	if err := device.Sessions.PutSession(ctx, from, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := device.Identities.PutIdentity(ctx, from, [32]byte{1}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := device.Sessions.MigratePNToLID(ctx, pn, lid); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := device.Sessions.GetSession(ctx, to); err != nil || string(got) != "x" {
		t.Errorf("under the LID is %q, %v", got, err)
	}
	if got, err := device.Sessions.GetSession(ctx, from); err != nil || got != nil {
		t.Errorf("under the number is %q, %v", got, err)
	}
	if ok, err := device.Identities.IsTrustedIdentity(ctx, to, [32]byte{2}); err != nil || ok {
		t.Errorf("another identity is trusted: %v, %v", ok, err)
	}
}
