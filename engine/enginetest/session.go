package enginetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"wapid/engine"
)

// patience bounds every wait of the suite.
const patience = 30 * time.Second

// session stands in for the engine's side of one connection: it records what is
// reported, and answers as it is told to.
type session struct {
	key  engine.SessionKey
	conn engine.Conn

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced with every report
	signals  []engine.Signal
	read     int // signals that await has gone past
	linking  []engine.Identity
	received []engine.Incoming
	refuse   func(engine.Incoming) error // nil takes everything
	noLink   error                       // what Linking answers
	closed   bool
	late     []string // reports after Close
}

func newSession(id string) *session {
	return &session{
		key:     engine.SessionKey{Tenant: "tenant", ID: engine.SessionID(id)},
		changed: make(chan struct{}),
	}
}

func (s *session) handler() engine.Handler {
	return engine.Handler{
		Signal: func(sig engine.Signal) {
			s.note(fmt.Sprintf("%T", sig), func() { s.signals = append(s.signals, sig) })
		},
		Linking: func(_ context.Context, id engine.Identity) error {
			s.note("Linking", func() { s.linking = append(s.linking, id) })
			return s.noLink
		},
		Receive: func(_ context.Context, m engine.Incoming) error {
			var err error
			s.note("Receive", func() {
				if s.refuse != nil {
					err = s.refuse(m)
				}
				if err == nil {
					s.received = append(s.received, m)
				}
			})
			return err
		},
	}
}

func (s *session) note(what string, change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.late = append(s.late, what)
	}
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

// until waits for done, which is called with the lock held, to return true.
func (s *session) until(t *testing.T, what string, done func() bool) {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		s.mu.Lock()
		ok, changed := done(), s.changed
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-timeout.C:
			s.mu.Lock()
			defer s.mu.Unlock()
			t.Fatalf("waited %s in vain for %s; signals so far: %s", patience, what, describe(s.signals))
		}
	}
}

// await returns the next signal of a type, and fails on a drop or a failure that
// comes before it.
func await[S engine.Signal](t *testing.T, s *session) S {
	t.Helper()
	var found S
	s.until(t, fmt.Sprintf("%T", found), func() bool {
		for s.read < len(s.signals) {
			sig := s.signals[s.read]
			s.read++
			if match, ok := sig.(S); ok {
				found = match
				return true
			}
			switch sig.(type) {
			case engine.SignalDropped, engine.SignalPairingFailed, engine.SignalQRTimeout:
				t.Errorf("got %s while waiting for %T", describe([]engine.Signal{sig}), found)
				return true
			}
		}
		return false
	})
	if t.Failed() {
		t.FailNow()
	}
	return found
}

// awaitMessage returns the first committed message with an id.
func (s *session) awaitMessage(t *testing.T, id engine.MessageID) engine.Incoming {
	t.Helper()
	var found engine.Incoming
	s.until(t, "message "+string(id), func() bool {
		for _, m := range s.received {
			if m.ID == id {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

func (s *session) connect(t *testing.T) {
	t.Helper()
	if err := s.conn.Connect(t.Context()); err != nil {
		t.Fatalf("connect: %v", err)
	}
}

// comeBack connects again after a drop, and waits until the session is ready.
func (s *session) comeBack(t *testing.T) engine.Identity {
	t.Helper()
	s.connect(t)
	return await[engine.SignalReady](t, s).Identity
}

// close closes the connection. Nothing may be reported afterwards.
func (s *session) close() {
	s.conn.Close()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
}

// end closes the connection and fails if it reported anything afterwards.
func (s *session) end(t *testing.T) {
	s.close()
	s.conn.Close() // again: it is idempotent
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.late) > 0 {
		t.Errorf("reported after Close: %v", s.late)
	}
}

// unread are the signals that no await has looked at.
func (s *session) unread() []engine.Signal {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signals[s.read:]
}

func describe(signals []engine.Signal) string {
	text := ""
	for _, sig := range signals {
		switch sig := sig.(type) {
		case engine.SignalDropped:
			text += fmt.Sprintf(" dropped(%s: %v)", sig.Cause, sig.Err)
		case engine.SignalPairingFailed:
			text += fmt.Sprintf(" pairing failed(%v)", sig.Err)
		case engine.SignalQR:
			text += " qr"
		default:
			text += fmt.Sprintf(" %T", sig)
		}
	}
	return text
}

var errRefused = errors.New("refused by the test")
