package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

// logEvents appends events to a tenant's log, written "session/type".
func (d *daemon) logEvents(tenant engine.TenantID, list ...string) {
	d.t.Helper()
	for _, one := range list {
		session, kind, _ := strings.Cut(one, "/")
		d.logEvent(engine.Event{Session: engine.SessionKey{Tenant: tenant, ID: engine.SessionID(session)}, Type: engine.EventType(kind), Data: []byte(`{}`)})
	}
}

func (d *daemon) logEvent(e engine.Event) {
	d.t.Helper()
	if err := d.store.AppendEvent(d.t.Context(), e); err != nil {
		d.t.Fatal(err)
	}
}

// eventList is a decoded answer.
type eventList struct {
	Events []struct {
		ID, TenantID, Event, SessionID string
	}
	NextAfter, NextBefore string
	More                  bool
	Truncated             bool
}

func (l eventList) names() string {
	var names []string
	for _, e := range l.Events {
		names = append(names, e.SessionID+"/"+e.Event)
	}
	return strings.Join(names, " ")
}

// events lists the log.
func (d *daemon) events(key, query string) (l eventList) {
	d.t.Helper()
	r := d.do(call{method: http.MethodGet, path: "/api/whatsapp/events" + query, key: key})
	d.wants(r, http.StatusOK, "")
	if err := json.Unmarshal([]byte(r.body), &l); err != nil {
		d.t.Fatal(err)
	}
	return l
}

func TestEventsAreListed(t *testing.T) {
	d := start(t)
	if l := d.events(d.key, ""); l.names() != "" || l.NextAfter != string(store.FirstEvent) || l.More {
		t.Errorf("an empty log is %+v", l)
	}
	d.logEvents(store.DefaultTenant, "main/qr", "main/ready", "shop/qr", "/test", "main/message", "shop/message")
	d.logEvents("other", "main/call")
	bound := d.keyFor(store.ScopeRead, []engine.SessionID{"shop", "third"})
	all := d.events(d.key, "")
	for name, c := range map[string]struct {
		key, query, want string
		more             bool
	}{
		"all":                          {d.key, "", "main/qr main/ready shop/qr /test main/message shop/message", false},
		"limit":                        {d.key, "?limit=2", "main/qr main/ready", true},
		"exactly":                      {d.key, "?limit=6", "main/qr main/ready shop/qr /test main/message shop/message", false},
		"after":                        {d.key, "?after=" + all.Events[3].ID, "main/message shop/message", false},
		"after the last":               {d.key, "?after=" + all.NextAfter, "", false},
		"after any ULID":               {d.key, "?after=00000000000000000000000001&limit=1", "main/qr", true},
		"type":                         {d.key, "?type=qr", "main/qr shop/qr", false},
		"type and limit":               {d.key, "?type=qr&limit=1", "main/qr", true},
		"session":                      {d.key, "?sessionId=main", "main/qr main/ready main/message", false},
		"both":                         {d.key, "?sessionId=main&type=message&after=" + all.Events[0].ID, "main/message", false},
		"a session that there is not":  {d.key, "?sessionId=nobody", "", false},
		"a key of a session":           {bound, "", "shop/qr shop/message", false},
		"its session":                  {bound, "?sessionId=shop", "shop/qr shop/message", false},
		"a session beyond its reach":   {bound, "?sessionId=main", "", false},
		"a type beyond its reach":      {bound, "?type=test", "", false},
		"another tenant":               {d.otherKey, "", "main/call", false},
		"another tenant's session":     {d.otherKey, "?sessionId=shop", "", false},
		"a cursor of another tenant's": {d.otherKey, "?after=" + all.Events[0].ID, "main/call", false},
	} {
		l := d.events(c.key, c.query)
		if l.names() != c.want || l.More != c.more || l.Truncated {
			t.Errorf("%s: %q, more %v, want %q", name, l.names(), l.More, c.want)
		}
		if !c.more && c.key != d.otherKey && l.NextAfter != all.NextAfter {
			t.Errorf("%s goes on after %s, the log ends with %s", name, l.NextAfter, all.NextAfter)
		}
	}
}

func TestEventsAreListedNewestFirst(t *testing.T) {
	d := start(t)
	d.logEvents(store.DefaultTenant, "main/qr", "main/ready", "shop/qr", "/test", "main/message")
	d.logEvents("other", "main/call")
	bound := d.keyFor(store.ScopeRead, []engine.SessionID{"shop"})
	all := d.events(d.key, "?order=newest")
	for name, c := range map[string]struct {
		key, query, want string
		more             bool
	}{
		"all":                {d.key, "", "main/message /test shop/qr main/ready main/qr", false},
		"limit":              {d.key, "&limit=2", "main/message /test", true},
		"before":             {d.key, "&before=" + all.Events[2].ID, "main/ready main/qr", false},
		"before the first":   {d.key, "&before=" + all.Events[4].ID, "", false},
		"session and type":   {d.key, "&sessionId=main&type=qr", "main/qr", false},
		"a key of a session": {bound, "", "shop/qr", false},
		"beyond its reach":   {bound, "&sessionId=main", "", false},
		"another tenant":     {d.otherKey, "", "main/call", false},
		"another's cursor":   {d.otherKey, "&before=" + all.Events[0].ID, "", false},
		"another's session":  {d.otherKey, "&sessionId=shop", "", false},
	} {
		if l := d.events(c.key, "?order=newest"+c.query); l.names() != c.want || l.More != c.more || l.NextBefore == "" || l.NextAfter != "" {
			t.Errorf("%s: %q, more %v, next %q, want %q", name, l.names(), l.More, l.NextBefore, c.want)
		}
	}
	if l := d.events(d.key, "?order=oldest"); l.names() != "main/qr main/ready shop/qr /test main/message" || l.NextAfter == "" {
		t.Errorf("oldest first is %q", l.names())
	}
}

func TestEventQueriesAreRefused(t *testing.T) {
	d := start(t)
	d.logEvents(store.DefaultTenant, "main/qr")
	id := d.events(d.key, "").NextAfter
	for _, query := range []string{
		"after=", "after=x", "after=1", "after=" + strings.ToLower(id), "after=" + id + "0", "after=" + id[1:], "after=8" + id[1:],
		"after=" + id + "&after=" + id, "after=%00", "limit=", "limit=0", "limit=1001", "limit=-1", "limit=1.5", "limit=x",
		"type=", "type=nothing", "type=*", "type=qr,ready", "type=qr&type=ready", "type=QR", "sessionId=", "sessionId=a%20b",
		"sessionId=" + strings.Repeat("a", 65), "page=1", "ticket=x",
		"order=", "order=up", "before=" + id, "order=oldest&before=" + id, "order=newest&before=", "order=newest&before=x",
		"order=newest&after=" + id, "order=newest&limit=0", "order=newest&order=newest",
	} {
		d.wants(d.get("/api/whatsapp/events?"+query), http.StatusBadRequest, engine.CodeInvalid)
		if strings.HasPrefix(query, "limit") || strings.HasPrefix(query, "ticket") {
			continue
		}
		d.wants(d.get("/api/whatsapp/events/stream?"+query), http.StatusBadRequest, engine.CodeInvalid)
		d.wants(d.get("/api/whatsapp/events/ws?"+query), http.StatusBadRequest, engine.CodeInvalid)
	}
	for _, last := range []string{"x", strings.ToLower(id)} {
		r := d.do(call{method: http.MethodGet, path: "/api/whatsapp/events/stream", key: d.key, header: map[string]string{"Last-Event-ID": last}})
		d.wants(r, http.StatusBadRequest, engine.CodeInvalid)
	}
	if d.streamsOpen() != 0 {
		t.Error("a request that was refused holds a stream")
	}
}

// An event in the list is byte by byte what a webhook gets, behind its id.
func TestListedEventsAreThoseOfWebhooks(t *testing.T) {
	d := start(t)
	data := []byte("{\"body\":\"a<b>&\u2028 \\\"q\\\" \\u0000 \U0001F600\",\"n\":1.5}")
	d.logEvent(engine.Event{Session: engine.SessionKey{Tenant: store.DefaultTenant, ID: "main"}, Type: engine.EventMessage, Data: data})
	stored, err := d.store.ListEvents(t.Context(), store.DefaultTenant, "", 10)
	if err != nil || len(stored) != 1 {
		t.Fatal(stored, err)
	}
	posted, err := webhooks.Body(stored[0], "")
	if err != nil {
		t.Fatal(err)
	}
	id := stored[0].ID
	want := fmt.Sprintf(`{"events":[{"id":"%s",%s],"nextAfter":"%s","more":false}`, id, posted[1:], id)
	if got := d.get("/api/whatsapp/events").body; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestListTellsOfWhatRetentionRemoved(t *testing.T) {
	d := start(t)
	d.logEvents(store.DefaultTenant, "main/qr")
	cursor := d.events(d.key, "").NextAfter
	if err := d.store.InsertTenant(t.Context(), engine.Tenant{ID: "brief", Name: "x", RetentionDays: 1, CreatedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	_, key, err := d.store.IssueKey(t.Context(), "brief", "x")
	if err != nil {
		t.Fatal(err)
	}
	d.logEvent(engine.Event{ID: "01HV0000000000000000000000", Session: engine.SessionKey{Tenant: "brief", ID: "main"}, Type: engine.EventQR, Data: []byte(`{}`)})
	d.logEvents("brief", "main/ready")
	if l := d.events(key, "?after="+string(store.FirstEvent)); l.Truncated || l.names() != "main/qr main/ready" {
		t.Errorf("before: %+v", l)
	}
	if _, err := d.store.Prune(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]bool{
		"": false, "?after=" + string(store.FirstEvent): true, "?type=call&after=" + string(store.FirstEvent): true,
		"?after=01HV0000000000000000000000": false, "?after=" + cursor: false,
	} {
		if l := d.events(key, query); l.Truncated != want {
			t.Errorf("%s: truncated is %v", query, l.Truncated)
		}
	}
	l := d.follow(key, "/api/whatsapp/events/stream?after="+string(store.FirstEvent), "")
	if got := l.until("truncated", ""); got != `{"truncated":true}` {
		t.Errorf("the stream says %s", got)
	}
	l.until("ready", "")
}

// FuzzEventQuery holds that no query makes the list fail, and that what is taken
// was well formed.
func FuzzEventQuery(f *testing.F) {
	d := start(f)
	d.logEvents(store.DefaultTenant, "main/qr", "main/ready")
	for _, q := range [][3]string{{"", "", ""}, {string(store.FirstEvent), "qr", "main"}, {"01JNV3K8ZQ6Y0X4T5R7W9B2D1C", "x", "a b"}, {"\x00", "\xff", "%"}} {
		f.Add(q[0], q[1], q[2])
	}
	f.Fuzz(func(t *testing.T, after, kind, session string) {
		d := *d
		d.t = t
		query := url.Values{"after": {after}, "type": {kind}, "sessionId": {session}}.Encode()
		if len(query) > 4<<10 {
			t.Skip("the server takes no request line much longer than this")
		}
		r := d.do(call{method: http.MethodGet, key: d.key, path: "/api/whatsapp/events?" + query})
		_, badID := store.ParseEventID(after)
		_, badSession := engine.ParseSessionID(session)
		good := badID == nil && badSession == nil && slices.Contains(webhooks.Types(), engine.EventType(kind))
		if good && r.status != http.StatusOK || !good && r.status != http.StatusBadRequest {
			t.Errorf("after=%q type=%q sessionId=%q answers %d %s", after, kind, session, r.status, r.body)
		}
	})
}
