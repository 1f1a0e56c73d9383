package store

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"wapid/engine"
	"wapid/webhooks"
)

// What a message that arrives takes over its life, in statements beside BEGIN and
// COMMIT: the log row, the event and its delivery; the claim; the outcome, which
// passes the place on. Of what waits in a line only the outcomes cost more, two each,
// in the same commits.
func TestAMessageThatArrivesTakesFewStatements(t *testing.T) {
	s, c := countStatements(t)
	ctx, key := context.Background(), engine.SessionKey{Tenant: DefaultTenant, ID: "main"}
	at, who := time.Unix(1708243200, 0), engine.Person{Phone: "491@s.whatsapp.net", LID: "1@lid"}
	n := 0
	insert := func() {
		t.Helper()
		n++
		m := engine.LoggedMessage{Session: key, ID: engine.MessageID(fmt.Sprint("M", n)), Chat: who.LID, Peer: who, Kind: engine.KindText, Text: "Hi", CreatedAt: at}
		fresh, err := s.BeginIncoming(ctx, m, engine.Event{Session: key, Type: engine.EventMessage, At: at, Data: []byte(`{}`)})()
		if err != nil || !fresh {
			t.Fatal(fresh, err)
		}
	}
	claim := func() webhooks.Claim {
		t.Helper()
		claims, err := s.ClaimDeliveries(ctx, at, webhooks.Room{Healthy: 9, Failing: 9, PerEndpoint: 4, PerTenant: 32})
		if err != nil || len(claims) != 1 {
			t.Fatal(claims, err)
		}
		return claims[0]
	}
	pass := func(letters ...webhooks.Letter) *webhooks.Claim {
		t.Helper()
		var tries []webhooks.Tried
		for _, l := range letters {
			tries = append(tries, webhooks.Tried{ID: l.Delivery.ID, Attempt: webhooks.Attempt{At: at, Status: 200}, Outcome: webhooks.Outcome{State: webhooks.DeliveryDelivered}})
		}
		_, next, err := s.PassOn(ctx, at, webhooks.Share{}, tries...)
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	insert() // the first contact, and the endpoint's first success, cost more
	pass(claim().Letter)
	c.take()

	var got []int64
	insert()
	got = append(got, c.take())
	one := claim()
	got = append(got, c.take())
	if pass(one.Letter) != nil {
		t.Error("passed on, of nothing")
	}
	got = append(got, c.take())
	if want := []int64{4, 4, 6}; !slices.Equal(got, want) {
		t.Errorf("one message took %d statements to insert, claim and finish, want %d", got, want)
	}

	for range 10 {
		insert()
	}
	run := claim()
	c.take()
	pass(append([]webhooks.Letter{run.Letter}, run.Behind...)...)
	if got := c.take(); len(run.Behind) != 9 || got != 3*10+3 {
		t.Errorf("a run of %d took %d statements, want 33", 1+len(run.Behind), got)
	}
}
