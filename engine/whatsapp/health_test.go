package whatsapp

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"wapid/engine"
	"wapid/engine/enginetest"
)

func TestPing(t *testing.T) {
	var late atomic.Int64
	dir := t.TempDir()
	n := simulate(t).open(t, func(o *Options) {
		o.DataDir = dir
		o.Clock = func() time.Time { return time.Now().Add(time.Duration(late.Load())) }
	})
	ping := func(want engine.Code) error {
		t.Helper()
		err := n.Ping(t.Context())
		wantCode(t, err, want)
		return err
	}
	later := func() { late.Add(int64(pingLimit)) }
	ping("")
	path := filepath.Join(dir, FileName)
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	ping("") // what was found holds for a while
	later()
	ping(engine.CodeStorage)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	later()
	if err := ping(engine.CodeStorage); !errors.Is(err, errReplaced) {
		t.Errorf("with another file in its place: %v", err)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	later()
	ping("")

	other, err := sql.Open("sqlite3", "file:"+path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	lock, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	later()
	begin := time.Now()
	ping(engine.CodeStorage)
	if took := time.Since(begin); took > 2*pingLimit {
		t.Errorf("a locked store was reported after %s", took)
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
}

func TestDevicesListsTheStore(t *testing.T) {
	sim := simulate(t)
	n := sim.open(t, nil)
	if got, err := n.Devices(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("an empty store holds %v (%v)", got, err)
	}
	_, first := enginetest.Link(t, n, sim.phone(), "a")
	_, second := enginetest.Link(t, n, sim.phone(), "b")
	got, err := n.Devices(t.Context())
	if err != nil || len(got) != 2 || got[0] != first.Device || got[1] != second.Device {
		t.Errorf("the store holds %v (%v), want %s and %s", got, err, first.Device, second.Device)
	}
}
