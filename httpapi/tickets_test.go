package httpapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wapid/engine"
	"wapid/store"
)

func TestTicketsWorkOnceAndBriefly(t *testing.T) {
	now := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	ts := newTickets()
	owner := store.Principal{Tenant: "a", Key: "k"}
	text, expires, err := ts.issue(owner, now)
	if err != nil || !expires.Equal(now.Add(ticketLife)) || len(text) < 26 {
		t.Fatal(text, expires, err)
	}
	late, _, _ := ts.issue(owner, now)
	if _, err := ts.redeem("x"+text[1:], now); engine.CodeOf(err) != engine.CodeUnauthorized {
		t.Errorf("a wrong one: %v", err)
	}
	one, err := ts.redeem(text, expires.Add(-time.Millisecond))
	if err != nil || one.who.Tenant != "a" || one.who.Key != "k" {
		t.Errorf("%+v, %v", one, err)
	}
	for text, at := range map[string]time.Time{text: now, late: expires} {
		if _, err := ts.redeem(text, at); engine.CodeOf(err) != engine.CodeUnauthorized {
			t.Errorf("twice, or late: %v", err)
		}
	}
	if len(ts.held)+ts.order.Len()+len(ts.of) != 0 {
		t.Errorf("something is left: %+v", ts)
	}
}

func TestTicketsAreBounded(t *testing.T) {
	now := time.Date(2026, 3, 8, 12, 0, 0, 0, time.UTC)
	ts := newTickets()
	var first string
	for i := range mostTenantTickets {
		text, _, err := ts.issue(store.Principal{Tenant: "a"}, now)
		if err != nil {
			t.Fatal(i, err)
		}
		if i == 0 {
			first = text
		}
	}
	if _, _, err := ts.issue(store.Principal{Tenant: "a"}, now); engine.CodeOf(err) != engine.CodeRateLimited {
		t.Errorf("one too many: %v", err)
	}
	if _, _, err := ts.issue(store.Principal{Tenant: "b"}, now); err != nil {
		t.Errorf("another tenant: %v", err)
	}
	if _, err := ts.redeem(first, now); err != nil {
		t.Error(err)
	}
	if _, _, err := ts.issue(store.Principal{Tenant: "a"}, now); err != nil {
		t.Errorf("after one was used: %v", err)
	}
	if _, _, err := ts.issue(store.Principal{Tenant: "a"}, now.Add(ticketLife)); err != nil || len(ts.held) != 1 {
		t.Errorf("after a minute: %v, %d are held", err, len(ts.held))
	}
}

// ticket asks for one with a key.
func (d *daemon) ticket(key string) (told ticketResponse) {
	d.t.Helper()
	r := d.do(call{method: http.MethodPost, path: "/api/whatsapp/events/ticket", key: key})
	d.wants(r, http.StatusOK, "")
	if err := json.Unmarshal([]byte(r.body), &told); err != nil {
		d.t.Fatal(err)
	}
	return told
}

func TestTicketsOpenStreams(t *testing.T) {
	d := start(t)
	d.logEvents(store.DefaultTenant, "main/qr")
	one := d.ticket(d.key)
	if left := time.Until(time.UnixMilli(one.ExpiresAt)); left < 55*time.Second || left > ticketLife || string(one.After) != d.events(d.key, "").NextAfter {
		t.Errorf("%+v", one)
	}
	d.logEvents(store.DefaultTenant, "shop/qr")
	query := "?after=" + string(one.After) + "&ticket="
	l := d.follow("", streamPath+query+one.Ticket, "")
	if got := l.names(1); got != "shop/qr" {
		t.Errorf("by ticket: %s", got)
	}
	d.wants(d.do(call{method: http.MethodGet, path: streamPath + query + one.Ticket}), http.StatusUnauthorized, engine.CodeUnauthorized)
	if got := d.dial("", query+d.ticket(d.key).Ticket).names(1); got != "shop/qr" {
		t.Errorf("by ticket, over a socket: %s", got)
	}
	for _, path := range []string{"/api/whatsapp/events", "/api/whatsapp/sessions", "/api/account"} {
		d.wants(d.do(call{method: http.MethodGet, path: path + "?ticket=" + d.ticket(d.key).Ticket}), http.StatusUnauthorized, engine.CodeUnauthorized)
	}
	bound := d.ticket(d.keyFor(store.ScopeRead, []engine.SessionID{"main"}))
	if got := d.dial("", "?after="+string(store.FirstEvent)+"&ticket="+bound.Ticket).names(1); got != "main/qr" {
		t.Errorf("by ticket of a key with sessions: %s", got)
	}
}

// A ticket is worth what its key is worth, and so is a stream that it has opened.
func TestTicketsEndWithTheirKey(t *testing.T) {
	d := start(t)
	issued, key, err := d.store.IssueKey(t.Context(), store.DefaultTenant, "brief")
	if err != nil {
		t.Fatal(err)
	}
	unused := d.ticket(key).Ticket
	k := d.dial("", "?ticket="+d.ticket(key).Ticket)
	l := d.follow("", streamPath+"?ticket="+d.ticket(key).Ticket, "")
	l.next() // its head
	d.awaitStreams(2)
	if err := d.store.DeleteKey(t.Context(), store.Origin{By: store.ActorOperator}, store.DefaultTenant, issued.ID); err != nil {
		t.Fatal(err)
	}
	d.logEvents(store.DefaultTenant, "main/message")
	k.wantEnd(websocket.StatusPolicyViolation, "unauthorized")
	if event, data, err := l.next(); event != "end" || !strings.Contains(data, "unauthorized") {
		t.Errorf("%s %s, %v", event, data, err)
	}
	d.wants(d.do(call{method: http.MethodGet, path: streamPath + "?ticket=" + unused}), http.StatusUnauthorized, engine.CodeUnauthorized)
}

// Tickets that are guessed count as keys that are guessed; one that was issued opens
// its stream from the same address.
func TestGuessedTicketsAreLimited(t *testing.T) {
	d := start(t)
	issued := d.ticket(d.key).Ticket
	var r reply
	for range 2 * guesses { // some come back while they are used up
		if r.status == http.StatusTooManyRequests {
			break
		}
		r = d.do(call{method: http.MethodGet, path: streamPath + "?ticket=guess", undocumented: true})
	}
	d.wants(r, http.StatusTooManyRequests, engine.CodeRateLimited)
	k := d.dial("", "?after="+string(store.FirstEvent)+"&ticket="+issued)
	d.logEvents(store.DefaultTenant, "main/message")
	if got := k.names(1); got != "main/message" {
		t.Errorf("by ticket: %s", got)
	}
}
