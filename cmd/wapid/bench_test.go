package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The benchmarks start the real binary as a process of its own and the
// simulated network in this one, both on the same machine.

// benchFleet is n paired sessions on a fresh daemon. It returns how long each
// pairing took, one at a time.
func benchFleet(b *testing.B, n int) (*fleet, []time.Duration) {
	b.Helper()
	network := startNetwork(b)
	f := &fleet{network: network, size: n, acked: map[string]string{}, friends: map[string]int{}}
	f.replace(startDaemon(b, buildBinary(b), network, b.TempDir()))
	f.daemon.http()
	took := make([]time.Duration, n)
	for i := range n {
		start := time.Now()
		f.daemon.pair(b, f.session(i), f.number(i))
		took[i] = time.Since(start)
	}
	return f, took
}

func percentile(sorted []time.Duration, p int) float64 {
	return float64(sorted[min(len(sorted)-1, len(sorted)*p/100)].Microseconds()) / 1000
}

func reportPercentiles(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(percentile(took, 50), "p50-ms")
	b.ReportMetric(percentile(took, 99), "p99-ms")
}

// BenchmarkPairing is from POST session to status ready, the scan included.
func BenchmarkPairing(b *testing.B) {
	_, took := benchFleet(b, 50)
	for b.Loop() { // the fleet was paired already: its times are what is reported
	}
	reportPercentiles(b, took)
}

// BenchmarkSend is one repeat send through the HTTP API, one at a time.
func BenchmarkSend(b *testing.B) {
	f, _ := benchFleet(b, 1)
	f.daemon.send(b, f.session(0), f.friend(0).Number(), "the first contact costs more")
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		f.daemon.send(b, f.session(0), f.friend(0).Number(), "hello")
		took = append(took, time.Since(start))
	}
	reportPercentiles(b, took)
}

// BenchmarkSendAtOnce is repeat sends of 50 sessions at the same time, each of
// which sends one after the other.
func BenchmarkSendAtOnce(b *testing.B) {
	f, _ := benchFleet(b, 50)
	f.each(func(i int) { f.daemon.send(b, f.session(i), f.friend(i).Number(), "the first contact costs more") })
	var begun atomic.Int64
	var senders sync.WaitGroup
	b.ResetTimer()
	for i := range f.size {
		senders.Go(func() {
			for begun.Add(1) <= int64(b.N) {
				f.daemon.send(b, f.session(i), f.friend(i).Number(), "hello")
			}
		})
	}
	senders.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sends/s")
}

// BenchmarkSendFirstContact is one send to somebody never written to before.
func BenchmarkSendFirstContact(b *testing.B) {
	f, _ := benchFleet(b, 1)
	var took []time.Duration
	for n := 0; b.Loop(); n++ {
		start := time.Now()
		f.daemon.send(b, f.session(0), f.friend(n+1).Number(), "hello")
		took = append(took, time.Since(start))
	}
	reportPercentiles(b, took)
}

// BenchmarkResidentPerSession is the daemon's resident memory for each idle
// linked session, after a restart.
func BenchmarkResidentPerSession(b *testing.B) {
	const n = 200
	f, _ := benchFleet(b, 0)
	empty := resident(b, f.daemon.cmd.Process.Pid)
	f.size = n
	f.each(func(i int) { f.daemon.pair(b, f.session(i), f.number(i)) })
	paired := resident(b, f.daemon.cmd.Process.Pid)
	for b.Loop() { // nothing to repeat
	}
	b.ReportMetric(float64(empty), "empty-kB")
	b.ReportMetric(float64(paired-empty)/n, "kB/session")
}

// resident reads a process's resident set, in kB.
func resident(b *testing.B, pid int) int {
	b.Helper()
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Skipf("no /proc on this system: %v", err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			kb, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			if err != nil {
				b.Fatal(err)
			}
			return kb
		}
	}
	b.Fatal("no VmRSS")
	return 0
}
