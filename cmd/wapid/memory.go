package main

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// What the heap may grow by between two collections. Go's own rule, as much again
// as is in use, collects a small heap many times a second under load, and lets that
// of a large fleet double.
const (
	minHeadroom = 32 << 20
	maxHeadroom = 384 << 20
)

// When memory is given back to the system.
const (
	memoryTick = time.Second
	// quietAfter is how long little has to be allocated before that.
	quietAfter = 5 * time.Second
	// trimEvery spaces the returns: each is a whole collection, which for 5,000
	// sessions takes about half a second of one processor.
	trimEvery = time.Minute
	// trimWorth is the least that is given back.
	trimWorth = 8 << 20
)

// memory paces the garbage collector, and gives back to the system what a burst has
// left behind: the pairing of many sessions, their reconnection, a load of sends.
// Without it the process keeps for minutes what it needed for a moment, and an idle
// fleet takes twice what it uses.
//
// An operator's GOGC is left alone. GOMEMLIMIT holds in any case: it is the
// runtime's own, and stronger than the headroom.
type memory struct {
	paced   bool // the collector's pace is this one's to choose
	percent int  // the pace that was chosen last
	usage   func() usage
	release func() // collects, and gives back what is free
	setPace func(percent int)
	clock   func() time.Time

	last         usage
	since, trims time.Time // when it fell quiet, and the last return
}

// usage is the process's memory at one moment, in bytes.
type usage struct {
	at        time.Time
	allocated uint64 // by the process so far, freed or not
	live      uint64 // what the last collection has found in use
	idle      uint64 // held from the system beyond that, as far as it can be given back
}

func newMemory() *memory {
	_, chosen := os.LookupEnv("GOGC")
	return &memory{
		paced: !chosen, usage: readUsage, release: debug.FreeOSMemory,
		setPace: func(percent int) { debug.SetGCPercent(percent) }, clock: time.Now,
	}
}

// Run looks after the memory until ctx ends.
func (m *memory) Run(ctx context.Context) error {
	tick := time.NewTicker(memoryTick)
	defer tick.Stop()
	for {
		m.look()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look takes one look at the memory, and does what it calls for.
func (m *memory) look() {
	now := m.usage()
	now.at = m.clock()
	if percent := pace(now.live); m.paced && percent != m.percent {
		m.percent = percent
		m.setPace(percent)
	}
	if m.last.at.IsZero() || !quiet(m.last, now) {
		m.since = now.at
	}
	m.last = now
	if now.at.Sub(m.since) < quietAfter || now.at.Sub(m.trims) < trimEvery || now.idle < trimWorth+now.live/8 {
		return
	}
	m.release()
	m.trims, m.last = m.clock(), usage{} // what was allocated meanwhile does not count
}

// pace is the garbage collector's percentage for a heap of which so many bytes are in
// use.
func pace(live uint64) int {
	live = max(live, 1<<20)
	headroom := min(max(live, minHeadroom), maxHeadroom)
	percent := int(math.Ceil(float64(headroom)/float64(live)*20)) * 5 // in fives: not anew after each collection
	return min(percent, 2000)
}

// quiet tells whether little was allocated between two moments: what idle sessions
// take for their pings and a little more.
func quiet(before, after usage) bool {
	passed := after.at.Sub(before.at).Seconds()
	return passed > 0 && float64(after.allocated-before.allocated)/passed < 1<<20+float64(after.live)/128
}

func readUsage() usage {
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(samples)
	value := func(i int) uint64 { return samples[i].Value.Uint64() }
	live, objects := value(1), value(2)
	return usage{allocated: value(0), live: live, idle: objects - min(live, objects) + value(3)}
}
