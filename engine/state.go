package engine

import "time"

// stableAfter is how long a session must have been ready for its next drop to
// count as the first failure again.
const stableAfter = 30 * time.Second

// unlinkPatience is how long a removal tries to reach the network to unlink the
// device before it forgets the device without saying so.
const unlinkPatience = 10 * time.Second

// loginPatience is how long a connection of a linked device may be up without
// its login becoming complete. whatsmeow's own waits end after 75 s.
const loginPatience = 2 * time.Minute

// machine is everything that decides what a session does next. It is a value:
// apply makes the next one, and nothing in it touches the world.
type machine struct {
	State
	qr      *QR
	qrCount int
	code    *PairingCode
	passkey []byte
	// passkeyCode is what the phone shows once the passkey was accepted.
	passkeyCode string
	held        bool      // a Conn exists and must be closed some day
	up          bool      // it is connected or connecting
	loggedIn    bool      // its login is complete
	spent       bool      // it must be closed before there is another; its news no longer counts
	failures    int       // connections lost or refused in a row
	restarts    int       // connections that the server asked to make again since the last login
	readyAt     time.Time // when the session last became ready
	retryAt     time.Time // not before this; zero means at once
	loginBy     time.Time // a login that is not complete by then is given up
	unlinkBy    time.Time // a removal gives up unlinking then
	unlinked    bool      // the account does not show the device, by the network's own word
}

// input is something that happened to a session. Signals are inputs too.
type input interface{}

type (
	askStart      struct{}                   // the tenant wants it to run
	askRestart    struct{}                   // the tenant wants its connection made again, or begun
	askStop       struct{}                   // the tenant wants it to stop, staying linked
	askDelete     struct{}                   // the tenant wants it unlinked and forgotten
	askMove       struct{}                   // the device is to be used by another daemon
	askReclaim    struct{}                   // no other daemon uses the device after all
	optionsLost   struct{}                   // the session's options can't be read
	reroute       struct{}                   // the session's way to the network has changed
	connecting    struct{}                   // actConnect begins
	codeShown     struct{ code PairingCode } // the network has given a code to link with
	connected     struct{}                   // outcome of an actConnect that went well so far
	connectFailed struct{ err error }
	linking       struct{ identity Identity } // a phone has scanned, and the device's side is about to be confirmed
	loggedOut     struct{ err error }         // outcome of actLogout
	connClosed    struct{}                    // outcome of actClose
	connPanicked  struct{}                    // the connection has a defect and can't be used on
)

// action is what the worker should be doing about the connection.
type action int

const (
	actNone    action = iota
	actConnect        // open a connection, or connect the open one again
	actClose          // close the connection
	actLogout         // unlink the device, then close
	actRemove         // forget the device and delete the session
)

// restored is the machine of a session that was read from the store at start.
func restored(s State, version string, now time.Time) machine {
	m := machine{State: s}
	switch {
	case s.Intent == IntentDelete:
		m.unlinkBy = now.Add(m.patience())
		m.unlinked = s.Identity.Device == ""
	case s.Intent == IntentStop, s.Intent == IntentMoved:
	case s.Reason == ReasonBanned:
		m.retryAt = s.Until
	case s.Reason == ReasonClientOutdated && s.RefusedVersion != version, s.Reason == ReasonUnreadable, m.wantsUp():
		m.begin()
		if s.Status == StatusAuthenticated {
			m.Status = s.Status // linked, and has never logged in
		}
	}
	return m
}

// wantsUp tells whether a session in this state should have a connection, now
// or later.
func (s State) wantsUp() bool {
	if s.Intent != IntentRun {
		return false
	}
	if s.Status != StatusDisconnected {
		return true
	}
	switch s.Reason {
	case ReasonNetwork:
		return true
	case ReasonBanned:
		return !s.Until.IsZero()
	}
	return false
}

// next says what should be going on at the given time, and when to ask again
// if nothing happens before (zero: not at all).
func (m machine) next(now time.Time) (action, time.Time) {
	switch {
	case m.spent && m.held:
		return actClose, time.Time{}
	case m.Intent == IntentDelete:
		return m.nextOfRemoval(now)
	case m.wantsUp() && !m.up:
		if now.Before(m.retryAt) {
			return actNone, m.retryAt
		}
		return actConnect, time.Time{}
	case !m.wantsUp() && m.held:
		return actClose, time.Time{}
	case m.loginBy.IsZero() || !m.up:
		return actNone, time.Time{}
	case now.Before(m.loginBy):
		return actNone, m.loginBy
	}
	return actClose, time.Time{}
}

// nextOfRemoval gives the unlinking until unlinkBy, whatever it is waiting for.
func (m machine) nextOfRemoval(now time.Time) (action, time.Time) {
	linked := m.Identity.Device != "" && !m.unlinked && now.Before(m.unlinkBy)
	switch {
	case linked && m.up && m.loggedIn:
		return actLogout, m.unlinkBy
	case linked && m.up:
		return actNone, m.unlinkBy
	case linked && now.Before(m.retryAt):
		return actNone, earlier(m.retryAt, m.unlinkBy)
	case linked:
		return actConnect, m.unlinkBy
	case m.held:
		return actClose, time.Time{}
	}
	return actRemove, time.Time{}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// refuses says why an input can't be taken, or nil. Its poster is told so, and
// the machine stays as it is.
func (m machine) refuses(in input) error {
	switch in.(type) {
	case askStart, askRestart:
		switch m.Intent {
		case IntentDelete:
			return errBeingRemoved()
		case IntentMoved:
			return errMoved()
		}
	case askMove:
		return m.refusesMove()
	case askReclaim:
		if m.Intent != IntentMoved {
			return Errorf(CodeInvalid, "the session was not exported")
		}
	case codeShown:
		if !m.live() || m.Status != StatusQRReady {
			return errNotLinkable()
		}
	case askStop:
		switch m.Intent {
		case IntentDelete:
			return errNoSession()
		case IntentMoved:
			return errMoved()
		}
	case linking:
		if !m.live() || !m.wantsUp() {
			return Errorf(CodeStopping, "the session is no longer waiting to be linked")
		}
	}
	return nil
}

// live tells whether news of the connection counts.
func (m machine) live() bool { return m.up && !m.spent }

// chance is what a transition needs from outside: the time, a random number in
// [0,1), the backoff and this client's version.
type chance struct {
	now     time.Time
	random  float64
	backoff Backoff
	version string
}

// apply makes the machine that follows an input.
func (m machine) apply(in input, c chance) machine {
	switch in := in.(type) {
	case askStart:
		m.start()
	case askRestart:
		m.restart()
	case optionsLost:
		if m.wantsUp() {
			m.down(ReasonUnreadable)
		}
	case reroute:
		m.reroute()
	case codeShown:
		m.code = &in.code
	case askStop:
		m.stop()
	case askDelete:
		m.remove(c.now)
	case askMove:
		m.Intent, m.Reason = IntentMoved, ReasonMoved
	case askReclaim:
		m.Intent, m.Reason = IntentStop, ReasonStopped
	case connecting:
		m.connecting()
	case connected:
		m.awaitLogin(c.now)
	case connectFailed:
		m.connectFailed(in, c)
	case linking:
		m.linked(in.identity, c.now)
	case loggedOut:
		m.loggedOut(in, c)
	case connClosed:
		m.closed(c)
	case connPanicked:
		if m.live() {
			m.lost(c, m.pause(c))
			m.spent = m.held
		}
	case Signal:
		m.signal(in, c)
	}
	return m
}

// signal takes news of the connection. What comes after the connection has been
// given up is too late, except what tells whether the device is linked.
func (m *machine) signal(in Signal, c chance) {
	switch in := in.(type) {
	case SignalPaired:
		m.linked(in.Identity, c.now)
		return
	case SignalRestricted:
		m.restrict(in, c.now)
		return
	case SignalDropped:
		m.dropped(in, c)
		return
	}
	if !m.live() {
		return
	}
	switch in := in.(type) {
	case SignalQR:
		m.qrCount++
		m.pairing(StatusQRReady, &QR{Code: in.Code, ExpiresAt: in.ExpiresAt, Attempt: m.qrCount, Of: m.qrCount + in.Left}, nil)
	case SignalPasskey:
		m.pairing(StatusPasskeyRequired, nil, in.Challenge)
	case SignalPasskeyCode:
		if m.Status == StatusPasskeyRequired {
			m.passkeyCode = in.Code
		}
	case SignalQRTimeout:
		if m.Identity.Device != "" { // the last code was scanned at the last moment
			m.lost(c, m.pause(c))
			return
		}
		m.down(ReasonQRTimeout)
	case SignalPairingFailed:
		m.unlink()
		m.down(ReasonPairingFailed)
	case SignalReady:
		m.ready(in.Identity, c.now)
	}
}

// transitionEvents are the types of the events that a transition is told with.
func transitionEvents(before, after machine) []EventType {
	var types []EventType
	if after.qr != nil && after.qr != before.qr {
		types = append(types, EventQR)
	}
	if after.Status == StatusReady && before.Status != StatusReady {
		types = append(types, EventReady)
	}
	if after.Status == StatusDisconnected && (before.Status != StatusDisconnected || before.Reason != after.Reason) {
		types = append(types, EventDisconnected)
	}
	return types
}
