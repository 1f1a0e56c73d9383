package engine

import "time"

// stableAfter is how long a session must have been ready for its next drop to
// count as the first failure again.
const stableAfter = 30 * time.Second

// unlinkPatience is how long a removal tries to reach the network to unlink the
// device before it forgets the device without saying so.
const unlinkPatience = 10 * time.Second

// machine is everything that decides what a session does next. It is a value:
// apply makes the next one, and nothing in it touches the world.
type machine struct {
	State
	qr           *QR
	qrCount      int
	passkey      []byte
	restrictions []Restriction
	held         bool      // a Conn exists and must be closed some day
	up           bool      // it is connected or connecting
	failures     int       // connections lost or refused in a row
	readyAt      time.Time // when the session last became ready
	retryAt      time.Time // not before this; zero means at once
	unlinkBy     time.Time // a removal gives up unlinking then
	unlinked     bool      // the network has confirmed the unlinking
}

// input is something that happened to a session. Signals are inputs too.
type input interface{}

type (
	askStart      struct{} // the tenant wants it to run
	askStop       struct{} // the tenant wants it to stop, staying linked
	askDelete     struct{} // the tenant wants it unlinked and forgotten
	connecting    struct{} // actConnect begins
	linking       struct{ identity Identity }
	connectFailed struct{ err error }
	loggedOut     struct{ err error } // outcome of actLogout
	connClosed    struct{}            // outcome of actClose
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
		m.unlinkBy = now.Add(unlinkPatience)
	case s.Intent == IntentStop:
	case s.Reason == ReasonBanned:
		m.retryAt = s.Until
	case s.Reason == ReasonClientOutdated && s.RefusedVersion != version, m.wantsUp():
		m.begin()
	}
	return m
}

// begin puts the machine at the start of a connection.
func (m *machine) begin() {
	m.Status, m.Reason, m.Until, m.RefusedVersion = StatusInitializing, "", time.Time{}, ""
	m.failures, m.retryAt = 0, time.Time{}
	m.clearPairing()
	m.qrCount = 0
}

func (m *machine) clearPairing() { m.qr, m.passkey = nil, nil }

// wantsUp tells whether the session should have a connection, now or later.
func (m machine) wantsUp() bool {
	if m.Intent != IntentRun {
		return false
	}
	if m.Status != StatusDisconnected {
		return true
	}
	switch m.Reason {
	case ReasonNetwork:
		return true
	case ReasonBanned:
		return !m.Until.IsZero()
	}
	return false
}

// next says what should be going on at the given time, and, where that is
// nothing, when to ask again (zero: after the next input).
func (m machine) next(now time.Time) (action, time.Time) {
	if m.Intent == IntentDelete {
		return m.nextOfRemoval(now)
	}
	switch {
	case m.wantsUp() && !m.up:
		if now.Before(m.retryAt) {
			return actNone, m.retryAt
		}
		return actConnect, time.Time{}
	case !m.wantsUp() && m.held:
		return actClose, time.Time{}
	}
	return actNone, time.Time{}
}

func (m machine) nextOfRemoval(now time.Time) (action, time.Time) {
	linked := m.Identity.Device != "" && !m.unlinked && now.Before(m.unlinkBy)
	switch {
	case linked && m.up && m.Status == StatusReady:
		return actLogout, time.Time{}
	case linked && m.up:
		return actNone, m.unlinkBy
	case linked && now.Before(m.retryAt):
		return actNone, earlier(m.retryAt, m.unlinkBy)
	case linked:
		return actConnect, time.Time{}
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
	case askStop:
		m.stop()
	case askDelete:
		if m.Intent != IntentDelete {
			m.Intent, m.unlinkBy, m.retryAt = IntentDelete, c.now.Add(unlinkPatience), time.Time{}
		}
	case connecting:
		m.held, m.up = true, true
		if m.Identity.Device == "" {
			m.qrCount = 0
		}
	case linking:
		m.linked(in.identity)
	case SignalPaired:
		m.linked(in.Identity)
	case SignalQR:
		m.qrCount++
		m.pairing(StatusQRReady, &QR{Code: in.Code, ExpiresAt: in.ExpiresAt, Attempt: m.qrCount}, nil)
	case SignalPasskey:
		m.pairing(StatusPasskeyRequired, nil, in.Challenge)
	case SignalQRTimeout:
		m.down(ReasonQRTimeout)
	case SignalPairingFailed:
		m.Identity = Identity{}
		m.down(ReasonPairingFailed)
	case SignalReady:
		m.ready(in.Identity, c.now)
	case SignalRestricted:
		m.restrict(in)
	case SignalDropped:
		m.dropped(in, c)
	case connectFailed:
		m.connectFailed(in, c)
	case loggedOut:
		m.held, m.up, m.unlinked = false, false, in.err == nil
		m.unlinkBy = time.Time{}
	case connClosed:
		m.held, m.up = false, false
	}
	return m
}

func (m *machine) start() {
	if m.Intent == IntentDelete {
		return
	}
	waiting := m.Status == StatusDisconnected
	m.Intent = IntentRun
	if waiting {
		m.begin()
	}
}

func (m *machine) stop() {
	if m.Intent == IntentDelete {
		return
	}
	m.Intent = IntentStop
	m.Status, m.Reason, m.Until = StatusDisconnected, ReasonStopped, time.Time{}
	m.retryAt = time.Time{}
	m.clearPairing()
}

// pairing shows a step of the pairing. A step that comes after the session was
// stopped, or after it was linked, is too late.
func (m *machine) pairing(status Status, qr *QR, challenge []byte) {
	if !m.wantsUp() || m.Identity.Device != "" {
		return
	}
	m.Status, m.Reason, m.qr, m.passkey = status, "", qr, challenge
}

// linked keeps who the session is. The identity is kept even if the session was
// stopped meanwhile: the account now shows the device.
func (m *machine) linked(id Identity) {
	m.Identity = m.Identity.merge(id)
	m.clearPairing()
	if m.wantsUp() {
		m.Status, m.Reason = StatusAuthenticated, ""
	}
}

func (m *machine) ready(id Identity, now time.Time) {
	m.Identity = m.Identity.merge(id)
	if !m.wantsUp() && m.Intent != IntentDelete {
		return
	}
	m.clearPairing()
	m.Status, m.Reason, m.Until, m.RefusedVersion = StatusReady, "", time.Time{}, ""
	m.readyAt, m.retryAt = now, time.Time{}
}

// down ends the connection for a reason that nothing here mends.
func (m *machine) down(r Reason) {
	m.up = false
	m.clearPairing()
	m.retryAt = time.Time{}
	if m.Intent == IntentStop {
		return // it stays "stopped"
	}
	m.Status, m.Reason, m.Until = StatusDisconnected, r, time.Time{}
}

// restrict keeps the newest word on each kind of restriction.
func (m *machine) restrict(in SignalRestricted) {
	kept := make([]Restriction, 0, len(m.restrictions)+1)
	for _, r := range m.restrictions {
		if r.Kind != in.Restriction.Kind {
			kept = append(kept, r)
		}
	}
	if !in.Lifted {
		kept = append(kept, in.Restriction)
	}
	m.restrictions = kept
}

func (m *machine) dropped(in SignalDropped, c chance) {
	switch in.Cause {
	case DropReplaced:
		m.down(ReasonReplaced)
	case DropLoggedOut:
		m.Identity = Identity{}
		m.down(ReasonLoggedOut)
	case DropOutdated:
		m.down(ReasonClientOutdated)
		m.RefusedVersion = c.version
	case DropBanned:
		m.down(ReasonBanned)
		m.Until, m.retryAt = in.Until, in.Until
	case DropRestart:
		m.lost(c, 0)
	default:
		m.lost(c, c.backoff.delay(m.countFailure(c.now), c.random))
	}
}

func (m *machine) connectFailed(in connectFailed, c chance) {
	if CodeOf(in.err) == CodeOf(ErrNoDevice) {
		reason := ReasonLoggedOut
		if m.Status == StatusAuthenticated { // it was never confirmed to the network
			reason = ReasonPairingFailed
		}
		m.Identity = Identity{}
		m.down(reason)
		return
	}
	m.lost(c, c.backoff.delay(m.countFailure(c.now), c.random))
	if m.Intent == IntentRun && m.Status != StatusAuthenticated {
		m.Status, m.Reason = StatusDisconnected, ReasonNetwork
	}
}

// countFailure returns how many failures came before this one without a
// connection that lasted.
func (m *machine) countFailure(now time.Time) int {
	if !m.readyAt.IsZero() && now.Sub(m.readyAt) >= stableAfter {
		m.failures = 0
	}
	m.readyAt = time.Time{}
	n := m.failures
	m.failures++
	return n
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

// lost is the end of a connection that is to be made again after a delay. A
// session that is not linked yet goes back to the beginning of its pairing, one
// that has just been linked stays authenticated until it has logged in.
func (m *machine) lost(c chance, delay time.Duration) {
	m.up = false
	m.clearPairing()
	if m.Intent == IntentStop {
		return
	}
	m.retryAt = c.now.Add(delay)
	switch {
	case m.Status == StatusAuthenticated, m.Status == StatusDisconnected:
	case m.Identity.Device == "":
		m.Status = StatusInitializing
	default:
		m.Status, m.Reason = StatusDisconnected, ReasonNetwork
	}
}
