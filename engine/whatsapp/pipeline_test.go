package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"wapid/engine"
	"wapid/engine/enginetest"
	"wapid/engine/simnet"
)

// commits stands for the database of ours: it takes messages, and answers when and
// what the test says.
type commits struct {
	mu      sync.Mutex
	begun   []string // the texts, in order
	answers chan error
}

// waiting opens a linked device's connection whose commits wait for an answer each.
func waiting(t *testing.T, n *Network, id engine.Identity) (*enginetest.Session, *commits) {
	t.Helper()
	s, c := opened(t, n, id)
	s.ComeBack(t)
	return s, c
}

// opened is waiting before the connection is made.
func opened(t *testing.T, n *Network, id engine.Identity) (*enginetest.Session, *commits) {
	t.Helper()
	s, c := enginetest.NewSession("a"), &commits{answers: make(chan error)}
	h := s.Handler()
	h.Receive = func(ctx context.Context, m engine.Incoming) func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.begun = append(c.begun, m.Text)
		return func() error {
			select {
			case err := <-c.answers:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	var err error
	if s.Conn, err = n.Open(t.Context(), engine.Line{Session: s.Key}, id.Device, h); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.End(t) })
	return s, c
}

func (c *commits) texts() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.begun)
}

func (c *commits) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun = nil
}

// textsOf sends texts to a session's phone, and returns their ids.
func textsOf(t *testing.T, from, to *phone, texts ...string) (ids []engine.MessageID) {
	t.Helper()
	for _, text := range texts {
		id, err := from.SendText(t.Context(), to.Person().Phone, text)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

func numbered(n int) (texts []string) {
	for i := range n {
		texts = append(texts, fmt.Sprint("text ", i))
	}
	return texts
}

// linked is a session's device that has talked to a peer, so that the sessions of both
// are set up.
func linked(t *testing.T, sim *simulation, n *Network) (id engine.Identity, p, peer *phone) {
	t.Helper()
	p, peer = sim.phone(), sim.phone()
	s, id := enginetest.Link(t, n, p, "a")
	hello := textsOf(t, peer, p, "hello")[0]
	s.Until(t, "the acknowledgement", func() bool { return p.Acknowledged(id.Device, hello) })
	s.End(t)
	return id, p, peer
}

func TestMessagesAreDecryptedWhileOthersAreCommitted(t *testing.T) {
	sim := simulate(t)
	n := sim.open(t, nil)
	id, p, peer := linked(t, sim, n)
	s, c := waiting(t, n, id)
	texts := numbered(maxInFlight + 10)
	ids := textsOf(t, peer, p, texts...)
	s.Until(t, "as many commits as may wait", func() bool { return len(c.texts()) == maxInFlight })
	for _, msg := range ids {
		if p.Acknowledged(id.Device, msg) {
			t.Fatal("acknowledged before the commit")
		}
	}
	for i, msg := range ids {
		c.answers <- nil
		s.Until(t, "the acknowledgement", func() bool { return p.Acknowledged(id.Device, msg) })
		if i+1 < len(ids) && p.Acknowledged(id.Device, ids[i+1]) {
			t.Fatal("acknowledged out of turn")
		}
	}
	if got := c.texts(); !slices.Equal(got, texts) {
		t.Errorf("committed %q", got)
	}
	s.End(t)
	n.devices.committer.close()
	var left int
	if err := n.devices.db.QueryRowContext(t.Context(), "SELECT count(*) FROM whatsmeow_event_buffer WHERE plaintext IS NOT NULL").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d texts are left in the buffer, %v", left, err)
	}
}

// TestFailedCommitsComeAgain: those before and behind are acknowledged meanwhile.
func TestFailedCommitsComeAgain(t *testing.T) {
	sim := simulate(t)
	n := sim.open(t, nil)
	id, p, peer := linked(t, sim, n)
	s, c := waiting(t, n, id)
	ids := textsOf(t, peer, p, "one", "two", "three")
	s.Until(t, "all commits", func() bool { return len(c.texts()) == 3 })
	c.answers <- nil
	c.answers <- errors.New("the disk is full")
	c.answers <- nil
	wantDrop(t, s, engine.DropNetwork)
	if !p.Acknowledged(id.Device, ids[0]) || p.Acknowledged(id.Device, ids[1]) {
		t.Error("not acknowledged as committed")
	}
	c.forget()
	s.ComeBack(t)
	s.Until(t, "the second", func() bool { return slices.Contains(c.texts(), "two") })
	c.answers <- nil
	s.Until(t, "all acknowledgements", func() bool {
		return !slices.ContainsFunc(ids, func(msg engine.MessageID) bool { return !p.Acknowledged(id.Device, msg) })
	})
}

// TestConnectionsThatEndLoseNoCommit goes through the points at which a socket, or the
// daemon with it, may end: before the commit, between the commit and the clearing of the
// buffer, and between that and the receipt.
func TestConnectionsThatEndLoseNoCommit(t *testing.T) {
	const keep = "CREATE TRIGGER keep BEFORE UPDATE ON whatsmeow_event_buffer BEGIN SELECT RAISE(ABORT, 'kept'); END"
	for name, c := range map[string]struct {
		answer error
		breaks string // the device store, while the first connection ends
		again  bool   // the message is committed again
	}{
		"before the commit":   {answer: context.Canceled, again: true},
		"before the clearing": {breaks: keep, again: true},
		"before the receipt":  {},
	} {
		t.Run(name, func(t *testing.T) {
			sim := simulate(t)
			n := sim.open(t, nil)
			id, p, peer := linked(t, sim, n)
			s, gate := waiting(t, n, id)
			texts := numbered(5)
			ids := textsOf(t, peer, p, texts...)
			s.Until(t, "all commits", func() bool { return len(gate.texts()) == len(texts) })
			if c.breaks != "" {
				breakStore(t, n, c.breaks)
			}
			sim.fault(t, simnet.Fault{Kind: simnet.FaultClose, Number: p.Number()})
			wantDrop(t, s, engine.DropNetwork)
			for range texts {
				gate.answers <- c.answer
			}
			gate.forget()
			<-s.Conn.(*conn).link.gone
			_ = n.devices.committer.do(&batch{}) // the clearing is put off until another commit
			if c.breaks != "" {
				breakStore(t, n, "DROP TRIGGER keep")
			}
			s.ComeBack(t)
			if c.again {
				for range texts {
					gate.answers <- nil
				}
				if got := gate.texts(); !slices.Equal(got, texts) {
					t.Errorf("came again as %q", got)
				}
			}
			s.Until(t, "all acknowledgements", func() bool {
				return !slices.ContainsFunc(ids, func(msg engine.MessageID) bool { return !p.Acknowledged(id.Device, msg) })
			})
			if got := gate.texts(); !c.again && len(got) > 0 {
				t.Errorf("handled a second time: %q", got)
			}
		})
	}
}

func TestClosingWaitsForCommits(t *testing.T) {
	sim := simulate(t)
	n := sim.open(t, nil)
	id, p, peer := linked(t, sim, n)
	s, c := waiting(t, n, id)
	ids := textsOf(t, peer, p, numbered(maxInFlight+5)...) // some wait for room
	s.Until(t, "as many commits as may wait", func() bool { return len(c.texts()) == maxInFlight })
	s.End(t) // its context ends the commits
	for _, msg := range ids {
		if p.Acknowledged(id.Device, msg) {
			t.Error("acknowledged, and not committed")
		}
	}
	s, c = waiting(t, n, id)
	for range ids {
		c.answers <- nil
	}
	s.Until(t, "all acknowledgements", func() bool {
		return !slices.ContainsFunc(ids, func(msg engine.MessageID) bool { return !p.Acknowledged(id.Device, msg) })
	})
}

func TestPipelineKeepsOrderAndItsBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline()
		gate := make(chan struct{})
		var done []int
		begun := 0
		go func() {
			for i := range maxInFlight + 3 {
				p.add(func() func() {
					begun++
					return func() { <-gate; done = append(done, i) }
				})
			}
		}()
		synctest.Wait()
		if begun != maxInFlight {
			t.Errorf("%d are on their way, want %d", begun, maxInFlight)
		}
		settled, closed := false, false
		go func() { p.settle(); settled = true }()
		synctest.Wait()
		if settled {
			t.Error("settled, with work to do")
		}
		close(gate)
		synctest.Wait()
		if !settled || len(done) != maxInFlight+3 || !slices.IsSorted(done) || p.running || p.queue != nil {
			t.Errorf("settled %v, done %v", settled, done)
		}
		func() {
			defer func() { _ = recover() }()
			p.add(func() func() { panic("defect") })
		}()
		gate = make(chan struct{})
		p.add(func() func() { return func() { <-gate } })
		go func() { p.close(); closed = true }()
		synctest.Wait()
		if closed {
			t.Error("closed, with work to do")
		}
		close(gate)
		synctest.Wait()
		if !closed || p.add(func() func() { t.Error("begun after the end"); return nil }) {
			t.Errorf("closed: %v", closed)
		}
	})
}
