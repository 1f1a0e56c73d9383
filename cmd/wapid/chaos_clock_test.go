package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unsafe"
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
		return jumped(time.Now(), time.Duration(binary.LittleEndian.Uint64(raw[:])))
	}
}

// jumped is a moment as a machine tells it whose clock was set by so much: another
// time of day, and the same reading of the clock that never jumps, by which Go
// measures what lies between two moments of one process. Add would move both. It
// works on the layout of time.Time, which TestJumpedClock holds it to.
func jumped(t time.Time, by time.Duration) time.Time {
	wall := (*uint64)(unsafe.Pointer(&t)) // has-monotonic bit, 33 bits of seconds, 30 of nanoseconds
	*wall += uint64(by/time.Second) << 30
	return t
}

// A clock that is set shows another time of day, and measures as before.
func TestJumpedClock(t *testing.T) {
	for _, by := range []time.Duration{-26 * time.Hour, -time.Second, 0, time.Second, 6 * time.Hour} {
		before := time.Now()
		after := jumped(before.Add(time.Minute), by)
		if got := after.Sub(before); got != time.Minute {
			t.Errorf("jumped by %v: a minute is measured as %v", by, got)
		}
		if got := after.UnixNano() - before.UnixNano(); got != int64(time.Minute+by) {
			t.Errorf("jumped by %v: the time of day moved by %v", by, time.Duration(got))
		}
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
