package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

// behind says what may follow a claim, as its data.
func behind(c webhooks.Claim) (data []string) {
	for _, l := range c.Behind {
		data = append(data, string(l.Event.Data))
	}
	return data
}

// prove lets an endpoint have its first success.
func prove(t testing.TB, s *store.Store, tenant engine.TenantID) {
	t.Helper()
	appendTo(t, s, tenant, "proof", 0)
	_, claims := claim(t, s, start, 1, 1)
	finish(t, s, claims[0], delivered)
}

func try(l webhooks.Letter, o webhooks.Outcome) webhooks.Tried {
	return webhooks.Tried{ID: l.Delivery.ID, Attempt: webhooks.Attempt{At: start, Status: 200}, Outcome: o}
}

// A claim of an endpoint that is well brings what stands behind it in its line, and
// one commit records what became of all that was tried. Nobody else gets any of it
// meanwhile, and a failure leaves the rest where it was.
func TestClaimBringsItsLine(t *testing.T) {
	s := open(t, store.Options{Clock: func() time.Time { return start }})
	tenantWithEndpoint(t, s, "a")
	appendTo(t, s, "a", "s1", 0)
	appendTo(t, s, "a", "s1", 1)
	_, first := claim(t, s, start, 10, 10)
	if len(first) != 1 || len(first[0].Behind) != 0 {
		t.Fatalf("an endpoint that has never answered gets one at a time, not %+v", first)
	}
	finish(t, s, first[0], delivered)
	for n := range 4 {
		appendTo(t, s, "a", "s1", n+2)
	}
	appendTo(t, s, "a", "s2", 0)

	_, claims := claim(t, s, start, 1, 10)
	run := claims[0]
	if got, want := fmt.Sprint([]string{string(run.Event.Data)}, behind(run)), `[{"n":1}] [{"n":2} {"n":3} {"n":4} {"n":5}]`; got != want {
		t.Fatalf("the run is %s, want %s", got, want)
	}
	names, others := claim(t, s, start, 10, 10)
	wantNames(t, names, `a/s2/{"n":0}`) // the line of s1 is held
	later := webhooks.Outcome{State: webhooks.DeliveryPending, RetryAt: start.Add(time.Minute)}
	turns, err := s.FinishDeliveries(t.Context(), try(run.Letter, delivered), try(run.Behind[0], delivered), try(run.Behind[1], later))
	if must(t, err); fmt.Sprint(turns) != fmt.Sprint([]webhooks.Turn{"", "", webhooks.TurnFailing}) {
		t.Errorf("turns %q", turns)
	}
	finish(t, s, others[0], delivered) // the endpoint is well again
	names, claims = claim(t, s, start, 10, 10)
	wantNames(t, names, `a/s1/{"n":4}`)
	if got := fmt.Sprint(behind(claims[0])); got != `[{"n":5}]` {
		t.Errorf("behind it %s", got)
	}
	must(t, s.ReleaseDeliveries(t.Context(), []webhooks.DeliveryID{claims[0].Delivery.ID}))

	// A retry stands in no line, nor does a test.
	_, err = s.AppendTest(t.Context(), "a", run.Endpoint.ID, []byte(`{}`))
	must(t, err)
	_, claims = claim(t, s, start.Add(time.Minute), 10, 10)
	for _, c := range claims {
		alone := c.Event.Type == engine.EventTest || c.Delivery.Attempts > 0
		if alone && len(c.Behind) > 0 || !alone && len(c.Behind) != 1 {
			t.Errorf("%s of %d attempts has %v behind it", c.Event.Data, c.Delivery.Attempts, behind(c))
		}
	}
	if len(claims) != 3 {
		t.Errorf("%d claims", len(claims))
	}
	all, err := s.ListDeliveries(t.Context(), "a", 0, 100)
	must(t, err)
	count := map[webhooks.DeliveryState]int{}
	for _, d := range all {
		count[d.State]++
	}
	if count[webhooks.DeliveryDelivered] != 4 || count[webhooks.DeliverySending] != 3 || count[webhooks.DeliveryPending] != 1 {
		t.Errorf("states %v", count)
	}
}

// A run is bounded by its number and by its data, and is not more than its endpoint's.
func TestRunIsBounded(t *testing.T) {
	s := open(t, store.Options{Clock: func() time.Time { return start }})
	tenantWithEndpoint(t, s, "a")
	prove(t, s, "a")
	for n := range 2 * webhooks.MaxRun {
		appendTo(t, s, "a", "s1", n)
	}
	large := fmt.Appendf(nil, `{"text":%q}`, strings.Repeat("a", 100<<10))
	for range 8 {
		must(t, s.AppendEvent(t.Context(), engine.Event{Session: engine.SessionKey{Tenant: "a", ID: "s2"}, Type: engine.EventMessage, Data: large}))
	}
	_, claims := claim(t, s, start, 10, 10)
	if len(claims) != 2 || len(claims[0].Behind) != 31 {
		t.Fatalf("%d claims, %d behind the first", len(claims), len(claims[0].Behind))
	}
	if n := len(claims[1].Behind); n != 2 {
		t.Errorf("%d events of %d bytes in one run", n, len(large))
	}
	// What is gone meanwhile is passed over; nothing left is told.
	must(t, s.DeleteEndpoint(t.Context(), "a"))
	_, err := s.FinishDeliveries(t.Context(), try(claims[0].Letter, delivered), try(claims[0].Behind[0], delivered))
	wantCode(t, err, engine.CodeNotFound)
}

// Whoever is done passes its place on to what waits longest of the endpoint, in the
// same commit, and to nobody if that is not well, has nothing due, or is disabled.
func TestPassOn(t *testing.T) {
	s := open(t, store.Options{Clock: func() time.Time { return start }})
	tenantWithEndpoint(t, s, "a")
	tenantWithEndpoint(t, s, "b")
	prove(t, s, "a")
	for _, session := range []string{"s1", "s2", "s1"} {
		appendTo(t, s, "a", session, 0)
	}
	appendTo(t, s, "b", "s1", 0)
	pass := func(c webhooks.Claim, o webhooks.Outcome) (string, *webhooks.Claim) {
		t.Helper()
		turns, next, err := s.PassOn(t.Context(), start, webhooks.Share{}, try(c.Letter, o))
		must(t, err)
		if len(turns) != 1 || next == nil {
			return "", next
		}
		return string(next.Event.Session.ID), next
	}
	_, claims := claim(t, s, start, 1, 1)
	session, second := pass(claims[0], delivered)
	if session != "s2" {
		t.Fatalf("passed on to %q, want what is oldest", session)
	}
	names, others := claim(t, s, start, 10, 2)
	wantNames(t, names, `a/s1/{"n":0}`, `b/s1/{"n":0}`) // what was passed on is nobody else's
	if session, next := pass(*second, delivered); next != nil {
		t.Errorf("passed on to %q of nothing due", session)
	}
	appendTo(t, s, "a", "s3", 0)
	later := webhooks.Outcome{State: webhooks.DeliveryPending, RetryAt: start.Add(time.Hour)}
	if session, next := pass(others[0], later); next != nil {
		t.Errorf("passed on to %q of an endpoint that has just failed", session)
	}
	_, claims = claim(t, s, start, 10, 2)
	appendTo(t, s, "a", "s4", 0)
	off := false
	_, err := s.UpdateEndpoint(t.Context(), "a", claims[0].Endpoint.ID, webhooks.EndpointChange{Enabled: &off})
	must(t, err)
	if session, next := pass(claims[0], delivered); next != nil {
		t.Errorf("passed on to %q of an endpoint that is disabled", session)
	}
}

// Several lines share a place if their receiver is fast: the first of each is held, so
// that nobody else gets it, and one place is counted. What was not posted is handed back,
// with the turn of its line, and so is all of it after a crash.
func TestLinesShareAPlace(t *testing.T) {
	s := open(t, store.Options{Clock: func() time.Time { return start }})
	tenantWithEndpoint(t, s, "a")
	prove(t, s, "a")
	appendTo(t, s, "a", "s0", 0)
	_, claims := claim(t, s, start, 1, 4)
	for n := range 2 {
		for _, session := range []string{"s1", "s2", "s3"} {
			appendTo(t, s, "a", session, n)
		}
	}
	turns, run, err := s.PassOn(t.Context(), start, webhooks.Share{Lines: 2, Letters: 3}, try(claims[0].Letter, delivered))
	must(t, err)
	if len(turns) != 1 || run == nil {
		t.Fatal("nothing was passed on")
	}
	var got []string
	for _, l := range append([]webhooks.Letter{run.Letter}, run.Behind...) {
		got = append(got, fmt.Sprint(l.Event.Session.ID, string(l.Event.Data), l.Delivery.State))
	}
	if want := `[s1{"n":0}sending s1{"n":1}pending s2{"n":0}sending]`; fmt.Sprint(got) != want {
		t.Fatalf("the run is %s, want %s", got, want)
	}
	names, third := claim(t, s, start, 10, 2) // of two places one is left
	wantNames(t, names, `a/s3/{"n":0}`)

	// The second fails, and the third was not posted.
	later := webhooks.Outcome{State: webhooks.DeliveryPending, RetryAt: start.Add(time.Minute)}
	turns, err = s.FinishDeliveries(t.Context(), try(run.Letter, delivered), try(run.Behind[0], later), webhooks.Tried{ID: run.Behind[1].Delivery.ID})
	if must(t, err); fmt.Sprint(turns) != fmt.Sprint([]webhooks.Turn{"", webhooks.TurnFailing, ""}) {
		t.Errorf("turns %q", turns)
	}
	_, run, err = s.PassOn(t.Context(), start, webhooks.Share{Lines: 9, Letters: 9}, try(third[0].Letter, delivered), try(third[0].Behind[0], delivered))
	must(t, err)
	if run == nil || string(run.Event.Session.ID) != "s2" || len(run.Behind) != 1 {
		t.Fatalf("passed on %+v", run)
	}

	// After a crash each line has one that may be claimed.
	appendTo(t, s, "a", "s4", 0)
	_, run, err = s.PassOn(t.Context(), start, webhooks.Share{Lines: 9, Letters: 9}, try(run.Letter, delivered))
	must(t, err)
	if run == nil || len(run.Behind) != 1 {
		t.Fatalf("passed on %+v", run)
	}
	n, err := s.ReleaseAllDeliveries(t.Context())
	if must(t, err); n != 2 {
		t.Errorf("%d were under way", n)
	}
	names, _ = claim(t, s, start, 10, 10)
	wantNames(t, names, `a/s2/{"n":1}`, `a/s4/{"n":0}`)
}

// A retry shares no place.
func TestARetryHasAPlaceOfItsOwn(t *testing.T) {
	s := open(t, store.Options{Clock: func() time.Time { return start }})
	tenantWithEndpoint(t, s, "a")
	prove(t, s, "a")
	for _, session := range []string{"s1", "s2", "s3"} {
		appendTo(t, s, "a", session, 0)
	}
	_, claims := claim(t, s, start, 3, 3)
	again := webhooks.Outcome{State: webhooks.DeliveryPending, RetryAt: start}
	_, err := s.FinishDeliveries(t.Context(), try(claims[0].Letter, again))
	must(t, err)
	finish(t, s, claims[1], delivered) // it is well again
	appendTo(t, s, "a", "s4", 0)
	share := webhooks.Share{Lines: 9, Letters: 9}
	_, run, err := s.PassOn(t.Context(), start, share, try(claims[2].Letter, delivered))
	must(t, err)
	if run == nil || run.Event.Session.ID != "s4" || len(run.Behind) != 0 {
		t.Fatalf("passed on %+v, want what was never tried", run)
	}
	appendTo(t, s, "a", "s5", 0)
	_, err = s.AppendTest(t.Context(), "a", run.Endpoint.ID, []byte(`{}`))
	must(t, err)
	for _, want := range []engine.SessionID{"s5", "", "s1"} {
		_, run, err = s.PassOn(t.Context(), start, share, try(run.Letter, delivered))
		must(t, err)
		if run == nil || run.Event.Session.ID != want || len(run.Behind) != 0 {
			t.Fatalf("passed on %+v, want one of %q alone", run, want)
		}
	}
}
