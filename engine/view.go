package engine

import "time"

// view is what others see of a session. It is replaced as a whole by the
// session's worker and read without a lock.
type view struct {
	Snapshot
	conn     Conn          // set while the session is ready
	pairing  Conn          // set while the session can be linked
	epoch    uint64        // of conn or pairing
	unlinked bool          // the account does not show the device, by the network's own word
	removed  bool          // nothing is left of the session
	held     bool          // there is a connection, if only one that is being closed
	changed  chan struct{} // closed when a newer view is published
}

// publish replaces the view by one of the worker's present condition.
func (w *worker) publish() {
	m := w.machine
	v := &view{
		Snapshot: Snapshot{
			Session: Session{Key: w.key, Name: w.name, Options: w.options, State: m.State, CreatedAt: w.created, UpdatedAt: w.updated},
			QR:      m.qr, PairingCode: m.code, Passkey: m.passkey, PasskeyCode: m.passkeyCode,
		},
		unlinked: m.unlinked,
		removed:  w.removed,
		held:     m.held,
		changed:  make(chan struct{}),
	}
	if m.wantsUp() && !m.up {
		v.NextAttempt = m.retryAt
	}
	if m.Status == StatusReady && m.live() {
		v.conn, v.epoch = w.conn, w.epoch
	}
	if (m.Status == StatusQRReady || m.Status == StatusPasskeyRequired) && m.live() {
		v.pairing, v.epoch = w.conn, w.epoch
	}
	if old := w.view.Swap(v); old != nil {
		close(old.changed)
	}
}

// gone tells whether the session is removed, or about to be, for its tenant.
func (v *view) gone() bool { return v.removed || v.State.Intent == IntentDelete }

// snapshot is the view as it is to be answered at the given time: a restriction
// or a pairing code that has run out is left away.
func (v *view) snapshot(now time.Time) Snapshot {
	s := v.Snapshot
	if lock := s.State.Reachout; lock.inForce(now) {
		s.Restrictions = []Restriction{{Kind: RestrictionReachout, Until: lock.Until}}
	}
	if s.PairingCode != nil && !now.Before(s.PairingCode.ExpiresAt) {
		s.PairingCode = nil
	}
	return s
}

// events makes the events that tell of a transition.
func (w *worker) events(after machine, types []EventType) ([]Event, error) {
	events := make([]Event, 0, len(types))
	for _, t := range types {
		data, err := transitionData(t, after)
		if err != nil {
			return nil, err
		}
		events = append(events, Event{Session: w.key, Type: t, At: w.engine.now(), Data: data})
	}
	return events, nil
}

func transitionData(t EventType, m machine) ([]byte, error) {
	switch t {
	case EventQR:
		image, err := QRImage(m.qr.Code)
		if err != nil {
			return nil, err
		}
		return Canonical(QRData{QRCode: image, QR: m.qr.Code, ExpiresAt: m.qr.ExpiresAt.UnixMilli(), Attempt: m.qr.Attempt})
	case EventReady:
		return Canonical(ReadyData{PhoneNumber: m.Identity.Person.Phone.User(), LID: m.Identity.Person.LID})
	default:
		data := DisconnectedData{Reason: m.Reason}
		if !m.Until.IsZero() {
			data.Until = m.Until.UnixMilli()
		}
		return Canonical(data)
	}
}
