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
)

// listed is what a client reads of a list.
type listed struct {
	Messages []struct {
		SessionID, To, Message, Status, Type, CreatedAt, MessageID, Direction, From, Chat string
	}
	Total, Page, Pages *int
	TotalIsMinimum     bool
	NextCursor         string
}

func (d *daemon) list(query string) (l listed, raw string) {
	d.t.Helper()
	r := d.get("/api/whatsapp/messages" + query)
	d.wants(r, http.StatusOK, "")
	if err := json.Unmarshal([]byte(r.body), &l); err != nil {
		d.t.Fatal(err)
	}
	return l, r.body
}

// incoming lets a message come in on a session.
func (d *daemon) incoming(session engine.SessionID, m engine.Incoming) {
	d.t.Helper()
	conn := d.network.conn(engine.SessionKey{Tenant: store.DefaultTenant, ID: session})
	if err := conn.handler.Receive(d.t.Context(), m)(); err != nil {
		d.t.Fatal(err)
	}
}

var asha = engine.Person{Phone: "919876543211@s.whatsapp.net", LID: "100200300@lid"}

func TestMessagesAsTheDocumentHasThem(t *testing.T) {
	d := start(t)
	d.link("main")
	d.wants(d.post("/api/whatsapp/session/main/send", `{"to":"919876543211","message":"Hello!"}`), http.StatusOK, "")
	d.incoming("main", engine.Incoming{ID: "3EB0AA", Chat: asha.Phone, Sender: asha, PushName: "Asha", Timestamp: time.Unix(1708243300, 0),
		Kind: engine.KindImage, Text: "Look", HasMedia: true, Details: engine.Details{Media: &engine.MediaInfo{MimeType: "image/jpeg", Size: 7}}})
	l, raw := d.list("")
	if !strings.HasPrefix(raw, `{"messages":[{"sessionId":"main","to":"919876543210","message":"Look","status":"received","type":"image","createdAt":"`) ||
		!strings.Contains(raw, `,"messageId":"3EB0AA","direction":"in","from":"919876543211","fromLid":"100200300@lid","chat":"919876543211@s.whatsapp.net",`+
			`"pushName":"Asha","timestamp":1708243300,"sentAt":"2024-02-18T08:01:40.000Z",`) ||
		!strings.Contains(raw, `{"sessionId":"main","to":"919876543211","message":"Hello!","status":"sent","type":"text","createdAt":"`) ||
		!strings.Contains(raw, `"media":{"mimeType":"image/jpeg","size":7}`) || !strings.HasSuffix(raw, `}],"total":2,"page":1,"pages":1}`) {
		t.Errorf("answers %s", raw)
	}
	one := d.get("/api/whatsapp/session/main/messages/" + l.Messages[1].MessageID)
	d.wants(one, http.StatusOK, "")
	if !strings.HasPrefix(one.body, `{"sessionId":"main","to":"919876543211","message":"Hello!","status":"sent","type":"text","createdAt":"`) {
		t.Errorf("answers %s", one.body)
	}
	d.wants(d.get("/api/whatsapp/session/main/messages/3EB0AA"), http.StatusOK, "")
	d.wants(d.get("/api/whatsapp/session/main/messages/none"), http.StatusNotFound, engine.CodeNotFound)
	d.wants(d.get("/api/whatsapp/session/nobody/messages/none"), http.StatusNotFound, engine.CodeSessionNotFound)
	foreign := call{method: http.MethodGet, path: "/api/whatsapp/session/main/messages/3EB0AA", key: d.otherKey}
	d.wants(d.do(foreign), http.StatusNotFound, engine.CodeSessionNotFound)
	if r := d.do(call{method: http.MethodGet, path: "/api/whatsapp/messages", key: d.otherKey}); r.body != `{"messages":[],"total":0,"page":1,"pages":0}` {
		t.Errorf("another tenant sees %s", r.body)
	}
}

func TestMessagesPaged(t *testing.T) {
	d := start(t)
	d.link("main")
	const size = 45
	for i := range size {
		d.incoming("main", engine.Incoming{ID: engine.MessageID(fmt.Sprint(i)), Chat: asha.Phone, Sender: asha, Timestamp: time.Unix(1708243300, 0),
			Kind: engine.KindText, Text: fmt.Sprint("text ", i)})
	}
	var pages, cursors []string
	for page := 1; page <= 3; page++ {
		l, raw := d.list(fmt.Sprint("?page=", page))
		if *l.Total != size || *l.Page != page || *l.Pages != 3 || (l.NextCursor == "") != (page == 3) {
			t.Errorf("page %d: %s", page, raw)
		}
		for _, m := range l.Messages {
			pages = append(pages, m.MessageID)
		}
	}
	for query := "?limit=20"; query != ""; {
		l, raw := d.list(query)
		if strings.Contains(query, "cursor") && (l.Total != nil || l.Page != nil || l.Pages != nil) {
			t.Errorf("with a cursor: %s", raw)
		}
		for _, m := range l.Messages {
			cursors = append(cursors, m.MessageID)
		}
		if query = ""; l.NextCursor != "" {
			query = "?limit=20&cursor=" + url.QueryEscape(l.NextCursor)
			// What comes in meanwhile moves nothing.
			d.incoming("main", engine.Incoming{ID: engine.MessageID("late" + l.NextCursor), Chat: asha.Phone, Sender: asha, Timestamp: time.Unix(1708243300, 0), Kind: engine.KindText})
		}
	}
	if len(pages) != size || !slices.Equal(pages, cursors) {
		t.Errorf("pages %v, cursors %v", pages, cursors)
	}
	if l, raw := d.list("?page=9"); len(l.Messages) != 0 || *l.Total < size || *l.Page != 9 {
		t.Errorf("behind the end: %s", raw)
	}
	for query, want := range map[string]int{
		"?q=TEXT+1": 11, "?from=919876543211": 47, "?from=%2B91+98765+43211&direction=out": 0, "?from=100200300@lid&limit=1": 47,
		"?to=919876543210": 47, "?to=919876543211": 0, "?sessionId=main": 47, "?sessionId=other": 0, "?type=text&status=received": 47,
		"?since=2100-01-01T00:00:00Z": 0, "?until=2100-01-01": 47, "?since=1708243300000&until=4102444800000": 47,
	} {
		if l, raw := d.list(query); *l.Total != want {
			t.Errorf("%s: %s", query, raw[max(0, len(raw)-120):])
		}
	}
	for _, query := range []string{
		"?page=0", "?page=x", "?limit=0", "?limit=201", "?cursor=x", "?cursor=bnVsbA&page=2", "?direction=up", "?status=lost", "?type=fax",
		"?to=bob", "?from=", "?since=yesterday", "?until=-5", "?q=%ff", "?q=" + strings.Repeat("x", 257), "?sessionId=a%20b", "?unheard=1",
	} {
		d.wants(d.get("/api/whatsapp/messages"+query), http.StatusBadRequest, engine.CodeInvalid)
	}
}

// A total that would take too long is said to be a minimum, and pages go on.
func TestMessagesThatTakeTooLongToCount(t *testing.T) {
	d := start(t, func(d *daemon) { d.server.countPatience = 0 })
	d.link("main")
	for i := range 5 {
		d.incoming("main", engine.Incoming{ID: engine.MessageID(fmt.Sprint(i)), Chat: asha.Phone, Sender: asha, Timestamp: time.Unix(1708243300, 0), Kind: engine.KindText})
	}
	if l, raw := d.list("?limit=2"); *l.Total != 3 || *l.Pages != 2 || !l.TotalIsMinimum || l.NextCursor == "" {
		t.Errorf("the first page: %s", raw)
	}
	if l, raw := d.list("?limit=2&page=3"); *l.Total != 5 || *l.Pages != 3 || l.TotalIsMinimum {
		t.Errorf("the last page: %s", raw)
	}
}

// A key for some sessions sees their messages and jobs alone.
func TestKeysForSomeSessions(t *testing.T) {
	d := start(t)
	d.link("main")
	d.link("second")
	for _, id := range []string{"main", "second"} {
		d.wants(d.post("/api/whatsapp/session/"+id+"/send", `{"to":"919876543211","message":"Hello!"}`), http.StatusOK, "")
		d.wants(d.post("/api/whatsapp/session/"+id+"/send-bulk", `{"recipients":["919876543211"],"message":"Hi","delayMin":0,"delayMax":0}`), http.StatusOK, "")
	}
	r := d.post("/api/account/api-keys", `{"name":"Shop","scope":"read","sessions":["second"]}`)
	var made struct{ APIKey string }
	if err := json.Unmarshal([]byte(r.body), &made); err != nil || made.APIKey == "" {
		t.Fatalf("%s: %v", r.body, err)
	}
	get := func(path string) reply { return d.do(call{method: http.MethodGet, path: path, key: made.APIKey}) }
	for _, path := range []string{"/api/whatsapp/messages", "/api/whatsapp/bulk-jobs"} {
		if r := get(path); r.status != http.StatusOK || strings.Contains(r.body, `"main"`) || !strings.Contains(r.body, `"second"`) {
			t.Errorf("%s: %s", path, r.body)
		}
		if r := get(path + "?sessionId=main"); r.status != http.StatusOK || strings.Contains(r.body, `"sessionId"`) {
			t.Errorf("%s: %s", path, r.body)
		}
	}
	jobs := d.get("/api/whatsapp/bulk-jobs?sessionId=main")
	id := jobs.body[strings.Index(jobs.body, `"jobId":"`)+9:][:24]
	d.wants(get("/api/whatsapp/bulk-job/"+id), http.StatusNotFound, engine.CodeNotFound)
	d.wants(get("/api/whatsapp/bulk-job/"+id+"/items"), http.StatusNotFound, engine.CodeNotFound)
}
