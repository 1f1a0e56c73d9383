package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"wapid/engine"
	"wapid/store"
	"wapid/webhooks"
)

// settle claims what is due, whatever is held back, and lets all of it end as the
// outcome says.
func (d *daemon) settle(o webhooks.Outcome, a webhooks.Attempt) {
	d.t.Helper()
	for {
		claims, err := d.store.ClaimDeliveries(d.t.Context(), time.Now().Add(time.Hour), webhooks.Room{Healthy: 100, Failing: 100, PerEndpoint: 10, PerTenant: 100})
		if err != nil {
			d.t.Fatal(err)
		}
		if len(claims) == 0 {
			return
		}
		for _, c := range claims {
			if _, err := d.store.FinishDeliveries(d.t.Context(), webhooks.Tried{ID: c.Delivery.ID, Attempt: a, Outcome: o}); err != nil {
				d.t.Fatal(err)
			}
		}
	}
}

func TestDeliveriesAreListedWithEveryTry(t *testing.T) {
	d := start(t)
	h := d.hook(`{"url":"https://example.com/a","events":["*"]}`)
	path := hooksPath + "/" + h.WebhookID + "/deliveries"
	for range 3 {
		d.tell("main", engine.EventMessage)
	}
	d.settle(webhooks.Outcome{State: webhooks.DeliveryDelivered}, webhooks.Attempt{At: time.Now(), Status: 204, Duration: 7 * time.Millisecond})
	d.tell("other", engine.EventCall)
	d.settle(webhooks.Outcome{State: webhooks.DeliveryDead}, webhooks.Attempt{At: time.Now(), Status: 500, Body: "oh no"})
	d.tell("main", engine.EventReady)

	page := decodeReply[deliveryListResponse](t, d.get(path))
	if len(page.Deliveries) != 5 || page.NextBefore != 0 || page.Deliveries[0].Event != engine.EventReady || page.Deliveries[4].DeliveryID != 1 {
		t.Fatalf("all: %+v", page)
	}
	for query, want := range map[string]int{
		"?state=dead": 1, "?state=delivered": 3, "?state=pending": 1, "?state=sending": 0, "?sessionId=main": 4, "?sessionId=nobody": 0,
		"?type=call": 1, "?type=call&sessionId=main": 0, "?before=3": 2, "?state=delivered&limit=2": 2, "?state=dead&before=4": 0,
	} {
		if got := decodeReply[deliveryListResponse](t, d.get(path+query)).Deliveries; len(got) != want {
			t.Errorf("%s: %d deliveries, want %d", query, len(got), want)
		}
	}
	var ids []webhooks.DeliveryID
	for before := ""; ; {
		page := decodeReply[deliveryListResponse](t, d.get(path+"?limit=2"+before))
		for _, one := range page.Deliveries {
			ids = append(ids, one.DeliveryID)
		}
		if page.NextBefore == 0 {
			break
		}
		before = fmt.Sprint("&before=", page.NextBefore)
	}
	if fmt.Sprint(ids) != "[5 4 3 2 1]" {
		t.Errorf("by pages: %v", ids)
	}
	dead := decodeReply[deliveryDetailResponse](t, d.get(path+"/4"))
	if dead.State != webhooks.DeliveryDead || dead.Tries != 1 || len(dead.Attempts) != 1 || dead.Attempts[0].Body != "oh no" || dead.Attempts[0].Status != 500 || dead.FinishedAt == "" {
		t.Errorf("one: %+v", dead)
	}
	for _, query := range []string{"?state=lost", "?limit=0", "?limit=201", "?before=0", "?before=x", "?sessionId=a%20b", "?type=nothing", "?after=1", "?limit=1&limit=2"} {
		d.wants(d.get(path+query), http.StatusBadRequest, engine.CodeInvalid)
	}
	for _, id := range []string{"99", "x", "-1", "99999999999999999999"} {
		d.wants(d.get(path+"/"+id), http.StatusNotFound, engine.CodeNotFound)
	}
}

func TestRedeliver(t *testing.T) {
	d := start(t)
	d.tell("main", engine.EventMessage) // before there was a webhook
	d.tell("main", engine.EventCall)    // which it does not want
	h := d.hook(`{"url":"https://example.com/a"}`)
	d.tell("main", engine.EventMessage)
	d.tell("other", engine.EventMessage)
	d.settle(webhooks.Outcome{State: webhooks.DeliveryDead}, webhooks.Attempt{At: time.Now(), Status: 500})
	path := hooksPath + "/" + h.WebhookID
	events, err := d.store.ListEvents(t.Context(), store.DefaultTenant, "", 10)
	if err != nil || len(events) != 4 {
		t.Fatal(events, err)
	}
	again := func(body string, want int) {
		t.Helper()
		if r := d.post(path+"/redeliver", body); r.body != fmt.Sprintf(`{"success":true,"queued":%d}`, want) {
			t.Errorf("%s answers %d %s, want %d", body, r.status, r.body, want)
		}
	}
	finish := func() {
		t.Helper()
		d.settle(webhooks.Outcome{State: webhooks.DeliveryDead}, webhooks.Attempt{At: time.Now(), Status: 500})
	}
	again(`{"state":"dead","types":["call"]}`, 0)
	again(`{"state":"dead","sessionId":"other"}`, 1)
	again(`{"state":"dead"}`, 1)
	again(`{"state":"dead"}`, 0) // they wait in line
	finish()
	again(`{"deliveryIds":[1,2,1]}`, 2)
	finish()
	again(`{"eventIds":["`+string(events[1].ID)+`"]}`, 1) // a call, as it was named
	again(`{"from":"`+string(events[0].ID)+`","to":"`+string(events[1].ID)+`"}`, 1)
	again(`{"from":"2020-01-01T00:00:00Z","to":"2090-01-01T00:00:00Z"}`, 2)
	again(`{"from":"2020-01-01T00:00:00Z","to":"2020-01-02"}`, 0)
	finish()
	again(`{"state":"dead","from":"`+string(events[3].ID)+`"}`, 1)
	again(`{"state":"dead","to":"`+string(events[0].ID)+`"}`, 1)
	if got := decodeReply[deliveryDetailResponse](t, d.get(path+"/deliveries/1")); got.Tries != 4 || len(got.Attempts) != 4 {
		t.Errorf("the tries of one that was delivered again: %+v", got)
	}
	before := d.get(path + "/deliveries").body
	ids := `"deliveryIds":[1]`
	for _, body := range []string{
		`{}`, `{"deliveryIds":[]}`, `{"eventIds":[]}`, `{` + ids + `,"eventIds":["` + string(events[0].ID) + `"]}`, `{` + ids + `,"state":"dead"}`,
		`{"state":"delivered"}`, `{"from":"2020-01-01"}`, `{"to":"2020-01-01"}`, `{"from":"soon","to":"later"}`, `{"types":["message"]}`,
		`{"from":"2021-01-01","to":"2020-01-01"}`, `{"state":"dead","types":["nothing"]}`, `{"state":"dead","types":[]}`,
		`{"state":"dead","sessionId":"a b"}`, `{` + ids + `,"types":["message"]}`, `{"deliveryIds":["1"]}`, `{"from":"1","to":"999999999999999999"}`,
		`{"deliveryIds":[` + strings.Repeat("1,", 1000) + `1]}`,
	} {
		d.wants(d.post(path+"/redeliver", body), http.StatusBadRequest, engine.CodeInvalid)
	}
	d.wants(d.post(path+"/redeliver", `{"deliveryIds":[1,999]}`), http.StatusNotFound, engine.CodeNotFound)
	d.wants(d.post(path+"/redeliver", `{"eventIds":["x"]}`), http.StatusNotFound, engine.CodeNotFound)
	if after := d.get(path + "/deliveries").body; after != before {
		t.Errorf("refused requests changed something:\n%s\nwas\n%s", after, before)
	}
}

// A test goes to one webhook alone, and to none that is disabled.
func TestTestingOneOfSeveral(t *testing.T) {
	d := start(t)
	one, two := d.hook(`{"url":"https://example.com/a"}`), d.hook(`{"url":"https://example.com/b","events":["call"],"enabled":false}`)
	d.wants(d.post(hooksPath+"/"+two.WebhookID+"/test", ""), http.StatusBadRequest, engine.CodeInvalid)
	answered := make(chan reply, 1)
	go func() { answered <- d.post(hooksPath+"/"+one.WebhookID+"/test", "") }()
	d.await(hooksPath+"/"+one.WebhookID+"/deliveries", func(r reply) bool { return strings.Contains(r.body, `"event":"test"`) })
	d.settle(webhooks.Outcome{State: webhooks.DeliveryDelivered}, webhooks.Attempt{At: time.Now(), Status: 202, Body: "taken"})
	if r := <-answered; r.status != 200 || !strings.Contains(r.body, `"delivery":{"state":"delivered","status":202,"durationMs":0,"body":"taken"}`) {
		t.Errorf("answers %d %s", r.status, r.body)
	}
	if r := d.get(hooksPath + "/" + two.WebhookID + "/deliveries"); r.body != `{"deliveries":[]}` {
		t.Errorf("the other got %s", r.body)
	}
}
