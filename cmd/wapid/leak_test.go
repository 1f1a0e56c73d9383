package main

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
)

// TestDeletedSessionsLeaveNothing pairs many sessions and deletes them, twice
// over: goroutines are back where they were, and the second round leaves no
// more memory behind than the first did.
func TestDeletedSessionsLeaveNothing(t *testing.T) {
	size := 20 // each costs a second of the race detector, and what is allowed goes by their number
	network := startNetwork(t)
	a := startApp(t, network, t.TempDir(), nil)
	f := &fleet{network: network, size: size, daemon: &daemon{api: a.api}}
	f.daemon.http()
	round := func() {
		f.each(func(i int) {
			f.daemon.pair(t, f.session(i), f.number(i))
			settle(t, network, f.number(i))
			f.daemon.send(t, f.session(i), f.friend(i).Number(), "hello")
		})
		f.each(func(i int) {
			f.daemon.must(t, 200, "DELETE", sessionPath(f.session(i)), nil)
		})
		f.daemon.closeIdle()
	}
	before := goroutines()
	var heap [2]uint64
	for n := range heap {
		round()
		eventually(t, fmt.Sprintf("the %d goroutines of before are left, round %d", before, n), func() bool {
			return goroutines() <= before+size/2 // a leak is one of every session's at least
		})
		heap[n] = heapInUse()
	}
	// The simulated network runs in this process too and keeps a ledger of what
	// it delivered: a few kB a session and round.
	if allowed := uint64(size) * 24 << 10; heap[1] > heap[0]+allowed {
		t.Errorf("heap grew from %d to %d bytes, more than %d", heap[0], heap[1], allowed)
	}
	t.Logf("goroutines %d before, %d after; heap %d kB after one round, %d kB after two",
		before, goroutines(), heap[0]>>10, heap[1]>>10)
}

// goroutines counts all but fasthttp's workers that have nothing to do, which wait for
// up to twenty seconds behind the last request.
func goroutines() int {
	stacks := make([]byte, 8<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	n := 0
	for one := range bytes.SplitSeq(stacks, []byte("\n\n")) {
		_, frames, _ := bytes.Cut(one, []byte("\n"))
		if !bytes.HasPrefix(frames, []byte("github.com/valyala/fasthttp.(*workerPool).workerFunc(")) {
			n++
		}
	}
	return n
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
