package whatsapp

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"wapid/engine"
	"wapid/engine/enginetest"
)

// quietSession links a session without the checks of enginetest.Link.
func quietSession(b *testing.B, n *Network, p *phone, id string) *enginetest.Session {
	b.Helper()
	s := enginetest.NewSession(id)
	ready := make(chan engine.Signal, 16)
	h := s.Handler()
	h.Signal = func(sig engine.Signal) { ready <- sig }
	conn, err := n.Pair(b.Context(), engine.Line{Session: s.Key}, h)
	if err != nil {
		b.Fatal(err)
	}
	s.Conn = conn
	b.Cleanup(conn.Close)
	if err := conn.Connect(b.Context()); err != nil {
		b.Fatal(err)
	}
	for sig := range ready {
		switch sig := sig.(type) {
		case engine.SignalQR:
			if err := p.Scan(b.Context(), sig.Code); err != nil {
				b.Fatal(err)
			}
		case engine.SignalDropped:
			if err := conn.Connect(b.Context()); err != nil {
				b.Fatal(err)
			}
		case engine.SignalReady:
			return s
		}
	}
	return nil
}

// BenchmarkSend sends texts to one person, over real sockets and crypto. The
// simulated network runs in the same process and is part of the figure.
func BenchmarkSend(b *testing.B) {
	for _, sessions := range []int{1, 20} {
		b.Run(fmt.Sprint(sessions, " sessions"), func(b *testing.B) {
			sim := simulate(b)
			n := sim.open(b, nil)
			all := make([]*enginetest.Session, sessions)
			peers := make([]*phone, sessions)
			for i := range all {
				all[i], peers[i] = quietSession(b, n, sim.phone(), fmt.Sprint(i)), sim.phone()
			}
			b.ResetTimer()
			var wg sync.WaitGroup
			for i, s := range all {
				wg.Go(func() {
					for range max(1, b.N/sessions) {
						m := engine.Outgoing{ID: n.NewMessageID(), To: peers[i].Person().Phone, Kind: engine.KindText, Text: "benchmark"}
						if _, err := s.Conn.Send(b.Context(), m); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// BenchmarkIdle reports what linked and idle sessions cost: goroutines of this
// side of the sockets, and heap of both sides.
func BenchmarkIdle(b *testing.B) {
	sim := simulate(b)
	n := sim.open(b, nil)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range b.N {
		quietSession(b, n, sim.phone(), fmt.Sprint(i))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(b.N), "heap-B/session")
	buf := make([]byte, 64<<20)
	ours := 0
	for _, stack := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, "go.mau.fi/whatsmeow") || strings.Contains(stack, "wapid/engine/whatsapp.") {
			ours++
		}
	}
	b.ReportMetric(float64(ours)/float64(b.N), "goroutines/session")
}
