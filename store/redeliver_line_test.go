package store_test

import (
	"testing"
	"time"

	"wapid/store"
	"wapid/webhooks"
)

// What comes back into a line, once and again, while one of it is under way waits for
// that one, and goes before it if it is handed back untried.
func TestRedeliveredWaitsForWhatIsUnderWay(t *testing.T) {
	later := webhooks.Outcome{State: webhooks.DeliveryPending, RetryAt: start.Add(time.Minute)}
	for name, handBack := range map[string]func(t *testing.T, s *store.Store, run webhooks.Claim){
		"released": func(t *testing.T, s *store.Store, run webhooks.Claim) {
			must(t, s.ReleaseDeliveries(t.Context(), []webhooks.DeliveryID{run.Delivery.ID, run.Behind[0].Delivery.ID}))
		},
		"not posted": func(t *testing.T, s *store.Store, run webhooks.Claim) {
			_, err := s.FinishDeliveries(t.Context(), try(run.Letter, later), webhooks.Tried{ID: run.Behind[0].Delivery.ID})
			must(t, err)
		},
		"left by a crash": func(t *testing.T, s *store.Store, run webhooks.Claim) {
			n, err := s.ReleaseAllDeliveries(t.Context())
			if must(t, err); n != 2 {
				t.Errorf("%d were under way", n)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, store.Options{Clock: func() time.Time { return start }})
			tenantWithEndpoint(t, s, "a")
			prove(t, s, "a")
			var old []webhooks.DeliveryID
			for n := range 2 {
				appendTo(t, s, "a", "s", n)
				_, claims := claim(t, s, start, 1, 1)
				finish(t, s, claims[0], delivered)
				old = append(old, claims[0].Delivery.ID)
			}
			appendTo(t, s, "a", "other", 0)
			_, first := claim(t, s, start, 1, 1)
			appendTo(t, s, "a", "more", 0)
			appendTo(t, s, "a", "s", 2)
			_, run, err := s.PassOn(t.Context(), start, webhooks.Share{Lines: 9, Letters: 9}, try(first[0].Letter, delivered))
			if must(t, err); run == nil || len(run.Behind) != 1 {
				t.Fatalf("passed on %+v", run)
			}

			for _, id := range old {
				_, err := s.Redeliver(t.Context(), "a", run.Endpoint.ID, store.Redelivery{Deliveries: []webhooks.DeliveryID{id}}, start.Add(time.Hour))
				must(t, err)
			}
			names, _ := claim(t, s, start, 9, 9)
			wantNames(t, names) // the third of the line is under way
			handBack(t, s, *run)
			var posted []string
			for {
				names, claims := claim(t, s, start, 1, 1)
				if len(claims) == 0 {
					break
				}
				if claims[0].Event.Session.ID == "s" {
					posted = append(posted, names...)
				}
				finish(t, s, claims[0], delivered)
			}
			wantNames(t, posted, `a/s/{"n":0}`, `a/s/{"n":1}`, `a/s/{"n":2}`)
		})
	}
}
