package enginetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"wapid/engine"
)

// patience bounds every wait of the suite.
const patience = 30 * time.Second

// Session stands in for the engine's side of one connection: it records what is
// reported, and answers as it is told to. Networks use it in their own tests too.
type Session struct {
	Key  engine.SessionKey
	Conn engine.Conn
	// NoLink is what Linking answers. It is set before the session is used.
	NoLink error

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced with every report
	signals  []engine.Signal
	read     int // signals that Await has gone past
	linking  []engine.Identity
	received []engine.Incoming
	receipts []engine.Receipt
	notices  []engine.Notice
	refuse   func(engine.Incoming) error // nil takes everything
	refused  func(any) error             // of receipts and notices; nil takes everything
	closed   bool
	late     []string // reports after Close
}

// NewSession makes a session that is not connected to anything: its Conn is to
// be made with its Key and its Handler.
func NewSession(id string) *Session {
	return &Session{
		Key:     engine.SessionKey{Tenant: "tenant", ID: engine.SessionID(id)},
		changed: make(chan struct{}),
	}
}

// Handler is how a connection reports to the session.
func (s *Session) Handler() engine.Handler {
	return engine.Handler{
		Signal: func(sig engine.Signal) {
			s.note(fmt.Sprintf("%T", sig), func() { s.signals = append(s.signals, sig) })
		},
		Linking: func(_ context.Context, id engine.Identity) error {
			s.note("Linking", func() { s.linking = append(s.linking, id) })
			return s.NoLink
		},
		Receive: func(_ context.Context, m engine.Incoming) func() error {
			var err error
			s.note("Receive", func() {
				if s.refuse != nil {
					err = s.refuse(m)
				}
				if err == nil {
					s.received = append(s.received, m)
				}
			})
			return func() error { return err }
		},
		Receipt: func(_ context.Context, r engine.Receipt) error {
			return s.take("Receipt", r, func() { s.receipts = append(s.receipts, r) })
		},
		Notice: func(_ context.Context, n engine.Notice) error {
			return s.take("Notice", n, func() { s.notices = append(s.notices, n) })
		},
	}
}

// take records a receipt or a notice, unless it is to be refused.
func (s *Session) take(what string, it any, record func()) (err error) {
	s.note(what, func() {
		if s.refused != nil {
			err = s.refused(it)
		}
		if err == nil {
			record()
		}
	})
	return err
}

// RefuseNews sets what Receipt and Notice answer, as Refuse does for Receive.
func (s *Session) RefuseNews(fn func(any) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = fn
}

// AwaitReceipt waits for a receipt that matches.
func (s *Session) AwaitReceipt(t *testing.T, match func(engine.Receipt) bool) (found engine.Receipt) {
	t.Helper()
	s.Until(t, "a receipt", func() bool {
		i := slices.IndexFunc(s.receipts, match)
		if i >= 0 {
			found = s.receipts[i]
		}
		return i >= 0
	})
	return found
}

// AwaitNotice waits for a notice that matches.
func (s *Session) AwaitNotice(t *testing.T, match func(engine.Notice) bool) (found engine.Notice) {
	t.Helper()
	s.Until(t, "a notice", func() bool {
		i := slices.IndexFunc(s.notices, match)
		if i >= 0 {
			found = s.notices[i]
		}
		return i >= 0
	})
	return found
}

func (s *Session) note(what string, change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.late = append(s.late, what)
	}
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

// Refuse sets what Receive answers; nil takes everything. fn is called for one
// message at a time.
func (s *Session) Refuse(fn func(engine.Incoming) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = fn
}

// Until waits for done to return true, looking with every report and every few
// milliseconds, because the far side does not report. done is called with the
// lock held.
func (s *Session) Until(t *testing.T, what string, done func() bool) {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		s.mu.Lock()
		ok, changed := done(), s.changed
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-timeout.C:
			s.mu.Lock()
			defer s.mu.Unlock()
			t.Fatalf("waited %s in vain for %s; signals so far: %s", patience, what, describe(s.signals))
		}
	}
}

// Await returns the next signal of a type, and fails on a drop or a failure that
// comes before it.
func Await[S engine.Signal](t *testing.T, s *Session) S {
	t.Helper()
	var found S
	s.Until(t, fmt.Sprintf("%T", found), func() bool {
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

// AwaitMessage returns the first committed message with an id.
func (s *Session) AwaitMessage(t *testing.T, id engine.MessageID) engine.Incoming {
	t.Helper()
	var found engine.Incoming
	s.Until(t, "message "+string(id), func() bool {
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

// Connect connects, which must not fail.
func (s *Session) Connect(t *testing.T) {
	t.Helper()
	if err := s.Conn.Connect(t.Context()); err != nil {
		t.Fatalf("connect: %v", err)
	}
}

// ComeBack connects again after a drop, and waits until the session is ready.
func (s *Session) ComeBack(t *testing.T) engine.Identity {
	t.Helper()
	s.Connect(t)
	return Await[engine.SignalReady](t, s).Identity
}

// Close closes the connection. Nothing may be reported afterwards.
func (s *Session) Close() {
	s.Conn.Close()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
}

// End closes the connection and fails if it reported anything afterwards.
func (s *Session) End(t *testing.T) {
	s.Close()
	s.Conn.Close() // again: it is idempotent
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.late) > 0 {
		t.Errorf("reported after Close: %v", s.late)
	}
}

// Unread are the signals that no Await has looked at.
func (s *Session) Unread() []engine.Signal {
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
