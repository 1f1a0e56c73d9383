package main

import (
	"runtime/debug"
	"testing"
	"time"
)

func TestMemoryPace(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{
		{0, 2000}, {4 << 20, 800}, {16 << 20, 200}, {25 << 20, 130}, {32 << 20, 100},
		{200 << 20, 100}, {384 << 20, 100}, {768 << 20, 50}, {3 << 30, 15},
	} {
		if got := pace(c.live); got != c.want {
			t.Errorf("with %d MiB in use the collector's percentage is %d, not %d", c.live>>20, got, c.want)
		}
		if goal := c.live + c.live*uint64(pace(c.live))/100; goal > c.live+maxHeadroom+c.live/20 {
			t.Errorf("a heap of %d MiB may grow to %d MiB", c.live>>20, goal>>20)
		}
	}
}

// memoryBench is a memory whose process the test plays, a second at a time.
type memoryBench struct {
	memory
	now      usage
	time     time.Time
	released int
}

func newMemoryBench() *memoryBench {
	b := &memoryBench{time: time.Unix(1000, 0)}
	b.memory = memory{
		paced: true, usage: func() usage { return b.now }, clock: func() time.Time { return b.time },
		release: func() { b.released++; b.now.idle = 0 }, setPace: func(int) {},
	}
	return b
}

// pass lets seconds go by in each of which so many bytes are allocated, and become idle.
func (b *memoryBench) pass(seconds int, allocated uint64) {
	for range seconds {
		b.time = b.time.Add(time.Second)
		b.now.allocated += allocated
		b.now.idle += allocated
		b.look()
	}
}

func TestMemoryIsGivenBackWhenItIsQuiet(t *testing.T) {
	b := newMemoryBench()
	b.now.live = 100 << 20
	b.pass(100, 50<<20)
	if b.released != 0 {
		t.Fatal("memory was given back in the middle of a load")
	}
	b.pass(3, 10<<10)
	if b.released != 0 {
		t.Fatal("memory was given back at once, though the load may go on")
	}
	b.pass(4, 10<<10)
	if b.released != 1 {
		t.Fatalf("%d s after a load, memory was given back %d times", 7, b.released)
	}
	b.pass(600, 10<<10) // 6 MB: not worth it
	if b.released != 1 {
		t.Errorf("an idle process gave memory back %d times", b.released)
	}
	b.pass(600, 700<<10) // pings of a large fleet
	if got := b.released - 1; got < 2 || got > 10 {
		t.Errorf("a fleet that only pings gave memory back %d times in ten minutes", got)
	}
}

func TestMemoryLeavesTheOperatorsPaceAlone(t *testing.T) {
	t.Setenv("GOGC", "70")
	m := newMemory()
	m.setPace = func(percent int) { t.Errorf("the pace was set to %d", percent) }
	m.look()
}

// The real figures have to mean what memory takes them for.
func TestMemoryUsage(t *testing.T) {
	before := readUsage()
	garbage := make([]byte, 64<<20)
	for i := range garbage {
		garbage[i] = 1
	}
	used := readUsage()
	if grown := used.allocated - before.allocated; grown < 64<<20 {
		t.Errorf("64 MiB were allocated, %d bytes are told", grown)
	}
	garbage = nil
	debug.FreeOSMemory()
	after := readUsage()
	if after.live == 0 || after.idle > 32<<20 {
		t.Errorf("after everything was given back, %d bytes are in use and %d idle", after.live, after.idle)
	}
}
