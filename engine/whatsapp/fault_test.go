package whatsapp

import (
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
	"wapid/engine/enginetest"
	"wapid/engine/simnet"
)

// pairing is a session whose connection shows QR codes.
func pairing(t *testing.T, n *Network) *enginetest.Session {
	t.Helper()
	s := enginetest.NewSession("a")
	var err error
	if s.Conn, err = n.Pair(t.Context(), engine.Line{Session: s.Key}, s.Handler()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.End(t) })
	s.Connect(t)
	return s
}

func wantDrop(t *testing.T, s *enginetest.Session, cause engine.DropCause) engine.SignalDropped {
	t.Helper()
	drop := enginetest.Await[engine.SignalDropped](t, s)
	if drop.Cause != cause {
		t.Fatalf("dropped as %q (%v), want %q", drop.Cause, drop.Err, cause)
	}
	return drop
}

func wantSilence(t *testing.T, s *enginetest.Session) {
	t.Helper()
	if rest := s.Unread(); len(rest) > 0 {
		t.Errorf("reported beside what was expected: %#v", rest)
	}
}

func TestCodesRotateAndRunOut(t *testing.T) {
	now := time.Now()
	n := simulate(t).open(t, func(o *Options) {
		o.QRFirst, o.QRNext = 60*time.Millisecond, 20*time.Millisecond
		o.Clock = func() time.Time { return now }
	})
	s := pairing(t, n)
	seen := map[string]bool{}
	for i := range 6 { // the server gives six
		code := enginetest.Await[engine.SignalQR](t, s)
		shown := 20 * time.Millisecond
		if i == 0 {
			shown = 60 * time.Millisecond
		}
		if code.ExpiresAt != now.Add(shown) || seen[code.Code] || code.Left != 5-i {
			t.Errorf("code %d expires after %s, %d follow, repeated: %v", i+1, code.ExpiresAt.Sub(now), code.Left, seen[code.Code])
		}
		seen[code.Code] = true
	}
	enginetest.Await[engine.SignalQRTimeout](t, s)
	s.End(t)
	wantSilence(t, s)
}

func TestPairingCanBeBegunAgainOnTheSameConnection(t *testing.T) {
	sim := simulate(t)
	n, p := sim.open(t, nil), sim.phone()
	s := pairing(t, n)
	enginetest.Await[engine.SignalQR](t, s)
	sim.fault(t, simnet.Fault{Kind: simnet.FaultClose, Number: simnet.Unlinked})
	wantDrop(t, s, engine.DropNetwork)
	s.Connect(t)
	if err := p.Scan(t.Context(), enginetest.Await[engine.SignalQR](t, s).Code); err != nil {
		t.Fatal(err)
	}
	enginetest.Await[engine.SignalPaired](t, s)
	wantDrop(t, s, engine.DropRestart)
	s.ComeBack(t)
}

func TestCloseOnTheLastCodeIsATimeout(t *testing.T) {
	sim := simulate(t)
	n := sim.open(t, func(o *Options) { o.QRFirst, o.QRNext = time.Millisecond, time.Hour })
	s := pairing(t, n)
	enginetest.Await[engine.SignalQR](t, s)
	enginetest.Await[engine.SignalQR](t, s)
	// Not the last one yet: the connection is made again.
	sim.fault(t, simnet.Fault{Kind: simnet.FaultClose, Number: simnet.Unlinked})
	wantDrop(t, s, engine.DropNetwork)

	n = sim.open(t, func(o *Options) { o.QRFirst, o.QRNext = time.Millisecond, 50*time.Millisecond })
	s = pairing(t, n)
	for range 6 {
		enginetest.Await[engine.SignalQR](t, s)
	}
	sim.fault(t, simnet.Fault{Kind: simnet.FaultClose, Number: simnet.Unlinked})
	enginetest.Await[engine.SignalQRTimeout](t, s)
	s.End(t)
	wantSilence(t, s)
}

func TestPasskeyChallengeIsHandedOn(t *testing.T) {
	sim := simulate(t)
	p := sim.phone()
	sim.fault(t, simnet.Fault{Kind: simnet.FaultPasskey, Number: p.Number(), Times: 1})
	s := pairing(t, sim.open(t, nil))
	code := enginetest.Await[engine.SignalQR](t, s).Code
	scanned := make(chan error, 1)
	go func() { scanned <- p.Scan(t.Context(), code) }()
	raw := enginetest.Await[engine.SignalPasskey](t, s).Challenge
	var request types.WebAuthnPublicKey
	if err := json.Unmarshal(raw, &request); err != nil {
		t.Fatal(err)
	}
	if _, err := p.SignPasskey(&request); err != nil {
		t.Errorf("the phone's passkey can't answer the challenge %s: %v", raw, err)
	}
	s.Conn.Close()
	if err := <-scanned; err == nil {
		t.Error("linked without the passkey")
	}
}

func TestEndsOfARunningConnection(t *testing.T) {
	sim := simulate(t)
	for name, c := range map[string]struct {
		fault simnet.FaultKind
		want  engine.DropCause
		again bool // the connection can be made again
	}{
		"closed":     {simnet.FaultClose, engine.DropNetwork, true},
		"restart":    {simnet.FaultRestart, engine.DropRestart, true},
		"replaced":   {simnet.FaultReplaced, engine.DropReplaced, true},
		"logged out": {simnet.FaultLogout, engine.DropLoggedOut, false},
	} {
		t.Run(name, func(t *testing.T) {
			n, p := sim.open(t, nil), sim.phone()
			s, id := enginetest.Link(t, n, p, "a")
			sim.fault(t, simnet.Fault{Kind: c.fault, Number: p.Number()})
			wantDrop(t, s, c.want)
			if c.again {
				s.ComeBack(t)
			} else if err := s.Conn.Connect(t.Context()); !errors.Is(err, engine.ErrNoDevice) {
				t.Errorf("connecting with a removed device gives %v, want ErrNoDevice", err)
			}
			s.End(t)
			wantSilence(t, s)
			_, err := n.Open(t.Context(), engine.Line{Session: s.Key}, id.Device, s.Handler())
			if c.again == errors.Is(err, engine.ErrNoDevice) {
				t.Errorf("afterwards opening the device gives %v", err)
			}
		})
	}
}

func TestRefusedLogins(t *testing.T) {
	sim := simulate(t)
	for name, c := range map[string]struct {
		fault simnet.Fault
		want  engine.DropCause
	}{
		"banned":          {simnet.Fault{Kind: simnet.FaultTempBan, Code: 102, Expire: time.Hour}, engine.DropBanned},
		"outdated":        {simnet.Fault{Kind: simnet.FaultOutdated}, engine.DropOutdated},
		"server error":    {simnet.Fault{Kind: simnet.FaultLoginFailure, Code: 500}, engine.DropNetwork},
		"unavailable":     {simnet.Fault{Kind: simnet.FaultLoginFailure, Code: 503}, engine.DropNetwork},
		"unknown code":    {simnet.Fault{Kind: simnet.FaultLoginFailure, Code: 418}, engine.DropNetwork},
		"account locked":  {simnet.Fault{Kind: simnet.FaultLoginFailure, Code: 403}, engine.DropLoggedOut},
		"closed at login": {simnet.Fault{Kind: simnet.FaultRefuse}, engine.DropNetwork},
	} {
		t.Run(name, func(t *testing.T) {
			n, p := sim.open(t, nil), sim.phone()
			s, id := enginetest.Link(t, n, p, "a")
			s.End(t)

			c.fault.Number = p.Number()
			fault := sim.fault(t, c.fault)
			s = enginetest.NewSession("a")
			var err error
			if s.Conn, err = n.Open(t.Context(), engine.Line{Session: s.Key}, id.Device, s.Handler()); err != nil {
				t.Fatal(err)
			}
			defer s.End(t)
			s.Connect(t)
			drop := wantDrop(t, s, c.want)
			if left := time.Until(drop.Until); c.want == engine.DropBanned && (left < 59*time.Minute || left > time.Hour) {
				t.Errorf("banned for %s, want an hour", left)
			}
			sim.Faults().Clear(fault)
			if c.want != engine.DropLoggedOut {
				s.ComeBack(t)
			}
			wantSilence(t, s)
		})
	}
}

func TestRefusedSocketIsAnError(t *testing.T) {
	sim := simulate(t)
	n := sim.open(t, nil)
	fault := sim.fault(t, simnet.Fault{Kind: simnet.FaultRefuse, Number: simnet.Everyone})
	s := enginetest.NewSession("a")
	s.Conn, _ = n.Pair(t.Context(), engine.Line{Session: s.Key}, s.Handler())
	defer s.End(t)
	if err := s.Conn.Connect(t.Context()); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("every socket is refused: %v", err)
	}
	sim.Faults().Clear(fault)
	s.Connect(t)
	enginetest.Await[engine.SignalQR](t, s)
	wantSilence(t, s)
}

func TestDeafServerIsNoticed(t *testing.T) {
	sim := simulate(t)
	n, p := sim.open(t, nil), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	deaf := sim.fault(t, simnet.Fault{Kind: simnet.FaultDeaf, Number: p.Number()})
	begin := time.Now()
	wantDrop(t, s, engine.DropNetwork)
	// 1.2 s at most until the ping, 3 s for its answer, and room for a busy machine.
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("noticed only after %s", took)
	}
	sim.Faults().Clear(deaf)
	s.ComeBack(t)
	wantSilence(t, s)
}

func TestLoginThatNeverCompletes(t *testing.T) {
	sim := simulate(t)
	dir := t.TempDir()
	p := sim.phone()
	s, id := enginetest.Link(t, sim.open(t, func(o *Options) { o.DataDir = dir }), p, "a")
	s.End(t)
	n := sim.open(t, func(o *Options) { o.DataDir, o.LoginTimeout = dir, 300*time.Millisecond })
	// Accepted, but nothing that follows is answered.
	sim.fault(t, simnet.Fault{Kind: simnet.FaultDeaf, Number: p.Number()})
	s = enginetest.NewSession("a")
	var err error
	if s.Conn, err = n.Open(t.Context(), engine.Line{Session: s.Key}, id.Device, s.Handler()); err != nil {
		t.Fatal(err)
	}
	defer s.End(t)
	s.Connect(t)
	wantDrop(t, s, engine.DropNetwork)
	wantSilence(t, s)
}

// TestServerThatWasDeafDuringTheLogin has lost the login's first question and
// hears again: nobody would answer it.
func TestServerThatWasDeafDuringTheLogin(t *testing.T) {
	sim := simulate(t)
	dir := t.TempDir()
	p := sim.phone()
	s, id := enginetest.Link(t, sim.open(t, func(o *Options) { o.DataDir = dir }), p, "a")
	s.End(t)
	for sim.Connections() > 0 { // what the pairing's socket still says would use up the fault
		runtime.Gosched()
	}
	// Before the first ping, whose answer would break the silence.
	n := sim.open(t, func(o *Options) { o.DataDir, o.LoginSilence = dir, 500*time.Millisecond })
	sim.fault(t, simnet.Fault{Kind: simnet.FaultDeaf, Number: p.Number(), Times: 1})
	s = enginetest.NewSession("a")
	var err error
	if s.Conn, err = n.Open(t.Context(), engine.Line{Session: s.Key}, id.Device, s.Handler()); err != nil {
		t.Fatal(err)
	}
	defer s.End(t)
	s.Connect(t)
	if drop := wantDrop(t, s, engine.DropNetwork); !strings.Contains(drop.Err.Error(), "silent") {
		t.Errorf("dropped because of %v", drop.Err)
	}
	wantSilence(t, s)
}

func TestPairingSocketThatGivesNoCode(t *testing.T) {
	sim := simulate(t)
	sim.fault(t, simnet.Fault{Kind: simnet.FaultLatency, Number: simnet.Unlinked, Delay: time.Hour})
	n := sim.open(t, func(o *Options) { o.LoginTimeout = 100 * time.Millisecond })
	s := pairing(t, n)
	wantDrop(t, s, engine.DropNetwork)
	wantSilence(t, s)
}
