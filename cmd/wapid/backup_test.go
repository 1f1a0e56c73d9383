package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine/simnet"
)

// newFleet pairs so many sessions with a daemon of its own.
func newFleet(t *testing.T, dir string, size int) *fleet {
	t.Helper()
	network := startNetwork(t)
	f := &fleet{network: network, size: size, acked: map[string]string{}, friends: map[string]int{}}
	f.start(t, dir)
	f.each(func(i int) { f.current().pair(t, f.session(i), f.number(i)) })
	return f
}

// start runs the fleet's next daemon.
func (f *fleet) start(t *testing.T, dir string) {
	t.Helper()
	d := startDaemon(t, "", f.network, dir)
	d.http() // made before many goroutines share it
	f.replace(d)
}

// busy has traffic in both directions until enough of it is acknowledged and
// during has returned.
func (f *fleet) busy(t *testing.T, round, acknowledged int, during func()) {
	t.Helper()
	before := f.countAcknowledged()
	ctx, stop := context.WithCancel(t.Context())
	wait := f.traffic(ctx, round)
	if during != nil {
		during()
	}
	f.awaitAcknowledged(t, before+acknowledged)
	eventually(t, "everybody has written", func() bool {
		for i := range f.size {
			if len(f.inbound(i, round)) == 0 {
				return false
			}
		}
		return true
	})
	stop()
	wait()
}

// startAnew has every other session send before anybody writes to it: phones that
// have said nothing new to a device would take for copies what it encrypts under
// keys that they know. The other sessions are written to first.
func (f *fleet) startAnew(t *testing.T, round int) {
	t.Helper()
	f.each(func(i int) {
		if i%2 == 1 {
			f.write(t, i, text("in", i, round, "first"))
			return
		}
		out := text("out", i, round, "first")
		f.acknowledged(f.current().send(t, f.session(i), f.friend(i).Number(), out).text("messageId"), out, i)
	})
	eventually(t, "what was sent first has been read", func() bool { return len(f.missing()) == 0 })
}

// text is a message of a round, as traffic writes them.
func text(direction string, i, round int, what string) string {
	return fmt.Sprintf("%s %d %d %s", direction, i, round, what)
}

// write has a friend write to a session, and waits until the network has handed
// it over.
func (f *fleet) write(t *testing.T, i int, text string) {
	t.Helper()
	id, err := f.friend(i).SendText(t.Context(), f.number(i).JID(), text)
	if err != nil {
		t.Error(err)
		return
	}
	eventually(t, "the session has taken the message", func() bool { return f.network.handedOver(id) })
}

// handedOver tells whether a linked device has acknowledged a message.
func (s *simulated) handedOver(id types.MessageID) bool {
	return slices.ContainsFunc(s.Ledger().Message(id), func(e simnet.LedgerEntry) bool {
		return e.Device.Device != 0 && !e.Acked.IsZero()
	})
}

func (f *fleet) countAcknowledged() int { f.mu.Lock(); defer f.mu.Unlock(); return len(f.acked) }

// inbound lists the ids of what a friend wrote in a round.
func (f *fleet) inbound(i, round int) (ids []string) {
	for _, out := range f.friend(i).Sent() {
		if strings.HasPrefix(out.Text, fmt.Sprintf("in %d %d ", i, round)) {
			ids = append(ids, string(out.ID))
		}
	}
	return ids
}

// tally is what became of one round's messages.
type tally struct{ out, outAgain, in, inAgain, inMissing int }

func (n tally) String() string {
	return fmt.Sprintf("out: %d, asked for again %d; in: %d, asked for again %d, without an event %d",
		n.out, n.outAgain, n.in, n.inAgain, n.inMissing)
}

// count compares one round with the event log.
func (f *fleet) count(events map[string]string, round int) (n tally) {
	for i := range f.size {
		for _, got := range f.friend(i).Inbox() {
			if strings.HasPrefix(got.Text, fmt.Sprintf("out %d %d ", i, round)) {
				n.out++
				if got.Copies > 1 {
					n.outAgain++
				}
			}
		}
		for _, out := range f.friend(i).Sent() {
			if !strings.HasPrefix(out.Text, fmt.Sprintf("in %d %d ", i, round)) {
				continue
			}
			n.in++
			if out.Retries > 0 {
				n.inAgain++
			}
			if _, logged := events[f.session(i)+"/"+string(out.ID)]; !logged {
				n.inMissing++
			}
		}
	}
	return n
}

// settled waits until everything is where it belongs, stops the daemon, and
// checks that no acknowledged send is missing.
func (f *fleet) settled(t *testing.T, dir string) map[string]string {
	t.Helper()
	f.awaitAllReady(t)
	eventually(t, "the phones have read what they got", func() bool { return len(f.missing()) == 0 })
	f.awaitNothingPending(t)
	f.current().stop(t)
	f.reconcileOutbound(t)
	return inboundEvents(t, dir)
}

// runCommand runs wapid to its end as a process of its own.
func runCommand(t *testing.T, args ...string) string {
	t.Helper()
	cmd := program("", args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("wapid %s: %v\n%s%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String() + errs.String()
}

// TestRestoreMidTraffic takes a backup of a daemon that works, lets it work on,
// kills it, and starts from the backup: the phones have moved on since.
func TestRestoreMidTraffic(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "backup.tar.zst")
	f := newFleet(t, dir, 3)
	f.busy(t, 0, 12, nil)
	f.awaitNothingPending(t)
	before := f.countAcknowledged()
	f.busy(t, 1, 30, func() {
		f.awaitAcknowledged(t, before+10)
		t.Log(runCommand(t, "backup", file, "--data", dir))
		f.each(func(i int) { f.write(t, i, text("in", i, 1, "late")) })
	})
	f.current().kill()

	restored := t.TempDir()
	t.Log(runCommand(t, "restore", file, "--data", restored))
	f.start(t, restored)
	f.awaitAllReady(t) // without a code: nobody scans one
	f.startAnew(t, 2)
	f.busy(t, 2, 20, nil)
	events := f.settled(t, restored)
	first, after := f.count(events, 0), f.count(events, 2)
	t.Logf("before the backup: %v", first)
	t.Logf("between the backup and the kill: %v", f.count(events, 1))
	t.Logf("after the restore: %v", after)
	if first.inMissing > 0 {
		t.Errorf("%d messages from before the backup are not in it", first.inMissing)
	}
	if after.inMissing > 0 {
		t.Errorf("%d messages that came after the restore are lost", after.inMissing)
	}
	if after.inAgain == 0 {
		t.Error("no message had to be asked for again: the phones had not moved on, the test proves nothing")
	}
	if names, err := filepath.Glob(filepath.Join(filepath.Dir(file), ".*")); err != nil || len(names) > 0 {
		t.Errorf("the backup left %v behind (%v)", names, err)
	}
}

// slowest sends one message after the other until stop is called, which returns
// how long the slowest and the median one took.
func (f *fleet) slowest(t *testing.T, round int) (stop func() (slowest, median time.Duration, n int)) {
	ctx, cancel := context.WithCancel(t.Context())
	var took []time.Duration
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ctx.Err() == nil; n++ {
			begin := time.Now()
			ans, err := f.current().call("POST", sessionPath(f.session(0))+"/send",
				map[string]any{"to": f.friend(0).Number(), "message": fmt.Sprintf("out 0 %d %d", round, n)})
			took = append(took, time.Since(begin))
			if err != nil || ans.code != 200 {
				t.Errorf("a send answered %d %s (%v)", ans.code, ans.raw, err)
			}
			pause(ctx, 5*time.Millisecond)
		}
	}()
	return func() (time.Duration, time.Duration, int) {
		cancel()
		<-done
		slices.Sort(took)
		return took[len(took)-1], took[len(took)/2], len(took)
	}
}

// TestBackupOfALargeDatabaseStallsNobody measures sends while a backup runs.
// BACKUP_MIB sets how large the database is.
func TestBackupOfALargeDatabaseStallsNobody(t *testing.T) {
	size := 24
	if text := os.Getenv("BACKUP_MIB"); text != "" {
		if _, err := fmt.Sscan(text, &size); err != nil {
			t.Fatal(err)
		}
	}
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "backup.tar.zst")
	f := newFleet(t, dir, 1)
	f.current().stop(t)
	fatten(t, dir, size)
	f.start(t, dir)
	f.awaitAllReady(t)
	stop := f.slowest(t, 0)
	pause(t.Context(), 500*time.Millisecond)
	slowest, median, n := stop()
	t.Logf("without a backup: %d sends, median %v, slowest %v", n, median, slowest)
	stop = f.slowest(t, 1)
	t.Log(runCommand(t, "backup", file, "--data", dir))
	slowest, median, n = stop()
	t.Logf("during a backup: %d sends, median %v, slowest %v", n, median, slowest)
	if slowest > 5*time.Second || n < 3 {
		t.Errorf("the backup stalled sends: %d, the slowest took %v", n, slowest)
	}
	f.current().stop(t)
}
