package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// inputs are all that can happen to a session, each in its variants.
var inputs = []input{
	askStart{}, askStop{}, askDelete{}, askStart{}, askStop{},
	linking{me}, SignalPaired{me}, SignalQR{Code: "x"}, SignalQR{Code: "y"}, SignalPasskey{[]byte("c")},
	SignalQRTimeout{}, SignalPairingFailed{errors.New("no")}, SignalReady{me}, SignalReady{}, SignalReady{me},
	SignalRestricted{Restriction{RestrictionReachout, noon.Add(time.Hour)}, false},
	SignalDropped{Cause: DropNetwork}, SignalDropped{Cause: DropRestart}, SignalDropped{Cause: DropReplaced},
	SignalDropped{Cause: DropLoggedOut}, SignalDropped{Cause: DropOutdated},
	SignalDropped{Cause: DropBanned, Until: noon.Add(10 * time.Minute)}, SignalDropped{Cause: DropBanned},
	connPanicked{},
}

// world runs a machine as a worker does: one operation at a time, whose outcome
// comes some time later, and news of a connection only until it is let go.
type world struct {
	machine
	now  time.Time
	busy action
	conn bool // the worker still listens to the connection
}

func (w *world) take(in input) {
	if w.refuses(in) != nil {
		return
	}
	if _, ok := in.(Signal); ok && !w.conn {
		return
	}
	if _, ok := in.(linking); ok && !w.conn {
		return
	}
	w.machine = w.apply(in, chance{now: w.now, random: 0.5, version: thisVersion})
}

// act starts what the machine wants; it tells whether the session is removed.
func (w *world) act() (removed bool) {
	if w.busy != actNone {
		return false
	}
	act, _ := w.next(w.now)
	switch act {
	case actConnect:
		w.take(connecting{})
		w.busy, w.conn = actConnect, true
	case actClose, actLogout:
		w.busy, w.conn = act, false
	case actRemove:
		return true
	}
	return false
}

func (w *world) finish(well bool) {
	busy := w.busy
	w.busy = actNone
	var err error
	if !well {
		err = errors.New("failed")
	}
	switch {
	case busy == actConnect && well:
		w.take(connected{})
	case busy == actConnect:
		w.take(connectFailed{err})
	case busy == actLogout:
		w.take(loggedOut{err})
	case busy == actClose:
		w.take(connClosed{})
	}
}

// check returns what is wrong with the machine.
func (w *world) check() error {
	act, at := w.next(w.now)
	switch {
	case (w.Reason != "") != (w.Status == StatusDisconnected):
		return fmt.Errorf("%s with reason %q", w.Status, w.Reason)
	case (w.qr != nil) != (w.Status == StatusQRReady):
		return fmt.Errorf("%s with QR %v", w.Status, w.qr)
	case (w.passkey != nil) != (w.Status == StatusPasskeyRequired):
		return fmt.Errorf("%s with passkey %v", w.Status, w.passkey)
	case !w.Until.IsZero() && w.Reason != ReasonBanned:
		return fmt.Errorf("%s/%s until %v", w.Status, w.Reason, w.Until)
	case w.RefusedVersion != "" && w.Intent == IntentRun && w.Reason != ReasonClientOutdated:
		return fmt.Errorf("%s/%s refuses version %s", w.Status, w.Reason, w.RefusedVersion)
	case w.Identity.Device == "" && (w.Status == StatusReady || w.Status == StatusAuthenticated):
		return fmt.Errorf("%s without a device", w.Status)
	case w.Status == StatusReady && !(w.live() && w.loggedIn):
		return errors.New("ready without a login")
	case w.Intent != IntentRun && w.Status != StatusDisconnected:
		return fmt.Errorf("%s although it should %s", w.Status, w.Intent)
	case act == actConnect && !w.wantsUp() && !(w.Intent == IntentDelete && w.Identity.Device != ""):
		return fmt.Errorf("connects although %s/%s/%s", w.Status, w.Reason, w.Intent)
	case act == actConnect && w.up:
		return errors.New("connects although it is up")
	case act == actLogout && !w.loggedIn:
		return errors.New("logs out without a login")
	case act == actNone && !at.IsZero() && !at.After(w.now):
		return fmt.Errorf("asks again in the past, %v", at)
	case act == actNone && at.IsZero() && w.wantsUp() && !w.up:
		return fmt.Errorf("wants to be up and waits for nothing: %s/%s", w.Status, w.Reason)
	case w.busy == actNone && act == actNone && at.IsZero() && w.up && w.Status != StatusReady && w.Identity.Device != "":
		return fmt.Errorf("waits for ever for a login in %s", w.Status)
	case w.up && !w.held:
		return errors.New("up without a connection")
	}
	return nil
}

// settle lets the world run without further inputs, every operation failing,
// until it rests. Every intent but run must come to rest.
func (w *world) settle() error {
	for range 200 {
		if w.act() {
			if w.Intent != IntentDelete || w.held {
				return fmt.Errorf("removed although %s, held %v", w.Intent, w.held)
			}
			return nil
		}
		if w.busy != actNone {
			w.finish(false)
			continue
		}
		act, at := w.next(w.now)
		if act != actNone {
			return fmt.Errorf("does not start %d", act)
		}
		if at.IsZero() {
			if w.held || w.Intent == IntentDelete {
				return fmt.Errorf("rests although %s, held %v", w.Intent, w.held)
			}
			return nil
		}
		w.now = at
	}
	return errors.New("never rests")
}

func walk(t *testing.T, bytes []byte) {
	t.Helper()
	w := world{machine: fresh(), now: noon}
	var history []any
	for _, b := range bytes {
		kind, n := b&3, int(b>>2)
		switch {
		case kind == 0 && w.busy != actNone:
			w.finish(n%3 != 0)
			history = append(history, "finish")
		case kind == 1:
			w.now = w.now.Add(time.Duration(n) * time.Second)
		case kind == 2 && n == 0:
			w.machine, w.busy, w.conn = restored(w.State, thisVersion, w.now), actNone, false
			history = append(history, "restart")
		default:
			in := inputs[n%len(inputs)]
			w.take(in)
			history = append(history, in)
		}
		if n%2 == 0 && w.act() {
			w = world{machine: fresh(), now: w.now}
			history = append(history, "removed")
		}
		if err := w.check(); err != nil {
			t.Fatalf("%v\n%+v\nafter %#v", err, w.machine, history)
		}
	}
	if w.Intent == IntentRun {
		w.take(askStop{})
	}
	if err := w.settle(); err != nil {
		t.Fatalf("%v\n%+v\nafter %#v", err, w.machine, history)
	}
}

func TestAnyHistoryKeepsTheInvariants(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		bytes := make([]byte, random.IntN(60))
		for i := range bytes {
			bytes[i] = byte(random.UintN(256))
		}
		walk(t, bytes)
	}
}

func FuzzHistory(f *testing.F) {
	f.Add([]byte{0, 7, 11, 15, 3})
	f.Fuzz(func(t *testing.T, bytes []byte) { walk(t, bytes) })
}
