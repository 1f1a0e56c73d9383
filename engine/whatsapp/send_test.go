package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"wapid/engine"
	"wapid/engine/enginetest"
	"wapid/engine/simnet"
)

func sendText(t *testing.T, n *Network, s *enginetest.Session, to engine.JID, text string) (engine.MessageID, error) {
	t.Helper()
	id := n.NewMessageID()
	_, err := s.Conn.Send(t.Context(), engine.Outgoing{ID: id, To: to, Kind: engine.KindText, Text: text})
	return id, err
}

func wantCode(t *testing.T, err error, want engine.Code) {
	t.Helper()
	if engine.CodeOf(err) != want {
		t.Errorf("got %v, want code %q", err, want)
	}
}

func TestSendToAnAbsentNumber(t *testing.T) {
	sim := simulate(t)
	n, p := sim.open(t, nil), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	sim.SetAbsent("4915100000001")
	_, err := sendText(t, n, s, "4915100000001@s.whatsapp.net", "nobody there")
	wantCode(t, err, engine.CodeNotOnWhatsApp)
}

func TestSendToOneself(t *testing.T) {
	sim := simulate(t)
	n, p := sim.open(t, nil), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	for _, to := range []engine.JID{p.Person().Phone, p.Person().LID} {
		id, err := sendText(t, n, s, to, "note")
		wantCode(t, err, "")
		got, err := p.Await(t.Context(), func(r simnet.Received) bool { return r.ID == string(id) })
		if err != nil || got.Text != "note" || !got.FromMe || got.Chat != p.JID() || got.Copies != 1 {
			t.Errorf("the phone shows %+v (%v)", got, err)
		}
	}
	wantSilence(t, s)
}

func TestSendWhereNobodyIs(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	group := func(name string, members ...types.JID) engine.JID {
		t.Helper()
		made, err := peer.CreateGroup(t.Context(), name, members...)
		if err != nil {
			t.Fatal(err)
		}
		return engine.JID(made.String())
	}
	for _, to := range []engine.JID{"120363999999999999@g.us", group("Others"), "999999999999999@lid"} {
		_, err := sendText(t, n, s, to, "anybody?")
		wantCode(t, err, engine.CodeRecipientInvalid)
	}
	// Out of a group whose members whatsmeow still has in mind. (Not by removing
	// the account: whatsmeow changes its list of members without regard to a send
	// that reads it, which the race detector sees.)
	known := group("Known", p.JID())
	sim.fault(t, simnet.Fault{Kind: simnet.FaultAckError, Number: p.Number(), Code: 403, Times: 1})
	_, err := sendText(t, n, s, known, "anybody?")
	wantCode(t, err, engine.CodeRecipientInvalid)
	_, err = sendText(t, n, s, known, "somebody")
	wantCode(t, err, "")
	wantSilence(t, s)
}

// TestSendThatNobodyCouldRead: whatsmeow would call it sent.
func TestSendThatNobodyCouldRead(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	fault := sim.fault(t, simnet.Fault{Kind: simnet.FaultNoPreKeys, Number: peer.Number()})
	id, err := sendText(t, n, s, peer.Person().Phone, "locked out")
	wantCode(t, err, engine.CodeUndeliverable)
	for _, seen := range p.Inbox() {
		if seen.ID == string(id) {
			t.Error("the account's own phone shows a message that nobody got")
		}
	}
	sim.Faults().Clear(fault)
	id, err = sendText(t, n, s, peer.Person().Phone, "let in")
	wantCode(t, err, "")
	if text, _, err := peer.AwaitText(t.Context(), id); text != "let in" {
		t.Errorf("the phone decrypted %q (%v)", text, err)
	}
}

func TestSendRefusedByTheServer(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	for code, want := range map[int]engine.Code{479: engine.CodeSendRejected, 400: engine.CodeSendRejected, 429: engine.CodeRateLimited} {
		sim.fault(t, simnet.Fault{Kind: simnet.FaultAckError, Number: p.Number(), Code: code, Times: 1})
		_, err := sendText(t, n, s, peer.Person().Phone, "refused")
		wantCode(t, err, want)
	}
	wantSilence(t, s)
}

func TestTimelock(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	fault := sim.fault(t, simnet.Fault{Kind: simnet.FaultTimelock, Number: p.Number(), Expire: time.Hour})
	on := enginetest.Await[engine.SignalRestricted](t, s)
	left := time.Until(on.Restriction.Until)
	if on.Lifted || on.Restriction.Kind != engine.RestrictionReachout || left < 59*time.Minute || left > time.Hour {
		t.Errorf("restricted: %+v", on)
	}
	_, err := sendText(t, n, s, peer.Person().Phone, "stranger")
	wantCode(t, err, engine.CodeReachoutTimelock)
	var refused *engine.Error
	if !errors.As(err, &refused) || refused.RetryAfter < 59*time.Minute {
		t.Errorf("the caller is not told how long it lasts: %+v", refused)
	}
	sim.Faults().Clear(fault)
	if off := enginetest.Await[engine.SignalRestricted](t, s); !off.Lifted {
		t.Errorf("lifted: %+v", off)
	}
	wantSilence(t, s)
}

func TestTimelockThatOnlyARefusalTellsOf(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	sim.fault(t, simnet.Fault{Kind: simnet.FaultAckError, Number: p.Number(), Code: 463, Times: 2})
	for range 2 { // the second tells nothing new
		_, err := sendText(t, n, s, peer.Person().Phone, "stranger")
		wantCode(t, err, engine.CodeReachoutTimelock)
	}
	if on := enginetest.Await[engine.SignalRestricted](t, s); on.Lifted || !on.Restriction.Until.IsZero() {
		t.Errorf("restricted: %+v", on)
	}
	wantSilence(t, s)
}

// TestSendCutOff: the connection ends before, between and after relay and ack.
func TestSendCutOff(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	// What follows a first contact is out of the way: whatsmeow's waiting for a
	// connection is not made for two.
	if _, err := sendText(t, n, s, peer.Person().Phone, "first contact"); err != nil {
		t.Fatal(err)
	}
	soon(t, "the token is issued", func() bool { return peer.TrustedBy(p.JID()) })
	for _, c := range []struct {
		fault  simnet.FaultKind
		want   engine.Code
		copies int // that arrive once it is sent again under its id
	}{
		{simnet.FaultDropBeforeRelay, engine.CodeSendOutcomeUnknown, 1},
		{simnet.FaultDropBeforeAck, engine.CodeSendOutcomeUnknown, 2},
	} {
		sim.fault(t, simnet.Fault{Kind: c.fault, Number: p.Number(), Times: 1})
		m := engine.Outgoing{ID: n.NewMessageID(), To: peer.Person().Phone, Kind: engine.KindText, Text: string(c.fault)}
		begin := time.Now()
		_, err := s.Conn.Send(t.Context(), m)
		wantCode(t, err, c.want)
		if took := time.Since(begin); took > 4*time.Second {
			t.Errorf("%s: the caller was told only after %s", c.fault, took)
		}
		wantDrop(t, s, engine.DropNetwork)
		s.ComeBack(t)
		if _, err := s.Conn.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err = peer.Await(ctx, func(r simnet.Received) bool { return r.Text == m.Text && r.Copies == c.copies })
		cancel()
		if err != nil {
			t.Errorf("%s: %v", c.fault, err)
		}
	}
}

func TestSendGivenUp(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	if _, err := sendText(t, n, s, peer.Person().Phone, "hello"); err != nil {
		t.Fatal(err)
	}
	sim.fault(t, simnet.Fault{Kind: simnet.FaultLatency, Number: p.Number(), Delay: time.Minute})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := s.Conn.Send(ctx, engine.Outgoing{ID: n.NewMessageID(), To: peer.Person().Phone, Kind: engine.KindText, Text: "late"})
	wantCode(t, err, engine.CodeSendOutcomeUnknown)
	stranger := sim.phone()
	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = s.Conn.Send(ctx, engine.Outgoing{ID: n.NewMessageID(), To: stranger.Person().Phone, Kind: engine.KindText, Text: "late"})
	wantCode(t, err, engine.CodeSessionNotReady)
}

func TestSendFailures(t *testing.T) {
	refused := func(code int) error { return fmt.Errorf("%w %d", whatsmeow.ErrServerReturnedError, code) }
	for name, c := range map[string]struct {
		failure sendFailure
		want    engine.Code
	}{
		"timelock":             {sendFailure{err: refused(463), left: true}, engine.CodeReachoutTimelock},
		"rate limit":           {sendFailure{err: refused(429), left: true}, engine.CodeRateLimited},
		"other refusal":        {sendFailure{err: refused(479), left: true}, engine.CodeSendRejected},
		"no ack":               {sendFailure{err: whatsmeow.ErrMessageTimedOut, left: true}, engine.CodeSendOutcomeUnknown},
		"cut before the ack":   {sendFailure{err: &whatsmeow.DisconnectedError{Action: "message send"}, left: true}, engine.CodeSendOutcomeUnknown},
		"cut before the send":  {sendFailure{err: &whatsmeow.DisconnectedError{Action: "info query"}}, engine.CodeSessionNotReady},
		"not connected":        {sendFailure{err: whatsmeow.ErrNotConnected}, engine.CodeSessionNotReady},
		"gone in the resend":   {sendFailure{err: whatsmeow.ErrNotConnected, left: true}, engine.CodeSendOutcomeUnknown},
		"not linked":           {sendFailure{err: whatsmeow.ErrNotLoggedIn}, engine.CodeSessionNotReady},
		"query timed out":      {sendFailure{err: fmt.Errorf("x: %w", whatsmeow.ErrIQTimedOut)}, engine.CodeSessionNotReady},
		"query rate limit":     {sendFailure{err: fmt.Errorf("x: %w", whatsmeow.ErrIQRateOverLimit)}, engine.CodeRateLimited},
		"query refused":        {sendFailure{err: fmt.Errorf("x: %w", whatsmeow.ErrIQForbidden)}, engine.CodeSendRejected},
		"no such group":        {sendFailure{err: fmt.Errorf("x: %w", whatsmeow.ErrGroupNotFound), group: true}, engine.CodeRecipientInvalid},
		"not in the group":     {sendFailure{err: fmt.Errorf("x: %w", whatsmeow.ErrNotInGroup), group: true}, engine.CodeRecipientInvalid},
		"group not acceptable": {sendFailure{err: fmt.Errorf("x: %w", whatsmeow.ErrIQNotAcceptable), group: true}, engine.CodeRecipientInvalid},
		"group slowed down":    {sendFailure{err: fmt.Errorf("x: %w", whatsmeow.ErrIQRateOverLimit), group: true}, engine.CodeRateLimited},
		"out of the group":     {sendFailure{err: refused(403), group: true, left: true}, engine.CodeRecipientInvalid},
		"person refused":       {sendFailure{err: refused(403), left: true}, engine.CodeSendRejected},
		"database":             {sendFailure{err: fmt.Errorf("x: %w", &databaseError{errors.New("locked")})}, engine.CodeStorage},
		"no device":            {sendFailure{err: context.Canceled, cause: errNoRecipientDevice}, engine.CodeUndeliverable},
		"caller gave up":       {sendFailure{err: context.Canceled, cause: context.Canceled}, engine.CodeSessionNotReady},
		"caller gave up later": {sendFailure{err: context.Canceled, cause: context.Canceled, left: true}, engine.CodeSendOutcomeUnknown},
		"unknown server":       {sendFailure{err: fmt.Errorf("%w x", whatsmeow.ErrUnknownServer)}, engine.CodeNotSupported},
		"no LID":               {sendFailure{err: errors.New("no LID found for … from server")}, engine.CodeUndeliverable},
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, c.failure.translate(), c.want) })
	}
}

func TestReachesRecipient(t *testing.T) {
	person, own := types.NewJID("1", types.HiddenUserServer), types.NewJID("2", types.HiddenUserServer)
	message := func(to types.JID, attrs waBinary.Attrs, devices ...types.JID) *waBinary.Node {
		node := &waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"to": to}}
		for k, v := range attrs {
			node.Attrs[k] = v
		}
		list := make([]waBinary.Node, len(devices))
		for i, d := range devices {
			list[i] = waBinary.Node{Tag: "to", Attrs: waBinary.Attrs{"jid": d}}
		}
		node.Content = []waBinary.Node{{Tag: "participants", Content: list}}
		return node
	}
	device := func(j types.JID, n uint16) types.JID { j.Device = n; return j }
	for name, c := range map[string]struct {
		node *waBinary.Node
		want bool
	}{
		"to one of two":    {message(person, nil, device(own, 0), device(person, 3)), true},
		"to own ones only": {message(person, nil, device(own, 0)), false},
		"to none":          {message(person, nil), false},
		"to oneself":       {message(own, nil, device(own, 0)), true},
		"by phone number":  {message(person, waBinary.Attrs{"peer_recipient_pn": types.NewJID("9", types.DefaultUserServer)}, types.NewJID("9", types.DefaultUserServer)), true},
		"to a group":       {message(types.NewJID("5", types.GroupServer), nil), true},
		"to the own phone": {message(types.NewJID("9", types.DefaultUserServer), waBinary.Attrs{"category": "peer"}), true},
	} {
		if got := reachesRecipient(c.node); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
