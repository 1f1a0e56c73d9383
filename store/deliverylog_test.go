package store

import (
	"testing"
	"time"

	"wapid/engine"
	"wapid/webhooks"
)

// A page with a filter looks at so many deliveries, and the list goes on behind
// them until all were looked at.
func TestDeliveryPagesGoOn(t *testing.T) {
	s := openInside(t, Options{})
	s.looksBack = 10
	const all = 45
	fill(t, s, "ten", all, time.Now())
	endpoint, err := s.FindEndpoint(t.Context(), "ten")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.write.db.Exec(`UPDATE deliveries SET state = 'delivered', turn = 2 WHERE id % 9 <> 0`); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		f           DeliveryFilter
		found, most int // deliveries, and pages
	}{
		"all":     {DeliveryFilter{}, all, 12},
		"pending": {DeliveryFilter{State: webhooks.DeliveryPending}, 5, 6},
		"none":    {DeliveryFilter{Type: engine.EventOptOut}, 0, 5},
		"session": {DeliveryFilter{Sessions: []engine.SessionID{"main"}}, all, 17},
	} {
		var found, pages int
		for more := true; more; pages++ {
			page, before, err := s.PageDeliveries(t.Context(), "ten", endpoint.ID, c.f, 4)
			if err != nil || len(page) > 4 {
				t.Fatal(len(page), err)
			}
			for _, d := range page {
				if c.f.Before > 0 && d.ID >= c.f.Before {
					t.Errorf("%s: %d came again", name, d.ID)
				}
				c.f.Before = d.ID
			}
			found += len(page)
			more = before > 0
			c.f.Before = before
		}
		if found != c.found || pages > c.most {
			t.Errorf("%s: %d deliveries on %d pages, want %d on %d at most", name, found, pages, c.found, c.most)
		}
	}
}
