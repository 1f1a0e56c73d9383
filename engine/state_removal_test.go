package engine

import (
	"errors"
	"testing"
	"time"
)

func TestRemoval(t *testing.T) {
	linked := fresh()
	linked.Identity = me
	ready := readyMachine(t)
	stopped, _ := play(t, ready, step{0, askStop{}}, step{0, connClosed{}})
	qrShown, _ := play(t, fresh(), step{0, connecting{}}, step{0, connected{}}, step{0, qr("a")})
	replaced, _ := play(t, ready, step{0, dropped(DropReplaced)}, step{0, connClosed{}})
	loggedOutOne, _ := play(t, ready, step{0, dropped(DropLoggedOut)}, step{0, connClosed{}})
	refusedConn := connectFailed{errors.New("refused")}
	boom := errors.New("boom")

	for name, c := range map[string]struct {
		from     machine
		steps    []step
		act      action
		wait     time.Duration // until the next look; 0 for none
		unlinked bool
	}{
		"ready":                    {ready, nil, actLogout, unlinkPatience, false},
		"ready, done":              {ready, []step{{0, loggedOut{}}}, actRemove, 0, true},
		"ready, logout fails":      {ready, []step{{0, loggedOut{boom}}}, actNone, 500 * time.Millisecond, false},
		"ready, logout too late":   {ready, []step{{unlinkPatience, loggedOut{boom}}}, actRemove, 0, false},
		"ready, never answered":    {ready, []step{{unlinkPatience, askDelete{}}}, actClose, 0, false},
		"ready, dropped meanwhile": {ready, []step{{0, dropped(DropNetwork)}}, actNone, 500 * time.Millisecond, false},
		"ready, phone unlinked it": {ready, []step{{0, dropped(DropLoggedOut)}}, actClose, 0, true},
		"never linked":             {fresh(), nil, actRemove, 0, true},
		"qr shown":                 {qrShown, nil, actClose, 0, true},
		"qr shown, closed":         {qrShown, []step{{0, connClosed{}}}, actRemove, 0, true},
		"scanned all the same":     {qrShown, []step{{0, SignalPaired{me}}}, actNone, unlinkPatience, false},
		"logged out already":       {loggedOutOne, nil, actRemove, 0, true},
		"stopped":                  {stopped, nil, actConnect, unlinkPatience, false},
		"stopped, connecting":      {stopped, []step{{0, connecting{}}, {0, connected{}}}, actNone, unlinkPatience, false},
		"stopped, logged in":       {stopped, []step{{0, connecting{}}, {0, SignalReady{me}}}, actLogout, unlinkPatience, false},
		"stopped, unreachable":     {stopped, []step{{0, connecting{}}, {0, refusedConn}}, actNone, 500 * time.Millisecond, false},
		"stopped, out of patience": {stopped, []step{{0, connecting{}}, {unlinkPatience, refusedConn}}, actClose, 0, false},
		"stopped, given up":        {stopped, []step{{0, connecting{}}, {unlinkPatience, refusedConn}, {unlinkPatience, connClosed{}}}, actRemove, 0, false},
		"stopped, device gone":     {stopped, []step{{0, connecting{}}, {0, connectFailed{ErrNoDevice}}, {0, connClosed{}}}, actRemove, 0, false},
		"stopped, banned":          {stopped, []step{{0, connecting{}}, {0, dropped(DropBanned)}}, actClose, 0, false},
		"stopped, outdated":        {stopped, []step{{0, connecting{}}, {0, dropped(DropOutdated)}, {0, connClosed{}}}, actRemove, 0, false},
		"stopped, refused (401)":   {stopped, []step{{0, connecting{}}, {0, dropped(DropLoggedOut)}}, actClose, 0, true},
		"replaced":                 {replaced, nil, actConnect, unlinkPatience, false},
		"replaced once more":       {replaced, []step{{0, connecting{}}, {0, dropped(DropReplaced)}}, actNone, 500 * time.Millisecond, false},
		"panicked":                 {ready, []step{{0, connPanicked{}}}, actClose, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			m, told := play(t, c.from, append([]step{{0, askDelete{}}}, c.steps...)...)
			if m.Status != StatusDisconnected || m.Reason != ReasonStopped || m.Intent != IntentDelete {
				t.Errorf("got %s/%s/%s", m.Status, m.Reason, m.Intent)
			}
			if want := c.from.Reason != ReasonStopped; (len(told) == 1) != want || len(told) > 1 {
				t.Errorf("told %v", told)
			}
			if m.unlinked != c.unlinked {
				t.Errorf("unlinked is %v", m.unlinked)
			}
			now := noon
			if len(c.steps) > 0 {
				now = noon.Add(c.steps[len(c.steps)-1].at)
			}
			act, at := m.next(now)
			if act != c.act {
				t.Errorf("next is %d, want %d", act, c.act)
			}
			if at.IsZero() != (c.wait == 0) || c.wait != 0 && at.Sub(now) != c.wait {
				t.Errorf("asks again at %v, want after %v", at, c.wait)
			}
		})
	}
}

// TestRemovalOfAnExportedSession: another daemon may use the device, so it stays
// linked, also when a restart finishes the removal.
func TestRemovalOfAnExportedSession(t *testing.T) {
	stopped, _ := play(t, readyMachine(t), step{0, askStop{}}, step{0, connClosed{}})
	m, told := play(t, stopped, step{0, askMove{}}, step{0, askDelete{}})
	if m.Intent != IntentDelete || m.Reason != ReasonMoved || m.unlinked || len(told) != 1 {
		t.Errorf("got %s/%s, unlinked %v, told %v", m.Intent, m.Reason, m.unlinked, told)
	}
	for name, m := range map[string]machine{"now": m, "after a restart": restored(m.State, thisVersion, noon)} {
		if act, _ := m.next(noon); act != actRemove {
			t.Errorf("%s: next is %d", name, act)
		}
	}
}
