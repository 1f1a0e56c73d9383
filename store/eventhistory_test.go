package store

import (
	"context"
	"strings"
	"testing"

	"wapid/engine"
)

// The log read backwards is the log, whatever the pages' size and however far one
// page looks.
func TestEventHistoryIsTheLogBackwards(t *testing.T) {
	ctx := context.Background()
	s := openLogs(t, Options{})
	logged(t, s, "a", "main/qr", "main/ready", "shop/qr", "/test", "main/message", "shop/message", "main/call")
	logged(t, s, "b", "main/message")
	for name, c := range map[string]struct {
		f    EventFilter
		want string
	}{
		"all":      {EventFilter{}, "main/call shop/message main/message /test shop/qr main/ready main/qr"},
		"type":     {EventFilter{Type: "qr"}, "shop/qr main/qr"},
		"session":  {EventFilter{Sessions: []engine.SessionID{"shop"}}, "shop/message shop/qr"},
		"both":     {EventFilter{Type: "message", Sessions: []engine.SessionID{"main"}}, "main/message"},
		"nothing":  {EventFilter{Type: "optout"}, ""},
		"no right": {EventFilter{Sessions: []engine.SessionID{}}, ""},
	} {
		for _, limit := range []int{1, 2, 3, 7, 100} {
			for _, looks := range []int{1, 3, 1000} {
				s.looks = looks
				var names []string
				before, more, pages := engine.EventID(""), true, 0
				for ; more; pages++ {
					page, err := s.PageEventHistory(ctx, "a", c.f, before, limit)
					if err != nil || len(page.Events) > limit || pages > 20 {
						t.Fatalf("%s: %v, %d events, page %d", name, err, len(page.Events), pages)
					}
					if len(page.Events) > 0 {
						names = append(names, page.names())
					}
					before, more = page.Next, page.More
				}
				if got := strings.Join(names, " "); got != c.want {
					t.Errorf("%s, %d at a time, looking at %d: %s", name, limit, looks, got)
				}
			}
		}
	}
	if page, err := s.PageEventHistory(ctx, "nobody", EventFilter{}, "", 10); err != nil || len(page.Events) != 0 || page.More {
		t.Errorf("of nobody: %+v, %v", page, err)
	}
}

func TestEventHistoryPlansUseTheirIndexes(t *testing.T) {
	s := openLogs(t, Options{})
	for _, f := range []EventFilter{{}, {Type: "message"}, {Type: "qr", Sessions: []engine.SessionID{"a"}}} {
		query, args := historyQuery("a", f, lastEvent, FirstEvent, 100)
		s.wantPlan(t, query, args, "USING INDEX events_log (tenant_id=? AND id>? AND id<?)")
	}
	s.wantPlan(t, selectHorizonBack, []any{"a", lastEvent, mostLooked}, "USING COVERING INDEX events_log (tenant_id=? AND id<?)")
}
