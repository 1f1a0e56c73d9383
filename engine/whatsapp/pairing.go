package whatsapp

import (
	"errors"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"go.uber.org/zap"

	"wapid/engine"
)

// qrCodes are the codes of one pairing, shown one after the other.
type qrCodes struct {
	left    []string
	begun   bool      // at least one has been shown
	scanned bool      // the account has answered one
	set     int       // counts the sets that the server has given; outdates timers
	ends    time.Time // of the code that is shown
	timer   *time.Timer
}

func (q *qrCodes) idle() bool { return !q.begun && !q.scanned }

// showCodes begins with a new set of codes.
func (l *link) showCodes(codes []string) {
	c := l.conn
	c.mu.Lock()
	if l.over || l.paired {
		c.mu.Unlock()
		return
	}
	if l.patience != nil {
		l.patience.Stop()
	}
	l.codes.left = codes
	l.codes.set++
	set := l.codes.set
	c.mu.Unlock()
	l.nextCode(set, c.net.opts.QRFirst)
}

// nextCode shows the next code of a set for a while, or says that there is none.
func (l *link) nextCode(set int, shown time.Duration) {
	c := l.conn
	c.mu.Lock()
	if l.over || l.paired || set != l.codes.set {
		c.mu.Unlock()
		return
	}
	if len(l.codes.left) == 0 {
		c.mu.Unlock()
		l.end(engine.SignalQRTimeout{})
		return
	}
	code := l.codes.left[0]
	l.codes.left, l.codes.begun = l.codes.left[1:], true
	l.codes.ends = c.net.opts.Clock().Add(shown)
	c.post(engine.SignalQR{Code: code, ExpiresAt: l.codes.ends, Left: len(l.codes.left)})
	l.codes.timer = time.AfterFunc(shown, func() {
		if c.enter() {
			defer c.calls.Done()
			l.nextCode(set, c.net.opts.QRNext)
		}
	})
	c.mu.Unlock()
	c.flush()
}

// stopCodes ends the showing of codes: one has been scanned. c.mu is held.
func (l *link) stopCodes() {
	l.codes.scanned = true
	l.codes.set++
	l.codes.left = nil
	if l.codes.timer != nil {
		l.codes.timer.Stop()
	}
}

func (l *link) isPaired() bool {
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	return l.paired
}

// lastCodeShown tells whether nobody has scanned and no further code would come:
// the server closes the socket then, a little before or after the code runs out.
func (l *link) lastCodeShown() bool {
	l.conn.mu.Lock()
	defer l.conn.mu.Unlock()
	return l.codes.begun && !l.codes.scanned && len(l.codes.left) == 0
}

// linking asks the session whether it may be linked to an account, before the
// device's side is confirmed. whatsmeow tells only the phone-number address here;
// the LID follows with SignalPaired.
func (l *link) linking(jid types.JID, _, _ string) bool {
	c := l.conn
	if !c.enter() {
		return false
	}
	defer c.calls.Done()
	c.mu.Lock()
	l.stopCodes()
	c.mu.Unlock()
	err := c.handler.Linking(c.ctx, engine.Identity{Device: deviceID(jid), Person: personOf(jid)})
	if err != nil {
		c.log.Warn("linking refused", zap.Error(err))
	}
	return err == nil
}

// pairedAs reports a linked device. The server now asks to reconnect; if that
// does not arrive, the link ends as if it had.
func (l *link) pairedAs(evt *events.PairSuccess) {
	c := l.conn
	c.mu.Lock()
	l.stopCodes()
	l.paired = true
	c.device = evt.ID
	restart := l.restarting
	if !l.over {
		c.post(engine.SignalPaired{Identity: engine.Identity{Device: deviceID(evt.ID), Person: personOf(evt.ID, evt.LID)}})
		if !restart {
			l.wait(restartGrace, func() { l.drop(engine.DropRestart, nil) })
		}
	}
	c.mu.Unlock()
	c.flush()
	if restart {
		l.drop(engine.DropRestart, nil)
	}
}

// pairingFailed is an end of its own: no SignalDropped follows.
func (l *link) pairingFailed(err error) {
	if err == nil {
		err = errors.New("no reason given")
	}
	l.end(engine.SignalPairingFailed{Err: err})
}
