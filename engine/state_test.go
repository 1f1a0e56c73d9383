package engine

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

const thisVersion = "2.3000.7"

var me = Identity{Device: "dev1", Person: Person{Phone: "4915112345678@s.whatsapp.net", LID: "987654321@lid"}}

// step is an input at a time after noon.
type step struct {
	at time.Duration
	in input
}

// play applies steps to a machine with a random number of one half, and
// collects the events.
func play(t *testing.T, m machine, steps ...step) (machine, []EventType) {
	t.Helper()
	var told []EventType
	for _, s := range steps {
		if err := m.refuses(s.in); err != nil {
			t.Fatalf("%T refused: %v", s.in, err)
		}
		next := m.apply(s.in, chance{now: noon.Add(s.at), random: 0.5, version: thisVersion})
		told = append(told, transitionEvents(m, next)...)
		m = next
	}
	return m, told
}

func fresh() machine {
	return machine{State: State{Status: StatusInitializing, Intent: IntentRun}}
}

// ready is a linked session that became ready at noon.
func readyMachine(t *testing.T) machine {
	m := fresh()
	m.Identity = me
	m, _ = play(t, m, step{0, connecting{}}, step{0, connected{}}, step{0, SignalReady{me}})
	return m
}

func qr(code string) SignalQR { return SignalQR{Code: code, ExpiresAt: noon.Add(time.Minute)} }

func dropped(cause DropCause) SignalDropped { return SignalDropped{Cause: cause} }

func TestTransitions(t *testing.T) {
	ban := SignalDropped{Cause: DropBanned, Until: noon.Add(time.Hour)}
	linked := fresh()
	linked.Identity = me
	ready := readyMachine(t)
	qrShown, _ := play(t, fresh(), step{0, connecting{}}, step{0, connected{}}, step{0, qr("a")})
	paired, _ := play(t, qrShown, step{0, linking{me}}, step{0, SignalPaired{me}})
	refusedConn := connectFailed{errors.New("refused")}

	for name, c := range map[string]struct {
		from   machine
		steps  []step
		status Status
		reason Reason
		events []EventType
		act    action        // what follows the last step
		wait   time.Duration // of actNone: how long after the last step; 0 for ever
	}{
		"a new session connects": {fresh(), nil, StatusInitializing, "", nil, actConnect, 0},
		"QR codes rotate": {fresh(), []step{{0, connecting{}}, {0, connected{}}, {1, qr("a")}, {2, qr("b")}, {3, qr("c")}},
			StatusQRReady, "", []EventType{EventQR, EventQR, EventQR}, actNone, 0},
		"nobody scans": {qrShown, []step{{0, SignalQRTimeout{}}},
			StatusDisconnected, ReasonQRTimeout, []EventType{EventDisconnected}, actClose, 0},
		"nobody scans, closed": {qrShown, []step{{0, SignalQRTimeout{}}, {0, connClosed{}}},
			StatusDisconnected, ReasonQRTimeout, []EventType{EventDisconnected}, actNone, 0},
		"started again after the timeout": {qrShown, []step{{0, SignalQRTimeout{}}, {0, connClosed{}}, {0, askStart{}}},
			StatusInitializing, "", []EventType{EventDisconnected}, actConnect, 0},
		"started again before the close": {qrShown, []step{{0, SignalQRTimeout{}}, {0, askStart{}}},
			StatusInitializing, "", []EventType{EventDisconnected}, actClose, 0},
		"passkey":                          {qrShown, []step{{0, SignalPasskey{[]byte("x")}}}, StatusPasskeyRequired, "", nil, actNone, 0},
		"linking":                          {qrShown, []step{{0, linking{me}}}, StatusAuthenticated, "", nil, actNone, loginPatience},
		"scanned as the last code ran out": {qrShown, []step{{0, linking{me}}, {0, SignalQRTimeout{}}}, StatusAuthenticated, "", nil, actNone, 500 * time.Millisecond},
		"paired, then 515": {qrShown, []step{{0, linking{me}}, {0, SignalPaired{me}}, {0, dropped(DropRestart)}},
			StatusAuthenticated, "", nil, actConnect, 0},
		"paired, 515, ready": {paired, []step{{0, dropped(DropRestart)}, {0, connecting{}}, {0, connected{}}, {0, SignalReady{me}}},
			StatusReady, "", []EventType{EventReady}, actNone, 0},
		"paired, and the drop comes as network": {paired, []step{{0, dropped(DropNetwork)}},
			StatusAuthenticated, "", nil, actNone, 500 * time.Millisecond},
		"paired, and the next connection fails": {paired, []step{{0, dropped(DropRestart)}, {0, connecting{}}, {0, refusedConn}},
			StatusAuthenticated, "", nil, actNone, 500 * time.Millisecond},
		"paired, but the login never comes": {paired, []step{{0, SignalPaired{me}}}, StatusAuthenticated, "", nil, actNone, loginPatience},
		"linking, but the device was never kept": {paired, []step{{0, dropped(DropRestart)}, {0, connecting{}}, {0, connectFailed{ErrNoDevice}}},
			StatusDisconnected, ReasonPairingFailed, []EventType{EventDisconnected}, actClose, 0},
		"pairing fails": {qrShown, []step{{0, SignalPairingFailed{}}},
			StatusDisconnected, ReasonPairingFailed, []EventType{EventDisconnected}, actClose, 0},
		"lost while a QR is shown": {qrShown, []step{{0, dropped(DropNetwork)}}, StatusInitializing, "", nil, actClose, 0},
		"lost while a QR is shown, closed": {qrShown, []step{{0, dropped(DropNetwork)}, {0, connClosed{}}},
			StatusInitializing, "", nil, actNone, 500 * time.Millisecond},
		"the server asks to reconnect while a QR is shown": {qrShown, []step{{0, dropped(DropRestart)}, {0, connClosed{}}},
			StatusInitializing, "", nil, actConnect, 0},
		"a QR after linking is too late": {paired, []step{{0, qr("z")}}, StatusAuthenticated, "", nil, actNone, loginPatience},

		"linked, connection refused": {linked, []step{{0, connecting{}}, {0, refusedConn}},
			StatusDisconnected, ReasonNetwork, []EventType{EventDisconnected}, actNone, 500 * time.Millisecond},
		"linked, refused, refused": {linked, []step{{0, connecting{}}, {0, refusedConn}, {1, connecting{}}, {1, refusedConn}},
			StatusDisconnected, ReasonNetwork, []EventType{EventDisconnected}, actNone, 1500 * time.Millisecond},
		"unlinked, connection refused": {fresh(), []step{{0, connecting{}}, {0, refusedConn}, {0, connClosed{}}},
			StatusDisconnected, ReasonNetwork, []EventType{EventDisconnected}, actNone, 500 * time.Millisecond},
		"unlinked, refused, then a QR": {fresh(), []step{{0, connecting{}}, {0, refusedConn}, {0, connClosed{}}, {1, connecting{}}, {1, qr("a")}},
			StatusQRReady, "", []EventType{EventDisconnected, EventQR}, actNone, 0},
		"the device is gone from the store": {linked, []step{{0, connecting{}}, {0, connectFailed{fmt.Errorf("open: %w", ErrNoDevice)}}},
			StatusDisconnected, ReasonLoggedOut, []EventType{EventDisconnected}, actClose, 0},
		"login overdue": {linked, []step{{0, connecting{}}, {0, connected{}}}, StatusInitializing, "", nil, actNone, loginPatience},
		"login overdue, closed": {linked, []step{{0, connecting{}}, {0, connected{}}, {loginPatience, connClosed{}}},
			StatusDisconnected, ReasonNetwork, []EventType{EventDisconnected}, actNone, 500 * time.Millisecond},

		"ready, network":    {ready, []step{{0, dropped(DropNetwork)}}, StatusDisconnected, ReasonNetwork, []EventType{EventDisconnected}, actNone, 500 * time.Millisecond},
		"ready, unknown":    {ready, []step{{0, dropped("?")}}, StatusDisconnected, ReasonNetwork, []EventType{EventDisconnected}, actNone, 500 * time.Millisecond},
		"ready, restart":    {ready, []step{{0, dropped(DropRestart)}}, StatusDisconnected, ReasonNetwork, []EventType{EventDisconnected}, actConnect, 0},
		"ready, replaced":   {ready, []step{{0, dropped(DropReplaced)}}, StatusDisconnected, ReasonReplaced, []EventType{EventDisconnected}, actClose, 0},
		"ready, logged out": {ready, []step{{0, dropped(DropLoggedOut)}}, StatusDisconnected, ReasonLoggedOut, []EventType{EventDisconnected}, actClose, 0},
		"ready, outdated":   {ready, []step{{0, dropped(DropOutdated)}}, StatusDisconnected, ReasonClientOutdated, []EventType{EventDisconnected}, actClose, 0},
		"ready, banned":     {ready, []step{{0, ban}}, StatusDisconnected, ReasonBanned, []EventType{EventDisconnected}, actClose, 0},
		"ready, panicked":   {ready, []step{{0, connPanicked{}}}, StatusDisconnected, ReasonNetwork, []EventType{EventDisconnected}, actClose, 0},

		"restarts without end are failures": {ready, []step{{0, dropped(DropRestart)}, {0, connecting{}}, {0, dropped(DropRestart)}},
			StatusDisconnected, ReasonNetwork, []EventType{EventDisconnected}, actNone, 500 * time.Millisecond},
		"replaced stays down":   {ready, []step{{0, dropped(DropReplaced)}, {0, connClosed{}}}, StatusDisconnected, ReasonReplaced, []EventType{EventDisconnected}, actNone, 0},
		"replaced until asked":  {ready, []step{{0, dropped(DropReplaced)}, {0, connClosed{}}, {0, askStart{}}}, StatusInitializing, "", []EventType{EventDisconnected}, actConnect, 0},
		"logged out starts new": {ready, []step{{0, dropped(DropLoggedOut)}, {0, connClosed{}}, {0, askStart{}}, {0, connecting{}}, {0, qr("n")}}, StatusQRReady, "", []EventType{EventDisconnected, EventQR}, actNone, 0},
		"banned waits":          {ready, []step{{0, ban}, {0, connClosed{}}}, StatusDisconnected, ReasonBanned, []EventType{EventDisconnected}, actNone, time.Hour},
		"banned until its end":  {ready, []step{{0, ban}, {time.Hour, connClosed{}}}, StatusDisconnected, ReasonBanned, []EventType{EventDisconnected}, actConnect, 0},
		"banned, no end known":  {ready, []step{{0, dropped(DropBanned)}, {0, connClosed{}}}, StatusDisconnected, ReasonBanned, []EventType{EventDisconnected}, actNone, 0},
		"banned, asked to try":  {ready, []step{{0, ban}, {0, connClosed{}}, {0, askStart{}}}, StatusInitializing, "", []EventType{EventDisconnected}, actConnect, 0},
		"after the ban the network fails": {ready, []step{{0, ban}, {0, connClosed{}}, {time.Hour, connecting{}}, {time.Hour, refusedConn}},
			StatusDisconnected, ReasonNetwork, []EventType{EventDisconnected, EventDisconnected}, actNone, 500 * time.Millisecond},

		"a late failure of Connect does not hide a logout": {linked, []step{{0, connecting{}}, {0, dropped(DropLoggedOut)}, {0, refusedConn}},
			StatusDisconnected, ReasonLoggedOut, []EventType{EventDisconnected}, actClose, 0},
		"a second drop does not count": {ready, []step{{0, dropped(DropNetwork)}, {0, dropped(DropNetwork)}, {0, dropped(DropRestart)}},
			StatusDisconnected, ReasonNetwork, []EventType{EventDisconnected}, actNone, 500 * time.Millisecond},
		"a worse drop counts": {ready, []step{{0, dropped(DropNetwork)}, {0, dropped(DropLoggedOut)}},
			StatusDisconnected, ReasonLoggedOut, []EventType{EventDisconnected, EventDisconnected}, actClose, 0},
		"ready after a drop is too late": {ready, []step{{0, dropped(DropNetwork)}, {0, SignalReady{me}}},
			StatusDisconnected, ReasonNetwork, []EventType{EventDisconnected}, actNone, 500 * time.Millisecond},
		"ready without an identity is nothing": {fresh(), []step{{0, connecting{}}, {0, SignalReady{}}}, StatusInitializing, "", nil, actNone, 0},

		"stopped while connecting":   {linked, []step{{0, connecting{}}, {0, askStop{}}}, StatusDisconnected, ReasonStopped, []EventType{EventDisconnected}, actClose, 0},
		"stopped while a QR shows":   {qrShown, []step{{0, askStop{}}}, StatusDisconnected, ReasonStopped, []EventType{EventDisconnected}, actClose, 0},
		"stopped while ready":        {ready, []step{{0, askStop{}}}, StatusDisconnected, ReasonStopped, []EventType{EventDisconnected}, actClose, 0},
		"stopped and closed":         {ready, []step{{0, askStop{}}, {0, connClosed{}}}, StatusDisconnected, ReasonStopped, []EventType{EventDisconnected}, actNone, 0},
		"stopped while backing off":  {ready, []step{{0, dropped(DropNetwork)}, {0, askStop{}}, {0, connClosed{}}}, StatusDisconnected, ReasonStopped, []EventType{EventDisconnected, EventDisconnected}, actNone, 0},
		"stopped: signals are late":  {ready, []step{{0, askStop{}}, {0, SignalReady{me}}, {0, qr("x")}, {0, ban}, {0, dropped(DropOutdated)}, {0, SignalQRTimeout{}}}, StatusDisconnected, ReasonStopped, []EventType{EventDisconnected}, actClose, 0},
		"stopped, paired after it":   {qrShown, []step{{0, askStop{}}, {0, SignalPaired{me}}, {0, connClosed{}}}, StatusDisconnected, ReasonStopped, []EventType{EventDisconnected}, actNone, 0},
		"stopped and started":        {ready, []step{{0, askStop{}}, {0, connClosed{}}, {0, askStart{}}}, StatusInitializing, "", []EventType{EventDisconnected}, actConnect, 0},
		"stopped, started at once":   {ready, []step{{0, askStop{}}, {0, askStart{}}}, StatusInitializing, "", []EventType{EventDisconnected}, actClose, 0},
		"…and it was connecting":     {linked, []step{{0, connecting{}}, {0, askStop{}}, {0, askStart{}}, {0, connectFailed{errors.New("cancelled")}}}, StatusInitializing, "", []EventType{EventDisconnected}, actClose, 0},
		"…and closed":                {ready, []step{{0, askStop{}}, {0, askStart{}}, {0, connClosed{}}}, StatusInitializing, "", []EventType{EventDisconnected}, actConnect, 0},
		"starting a ready session":   {ready, []step{{0, askStart{}}}, StatusReady, "", nil, actNone, 0},
		"starting a qr_ready one":    {qrShown, []step{{0, askStart{}}}, StatusQRReady, "", nil, actNone, 0},
		"starting ends the back-off": {ready, []step{{0, dropped(DropNetwork)}, {0, askStart{}}}, StatusInitializing, "", []EventType{EventDisconnected}, actConnect, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m, told := play(t, c.from, c.steps...)
			if m.Status != c.status || m.Reason != c.reason {
				t.Errorf("got %s/%s, want %s/%s", m.Status, m.Reason, c.status, c.reason)
			}
			if !slices.Equal(told, c.events) {
				t.Errorf("told %v, want %v", told, c.events)
			}
			now := noon
			if len(c.steps) > 0 {
				now = noon.Add(c.steps[len(c.steps)-1].at)
			}
			act, at := m.next(now)
			if act != c.act {
				t.Errorf("next is %d, want %d", act, c.act)
			}
			if wait := at.Sub(now); (at.IsZero() != (c.wait == 0)) || c.wait != 0 && wait != c.wait {
				t.Errorf("asks again at %v, want %v after the last step", at, c.wait)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	ready := readyMachine(t)
	deleting, _ := play(t, ready, step{0, askDelete{}})
	qrShown, _ := play(t, fresh(), step{0, connecting{}}, step{0, qr("a")})
	stopping, _ := play(t, qrShown, step{0, askStop{}})
	for name, c := range map[string]struct {
		m    machine
		in   input
		want Code
	}{
		"start while deleting":      {deleting, askStart{}, CodeSessionBusy},
		"stop while deleting":       {deleting, askStop{}, CodeSessionNotFound},
		"delete again":              {deleting, askDelete{}, ""},
		"linking":                   {qrShown, linking{me}, ""},
		"linking after stop":        {stopping, linking{me}, CodeStopping},
		"linking without connected": {fresh(), linking{me}, CodeStopping},
		"start":                     {ready, askStart{}, ""},
	} {
		if got := CodeOf(c.m.refuses(c.in)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestRestored(t *testing.T) {
	hour := noon.Add(time.Hour)
	for name, c := range map[string]struct {
		saved State
		want  Status
		act   action
		wait  time.Duration
	}{
		"ready":            {State{Status: StatusReady, Intent: IntentRun, Identity: me}, StatusInitializing, actConnect, 0},
		"qr shown":         {State{Status: StatusQRReady, Intent: IntentRun}, StatusInitializing, actConnect, 0},
		"passkey":          {State{Status: StatusPasskeyRequired, Intent: IntentRun}, StatusInitializing, actConnect, 0},
		"authenticated":    {State{Status: StatusAuthenticated, Intent: IntentRun, Identity: me}, StatusAuthenticated, actConnect, 0},
		"network":          {State{Status: StatusDisconnected, Reason: ReasonNetwork, Intent: IntentRun, Identity: me}, StatusInitializing, actConnect, 0},
		"stopped":          {State{Status: StatusDisconnected, Reason: ReasonStopped, Intent: IntentStop, Identity: me}, StatusDisconnected, actNone, 0},
		"qr timeout":       {State{Status: StatusDisconnected, Reason: ReasonQRTimeout, Intent: IntentRun}, StatusDisconnected, actNone, 0},
		"logged out":       {State{Status: StatusDisconnected, Reason: ReasonLoggedOut, Intent: IntentRun}, StatusDisconnected, actNone, 0},
		"replaced":         {State{Status: StatusDisconnected, Reason: ReasonReplaced, Intent: IntentRun, Identity: me}, StatusDisconnected, actNone, 0},
		"pairing failed":   {State{Status: StatusDisconnected, Reason: ReasonPairingFailed, Intent: IntentRun}, StatusDisconnected, actNone, 0},
		"banned":           {State{Status: StatusDisconnected, Reason: ReasonBanned, Intent: IntentRun, Identity: me, Until: hour}, StatusDisconnected, actNone, time.Hour},
		"ban over":         {State{Status: StatusDisconnected, Reason: ReasonBanned, Intent: IntentRun, Identity: me, Until: noon}, StatusDisconnected, actConnect, 0},
		"banned for ever":  {State{Status: StatusDisconnected, Reason: ReasonBanned, Intent: IntentRun, Identity: me}, StatusDisconnected, actNone, 0},
		"outdated":         {State{Status: StatusDisconnected, Reason: ReasonClientOutdated, Intent: IntentRun, Identity: me, RefusedVersion: thisVersion}, StatusDisconnected, actNone, 0},
		"outdated, before": {State{Status: StatusDisconnected, Reason: ReasonClientOutdated, Intent: IntentRun, Identity: me, RefusedVersion: "2.3000.6"}, StatusInitializing, actConnect, 0},
		"deleting":         {State{Status: StatusDisconnected, Reason: ReasonStopped, Intent: IntentDelete, Identity: me}, StatusDisconnected, actConnect, unlinkPatience},
		"deleting, clean":  {State{Status: StatusDisconnected, Reason: ReasonStopped, Intent: IntentDelete}, StatusDisconnected, actRemove, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := restored(c.saved, thisVersion, noon)
			if m.Status != c.want {
				t.Errorf("status %s, want %s", m.Status, c.want)
			}
			act, at := m.next(noon)
			if act != c.act {
				t.Errorf("next is %d, want %d", act, c.act)
			}
			if at.IsZero() != (c.wait == 0) || c.wait != 0 && at.Sub(noon) != c.wait {
				t.Errorf("asks again at %v, want after %v", at, c.wait)
			}
		})
	}
}

func TestBackoffGrowsAndIsForgottenAfterAStableWhile(t *testing.T) {
	m := readyMachine(t)
	fail := func(after time.Duration) time.Duration {
		t.Helper()
		now := noon.Add(after)
		m, _ = play(t, m, step{after, dropped(DropNetwork)})
		return m.retryAt.Sub(now)
	}
	comeBack := func(at time.Duration) {
		m, _ = play(t, m, step{at, connecting{}}, step{at, connected{}}, step{at, SignalReady{me}})
	}
	for i, want := range []time.Duration{500 * time.Millisecond, 1500 * time.Millisecond, 3 * time.Second, 6 * time.Second} {
		if got := fail(0); got != want {
			t.Fatalf("failure %d waits %v, want %v", i, got, want)
		}
		comeBack(0)
	}
	if got := fail(stableAfter - 1); got != 12*time.Second {
		t.Errorf("a drop just before it is stable waits %v", got)
	}
	comeBack(time.Minute)
	if got := fail(time.Minute + stableAfter); got != 500*time.Millisecond {
		t.Errorf("a drop after a stable while waits %v", got)
	}
}

func TestStateDetails(t *testing.T) {
	ready := readyMachine(t)
	qrShown, _ := play(t, fresh(), step{0, connecting{}}, step{0, qr("a")}, step{0, qr("b")})
	if qrShown.qr == nil || qrShown.qr.Code != "b" || qrShown.qr.Attempt != 2 {
		t.Errorf("second QR is %+v", qrShown.qr)
	}
	again, _ := play(t, qrShown, step{0, dropped(DropNetwork)}, step{0, connClosed{}}, step{0, connecting{}}, step{0, qr("c")})
	if again.qr.Attempt != 1 {
		t.Errorf("a new pairing begins with attempt %d", again.qr.Attempt)
	}
	if m, _ := play(t, ready, step{0, dropped(DropLoggedOut)}); m.Identity != (Identity{}) {
		t.Errorf("a logged out session keeps %+v", m.Identity)
	}
	if m, _ := play(t, ready, step{0, dropped(DropReplaced)}); m.Identity != me {
		t.Errorf("a replaced session keeps %+v", m.Identity)
	}
	if m, _ := play(t, ready, step{0, dropped(DropOutdated)}); m.RefusedVersion != thisVersion {
		t.Errorf("refused version %q", m.RefusedVersion)
	}
	if m, _ := play(t, ready, step{0, dropped(DropOutdated)}, step{0, connClosed{}}, step{0, askStart{}}); m.RefusedVersion != "" {
		t.Errorf("refused version stays %q", m.RefusedVersion)
	}
	until := noon.Add(time.Hour)
	if m, _ := play(t, ready, step{0, SignalDropped{Cause: DropBanned, Until: until}}); m.Until != until {
		t.Errorf("ban ends %v", m.Until)
	}
	newer, _ := play(t, ready, step{0, SignalReady{Identity{Person: Person{LID: "1@lid"}}}})
	if newer.Identity.Person.Phone != me.Person.Phone || newer.Identity.Person.LID != "1@lid" || newer.Identity.Device != me.Device {
		t.Errorf("merged identity %+v", newer.Identity)
	}
}

func TestReachoutTimelock(t *testing.T) {
	hour := noon.Add(time.Hour)
	lock := func(until time.Time, lifted bool) SignalRestricted {
		return SignalRestricted{Restriction{RestrictionReachout, until}, lifted}
	}
	for name, c := range map[string]struct {
		steps []step
		want  Timelock
	}{
		"locked":              {[]step{{0, lock(hour, false)}}, Timelock{true, hour}},
		"no end known":        {[]step{{0, lock(time.Time{}, false)}}, Timelock{true, time.Time{}}},
		"already over":        {[]step{{0, lock(noon, false)}}, Timelock{}},
		"lifted":              {[]step{{0, lock(hour, false)}, {1, lock(time.Time{}, true)}}, Timelock{}},
		"the newest counts":   {[]step{{0, lock(hour, false)}, {1, lock(hour.Add(1), false)}}, Timelock{true, hour.Add(1)}},
		"outlives a drop":     {[]step{{0, lock(hour, false)}, {1, dropped(DropNetwork)}}, Timelock{true, hour}},
		"outlives a stop":     {[]step{{0, lock(hour, false)}, {1, askStop{}}, {1, connClosed{}}, {1, askStart{}}}, Timelock{true, hour}},
		"ends with the login": {[]step{{0, lock(hour, false)}, {1, dropped(DropLoggedOut)}}, Timelock{}},
		"another kind":        {[]step{{0, SignalRestricted{Restriction{"other", hour}, false}}}, Timelock{}},
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := play(t, readyMachine(t), c.steps...)
			if m.Reachout != c.want {
				t.Errorf("got %+v, want %+v", m.Reachout, c.want)
			}
			if again := restored(m.State, thisVersion, noon); again.Reachout != c.want {
				t.Errorf("after a restart %+v, want %+v", again.Reachout, c.want)
			}
		})
	}
}
