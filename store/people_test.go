package store

import (
	"fmt"
	"testing"
	"time"

	"wapid/engine"
)

// A tenant's people are completed for that tenant alone, by what was learnt last, and
// no more of them are remembered than there is room for.
func TestPeopleAreCompleted(t *testing.T) {
	var k people
	asha := engine.Person{Phone: "491@s.whatsapp.net", LID: "1@lid"}
	alone := engine.Person{Phone: asha.Phone}
	if got := k.complete("a", alone); got != alone {
		t.Errorf("nobody is known, and %+v was", got)
	}
	k.learn("a", asha)
	k.learn("a", engine.Person{LID: "2@lid"})
	k.learn("a", engine.Person{Phone: "492@s.whatsapp.net"})
	if len(k.lids) != 1 {
		t.Errorf("half a person was learnt: %v", k.lids)
	}
	for who, want := range map[engine.Person]engine.Person{
		alone: asha, {Phone: asha.Phone, LID: "9@lid"}: {Phone: asha.Phone, LID: "9@lid"}, {LID: "1@lid"}: {LID: "1@lid"}, {}: {},
	} {
		if got := k.complete("a", who); got != want {
			t.Errorf("%+v became %+v, want %+v", who, got, want)
		}
	}
	if got := k.complete("b", alone); got != alone {
		t.Errorf("another tenant sees %+v", got)
	}
	k.learn("a", engine.Person{Phone: asha.Phone, LID: "3@lid"})
	if got := k.complete("a", alone); got.LID != "3@lid" {
		t.Errorf("the number has a new owner, and %+v is known", got)
	}
	for i := range 2 * mostPeople {
		k.learn("a", engine.Person{Phone: engine.JID(fmt.Sprint(i, "@s.whatsapp.net")), LID: engine.JID(fmt.Sprint(i, "@lid"))})
	}
	if len(k.lids) > mostPeople {
		t.Errorf("%d people are remembered", len(k.lids))
	}
	k.forget()
	if got := k.complete("a", alone); got != alone {
		t.Errorf("everybody was forgotten, but for %+v", got)
	}
}

// The second message to somebody is logged under both addresses before it is sent.
func TestReservationsKnowPeople(t *testing.T) {
	s, _ := countStatements(t)
	ctx, key := t.Context(), engine.SessionKey{Tenant: DefaultTenant, ID: "main"}
	asha := engine.Person{Phone: "491@s.whatsapp.net", LID: "1@lid"}
	for i, want := range []engine.JID{"", asha.LID} {
		m := engine.LoggedMessage{Session: key, ID: engine.MessageID(fmt.Sprint("M", i)), Direction: engine.Outbound, Kind: engine.KindText,
			Chat: asha.Phone, Peer: engine.Person{Phone: asha.Phone}, Status: engine.MessagePending, CreatedAt: time.Unix(1, 0)}
		if _, err := s.ReserveMessage(ctx, engine.Reservation{Message: m}); err != nil {
			t.Fatal(err)
		}
		found, err := s.FindMessage(ctx, key, engine.Outbound, m.ID)
		if err != nil || found.Peer.LID != want {
			t.Errorf("%s was reserved with %q, want %q (%v)", m.ID, found.Peer.LID, want, err)
		}
		if err := s.FinishMessage(ctx, key, m.ID, engine.MessageOutcome{Status: engine.MessageSent, SentAt: time.Unix(2, 0), Recipient: asha}); err != nil {
			t.Fatal(err)
		}
		if found, err = s.FindMessage(ctx, key, engine.Outbound, m.ID); err != nil || found.Peer != asha {
			t.Errorf("%s was sent to %+v (%v)", m.ID, found.Peer, err)
		}
	}
}
