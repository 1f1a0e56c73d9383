package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
)

// stats asks for statistics with a key, or as the operator with "".
func (d *daemon) stats(key, path string) (body statsResponse) {
	d.t.Helper()
	c := call{method: http.MethodGet, path: path, key: key}
	if key == "" {
		c.header = map[string]string{headerAdminKey: testAdminKey}
	}
	r := d.do(c)
	d.wants(r, http.StatusOK, "")
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		d.t.Fatal(err)
	}
	return body
}

// happen counts messages that came in for sessions, and writes that down.
func (d *daemon) happen(tenant engine.TenantID, sessions ...engine.SessionID) {
	d.t.Helper()
	for i, id := range sessions {
		key := engine.SessionKey{Tenant: tenant, ID: id}
		m := engine.LoggedMessage{Session: key, ID: engine.MessageID(fmt.Sprint("IN", i)), Chat: paperFriend.Phone, Peer: paperFriend, Kind: engine.KindText, CreatedAt: time.Now()}
		data, err := engine.Canonical(engine.MessageData{ID: m.ID})
		if err != nil {
			d.t.Fatal(err)
		}
		if _, err := d.store.BeginIncoming(d.t.Context(), m, engine.Event{Session: key, Type: engine.EventMessage, Data: data})(); err != nil {
			d.t.Fatal(err)
		}
	}
	if err := d.store.SaveActivity(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

// A tenant is told of its own, a key with sessions of theirs, the operator of all or of one.
func TestStatsAreTheCallersOwn(t *testing.T) {
	d := start(t)
	d.happen(store.DefaultTenant, "a", "a", "b")
	d.happen("other", "a")
	bound := d.keyFor(store.ScopeRead, []engine.SessionID{"a"})
	for _, c := range []struct {
		name, key, path string
		want            int
	}{
		{"a tenant", d.key, "/api/account/stats", 3},
		{"another", d.otherKey, "/api/account/stats", 1},
		{"a session", d.key, "/api/account/stats?sessionId=b", 1},
		{"no session", d.key, "/api/account/stats?sessionId=c", 0},
		{"a bound key", bound, "/api/account/stats", 2},
		{"a bound key, its session", bound, "/api/account/stats?sessionId=a", 2},
		{"a bound key, another session", bound, "/api/account/stats?sessionId=b", 0},
		{"before", d.key, "/api/account/stats?to=2026-01-01", 0},
		{"the operator", "", "/api/admin/stats", 4},
		{"the operator, one tenant", "", "/api/admin/stats?tenantId=other", 1},
		{"by days", "", "/api/admin/stats?step=24", 4},
	} {
		body := d.stats(c.key, c.path)
		if body.Total.Received != c.want {
			t.Errorf("%s: %d messages came in, want %d", c.name, body.Total.Received, c.want)
		}
		sum := 0
		for _, i := range body.Intervals {
			sum += i.Received
		}
		if sum != c.want {
			t.Errorf("%s: the intervals hold %d, want %d", c.name, sum, c.want)
		}
	}
	for _, path := range []string{
		"/api/account/stats?from=yesterday", "/api/account/stats?step=0", "/api/account/stats?step=25",
		"/api/account/stats?from=2026-03-08&to=2026-03-08", "/api/account/stats?from=2026-03-09&to=2026-03-08",
		"/api/account/stats?from=2026-01-01&to=2026-02-02", "/api/account/stats?sessionId=%20",
	} {
		d.wants(d.get(path), http.StatusBadRequest, engine.CodeInvalid)
	}
	d.wants(d.admin(http.MethodGet, "/api/admin/stats?tenantId=nobody", ""), http.StatusNotFound, engine.CodeNotFound)
}

// Hours are added up by intervals, of which none is left out.
func TestSummaries(t *testing.T) {
	hour := func(h int, sent int, took time.Duration) (a store.ActivityHour) {
		a.At, a.Sent = time.Date(2026, 3, 8, h, 0, 0, 0, time.UTC), sent
		a.SendTimes.Add(took)
		return a
	}
	from := time.Date(2026, 3, 8, 6, 0, 0, 0, time.UTC)
	body := summarize([]store.ActivityHour{hour(7, 1, time.Second), hour(8, 2, time.Second), hour(14, 4, 10*time.Second)}, from, from.Add(9*time.Hour), 3)
	got := ""
	for _, i := range body.Intervals {
		got += fmt.Sprintf("%s %d %v; ", time.UnixMilli(i.At).UTC().Format("15:04"), i.Sent, i.SendTime != nil)
	}
	if want := "06:00 3 true; 09:00 0 false; 12:00 4 true; "; got != want {
		t.Errorf("the intervals are %s, want %s", got, want)
	}
	total := body.Total
	if total.Sent != 7 || total.SendTime.Count != 3 || total.SendTime.P50 < 800 || total.SendTime.P50 > 1200 || total.SendTime.P99 < 8000 || total.SendTime.P99 > 12000 {
		t.Errorf("in all %+v %+v", total, total.SendTime)
	}
}

// The operator sees how the daemon is, and finds tenants by what they are called.
func TestOverview(t *testing.T) {
	d := start(t)
	d.link("main")
	if _, err := d.store.SuspendTenant(t.Context(), store.Origin{}, "other", true); err != nil {
		t.Fatal(err)
	}
	r := d.admin(http.MethodGet, "/api/admin/overview", "")
	d.wants(r, http.StatusOK, "")
	var body overviewResponse
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		t.Fatal(err)
	}
	if !body.Ready || body.Tenants != (tenantCounts{Total: 2, Suspended: 1}) || body.Sessions[engine.StatusReady] != 1 {
		t.Errorf("it says %s", r.body)
	}
	for query, want := range map[string]int{"": 2, "OTH": 1, "other": 1, "%25": 0, "_": 0, "nobody": 0} {
		var list tenantListResponse
		r := d.admin(http.MethodGet, "/api/admin/tenants?q="+query, "")
		d.wants(r, http.StatusOK, "")
		if err := json.Unmarshal([]byte(r.body), &list); err != nil {
			t.Fatal(err)
		}
		if list.Total != want || len(list.Tenants) != want {
			t.Errorf("%q finds %d of %d, want %d", query, len(list.Tenants), list.Total, want)
		}
	}
}
