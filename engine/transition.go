package engine

import "time"

// The steps that apply is made of. Each changes the copy that apply returns.

// begin puts the machine at the start of a connection.
func (m *machine) begin() {
	m.Status, m.Reason, m.Until, m.RefusedVersion = StatusInitializing, "", time.Time{}, ""
	m.failures, m.restarts, m.retryAt = 0, 0, time.Time{}
	m.clearPairing()
	m.qrCount = 0
}

func (m *machine) clearPairing() { m.qr, m.code, m.passkey, m.passkeyCode = nil, nil, nil, "" }

// unlink forgets the device, and with it what is known of its account.
func (m *machine) unlink() { m.Identity, m.Reachout = Identity{}, Timelock{} }

func (m *machine) start() {
	if m.Intent == IntentDelete {
		return
	}
	m.Intent = IntentRun
	if m.Status == StatusDisconnected {
		m.begin()
	}
}

// restart has the connection closed and made again, or begins one.
func (m *machine) restart() {
	if m.Intent == IntentDelete {
		return
	}
	m.Intent = IntentRun
	waits := m.Status == StatusAuthenticated // linked, and has never logged in
	m.begin()
	if waits {
		m.Status = StatusAuthenticated
	}
	m.end()
	m.spent = m.held
}

// reroute has a connection that is open or waited for made anew on the way that
// it is to go now. A ban is waited out on either.
func (m *machine) reroute() {
	switch {
	case m.Intent == IntentDelete:
	case m.wantsUp() && m.Reason != ReasonBanned:
		m.restart()
	default:
		m.spent = m.held
	}
}

func (m *machine) stop() {
	if m.Intent == IntentDelete {
		return
	}
	m.Intent = IntentStop
	m.halt()
	m.spent = m.held
}

// remove turns the session to its removal. It is over for the tenant at once;
// the connection is kept, because unlinking needs one.
func (m *machine) remove(now time.Time) {
	if m.Intent == IntentDelete {
		return
	}
	moved := m.Intent == IntentMoved
	m.Intent = IntentDelete
	m.halt()
	if moved {
		m.Reason = ReasonMoved
	}
	m.failures, m.unlinkBy = 0, now.Add(m.patience())
	m.unlinked = m.Identity.Device == ""
}

// patience is for how long a removal tries to unlink the device: one that another
// daemon may use stays linked.
func (m *machine) patience() time.Duration {
	if m.Reason == ReasonMoved {
		return 0
	}
	return unlinkPatience
}

func (m *machine) halt() {
	m.Status, m.Reason, m.Until = StatusDisconnected, ReasonStopped, time.Time{}
	m.retryAt, m.loginBy = time.Time{}, time.Time{}
	m.clearPairing()
}

func (m *machine) connecting() {
	m.held, m.up, m.loggedIn, m.spent = true, true, false, false
	m.retryAt, m.loginBy = time.Time{}, time.Time{}
	if m.Identity.Device == "" {
		m.qrCount = 0
	}
}

// awaitLogin gives a linked device some time to log in. A pairing has its own
// end, that of its QR codes.
func (m *machine) awaitLogin(now time.Time) {
	if m.live() && !m.loggedIn && m.Identity.Device != "" {
		m.loginBy = now.Add(loginPatience)
	}
}

// pairing shows a step of the pairing. A step that comes after the session was
// stopped, or after it was linked, is too late.
func (m *machine) pairing(status Status, qr *QR, challenge []byte) {
	if !m.wantsUp() || m.Identity.Device != "" {
		return
	}
	m.Status, m.Reason, m.Until, m.qr, m.passkey, m.passkeyCode = status, "", time.Time{}, qr, challenge, ""
	if qr == nil {
		m.code = nil // it was typed, or another way was taken
	}
}

// linked keeps who the session is. The identity is kept even if the session was
// stopped meanwhile: the account now shows the device.
func (m *machine) linked(id Identity, now time.Time) {
	m.Identity = m.Identity.merge(id)
	m.unlinked = m.unlinked && m.Identity.Device == ""
	m.clearPairing()
	if m.wantsUp() && !m.loggedIn {
		m.Status, m.Reason, m.Until = StatusAuthenticated, "", time.Time{}
	}
	m.awaitLogin(now)
}

func (m *machine) ready(id Identity, now time.Time) {
	m.Identity = m.Identity.merge(id)
	if m.Identity.Device == "" {
		return // a network that says so has a defect; nobody can be spoken as
	}
	m.clearPairing()
	m.loggedIn, m.restarts, m.readyAt = true, 0, now
	m.retryAt, m.loginBy = time.Time{}, time.Time{}
	if m.wantsUp() {
		m.Status, m.Reason, m.Until, m.RefusedVersion = StatusReady, "", time.Time{}, ""
	}
}

// down ends the connection for a reason that nothing here mends.
func (m *machine) down(r Reason) {
	m.end()
	m.spent, m.retryAt = m.held, time.Time{}
	if m.Intent == IntentRun { // else it stays "stopped"
		m.Status, m.Reason, m.Until, m.RefusedVersion = StatusDisconnected, r, time.Time{}, ""
	}
}

// lost is the end of a connection that is to be made again after a delay. A
// session that is not linked yet goes back to the beginning of its pairing, one
// that has just been linked stays authenticated until it has logged in.
func (m *machine) lost(c chance, delay time.Duration) {
	m.end()
	if m.Identity.Device == "" {
		m.spent = m.held // a pairing starts with new keys each time
	}
	if m.Intent == IntentStop {
		return
	}
	m.retryAt = c.now.Add(delay)
	switch {
	case m.Intent == IntentDelete, m.Status == StatusAuthenticated:
	case m.Identity.Device == "" && m.Status != StatusDisconnected:
		m.Status = StatusInitializing
	default:
		m.Status, m.Reason, m.Until = StatusDisconnected, ReasonNetwork, time.Time{}
	}
}

func (m *machine) end() {
	m.up, m.loggedIn, m.loginBy = false, false, time.Time{}
	m.clearPairing()
}

// closed is the end of an actClose. A connection that was still wanted was
// closed because its login did not come about.
func (m *machine) closed(c chance) {
	overdue := m.live() && m.wantsUp()
	m.held, m.spent = false, false
	if overdue {
		m.lost(c, m.pause(c))
	}
	m.end()
}

// loggedOut is the end of an actLogout, which closes the connection as well.
func (m *machine) loggedOut(in loggedOut, c chance) {
	m.end()
	m.held, m.spent = false, false
	m.unlinked = m.unlinked || in.err == nil
	m.retryAt = c.now.Add(m.pause(c))
}

// restrict keeps the newest word on the restrictions of the account.
func (m *machine) restrict(in SignalRestricted, now time.Time) {
	if in.Restriction.Kind != RestrictionReachout {
		return
	}
	m.Reachout = Timelock{Locked: true, Until: in.Restriction.Until}
	if in.Lifted || !m.Reachout.inForce(now) {
		m.Reachout = Timelock{}
	}
}

// dropped takes the end of a connection. Only the first one of a connection
// counts, unless a later one is worse.
func (m *machine) dropped(in SignalDropped, c chance) {
	if in.Cause == DropLoggedOut {
		m.unlinked = true
		m.unlink()
		m.down(ReasonLoggedOut)
		return
	}
	if m.spent {
		return
	}
	if m.Intent == IntentDelete {
		m.droppedInRemoval(in, c)
		return
	}
	switch in.Cause {
	case DropReplaced:
		m.down(ReasonReplaced)
	case DropOutdated:
		m.down(ReasonClientOutdated)
		if m.Intent == IntentRun {
			m.RefusedVersion = c.version
		}
	case DropBanned:
		m.down(ReasonBanned)
		if m.Intent == IntentRun {
			m.Until, m.retryAt = in.Until, in.Until
		}
	default:
		m.droppedByNetwork(in, c)
	}
}

// droppedInRemoval tries again only where unlinking may still succeed.
func (m *machine) droppedInRemoval(in SignalDropped, c chance) {
	switch in.Cause {
	case DropOutdated, DropBanned:
		m.down(ReasonStopped)
		m.unlinkBy = time.Time{}
	case DropReplaced:
		m.lost(c, m.pause(c))
	default:
		m.droppedByNetwork(in, c)
	}
}

// droppedByNetwork reconnects at once if the server asked for it, but a server
// that asks again and again is waited for like any other failure.
func (m *machine) droppedByNetwork(in SignalDropped, c chance) {
	if !m.up {
		return
	}
	if in.Cause == DropRestart {
		if m.restarts++; m.restarts == 1 {
			m.lost(c, 0)
			return
		}
	}
	m.lost(c, m.pause(c))
}

func (m *machine) connectFailed(in connectFailed, c chance) {
	if !m.live() { // it was given up, or a signal has said why already
		m.end()
		return
	}
	if CodeOf(in.err) == CodeOf(ErrNoDevice) {
		reason := ReasonLoggedOut
		if m.Status == StatusAuthenticated { // it was never confirmed to the network
			reason = ReasonPairingFailed
		}
		m.unlink()
		m.down(reason)
		return
	}
	m.lost(c, m.pause(c))
	if m.Intent == IntentRun && m.Status != StatusAuthenticated {
		m.Status, m.Reason, m.Until = StatusDisconnected, ReasonNetwork, time.Time{}
	}
}

// pause counts a failure and returns how long to wait after it. A connection
// that lasted makes the next failure the first one again.
func (m *machine) pause(c chance) time.Duration {
	if !m.readyAt.IsZero() && c.now.Sub(m.readyAt) >= stableAfter {
		m.failures = 0
	}
	m.readyAt = time.Time{}
	n := m.failures
	m.failures++
	return c.backoff.delay(n, c.random)
}
