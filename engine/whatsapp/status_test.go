package whatsapp

import (
	"errors"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"wapid/engine"
	"wapid/engine/enginetest"
)

// TestReceiptsOverTheWire: that a message came, was read and was played is told
// with both addresses, and a receipt that could not be committed comes again.
func TestReceiptsOverTheWire(t *testing.T) {
	sim := simulate(t)
	n, p, peer := sim.open(t, nil), sim.phone(), sim.phone()
	s, _ := enginetest.Link(t, n, p, "a")
	send := func(to engine.JID) engine.MessageID {
		t.Helper()
		id := n.NewMessageID()
		if _, err := s.Conn.Send(t.Context(), engine.Outgoing{ID: id, To: to, Kind: engine.KindText, Text: "hi"}); err != nil {
			t.Fatal(err)
		}
		return id
	}
	of := func(status engine.MessageStatus, id engine.MessageID) func(engine.Receipt) bool {
		return func(r engine.Receipt) bool { return r.Status == status && len(r.IDs) == 1 && r.IDs[0] == id }
	}
	check := func(r engine.Receipt, chat engine.JID) {
		t.Helper()
		if r.Chat != chat || r.By != peer.Person() || time.Since(r.At) > time.Hour {
			t.Errorf("got %+v", r)
		}
	}
	id := send(peer.Person().Phone)
	check(s.AwaitReceipt(t, of(engine.MessageDelivered, id)), peer.Person().Phone)
	s.RefuseNews(func(any) error { return errors.New("refused by the test") })
	if err := peer.MarkRead(t.Context(), p.JID(), types.MessageID(id)); err != nil {
		t.Fatal(err)
	}
	wantDrop(t, s, engine.DropNetwork)
	s.RefuseNews(nil)
	s.ComeBack(t)
	check(s.AwaitReceipt(t, of(engine.MessageRead, id)), peer.Person().Phone)
	if err := peer.MarkPlayed(t.Context(), p.JID(), types.MessageID(id)); err != nil {
		t.Fatal(err)
	}
	check(s.AwaitReceipt(t, of(engine.MessagePlayed, id)), peer.Person().Phone)

	group, err := peer.CreateGroup(t.Context(), "Team", p.JID())
	if err != nil {
		t.Fatal(err)
	}
	id = send(engine.JID(group.String()))
	check(s.AwaitReceipt(t, of(engine.MessageDelivered, id)), engine.JID(group.String()))
}

func TestReceiptsThatSayNothing(t *testing.T) {
	for kind, want := range map[types.ReceiptType]engine.MessageStatus{
		types.ReceiptTypeDelivered: engine.MessageDelivered, types.ReceiptTypeRead: engine.MessageRead,
		types.ReceiptTypePlayed: engine.MessagePlayed, types.ReceiptTypeInactive: "", types.ReceiptTypeRetry: "",
		types.ReceiptTypeSender: "", types.ReceiptTypeReadSelf: "", types.ReceiptTypePlayedSelf: "", types.ReceiptTypeServerError: "",
		types.ReceiptTypePeerMsg: "", types.ReceiptTypeHistorySync: "",
	} {
		evt := &events.Receipt{Type: kind}
		if got := statusOf(evt); got != want {
			t.Errorf("%q says %q, want %q", kind, got, want)
		}
		evt.IsFromMe = true
		if got := statusOf(evt); got != "" {
			t.Errorf("%q of the account itself says %q", kind, got)
		}
	}
}
