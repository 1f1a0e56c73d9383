package whatsapp

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"wapid/engine"
	"wapid/engine/enginetest"
	"wapid/engine/simnet"
)

// TestCloseUnderTraffic closes connections while messages pour in and out. A
// reader of whatsmeow's that is stopped while it holds a frame would stay for
// ever; what is not committed must come again.
func TestCloseUnderTraffic(t *testing.T) {
	const rounds, burst = 5, 40
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	s, id := enginetest.Link(t, n, p, "a")
	s.End(t)
	want := map[engine.MessageID]string{}
	got := map[engine.MessageID]string{}
	for round := range rounds {
		s = enginetest.NewSession("a")
		var err error
		if s.Conn, err = n.Open(t.Context(), engine.Line{Session: s.Key}, id.Device, s.Handler()); err != nil {
			t.Fatal(err)
		}
		s.Refuse(func(m engine.Incoming) error {
			got[m.ID] = m.Text
			return nil
		})
		s.ComeBack(t)
		var sending sync.WaitGroup
		sending.Go(func() {
			for i := range burst / 4 {
				_, err := s.Conn.Send(t.Context(), engine.Outgoing{
					ID: n.NewMessageID(), To: peer.Person().Phone, Kind: engine.KindText, Text: fmt.Sprint("out ", round, i),
				})
				if code := engine.CodeOf(err); code != "" && code != engine.CodeSessionNotReady && code != engine.CodeSendOutcomeUnknown {
					t.Errorf("sending while it closes gives %v", err)
				}
			}
		})
		var last engine.MessageID
		for i := range burst {
			text := fmt.Sprint("in ", round, i)
			if last, err = peer.SendText(t.Context(), p.Person().Phone, text); err != nil {
				t.Fatal(err)
			}
			want[last] = text
			if i == burst/4 {
				s.AwaitMessage(t, last)
			}
		}
		s.End(t) // in the middle of the rest
		sending.Wait()
	}
	if stuck := stacks("frameComplete"); stuck != "" {
		t.Errorf("a reader is stuck:\n%s", stuck)
	}
	s = enginetest.NewSession("a")
	var err error
	if s.Conn, err = n.Open(t.Context(), engine.Line{Session: s.Key}, id.Device, s.Handler()); err != nil {
		t.Fatal(err)
	}
	s.Refuse(func(m engine.Incoming) error {
		got[m.ID] = m.Text
		return nil
	})
	s.ComeBack(t)
	s.Until(t, "all messages", func() bool { return len(got) >= len(want) })
	s.End(t)
	for id, text := range want {
		if got[id] != text {
			t.Errorf("message %s is %q, want %q", id, got[id], text)
		}
	}
}

// stacks returns the stacks of goroutines that are in a function for good.
func stacks(function string) string {
	var found string
	for range 100 {
		buf := make([]byte, 1<<20)
		found = ""
		for _, stack := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(stack, function) {
				found += stack + "\n\n"
			}
		}
		if found == "" {
			return ""
		}
		<-time.After(5 * time.Millisecond)
	}
	return found
}

// TestManySessions links sessions side by side in one process and drops them all
// at once, again and again.
func TestManySessions(t *testing.T) {
	const sessions = 12
	sim := simulate(t)
	n := sim.open(t, nil)
	all := make([]*enginetest.Session, sessions)
	phones := make([]*phone, sessions)
	for i := range all {
		phones[i] = sim.phone()
		all[i], _ = enginetest.Link(t, n, phones[i], fmt.Sprint("s", i))
	}
	for range 2 {
		sim.fault(t, simnet.Fault{Kind: simnet.FaultClose, Number: simnet.Everyone})
		for _, s := range all {
			wantDrop(t, s, engine.DropNetwork)
		}
		for i, s := range all {
			s.ComeBack(t)
			msg, err := phones[(i+1)%sessions].SendText(t.Context(), phones[i].Person().Phone, "neighbour")
			if err != nil {
				t.Fatal(err)
			}
			s.AwaitMessage(t, msg)
		}
	}
	for _, s := range all {
		wantSilence(t, s)
	}
}
