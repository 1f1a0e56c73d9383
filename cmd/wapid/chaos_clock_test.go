package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// clockFile names, in the environment, the file that tells a daemon under test by
// how much its clock is off: eight bytes, nanoseconds.
const clockFile = "WAPID_TEST_CLOCK"

// daemonClock is the clock of a daemon under test: the machine's own, off by what
// its file says at the moment of looking.
func daemonClock() func() time.Time {
	name := os.Getenv(clockFile)
	if name == "" {
		return time.Now
	}
	f, err := os.Open(name) // for as long as the process lives
	if err != nil {
		panic(err)
	}
	return func() time.Time {
		var raw [8]byte
		if _, err := f.ReadAt(raw[:], 0); err != nil {
			panic(err)
		}
		return time.Now().Add(time.Duration(binary.LittleEndian.Uint64(raw[:])))
	}
}

// chaosClock is the far end: the harness sets by how much the daemons are off.
type chaosClock struct {
	t    testing.TB
	file *os.File
	off  time.Duration
}

func newChaosClock(t testing.TB) *chaosClock {
	name := filepath.Join(t.TempDir(), "clock")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	t.Setenv(clockFile, name)
	c := &chaosClock{t: t, file: f}
	c.set(0)
	return c
}

// set puts the daemons' clock off by so much. One goroutine calls it.
func (c *chaosClock) set(off time.Duration) {
	c.off = off
	if _, err := c.file.WriteAt(binary.LittleEndian.AppendUint64(nil, uint64(off)), 0); err != nil {
		c.t.Error(err)
	}
}
