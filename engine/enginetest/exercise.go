package enginetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"wapid/engine"
)

// Exercise runs the whole suite. Its tests share nothing but the harness.
func Exercise(t *testing.T, h Harness) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Harness)
	}{
		{"links a device", linksDevice},
		{"does not link against the session's will", refusesLinking},
		{"sends", sends},
		{"refuses what it can't send", refusesSends},
		{"sends every kind", sendsEveryKind},
		{"moves files", movesFiles},
		{"receives, and acknowledges only what is committed", receives},
		{"asks about people", asksAboutPeople},
		{"shows itself", showsItself},
		{"prepares messages", preparesMessages},
		{"looks after groups", looksAfterGroups},
		{"tells what was read", tellsWhatWasRead},
		{"reconnects after a drop", reconnects},
		{"opens a linked device again", reopens},
		{"tells that the account removed the device", unlinked},
		{"logs out", logsOut},
		{"forgets", forgets},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, h) })
	}
}

// Link links a session to a phone and waits until it is ready.
func Link(t *testing.T, n engine.Network, p Phone, id string) (*Session, engine.Identity) {
	t.Helper()
	s := NewSession(id)
	enroller, enrols := p.(Enroller)
	if enrols {
		enroller.Enrol(t, s.Key)
	}
	var err error
	if s.Conn, err = n.Pair(t.Context(), engine.Line{Session: s.Key}, s.Handler()); err != nil {
		t.Fatalf("pair: %v", err)
	}
	t.Cleanup(func() { s.End(t) })
	s.Connect(t)
	if enrols {
		return s, enrolled(t, s, p)
	}
	code := Await[engine.SignalQR](t, s)
	if code.Code == "" || !code.ExpiresAt.After(time.Now()) {
		t.Fatalf("a QR code that nobody can scan: %d characters, expires %s", len(code.Code), code.ExpiresAt)
	}
	if err := p.Scan(t.Context(), code.Code); err != nil {
		t.Fatalf("scan: %v", err)
	}
	paired := Await[engine.SignalPaired](t, s)
	if paired.Identity.Device == "" || paired.Identity.Person != p.Person() {
		t.Fatalf("paired as %+v, want a device of %+v", paired.Identity, p.Person())
	}
	if drop := Await[engine.SignalDropped](t, s); drop.Cause != engine.DropRestart {
		t.Fatalf("after the pairing the connection was dropped as %q (%v), want %q", drop.Cause, drop.Err, engine.DropRestart)
	}
	ready := s.ComeBack(t)
	if ready != paired.Identity {
		t.Fatalf("ready as %+v, but paired as %+v", ready, paired.Identity)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.Settle(ctx, ready.Device); err != nil {
		t.Fatalf("settling after the link: %v", err)
	}
	return s, ready
}

// enrolled waits until a session with credentials is ready.
func enrolled(t *testing.T, s *Session, p Phone) engine.Identity {
	t.Helper()
	paired := Await[engine.SignalPaired](t, s)
	ready := Await[engine.SignalReady](t, s)
	if paired.Identity.Device == "" || paired.Identity.Person != p.Person() || ready.Identity != paired.Identity {
		t.Fatalf("paired as %+v and ready as %+v, want a device of %+v", paired.Identity, ready.Identity, p.Person())
	}
	return ready.Identity
}

func linksDevice(t *testing.T, h Harness) {
	p := h.Phone(t)
	s, id := Link(t, h.Open(t), p, "a")
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.linking) != 1 || s.linking[0].Device != id.Device || s.linking[0].Person.Phone != p.Person().Phone {
		t.Errorf("Linking was called with %+v, want once, with the device that was linked", s.linking)
	}
}

func refusesLinking(t *testing.T, h Harness) {
	n, p := h.Open(t), h.Phone(t)
	s := NewSession("a")
	s.NoLink = errRefused
	enroller, enrols := p.(Enroller)
	if enrols {
		enroller.Enrol(t, s.Key)
	}
	var err error
	if s.Conn, err = n.Pair(t.Context(), engine.Line{Session: s.Key}, s.Handler()); err != nil {
		t.Fatal(err)
	}
	defer s.End(t)
	s.Connect(t)
	if !enrols {
		if err := p.Scan(t.Context(), Await[engine.SignalQR](t, s).Code); err == nil {
			t.Error("the account believes that the device is linked")
		}
	}
	Await[engine.SignalPairingFailed](t, s)
	if rest := s.Unread(); len(rest) > 0 {
		t.Errorf("reported after the failure:%s", describe(rest))
	}
}

func sends(t *testing.T, h Harness) {
	n, peer := h.Open(t), h.Phone(t)
	s, _ := Link(t, n, h.Phone(t), "a")
	for _, to := range []engine.JID{peer.Person().Phone, peer.Person().LID} {
		if to == "" {
			continue
		}
		text := "to " + to.Server() + ": grüße 👋"
		id := n.NewMessageID()
		sent, err := s.Conn.Send(t.Context(), engine.Outgoing{ID: id, To: to, Kind: engine.KindText, Text: text})
		if err != nil {
			t.Fatalf("send to %s: %v", to.Server(), err)
		}
		if sent.ID != id || sent.Recipient != peer.Person() || time.Since(sent.Timestamp).Abs() > time.Minute {
			t.Errorf("sent %+v, want id %s to %+v now", sent, id, peer.Person())
		}
		awaitText(t, peer, id, text)
		r := s.AwaitReceipt(t, func(r engine.Receipt) bool {
			return slices.Contains(r.IDs, id) && r.Status == engine.MessageDelivered
		})
		if r.Chat != peer.Person().Phone || r.By != peer.Person() || time.Since(r.At).Abs() > time.Minute {
			t.Errorf("delivered by %+v, want to %+v now", r, peer.Person())
		}
	}
	// Again under the same id, as after an unknown outcome: the phone drops it.
	id := n.NewMessageID()
	for range 2 {
		if _, err := s.Conn.Send(t.Context(), engine.Outgoing{ID: id, To: peer.Person().Phone, Kind: engine.KindText, Text: "once"}); err != nil {
			t.Fatal(err)
		}
	}
	awaitText(t, peer, id, "once")
}

func awaitText(t *testing.T, p Phone, id engine.MessageID, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if got, _, err := p.AwaitText(ctx, id); err != nil || got != want {
		t.Fatalf("the phone decrypted %q (%v), want %q", got, err, want)
	}
}

func refusesSends(t *testing.T, h Harness) {
	n, peer := h.Open(t), h.Phone(t).Person().Phone
	s, _ := Link(t, n, h.Phone(t), "a")
	_, err := s.Conn.Send(t.Context(), engine.Outgoing{ID: n.NewMessageID(), To: peer, Kind: "telegram", Text: "x"})
	if engine.CodeOf(err) != engine.CodeNotSupported {
		t.Errorf("an unknown kind gives %v, want %s", err, engine.CodeNotSupported)
	}
	s.Close()
	_, err = s.Conn.Send(t.Context(), engine.Outgoing{ID: n.NewMessageID(), To: peer, Kind: engine.KindText, Text: "x"})
	if engine.CodeOf(err) != engine.CodeSessionNotReady {
		t.Errorf("sending on a closed connection gives %v, want %s", err, engine.CodeSessionNotReady)
	}
	if a, b := n.NewMessageID(), n.NewMessageID(); a == "" || a == b {
		t.Errorf("message ids %q and %q", a, b)
	}
}

func receives(t *testing.T, h Harness) {
	n, p, peer := h.Open(t), h.Phone(t), h.Phone(t)
	s, id := Link(t, n, p, "a")
	const text = "first try fails"
	tries := 0
	var acknowledged bool
	s.Refuse(func(m engine.Incoming) error {
		if m.Text != text {
			return nil
		}
		acknowledged = acknowledged || p.Acknowledged(id.Device, m.ID)
		if tries++; tries == 1 {
			return errRefused
		}
		return nil
	})
	msg, err := peer.SendText(t.Context(), p.Person().Phone, text)
	if err != nil {
		t.Fatal(err)
	}
	if _, enrols := p.(Enroller); !enrols {
		drop := Await[engine.SignalDropped](t, s)
		if drop.Cause != engine.DropNetwork {
			t.Fatalf("after a failed commit the connection was dropped as %q, want %q", drop.Cause, engine.DropNetwork)
		}
		if p.Acknowledged(id.Device, msg) {
			t.Error("a message was acknowledged whose commit failed")
		}
		s.ComeBack(t)
	}
	got := s.AwaitMessage(t, msg)
	if got.Text != text || got.Kind != engine.KindText || got.Sender != peer.Person() ||
		got.Chat != peer.Person().Phone || got.IsGroup || got.HasMedia || got.Timestamp.IsZero() {
		t.Errorf("received %+v", got)
	}
	s.Until(t, "the acknowledgement", func() bool { return p.Acknowledged(id.Device, msg) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if acknowledged {
		t.Error("the message was acknowledged before it was committed")
	}
}

func reconnects(t *testing.T, h Harness) {
	n, p, peer := h.Open(t), h.Phone(t), h.Phone(t)
	s, _ := Link(t, n, p, "a")
	for range 3 {
		p.Cut(t)
		if drop := Await[engine.SignalDropped](t, s); drop.Cause != engine.DropNetwork {
			t.Fatalf("a cut connection was dropped as %q (%v), want %q", drop.Cause, drop.Err, engine.DropNetwork)
		}
		if _, err := s.Conn.Send(t.Context(), engine.Outgoing{ID: n.NewMessageID(), To: peer.Person().Phone, Kind: engine.KindText, Text: "x"}); engine.CodeOf(err) != engine.CodeSessionNotReady {
			t.Errorf("sending while it is down gives %v, want %s", err, engine.CodeSessionNotReady)
		}
		msg, err := peer.SendText(t.Context(), p.Person().Phone, "while you were away")
		if err != nil {
			t.Fatal(err)
		}
		s.ComeBack(t)
		s.AwaitMessage(t, msg)
		id := n.NewMessageID()
		if _, err := s.Conn.Send(t.Context(), engine.Outgoing{ID: id, To: peer.Person().Phone, Kind: engine.KindText, Text: "back"}); err != nil {
			t.Fatalf("send after reconnecting: %v", err)
		}
		awaitText(t, peer, id, "back")
	}
	if rest := s.Unread(); len(rest) > 0 {
		t.Errorf("reported beside one drop and one ready each time:%s", describe(rest))
	}
}

func reopens(t *testing.T, h Harness) {
	n, p, peer := h.Open(t), h.Phone(t), h.Phone(t)
	s, id := Link(t, n, p, "a")
	s.End(t)
	again := NewSession("a")
	var err error
	if again.Conn, err = n.Open(t.Context(), engine.Line{Session: again.Key}, id.Device, again.Handler()); err != nil {
		t.Fatalf("open: %v", err)
	}
	defer again.End(t)
	if got := again.ComeBack(t); got != id {
		t.Errorf("ready as %+v, want %+v", got, id)
	}
	msg, err := peer.SendText(t.Context(), address(p), "still there?")
	if err != nil {
		t.Fatal(err)
	}
	if got := again.AwaitMessage(t, msg); got.Sender != peer.Person() {
		t.Errorf("sender is %+v, want %+v", got.Sender, peer.Person())
	}
}

func unlinked(t *testing.T, h Harness) {
	n, p := h.Open(t), h.Phone(t)
	s, id := Link(t, n, p, "a")
	if err := p.Unlink(t.Context(), id.Device); err != nil {
		t.Fatal(err)
	}
	if drop := Await[engine.SignalDropped](t, s); drop.Cause != engine.DropLoggedOut {
		t.Fatalf("dropped as %q (%v), want %q", drop.Cause, drop.Err, engine.DropLoggedOut)
	}
	s.End(t)
	wantNoDevice(t, n, id.Device)
	if rest := s.Unread(); len(rest) > 0 {
		t.Errorf("reported after the end:%s", describe(rest))
	}
}

func logsOut(t *testing.T, h Harness) {
	n, p := h.Open(t), h.Phone(t)
	s, id := Link(t, n, p, "a")
	if err := s.Conn.Logout(t.Context()); err != nil {
		t.Fatalf("log out: %v", err)
	}
	s.End(t)
	wantNoDevice(t, n, id.Device)
	if rest := s.Unread(); len(rest) > 0 {
		t.Errorf("reported after Logout:%s", describe(rest))
	}
	if err := p.Unlink(t.Context(), id.Device); err == nil {
		t.Error("the account still had the device")
	}
	// The account can be linked again.
	_, next := Link(t, n, p, "b")
	if next.Device == id.Device && !strings.Contains(string(id.Device), ":") {
		t.Errorf("device %s has no number of its own", next.Device)
	}
}

func forgets(t *testing.T, h Harness) {
	n, p := h.Open(t), h.Phone(t)
	s, id := Link(t, n, p, "a")
	s.End(t)
	for range 2 { // a device that is gone is no error
		if err := n.Forget(t.Context(), id.Device); err != nil {
			t.Fatalf("forget: %v", err)
		}
	}
	wantNoDevice(t, n, id.Device)
	if err := n.Forget(t.Context(), "nonsense"); err != nil {
		t.Errorf("forgetting a device that can't exist: %v", err)
	}
}

func wantNoDevice(t *testing.T, n engine.Network, device engine.DeviceID) {
	t.Helper()
	s := NewSession("gone")
	conn, err := n.Open(t.Context(), engine.Line{Session: s.Key}, device, s.Handler())
	if !errors.Is(err, engine.ErrNoDevice) {
		t.Errorf("opening a device that is gone gives %v, want ErrNoDevice", err)
	}
	if err == nil {
		conn.Close()
	}
}
