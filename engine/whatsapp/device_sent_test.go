package whatsapp

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	waLog "go.mau.fi/whatsmeow/util/log"

	"wapid/store/seal"
)

var sentTo = types.JID{User: "555", Server: types.HiddenUserServer}

// sendMany adds messages as sends do, whose ids are in no order.
func sendMany(t *testing.T, device *store.Device, from, n int) (ids []string) {
	t.Helper()
	for i := from; i < from+n; i++ {
		id := fmt.Sprintf("3EB0%018X", uint64(i+1)*0x9E3779B97F4A7C15)
		if err := device.EventBuffer.AddOutgoingEvent(t.Context(), sentTo, id, "wa", []byte("body of "+id)); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// storeOf is what stands behind the guard.
func storeOf(device *store.Device) *deviceStore {
	return device.EventBuffer.(*guardedStore).AllSessionSpecificStores.(*deviceStore)
}

func wantSent(t *testing.T, device *store.Device, ids ...string) {
	t.Helper()
	for _, id := range ids {
		format, body, err := device.EventBuffer.GetOutgoingEvent(t.Context(), sentTo, types.EmptyJID, id)
		if err != nil || format != "wa" || string(body) != "body of "+id {
			t.Fatalf("message %s is %q, %q, %v", id, format, body, err)
		}
	}
}

// wantNotSent wants sql.ErrNoRows, at which whatsmeow acknowledges the receipt.
func wantNotSent(t *testing.T, device *store.Device, chat types.JID, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if _, body, err := device.EventBuffer.GetOutgoingEvent(t.Context(), chat, types.EmptyJID, id); !errors.Is(err, sql.ErrNoRows) {
			t.Fatalf("message %s is %q, %v", id, body, err)
		}
	}
}

func countRows(t *testing.T, d *devices, query string) (n int) {
	t.Helper()
	if err := d.db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// ageSent makes all messages older.
func ageSent(t *testing.T, d *devices, by time.Duration) {
	t.Helper()
	for _, query := range []string{
		"UPDATE wapid_sent SET at = at - $1", "UPDATE wapid_sent_runs SET run = run - $1", "UPDATE whatsmeow_retry_buffer SET timestamp = timestamp - $1",
	} {
		if _, err := d.db.ExecContext(t.Context(), query, by.Milliseconds()); err != nil {
			t.Fatal(err)
		}
	}
	d.committer.sentLog.run = d.committer.sentLog.run.Add(-by)
}

// TestSentMessagesAreFoundWhereverTheyStand: before they are moved, in every run, after a
// restart, under either address of the chat, and for nobody else.
func TestSentMessagesAreFoundWhereverTheyStand(t *testing.T) {
	dir := t.TempDir()
	d, err := openDevices(t.Context(), dir, seal.Keys{}, waLog.Noop)
	if err != nil {
		t.Fatal(err)
	}
	device, _ := linkedDevice(t, d, 1)
	own := *device.ID
	ids := sendMany(t, device, 0, sentMove*(sentMoves+1)+10)
	if left, runs := countRows(t, d, "SELECT count(*) FROM wapid_sent"), countRows(t, d, "SELECT count(DISTINCT run) FROM wapid_sent_runs"); left != 10 || runs != 2 {
		t.Errorf("%d are not moved, %d runs", left, runs)
	}
	wantSent(t, device, ids...)
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	if d, err = openDevices(t.Context(), dir, seal.Keys{}, waLog.Noop); err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if device, err = d.load(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	wantSent(t, device, ids...)
	ids = append(ids, sendMany(t, device, len(ids), sentMove-10)...)
	if left, runs := countRows(t, d, "SELECT count(*) FROM wapid_sent"), countRows(t, d, "SELECT count(DISTINCT run) FROM wapid_sent_runs"); left != 0 || runs != 3 {
		t.Errorf("after the restart %d are not moved, %d runs", left, runs)
	}
	wantSent(t, device, ids...)
	ids = append(ids, sendMany(t, device, len(ids), 1)...)
	other, _ := linkedDevice(t, d, 2)
	stranger := types.JID{User: "666", Server: types.HiddenUserServer}
	for _, id := range []string{ids[0], ids[len(ids)/2], ids[len(ids)-1]} {
		if _, body, err := device.EventBuffer.GetOutgoingEvent(t.Context(), stranger, sentTo, id); err != nil || string(body) != "body of "+id {
			t.Errorf("under the other address: %q, %v", body, err)
		}
		wantNotSent(t, device, stranger, id)
		wantNotSent(t, other, sentTo, id)
		if known, err := d.knows(t.Context(), own.String(), id); err != nil || !known {
			t.Errorf("the store does not know what it was told: %v, %v", known, err)
		}
		if known, err := d.knows(t.Context(), other.ID.String(), id); err != nil || known {
			t.Errorf("the store knows what another device has sent: %v, %v", known, err)
		}
	}
	wantNotSent(t, device, sentTo, "3EB0NOT-SENT")
}

// TestAMessageThatIsSentAgainIsKeptAsItIsNow: before and after it is moved.
func TestAMessageThatIsSentAgainIsKeptAsItIsNow(t *testing.T) {
	d := openTestDevices(t)
	device, _ := linkedDevice(t, d, 1)
	add := func(body string) {
		t.Helper()
		if err := device.EventBuffer.AddOutgoingEvent(t.Context(), sentTo, "again", "wa", []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	want := func(body string) {
		t.Helper()
		if _, got, err := device.EventBuffer.GetOutgoingEvent(t.Context(), sentTo, sentTo, "again"); err != nil || string(got) != body {
			t.Errorf("kept is %q, %v, want %q", got, err, body)
		}
	}
	move := func() {
		t.Helper()
		if err := d.committer.withConnection(d.committer.sentLog.move); err != nil {
			t.Fatal(err)
		}
	}
	add("one")
	add("two")
	want("two")
	move()
	want("two")
	add("three")
	want("three")
	move()
	want("three")
	d.committer.sentLog.moves = sentMoves
	d.committer.sentLog.run = time.Time{}
	add("four")
	move()
	want("four")
}

// TestOldSentMessagesGo: after a week, and not before, from wherever they stand; those of
// an older version too, which are found until then.
func TestOldSentMessagesGo(t *testing.T) {
	d := openTestDevices(t)
	device, _ := linkedDevice(t, d, 1)
	const legacy = "3EB0LEGACY"
	inner := storeOf(device).AllSessionSpecificStores
	if err := inner.AddOutgoingEvent(t.Context(), sentTo, legacy, "wa", []byte("body of "+legacy)); err != nil {
		t.Fatal(err)
	}
	if known, err := d.knows(t.Context(), device.ID.String(), legacy); err != nil || !known {
		t.Errorf("the last message of the older version is not known: %v, %v", known, err)
	}
	moved := sendMany(t, device, 0, sentMove)
	unmoved := sendMany(t, device, sentMove, 5)
	purge := func() {
		t.Helper()
		// Past the guard, which lets it pass every twelve hours.
		if err := storeOf(device).DeleteOldOutgoingEvents(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	all := append(append([]string{legacy}, moved...), unmoved...)
	ageSent(t, d, sentKept-time.Minute)
	purge()
	wantSent(t, device, all...)
	ageSent(t, d, 2*time.Minute)
	purge()
	wantNotSent(t, device, sentTo, append([]string{legacy}, unmoved...)...)
	ageSent(t, d, runLasts)
	purge()
	for _, table := range []string{"wapid_sent", "wapid_sent_runs", "whatsmeow_retry_buffer"} {
		if n := countRows(t, d, "SELECT count(*) FROM "+table); n != 0 {
			t.Errorf("%d are left in %s", n, table)
		}
	}
	wantNotSent(t, device, sentTo, moved[0])

	// A busy daemon drops them as it moves others.
	old := sendMany(t, device, 0, sentMove)
	ageSent(t, d, sentKept+runLasts+time.Minute)
	sendMany(t, device, 2*sentMove, sentMove)
	wantNotSent(t, device, sentTo, old[0], old[sentMove-1])
	if n := countRows(t, d, "SELECT (SELECT count(*) FROM wapid_sent) + (SELECT count(*) FROM wapid_sent_runs)"); n != sentMove {
		t.Errorf("%d are kept", n)
	}
}

// TestForgottenDevicesLeaveNoMessages: neither moved nor unmoved, and others keep theirs.
func TestForgottenDevicesLeaveNoMessages(t *testing.T) {
	d := openTestDevices(t)
	gone, _ := linkedDevice(t, d, 1)
	stays, _ := linkedDevice(t, d, 2)
	name := *gone.ID
	sendMany(t, gone, 0, sentMove/2)
	kept := sendMany(t, stays, 0, sentMove/2)
	sendMany(t, gone, sentMove, 3)
	kept = append(kept, sendMany(t, stays, sentMove, 3)...)
	if err := d.forget(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"wapid_sent", "wapid_sent_runs"} {
		if n := countRows(t, d, fmt.Sprintf("SELECT count(*) FROM %s WHERE device = '%s'", table, name)); n != 0 {
			t.Errorf("%d are left in %s", n, table)
		}
	}
	wantSent(t, stays, kept...)
}

// TestAFailedMoveLosesNothing: the messages stay where they are, and sends go on.
func TestAFailedMoveLosesNothing(t *testing.T) {
	d := openTestDevices(t)
	device, _ := linkedDevice(t, d, 1)
	const full = "CREATE TRIGGER full BEFORE INSERT ON wapid_sent_runs BEGIN SELECT RAISE(ABORT, 'full'); END"
	if _, err := d.db.ExecContext(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	ids := sendMany(t, device, 0, sentMove+1)
	if n := countRows(t, d, "SELECT count(*) FROM wapid_sent"); n != sentMove+1 {
		t.Errorf("%d are not moved", n)
	}
	wantSent(t, device, ids...)
	if _, err := d.db.ExecContext(t.Context(), "DROP TRIGGER full"); err != nil {
		t.Fatal(err)
	}
	ids = append(ids, sendMany(t, device, len(ids), sentMove-1)...)
	if n := countRows(t, d, "SELECT count(*) FROM wapid_sent"); n != 0 {
		t.Errorf("%d are not moved, after as many more", n)
	}
	wantSent(t, device, ids...)
}

// TestRunsAreLookedIntoInOnePlace: whatever is asked for, of a run only one place is read.
func TestRunsAreLookedIntoInOnePlace(t *testing.T) {
	d := openTestDevices(t)
	for query, args := range map[string]int{findRun: 4, forgetRuns: 1, dropOldRuns: 1, knowsSent: 2} {
		rows, err := d.db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, make([]any, args)...)
		if err != nil {
			t.Fatal(err)
		}
		var plan strings.Builder
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&plan, step)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
		got := plan.String()
		if strings.Contains(got, "SCAN wapid_sent_runs") || strings.Contains(got, "SCAN s\n") || !strings.Contains(got, "PRIMARY KEY") {
			t.Errorf("%s\n%s", query, got)
		}
	}
}
