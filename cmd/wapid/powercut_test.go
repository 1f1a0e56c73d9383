package main

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wapid/engine/whatsapp"
	"wapid/store"
)

// freeze copies the databases as they are now, each by a read transaction over
// its file and its write-ahead log: what a disk holds whose last sync was at this
// moment. It returns the copies' directory.
func freeze(t *testing.T, dir string) string {
	t.Helper()
	frozen := t.TempDir()
	for _, name := range []string{whatsapp.FileName, store.FileName} {
		snapshot, err := store.TakeSnapshot(t.Context(), filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(snapshot.CopyTo(t.Context(), filepath.Join(frozen, name)), snapshot.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return frozen
}

// thaw puts frozen databases back, without what their logs have seen since: as files
// of their own, or into those that are there.
func thaw(t *testing.T, frozen, dir string, inPlace bool, names ...string) {
	t.Helper()
	for _, name := range names {
		for _, beside := range []string{"-wal", "-shm"} {
			if err := os.Remove(filepath.Join(dir, name+beside)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
		var err error
		if inPlace {
			var content []byte
			if content, err = os.ReadFile(filepath.Join(frozen, name)); err == nil {
				err = os.WriteFile(filepath.Join(dir, name), content, 0o600)
			}
		} else {
			err = os.Rename(filepath.Join(frozen, name), filepath.Join(dir, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// rebooted makes the next daemon find that the machine has started anew since
// the last one ran, and that the witness was not on the disk.
func rebooted(t *testing.T, dir string) {
	t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(dir, store.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	res, err := db.Exec(`UPDATE settings SET value = value || ', the boot before' WHERE name = 'device_store' AND value LIKE 'open %'`)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		t.Fatalf("%d rows say that the device store was open (%v)", n, err)
	}
	forgetWitness(t, dir)
}

// forgetWitness makes the next daemon do without what the last one has noted beside
// its databases.
func forgetWitness(t *testing.T, dir string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, whatsapp.WitnessName)); err != nil {
		t.Fatal(err)
	}
}

// TestPowerCut puts back databases of some hundred messages ago, each alone and
// both. What the disk was told to keep is our own database: it is put back here
// to see what a disk costs that lies. A daemon finds out by the machine's start, by
// the file that stands there, or by the message that was sent last.
func TestPowerCut(t *testing.T) {
	for _, c := range []struct {
		name string
		back []string
		ours bool // the events since then are lost
		// inPlace puts them into the files that are there; found is what happens besides.
		inPlace bool
		found   func(*testing.T, string)
	}{
		{"the device store", []string{whatsapp.FileName}, false, true, rebooted},
		{"the device store as another file", []string{whatsapp.FileName}, false, false, forgetWitness},
		{"our own database", []string{store.FileName}, true, true, rebooted},
		{"both", []string{whatsapp.FileName, store.FileName}, true, true, func(*testing.T, string) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			f := newFleet(t, dir, 2)
			f.busy(t, 0, 8, nil)
			f.awaitNothingPending(t)
			frozen := freeze(t, dir)
			f.busy(t, 1, 40, func() {
				f.each(func(i int) { f.write(t, i, text("in", i, 1, "late")) })
			})
			f.current().kill()
			thaw(t, frozen, dir, c.inPlace, c.back...)
			c.found(t, dir)
			f.start(t, dir)
			f.awaitAllReady(t)
			if !strings.Contains(f.current().stderr.String(), "encryption with every contact begins anew") {
				t.Error("the daemon has not noticed")
			}
			f.startAnew(t, 2)
			f.busy(t, 2, 16, nil)
			events := f.settled(t, dir)
			before, since, after := f.count(events, 0), f.count(events, 1), f.count(events, 2)
			t.Logf("up to the moment: %v", before)
			t.Logf("from then to the cut: %v", since)
			t.Logf("afterwards: %v", after)
			if before.inMissing+after.inMissing > 0 {
				t.Error("messages are lost that have nothing to do with the cut")
			}
			if lost := since.inMissing > 0; lost != c.ours {
				t.Errorf("%d of %d messages from before the cut have no event", since.inMissing, since.in)
			}
			if after.inAgain == 0 {
				t.Error("nothing had to be asked for again: the test proves nothing")
			}
		})
	}
}
